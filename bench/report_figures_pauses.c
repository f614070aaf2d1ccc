/* report_figures_pauses.c: pictures of pauses and latencies. */
#include "report_figure_parts.h"

#include "report_text.h"

#include <errno.h>
#include <math.h>
#include <string.h>

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
    size_t n = figure_pick(d, w, &metric[count - 1], false, FIGURES_SERIES, cell), best = 0;
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
        for (size_t k = 0; k < count; k++) {
            double ns =
                keys[k].place > 0 ? report_median(cell[i], &metric[k]) : report_maximum(cell[i], &metric[k]);
            double place = keys[k].place > 0 ? keys[k].place : pow(10, tail);
            if (!(ns > 0)) /* a log axis has no 0 */
                continue;
            fprintf(p->data, "%.9g %.9g\n", place, ns / 1e9);
            figure_csv_row(p, w, cell[i]);
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

int figures_of_pauses(struct plots *plots, const struct report_data *d, size_t work, struct message *m)
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
