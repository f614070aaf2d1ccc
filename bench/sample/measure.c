/* measure.c: see measure.h. L = live bytes requested, U = usable bytes of live blocks, A = bytes in the
 * allocator's active pages, M = resident bytes over the baseline. JW1-4: Johnstone & Wilson, "The memory
 * fragmentation problem: solved?", ISMM'98. */
#include "measure.h"

#include <math.h>
#include <string.h>

static uint64_t measure_above(uint64_t rss, const struct measure *m)
{
    return rss > m->baseline.rss_bytes ? rss - m->baseline.rss_bytes : 0;
}

#define MEASURE_RATIO(sample, id, over, under) \
    ((under) > 0 ? sample_set(sample, id, (double)(over) / (double)(under)) : (void)0)

struct measure_extremes {
    double ratio_sum;
    unsigned ratios;
    uint64_t read_live; /* most of all that was read */
    uint64_t max_live, memory_at_max_live, max_memory, live_at_max_memory;
    uint64_t heap_peak; /* max_memory is of readings that have L beside them */
};

/* Threads publish at different moments: a sum can be below zero for an instant. */
static uint64_t measure_not_below_0(uint64_t live)
{
    return live > UINT64_MAX / 2 ? 0 : live;
}

static void measure_point(struct measure_extremes *e, uint64_t live, uint64_t memory)
{
    live = measure_not_below_0(live);
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

static struct measure_extremes measure_extremes(const struct measure *m, const struct sample *sample)
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
    e.heap_peak = e.max_memory;
    e.read_live = e.max_live;
    if (sample_has(sample, probe_epochs_most_live_bytes) &&
        (uint64_t)sample->probe_epochs_most_live_bytes > e.read_live)
        e.read_live = (uint64_t)sample->probe_epochs_most_live_bytes;
    /* What is read from outside misses a peak of a moment: the worker and the kernel do not. The worker's is
     * of threads at rest; more than that, read while they run, may never have been. */
    uint64_t known = sample_has(sample, probe_most_live_bytes) ? (uint64_t)sample->probe_most_live_bytes : 0;
    if (known) {
        e.max_live = known;
        e.memory_at_max_live = measure_above((uint64_t)sample->probe_most_live_rss_bytes, m);
        e.heap_peak = e.memory_at_max_live > e.heap_peak ? e.memory_at_max_live : e.heap_peak;
        e.read_live = known > e.read_live ? known : e.read_live;
    }
    if (m->hwm_of_one && measure_above(m->vm_hwm_bytes, m) > e.heap_peak)
        e.heap_peak = measure_above(m->vm_hwm_bytes, m);
    return e;
}

static void measure_fragmentation(const struct measure *m, const struct measure_extremes *e,
                                  struct sample *sample)
{
    double requested = (double)m->peak.live_requested, usable = (double)m->peak.live_usable;
    bool has_active = sample_has(sample, probe_peak_active);
    if (m->peak.live_requested >= MEASURE_MIN_LIVE_BYTES) {
        if (usable > 0)
            sample_set(sample, fragmentation_internal, 1 - requested / usable);
        if (has_active)
            MEASURE_RATIO(sample, fragmentation_external, sample->probe_peak_active, usable);
        if (has_active)
            MEASURE_RATIO(sample, fragmentation_residency, measure_above(m->peak.rss_bytes, m),
                          sample->probe_peak_active);
    }
    if (e->max_live >= MEASURE_MIN_LIVE_BYTES) {
        MEASURE_RATIO(sample, fragmentation_jw1, e->ratio_sum, e->ratios);
        MEASURE_RATIO(sample, fragmentation_jw2, e->memory_at_max_live, e->max_live);
        if (e->live_at_max_memory >= MEASURE_MIN_LIVE_BYTES)
            MEASURE_RATIO(sample, fragmentation_jw3, e->max_memory, e->live_at_max_memory);
        MEASURE_RATIO(sample, fragmentation_jw4, e->heap_peak, e->max_live);
        if (m->rss_100ms_bytes != MEASURE_UNKNOWN)
            MEASURE_RATIO(sample, fragmentation_return_to_os_100ms, measure_above(m->rss_100ms_bytes, m),
                          e->heap_peak);
        if (m->rss_1s_bytes != MEASURE_UNKNOWN)
            MEASURE_RATIO(sample, fragmentation_return_to_os_1s, measure_above(m->rss_1s_bytes, m),
                          e->heap_peak);
    }
    if (sample_has(sample, probe_peak_largest_free) && sample_has(sample, probe_peak_total_free) &&
        sample->probe_peak_total_free > 0)
        sample_set(sample, fragmentation_contiguity,
                   1 - (double)sample->probe_peak_largest_free / (double)sample->probe_peak_total_free);
}

static int measure_timeline(const struct watch_timeline *t, struct sample *sample)
{
    int err = 0;
    for (unsigned i = 0; i < t->points && !err; i++) {
        err = sample_push(sample, KEY_timeline_t_ns, (int64_t)t->t_ns[i]);
        if (!err)
            err = sample_push(sample, KEY_timeline_rss_bytes, (int64_t)t->rss_bytes[i]);
        if (!err)
            err =
                sample_push(sample, KEY_timeline_live_bytes, (int64_t)measure_not_below_0(t->live_bytes[i]));
        if (!err)
            err = sample_push(sample, KEY_timeline_allocated_bytes, (int64_t)t->allocated_bytes[i]);
    }
    /* The worker sends when a collection began by the clock that both have; the axis begins with the
     * timeline. */
    for (size_t i = 0; i < sample->timeline_gc_t_ns.count; i++)
        sample->timeline_gc_t_ns.value[i] -= (int64_t)t->start_ns;
    return err;
}

static void measure_memory(const struct measure *m, const struct measure_extremes *e, struct sample *sample)
{
    if (m->baseline.seen && (m->peak.seen || m->timeline.points)) {
        sample_set(sample, memory_heap_peak_bytes, (int64_t)e->heap_peak);
        sample_set(sample, memory_peak_rss_bytes, (int64_t)(e->heap_peak + m->baseline.rss_bytes));
    }
    if (m->pss_bytes)
        sample_set(sample, memory_pss_bytes, (int64_t)m->pss_bytes);
    if (m->vm_hwm_bytes)
        sample_set(sample, memory_vm_hwm_bytes, (int64_t)m->vm_hwm_bytes);
    if (m->peak.seen && e->max_live)
        sample_set(sample, memory_peak_live_requested_bytes, (int64_t)e->max_live);
    uint64_t usable = m->peak.live_usable > m->begin.live_usable ? m->peak.live_usable : m->begin.live_usable;
    if (usable)
        sample_set(sample, memory_peak_live_usable_bytes, (int64_t)usable);
    if (sample_has(sample, probe_peak_mapped))
        sample_set(sample, memory_held_bytes, sample->probe_peak_mapped);
    if (m->peak.seen)
        measure_fragmentation(m, e, sample);
}

int measure_sample(const struct measure *m, struct sample *sample)
{
    struct measure_extremes e = measure_extremes(m, sample);
    if (m->baseline.seen)
        sample_set(sample, memory_baseline_rss_bytes, (int64_t)m->baseline.rss_bytes);
    if (m->peak.seen && e.read_live && sample_has(sample, replay_order))
        sample_set(sample, replay_peak_live_replayed_bytes, (int64_t)e.read_live);
    if (strcmp(sample_text_or(sample, replay_order, ""), "free") == 0)
        return 0; /* how much is live is a matter of chance, not the program's: no figure of memory */
    measure_memory(m, &e, sample);
    return measure_timeline(&m->timeline, sample);
}
