/* noise.h: whether the machine was fit for what was measured: the gates that a report and `heapgauge compare`
 * show beside a work's ratios. */
#ifndef HG_BENCH_REPORT_NOISE_H
#define HG_BENCH_REPORT_NOISE_H

#include "compare.h"

/* The noise of one work: what the gates look at. NaN where unknown. */
struct report_noise {
    const struct report_comparison *control; /* NULL: no A/A arm */
    double lag1, lag1_limit, drift;          /* of the baseline's own values over the blocks (logs) */
    double steal_share;                      /* largest of any sample: stolen / wall */
    double switches_per_s;                   /* involuntary, median over samples */
    bool aa_excludes_1, correlated, drifting, stolen;
};
struct report_noise report_noise_of(const struct report_data *d, size_t work,
                                    const struct report_comparisons *c);

#endif
