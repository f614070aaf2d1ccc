/* stats.c: see stats.h. */
#include "stats.h"

#include "alloc/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STATS_TAIL      0.025
#define STATS_RESAMPLES 2000u

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of values in order. */
static double ordered_median(const double *x, size_t n)
{
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static double *ordered_copy(const double *x, size_t n)
{
    double *copy = malloc((n ? n : 1) * sizeof *copy);
    if (copy) {
        memcpy(copy, x, n * sizeof *copy);
        qsort(copy, n, sizeof *copy, by_value);
    }
    return copy;
}

/* The value that would stand at index k were x in order (Hoare's FIND; x is rearranged). Afterwards nothing
 * before k is greater than it and nothing behind it less. */
static double select_value(double *x, size_t n, size_t k)
{
    ptrdiff_t lo = 0, hi = (ptrdiff_t)n - 1, at = (ptrdiff_t)k;
    while (lo < hi) {
        double pivot = x[lo + (hi - lo) / 2];
        ptrdiff_t i = lo, j = hi;
        while (i <= j) {
            while (x[i] < pivot)
                i++;
            while (x[j] > pivot)
                j--;
            if (i <= j) {
                double t = x[i];
                x[i++] = x[j];
                x[j--] = t;
            }
        }
        if (at <= j)
            hi = j;
        else if (at >= i)
            lo = i;
        else
            break;
    }
    return x[k];
}

static double select_median(double *x, size_t n)
{
    double upper = select_value(x, n, n / 2), lower = upper;
    if (n % 2)
        return upper;
    lower = x[0];
    for (size_t i = 1; i < n / 2; i++)
        lower = x[i] > lower ? x[i] : lower;
    return (lower + upper) / 2;
}

double stats_median(const double *x, size_t n)
{
    double *copy = NULL, median = NAN;
    if (n && (copy = malloc(n * sizeof *copy))) {
        memcpy(copy, x, n * sizeof *copy);
        median = select_median(copy, n);
    }
    free(copy);
    return median;
}

/* --- the signed-rank distribution ----------------------------------------------------------------------- */

/* The probability of each sum of a random subset of the ranks, 0 .. the sum of all. NULL when out of
 * memory. */
static double *subset_sums(const unsigned *rank, size_t n, size_t *total)
{
    *total = 0;
    for (size_t i = 0; i < n; i++)
        *total += rank[i];
    double *p = calloc(*total + 1, sizeof *p);
    if (!p)
        return NULL;
    p[0] = 1;
    size_t top = 0;
    for (size_t i = 0; i < n; i++) {
        top += rank[i];
        for (size_t s = top + 1; s-- > 0;)
            p[s] = (p[s] + (s >= rank[i] ? p[s - rank[i]] : 0)) / 2;
    }
    return p;
}

static double normal_tail(double z) /* P(Z > z) */
{
    return erfc(z / sqrt(2)) / 2;
}

static size_t signed_rank_k_exact(size_t n)
{
    unsigned rank[STATS_EXACT];
    size_t total, k = 0;
    for (size_t i = 0; i < n; i++)
        rank[i] = (unsigned)i + 1;
    double *p = subset_sums(rank, n, &total), below = 0;
    if (!p)
        return 0;
    while (k <= total && below + p[k] <= STATS_TAIL)
        below += p[k++];
    free(p);
    return k;
}

size_t stats_signed_rank_k(size_t n)
{
    if (n < STATS_MIN)
        return 0;
    if (n <= STATS_EXACT)
        return signed_rank_k_exact(n);
    double mean = (double)n * ((double)n + 1) / 4;
    double sd = sqrt((double)n * ((double)n + 1) * (2 * (double)n + 1) / 24);
    return (size_t)floor(mean - 1.959963985 * sd);
}

size_t stats_sign_k(size_t n)
{
    double below = 0, log_half = (double)n * log(0.5);
    size_t k = 0;
    while (k < n) {
        double here =
            exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) + log_half);
        if (below + here > STATS_TAIL)
            break;
        below += here;
        k++;
    }
    return k;
}

struct magnitude {
    double size;
    bool positive;
};

static int by_size(const void *a, const void *b)
{
    return by_value(&((const struct magnitude *)a)->size, &((const struct magnitude *)b)->size);
}

/* Ranks twice as large, so that a mean rank of ties is whole; returns twice the sum of the positive ones. */
static size_t rank_doubled(const struct magnitude *m, size_t n, unsigned *rank)
{
    size_t positive = 0;
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && m[j].size == m[i].size;)
            j++;
        for (size_t k = i; k < j; k++) {
            rank[k] = (unsigned)(i + j + 1);
            positive += m[k].positive ? rank[k] : 0;
        }
    }
    return positive;
}

static double signed_rank_p_of(const unsigned *rank, size_t n, size_t positive)
{
    double mean = 0, variance = 0;
    for (size_t i = 0; i < n; i++) {
        mean += rank[i] / 2.0;
        variance += rank[i] / 4.0 * rank[i];
    }
    if (n > STATS_EXACT) {
        double away = fabs((double)positive - mean) - 1; /* continuity: one is half a rank */
        return fmin(1, 2 * normal_tail(fmax(0, away) / sqrt(variance)));
    }
    size_t total, low;
    double *p = subset_sums(rank, n, &total), tail = 0;
    if (!p)
        return NAN;
    low = positive < total - positive ? positive : total - positive;
    for (size_t s = 0; s <= low; s++)
        tail += p[s];
    free(p);
    return fmin(1, 2 * tail);
}

double stats_signed_rank_p(const double *d, size_t n)
{
    struct magnitude *m = malloc((n ? n : 1) * sizeof *m);
    unsigned *rank = malloc((n ? n : 1) * sizeof *rank);
    double p = NAN;
    if (m && rank) {
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
            if (d[i] != 0)
                m[kept++] = (struct magnitude){fabs(d[i]), d[i] > 0};
        qsort(m, kept, sizeof *m, by_size);
        size_t positive = rank_doubled(m, kept, rank);
        p = kept ? signed_rank_p_of(rank, kept, positive) : 1;
    }
    free(m);
    free(rank);
    return p;
}

/* --- estimates and intervals ---------------------------------------------------------------------------- */

/* The Walsh averages, M = n(n+1)/2 of them, into w. */
static void walsh_averages(const double *d, size_t n, double *w)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            w[m++] = (d[i] + d[j]) / 2;
}

struct stats_interval stats_hodges_lehmann(const double *d, size_t n)
{
    struct stats_interval ci = {NAN, NAN, NAN};
    if (n == 0 || n > STATS_MAX)
        return ci;
    size_t m = n * (n + 1) / 2, k = stats_signed_rank_k(n);
    double *w = malloc(m * sizeof *w);
    if (!w)
        return ci;
    walsh_averages(d, n, w);
    ci.estimate = select_median(w, m);
    if (k) {
        ci.lo = select_value(w, m, k - 1);
        ci.hi = select_value(w, m, m - k);
    }
    free(w);
    return ci;
}

struct stats_interval stats_sign_interval(const double *d, size_t n)
{
    struct stats_interval ci = {NAN, NAN, NAN};
    double *x = n ? ordered_copy(d, n) : NULL;
    if (!x)
        return ci;
    size_t k = n >= STATS_MIN ? stats_sign_k(n) : 0;
    ci.estimate = ordered_median(x, n);
    if (k) {
        ci.lo = x[k - 1];
        ci.hi = x[n - k];
    }
    free(x);
    return ci;
}

/* One resampled mean of the workloads' estimates. draw and walsh have room for the largest workload. */
static double geometric_resample(const double *d, const size_t *n, size_t workloads, struct rng *rng,
                                 double *draw, double *walsh)
{
    double sum = 0;
    for (size_t w = 0; w < workloads; d += n[w++]) {
        for (size_t i = 0; i < n[w]; i++)
            draw[i] = d[rng_below(rng, n[w])];
        walsh_averages(draw, n[w], walsh);
        sum += select_median(walsh, n[w] * (n[w] + 1) / 2);
    }
    return sum / (double)workloads;
}

struct stats_interval stats_geometric(const double *d, const size_t *n, size_t workloads, uint64_t seed)
{
    struct stats_interval ci = {NAN, NAN, NAN};
    size_t largest = 0, smallest = SIZE_MAX;
    double sum = 0, widen = 0;
    const double *at = d;
    for (size_t w = 0; w < workloads; at += n[w++]) {
        largest = n[w] > largest ? n[w] : largest;
        smallest = n[w] < smallest ? n[w] : smallest;
        sum += stats_hodges_lehmann(at, n[w]).estimate;
        widen += (double)n[w] / ((double)n[w] - 1);
    }
    if (workloads == 0)
        return ci;
    ci.estimate = sum / (double)workloads;
    if (smallest < STATS_MIN || largest > STATS_MAX)
        return ci;
    double *draw = malloc(largest * sizeof *draw);
    double *walsh = malloc(largest * (largest + 1) / 2 * sizeof *walsh);
    double *mean = malloc(STATS_RESAMPLES * sizeof *mean);
    if (draw && walsh && mean) {
        struct rng rng;
        rng_seed(&rng, seed);
        for (size_t i = 0; i < STATS_RESAMPLES; i++)
            mean[i] = geometric_resample(d, n, workloads, &rng, draw, walsh);
        qsort(mean, STATS_RESAMPLES, sizeof *mean, by_value);
        double factor = sqrt(widen / (double)workloads);
        double tail = STATS_TAIL * STATS_RESAMPLES;
        ci.lo = ci.estimate + (mean[(size_t)tail - 1] - ci.estimate) * factor;
        ci.hi = ci.estimate + (mean[STATS_RESAMPLES - (size_t)tail] - ci.estimate) * factor;
    }
    free(draw);
    free(walsh);
    free(mean);
    return ci;
}

/* --- many comparisons, noise, verdicts ------------------------------------------------------------------ */

struct ranked_p {
    double p;
    size_t at;
};

static int by_p(const void *a, const void *b)
{
    return by_value(&((const struct ranked_p *)a)->p, &((const struct ranked_p *)b)->p);
}

void stats_holm(double *p, size_t n)
{
    struct ranked_p *order = malloc((n ? n : 1) * sizeof *order);
    for (size_t i = 0; i < n; i++) {
        if (!order)
            p[i] = fmin(1, p[i] * (double)n); /* Bonferroni: never less strict */
        else
            order[i] = (struct ranked_p){p[i], i};
    }
    if (!order)
        return;
    qsort(order, n, sizeof *order, by_p);
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fmin(1, order[i].p * (double)(n - i)));
        p[order[i].at] = most;
    }
    free(order);
}

size_t stats_blocks_needed(size_t comparisons)
{
    size_t n = (size_t)ceil(1 + log2((double)(comparisons ? comparisons : 1) / 0.05));
    return n < STATS_MIN ? STATS_MIN : n;
}

double stats_theil_sen(const double *x, size_t n)
{
    if (n < 2 || n > STATS_MAX)
        return NAN;
    double *slope = malloc(n * (n - 1) / 2 * sizeof *slope);
    if (!slope)
        return NAN;
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            slope[m++] = (x[j] - x[i]) / (double)(j - i);
    double median = select_median(slope, m);
    free(slope);
    return median;
}

double stats_trend_z(const double *x, size_t n)
{
    double rising = 0, size = (double)n;
    if (n < 3)
        return NAN;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            rising += (x[j] > x[i]) - (x[j] < x[i]);
    return rising / sqrt(size * (size - 1) * (2 * size + 5) / 18);
}

double stats_lag1(const double *x, size_t n)
{
    double mean = 0, together = 0, alone = 0;
    if (n < 3)
        return NAN;
    for (size_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        alone += (x[i] - mean) * (x[i] - mean);
        if (i + 1 < n)
            together += (x[i] - mean) * (x[i + 1] - mean);
    }
    return alone > 0 ? together / alone : NAN;
}

double stats_lag1_limit(size_t n)
{
    return 2 / sqrt((double)n);
}

double stats_detectable(struct stats_interval ci)
{
    /* An effect is found when the estimate is a half-width (z = 1.96) from 0; for that to happen four times
     * in five it must lie a further z = 0.84 away. */
    return (ci.hi - ci.lo) / 2 * (1.959963985 + 0.841621234) / 1.959963985;
}

double stats_margin(double aa_half_width)
{
    double least = log1p(STATS_MARGIN);
    return aa_half_width > least ? aa_half_width : least;
}

enum stats_verdict stats_judge(struct stats_interval ci, double p, double margin)
{
    if (!isfinite(ci.lo) || !isfinite(ci.hi))
        return STATS_NO_INTERVAL;
    if (margin <= log1p(STATS_MARGIN_MAX) && ci.lo >= -margin && ci.hi <= margin)
        return STATS_SAME;
    if (p < 0.05 && ci.lo > 0)
        return STATS_HIGHER;
    if (p < 0.05 && ci.hi < 0)
        return STATS_LOWER;
    return STATS_INCONCLUSIVE;
}
