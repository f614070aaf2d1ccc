/* fragment.h: what the adversaries of memory share that fill a live size in bytes: a thread's share of it,
 * and a table for as many blocks of the smallest size as that takes. */
#ifndef HG_WORKLOADS_ALLOC_FRAGMENT_H
#define HG_WORKLOADS_ALLOC_FRAGMENT_H

#include "slots.h"

static inline int fragment_setup(struct workload_sample *s, uint64_t live_bytes, uint64_t size)
{
    uint64_t share = live_bytes / s->threads / size;
    int err = slots_setup(s, share ? share : 1);
    for (unsigned i = 0; !err && i < s->threads; i++)
        slots_of(&s->thread[i])->share = live_bytes / s->threads;
    return err;
}

#endif
