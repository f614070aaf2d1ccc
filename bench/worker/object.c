/* object.c: object-level workloads: opens the runtime of this worker's policy, attaches threads to it,
 * reports gc{}, gil{}, lock{} and stop{} of the measured phase, and looks after it at the end. Pauses:
 * pauses.c; garbage: oracle.c. */
#include "worker.h"

#include "bench/stat/hist.h"

#include "gc/runtime.h"
#include "workloads/object/reclaim.h"

#include <string.h>

#define FIGURES_MAX 96 /* of the runtime's counters */

static struct {
    bool oracle; /* an oracle sample */
    /* The runtime counts from its opening: what its counters were when the measured phase began. */
    struct {
        char key[64];
        uint64_t value;
    } begin[FIGURES_MAX];
    size_t figures;
    uint64_t containers;
} object;

/* The sample whose threads look for the most that is live (peak.c). */
static struct workload_sample *object_sample;

static uint64_t object_look(unsigned index, uint64_t live_bytes, uint64_t made_bytes)
{
    struct workload_sample *s = object_sample;
    return s->look && index < s->threads ? s->look(&s->thread[index], live_bytes, made_bytes) : UINT64_MAX;
}

struct runtime *object_open(const struct worker_cell *cell, struct workload_sample *s)
{
    const struct alloc *alloc = s->alloc;
    struct runtime *r;
    struct message m;
    object.oracle = cell->settings.oracle != 0;
    object_sample = s;
    struct runtime_config config = {
        .alloc = alloc,
        .collector = cell->gc,
        .collector_params = cell->gc_params,
        .python = python_find(cell->settings.python),
        .policy_params = cell->rc_params,
        .threads = cell->threads,
        .pause = object.oracle ? NULL : pauses_open(cell),
        .watch = oracle_watch,
        .look = object.oracle ? NULL : object_look,
    };
    if (runtime_open(&r, &config, &m) != 0)
        say_fail("not-applicable", m.text);
    runtime_thread_detach(r); /* each phase attaches the threads that work in it */
    return r;
}

void object_thread_begin(struct runtime *r, unsigned index)
{
    if (!r)
        return;
    runtime_thread_attach(r, index);
    if (object.oracle)
        runtime_watch();
}

void object_thread_end(struct runtime *r, unsigned index)
{
    (void)index;
    if (r)
        runtime_thread_detach(r);
}

/* --- the runtime's counters ----------------------------------------------------------------------------- */

/* A distribution, a maximum or a state: it has no difference. */
static bool object_is_counter(const char *key)
{
    size_t n = strlen(key);
    return !(n > 7 && strcmp(key + n - 7, "_p99_ns") == 0) &&
           !(n > 6 && strcmp(key + n - 6, "max_ns") == 0) && strcmp(key, "gc.live_objects") != 0;
}

static void object_keep(void *arg, const char *key, uint64_t value)
{
    (void)arg;
    if (object.figures == FIGURES_MAX)
        return;
    snprintf(object.begin[object.figures].key, sizeof object.begin->key, "%s", key);
    object.begin[object.figures++].value = value;
}

static void object_say(void *arg, const char *key, uint64_t value)
{
    (void)arg;
    for (size_t i = 0; i < object.figures && object_is_counter(key); i++)
        if (strcmp(object.begin[i].key, key) == 0)
            value -= object.begin[i].value;
    say_integer(key, value);
    if (strcmp(key, "gc.references") == 0 && object.containers)
        say_real(SAY(gc_references_per_object), (double)value / (double)object.containers);
}

static void object_say_text(void *arg, const char *key, const char *value)
{
    (void)arg;
    say_text(key, value);
}

static void object_ignore_text(void *arg, const char *key, const char *value)
{
    (void)arg, (void)key, (void)value;
}

void object_begin_measured(const struct worker_cell *cell, struct workload_sample *s)
{
    const struct alloc_sink keep = {.integer = object_keep, .text = object_ignore_text};
    runtime_report(s->runtime, &keep);
    object.containers = runtime_containers_made(s->runtime);
    if (object.oracle)
        oracle_begin(cell, s);
    else
        pauses_begin();
}

/* How long dead cycles waited, those that are free by now; of the others the number is reported. */
static void object_say_reclaim(const struct workload_sample *s)
{
    static struct hist ns, objects;
    uint64_t waiting = 0;
    if (!s->reclaim)
        return;
    for (unsigned i = 0; i < s->threads; i++) {
        const struct reclaim_thread *own = &s->reclaim->thread[i];
        for (size_t k = 0; k < own->count; k++) {
            const struct reclaim_mark *mark = &own->mark[k];
            waiting += !mark->freed_ns;
            if (!mark->freed_ns)
                continue;
            hist_record(&ns, mark->freed_ns - mark->died_ns);
            hist_record(&objects, mark->freed_made - mark->died_made);
        }
    }
    say_integer(SAY(gc_reclaim_count), hist_count(&ns));
    say_integer(SAY(gc_reclaim_waiting), waiting);
    say_distribution("gc.reclaim", "ns", &ns, HIST_P50 | HIST_P99 | HIST_MAX);
    say_distribution("gc.reclaim", "objects", &objects, HIST_P50 | HIST_MAX);
}

void object_end_measured(const struct workload_sample *s)
{
    struct runtime *r = s->runtime;
    const struct alloc_sink sink = {.integer = object_say, .text = object_say_text};
    if (object.oracle) {
        oracle_end();
        oracle_report();
        return;
    }
    pauses_end();
    object.containers = runtime_containers_made(r) - object.containers;
    say_integer(SAY(gc_allocated), object.containers);
    runtime_report(r, &sink);
    object_say_reclaim(s);
}

void object_close(struct runtime *r, const struct worker_cell *cell, struct workload_sample *s)
{
    char reason[160];
    bool collects = strcmp(cell->gc->name, "none") != 0;
    uint64_t kept = s->workload->kept ? s->workload->kept(s) : 0;
    runtime_thread_attach(r, 0);
    uint64_t alive = runtime_live_objects(r);
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
