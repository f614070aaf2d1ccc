/* state.h: the one runtime of the process, and the inline half of allocation and tracking.
 *
 * One runtime a process, as a worker runs one sample: a static, as CPython's own, so that the hot path needs
 * no pointer to it. */
#ifndef HG_GC_RUNTIME_STATE_H
#define HG_GC_RUNTIME_STATE_H

#include "gc_state.h"
#include "gil.h"
#include "pause.h"
#include "gc/python.h"
#include "roots.h"
#include "strict.h"
#include "thread.h"
#if !RC_GIL_HELD
#include "registry.h"
#endif

#include "alloc/base/assert.h"

#define RUNTIME_THREADS_MAX 1024
#define SMALL_INT_MIN       (-5)
#define SMALL_INT_MAX       256

/* Memory of an object whose last reference is gone; block is where the allocator gave it. A policy that has
 * readers without a lock defers it (rc_biased.h). */
#ifndef RC_FREE_BLOCK_OWN
#define rc_free_block(o, block)    mem_free(block)
#define rc_free_gc_block(o, block) gc_mem_free(block)
#endif

struct runtime_memory {
    struct alloc plain; /* of objects, and of what they own */
#if !RC_GIL_HELD
    struct alloc containers; /* plain, or a heap of their own (find.h) */
    bool registry;           /* containers are in the threads' registries */
#endif
};

/* What the types keep for all threads. */
struct intern_table;
struct runtime_types {
    struct object *small_int[SMALL_INT_MAX - SMALL_INT_MIN + 1];
    struct object *empty_tuple;
    bool legacy;           /* a class with a legacy finaliser was made */
    pthread_mutex_t mutex; /* guards instance */
    struct type *instance; /* all classes made at run time */
    struct intern_table *intern;
    uint64_t intern_hits, intern_misses;
};

struct runtime_threads {
    pthread_mutex_t mutex; /* guards this and stop */
    struct thread *at[RUNTIME_THREADS_MAX];
    unsigned count; /* places of at[] ever used */
    const struct thread_hooks *hooks;
};

struct runtime_stop {
    pthread_cond_t stopped, started;
    struct thread *by;
    unsigned depth;
    uint64_t count, total_ns, max_ns;
};

/* Who looks on from outside (gc/runtime.h). */
struct runtime_outside {
    pause_sink *pause;
    void *pause_arg;
    void (*watch)(void *arg);
    void *watch_arg;
    uint64_t (*look)(unsigned thread, uint64_t live_bytes, uint64_t made_bytes);
};

struct runtime {
    struct runtime_memory memory;
    struct python_rules python; /* a copy: allocation reads it */
    struct gc_state gc;
#if RC_GIL_HELD
    struct gil gil;
    struct freelists freelists;
#endif
    struct runtime_types types;
    struct policy_options options; /* set by runtime_open */
    struct roots roots;
    struct runtime_threads threads;
    struct runtime_stop stop;
    struct runtime_outside outside;
    /* Made by the runtime itself, not of the program. Thread 0 reads the bytes while others intern. */
    uint64_t base_live;
    _Atomic uint64_t base_bytes;
    bool open;
};
extern struct runtime runtime_global;

void runtime_pause(struct runtime *r, enum pause_cause cause, uint64_t start_ns, uint64_t end_ns,
                   uint64_t examined, uint64_t freed, uint64_t freed_bytes);

/* How many places of threads.at[] were ever used, and the whole thread at one of them, or NULL, for who
 * does not hold threads.mutex: a thread may come while the world is stopped (it waits before it touches
 * objects). Pair with the releasing stores of thread_attach. */
static inline unsigned thread_places(struct runtime *r)
{
    return __atomic_load_n(&r->threads.count, __ATOMIC_ACQUIRE);
}

static inline struct thread *thread_at(struct runtime *r, unsigned i)
{
    return __atomic_load_n(&r->threads.at[i], __ATOMIC_ACQUIRE);
}

#if RC_GIL_HELD
#define FREELISTS (&runtime_global.freelists)
#else
#define FREELISTS (&thread_self->freelists)
#endif

/* Conservation: no more objects are tracked, or registered, than were made and not freed (exactly as many are
 * registered). At quiescence. */
bool figures_are_valid(struct runtime *r);

/* Memory of objects and of what they own (PyObject_Malloc, PyMem_Malloc: one allocator in CPython, too). */
static inline void *mem_alloc(size_t bytes)
{
    if (strict_fails())
        return NULL;
    return runtime_global.memory.plain.malloc(runtime_global.memory.plain.ctx, bytes);
}

static inline void mem_free(void *p)
{
    runtime_global.memory.plain.free(runtime_global.memory.plain.ctx, p);
}

static inline void *mem_realloc(void *p, size_t bytes)
{
    if (strict_fails())
        return NULL;
    return runtime_global.memory.plain.realloc(runtime_global.memory.plain.ctx, p, bytes);
}

/* Memory of containers, GC head included. */
#if RC_GIL_HELD
#define gc_mem_alloc(bytes) mem_alloc(bytes)
#define gc_mem_free(p)      mem_free(p)
#else
static inline void *gc_mem_alloc(size_t bytes)
{
    if (strict_fails())
        return NULL;
    return runtime_global.memory.containers.malloc(runtime_global.memory.containers.ctx, bytes);
}

static inline void gc_mem_free(void *p)
{
    runtime_global.memory.containers.free(runtime_global.memory.containers.ctx, p);
}
#endif

/* The block of a dead object and its size go back. */
static inline void object_free_block(struct object *o, void *block, size_t bytes)
{
#ifdef HG_STRICT
    if (rc_can_reuse(o)) { /* no reader looks at it any more */
        strict_bury(block, bytes);
        mem_free(block);
        return;
    }
#endif
    (void)o;
    (void)bytes;
    rc_free_block(o, block);
}

/* The same of a container: block begins with its GC head. */
static inline void object_free_gc_block(struct object *o, void *block, size_t bytes)
{
#ifdef HG_STRICT
    if (rc_can_reuse(o)) {
        strict_bury(block, bytes);
        gc_mem_free(block);
        return;
    }
#endif
    (void)o;
    (void)bytes;
    rc_free_gc_block(o, block);
}

/* As runtime_thread_bytes says it: what the runtime itself made counts as none of the first thread's. */
uint64_t thread_live_bytes(const struct thread *t);
/* Calls outside.look (gc/runtime.h). */
void runtime_look(struct thread *t);

static inline void bytes_made(struct thread *t, size_t bytes)
{
    t->made_bytes += bytes;
    if (unlikely(t->made_bytes >= t->look_at))
        runtime_look(t);
}

/* A plain object with its header set (count 1), or NULL; counted as made. */
static inline void *object_new(struct type *type, size_t bytes)
{
    struct object *o = mem_alloc(bytes);
    if (unlikely(!o))
        return NULL;
    o->type = type;
    struct thread *t = thread_self;
    rc_init(o);
    t->made_plain++;
    bytes_made(t, bytes);
    return o;
}

/* The memory of a plain object goes back: the last thing its dealloc does. */
static inline void object_delete(struct object *o, size_t bytes)
{
    struct thread *t = thread_self;
    t->freed_plain++;
    t->freed_bytes += bytes;
    object_free_block(o, o, bytes);
}

/* The same for container types, with GC head, count and trigger (collector.h). Not tracked yet. */
static inline void *gc_new(struct type *type, size_t bytes)
{
    char *block = gc_mem_alloc(GC_HEAD_BYTES + bytes);
    if (unlikely(!block))
        return NULL;
    struct object *o = (struct object *)(block + GC_HEAD_BYTES);
    struct gc_state *gc = &runtime_global.gc;
    struct thread *t = thread_self;
    int64_t weight = ((int64_t)(GC_HEAD_BYTES + bytes) & gc->bytes_mask) + gc->one;
#if RC_GIL_HELD
    *(struct gc_head *)block = (struct gc_head){0, 0};
    gc->young += weight;
    if (unlikely(gc->young > gc->limit))
        gc->trigger(&runtime_global);
    o->type = type;
    rc_init(o);
#else
    o->type = type;
    rc_init(o);
    o->home = (uint16_t)t->index;
    if (runtime_global.memory.registry && unlikely(!registry_add(t, o))) {
        gc_mem_free(block);
        return NULL;
    }
    if (unlikely((t->young_delta += weight) >= GC_DELTA_MAX))
        gc_flush_young(t);
#endif
    atomic_store_explicit(&t->made_containers,
                          atomic_load_explicit(&t->made_containers, memory_order_relaxed) + 1,
                          memory_order_relaxed); /* one writer: nobody's figure depends on what else it did */
    bytes_made(t, bytes + GC_HEAD_BYTES);
    return o;
}

/* Untracked by now. */
static inline void gc_delete(struct object *o, size_t bytes)
{
    struct gc_state *gc = &runtime_global.gc;
    struct thread *t = thread_self;
    t->freed_containers++;
    t->freed_bytes += bytes + GC_HEAD_BYTES;
#if RC_GIL_HELD
    if (gc->young > 0)
        gc->young -= gc->one;
#else
    if (unlikely((t->young_delta -= gc->one) <= -GC_DELTA_MAX))
        gc_flush_young(t);
    if (runtime_global.memory.registry)
        registry_remove(o);
#endif
    object_free_gc_block(o, (char *)o - GC_HEAD_BYTES, GC_HEAD_BYTES + bytes);
}

/* A dead object goes to a free list, and comes back as a new one: neither is counted by the collector, nor as
 * memory given back, which it is not; runtime_live_objects looks into the free lists. body: what of it has no
 * use there. */
static inline void object_retire(struct object *o, void *body, size_t body_bytes)
{
    strict_bury(body, body_bytes);
#if !RC_GIL_HELD
    o->type = NULL; /* it is still found: a walk leaves it out */
#else
    (void)o;
#endif
}

/* A dead container's memory leaves its free list for the allocator. */
static inline void freelist_give_back(struct object *o, size_t bytes)
{
    gc_delete(o, bytes);
}

/* Objects that died on this thread, for good or into its free lists (of all threads, under a GIL):
 * differences of it are how many died meanwhile. */
static inline uint64_t objects_dead(const struct thread *t)
{
    return t->freed_plain + t->freed_containers + freelist_count(FREELISTS);
}

static inline void object_reuse(struct object *o, struct type *type, void *body, size_t body_bytes)
{
    strict_dig(body, body_bytes, HG_RC == HG_RC_TRACING ? 0 : rc_count(o), type->name);
#if RC_GIL_HELD
    if (type->flags & TYPE_GC)
        gc_head_of(o)->prev = 0;
#else
    o->type = type;
#endif
    rc_init(o);
}

/* A table that an object owns, made or gone: what is counted beside the objects. */
static inline void owned_made(size_t bytes)
{
    bytes_made(thread_self, bytes);
}

static inline void owned_freed(size_t bytes)
{
    thread_self->freed_bytes += bytes;
}

#if RC_GIL_HELD
static inline void gc_track(struct object *o)
{
    struct gc_state *gc = &runtime_global.gc;
    struct gc_head *g = gc_head_of(o), *list = gc->young_list;
    struct gc_head *last = (struct gc_head *)(list->prev & GC_PREV_MASK);
    hg_assert(!g->next && object_is_gc(o));
    last->next = (last->next & ~GC_NEXT_MASK) | (uintptr_t)g;
    g->prev = (g->prev & GC_PREV_FINALIZED) | (uintptr_t)last;
    g->next = (uintptr_t)list | gc->new_next_bits;
    list->prev = (uintptr_t)g;
    gc->tracked++;
    if (unlikely(gc->track_one) && (gc->young += gc->track_one) > gc->limit)
        gc->trigger(&runtime_global);
}

static inline void gc_untrack(struct object *o)
{
    struct gc_head *g = gc_head_of(o);
    if (!g->next)
        return;
    struct gc_head *next = (struct gc_head *)(g->next & GC_NEXT_MASK);
    struct gc_head *prev = (struct gc_head *)(g->prev & GC_PREV_MASK);
    hg_assert((prev->next & GC_NEXT_MASK) == (uintptr_t)g && (next->prev & GC_PREV_MASK) == (uintptr_t)g);
    prev->next = (prev->next & ~GC_NEXT_MASK) | (uintptr_t)next;
    next->prev = (next->prev & ~GC_PREV_MASK) | (uintptr_t)prev;
    g->next = 0;
    g->prev &= GC_PREV_FINALIZED;
    runtime_global.gc.tracked--;
    if (unlikely(runtime_global.gc.track_one) && runtime_global.gc.young > 0)
        runtime_global.gc.young -= runtime_global.gc.track_one;
}
#else
/* Nobody else can see o yet, or any more. */
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

/* The same for an object that other threads may see: a dict that holds its first container. */
static inline void gc_track_live(struct object *o)
{
#if RC_GIL_HELD
    gc_track(o);
#else
    atomic_fetch_or_explicit(&o->gc_bits, GC_TRACKED, memory_order_relaxed);
#endif
}

#endif
