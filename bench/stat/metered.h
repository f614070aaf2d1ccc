/* metered.h: latencies of a closed loop as if its requests had arrived evenly, as DaCapo Chopin reports them
 * (Blackburn et al., ASPLOS'25). A closed loop sends no request while it is stopped, so that its simple
 * latency shows a pause once; in an open world the requests behind it wait, too.
 *
 *   metered = max(simple, end - due)
 *   window 0   the requests are due evenly from the first begin to the last
 *   window w   a request keeps its rank among those that began within w/2 of it, which are due evenly over
 *              that time (cut to the run)
 *
 * Pure arithmetic, O(n). */
#ifndef HG_BENCH_STAT_METERED_H
#define HG_BENCH_STAT_METERED_H

#include "hist.h"

struct metered_request {
    uint64_t begin_ns, end_ns;
};

/* Adds the n requests, which are in the order of their begins, to h. */
void metered_add(const struct metered_request *request, size_t n, uint64_t window_ns, struct hist *h);

#endif
