/* noise.c: see noise.h. */
#include "noise.h"

#include <math.h>
#include <stdlib.h>

static void noise_of_samples(const struct report_data *d, const struct report_work *w,
                             struct report_noise *noise)
{
    size_t n = 0, room = 1;
    for (size_t c = w->first; c < w->first + w->cells; c++)
        room += d->cell[c].samples;
    double *rate = calloc(room, sizeof *rate);
    for (size_t c = w->first; rate && c < w->first + w->cells; c++) {
        for (size_t i = 0; i < d->cell[c].samples; i++) {
            const struct sample *s = d->cell[c].sample[i].sample;
            if (!sample_has(s, wall_ns) || s->wall_ns <= 0)
                continue;
            if (sample_has(s, os_steal_ns))
                noise->steal_share = fmax(noise->steal_share, (double)s->os_steal_ns / (double)s->wall_ns);
            if (sample_has(s, os_involuntary_switches))
                rate[n++] = (double)s->os_involuntary_switches / (double)s->wall_ns * 1e9;
        }
    }
    if (rate)
        noise->switches_per_s = stats_median(rate, n);
    free(rate);
}

struct report_noise report_noise_of(const struct report_data *d, size_t work,
                                    const struct report_comparisons *c)
{
    struct report_noise noise = {NULL, NAN, NAN, NAN, NAN, NAN, false, false, false, false};
    const struct report_work *w = &d->work[work];
    const struct report_cell *base = NULL;
    for (size_t i = 0; i < c->rows; i++) {
        const struct report_comparison *row = &c->row[i];
        if (row->cell < &d->cell[w->first] || row->cell >= &d->cell[w->first] + w->cells)
            continue;
        bool excludes = row->log_ratio.lo > 0 || row->log_ratio.hi < 0;
        if (row->control && (!base || (excludes && !noise.aa_excludes_1))) { /* of several the worst */
            noise.control = row;
            noise.aa_excludes_1 = excludes;
        }
        base = base ? base : row->base;
    }
    double *logs = base ? calloc(report_all(base) + 1, sizeof(double)) : NULL, trend = 0;
    if (logs) {
        size_t n = report_block_logs(base, c->metric, logs);
        noise.lag1 = stats_lag1(logs, n);
        noise.lag1_limit = stats_lag1_limit(n);
        noise.drift = stats_theil_sen(logs, n) * ((double)n - 1);
        trend = stats_trend_z(logs, n);
    }
    free(logs);
    noise_of_samples(d, w, &noise);
    const struct report_comparison *aa = noise.control;
    noise.correlated = fabs(noise.lag1) > noise.lag1_limit;
    noise.drifting = fabs(noise.drift) > (aa ? aa->margin : stats_margin(NAN)) && fabs(trend) > 1.96;
    noise.stolen = noise.steal_share > 0.01;
    return noise;
}
