/* state.h: the one runtime of the process, and the inline half of allocation and tracking.
 *
 * One runtime a process, as a worker runs one sample: a static, as CPython's own, so that the hot path needs
 * no pointer to it. */
#ifndef HG_GC_STATE_H
#define HG_GC_STATE_H

#include "collector.h"
#include "gil.h"
#include "thread.h"

#define RUNTIME_THREADS_MAX 1024
#define SMALL_INT_MIN       (-5)
#define SMALL_INT_MAX       256

struct intern_table;
struct root {
    const char *name;
    struct object **at;
    size_t count;
};

struct runtime {
    struct alloc alloc;
    struct gc_state gc;
#if RC_GIL_HELD
    struct gil gil;
    struct freelists freelists;
    struct thread *running; /* who holds the GIL: read without TLS in the hot path */
#endif
    struct object *small_int[SMALL_INT_MAX - SMALL_INT_MIN + 1];
    struct object *empty_tuple;
    struct type *instance_types;
    struct intern_table *intern;
    uint64_t intern_hits, intern_misses;
    struct runtime_config config;
    bool open;
    bool deferred;
    /* Roots: places that workloads hold references in, for the checker, the census and chains. */
    pthread_mutex_t threads_mutex; /* guards threads, stop state and roots */
    struct root *root;
    size_t roots, roots_room;
    struct thread *thread[RUNTIME_THREADS_MAX];
    unsigned threads; /* slots of thread[] ever used */
    pthread_cond_t stopped_cond, started_cond;
    struct thread *stopper;
    unsigned stop_depth;
    uint64_t stops, stop_ns, stop_max_ns;
};
extern struct runtime runtime_global;

#if RC_GIL_HELD
#define FREELISTS (&runtime_global.freelists)
#else
#define FREELISTS (&thread_self->freelists)
#endif

/* Memory of objects and of what they own (PyObject_Malloc, PyMem_Malloc: one allocator in CPython, too). */
static inline void *mem_alloc(size_t bytes)
{
    return runtime_global.alloc.malloc(runtime_global.alloc.ctx, bytes);
}

static inline void mem_free(void *p)
{
    runtime_global.alloc.free(runtime_global.alloc.ctx, p);
}

static inline void *mem_realloc(void *p, size_t bytes)
{
    return runtime_global.alloc.realloc(runtime_global.alloc.ctx, p, bytes);
}

/* Fails the nth allocation from now on in tests (0: never); see object.c. */
extern uint64_t mem_fail_every;

/* A plain object with its header set (count 1), or NULL; counted as made. */
struct object *object_new(struct type *type, size_t bytes);
/* Its memory goes back; the last thing a dealloc does. */
void object_delete(struct object *o, size_t bytes);
/* The same for container types: GC head, trigger, count. Not tracked yet. */
struct object *gc_new(struct type *type, size_t bytes);
void gc_delete(struct object *o, size_t bytes);

#if RC_GIL_HELD
static inline void gc_track(struct object *o)
{
    struct gc_state *gc = &runtime_global.gc;
    struct gc_head *g = gc_head_of(o), *list = gc->young_list;
    struct gc_head *last = (struct gc_head *)(list->prev & GC_PREV_MASK);
    last->next = (last->next & ~GC_NEXT_MASK) | (uintptr_t)g;
    g->prev = (g->prev & GC_PREV_FINALIZED) | (uintptr_t)last;
    g->next = (uintptr_t)list | gc->new_next_bits;
    list->prev = (uintptr_t)g;
    gc->young += gc->track_one;
}

static inline void gc_untrack(struct object *o)
{
    struct gc_head *g = gc_head_of(o);
    if (!g->next)
        return;
    struct gc_head *next = (struct gc_head *)(g->next & GC_NEXT_MASK);
    struct gc_head *prev = (struct gc_head *)(g->prev & GC_PREV_MASK);
    prev->next = (prev->next & ~GC_NEXT_MASK) | (uintptr_t)next;
    next->prev = (next->prev & ~GC_PREV_MASK) | (uintptr_t)prev;
    g->next = 0;
    g->prev &= GC_PREV_FINALIZED;
    if (runtime_global.gc.young > 0)
        runtime_global.gc.young -= runtime_global.gc.track_one;
}
#else
static inline void gc_track(struct object *o)
{
    uint8_t bits = atomic_load_explicit(&o->gc_bits, memory_order_relaxed);
    atomic_store_explicit(&o->gc_bits, bits | GC_TRACKED, memory_order_relaxed);
}

static inline void gc_untrack(struct object *o)
{
    uint8_t bits = atomic_load_explicit(&o->gc_bits, memory_order_relaxed);
    atomic_store_explicit(&o->gc_bits, bits & (uint8_t)~GC_TRACKED, memory_order_relaxed);
}
#endif

#endif
