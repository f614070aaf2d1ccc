/* ring.h: a bounded queue of batches of blocks from one thread to another (single producer, single consumer).
 * The batches live in the ring: the producer fills the one at its end in place, the consumer empties the one
 * at its front in place, so that nothing but the two counters moves between the threads.
 *
 * Waiting spins briefly and then yields: with more threads than processors the other side needs this
 * one's. */
#ifndef HG_WORKLOADS_ALLOC_RING_H
#define HG_WORKLOADS_ALLOC_RING_H

#include "block.h"

#include <sched.h>

#define RING_SPINS 200

struct ring {
    _Alignas(128) _Atomic uint64_t filled;  /* batches ever; stored by the producer alone */
    _Alignas(128) _Atomic uint64_t emptied; /* batches ever; stored by the consumer alone */
    _Alignas(128) struct block *blocks;     /* [places][batch] */
    uint32_t *count;                        /* [places]: blocks in the batch */
    uint32_t places, batch;
};

static inline bool ring_open(struct ring *r, uint32_t places, uint32_t batch)
{
    r->places = places;
    r->batch = batch;
    r->blocks = workload_scratch((size_t)places * batch * sizeof *r->blocks);
    r->count = workload_scratch(places * sizeof *r->count);
    return r->blocks && r->count;
}

static inline void ring_relax(unsigned *spins)
{
    if (++*spins < RING_SPINS) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#endif
    } else {
        *spins = 0;
        sched_yield();
    }
}

/* The producer's next batch to fill; waits while all places are taken. */
static inline struct block *ring_fill_begin(struct ring *r)
{
    unsigned spins = 0;
    uint64_t filled = atomic_load_explicit(&r->filled, memory_order_relaxed); /* our own */
    /* acquire pairs with ring_empty_end's release: the consumer is done with the place */
    while (filled - atomic_load_explicit(&r->emptied, memory_order_acquire) == r->places)
        ring_relax(&spins);
    return r->blocks + filled % r->places * r->batch;
}

static inline void ring_fill_end(struct ring *r, uint32_t count)
{
    uint64_t filled = atomic_load_explicit(&r->filled, memory_order_relaxed);
    r->count[filled % r->places] = count;
    /* release pairs with ring_empty_begin's acquire: the batch and the blocks' bytes come before */
    atomic_store_explicit(&r->filled, filled + 1, memory_order_release);
}

/* The consumer's next batch to empty; waits while there is none. NULL at once when none is there and wait is
 * false. */
static inline struct block *ring_empty_begin(struct ring *r, uint32_t *count, bool wait)
{
    unsigned spins = 0;
    uint64_t emptied = atomic_load_explicit(&r->emptied, memory_order_relaxed); /* our own */
    while (atomic_load_explicit(&r->filled, memory_order_acquire) == emptied) { /* pairs with ring_fill_end */
        if (!wait)
            return NULL;
        ring_relax(&spins);
    }
    *count = r->count[emptied % r->places];
    return r->blocks + emptied % r->places * r->batch;
}

static inline void ring_empty_end(struct ring *r)
{
    uint64_t emptied = atomic_load_explicit(&r->emptied, memory_order_relaxed);
    atomic_store_explicit(&r->emptied, emptied + 1, memory_order_release); /* pairs with ring_fill_begin */
}

/* At quiescence: the blocks that were sent and not yet taken. */
static inline void ring_visit(struct ring *r, workload_visit *visit, void *arg)
{
    uint64_t filled = atomic_load_explicit(&r->filled, memory_order_relaxed);
    for (uint64_t i = atomic_load_explicit(&r->emptied, memory_order_relaxed); i < filled; i++)
        block_visit(r->blocks + i % r->places * r->batch, r->count[i % r->places], visit, arg);
}

#endif
