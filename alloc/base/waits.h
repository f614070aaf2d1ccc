/* waits.h: how long threads waited: count, sum, and a histogram of 8 steps a power of two (an error of at
 * most 12.5 % upwards), from which percentiles are read. Written under the lock that was waited for, or
 * relaxed. */
#ifndef HG_ALLOC_BASE_WAITS_H
#define HG_ALLOC_BASE_WAITS_H

#include <stdatomic.h>
#include <stdint.h>

#define WAITS_BUCKETS (64 * 8)

struct waits {
    _Atomic uint64_t count, total_ns, max_ns;
    _Atomic uint32_t bucket[WAITS_BUCKETS];
};

static inline unsigned waits_bucket(uint64_t ns)
{
    if (ns < 8)
        return (unsigned)ns;
    unsigned top = 63u - (unsigned)__builtin_clzll(ns);
    return top * 8 + (unsigned)(ns >> (top - 3) & 7);
}

static inline void waits_add(struct waits *w, uint64_t ns)
{
    atomic_fetch_add_explicit(&w->count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->total_ns, ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->bucket[waits_bucket(ns)], 1, memory_order_relaxed);
    uint64_t max = atomic_load_explicit(&w->max_ns, memory_order_relaxed);
    while (ns > max && !atomic_compare_exchange_weak_explicit(&w->max_ns, &max, ns, memory_order_relaxed,
                                                              memory_order_relaxed))
        ;
}

/* Upper end of the bucket that holds the quantile; 0 when nobody waited. */
static inline uint64_t waits_quantile(struct waits *w, double q)
{
    uint64_t count = atomic_load_explicit(&w->count, memory_order_relaxed), seen = 0;
    if (!count)
        return 0;
    uint64_t rank = (uint64_t)(q * (double)count);
    rank = rank < count ? rank : count - 1;
    for (unsigned b = 0; b < WAITS_BUCKETS; b++) {
        seen += atomic_load_explicit(&w->bucket[b], memory_order_relaxed);
        if (seen > rank) {
            if (b < 8)
                return b;
            unsigned top = b / 8;
            uint64_t upper = (((uint64_t)8 + b % 8 + 1) << (top - 3)) - 1,
                     max = atomic_load_explicit(&w->max_ns, memory_order_relaxed);
            return upper < max ? upper : max;
        }
    }
    return atomic_load_explicit(&w->max_ns, memory_order_relaxed);
}

#endif
