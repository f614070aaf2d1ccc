/* child_object.c: object-level workloads: opens the runtime of this worker's policy, logs its pauses, says pauses{}, gc{}, gil{}
 * and lock{}. A pause goes to a table of the thread that paused, mapped beforehand: counts, times and percentiles
 * cover all of them, MMU and BMU the first PAUSES_MAX of each thread (pauses.dropped says how many more there were).
 *
 * Waits for the GIL and for locks are pauses of their thread; utilisation is computed for each thread and the least of them
 * and their mean are told (Cheng & Blelloch, PLDI'01). */
#include "child.h"
#include "hist.h"
#include "mmu.h"

#include "../gc/runtime.h"

#include <string.h>

#define PAUSES_MAX 50000

struct object_pauses { /* of one thread */
    struct hist all, cause[PAUSE_CAUSES];
    uint64_t freed_bytes, dropped;
    size_t count;
    struct mmu_pause pause[PAUSES_MAX];
};

static struct {
    struct object_pauses *log; /* [threads] */
    unsigned threads;
} object;

static void object_paused(void *arg, const struct pause *p)
{
    (void)arg;
    struct object_pauses *log = &object.log[p->thread < object.threads ? p->thread : 0];
    hist_record(&log->all, p->end_ns - p->start_ns);
    hist_record(&log->cause[p->cause], p->end_ns - p->start_ns);
    log->freed_bytes += p->freed_bytes;
    if (log->count == PAUSES_MAX)
        log->dropped++;
    else
        log->pause[log->count++] = (struct mmu_pause){p->start_ns, p->end_ns};
}

struct runtime *object_open(const struct child_cell *cell, const struct alloc *alloc)
{
    struct runtime *r;
    struct message m;
    object.threads = cell->threads;
    object.log = workload_scratch(cell->threads * sizeof *object.log);
    if (!object.log)
        say_fail("oom", "no memory for the log of pauses");
    struct runtime_config config = {
        .alloc = alloc,
        .collector = cell->gc,
        .collector_params = cell->gc_params,
        .policy_params = cell->rc_params,
        .threads = cell->threads,
        .pause = object_paused,
    };
    if (runtime_open(&r, &config, &m) != 0)
        say_fail("not-applicable", m.text);
    runtime_thread_detach(r); /* each phase attaches the threads that work in it */
    return r;
}

void object_thread_begin(struct runtime *r, unsigned index)
{
    if (r)
        runtime_thread_attach(r, index);
}

void object_thread_end(struct runtime *r, unsigned index)
{
    (void)index;
    if (r)
        runtime_thread_detach(r);
}

static void object_report_causes(void)
{
    char key[128];
    struct object_pauses *all = &object.log[0];
    for (unsigned c = 0; c < PAUSE_CAUSES; c++) {
        for (unsigned i = 1; i < object.threads; i++)
            hist_merge(&all->cause[c], &object.log[i].cause[c]);
        if (!hist_count(&all->cause[c]))
            continue;
        const char *name = pause_cause_names[c];
        say_integer(SAY_KEY(key, "pauses.by_cause.%s.count", name), hist_count(&all->cause[c]));
        say_integer(SAY_KEY(key, "pauses.by_cause.%s.total_ns", name), all->cause[c].sum_ns);
        say_integer(SAY_KEY(key, "pauses.by_cause.%s.p50_ns", name),
                    hist_quantile_ns(&all->cause[c], 500000));
        say_integer(SAY_KEY(key, "pauses.by_cause.%s.max_ns", name), all->cause[c].max_ns);
    }
}

static void object_report_utilisation(uint64_t start_ns, uint64_t end_ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } windows[] = {{"1ms", 1000000},     {"2ms", 2000000},   {"5ms", 5000000},     {"10ms", 10000000},
                   {"20ms", 20000000},   {"50ms", 50000000}, {"100ms", 100000000}, {"200ms", 200000000},
                   {"500ms", 500000000}, {"1s", 1000000000}};
    enum { WINDOWS = sizeof windows / sizeof *windows };
    size_t scratch_bytes = MMU_SCRATCH_BYTES(PAUSES_MAX);
    void *scratch = workload_scratch(scratch_bytes);
    double least[WINDOWS], bounded[WINDOWS], mean[WINDOWS] = {0};
    char key[64];
    if (!scratch || end_ns <= start_ns)
        return;
    for (unsigned w = 0; w < WINDOWS; w++)
        least[w] = bounded[w] = 1;
    for (unsigned i = 0; i < object.threads; i++) {
        struct mmu m;
        mmu_init(&m, object.log[i].pause, object.log[i].count, start_ns, end_ns, scratch);
        for (unsigned w = 0; w < WINDOWS; w++) {
            double at = mmu_at(&m, windows[w].ns), bound = mmu_bounded_at(&m, windows[w].ns);
            least[w] = at < least[w] ? at : least[w];
            bounded[w] = bound < bounded[w] ? bound : bounded[w];
            mean[w] += at / object.threads;
        }
    }
    for (unsigned w = 0; w < WINDOWS && windows[w].ns <= end_ns - start_ns; w++) {
        say_real(SAY_KEY(key, "pauses.mmu.%s", windows[w].name), least[w]);
        say_real(SAY_KEY(key, "pauses.bmu.%s", windows[w].name), bounded[w]);
        say_real(SAY_KEY(key, "pauses.mmu_mean.%s", windows[w].name), mean[w]);
    }
    os_unmap(&os_harness, scratch, scratch_bytes);
}

static void object_report_pauses(uint64_t start_ns, uint64_t end_ns)
{
    struct hist *all = &object.log[0].all;
    uint64_t dropped = object.log[0].dropped;
    for (unsigned i = 1; i < object.threads; i++) {
        hist_merge(all, &object.log[i].all);
        dropped += object.log[i].dropped;
    }
    say_integer("pauses.count", hist_count(all));
    say_integer("pauses.total_ns", all->sum_ns);
    if (dropped)
        say_integer("pauses.dropped", dropped);
    if (hist_count(all)) {
        say_integer("pauses.p50_ns", hist_quantile_ns(all, 500000));
        say_integer("pauses.p99_ns", hist_quantile_ns(all, 990000));
        say_integer("pauses.p99_9_ns", hist_quantile_ns(all, 999000));
        say_integer("pauses.max_ns", all->max_ns);
    }
    object_report_causes();
    object_report_utilisation(start_ns, end_ns);
}

void object_begin_measured(void)
{
    /* What building the live set cost is not the measured phase's. */
    for (unsigned i = 0; i < object.threads; i++) {
        struct object_pauses *log = &object.log[i];
        hist_clear(&log->all);
        for (unsigned c = 0; c < PAUSE_CAUSES; c++)
            hist_clear(&log->cause[c]);
        log->count = log->dropped = log->freed_bytes = 0;
    }
}

void object_report(struct runtime *r, uint64_t start_ns, uint64_t end_ns)
{
    object_report_pauses(start_ns, end_ns);
    runtime_report(r, &say_sink);
}

void object_close(struct runtime *r, const struct child_cell *cell, struct workload_sample *s)
{
    char reason[160];
    bool collects = strcmp(cell->gc->name, "none") != 0;
    uint64_t kept = s->workload->kept ? s->workload->kept(s) : 0;
    runtime_thread_attach(r, 0);
    uint64_t alive = runtime_live_objects(r);
    say_integer("gc.live_objects", alive);
    /* What only a collector can find may be waiting for one that has not come: that is not a leak. */
    if (alive != kept && collects) {
        runtime_collect(r);
        alive = runtime_live_objects(r);
    }
    if (alive != kept && s->workload->kept && collects)
        say_fail("check-failed", SAY_KEY(reason, "%llu objects are alive at the end, not %llu",
                                         (unsigned long long)alive, (unsigned long long)kept));
    runtime_close(r);
}
