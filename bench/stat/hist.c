/* hist.c: see hist.h. */
#include "hist.h"

#include <math.h>
#include <string.h>

const struct hist_point hist_points[HIST_POINTS] = {{"p50", 500000},    {"p90", 900000},
                                                    {"p99", 990000},    {"p99_9", 999000},
                                                    {"p99_99", 999900}, {"p99_999", 999990}};

void hist_clear(struct hist *h)
{
    memset(h, 0, sizeof *h);
}

void hist_merge(struct hist *into, const struct hist *from)
{
    for (unsigned i = 0; i < HIST_COUNTS; i++)
        into->counts[i] += from->counts[i];
    into->sum_ns += from->sum_ns;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
}

uint64_t hist_count(const struct hist *h)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < HIST_COUNTS; i++)
        n += h->counts[i];
    return n;
}

double hist_mean_ns(const struct hist *h)
{
    uint64_t n = hist_count(h);
    return n ? (double)h->sum_ns / (double)n : NAN;
}

uint64_t hist_lowest_ns(unsigned i)
{
    if (i < 2 * HIST_SUB)
        return i;
    unsigned shift = i / HIST_SUB - 1;
    return (uint64_t)(i - shift * HIST_SUB) << shift;
}

uint64_t hist_highest_ns(unsigned i)
{
    return i < 2 * HIST_SUB ? i : hist_lowest_ns(i) + (UINT64_C(1) << (i / HIST_SUB - 1)) - 1;
}

/* Of n values, how many are not above that percentile: rounded up exactly, since in floating point 99.9 % of
 * 1000 would be rank 1000. */
static uint64_t hist_rank(uint64_t n, uint32_t ppm)
{
    return (uint64_t)(((unsigned __int128)n * ppm + 999999) / 1000000);
}

unsigned hist_points_known(const struct hist *h)
{
    uint64_t n = hist_count(h);
    unsigned known = 0;
    for (unsigned i = 0; i < HIST_POINTS; i++)
        if (n - hist_rank(n, hist_points[i].ppm) >= HIST_BEYOND)
            known |= 1u << i;
    return known;
}

uint64_t hist_quantile_ns(const struct hist *h, uint32_t ppm)
{
    uint64_t n = hist_count(h);
    if (n == 0)
        return 0;
    if (ppm >= 1000000)
        return h->max_ns;
    uint64_t rank = hist_rank(n, ppm);
    if (rank == 0)
        rank = 1;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HIST_COUNTS; i++) {
        seen += h->counts[i];
        if (seen >= rank) {
            uint64_t v = hist_highest_ns(i);
            return v < h->max_ns && i != HIST_COUNTS - 1 ? v : h->max_ns;
        }
    }
    return h->max_ns;
}

void hist_each(const struct hist *h, hist_visit *visit, void *arg)
{
    struct hist_step step = {0, 0, 0};
    for (unsigned i = 0; i < HIST_COUNTS; i++) {
        if (h->counts[i] == 0)
            continue;
        step.highest_ns = hist_highest_ns(i);
        step.count = h->counts[i];
        step.count_to += step.count;
        visit(arg, &step);
    }
}
