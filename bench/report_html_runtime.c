/* report_html_runtime.c: see report_html_runtime.h. */
#include "report_html_runtime.h"

#include "report_text.h"

#include <math.h>
#include <string.h>

static double value_of(const struct report_cell *c, const char *key, bool most)
{
    struct report_metric metric = {.key = key};
    return most ? report_maximum(c, &metric) : report_median(c, &metric);
}

static void put_figure(FILE *f, struct report_figure figure)
{
    fprintf(f, "<td>%s</td>", figure.text);
}

/* --- collectors ------------------------------------------------------------------------------------------ */

static const struct {
    const char *key, *title;
    enum report_unit unit;
    bool share, most;
} column[] = {
    {"pauses.max_ns", "longest pause", UNIT_NS, false, true},
    {"pauses.p99_9_ns", "p99.9 pause", UNIT_NS, false, false},
    {"pauses.mmu.10ms", "MMU 10 ms", UNIT_RATIO, false, false},
    {"gc.share", "gc", UNIT_RATIO, true, false},
    {NULL, "ratio", UNIT_RATIO, false, false}, /* of throughput */
    {"memory.peak_rss_bytes", "peak RSS", UNIT_BYTES, false, false},
    {"gc.uncollected_peak", "waiting", UNIT_COUNT, false, true},
    {"gc.uncollected_peak_bytes", "waiting", UNIT_BYTES, false, true},
    {"gc.references_per_object", "refs", UNIT_RATIO, false, false},
    {"gc.reclaim.p50_ns", "reclaim", UNIT_NS, false, false},
    {"gc.reclaim.max_ns", "longest", UNIT_NS, false, true},
};
#define COLUMNS (sizeof column / sizeof *column)

/* A work where something was paused or collected; the figures of others are in the first table. */
static bool has_collectors(const struct report_data *d, const struct report_work *w)
{
    for (size_t i = w->first; i < w->first + w->cells; i++)
        if (isfinite(value_of(&d->cell[i], "pauses.max_ns", true)) ||
            isfinite(value_of(&d->cell[i], "gc.share", false)))
            return true;
    return false;
}

/* The estimate, and its interval in small print. */
static void put_overhead(FILE *f, struct stats_interval lbo)
{
    fprintf(f, "<td>%s", report_ratio(lbo.estimate).text);
    if (isfinite(lbo.lo))
        fprintf(f, " <small>%s</small>",
                report_interval((struct stats_interval){log(lbo.estimate), log(lbo.lo), log(lbo.hi)}).text);
    fputs("</td>", f);
}

static void put_collector(FILE *f, const struct report_page *page, const struct report_cell *c)
{
    const struct report_comparison *row = report_row_of(page->found, c);
    const struct report_lbo *lbo = &page->lbo[c - page->data->cell];
    fputs("<tr><td>", f);
    report_put_html(f, c->shown);
    fputs("</td>", f);
    for (size_t k = 0; k < COLUMNS; k++) {
        if (!column[k].key) {
            bool base = report_base_of(page->data, c, page->baseline) == c;
            put_figure(f, report_ratio(row && row->n ? exp(row->log_ratio.estimate) : base ? 1 : NAN));
            continue;
        }
        double value = value_of(c, column[k].key, column[k].most);
        put_figure(f, column[k].share ? report_share(value) : report_figure(value, column[k].unit));
    }
    put_overhead(f, lbo->wall);
    put_overhead(f, lbo->cpu);
    fputs("</tr>\n", f);
}

static void put_collectors(FILE *f, const struct report_page *page, const struct report_work *w)
{
    fputs("<h4>Collectors</h4>\n<div class=\"wide\"><table><thead><tr><th>configuration</th>", f);
    for (size_t k = 0; k < COLUMNS; k++)
        fprintf(f, "<th>%s</th>", column[k].title);
    fputs("<th>LBO wall</th><th>LBO CPU</th></tr></thead><tbody>\n", f);
    for (size_t i = w->first; i < w->first + w->cells; i++)
        if (page->data->cell[i].ok)
            put_collector(f, page, &page->data->cell[i]);
    fputs("</tbody></table></div>\n", f);
}

/* --- requests -------------------------------------------------------------------------------------------- */

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
    char key[96];
    snprintf(key, sizeof key, "%s.%s", requests[kind].key, percentiles[percentile].key);
    return value_of(c, key, percentile + 1 == PERCENTILES);
}

static bool has_requests(const struct report_data *d, const struct report_work *w)
{
    for (size_t i = w->first; i < w->first + w->cells; i++)
        if (isfinite(request_value(&d->cell[i], 0, 0)))
            return true;
    return false;
}

static void put_requests(FILE *f, const struct report_page *page, const struct report_work *w)
{
    fputs("<h4>Requests</h4>\n<div class=\"wide\"><table><thead><tr><th rowspan=\"2\">configuration</th>", f);
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
        fputs("<tr><td>", f);
        report_put_html(f, c->shown);
        fputs("</td>", f);
        for (size_t k = 0; k < REQUESTS * PERCENTILES; k++)
            fprintf(f, "<td%s>%s</td>", k % PERCENTILES ? "" : " class=\"group\"",
                    report_figure(request_value(c, k / PERCENTILES, k % PERCENTILES), UNIT_NS).text);
        fputs("</tr>\n", f);
    }
    fputs("</tbody></table></div>\n", f);
}

/* --- of a work, of the page ------------------------------------------------------------------------------ */

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
    if (collectors)
        fputs("<p class=\"soft\"><b>Collectors</b>: a pause is worth what it cost elsewhere, so all of it "
              "stands in one row. "
              "Longest pause: of all samples; the others are medians. MMU 10&nbsp;ms: least share of any "
              "10&nbsp;ms that a "
              "thread had for itself. gc: share of wall time in the collector. Waiting: most objects (and "
              "bytes) that were "
              "dead and not yet freed, found by an oracle outside the timing. Refs: references followed for "
              "each object "
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
}
