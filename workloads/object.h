/* object.h: what the object-level workloads share. They are compiled once a refcount policy, as gc/ is.
 *
 * Their tables of references are mapped, and registered as roots, so that a walk over the heap sees every
 * reference. A thread publishes, and passes a safepoint, once a batch or oftener. */
#ifndef HG_WORKLOADS_OBJECT_H
#define HG_WORKLOADS_OBJECT_H

#include "../gc/heap.h"
#include "../gc/runtime.h"
#include "list.h"
#include "rng.h"
#include "workload.h"

#include <errno.h>

/* A mapped table of references that is a root; NULL with the sample's message. */
static inline struct object **object_table(struct workload_sample *s, const char *name, size_t count)
{
    struct object **table = workload_scratch((count ? count : 1) * sizeof *table);
    if (!table || heap_root_add(s->runtime, name, table, count) != 0) {
        message_set(s->message, -ENOMEM, "%s: no memory for %zu references", s->workload->name, count);
        return NULL;
    }
    return table;
}

static inline void object_publish(struct workload_thread *t, uint64_t ops)
{
    uint64_t live, allocated;
    runtime_thread_bytes(&live, &allocated);
    gauge_publish(t->gauge, live, allocated, ops);
}

/* This thread's part of a count that all threads share. */
static inline uint64_t object_share(const struct workload_thread *t, uint64_t count)
{
    unsigned threads = t->sample->threads;
    return count / threads + (t->index < count % threads);
}

/* Puts value (a new reference, or NULL for "no memory") in the place of what is there. */
static inline bool object_replace(struct workload_thread *t, struct object **place, struct object *value)
{
    struct object *old = *place;
    if (__builtin_expect(!value, 0)) {
        t->failed_allocs++;
        return false;
    }
    *place = value;
    rc_xdec(old);
    return true;
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

/* Of a workload that gives back all it makes. */
static inline uint64_t object_kept_none(struct workload_sample *s)
{
    (void)s;
    return 0;
}

/* Fills a container's place i with a new reference and says whether there was one. */
static inline bool object_fill(struct object *tuple, size_t i, struct object *value)
{
    tuple_init_item(tuple, i, value);
    return value != NULL;
}

#endif
