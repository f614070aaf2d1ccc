/* cache.h: what cache-thrash and cache-scratch share: a small block is allocated, written many times and
 * freed, by all threads at once. Both show false sharing that an allocator causes (Berger et al., "Hoard: a
 * scalable memory allocator for multithreaded applications", ASPLOS 2000): small blocks of two threads on one
 * cache line. */
#ifndef HG_WORKLOADS_ALLOC_CACHE_H
#define HG_WORKLOADS_ALLOC_CACHE_H

#include "slots.h"

#define CACHE_PARAMS(P, S)                                      \
    P(S, BYTES, size, "8", "1-4k", "block size in bytes")       \
    P(S, COUNT, writes, "1000", "0-1M", "writes to each block") \
    P(S, COUNT, ops, "400k", "1-100G", "operations (a malloc or a free each), over all threads")
PARAM_STRUCT(cache_params, CACHE_PARAMS)

static inline int cache_setup(struct workload_sample *s)
{
    const struct cache_params *p = s->params;
    int err = slots_setup(s, 1);
    for (unsigned i = 0; !err && i < s->threads; i++)
        slots_of(&s->thread[i])->share = block_share(p->ops / 2, s->threads, i);
    return err;
}

/* The writes are what is measured: the compiler may not fold them. */
static inline void cache_write(const struct block *b, uint64_t writes)
{
    volatile unsigned char *byte = b->at;
    for (uint64_t i = 0; byte && i < writes; i++)
        byte[i % b->size] = (unsigned char)b->tag;
}

static inline void cache_run(struct workload_thread *t)
{
    const struct cache_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    struct block *b = own->slot;
    block_begin(&own->account);
    slots_drop(own, b, t->index ? OP_FREE_REMOTE : OP_FREE); /* cache-scratch's gift from thread 0 */
    for (uint64_t i = 0; i < own->share; i++) {
        block_new(&own->account, b, (uint32_t)p->size, (uint32_t)i);
        cache_write(b, p->writes);
        slots_drop(own, b, OP_FREE);
    }
    block_end(&own->account);
}

#endif
