/* mmu.h: minimum mutator utilisation (Cheng & Blelloch, PLDI'01) and its bounded form.
 *
 *   MMU(w) = min over windows of length w inside the run of 1 - (time paused in the window)/w
 *   BMU(w) = min over w' >= w of MMU(w')      a larger window is never better, which MMU does not promise
 *
 * Both are exact. Paused time in a sliding window is piecewise linear in the window's place, so MMU looks at
 * windows that begin with a pause or end with one: O(P log P) by prefix sums and bisection. MMU(w') has its
 * minima where a window begins with one pause and ends with another, so BMU is a steepest slope between two
 * sets of points (start_i, paused before i) and (end_j, paused up to j) at least w apart, found on a convex
 * hull in O(P log P).
 *
 * No allocation: the arrays are the caller's. */
#ifndef HG_BENCH_STAT_MMU_H
#define HG_BENCH_STAT_MMU_H

#include <stddef.h>
#include <stdint.h>

struct mmu_pause {
    uint64_t start_ns, end_ns;
};

struct mmu {
    const struct mmu_pause *pause; /* in order, apart from each other, inside the run, none empty */
    uint64_t *before_ns;           /* [count + 1]: paused time before pause i */
    uint32_t *hull;                /* [count]: for BMU */
    size_t count;
    uint64_t begin_ns, end_ns;
};

#define MMU_SCRATCH_BYTES(pauses) (((pauses) + 1) * (sizeof(uint64_t) + sizeof(uint32_t)))

/* Orders the pauses, cuts them to the run, joins those that overlap or touch (all in place) and prepares the
 * sums. scratch: at least MMU_SCRATCH_BYTES(count), aligned to 8, and like the pauses it must outlive the
 * mmu. begin_ns < end_ns; at most UINT32_MAX pauses. */
void mmu_init(struct mmu *m, struct mmu_pause *pauses, size_t count, uint64_t begin_ns, uint64_t end_ns,
              void *scratch);

uint64_t mmu_paused_ns(const struct mmu *m, uint64_t from_ns, uint64_t to_ns);
/* A window longer than the run is the run. 0 is taken as 1 ns. */
double mmu_at(const struct mmu *m, uint64_t window_ns);
double mmu_bounded_at(struct mmu *m, uint64_t window_ns);

#endif
