/* phases.c: the threads of a sample and their way through its phases: baseline, prepare, begin, run, peak,
 * drain, drained. The front is asked between the phases, while all threads wait at a barrier; what looks
 * into the heap (census, heap map, snapshot) does so there.
 *
 * With one thread the main thread does the work and no other exists: a second thread would take the C
 * library's malloc off its single-thread path. */
#include "worker.h"
#include "alloc/base/rng.h"

#include <string.h>

static struct {
    const struct worker_cell *cell;
    struct workload_sample *sample;
    struct gauge *gauge;
    pthread_barrier_t barrier;
    pthread_t *id;               /* of each thread but the main one */
    uint64_t *start_ns, *end_ns; /* of each thread's measured phase */
} phases;

void phases_open(const struct worker_cell *cell, struct workload_sample *s, struct gauge *gauge)
{
    phases.cell = cell;
    phases.sample = s;
    phases.gauge = gauge;
    phases.id = workload_scratch(cell->threads * sizeof *phases.id);
    phases.start_ns = workload_scratch(cell->threads * sizeof *phases.start_ns);
    phases.end_ns = workload_scratch(cell->threads * sizeof *phases.end_ns);
    if (!phases.id || !phases.start_ns || !phases.end_ns)
        say_fail("oom", "no memory for the worker's own tables");
}

/* One thread's way through the phases; the barriers hold all at the same place. Thread 0 is the main thread
 * and speaks to the front between two barriers. */
static void phases_wait(void)
{
    if (phases.cell->threads > 1)
        pthread_barrier_wait(&phases.barrier);
}

static void phases_call(void (*phase)(struct workload_thread *), unsigned index)
{
    if (!phase)
        return;
    object_thread_begin(phases.sample->runtime, index);
    phase(&phases.sample->thread[index]);
    object_thread_end(phases.sample->runtime, index);
}

static void phases_measured(unsigned index)
{
    object_thread_begin(phases.sample->runtime, index);
    phases.start_ns[index] = os_now_ns();
    phases.sample->workload->run(&phases.sample->thread[index]);
    phases.end_ns[index] = os_now_ns();
    object_thread_end(phases.sample->runtime, index);
}

static void *phases_thread(void *arg)
{
    unsigned index = (unsigned)(uintptr_t)arg;
    worker_bind(phases.cell, index);
    phases_wait(); /* all threads exist: baseline */
    phases_wait(); /* prepare */
    phases_call(phases.sample->workload->prepare, index);
    phases_wait(); /* all are prepared */
    phases_wait(); /* begin */
    phases_measured(index);
    phases_wait(); /* all have run: peak */
    phases_wait(); /* drain */
    phases_call(phases.sample->workload->drain, index);
    phases_wait(); /* all are drained */
    /* the front has seen what is left: a thread that ends gives its caches back, not before that */
    phases_wait();
    return NULL;
}

struct phases_live {
    uint64_t requested, usable;
    bool usable_known;
};

static void phases_visit(void *arg, const void *block, size_t requested)
{
    struct phases_live *live = arg;
    size_t usable = phases.sample->alloc->usable(phases.sample->alloc->ctx, block);
    live->requested += requested;
    live->usable += usable;
    live->usable_known &= usable != 0;
}

static struct phases_live phases_live_now(void)
{
    struct phases_live live = {0, 0, !(phases.sample->alloc_flags & ALLOC_ALIASES)};
    if (phases.sample->workload->live)
        phases.sample->workload->live(phases.sample, phases_visit, &live);
    if (phases.sample->runtime)
        live = (struct phases_live){runtime_live_bytes(phases.sample->runtime), 0, false};
    if (!live.usable_known)
        live.usable = 0; /* the front takes 0 as "not known" */
    return live;
}

/* At the peak: what the front needs of the allocator, and what it reports of itself. */
static void phases_report_heap(void)
{
    const struct alloc *a = phases.sample->alloc;
    struct alloc_stats stats;
    memset(&stats, 0xff, sizeof stats);
    if (a->backend->stats)
        a->backend->stats(a->ctx, &stats);
    const struct {
        enum schema_key key;
        uint64_t value;
    } figures[] = {{KEY_probe_peak_mapped, stats.mapped_bytes},
                   {KEY_probe_peak_active, stats.active_bytes},
                   {KEY_probe_peak_largest_free, stats.largest_free_bytes},
                   {KEY_probe_peak_total_free, stats.total_free_bytes}};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (figures[i].value != ALLOC_UNKNOWN)
            say_integer(schema_rows[figures[i].key].path, figures[i].value);
    if (a->backend->report)
        a->backend->report(a->ctx, &say_sink);
}

#define SETTLE_LOAD_EVERY_MS 10

/* What a program does that is nearly idle: some allocators give memory back only when they are called. Sizes of
 * 16 to 512 bytes, one block at a time. */
static void phases_light_load(void)
{
    const struct alloc *a = phases.sample->alloc;
    static uint64_t n;
    object_thread_begin(phases.sample->runtime, 0);
    for (uint64_t i = 0; i < phases.cell->settings.settle_load; i++) {
        unsigned char *block = a->malloc(a->ctx, 16 + rng_scale((uint32_t)rng_mix(n++), 497));
        if (block)
            *block = 1;
        a->free(a->ctx, block);
    }
    object_thread_end(phases.sample->runtime, 0);
}

void phases_start_threads(void)
{
    if (phases.cell->threads > 1)
        pthread_barrier_init(&phases.barrier, NULL, phases.cell->threads);
    for (unsigned i = 1; i < phases.cell->threads; i++) {
        int err = pthread_create(&phases.id[i], NULL, phases_thread, (void *)(uintptr_t)i);
        if (err) {
            char reason[128];
            say_fail("oom", SAY_KEY(reason, "cannot start thread %u of %u: %s", i + 1, phases.cell->threads,
                                    strerror(err)));
        }
    }
}

void phases_run(void)
{
    const struct workload *w = phases.sample->workload;
    phases_wait();
    say_phase("baseline", 0, 0);
    phases_wait();
    phases_call(w->prepare, 0);
    phases_wait();
    struct phases_live live = phases_live_now();
    uint64_t began_ns = os_now_ns();
    heapmap_write(phases.sample->alloc, "begin", 0);
    census_at(phases.sample->runtime, phases.cell, phases.gauge, "begin");
    say_phase("begin", live.requested, live.usable);
    if (phases.sample->runtime)
        object_begin_measured(phases.cell, phases.sample);
    peak_begin(live.requested);
    probe_begin();
    phases_wait();
    phases_measured(0);
    phases_wait();
    probe_end();
    peak_end();
    if (phases.sample->runtime)
        object_end_measured(phases.sample);
    live = phases_live_now();
    phases_report_heap();
    heapmap_write(phases.sample->alloc, "peak", os_now_ns() - began_ns);
    say_phase("peak", live.requested, live.usable);
    census_at(phases.sample->runtime, phases.cell, phases.gauge, "peak");
    phases_wait();
    phases_call(w->drain, 0);
    phases_wait();
    heapmap_write(phases.sample->alloc, "drained", os_now_ns() - began_ns);
    if (phases.cell->settings.settle_load)
        say_phase_busy("drained", SETTLE_LOAD_EVERY_MS, phases_light_load);
    else
        say_phase("drained", 0, 0);
    census_at(phases.sample->runtime, phases.cell, phases.gauge, "drained");
    phases_wait();
}

struct pauses_run phases_end(void)
{
    struct pauses_run run = {.start_ns = UINT64_MAX};
    for (unsigned i = 0; i < phases.cell->threads; i++) {
        if (i)
            pthread_join(phases.id[i], NULL);
        run.start_ns = phases.start_ns[i] < run.start_ns ? phases.start_ns[i] : run.start_ns;
        run.end_ns = phases.end_ns[i] > run.end_ns ? phases.end_ns[i] : run.end_ns;
        uint64_t work_end_ns = phases.end_ns[i] - probe_stopped_ns() - peak_reading_ns(i);
        run.work_end_ns = work_end_ns > run.work_end_ns ? work_end_ns : run.work_end_ns;
        run.threads_ns += work_end_ns - phases.start_ns[i];
    }
    run.end_ns -= probe_stopped_ns();
    return run;
}
