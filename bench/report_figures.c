/* report_figures.c: see report_figures.h. The scripts in scripts/plot say which settings and columns they take. */
#include "report_figures.h"

#include "report_style.h"
#include "report_text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIGURES_SERIES 7u /* more lines than that nobody can tell apart */
#define FIGURES_BARS   24u
#define FIGURES_CELLS  256u
#define FIGURES_POINTS 300u /* of a timeline */
#define MIB            1048576.0

static const struct report_metric *metric_named(const char *name)
{
    return report_metric_find(name, NULL, NULL);
}

static bool is_floor(const struct report_cell *c)
{
    return strcmp(c->alloc, "null") == 0 || strcmp(c->alloc, "bump") == 0;
}

static bool same_configuration(const struct report_cell *a, const struct report_cell *b)
{
    return strcmp(a->alloc, b->alloc) == 0 && strcmp(a->rc, b->rc) == 0 && strcmp(a->gc, b->gc) == 0;
}

static bool same_family(const struct report_work *a, const struct report_work *b)
{
    return strcmp(a->family, b->family) == 0 && a->processes == b->processes;
}

struct report_family report_family_at(const struct report_data *d, size_t work)
{
    struct report_family f = {work, 1};
    for (; f.first > 0 && same_family(&d->work[f.first - 1], &d->work[work]); f.works++)
        f.first--;
    while (f.first + f.works < d->works && same_family(&d->work[f.first + f.works], &d->work[work]))
        f.works++;
    return f;
}

/* Cells of a work that a picture can show: those that `has` a value, floors last or left out. */
static size_t pick_cells(const struct report_data *d, const struct report_work *w,
                         const struct report_metric *metric, bool floors, size_t most,
                         const struct report_cell **out)
{
    size_t n = 0;
    for (size_t i = w->first; i < w->first + w->cells && n < most; i++)
        if ((floors || !is_floor(&d->cell[i])) && isfinite(report_median(&d->cell[i], metric)))
            out[n++] = &d->cell[i];
    return n;
}

/* In a picture there is little room: "jemalloc" for "preload:jemalloc", and of a path the file. */
static const char *short_label(const char *shown)
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

/* The looks of a picture's configurations. Where all have one allocator (policies or collectors are compared) its colour would tell
 * nothing: they get the palette's in turn. Two that would look the same get other markers. */
static void pick_styles(const struct report_cell *const *cell, size_t n, struct report_style *out)
{
    static const unsigned palette[] = {0x000000, 0xE69F00, 0x56B4E9, 0x009E73, 0x0072B2, 0xD55E00, 0xCC79A7};
    static const unsigned markers[] = {7, 5, 9, 11, 13, 15, 6};
    bool one = n > 1;
    for (size_t i = 1; i < n; i++)
        one = one && strcmp(cell[i]->alloc, cell[0]->alloc) == 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = report_style_of_cell(cell[i]->alloc, cell[i]->rc, cell[i]->gc);
        if (one)
            out[i] = (struct report_style){0, palette[i % 7], markers[i % 7], (unsigned)(i / 7) + 1};
        for (size_t k = 0; k < i; k++)
            if (looks_same(out[k], out[i])) {
                out[i].marker = out[i].marker % 15 + 1;
                out[i].dash = out[i].dash % 5 + 1;
            }
    }
}

static void put_series_style(struct plot *p, const struct report_cell *const *cell, size_t n,
                             const char *label)
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
        snprintf(text, sizeof text, "%s", short_label(cell[i]->shown));
        longest = strlen(text) > longest ? strlen(text) : longest;
        plot_array_text(p, label, i + 1, text);
        plot_array_number(p, "COLOUR", i + 1, style[i].colour);
        plot_array_number(p, "MARK", i + 1, style[i].marker);
        plot_array_number(p, "DASH", i + 1, style[i].dash);
    }
    plot_number(p, "CHARS", (double)longest);
}

static void put_title(struct plot *p, const struct report_work *w, const char *what, bool with_where)
{
    struct report_where where = report_where(w);
    if (with_where)
        snprintf(p->title, sizeof p->title, "%.120s (%.80s): %.40s", w->name, where.text, what);
    else
        snprintf(p->title, sizeof p->title, "%.200s: %.40s", w->name, what);
    plot_text(p, "TITLE0", p->title);
}

static void csv_row_start(struct plot *p, const struct report_work *w, const struct report_cell *c)
{
    report_put_csv(p->csv, w->name);
    fprintf(p->csv, ",%lld,", (long long)c->threads);
    report_put_csv(p->csv, c->label);
}

/* --- throughput against threads -------------------------------------------------------------------------- */

/* The configurations of the picture, each by its cell with most threads (of a work whose cells differ in them: among those with
 * one process); how many threads that is. */
static size_t threads_series(const struct report_data *d, struct report_family f,
                             const struct report_cell **out, int64_t *most)
{
    const struct report_work *last = &d->work[f.first + f.works - 1];
    const struct report_cell *all[FIGURES_CELLS];
    size_t n = pick_cells(d, last, metric_named("throughput"), false, FIGURES_CELLS, all), series = 0;
    *most = 0;
    for (size_t i = 0; i < n; i++)
        if (last->processes || all[i]->processes == 1)
            *most = all[i]->threads > *most ? all[i]->threads : *most;
    for (size_t i = 0; i < n && series < FIGURES_SERIES; i++)
        if (all[i]->threads == *most && (last->processes || all[i]->processes == 1))
            out[series++] = all[i];
    return series;
}

static bool threads_vary(const struct report_data *d, struct report_family f, int64_t most)
{
    for (size_t i = d->work[f.first].first; i < d->work[f.first].first + d->work[f.first].cells; i++)
        if (d->cell[i].threads != most)
            return true;
    return false;
}

static int figure_threads(struct plots *plots, const struct report_data *d, struct report_family f,
                          struct message *m)
{
    const struct report_metric *metric = metric_named("throughput");
    const struct report_cell *cell[FIGURES_SERIES];
    const struct report_work *last = &d->work[f.first + f.works - 1];
    int64_t most;
    size_t n = threads_series(d, f, cell, &most), blocks = 0;
    if (n == 0 || !threads_vary(d, f, most))
        return 0;
    struct plot *p = plot_begin(plots, "throughput", last->name, m);
    if (!p)
        return -EIO;
    p->section = f.first;
    put_title(p, last, "throughput against threads", false);
    put_series_style(p, cell, n, "TITLE");
    fputs("workload,threads,configuration,ops_per_s,ci_low,ci_high,blocks\n", p->csv);
    double best = 0, worst = INFINITY, top = 0;
    size_t winner = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = d->work[f.first].first; k < last->first + last->cells; k++) {
            const struct report_cell *at = &d->cell[k];
            size_t count = 0;
            struct stats_interval ci = {NAN, NAN, NAN};
            if (same_configuration(at, cell[i]) && at->processes == cell[i]->processes)
                ci = report_level(at, metric, &count);
            if (!isfinite(ci.estimate))
                continue;
            bool band = isfinite(ci.lo);
            fprintf(p->data, "%lld %.9g %.9g %.9g\n", (long long)at->threads, ci.estimate,
                    band ? ci.lo : ci.estimate, band ? ci.hi : ci.estimate);
            csv_row_start(p, &d->work[at->work], at);
            fprintf(p->csv, ",%.9g,", ci.estimate);
            report_put_csv_number(p->csv, ci.lo);
            fputc(',', p->csv);
            report_put_csv_number(p->csv, ci.hi);
            fprintf(p->csv, ",%zu\n", count);
            blocks = count > blocks ? count : blocks;
            best = fmax(best, ci.estimate);
            worst = fmin(worst, ci.estimate);
            if (at->threads == most && ci.estimate > top) {
                top = ci.estimate;
                winner = i;
            }
        }
        fputs("\n\n", p->data);
    }
    plot_number(p, "LOGY", best > 20 * worst);
    plot_number(p, "XMAX", (double)most);
    snprintf(p->finding, sizeof p->finding, "At %lld threads %.100s is ahead with %s operations a second.",
             (long long)most, cell[winner]->shown, report_figure(top, UNIT_RATE).text);
    snprintf(p->caption, sizeof p->caption, "n = %zu blocks; %s; floors (null, bump) left out", blocks,
             blocks < STATS_MIN ? "too few for an interval"
                                : "band: exact 95 % signed-rank interval of the logs");
    return plot_draw(plots, p, m);
}

/* --- ratios at one number of threads --------------------------------------------------------------------- */

static int figure_ratios(struct plots *plots, const struct report_data *d, size_t work,
                         const struct report_comparisons *c, struct message *m)
{
    const struct report_work *w = &d->work[work];
    const struct report_comparison *row[FIGURES_BARS];
    const struct report_cell *cell[FIGURES_BARS];
    size_t n = 0, blocks = 0;
    double lowest = 1, highest = 1;
    for (size_t i = 0; i < c->rows && n < FIGURES_BARS; i++)
        if (c->row[i].cell >= &d->cell[w->first] && c->row[i].cell < &d->cell[w->first] + w->cells &&
            !c->row[i].control && c->row[i].n) {
            cell[n] = c->row[i].cell;
            row[n++] = &c->row[i];
        }
    if (n == 0)
        return 0;
    struct plot *p = plot_begin(plots, "ratios", w->name, m);
    if (!p)
        return -EIO;
    char axis[160];
    p->section = work;
    put_title(p, w, "throughput ratio", true);
    put_series_style(p, cell, n, "LABEL");
    bool one_base = true;
    for (size_t i = 1; i < n; i++)
        one_base = one_base && row[i]->base == row[0]->base;
    snprintf(axis, sizeof axis, "throughput over that of %.100s in the same block",
             one_base ? row[0]->base->shown : "the baseline");
    plot_text(p, "XLABEL", axis);
    fputs("workload,threads,configuration,baseline,ratio,ci_low,ci_high,blocks,p_adjusted,verdict\n", p->csv);
    size_t best = 0;
    for (size_t i = 0; i < n; i++) {
        struct stats_interval ci = row[i]->log_ratio;
        bool known = isfinite(ci.lo);
        fprintf(p->data, "%zu %.9g %.9g %.9g\n\n\n", i + 1, exp(ci.estimate),
                exp(known ? ci.lo : ci.estimate), exp(known ? ci.hi : ci.estimate));
        csv_row_start(p, w, cell[i]);
        fputc(',', p->csv);
        report_put_csv(p->csv, row[i]->base->label);
        fprintf(p->csv, ",%.9g,", exp(ci.estimate));
        report_put_csv_number(p->csv, exp(ci.lo));
        fputc(',', p->csv);
        report_put_csv_number(p->csv, exp(ci.hi));
        fprintf(p->csv, ",%zu,", row[i]->n);
        report_put_csv_number(p->csv, known ? row[i]->p_adjusted : NAN);
        fprintf(p->csv, ",%s\n", report_verdict(c, row[i]));
        lowest = fmin(lowest, exp(known ? ci.lo : ci.estimate));
        highest = fmax(highest, exp(known ? ci.hi : ci.estimate));
        blocks = row[i]->n > blocks ? row[i]->n : blocks;
        if (!is_floor(cell[i]) && (is_floor(cell[best]) || ci.estimate > row[best]->log_ratio.estimate))
            best = i;
    }
    bool log_axis = highest > 5 * lowest;
    double span = log_axis ? log(highest / lowest) : highest - lowest;
    plot_number(p, "LOGX", log_axis);
    plot_number(p, "XMIN", log_axis ? lowest * exp(-0.05 * span) : fmax(0, lowest - 0.1 * span - 0.01));
    plot_number(p, "XMAX", log_axis ? highest * exp(0.18 * span) : highest + 0.2 * span + 0.01);
    snprintf(p->finding, sizeof p->finding, "%.100s does %s times the work of %.100s in the same time (%s).",
             cell[best]->shown, report_ratio(exp(row[best]->log_ratio.estimate)).text, row[best]->base->shown,
             report_verdict(c, row[best]));
    snprintf(p->caption, sizeof p->caption, "n = %zu blocks; %s", blocks,
             blocks < STATS_MIN ? "too few for an interval"
                                : "dot: Hodges-Lehmann; whisker: exact 95 % signed-rank interval");
    return plot_draw(plots, p, m);
}

/* --- memory and fragmentation ---------------------------------------------------------------------------- */

static int figure_memory(struct plots *plots, const struct report_data *d, size_t work, struct message *m)
{
    static const struct report_metric live_metric = {
        "live", "memory.peak_live_requested_bytes", "live", UNIT_BYTES, false, "more", "less"};
    const struct report_work *w = &d->work[work];
    const struct report_cell *cell[FIGURES_BARS];
    size_t n = pick_cells(d, w, metric_named("peak-rss"), true, FIGURES_BARS, cell), least = 0;
    if (n == 0)
        return 0;
    struct plot *p = plot_begin(plots, "memory", w->name, m);
    if (!p)
        return -EIO;
    p->section = work;
    put_title(p, w, "memory", true);
    put_series_style(p, cell, n, "LABEL");
    plot_array(p, "VALUE", n);
    plot_array(p, "FVALUE", n);
    fputs("workload,threads,configuration,peak_rss_bytes,peak_live_requested_bytes,jw2,external,samples\n",
          p->csv);
    double most = 0, most_floor = 0, ratio = 1.2, least_ratio = 0.9, lowest = INFINITY;
    for (size_t i = 0; i < n; i++) {
        double rss = report_median(cell[i], metric_named("peak-rss")),
               live = report_median(cell[i], &live_metric);
        double jw2 = report_median(cell[i], metric_named("fragmentation"));
        double external = report_median(cell[i], metric_named("external"));
        char text[64];
        fprintf(p->data, "%zu %.9g %.9g %.9g %.9g\n\n\n", i + 1, rss / MIB, live / MIB, jw2, external);
        csv_row_start(p, w, cell[i]);
        double column[] = {rss, live, jw2, external};
        for (unsigned k = 0; k < 4; k++) {
            fputc(',', p->csv);
            report_put_csv_number(p->csv, column[k]);
        }
        fprintf(p->csv, ",%zu\n", cell[i]->ok);
        plot_array_text(p, "VALUE", i + 1, report_figure(rss, UNIT_BYTES).text);
        snprintf(text, sizeof text, "%.30s / %.30s", report_ratio(jw2).text, report_ratio(external).text);
        plot_array_text(p, "FVALUE", i + 1, text);
        if (is_floor(cell[i])) {
            most_floor = fmax(most_floor, rss);
            continue;
        }
        most = fmax(most, rss);
        ratio = fmax(ratio, fmax(jw2, external)); /* fmax leaves NaN out */
        least_ratio = fmin(least_ratio, 0.98 * fmin(jw2, external));
        if (rss < lowest) {
            lowest = rss;
            least = i;
        }
    }
    if (most <= 0)
        most = most_floor;
    /* Floors keep everything or nothing: their bars may run out of the picture, their figures are still told. */
    plot_number(p, "XMAX", 1.35 * fmin(fmax(most, most_floor), 1.5 * most) / MIB);
    plot_number(p, "FMIN", least_ratio);
    plot_number(p, "FMAX", least_ratio + (1.05 * fmin(ratio, 10) - least_ratio) / 0.6);
    snprintf(p->finding, sizeof p->finding, "%.100s needs least memory at its peak: %s.", cell[least]->shown,
             report_figure(report_median(cell[least], metric_named("peak-rss")), UNIT_BYTES).text);
    snprintf(p->caption, sizeof p->caption,
             "median of %zu samples; resident memory of the whole process; JW2 = resident over live at the "
             "peak of live "
             "memory; active = pages that the allocator uses, where it can tell; bars of floors may be cut",
             cell[0]->ok);
    return plot_draw(plots, p, m);
}

/* --- percentiles of pauses and latencies ----------------------------------------------------------------- */

struct percentile_key {
    const char *key;
    double place; /* 1/(1-p); 0: the maximum, at the tail */
};

static int figure_percentiles(struct plots *plots, const struct report_data *d, size_t work,
                              const char *prefix, const char *what, const char *axis,
                              const struct percentile_key *keys, size_t count, double tail, struct message *m)
{
    const struct report_work *w = &d->work[work];
    const struct report_cell *cell[FIGURES_SERIES];
    char key[8][64];
    struct report_metric metric[8];
    for (size_t k = 0; k < count; k++) {
        snprintf(key[k], sizeof key[k], "%s.%s", prefix, keys[k].key);
        metric[k] = (struct report_metric){key[k], key[k], key[k], UNIT_NS, false, "", ""};
    }
    size_t n = pick_cells(d, w, &metric[count - 1], false, FIGURES_SERIES, cell), best = 0;
    if (n == 0)
        return 0;
    struct plot *p = plot_begin(plots, "percentiles", w->name, m);
    if (!p)
        return -EIO;
    p->section = work;
    put_title(p, w, what, true);
    plot_text(p, "YLABEL", axis);
    plot_number(p, "TAIL", tail);
    put_series_style(p, cell, n, "TITLE");
    fputs("workload,threads,configuration,percentile,ns\n", p->csv);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < count; k++) {
            double ns =
                keys[k].place > 0 ? report_median(cell[i], &metric[k]) : report_maximum(cell[i], &metric[k]);
            double place = keys[k].place > 0 ? keys[k].place : pow(10, tail);
            if (!(ns > 0)) /* a log axis has no 0 */
                continue;
            fprintf(p->data, "%.9g %.9g\n", place, ns / 1e9);
            csv_row_start(p, w, cell[i]);
            if (keys[k].place > 0)
                fprintf(p->csv, ",%.6g,%.9g\n", 100 * (1 - 1 / keys[k].place), ns);
            else
                fprintf(p->csv, ",100,%.9g\n", ns);
        }
        fputs("\n\n", p->data);
        if (report_maximum(cell[i], &metric[count - 1]) < report_maximum(cell[best], &metric[count - 1]))
            best = i;
    }
    snprintf(p->finding, sizeof p->finding, "Shortest maximum: %.100s with %s.", cell[best]->shown,
             report_figure(report_maximum(cell[best], &metric[count - 1]), UNIT_NS).text);
    snprintf(p->caption, sizeof p->caption,
             "percentiles: median of %zu samples; maximum: of all samples (comparable at equal work only)",
             cell[0]->ok);
    return plot_draw(plots, p, m);
}

static int figures_of_pauses(struct plots *plots, const struct report_data *d, size_t work, struct message *m)
{
    static const struct percentile_key pauses[] = {
        {"p50_ns", 2}, {"p99_ns", 100}, {"p99_9_ns", 1000}, {"max_ns", 0}};
    static const struct percentile_key latency[] = {{"p50_ns", 2},      {"p90_ns", 10},       {"p99_ns", 100},
                                                    {"p99_9_ns", 1000}, {"p99_99_ns", 10000}, {"max_ns", 0}};
    int err = figure_percentiles(plots, d, work, "pauses", "pauses", "pause", pauses, 4, 4, m);
    if (!err)
        err = figure_percentiles(plots, d, work, "latency.malloc", "latency of malloc", "one malloc", latency,
                                 6, 5, m);
    return err;
}

/* --- memory over time ------------------------------------------------------------------------------------ */

/* The first ok sample that has a timeline. */
static const struct record *timeline_of(const struct report_cell *c)
{
    for (size_t i = 0; i < c->samples; i++)
        if (c->sample[i].ok && record_array_size(c->sample[i].record, "timeline.rss_bytes") >= 2)
            return c->sample[i].record;
    return NULL;
}

static double timeline_value(const struct record *r, const char *name, size_t i)
{
    char key[64];
    double value;
    snprintf(key, sizeof key, "timeline.%s.%zu", name, i);
    return record_number(r, key, &value) ? value : NAN;
}

struct timeline_span {
    double peak, seconds, gib;
    bool allocated; /* every point says how many bytes were allocated so far */
};

/* Of each stretch of points the one with most resident memory: a peak is never lost. */
static void put_timeline(struct plot *p, const struct report_work *w, const struct report_cell *c,
                         const struct record *r, struct timeline_span *span)
{
    size_t points = record_array_size(r, "timeline.rss_bytes");
    size_t stretch = (points + FIGURES_POINTS - 1) / FIGURES_POINTS;
    for (size_t i = 0; i < points; i += stretch) {
        size_t at = i;
        for (size_t k = i; k < i + stretch && k < points; k++)
            if (timeline_value(r, "rss_bytes", k) > timeline_value(r, "rss_bytes", at))
                at = k;
        if (i + stretch >= points)
            at = points - 1;
        double t = timeline_value(r, "t_ns", at), rss = timeline_value(r, "rss_bytes", at);
        double live = timeline_value(r, "live_bytes", at), total = timeline_value(r, "allocated_bytes", at);
        if (!isfinite(t) || !isfinite(rss))
            continue;
        if (!(live < 1e18)) /* threads publish at different moments: a sum can be below 0 for an instant */
            live = 0;
        fprintf(p->data, "%.9g %.9g %.9g %.9g\n", t / 1e9, total / MIB / 1024, rss / MIB, live / MIB);
        csv_row_start(p, w, c);
        fprintf(p->csv, ",%.9g,%.9g,%.9g,", t, rss, live);
        report_put_csv_number(p->csv, total);
        fputc('\n', p->csv);
        span->peak = fmax(span->peak, rss);
        span->seconds = fmax(span->seconds, t / 1e9);
        span->gib = fmax(span->gib, total / MIB / 1024);
        if (!isfinite(total))
            span->allocated = false;
    }
    fputs("\n\n", p->data);
}

static int figure_timeline(struct plots *plots, const struct report_data *d, size_t work, struct message *m)
{
    const struct report_work *w = &d->work[work];
    const struct report_cell *cell[FIGURES_SERIES];
    const struct record *record[FIGURES_SERIES];
    size_t n = 0;
    for (size_t i = w->first; i < w->first + w->cells && n < FIGURES_SERIES; i++)
        if (!is_floor(&d->cell[i]) && (record[n] = timeline_of(&d->cell[i])))
            cell[n++] = &d->cell[i];
    if (n == 0)
        return 0;
    struct plot *p = plot_begin(plots, "timeline", w->name, m);
    if (!p)
        return -EIO;
    p->section = work;
    put_title(p, w, "memory over time", true);
    put_series_style(p, cell, n, "TITLE");
    fputs("workload,threads,configuration,t_ns,rss_bytes,live_bytes,allocated_bytes\n", p->csv);
    struct timeline_span span = {0, 0, 0, true};
    for (size_t i = 0; i < n; i++)
        put_timeline(p, w, cell[i], record[i], &span);
    plot_number(p, "YMAX", span.peak > 0 ? 1.08 * span.peak / MIB : 1);
    plot_number(p, "TMAX", span.seconds > 0 ? span.seconds : 1);
    plot_number(p, "GMAX", span.gib > 0 ? span.gib : 1);
    plot_number(p, "ALLOCATED", span.allocated && span.gib > 0);
    snprintf(
        p->finding, sizeof p->finding,
        "Resident memory of %zu configurations over the same work, up to %s, above the bytes that are live.",
        n, report_figure(span.peak, UNIT_BYTES).text);
    snprintf(p->caption, sizeof p->caption,
             "one sample each, of the first block; floors (null, bump) left out; the "
             "end of a line, where memory falls, is the drain");
    return plot_draw(plots, p, m);
}

/* --- all workloads at a glance --------------------------------------------------------------------------- */

static size_t column_of(const char **column, size_t *columns, size_t most, const char *label)
{
    for (size_t i = 0; i < *columns; i++)
        if (strcmp(column[i], label) == 0)
            return i;
    if (*columns < most)
        column[(*columns)++] = label;
    else
        return most;
    return *columns - 1;
}

/* Allocators under the same policy and collector, with the same threads. */
static bool in_heatmap(const struct report_comparison *row)
{
    return !row->control && row->n && strcmp(row->cell->rc, row->base->rc) == 0 &&
           strcmp(row->cell->gc, row->base->gc) == 0 && row->cell->threads == row->base->threads &&
           row->cell->processes == row->base->processes;
}

static int figure_heatmap(struct plots *plots, const struct report_data *d,
                          const struct report_comparisons *c, struct message *m)
{
    const char *column[12];
    size_t columns = 0, rows = 0, *row_of_work = calloc(d->works + 1, sizeof *row_of_work);
    double span = 0.25;
    if (!row_of_work)
        return message_set(m, -ENOMEM, "out of memory");
    for (size_t i = 0; i < c->rows; i++) {
        const struct report_comparison *row = &c->row[i];
        if (!in_heatmap(row) || column_of(column, &columns, 12, row->cell->alloc) == 12)
            continue;
        if (!row_of_work[row->cell->work] && rows < 60)
            row_of_work[row->cell->work] = ++rows;
        if (!is_floor(row->cell))
            span = fmax(span, fmin(2, fabs(row->log_ratio.estimate) / M_LN2));
    }
    struct plot *p = rows >= 2 && columns ? plot_begin(plots, "heatmap", "all", m) : NULL;
    if (!p) {
        free(row_of_work);
        return rows >= 2 && columns ? -EIO : 0;
    }
    p->section = FIGURES_OVERVIEW;
    snprintf(p->title, sizeof p->title, "throughput over that of the baseline");
    plot_text(p, "TITLE0", p->title);
    plot_number(p, "COLUMNS", (double)columns);
    plot_number(p, "ROWS", (double)rows);
    plot_number(p, "SPAN", span);
    plot_array(p, "ROW", rows);
    plot_array(p, "COLUMN", columns);
    for (size_t i = 0; i < columns; i++)
        plot_array_text(p, "COLUMN", i + 1, short_label(column[i]));
    size_t longest = 8;
    for (size_t w = 0; w < d->works; w++) {
        char label[80];
        if (!row_of_work[w])
            continue;
        snprintf(label, sizeof label, "%.30s %.20s%sx%lld", d->work[w].name, d->work[w].common,
                 *d->work[w].common ? " " : "", (long long)d->work[w].threads);
        plot_array_text(p, "ROW", row_of_work[w], label);
        longest = strlen(label) > longest ? strlen(label) : longest;
    }
    plot_number(p, "CHARS", (double)longest);
    fputs("workload,threads,configuration,baseline,ratio,verdict\n", p->csv);
    size_t sure = 0, all = 0;
    for (size_t i = 0; i < c->rows; i++) {
        const struct report_comparison *row = &c->row[i];
        size_t at = in_heatmap(row) ? column_of(column, &columns, 12, row->cell->alloc) : 12;
        if (at == 12 || !row_of_work[row->cell->work])
            continue;
        bool certain =
            row->verdict == STATS_HIGHER || row->verdict == STATS_LOWER || row->verdict == STATS_SAME;
        double ratio = exp(row->log_ratio.estimate);
        char text[48];
        snprintf(text, sizeof text, certain ? "%.3g" : "(%.3g)", ratio);
        fprintf(p->data, "%zu %zu %.9g \"%s\"\n", at + 1, row_of_work[row->cell->work],
                row->log_ratio.estimate / M_LN2, text);
        csv_row_start(p, &d->work[row->cell->work], row->cell);
        fputc(',', p->csv);
        report_put_csv(p->csv, row->base->label);
        fprintf(p->csv, ",%.9g,%s\n", ratio, report_verdict(c, row));
        sure += certain;
        all++;
    }
    free(row_of_work);
    snprintf(p->finding, sizeof p->finding,
             "%zu of %zu ratios are sure in this run; the others stand in brackets.", sure, all);
    snprintf(p->caption, sizeof p->caption,
             "blue: more than the baseline, orange: less (colour by the log of the ratio); brackets: "
             "inconclusive, or too "
             "few blocks for an interval; n = %zu blocks",
             d->blocks);
    return plot_draw(plots, p, m);
}

int report_figures(struct plots *p, const struct report_data *d, const struct report_comparisons *c,
                   struct message *m)
{
    int err = figure_heatmap(p, d, c, m);
    for (size_t w = 0; !err && w < d->works; w++) {
        size_t before = p->count;
        struct report_family f = report_family_at(d, w);
        if (f.first + f.works - 1 == w)
            err = figure_threads(p, d, f, m);
        if (!err)
            err = figure_ratios(p, d, w, c, m);
        if (!err)
            err = figure_memory(p, d, w, m);
        if (!err)
            err = figures_of_pauses(p, d, w, m);
        if (!err)
            err = figure_timeline(p, d, w, m);
        for (size_t i = before; i < p->count; i++)
            p->item[i].section = w;
    }
    return err;
}
