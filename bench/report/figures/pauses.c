/* pauses.c: pictures of pauses and latencies. */
#include "parts.h"

#include "bench/report/text.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* --- percentiles of pauses and latencies ---------------------------------------------------------------- */

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
    const struct report_metric *metric[8];
    for (size_t k = 0; k < count; k++)
        metric[k] = report_metric_at(prefix, keys[k].key);
    const struct report_metric *most = metric[count - 1];
    size_t n = figure_pick(d, w, most, false, FIGURES_SERIES, cell), best = 0;
    const struct report_cell *sampled[FIGURES_SERIES];
    size_t more = figure_pick(d, w, metric[0], false, FIGURES_SERIES, sampled);
    if (more > n) { /* some have no sample that timed every operation */
        n = more;
        memcpy(cell, sampled, sizeof cell);
    }
    if (n == 0)
        return 0;
    struct plot *p = plot_begin(plots, "percentiles", w->name, m);
    if (!p)
        return -EIO;
    p->section = work;
    figure_title(p, w, what, true);
    plot_text(p, "YLABEL", axis);
    plot_number(p, "TAIL", tail);
    figure_series(p, cell, n, "TITLE");
    fputs("workload,threads,configuration,percentile,ns\n", p->csv);
    for (size_t i = 0; i < n; i++) {
        size_t points = 0;
        for (size_t k = 0; k < count; k++) {
            double ns =
                keys[k].place > 0 ? report_median(cell[i], metric[k]) : report_maximum(cell[i], metric[k]);
            double place = keys[k].place > 0 ? keys[k].place : pow(10, tail);
            if (!(ns > 0)) /* a log axis has no 0 */
                continue;
            fprintf(p->data, "%.9g %.9g\n", place, ns / 1e9);
            points++;
            figure_csv_row(p, w, cell[i]);
            if (keys[k].place > 0)
                fprintf(p->csv, ",%.6g,%.9g\n", 100 * (1 - 1 / keys[k].place), ns);
            else
                fprintf(p->csv, ",100,%.9g\n", ns);
        }
        figure_end_series(p, points);
        if (report_maximum(cell[i], most) < report_maximum(cell[best], most) ||
            !isfinite(report_maximum(cell[best], most)))
            best = i;
    }
    if (isfinite(report_maximum(cell[best], most)))
        snprintf(p->finding, sizeof p->finding, "Shortest maximum: %.100s with %s.", cell[best]->shown,
                 report_figure(report_maximum(cell[best], most), UNIT_NS).text);
    else
        snprintf(p->finding, sizeof p->finding, "No sample timed every operation: there is no maximum.");
    snprintf(p->caption, sizeof p->caption,
             "percentiles: median of %zu samples; maximum: of all samples (comparable at equal work only)%s",
             cell[0]->ok,
             cell[0]->tails ? "; what those do not have: of the one that times every operation" : "");
    return plot_draw(plots, p, m);
}

/* --- mutator utilisation -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    double seconds;
} windows[] = {{"1ms", 1e-3},  {"2ms", 2e-3},   {"5ms", 5e-3},   {"10ms", 1e-2},  {"20ms", 2e-2},
               {"50ms", 5e-2}, {"100ms", 1e-1}, {"200ms", 2e-1}, {"500ms", 5e-1}, {"1s", 1}};
#define WINDOWS (sizeof windows / sizeof *windows)

static double utilisation(const struct report_cell *c, const char *which, size_t window)
{
    return report_median(c, report_metric_at(which, windows[window].name));
}

static void put_utilisation(struct plot *p, const struct report_work *w, const struct report_cell *c,
                            double seconds, double mmu, double bmu)
{
    fprintf(p->data, "%.9g %.9g %.9g\n", seconds, mmu, isfinite(bmu) ? bmu : mmu);
    figure_csv_row(p, w, c);
    fprintf(p->csv, ",%.9g,%.9g,", seconds * 1e9, mmu);
    report_put_csv_number(p->csv, bmu);
    fputc('\n', p->csv);
}

static int figure_mmu(struct plots *plots, const struct report_data *d, size_t work, struct message *m)
{
    const struct report_work *w = &d->work[work];
    const struct report_cell *cell[FIGURES_SERIES];
    size_t n = figure_pick(d, w, report_metric_of(KEY_pauses_mmu_1ms), false, FIGURES_SERIES, cell), best = 0;
    if (n == 0)
        return 0;
    struct plot *p = plot_begin(plots, "mmu", w->name, m);
    if (!p)
        return -EIO;
    double shortest = windows[0].seconds, longest = windows[2].seconds, share = NAN;
    figure_title(p, w, "mutator utilisation", true);
    figure_series(p, cell, n, "TITLE");
    fputs("workload,threads,configuration,window_ns,mmu,bmu\n", p->csv);
    for (size_t i = 0; i < n; i++) {
        /* No window up to the longest pause leaves anything: where the curve leaves 0. */
        double zero = report_median(cell[i], report_metric_of(KEY_pauses_max_ns)) / 1e9;
        bool put = !(zero >= 1e-6 && zero <= windows[WINDOWS - 1].seconds);
        double last = 0;
        for (size_t k = 0; k < WINDOWS; k++) {
            double mmu = utilisation(cell[i], "pauses.mmu", k);
            if (!isfinite(mmu))
                continue;
            /* The median pause is of the samples that paused, the shares of all: where half did not pause the
             * curve has left 0 before. */
            put = put || last > 0;
            last = mmu;
            if (!put && zero < windows[k].seconds) {
                put_utilisation(p, w, cell[i], zero, 0, 0);
                shortest = fmin(shortest, zero);
                put = true;
            }
            put_utilisation(p, w, cell[i], windows[k].seconds, mmu, utilisation(cell[i], "pauses.bmu", k));
            longest = fmax(longest, windows[k].seconds);
        }
        fputs("\n\n", p->data);
        /* Of those that pause: to have all the time without a collector is no news. */
        if (zero > 0 && !(utilisation(cell[i], "pauses.mmu", 3) <= share)) {
            share = utilisation(cell[i], "pauses.mmu", 3);
            best = i;
        }
    }
    plot_number(p, "XMIN", shortest);
    plot_number(p, "XMAX", longest);
    if (isfinite(share))
        snprintf(
            p->finding, sizeof p->finding,
            "Any 10 ms leave a thread at least %.30s of its time with %.100s, the most of those that pause.",
            report_share(share).text, cell[best]->shown);
    else
        snprintf(p->finding, sizeof p->finding,
                 "The least time that a thread has for itself, by the window.");
    snprintf(p->caption, sizeof p->caption,
             "line: MMU, dashed: BMU (the least over windows at least so long), of the worst thread; where a "
             "line leaves 0 "
             "is the longest pause; medians of %zu samples",
             cell[0]->ok);
    return plot_draw(plots, p, m);
}

/* --- requests ------------------------------------------------------------------------------------------- */

static const struct percentile_key latency_keys[] = {
    {"p50_ns", 2},        {"p90_ns", 10},         {"p99_ns", 100}, {"p99_9_ns", 1000},
    {"p99_99_ns", 10000}, {"p99_999_ns", 100000}, {"max_ns", 0}};
#define LATENCY_KEYS (sizeof latency_keys / sizeof *latency_keys)
#define LATENCY_TAIL 6

/* The points of one line. */
static void put_latency(struct plot *p, const struct report_work *w, const struct report_cell *c,
                        const char *prefix, const char *kind, double range[2])
{
    size_t points = 0;
    for (size_t k = 0; k < LATENCY_KEYS; k++) {
        const struct report_metric *metric = report_metric_at(prefix, latency_keys[k].key);
        bool tail = latency_keys[k].place == 0;
        double ns = tail ? report_maximum(c, metric) : report_median(c, metric);
        double place = tail ? pow(10, LATENCY_TAIL) : latency_keys[k].place;
        if (!(ns > 1e-3 && ns < 1e18)) /* a log axis has no 0; nor is there such a request */
            continue;
        fprintf(p->data, "%.9g %.9g\n", place, ns / 1e9);
        points++;
        figure_csv_row(p, w, c);
        fprintf(p->csv, ",%s,%.6g,%.9g\n", kind, tail ? 100 : 100 * (1 - 1 / place), ns);
        range[0] = fmin(range[0], ns / 1e9);
        range[1] = fmax(range[1], ns / 1e9);
    }
    figure_end_series(p, points);
}

static int figure_requests(struct plots *plots, const struct report_data *d, size_t work, struct message *m)
{
    static const struct {
        const char *prefix, *kind;
    } panel[] = {{"latency.request", "simple"},
                 {"latency.request_metered_100ms", "metered_100ms"},
                 {"latency.request_metered_full", "metered_full"}};
    const struct report_metric *simple = report_metric_of(KEY_latency_request_max_ns),
                               *metered = report_metric_of(KEY_latency_request_metered_full_max_ns);
    const struct report_work *w = &d->work[work];
    const struct report_cell *cell[FIGURES_SERIES];
    size_t n = figure_pick(d, w, metered, false, FIGURES_SERIES, cell), worst = 0;
    if (n == 0 && strcmp(w->workload, "request") == 0) /* with a rate it counts from when each was due */
        return figure_percentiles(plots, d, work, "latency.request", "latency of requests", "one request",
                                  latency_keys, LATENCY_KEYS, LATENCY_TAIL, m);
    double range[2] = {INFINITY, 0};
    if (n == 0)
        return 0;
    struct plot *p = plot_begin(plots, "latency", w->name, m);
    if (!p)
        return -EIO;
    figure_title(p, w, "latency of requests", true);
    figure_series(p, cell, n, "TITLE");
    plot_number(p, "TAIL", LATENCY_TAIL);
    fputs("workload,threads,configuration,kind,percentile,ns\n", p->csv);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < sizeof panel / sizeof *panel; k++)
            put_latency(p, w, cell[i], panel[k].prefix, panel[k].kind, range);
        if (report_maximum(cell[i], metered) > report_maximum(cell[worst], metered))
            worst = i;
    }
    if (!(range[0] <= range[1])) {
        plot_drop(plots, p);
        return 0;
    }
    plot_number(p, "YMIN", range[0]);
    plot_number(p, "YMAX", range[1]);
    snprintf(p->finding, sizeof p->finding,
             "Longest with %.100s: %.30s from begin to end, %.30s for one who came on time (metered).",
             cell[worst]->shown, report_figure(report_maximum(cell[worst], simple), UNIT_NS).text,
             report_figure(report_maximum(cell[worst], metered), UNIT_NS).text);
    snprintf(p->caption, sizeof p->caption,
             "metered: from when a request would have begun had they come evenly, so that those behind a "
             "pause wait for it "
             "too; percentiles: median of %zu samples; maximum: of all",
             cell[0]->ok);
    return plot_draw(plots, p, m);
}

/* --- of a work ------------------------------------------------------------------------------------------ */

int figures_of_pauses(struct plots *plots, const struct report_data *d, size_t work, struct message *m)
{
    static const struct percentile_key pauses[] = {
        {"p50_ns", 2}, {"p99_ns", 100}, {"p99_9_ns", 1000}, {"max_ns", 0}};
    int err = figure_percentiles(plots, d, work, "pauses", "pauses", "pause", pauses, 4, 4, m);
    if (!err)
        err = figure_mmu(plots, d, work, m);
    const struct figure_pareto memory = {"pause",
                                         "longest pause against memory",
                                         report_metric_of(KEY_memory_heap_peak_bytes),
                                         report_metric_of(KEY_pauses_max_ns),
                                         "MiB of heap at the peak",
                                         "longest pause",
                                         2},
                               garbage = {"waiting",
                                          "longest pause against garbage",
                                          report_metric_of(KEY_gc_uncollected_peak),
                                          report_metric_of(KEY_pauses_max_ns),
                                          "objects dead and not yet freed, at most",
                                          "longest pause",
                                          2};
    if (!err)
        err = figure_pareto(plots, d, work, &memory, m);
    if (!err)
        err = figure_pareto(plots, d, work, &garbage, m);
    if (!err)
        err = figure_requests(plots, d, work, m);
    if (!err)
        err = figure_percentiles(plots, d, work, "latency.malloc", "latency of malloc", "one malloc",
                                 latency_keys, LATENCY_KEYS, LATENCY_TAIL, m);
    return err;
}
