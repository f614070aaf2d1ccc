/* object.h: what the object-level workloads share. They are compiled once a refcount policy, as gc/ is.
 *
 * Their tables of references are mapped, and registered as roots, so that a walk over the heap sees every
 * reference. A thread publishes, and passes a safepoint, once a batch or oftener. */
#ifndef HG_WORKLOADS_OBJECT_OBJECT_H
#define HG_WORKLOADS_OBJECT_OBJECT_H

#include "gc/heap/heap.h"
#include "gc/runtime.h"
#include "alloc/base/rng.h"
#include "workloads/workload.h"
#include "alloc/base/compiler.h"

#include <errno.h>

/* A mapped table of references that is a root; NULL with the sample's message. */
static inline struct object **object_table(struct workload_sample *s, const char *name, size_t count)
{
    struct object **table = workload_scratch((count ? count : 1) * sizeof *table);
    if (!table || heap_root_add(s->runtime, name, table, count) != 0) {
        message_set(s->message, -ENOMEM, "%s: no memory for %zu references", s->name, count);
        return NULL;
    }
    return table;
}

/* What most of them keep for each thread: written in every step, so in cache lines of its own (in pairs, as
 * they are fetched). */
struct object_thread {
    _Alignas(128) struct object **table; /* a root */
    uint64_t count;
    struct rng rng;
    uint64_t sum; /* goes into the checksum */
};

/* Tables of so many references for each thread; shared: the workload's own, or NULL. */
static inline int object_setup(struct workload_sample *s, uint64_t count, void *shared)
{
    struct object_thread *all = workload_scratch(s->threads * sizeof *all);
    if (!all)
        return message_set(s->message, -ENOMEM, "%s: no memory for its tables", s->name);
    for (unsigned i = 0; i < s->threads; i++) {
        all[i].table = object_table(s, s->name, count);
        all[i].count = count;
        if (!all[i].table)
            return -ENOMEM;
        rng_seed(&all[i].rng, s->thread[i].seed);
        s->thread[i].state = &all[i];
    }
    s->state = shared;
    return 0;
}

static inline int object_no_memory(struct workload_sample *s)
{
    return message_set(s->message, -ENOMEM, "%s: no memory for its first objects", s->name);
}

static inline void object_publish(struct workload_thread *t, uint64_t ops)
{
    uint64_t live, allocated;
    runtime_thread_bytes(&live, &allocated);
    gauge_publish(t->gauge, live, allocated, ops);
}

/* This thread's part of a count that all threads of all processes share: the same parts, with the same seeds,
 * whether workers are threads or processes, so that the checksum is the same. */
static inline uint64_t object_share(const struct workload_thread *t, uint64_t count)
{
    unsigned workers = t->sample->workers;
    return count / workers + (t->sample->first_worker + t->index < count % workers);
}

/* Puts value (a new reference, or NULL for "no memory") in the place of what is there. */
static inline bool object_replace(struct workload_thread *t, struct object **place, struct object *value)
{
    struct object *old = *place;
    if (unlikely(!value)) {
        t->failed_allocs++;
        return false;
    }
    *place = value;
    rc_xdec(old);
    return true;
}

/* Runs step once for each of this thread's operations, with safepoints, latency and figures; stops when one
 * fails. */
typedef bool object_step(struct workload_thread *t, struct object_thread *own, uint64_t bits);
static always_inline void object_run(struct workload_thread *t, uint64_t ops, object_step *step)
{
    struct object_thread *own = t->state;
    uint64_t steps = object_share(t, ops), done = 0;
    if (t->failed_allocs)
        return;
    for (; done < steps; done++) {
        uint64_t bits = rng_next(&own->rng);
        if (unlikely(latency_due(t))) {
            uint64_t start = os_now_ns();
            if (!step(t, own, bits))
                break;
            t->sample->latency(t, OP_REQUEST, os_now_ns() - start);
        } else if (!step(t, own, bits)) {
            break;
        }
        thread_safepoint();
        if (done % GAUGE_BATCH == 0)
            object_publish(t, done);
    }
    t->failed_allocs += done < steps;
    object_publish(t, done);
    t->ops = done;
    t->checksum = own->sum;
}

static inline void object_drop_all(struct object **table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct object *old = table[i];
        table[i] = NULL;
        rc_xdec(old);
        thread_safepoint();
    }
}

/* Gives back a thread's table. */
static inline void object_drain(struct workload_thread *t)
{
    struct object_thread *own = t->state;
    object_drop_all(own->table, own->count);
    object_publish(t, t->ops);
}

/* Of one that makes cycles: without a collector they stay, however many they are. */
static inline uint64_t object_kept_cycles(struct workload_sample *s)
{
    return runtime_collects(s->runtime) ? 0 : runtime_live_objects(s->runtime);
}

/* Of a workload that gives back all it makes. */
static inline uint64_t object_kept_none(struct workload_sample *s)
{
    (void)s;
    return 0;
}

/* Fills a container's place i with a new reference; returns whether there was one. */
static inline bool object_fill(struct object *tuple, size_t i, struct object *value)
{
    tuple_init_item(tuple, i, value);
    return value != NULL;
}

#endif
