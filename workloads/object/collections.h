/* collections.h: full collections that are asked for: what gc-traversal and gc-collect share. */
#ifndef HG_WORKLOADS_OBJECT_COLLECTIONS_H
#define HG_WORKLOADS_OBJECT_COLLECTIONS_H

#include "object.h"

/* So many full collections, each behind what `before` makes of it and timed alone. */
static inline void collections_run(struct workload_thread *t, uint64_t ops,
                                   bool before(struct workload_thread *))
{
    struct object_thread *own = t->state;
    uint64_t done = 0;
    if (t->failed_allocs)
        return;
    for (; done < ops && (!before || before(t)); done++) {
        uint64_t start = os_now_ns();
        gc_collect(t->sample->runtime, 2);
        t->sample->latency(t, OP_REQUEST, os_now_ns() - start);
        own->sum += done;
        thread_safepoint();
        object_publish(t, done);
    }
    t->failed_allocs += done < ops;
    object_publish(t, done);
    t->ops = done;
    t->checksum = own->sum;
}

#endif
