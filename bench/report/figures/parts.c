/* parts.c: see parts.h. */
#include "parts.h"

#include "bench/report/style.h"
#include "bench/report/text.h"

#include <math.h>
#include <string.h>

size_t figure_pick(const struct report_data *d, const struct report_work *w,
                   const struct report_metric *metric, bool floors, size_t most,
                   const struct report_cell **out)
{
    size_t n = 0;
    for (size_t i = w->first; i < w->first + w->cells && n < most; i++)
        if ((floors || !report_is_floor(&d->cell[i])) && isfinite(report_median(&d->cell[i], metric)))
            out[n++] = &d->cell[i];
    return n;
}

/* In a picture there is little room: "jemalloc" for "preload:jemalloc", and of a path the file. */
const char *figure_short_label(const char *shown)
{
    const char *slash = strrchr(shown, '/');
    if (strncmp(shown, "preload:", 8) != 0)
        return shown;
    return slash ? slash + 1 : shown + 8;
}

static bool looks_same(struct report_style a, struct report_style b)
{
    return a.colour == b.colour && a.marker == b.marker && a.dash == b.dash;
}

/* The looks of a picture's configurations. Where all have one allocator (policies or collectors are compared)
 * its colour would tell nothing: each policy and collector gets one of the palette's, the same in every
 * picture where that is not taken. Two that would look the same get other markers. */
static void pick_styles(const struct report_cell *const *cell, size_t n, struct report_style *out)
{
    static const unsigned palette[] = {0x000000, 0xE69F00, 0x56B4E9, 0x009E73, 0x0072B2, 0xD55E00, 0xCC79A7};
    static const unsigned markers[] = {7, 5, 9, 11, 13, 15, 6};
    bool one = n > 1, taken[7] = {false};
    for (size_t i = 1; i < n; i++)
        one = one && strcmp(cell[i]->alloc, cell[0]->alloc) == 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = report_style_of_cell(cell[i]->alloc, cell[i]->rc, cell[i]->gc);
        if (one) {
            size_t look = cell[i]->policy % 7;
            for (size_t k = 0; k < 7 && taken[look]; k++)
                look = (look + 1) % 7;
            taken[look] = true;
            out[i] = (struct report_style){0, palette[look], markers[look], (unsigned)(i / 7) + 1};
        }
        for (size_t k = 0; k < i; k++)
            if (looks_same(out[k], out[i])) {
                if (strchr(cell[i]->alloc, '{')) /* a library under other settings */
                    out[i].colour = palette[(i + 1) % 7];
                out[i].marker = out[i].marker % 15 + 1;
                out[i].dash = out[i].dash % 5 + 1;
            }
    }
}

void figure_series(struct plot *p, const struct report_cell *const *cell, size_t n, const char *label)
{
    struct report_style style[FIGURES_BARS];
    size_t longest = 8;
    pick_styles(cell, n, style);
    plot_number(p, "N", (double)n);
    plot_array(p, label, n);
    plot_array(p, "COLOUR", n);
    plot_array(p, "MARK", n);
    plot_array(p, "DASH", n);
    for (size_t i = 0; i < n; i++) {
        char text[41];
        snprintf(text, sizeof text, "%s", figure_short_label(cell[i]->shown));
        longest = strlen(text) > longest ? strlen(text) : longest;
        plot_array_text(p, label, i + 1, text);
        plot_array_number(p, "COLOUR", i + 1, style[i].colour);
        plot_array_number(p, "MARK", i + 1, style[i].marker);
        plot_array_number(p, "DASH", i + 1, style[i].dash);
    }
    plot_number(p, "CHARS", (double)longest);
}

void figure_title(struct plot *p, const struct report_work *w, const char *what, bool with_where)
{
    struct report_where where = report_where(w);
    const char *partial = p->partial ? "PARTIAL RUN: " : "";
    if (with_where)
        snprintf(p->title, sizeof p->title, "%s%.120s (%.80s): %.30s", partial, w->name, where.text, what);
    else
        snprintf(p->title, sizeof p->title, "%s%.190s: %.40s", partial, w->name, what);
    plot_text(p, "TITLE0", p->title);
}

void figure_csv_row(struct plot *p, const struct report_work *w, const struct report_cell *c)
{
    report_put_csv(p->csv, w->name);
    fprintf(p->csv, ",%lld,", (long long)c->threads);
    report_put_csv(p->csv, c->label);
}

void figure_end_series(struct plot *p, size_t points)
{
    fputs(points ? "\n\n" : "NaN NaN NaN NaN\n\n\n", p->data);
}
