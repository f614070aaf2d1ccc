/* hist.h: a high dynamic range histogram of durations (HdrHistogram's layout): 0 ns to 68.7 s at 3
 * significant digits.
 *
 * Values below 2048 have a counter each; above, every power of two is cut into 1024 equal parts, so a
 * counter's width is under 0.1 % of its value:
 *
 *   index   0 ........ 2047 | 2048 ... 3071 | 3072 ... 4095 | ...    27 x 1024 counters of 8 bytes = 216 KiB
 *   value   0 ........ 2047 | 2048 ... 4095 | 4096 ... 8191 | ...
 *   width   1               | 2             | 4             | ...
 *
 * The memory is the caller's, mapped and faulted in before the measured phase; all zero bytes are an empty
 * histogram. One thread writes one; merging and reading is for after it has stopped. A value over the top is
 * counted at the top, but the maximum stays exact. */
#ifndef HG_BENCH_STAT_HIST_H
#define HG_BENCH_STAT_HIST_H

#include <stddef.h>
#include <stdint.h>

#define HIST_SUB     1024u
#define HIST_BUCKETS 26u
#define HIST_COUNTS  ((HIST_BUCKETS + 1) * HIST_SUB)
#define HIST_TOP_NS  ((UINT64_C(2048) << (HIST_BUCKETS - 1)) - 1) /* the largest distinct value: 68.7 s */

struct hist {
    uint64_t max_ns; /* exact */
    uint64_t sum_ns; /* exact: 2^64 ns are 584 years */
    uint64_t counts[HIST_COUNTS];
};

static inline unsigned hist_index(uint64_t ns)
{
    unsigned shift = 53u - (unsigned)__builtin_clzll(ns | HIST_SUB);
    return shift * HIST_SUB + (unsigned)(ns >> shift);
}

static inline void hist_record(struct hist *h, uint64_t ns)
{
    uint64_t kept = ns < HIST_TOP_NS ? ns : HIST_TOP_NS;
    h->counts[hist_index(kept)]++;
    h->sum_ns += ns;
    h->max_ns = ns > h->max_ns ? ns : h->max_ns;
}

void hist_clear(struct hist *h);
void hist_merge(struct hist *into, const struct hist *from);
uint64_t hist_count(const struct hist *h);
double hist_mean_ns(const struct hist *h); /* NaN when empty */

/* The value that ppm parts of a million of the recorded values do not exceed, to the top of its counter
 * (never above the exact maximum): 500000 is the median, 999900 the 99.99th percentile, 1000000 the maximum.
 * 0 when empty. */
uint64_t hist_quantile_ns(const struct hist *h, uint32_t ppm);

/* The percentiles that records have: "p50" is 500000 parts of a million. */
#define HIST_POINTS  6u
#define HIST_P50     1u /* sets of them */
#define HIST_P90     2u
#define HIST_P99     4u
#define HIST_P99_9   8u
#define HIST_P99_99  16u
#define HIST_P99_999 32u
#define HIST_MAX     64u /* no percentile: the maximum, in a set of what is reported */
extern const struct hist_point {
    const char *name;
    uint32_t ppm;
} hist_points[HIST_POINTS];

/* A percentile of values that were sampled says something where so many of them lie beyond it. */
#define HIST_BEYOND 10u
/* The set of the percentiles that have them. */
unsigned hist_points_known(const struct hist *h);

/* The lowest and highest value that counter i stands for. */
uint64_t hist_lowest_ns(unsigned i);
uint64_t hist_highest_ns(unsigned i);

/* The points of a percentile plot: each counter that is not empty, with how many values are at or below its
 * highest_ns. */
struct hist_step {
    uint64_t highest_ns, count, count_to;
};
typedef void hist_visit(void *arg, const struct hist_step *step);
void hist_each(const struct hist *h, hist_visit *visit, void *arg);

#endif
