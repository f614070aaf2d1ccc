/* measure.c: see measure.h. L = live bytes requested, U = usable bytes of live blocks, A = bytes in the
 * allocator's active pages, M = resident bytes over the baseline. JW1-4: Johnstone & Wilson, "The memory
 * fragmentation problem: solved?", ISMM'98. */
#include "measure.h"

#include <math.h>

static uint64_t measure_above(uint64_t rss, const struct measure *m)
{
    return rss > m->baseline.rss_bytes ? rss - m->baseline.rss_bytes : 0;
}

static void measure_ratio(struct record *sample, const char *key, double over, double under)
{
    if (under > 0)
        record_set_real(sample, key, over / under);
}

struct measure_extremes {
    double ratio_sum;
    unsigned ratios;
    uint64_t max_live, memory_at_max_live, max_memory, live_at_max_memory;
};

static void measure_point(struct measure_extremes *e, uint64_t live, uint64_t memory)
{
    if (live >
        UINT64_MAX / 2) /* threads publish at different moments: a sum can be below zero for an instant */
        live = 0;
    if (live >= MEASURE_MIN_LIVE_BYTES) {
        e->ratio_sum += (double)memory / (double)live;
        e->ratios++;
    }
    if (live > e->max_live) {
        e->max_live = live;
        e->memory_at_max_live = memory;
    }
    if (memory > e->max_memory) {
        e->max_memory = memory;
        e->live_at_max_memory = live;
    }
}

static struct measure_extremes measure_extremes(const struct measure *m)
{
    struct measure_extremes e = {0};
    for (unsigned i = 0; i < m->timeline.points; i++)
        measure_point(&e, m->timeline.live_bytes[i], measure_above(m->timeline.rss_bytes[i], m));
    /* The barriers come last: on a tie of L the exact reading at a barrier is not displaced by a point of the
     * timeline. */
    const struct measure_phase *exact[] = {&m->begin, &m->peak};
    for (unsigned i = 0; i < 2; i++)
        if (exact[i]->seen) {
            measure_point(&e, exact[i]->live_requested, measure_above(exact[i]->rss_bytes, m));
            if (exact[i]->live_requested == e.max_live)
                e.memory_at_max_live = measure_above(exact[i]->rss_bytes, m);
        }
    return e;
}

static void measure_fragmentation(const struct measure *m, const struct measure_extremes *e,
                                  struct record *sample)
{
    double requested = (double)m->peak.live_requested, usable = (double)m->peak.live_usable;
    double resident = (double)measure_above(m->peak.rss_bytes, m), active = 0, largest = 0, free_bytes = 0;
    bool has_active = record_number(sample, "probe.peak.active", &active);
    if (m->peak.live_requested >= MEASURE_MIN_LIVE_BYTES) {
        if (usable > 0)
            record_set_real(sample, "fragmentation.internal", 1 - requested / usable);
        if (has_active && usable > 0)
            measure_ratio(sample, "fragmentation.external", active, usable);
        if (has_active)
            measure_ratio(sample, "fragmentation.residency", resident, active);
    }
    if (e->max_live >= MEASURE_MIN_LIVE_BYTES) {
        measure_ratio(sample, "fragmentation.jw1", e->ratio_sum, e->ratios);
        measure_ratio(sample, "fragmentation.jw2", (double)e->memory_at_max_live, (double)e->max_live);
        if (e->live_at_max_memory >= MEASURE_MIN_LIVE_BYTES)
            measure_ratio(sample, "fragmentation.jw3", (double)e->max_memory, (double)e->live_at_max_memory);
        measure_ratio(sample, "fragmentation.jw4", (double)e->max_memory, (double)e->max_live);
        if (m->rss_100ms_bytes != MEASURE_UNKNOWN)
            measure_ratio(sample, "fragmentation.return_to_os_100ms",
                          (double)measure_above(m->rss_100ms_bytes, m), (double)e->max_memory);
        if (m->rss_1s_bytes != MEASURE_UNKNOWN)
            measure_ratio(sample, "fragmentation.return_to_os_1s", (double)measure_above(m->rss_1s_bytes, m),
                          (double)e->max_memory);
    }
    if (record_number(sample, "probe.peak.largest_free", &largest) &&
        record_number(sample, "probe.peak.total_free", &free_bytes) && free_bytes > 0)
        record_set_real(sample, "fragmentation.contiguity", 1 - largest / free_bytes);
}

void measure_record(const struct measure *m, struct record *sample)
{
    struct measure_extremes e = measure_extremes(m);
    if (m->baseline.seen)
        record_set_integer(sample, "memory.baseline_rss_bytes", (int64_t)m->baseline.rss_bytes);
    if (m->baseline.seen && (m->peak.seen || m->timeline.points))
        record_set_integer(sample, "memory.peak_rss_bytes", (int64_t)(e.max_memory + m->baseline.rss_bytes));
    if (m->pss_bytes)
        record_set_integer(sample, "memory.pss_bytes", (int64_t)m->pss_bytes);
    if (m->vm_hwm_bytes)
        record_set_integer(sample, "memory.vm_hwm_bytes", (int64_t)m->vm_hwm_bytes);
    if (m->peak.seen && e.max_live)
        record_set_integer(sample, "memory.peak_live_requested_bytes", (int64_t)e.max_live);
    uint64_t usable = m->peak.live_usable > m->begin.live_usable ? m->peak.live_usable : m->begin.live_usable;
    if (usable)
        record_set_integer(sample, "memory.peak_live_usable_bytes", (int64_t)usable);
    double held;
    if (record_number(sample, "probe.peak.mapped", &held))
        record_set_integer(sample, "memory.held_bytes", (int64_t)held);
    if (m->peak.seen)
        measure_fragmentation(m, &e, sample);
    const struct watch_timeline *t = &m->timeline;
    if (t->points) {
        record_set_integers(sample, "timeline.t_ns", t->t_ns, t->points);
        record_set_integers(sample, "timeline.rss_bytes", t->rss_bytes, t->points);
        record_set_integers(sample, "timeline.live_bytes", t->live_bytes, t->points);
        record_set_integers(sample, "timeline.allocated_bytes", t->allocated_bytes, t->points);
    }
    /* The worker says when a collection began by the clock that both have; the axis begins with the
     * timeline. */
    for (size_t i = 0; i < record_array_size(sample, "timeline.gc_t_ns"); i++) {
        char key[64];
        int64_t at;
        snprintf(key, sizeof key, "timeline.gc_t_ns.%zu", i);
        if (record_integer(sample, key, &at))
            record_set_integer(sample, key, at - (int64_t)t->start_ns);
    }
    record_remove(sample, "probe");
}
