/* gauge.h: the control page that a worker shares with its parent. The worker's threads store, the parent
 * reads: that is how live bytes and operations are known over time without a message, a lock or a second
 * thread in the worker. All fields are relaxed atomics of one writer; a thread's fields fill cache lines of
 * their own. Threads publish once a batch (GAUGE_BATCH operations or so). */
#ifndef HG_WORKLOADS_GAUGE_H
#define HG_WORKLOADS_GAUGE_H

#include <stdatomic.h>
#include <stdint.h>

#define GAUGE_THREADS_MAX 1024
#define GAUGE_BATCH       64

struct gauge_thread {
    _Alignas(128) _Atomic uint64_t
        live_bytes; /* requested; may wrap below 0 for a thread that frees others' blocks: sum them */
    _Atomic uint64_t allocated_bytes; /* requested, ever */
    _Atomic uint64_t ops;
};

struct gauge {
    _Atomic uint64_t collections; /* ended, any generation */
    _Atomic uint64_t held_bytes;  /* by the backend from the OS, where it reports it */
    _Atomic uint32_t
        walking; /* the harness looks into the heap with memory of its own: read no figures now */
    _Atomic uint64_t stopped_ns; /* so far, of the measured phase, in which its clock stood */
    struct gauge_thread thread[GAUGE_THREADS_MAX];
};

static inline void gauge_publish(struct gauge_thread *g, uint64_t live_bytes, uint64_t allocated_bytes,
                                 uint64_t ops)
{
    atomic_store_explicit(&g->live_bytes, live_bytes, memory_order_relaxed);
    atomic_store_explicit(&g->allocated_bytes, allocated_bytes, memory_order_relaxed);
    atomic_store_explicit(&g->ops, ops, memory_order_relaxed);
}

#endif
