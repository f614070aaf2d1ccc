/* page.c: see page.h. */
#include "page.h"

#include "bench/report/census.h"
#include "bench/report/inherited.h"
#include "runtime.h"
#include "bench/report/text.h"
#include "bench/report/noise.h"
#include "bench/report/table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HTML_SVG_MAX (4u << 20)

/* page.css, from its first byte to a NUL. The path counts from where make runs, as those of includes do. */
extern const char page_css[];
__asm__(".pushsection .rodata\n"
        ".globl page_css\n"
        "page_css:\n"
        ".incbin \"bench/report/html/page.css\"\n"
        ".byte 0\n"
        ".popsection\n");

static double median_of(const struct report_cell *cell, enum schema_key key)
{
    return report_median(cell, report_metric_of(key));
}

/* The text under the first of the keys that run.json has; "?" when it has none. */
static const char *run_word(const struct run *run, const char *const *keys)
{
    for (; *keys; keys++) {
        const char *text = record_text(run->run, *keys);
        if (text && *text)
            return text;
    }
    return "?";
}

static const char *const host_keys[] = {"environment.system.hostname", NULL};
static const char *const cpu_keys[] = {"environment.cpu.model", NULL};
static const char *const kernel_keys[] = {"environment.system.kernel", NULL};
static const char *const date_keys[] = {"date", NULL};
static const char *const suite_keys[] = {"suite", NULL};

/* --- tables --------------------------------------------------------------------------------------------- */

static void put_failed_row(FILE *f, const struct report_cell *cell)
{
    fputs("<tr><td>", f);
    report_put_html(f, cell->shown);
    fputs("</td><td class=\"reason\" colspan=\"8\">", f);
    if (cell->ok)
        fprintf(f, "%zu of %zu samples: ", cell->failed, report_all(cell));
    report_put_html(f, cell->status);
    if (cell->reason && *cell->reason) {
        fputs(": ", f);
        report_put_html(f, cell->reason);
    }
    fputs("</td></tr>\n", f);
}

static const char *verdict_class(const struct report_comparisons *c, const struct report_comparison *row)
{
    if (row->verdict != STATS_HIGHER && row->verdict != STATS_LOWER)
        return "text";
    return (row->verdict == STATS_HIGHER) == c->metric->more_is_better ? "text good" : "text bad";
}

static void put_row(FILE *f, const struct report_page *page, const struct report_cell *cell)
{
    const struct report_comparison *row = report_row_of(page->found, cell);
    if (cell->ok) {
        char heap_live[32];
        report_heap_live(cell, heap_live, sizeof heap_live);
        fputs("<tr><td>", f);
        report_put_html(f, cell->shown);
        fprintf(f, "</td><td>%s</td>", report_figure(median_of(cell, KEY_ops_per_s), UNIT_RATE).text);
        if (row && row->n)
            fprintf(f, "<td>%s</td><td>%s</td><td class=\"%s\">%s</td>",
                    report_ratio(exp(row->log_ratio.estimate)).text, report_interval(row->log_ratio).text,
                    verdict_class(page->found, row), report_verdict(page->found, row));
        else
            fprintf(f, "<td></td><td></td><td class=\"text\">%s</td>",
                    report_base_of(page->data, cell, page->baseline) == cell && page->found->rows ? "baseline"
                                                                                                  : "");
        fprintf(f, "<td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n",
                report_figure(median_of(cell, KEY_memory_heap_peak_bytes), UNIT_BYTES).text, heap_live,
                report_ratio(median_of(cell, KEY_fragmentation_external)).text,
                report_figure(report_maximum(cell, report_metric_of(KEY_pauses_max_ns)), UNIT_NS).text);
    }
    if (cell->failed)
        put_failed_row(f, cell);
}

static void put_gate(FILE *f, bool bad, const char *text)
{
    fprintf(f, "<span%s>%s</span>", bad ? " class=\"bad\"" : "", text);
}

/* The noise of a work in a sentence. */
static void put_noise(FILE *f, const struct report_page *page, size_t work)
{
    struct report_noise n = report_noise_of(page->data, work, page->found);
    char text[160];
    fputs("<p class=\"soft\">Noise: ", f);
    if (n.control && n.control->n >= STATS_MIN)
        snprintf(text, sizeof text, "A/A %s (%s)", report_interval(n.control->log_ratio).text,
                 n.aa_excludes_1 ? "excludes 1: the machine was not quiet" : "includes 1");
    else
        snprintf(text, sizeof text, n.control ? "A/A arm of under %u blocks" : "no A/A arm", STATS_MIN);
    put_gate(f, n.aa_excludes_1, text);
    if (isfinite(n.lag1)) {
        snprintf(text, sizeof text, "autocorrelation %+.2f (limit %.2f)", n.lag1, n.lag1_limit);
        fputs("; ", f);
        put_gate(f, n.correlated, text);
    }
    if (isfinite(n.drift)) {
        snprintf(text, sizeof text, "drift over the run %s", report_percent(n.drift).text);
        fputs("; ", f);
        put_gate(f, n.drifting, text);
    }
    if (isfinite(n.steal_share)) {
        snprintf(text, sizeof text, "stolen time up to %s", report_share(n.steal_share).text);
        fputs("; ", f);
        put_gate(f, n.stolen, text);
    }
    if (isfinite(n.switches_per_s))
        fprintf(f, "; %.0f involuntary switches a second", n.switches_per_s);
    fputs(".</p>\n", f);
}

static void put_table(FILE *f, const struct report_page *page, size_t work)
{
    const struct report_work *w = &page->data->work[work];
    struct report_where where = report_where(w);
    fputs("<h3>", f);
    report_put_html(f, where.text);
    fputs("</h3>\n<div "
          "class=\"wide\"><table><thead><tr><th>configuration</th><th>ops/s</th><th>ratio</th><th>95&nbsp;% "
          "CI</th>"
          "<th class=\"text\">verdict</th><th>heap peak</th><th>heap/live</th><th>ext</th><th>longest "
          "pause</th></tr></thead><tbody>\n",
          f);
    for (size_t i = w->first; i < w->first + w->cells; i++)
        put_row(f, page, &page->data->cell[i]);
    fputs("</tbody></table></div>\n", f);
    put_noise(f, page, work);
    report_html_runtime(f, page, work);
}

/* --- pictures ------------------------------------------------------------------------------------------- */

/* Reads a file of ours; NULL when it is not there or larger than any picture. */
static char *read_small(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = f ? malloc(HTML_SVG_MAX + 1) : NULL;
    size_t size = text ? fread(text, 1, HTML_SVG_MAX + 1, f) : 0;
    if (f)
        fclose(f);
    if (text && size <= HTML_SVG_MAX) {
        text[size] = 0;
        return text;
    }
    free(text);
    return NULL;
}

/* Copies the drawing from `at` on; its ids and the references to them get a prefix, since the page holds many
 * drawings. */
static void put_drawing(FILE *f, const char *at, size_t number)
{
    static const char *const marks[] = {"id='", "id=\"", "href='#", "href=\"#", "url(#"};
    while (*at) {
        size_t k = 0, n = sizeof marks / sizeof *marks;
        for (; k < n; k++)
            if (strncmp(at, marks[k], strlen(marks[k])) == 0)
                break;
        if (k < n) {
            fprintf(f, "%sp%zu", marks[k], number);
            at += strlen(marks[k]);
        } else {
            fputc(*at++, f);
        }
    }
}

static void put_svg(FILE *f, const struct plots *plots, size_t number)
{
    const struct plot *p = &plots->item[number];
    char path[4096 + 128];
    snprintf(path, sizeof path, "%s/%s.svg", plots->folder, p->name);
    char *svg = read_small(path);
    const char *box = svg ? strstr(svg, "viewBox=\"") : NULL, *body = svg ? strstr(svg, "</desc>") : NULL;
    if (!box || !body || strstr(svg, "<script")) {
        fputs("<p class=\"bad\">The picture could not be read.</p>", f);
        free(svg);
        return;
    }
    double width = 680;
    sscanf(box + 9, "%*f %*f %lf", &width);
    fprintf(f,
            "<svg role=\"img\" aria-labelledby=\"t%zu d%zu\" xmlns=\"http://www.w3.org/2000/svg\" "
            "xmlns:xlink=\"http://www.w3.org/1999/xlink\" viewBox=\"%.*s\" "
            "style=\"max-width:%.0fpx\">\n<title id=\"t%zu\">",
            number, number, (int)strcspn(box + 9, "\""), box + 9, 1.2 * width, number);
    report_put_html(f, p->title);
    fprintf(f, "</title><desc id=\"d%zu\">", number);
    report_put_html(f, p->finding);
    fputs("</desc>\n", f);
    put_drawing(f, body + strlen("</desc>"), number);
    free(svg);
}

static void put_figures(FILE *f, const struct report_page *page, size_t section)
{
    for (size_t i = 0; i < page->plots->count; i++) {
        const struct plot *p = &page->plots->item[i];
        if (p->section != section || !p->drawn)
            continue;
        fputs("<figure><div class=\"wide\">", f);
        put_svg(f, page->plots, i);
        fputs("</div><figcaption>", f);
        report_put_html(f, p->finding);
        fputs(" <span class=\"soft\">", f);
        report_put_html(f, p->caption);
        fputs("; host ", f);
        report_put_html(f, run_word(page->run, host_keys));
        struct report_noise n = {0};
        if (section != FIGURES_OVERVIEW)
            n = report_noise_of(page->data, section, page->found);
        if (n.control && n.control->n >= STATS_MIN)
            fprintf(f, "; A/A noise %s", report_interval(n.control->log_ratio).text);
        fprintf(f,
                ". <a href=\"plots/%s.csv\">csv</a> <a href=\"plots/%s.svg\">svg</a> <a "
                "href=\"plots/%s.png\">png</a></span>"
                "</figcaption></figure>\n",
                p->name, p->name, p->name);
    }
}

/* --- the page ------------------------------------------------------------------------------------------- */

static void put_head(FILE *f, const struct report_page *page)
{
    const struct run *run = page->run;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
          "'unsafe-inline'\">\n<title>",
          f);
    fputs(report_is_partial(page->data) ? "PARTIAL RUN: heapgauge: " : "heapgauge: ", f);
    report_put_html(f, run_word(run, suite_keys));
    fputs(" on ", f);
    report_put_html(f, run_word(run, host_keys));
    fprintf(f, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", page_css);
    if (report_is_partial(page->data))
        fprintf(f, "<p class=\"bad\"><strong>%s</strong></p>\n", report_partial(page->data).text);
    fputs("<h1>heapgauge: ", f);
    report_put_html(f, run_word(run, suite_keys));
    fputs("</h1>\n<p>", f);
    report_put_html(f, run_word(run, date_keys));
    fputs(", host ", f);
    report_put_html(f, run_word(run, host_keys));
    fputs(", ", f);
    report_put_html(f, run_word(run, cpu_keys));
    fputs(", Linux ", f);
    report_put_html(f, run_word(run, kernel_keys));
    fprintf(f, ". %zu cells, %zu samples (%zu ok), %zu block%s.</p>\n", page->data->cells,
            page->data->samples, page->data->ok, page->data->blocks, page->data->blocks == 1 ? "" : "s");
    fputs(
        "<p class=\"soft\">Ratio: throughput over the baseline's in the same block; its 95&nbsp;% interval "
        "is the exact one of "
        "the signed-rank test (Hodges-Lehmann), verdicts are adjusted for the number of comparisons (Holm). "
        "<em>no difference</em>: the interval lies within the noise of the baseline against itself (A/A), or "
        "within 1&nbsp;%; over 10&nbsp;% of noise it is not claimed. "
        "Heap peak: most resident above what was resident before the work began. "
        "heap/live: that over the most bytes that were live, +- half the width of its 95 % interval. ext: "
        "active pages over live blocks, where the "
        "allocator can tell. "
        "The figures of all cells: <a href=\"summary.csv\">summary.csv</a>.</p>\n",
        f);
    report_html_runtime_legend(f, page);
    size_t needed = stats_blocks_needed(page->found->tested);
    if (page->found->tested && page->data->blocks < needed)
        fprintf(f,
                "<p class=\"bad\">%zu comparisons take at least %zu blocks before any of them can be "
                "significant; this run "
                "has %zu: read the intervals, not the verdicts.</p>\n",
                page->found->tested, needed, page->data->blocks);
}

static void put_names(FILE *f, const struct report_data *d)
{
    bool any = false;
    for (const struct report_cell *c = d->cell; c < d->cell + d->cells; c++) {
        if (!report_first_of_name(d, c))
            continue;
        fputs(any ? "<br>" : "<p class=\"soft\">", f);
        any = true;
        report_put_html(f, c->name);
        fputs(" = ", f);
        report_put_html(f, c->alloc);
    }
    if (any)
        fputs("</p>\n", f);
}

static void put_trouble(FILE *f, const struct report_page *page)
{
    put_names(f, page->data);
    char *inherited = report_inherited(page->data);
    if (inherited && *inherited) {
        fputs("<p class=\"bad\">All workers inherited variables that allocators read: ", f);
        report_put_html(f, inherited);
        fputs("</p>\n", f);
    }
    free(inherited);
    if (page->run->torn)
        fputs("<p class=\"bad\">The last line of the samples was torn and is left out.</p>\n", f);
    if (page->plots->trouble[0]) {
        fputs("<p class=\"bad\">Some pictures are missing: ", f);
        report_put_html(f, page->plots->trouble);
        fputs("</p>\n", f);
    }
}

/* The object under key, nested ones as key.key; depth is bounded by what a key can be. */
static void put_object(FILE *f, const struct record *r, const char *key, const char *shown)
{
    const char **names = record_keys(r, key);
    for (size_t i = 0; names && names[i]; i++) {
        char inner[512], label[512];
        double number;
        if (snprintf(inner, sizeof inner, "%s%s%s", key, *key ? "." : "", names[i]) >= (int)sizeof inner ||
            !record_has(r, inner))
            continue;
        snprintf(label, sizeof label, "%s%s%s", shown, *shown ? "." : "", names[i]);
        const char *text = record_text(r, inner);
        const char **below = record_keys(r, inner);
        bool object = below && below[0];
        free(below);
        if (object) {
            put_object(f, r, inner, label);
            continue;
        }
        fputs("<dt>", f);
        report_put_html(f, label);
        fputs("</dt><dd>", f);
        if (text)
            report_put_html(f, text);
        else if (record_number(r, inner, &number))
            fprintf(f, "%.15g", number);
        else
            fputs(record_array_size(r, inner) ? "(list)" : "&ndash;", f);
        fputs("</dd>\n", f);
    }
    free(names);
}

static void put_sections(FILE *f, const struct report_page *page)
{
    for (size_t w = 0; w < page->data->works; w++) {
        bool first = report_family_at(page->data, w).first == w;
        if (first) {
            fputs("<h2>", f);
            report_put_html(f, page->data->work[w].name);
            fputs("</h2>\n", f);
        }
        put_table(f, page, w);
        put_figures(f, page, w);
    }
}

int report_html(const struct report_page *page, const char *dir, struct message *m)
{
    char *text = NULL, path[4096 + 64];
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return message_set(m, -ENOMEM, "out of memory");
    put_head(f, page);
    put_trouble(f, page);
    put_figures(f, page, FIGURES_OVERVIEW);
    put_sections(f, page);
    report_census_html(f, page->run->sample, page->run->samples);
    fputs("<details><summary>The machine, the build, the run</summary>\n<dl>\n", f);
    put_object(f, page->run->run, "", "");
    fputs("</dl></details>\n</body>\n</html>\n", f);
    int err = fclose(f) ? message_set(m, -ENOMEM, "out of memory") : 0;
    snprintf(path, sizeof path, "%s/report.html", dir);
    if (!err)
        err = run_write_file(path, text, size, m);
    free(text);
    return err;
}
