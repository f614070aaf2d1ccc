/* lbo.h: lower-bound overhead of collectors and refcount policies: Cai, Blackburn, Bond & Maas, "Distilling
 * the Real Cost of Production Garbage Collectors", ISPASS'22. Nobody can run a program without any memory
 * management to compare with, but whatever that would take, it takes no more than the cheapest run does once
 * the collector's explicit work is taken off:
 *
 *   distilled_g = total_g - explicit cost_g         gc.cost_wall_ns, gc.cost_cpu_ns
 *   MDC         = least distilled_g of any g        in the same block
 *   LBO_g       = total_g / MDC                     at least 1: what g costs over that, and perhaps more
 *
 * g is every policy and collector of one work under one allocator, with the same threads. What a record does
 * not tell as explicit cost counts as 0: distilled_g is then too large, LBO too small, and a lower bound
 * still. */
#ifndef HG_BENCH_REPORT_LBO_H
#define HG_BENCH_REPORT_LBO_H

#include "data.h"

/* Ratios, with the exact signed-rank interval over blocks. The estimate is NaN where there is none: at
 * allocator level, where nothing else ran under that allocator, where no record of the group tells an
 * explicit cost. */
struct report_lbo {
    struct stats_interval wall, cpu;
    size_t blocks; /* of wall */
};

/* *out: [d->cells], to be freed. 0 or -ENOMEM. */
int report_lbo_make(struct report_lbo **out, const struct report_data *d);
bool report_lbo_any(const struct report_lbo *lbo, const struct report_data *d, const struct report_work *w);

#endif
