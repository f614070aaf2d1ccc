/* runtime.c: see runtime.h. */
#include "runtime.h"

#include "bench/report/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double value_of(const struct report_cell *c, const struct report_metric *metric, bool most)
{
    return most ? report_maximum(c, metric) : report_median(c, metric);
}

/* These tables are wide: a name may be broken after a colon or a comma. */
static void put_label(FILE *f, const struct report_cell *c)
{
    fputs("<tr><td>", f);
    for (const char *at = c->shown; *at;) {
        size_t n = strcspn(at, ":,");
        n += at[n] != 0;
        char *part = strndup(at, n);
        report_put_html(f, part ? part : "?");
        free(part);
        at += n;
        fputs(*at ? "<wbr>" : "", f);
    }
    fputs("</td>", f);
}

/* --- collectors ----------------------------------------------------------------------------------------- */

struct figure {
    enum schema_key key;
    const char *head; /* NULL: nothing stands there */
    bool most;        /* of all samples, not their median */
};

/* Two to a column, one below the other. SCHEMA_KEYS: the ratio of throughput. */
static const struct {
    struct figure upper, lower;
} column[] = {
    {{KEY_pauses_max_ns, "longest pause", true}, {KEY_pauses_p99_9_ns, "p99.9", false}},
    {{KEY_pauses_mmu_10ms, "MMU 10&nbsp;ms", false}, {KEY_pauses_mmu_100ms, "100&nbsp;ms", false}},
    {{KEY_gc_share, "gc", false}, {0}},
    {{SCHEMA_KEYS, "throughput", false}, {KEY_ops_per_s, "ops/s", false}},
    {{KEY_memory_heap_peak_bytes, "heap peak", false}, {0}},
    {{KEY_gc_uncollected_peak, "waiting", true}, {KEY_gc_uncollected_peak_bytes, "bytes", true}},
    {{KEY_gc_references_per_object, "refs", false}, {0}},
    {{KEY_gc_reclaim_p50_ns, "reclaim", false}, {KEY_gc_reclaim_max_ns, "longest", true}},
};
#define COLUMNS (sizeof column / sizeof *column)

/* A work where something was paused or collected; the figures of others are in the first table. */
static bool has_collectors(const struct report_data *d, const struct report_work *w)
{
    for (size_t i = w->first; i < w->first + w->cells; i++)
        if (isfinite(value_of(&d->cell[i], report_metric_of(KEY_pauses_max_ns), true)) ||
            isfinite(value_of(&d->cell[i], report_metric_of(KEY_gc_share), false)))
            return true;
    return false;
}

/* The estimate, and its interval below it. */
static void put_overhead(FILE *f, struct stats_interval lbo)
{
    fprintf(f, "<td>%s", report_ratio(lbo.estimate).text);
    if (isfinite(lbo.lo))
        fprintf(f, "<small>%s</small>",
                report_interval((struct stats_interval){log(lbo.estimate), log(lbo.lo), log(lbo.hi)}).text);
    fputs("</td>", f);
}

/* Of a cell over its baseline; 1 for the baseline. */
static double throughput_ratio(const struct report_page *page, const struct report_cell *c)
{
    const struct report_comparison *row = report_row_of(page->found, c);
    if (row && row->n)
        return exp(row->log_ratio.estimate);
    return report_base_of(page->data, c, page->baseline) == c ? 1 : NAN;
}

static struct report_figure figure_of(const struct report_page *page, const struct report_cell *c,
                                      const struct figure *figure)
{
    if (figure->key == SCHEMA_KEYS)
        return report_figure(throughput_ratio(page, c), UNIT_RATIO);
    const struct report_metric *metric = report_metric_of(figure->key);
    return report_figure(value_of(c, metric, figure->most), metric->unit);
}

static void put_collector(FILE *f, const struct report_page *page, const struct report_cell *c)
{
    const struct report_lbo *lbo = &page->lbo[c - page->data->cell];
    put_label(f, c);
    for (size_t k = 0; k < COLUMNS; k++) {
        fprintf(f, "<td>%s", figure_of(page, c, &column[k].upper).text);
        if (column[k].lower.head)
            fprintf(f, "<small>%s</small>", figure_of(page, c, &column[k].lower).text);
        fputs("</td>", f);
    }
    put_overhead(f, lbo->wall);
    put_overhead(f, lbo->cpu);
    fputs("</tr>\n", f);
}

static void put_collectors(FILE *f, const struct report_page *page, const struct report_work *w)
{
    fputs("<h4>Collectors</h4>\n<div class=\"wide\"><table "
          "class=\"dense\"><thead><tr><th>configuration</th>",
          f);
    for (size_t k = 0; k < COLUMNS; k++) {
        fprintf(f, "<th>%s", column[k].upper.head);
        if (column[k].lower.head)
            fprintf(f, "<small>%s</small>", column[k].lower.head);
        fputs("</th>", f);
    }
    fputs("<th>LBO wall<small>95&nbsp;% CI</small></th><th>LBO CPU<small>95&nbsp;% "
          "CI</small></th></tr></thead><tbody>\n",
          f);
    for (size_t i = w->first; i < w->first + w->cells; i++)
        if (page->data->cell[i].ok)
            put_collector(f, page, &page->data->cell[i]);
    fputs("</tbody></table></div>\n", f);
}

/* --- requests ------------------------------------------------------------------------------------------- */

static const struct {
    const char *key, *title;
} requests[] = {{"latency.request", "simple"},
                {"latency.request_metered_100ms", "metered, 100 ms"},
                {"latency.request_metered_full", "metered, full"}},
  percentiles[] = {{"p50_ns", "p50"}, {"p99_ns", "p99"}, {"p99_9_ns", "p99.9"}, {"max_ns", "max"}};
#define REQUESTS    (sizeof requests / sizeof *requests)
#define PERCENTILES (sizeof percentiles / sizeof *percentiles)

static double request_value(const struct report_cell *c, size_t kind, size_t percentile)
{
    return value_of(c, report_metric_at(requests[kind].key, percentiles[percentile].key),
                    percentile + 1 == PERCENTILES);
}

/* Other workloads that time a few of their operations under this name have no stream of them to meter. */
static bool has_requests(const struct report_data *d, const struct report_work *w)
{
    for (size_t i = w->first; i < w->first + w->cells; i++)
        if (isfinite(request_value(&d->cell[i], REQUESTS - 1, 0)) ||
            (strcmp(w->workload, "request") == 0 && isfinite(request_value(&d->cell[i], 0, 0))))
            return true;
    return false;
}

static void put_requests(FILE *f, const struct report_page *page, const struct report_work *w)
{
    fputs("<h4>Requests</h4>\n<div class=\"wide\"><table class=\"dense\"><thead><tr><th "
          "rowspan=\"2\">configuration</th>",
          f);
    for (size_t k = 0; k < REQUESTS; k++)
        fprintf(f, "<th class=\"group\" colspan=\"%zu\">%s</th>", PERCENTILES, requests[k].title);
    fputs("</tr><tr>", f);
    for (size_t k = 0; k < REQUESTS * PERCENTILES; k++)
        fprintf(f, "<th%s>%s</th>", k % PERCENTILES ? "" : " class=\"group\"",
                percentiles[k % PERCENTILES].title);
    fputs("</tr></thead><tbody>\n", f);
    for (size_t i = w->first; i < w->first + w->cells; i++) {
        const struct report_cell *c = &page->data->cell[i];
        if (!c->ok)
            continue;
        put_label(f, c);
        for (size_t k = 0; k < REQUESTS * PERCENTILES; k++)
            fprintf(f, "<td%s>%s</td>", k % PERCENTILES ? "" : " class=\"group\"",
                    report_figure(request_value(c, k / PERCENTILES, k % PERCENTILES), UNIT_NS).text);
        fputs("</tr>\n", f);
    }
    fputs("</tbody></table></div>\n", f);
}

/* --- of a work, of the page ----------------------------------------------------------------------------- */

void report_html_runtime(FILE *f, const struct report_page *page, size_t work)
{
    const struct report_work *w = &page->data->work[work];
    if (has_collectors(page->data, w))
        put_collectors(f, page, w);
    if (has_requests(page->data, w))
        put_requests(f, page, w);
}

void report_html_runtime_legend(FILE *f, const struct report_page *page)
{
    bool collectors = false, asked = false;
    for (size_t w = 0; w < page->data->works; w++) {
        collectors = collectors || has_collectors(page->data, &page->data->work[w]);
        asked = asked || has_requests(page->data, &page->data->work[w]);
    }
    if (collectors || asked)
        fputs("<details><summary>What the tables of collectors and requests say</summary>\n", f);
    if (collectors)
        fputs("<p class=\"soft\"><b>Collectors</b>: a pause is worth what it cost elsewhere, so all of it "
              "stands in one row. "
              "Longest pause: of all samples; the others are medians. MMU 10&nbsp;ms: least share of any "
              "10&nbsp;ms that a "
              "thread had for itself. gc: share of wall time in the collector. Waiting: most objects (and "
              "bytes) that were "
              "dead and not yet freed, found by an oracle outside the timing. Refs: references followed for "
              "each container "
              "allocated. Reclaim: time from a cycle&#39;s death to its freeing, median and longest. LBO: "
              "total time over the "
              "least that any configuration of this allocator took without its collector&#39;s explicit "
              "work: a lower bound of "
              "what managing memory costs (Cai et al., ISPASS&#39;22).</p>\n",
              f);
    if (asked)
        fputs("<p class=\"soft\"><b>Requests</b>: simple is from a request&#39;s begin to its end; metered "
              "from when it would have "
              "begun had requests come evenly (within 100&nbsp;ms, or over the whole run), so that a pause "
              "also counts for those "
              "that queue behind it.</p>\n",
              f);
    if (collectors || asked)
        fputs("</details>\n", f);
}
