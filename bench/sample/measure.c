/* measure.c: see measure.h. L = live bytes requested, U = usable bytes of live blocks, A = bytes in the
 * allocator's active pages, M = resident bytes over the baseline. JW1-4: Johnstone & Wilson, "The memory
 * fragmentation problem: solved?", ISMM'98. */
#include "measure.h"

#include <math.h>
#include <string.h>

static uint64_t measure_above(uint64_t rss, const struct measure *m)
{
    return rss > m->baseline.memory.rss_bytes ? rss - m->baseline.memory.rss_bytes : 0;
}

#define MEASURE_RATIO(sample, id, over, under) \
    ((under) > 0 ? sample_set(sample, id, (double)(over) / (double)(under)) : (void)0)

/* What is known of a moment: usable and requested are of the same one, or usable is 0. */
struct measure_set {
    uint64_t live, usable, memory;
};

struct measure_extremes {
    double ratio_sum;
    unsigned ratios;
    uint64_t read_live; /* most of all that was read */
    struct measure_set most_live, most_memory;
    uint64_t heap_peak; /* most_memory is of readings that have L beside them */
};

/* Threads publish at different moments: a sum can be below zero for an instant. */
static uint64_t measure_not_below_0(uint64_t live)
{
    return live > UINT64_MAX / 2 ? 0 : live;
}

static void measure_take(struct measure_extremes *e, struct measure_set set)
{
    if (set.live >= e->most_live.live && set.live)
        e->most_live = set;
    if (set.memory > e->most_memory.memory)
        e->most_memory = set;
}

static void measure_ratio(struct measure_extremes *e, struct measure_set set)
{
    if (set.live < MEASURE_MIN_LIVE_BYTES)
        return;
    e->ratio_sum += (double)set.memory / (double)set.live;
    e->ratios++;
}

static struct measure_set measure_of_point(const struct measure *m, unsigned i)
{
    const struct watch_point *p = &m->timeline.at[i];
    return (struct measure_set){measure_not_below_0(p->live_bytes), 0, measure_above(p->rss_bytes, m)};
}

/* Sets that belong together (barriers, the worker's own at its peak) come before what was read from outside while
 * the work went on: a point of the timeline counts as the most live when it is beyond them by more than the
 * percent at which the worker looks. */
static struct measure_extremes measure_extremes(const struct measure *m, const struct sample *sample)
{
    struct measure_extremes e = {0};
    const struct measure_phase *exact[] = {&m->begin, &m->peak};
    for (unsigned i = 0; i < 2; i++)
        if (exact[i]->seen) {
            struct measure_set set = {exact[i]->live_requested, exact[i]->live_usable,
                                      measure_above(exact[i]->memory.rss_bytes, m)};
            measure_ratio(&e, set);
            measure_take(&e, set);
        }
    struct measure_set own = {0};
    if (sample_has(sample, probe_most_live_bytes) && sample->probe_most_live_bytes)
        own = (struct measure_set){(uint64_t)sample->probe_most_live_bytes, 0,
                                   measure_above((uint64_t)sample->probe_most_live_rss_bytes, m)};
    measure_take(&e, own);
    uint64_t together = e.most_live.live + e.most_live.live / 100;
    for (unsigned i = 0; i < m->timeline.points; i++) {
        struct measure_set set = measure_of_point(m, i);
        measure_ratio(&e, set);
        if (set.live > together)
            measure_take(&e, set);
        else if (set.memory > e.most_memory.memory)
            e.most_memory = set;
    }
    e.heap_peak = e.most_memory.memory;
    e.read_live = e.most_live.live;
    if (sample_has(sample, probe_epochs_most_live_bytes) &&
        (uint64_t)sample->probe_epochs_most_live_bytes > e.read_live)
        e.read_live = (uint64_t)sample->probe_epochs_most_live_bytes;
    /* The worker's own of a replay is of threads at rest: more than that, read while they run, may never have
     * been. */
    if (own.live && sample_has(sample, replay_order))
        e.most_live = own;
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
            MEASURE_RATIO(sample, fragmentation_residency, measure_above(m->peak.memory.rss_bytes, m),
                          sample->probe_peak_active);
    }
    if (e->most_live.live >= MEASURE_MIN_LIVE_BYTES) {
        MEASURE_RATIO(sample, fragmentation_jw1, e->ratio_sum, e->ratios);
        MEASURE_RATIO(sample, fragmentation_jw2, e->most_live.memory, e->most_live.live);
        if (e->most_memory.live >= MEASURE_MIN_LIVE_BYTES)
            MEASURE_RATIO(sample, fragmentation_jw3, e->most_memory.memory, e->most_memory.live);
        MEASURE_RATIO(sample, fragmentation_jw4, e->heap_peak, e->most_live.live);
        if (m->rss_100ms_bytes != MEASURE_UNKNOWN)
            MEASURE_RATIO(sample, fragmentation_return_to_os_100ms, measure_above(m->rss_100ms_bytes, m),
                          e->heap_peak);
        if (m->rss_1s_bytes != MEASURE_UNKNOWN)
            MEASURE_RATIO(sample, fragmentation_return_to_os_1s, measure_above(m->rss_1s_bytes, m),
                          e->heap_peak);
        if (m->settled.seen) {
            const struct watch_memory *end = &m->settled.memory;
            MEASURE_RATIO(sample, fragmentation_return_to_os_end, measure_above(end->rss_bytes, m),
                          e->heap_peak);
            MEASURE_RATIO(sample, fragmentation_return_to_os_end_less_lazy,
                          measure_above(end->rss_bytes - end->lazy_free_bytes, m), e->heap_peak);
        }
    }
    if (sample_has(sample, probe_peak_largest_free) && sample_has(sample, probe_peak_total_free) &&
        sample->probe_peak_total_free > 0)
        sample_set(sample, fragmentation_contiguity,
                   1 - (double)sample->probe_peak_largest_free / (double)sample->probe_peak_total_free);
}

static int measure_push(struct sample *sample, const struct watch_point *p, uint64_t t_ns)
{
    int err = sample_push(sample, KEY_timeline_t_ns, (int64_t)t_ns);
    if (!err)
        err = sample_push(sample, KEY_timeline_rss_bytes, (int64_t)p->rss_bytes);
    if (!err)
        err = sample_push(sample, KEY_timeline_live_bytes, (int64_t)measure_not_below_0(p->live_bytes));
    if (!err)
        err = sample_push(sample, KEY_timeline_allocated_bytes, (int64_t)p->allocated_bytes);
    return err;
}

/* One axis, which begins with the first timeline; the second goes on where it ends. */
static int measure_timeline(const struct measure *m, struct sample *sample)
{
    int err = 0;
    uint64_t shift = m->after.start_ns - m->timeline.start_ns - m->timeline.stopped_ns;
    for (unsigned i = 0; i < m->timeline.points && !err; i++)
        err = measure_push(sample, &m->timeline.at[i], m->timeline.at[i].t_ns);
    for (unsigned i = 0; i < m->after.points && !err; i++) {
        const struct watch_point *p = &m->after.at[i];
        err = measure_push(sample, p, p->t_ns + shift);
        if (err || !m->drained_ns || p->t_ns < m->drained_ns)
            continue;
        err = sample_push(sample, KEY_timeline_settle_t_ns, (int64_t)(p->t_ns + shift));
        if (!err)
            err = sample_push(sample, KEY_timeline_settle_lazy_free_bytes, (int64_t)p->lazy_free_bytes);
        if (!err)
            err = sample_push(sample, KEY_timeline_settle_anon_huge_bytes, (int64_t)p->anon_huge_bytes);
    }
    if (m->after.points)
        sample_set(sample, timeline_run_end_ns, (int64_t)shift);
    if (m->drained_ns)
        sample_set(sample, timeline_drained_ns, (int64_t)(m->drained_ns + shift));
    /* The worker sends when a collection began by the clock that both have. */
    for (size_t i = 0; i < sample->timeline_gc_t_ns.count; i++)
        sample->timeline_gc_t_ns.value[i] -= (int64_t)m->timeline.start_ns;
    return err;
}

/* What was resident at the end of the measured phase and at the end of the settle, each read at one moment. */
static void measure_ends(const struct measure *m, struct sample *sample)
{
    if (m->peak.seen) {
        const struct watch_memory *end = &m->peak.memory;
        sample_set(sample, memory_run_end_heap_bytes, (int64_t)measure_above(end->rss_bytes, m));
        if (m->peak.live_requested)
            sample_set(sample, memory_run_end_live_requested_bytes, (int64_t)m->peak.live_requested);
        if (m->peak.live_usable)
            sample_set(sample, memory_run_end_live_usable_bytes, (int64_t)m->peak.live_usable);
        sample_set(sample, memory_run_end_lazy_free_bytes, (int64_t)end->lazy_free_bytes);
        sample_set(sample, memory_run_end_anon_huge_bytes, (int64_t)end->anon_huge_bytes);
    }
    if (m->settled.seen) {
        const struct watch_memory *end = &m->settled.memory;
        sample_set(sample, memory_settle_end_heap_bytes, (int64_t)measure_above(end->rss_bytes, m));
        sample_set(sample, memory_settle_end_lazy_free_bytes, (int64_t)end->lazy_free_bytes);
        sample_set(sample, memory_settle_end_anon_huge_bytes, (int64_t)end->anon_huge_bytes);
    }
}

static void measure_memory(const struct measure *m, const struct measure_extremes *e, struct sample *sample)
{
    if (m->baseline.seen && (m->peak.seen || m->timeline.points)) {
        sample_set(sample, memory_heap_peak_bytes, (int64_t)e->heap_peak);
        sample_set(sample, memory_peak_rss_bytes, (int64_t)(e->heap_peak + m->baseline.memory.rss_bytes));
    }
    if (m->peak.memory.pss_bytes)
        sample_set(sample, memory_pss_bytes, (int64_t)m->peak.memory.pss_bytes);
    if (m->vm_hwm_bytes)
        sample_set(sample, memory_vm_hwm_bytes, (int64_t)m->vm_hwm_bytes);
    if (m->peak.seen && e->most_live.live) {
        sample_set(sample, memory_peak_live_requested_bytes, (int64_t)e->most_live.live);
        if (e->most_live.usable)
            sample_set(sample, memory_peak_live_usable_bytes, (int64_t)e->most_live.usable);
    }
    if (sample_has(sample, probe_peak_mapped))
        sample_set(sample, memory_held_bytes, sample->probe_peak_mapped);
    measure_ends(m, sample);
    if (m->peak.seen)
        measure_fragmentation(m, e, sample);
}

int measure_sample(const struct measure *m, struct sample *sample)
{
    struct measure_extremes e = measure_extremes(m, sample);
    if (m->baseline.seen)
        sample_set(sample, memory_baseline_rss_bytes, (int64_t)m->baseline.memory.rss_bytes);
    if (m->peak.seen && e.read_live && sample_has(sample, replay_order))
        sample_set(sample, replay_peak_live_replayed_bytes, (int64_t)e.read_live);
    if (strcmp(sample_text_or(sample, replay_order, ""), "free") == 0)
        return 0; /* how much is live is a matter of chance, not the program's: no figure of memory */
    measure_memory(m, &e, sample);
    return measure_timeline(m, sample);
}
