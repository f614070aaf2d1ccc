/* thread.h: thread states, safepoints, and stopping the world.
 *
 *   DETACHED --attach--> ATTACHED --detach--> DETACHED       SUSPENDED: detached, and may not attach until
 *       \____________ suspended by a stop ____________/      the world starts again
 *
 * Only an attached thread touches objects. A thread that blocks (lock, I/O, join) detaches first. A safepoint
 * is one relaxed load of breaker; bits are set by others (fetch_or, release) and read by the owner (acquire
 * in the slow path). Under a GIL attach takes it, detach drops it, and one attached thread is the world
 * stopped. Without one, thread_stop_world makes every other thread detached-or-suspended and returns; the
 * time to stop is reported as a pause of cause PAUSE_STOP of its own. */
#ifndef HG_GC_RUNTIME_THREAD_H
#define HG_GC_RUNTIME_THREAD_H

#include "freelist.h"
#include "strict.h"

#include <pthread.h>

enum {
    BREAK_STOP = 1,
    BREAK_MERGE = 2, /* biased: objects wait in the queue for their owner */
    BREAK_GC = 4,
    BREAK_GIL = 8,
    BREAK_WATCH = 16, /* stays set: outside.watch runs at every safepoint (runtime_watch) */
};

enum thread_state { THREAD_DETACHED, THREAD_ATTACHED, THREAD_SUSPENDED };

struct critical;
struct registry_chunk;

/* Containers that died too deep on the stack to be taken apart there, and a cascade of frees that takes long:
 * a pause (trash.h). */
struct trashcan {
    int nesting, levels; /* from this one on objects are put aside ... */
    uintptr_t stack_end; /* ... or when the C stack comes down to here; 0: never for that */
    bool pending;        /* trash_end has more to do */
    struct object *later;
    struct object **table; /* biased: those that cannot be linked */
    size_t count, room;
    uint64_t cascade_freed, cascade_start_ns, cascade_from_bytes;
};

struct thread {
    _Alignas(128) _Atomic uint32_t breaker;
    _Atomic int state;
    uint32_t id;    /* index + 1, never 0: the owner's name under biased; used again by a later thread */
    unsigned index; /* place in runtime.threads.at[] */
    bool in_use;    /* under runtime.threads.mutex */
    struct runtime *runtime;
    /* Counted by the owner alone; read by others at quiescence. Memory taken from the allocator and given
     * back: objects (dead ones on free lists count as not given back), and bytes, with the tables that
     * objects own. Containers are counted apart from other objects; that count may be read at any time. */
    uint64_t made_plain, freed_plain, freed_containers, made_bytes, freed_bytes;
    uint64_t look_at; /* made bytes at which outside.look is due */
    _Atomic uint64_t made_containers;
    int64_t young_delta;
    struct trashcan trash;
    bool collects;             /* a collection runs on it: cascades are part of that */
    struct critical *critical; /* innermost section held or suspended */
    uint64_t mutexes_taken;    /* of objects' contents, by critical sections */
#if !RC_GIL_HELD
    struct freelists freelists;
    struct registry_chunk **chunk; /* registry of the GC objects made here */
    uint32_t chunks, slot_free;
    _Atomic uint64_t slots_lost; /* emptied by other threads, not yet taken back */
#endif
    void *policy; /* the refcount policy's own */
#if HG_RC == HG_RC_BIASED
    _Alignas(64) _Atomic uint64_t qsbr_seq; /* written by the owner, read by who frees (qsbr.h) */
#endif
};

/* What is done beside, at a thread's coming and going, by who keeps something for it: the refcount policy,
 * the locks of objects. NULL: nothing to do. */
struct thread_hooks {
    int (*open)(struct thread *t); /* its place is made: 0 or -ENOMEM */
    void (*close)(struct thread *t);
    void (*attach)(struct thread *t);
    void (*detach)(struct thread *t); /* for good, or until it attaches again */
    void (*merge)(struct thread *t);  /* BREAK_MERGE */
    void (*block)(struct thread *t);  /* it stops to touch objects for a while, and goes on */
    void (*unblock)(struct thread *t);
};

extern _Thread_local struct thread *thread_self __attribute__((tls_model("initial-exec")));

/* Nothing read before is used after: what others gave up may go. And whether the thread takes part at all. */
#if HG_RC == HG_RC_BIASED
extern _Atomic uint64_t qsbr_write_seq;
static inline void rc_thread_quiescent(struct thread *t)
{
    uint64_t seq = atomic_load_explicit(&qsbr_write_seq, memory_order_acquire);
    atomic_store_explicit(&t->qsbr_seq, seq, memory_order_release);
}
static inline void rc_thread_online(struct thread *t)
{
    uint64_t seq = atomic_load_explicit(&qsbr_write_seq, memory_order_seq_cst);
    atomic_exchange_explicit(&t->qsbr_seq, seq, memory_order_seq_cst);
}
static inline void rc_thread_offline(struct thread *t)
{
    atomic_store_explicit(&t->qsbr_seq, 0, memory_order_release);
}
#else
#define rc_thread_quiescent(t) ((void)(t))
#define rc_thread_online(t)    ((void)(t))
#define rc_thread_offline(t)   ((void)(t))
#endif

void thread_safepoint_slow(struct thread *t);

#ifdef HG_STRICT
/* Stops the world and starts it, or hands the GIL over, where that is due (strict.h). */
void thread_strict_safepoint(struct thread *t);
#else
#define thread_strict_safepoint(t) ((void)(t))
#endif

/* Called by workloads in their loops: once an operation, as an interpreter does at back-edges and calls. */
static inline void thread_safepoint(void)
{
    struct thread *t = thread_self;
    rc_thread_quiescent(t);
    thread_strict_safepoint(t);
    if (unlikely(atomic_load_explicit(&t->breaker, memory_order_relaxed) != 0))
        thread_safepoint_slow(t);
}

/* Asks a thread to do something at its next safepoint. */
static inline void thread_break(struct thread *t, uint32_t bit)
{
    /* Releases what the bit is about; pairs with the acquire in thread_safepoint_slow. */
    atomic_fetch_or_explicit(&t->breaker, bit, memory_order_release);
}

/* See runtime_thread_attach and _detach; -EBUSY when the index is in use, -ENOMEM. */
int thread_attach(struct runtime *r, unsigned index);
void thread_detach(struct runtime *r);
void thread_close_all(struct runtime *r);

/* Around anything that blocks: objects may not be touched between. Critical sections are suspended. */
void thread_block_begin(void);
void thread_block_end(void);

/* Of every thread: its place and name agree, and its state is one of the three; the calling one is
 * attached. Under a GIL it alone is, and holds the GIL; without one, who stopped the world is alone
 * attached. */
bool threads_are_valid(struct runtime *r);

void thread_stop_world(struct runtime *r);
void thread_start_world(struct runtime *r);

#endif
