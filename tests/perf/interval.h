/* interval.h: medians and ratios of rounds that took turns, with their exact 95 % intervals
 * (bench/stat/stats.h). */
#ifndef HG_TESTS_PERF_INTERVAL_H
#define HG_TESTS_PERF_INTERVAL_H

#include "bench/stat/stats.h"

#include <math.h>
#include <stdio.h>

enum { INTERVAL_ROUNDS_MAX = 64 };

struct interval_text {
    char text[48];
};

/* "1.93 (1.90-1.96)": Hodges-Lehmann of the logs. */
static inline struct interval_text interval_tell(const double *values, size_t n, int digits)
{
    struct interval_text t;
    double logs[INTERVAL_ROUNDS_MAX];
    for (size_t i = 0; i < n; i++)
        logs[i] = log(values[i]);
    struct stats_interval x = stats_hodges_lehmann(logs, n);
    snprintf(t.text, sizeof t.text, "%.*f (%.*f-%.*f)", digits, exp(x.estimate), digits, exp(x.lo), digits,
             exp(x.hi));
    return t;
}

/* The same of over[i] / under[i]. */
static inline struct interval_text interval_ratio(const double *over, const double *under, size_t n,
                                                  int digits)
{
    double ratio[INTERVAL_ROUNDS_MAX];
    for (size_t i = 0; i < n; i++)
        ratio[i] = over[i] / under[i];
    return interval_tell(ratio, n, digits);
}

#endif
