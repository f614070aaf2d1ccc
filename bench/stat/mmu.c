/* mmu.c: see mmu.h. */
#include "mmu.h"

#include <stdbool.h>

static void pause_swap(struct mmu_pause *a, struct mmu_pause *b)
{
    struct mmu_pause t = *a;
    *a = *b;
    *b = t;
}

/* Heap sort: qsort may allocate, and the worker's malloc is what is being measured. One thread's log is in
 * order already. */
static void pause_sort(struct mmu_pause *p, size_t n)
{
    bool ordered = true;
    for (size_t i = 1; i < n && ordered; i++)
        ordered = p[i - 1].start_ns <= p[i].start_ns;
    if (ordered)
        return;
    for (size_t root = n / 2, end = n; end > 1;) {
        if (root > 0)
            root--;
        else
            pause_swap(&p[0], &p[--end]);
        for (size_t i = root, child; (child = 2 * i + 1) < end; i = child) {
            if (child + 1 < end && p[child].start_ns < p[child + 1].start_ns)
                child++;
            if (p[i].start_ns >= p[child].start_ns)
                break;
            pause_swap(&p[i], &p[child]);
        }
    }
}

void mmu_init(struct mmu *m, struct mmu_pause *pauses, size_t count, uint64_t begin_ns, uint64_t end_ns,
              void *scratch)
{
    pause_sort(pauses, count);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct mmu_pause p = pauses[i];
        if (p.start_ns < begin_ns)
            p.start_ns = begin_ns;
        if (p.end_ns > end_ns)
            p.end_ns = end_ns;
        if (p.start_ns >= p.end_ns)
            continue;
        if (kept && p.start_ns <= pauses[kept - 1].end_ns) {
            if (p.end_ns > pauses[kept - 1].end_ns)
                pauses[kept - 1].end_ns = p.end_ns;
        } else {
            pauses[kept++] = p;
        }
    }
    m->pause = pauses;
    m->count = kept;
    m->begin_ns = begin_ns;
    m->end_ns = end_ns;
    m->before_ns = scratch;
    m->hull = (uint32_t *)(m->before_ns + count + 1);
    m->before_ns[0] = 0;
    for (size_t i = 0; i < kept; i++)
        m->before_ns[i + 1] = m->before_ns[i] + (pauses[i].end_ns - pauses[i].start_ns);
}

/* Paused time from the beginning up to t. */
static uint64_t mmu_paused_to(const struct mmu *m, uint64_t t)
{
    size_t lo = 0, hi = m->count; /* the first pause that starts at t or later */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->pause[mid].start_ns < t)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0)
        return 0;
    const struct mmu_pause *last = &m->pause[lo - 1];
    uint64_t end = last->end_ns < t ? last->end_ns : t;
    return m->before_ns[lo - 1] + (end - last->start_ns);
}

uint64_t mmu_paused_ns(const struct mmu *m, uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? mmu_paused_to(m, to_ns) - mmu_paused_to(m, from_ns) : 0;
}

static uint64_t mmu_window(const struct mmu *m, uint64_t window_ns)
{
    uint64_t run = m->end_ns - m->begin_ns;
    return window_ns > run ? run : window_ns ? window_ns : 1;
}

/* Most paused time of any window of this length. */
static uint64_t mmu_most_paused(const struct mmu *m, uint64_t w)
{
    uint64_t most = 0, last = m->end_ns - w;
    for (size_t i = 0; i < m->count; i++) {
        uint64_t start = m->pause[i].start_ns, end = m->pause[i].end_ns;
        uint64_t place[2] = {start < last ? start : last, end - m->begin_ns > w ? end - w : m->begin_ns};
        for (unsigned k = 0; k < 2; k++) {
            uint64_t paused = mmu_paused_ns(m, place[k], place[k] + w);
            if (paused > most)
                most = paused;
        }
    }
    return most;
}

double mmu_at(const struct mmu *m, uint64_t window_ns)
{
    uint64_t w = mmu_window(m, window_ns);
    return 1 - (double)mmu_most_paused(m, w) / (double)w;
}

/* The sign of slope(a -> c) - slope(a -> b) for points of the first set, by start and paused time before. */
static bool hull_bends_up(const struct mmu *m, uint32_t a, uint32_t b, uint32_t c)
{
    __int128 bx = m->pause[b].start_ns - m->pause[a].start_ns, by = m->before_ns[b] - m->before_ns[a];
    __int128 cx = m->pause[c].start_ns - m->pause[a].start_ns, cy = m->before_ns[c] - m->before_ns[a];
    return cy * bx > by * cx;
}

/* Of the hull's points the one that the end of pause j sees under the steepest slope: the hull is convex, so
 * the slope rises and then falls along it. */
static size_t hull_steepest(const struct mmu *m, size_t n, size_t j)
{
    size_t lo = 0, hi = n - 1;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        uint32_t a = m->hull[mid], b = m->hull[mid + 1];
        __int128 ax = m->pause[j].end_ns - m->pause[a].start_ns, ay = m->before_ns[j + 1] - m->before_ns[a];
        __int128 bx = m->pause[j].end_ns - m->pause[b].start_ns, by = m->before_ns[j + 1] - m->before_ns[b];
        if (by * ax > ay * bx)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

double mmu_bounded_at(struct mmu *m, uint64_t window_ns)
{
    uint64_t w = mmu_window(m, window_ns);
    double worst = mmu_at(m, w);
    size_t hull = 0, next = 0;
    for (size_t j = 0; j < m->count; j++) {
        uint64_t end = m->pause[j].end_ns;
        for (; next <= j && m->pause[next].start_ns + w <= end; next++) {
            while (hull >= 2 && !hull_bends_up(m, m->hull[hull - 2], m->hull[hull - 1], (uint32_t)next))
                hull--;
            m->hull[hull++] = (uint32_t)next;
        }
        if (hull == 0)
            continue;
        uint32_t i = m->hull[hull_steepest(m, hull, j)];
        double u = 1 - (double)(m->before_ns[j + 1] - m->before_ns[i]) / (double)(end - m->pause[i].start_ns);
        if (u < worst)
            worst = u;
    }
    return worst;
}
