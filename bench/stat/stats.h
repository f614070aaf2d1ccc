/* stats.h: the statistics of a comparison: pure functions of numbers, no input or output, no state. Their
 * input is paired log ratios, one a block: d_i = ln(x_cfg / x_base).
 *
 * Hodges & Lehmann, "Estimates of location based on rank tests", Ann. Math. Stat. 1963; Hollander, Wolfe &
 * Chicken, "Nonparametric Statistical Methods", ch. 3; Holm, Scand. J. Stat. 1979; Theil 1950, Sen 1968.
 *
 * An interval is at 95 %. With fewer than STATS_MIN values there is none: lo and hi are NaN. Functions that
 * need working memory return NaN when there is none left. Input need not be ordered; it must be finite. */
#ifndef HG_BENCH_STAT_STATS_H
#define HG_BENCH_STAT_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATS_MIN 6u    /* the smallest n at which the signed-rank interval reaches 95 % */
#define STATS_MAX 4096u /* values taken; more are left out by the caller */
/* up to here the signed-rank distribution is exact, above it is the normal one */
#define STATS_EXACT      200u
#define STATS_MARGIN     0.01 /* the least equivalence margin: 1 % */
#define STATS_MARGIN_MAX 0.10 /* a margin above that allows no claim of equality: 10 % */

struct stats_interval {
    double estimate, lo, hi;
};

double stats_median(const double *x, size_t n); /* NaN when n is 0 */

/* The rank k of the interval [W(k), W(M+1-k)] of the M = n(n+1)/2 ordered Walsh averages: the largest with
 * P(T < k) <= 2.5 %. 0 when there is none. */
size_t stats_signed_rank_k(size_t n);
/* The same for order statistics: the interval [x(k), x(n+1-k)] of the sign test. */
size_t stats_sign_k(size_t n);

/* Two-sided p that the distribution is symmetric about 0. Zeros are left out, equal magnitudes share their
 * mean rank; the distribution is the exact one given those ties. */
double stats_signed_rank_p(const double *d, size_t n);

/* The median of the Walsh averages (d_i + d_j)/2, i <= j, with its exact interval. */
struct stats_interval stats_hodges_lehmann(const double *d, size_t n);
/* The median with the order-statistics interval: needs no symmetry. */
struct stats_interval stats_sign_interval(const double *d, size_t n);

/* The mean over workloads of their Hodges-Lehmann estimates (exp of it is the geometric mean of ratios). d:
 * the workloads' values one after the other, n[w] of workload w. The interval resamples blocks within each
 * workload, and is widened by sqrt(n/(n-1)), since resampling n values has that much less variance than the
 * values. NaN bounds when any n[w] < STATS_MIN. */
struct stats_interval stats_geometric(const double *d, const size_t *n, size_t workloads, uint64_t seed);

/* Holm's step-down adjustment, in place: afterwards p[i] < 0.05 holds for all at a family-wise 5 %. */
void stats_holm(double *p, size_t n);

/* Blocks that m comparisons need before any of them can be significant: the smallest two-sided p is
 * 2^(1-n). */
size_t stats_blocks_needed(size_t comparisons);

double stats_theil_sen(const double *x, size_t n); /* median slope of x against its index; NaN when n < 2 */
/* Mann & Kendall's test for a trend: z of the number of rising pairs over falling ones, normal for n >= 8 or
 * so. */
double stats_trend_z(const double *x, size_t n);
double stats_lag1(const double *x,
                  size_t n);       /* autocorrelation of neighbours; NaN when n < 3 or all are equal */
double stats_lag1_limit(size_t n); /* 2/sqrt(n) */

/* The smallest effect (a difference of logs) that a run with this interval finds four times in five. */
double stats_detectable(struct stats_interval ci);

/* d = max(1 %, half-width of the A/A arm's interval), as a difference of logs; a NaN half-width counts as
 * 0. */
double stats_margin(double aa_half_width);

enum stats_verdict {
    STATS_NO_INTERVAL,
    STATS_INCONCLUSIVE,
    STATS_SAME,
    STATS_LOWER,
    STATS_HIGHER,
    STATS_WITHHELD
};
/* WITHHELD is the caller's, of figures that no verdict may be on. SAME when the interval lies inside [-margin, margin] and the margin is not over STATS_MARGIN_MAX (a run
 * that noisy cannot claim equality); LOWER or HIGHER when it excludes 0 and p (adjusted) < 0.05. */
enum stats_verdict stats_judge(struct stats_interval ci, double p, double margin);

#endif
