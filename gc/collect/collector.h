/* collector.h: what a cycle collector is to the runtime, and the state that allocation touches inline.
 *
 * The count that triggers ("young"), as CPython 3.11's generations[0].count:
 *   +1 when a GC object's memory comes from the allocator (gc_new), before it is tracked, tracked or not;
 *   -1 when a GC object's memory goes back to the allocator (gc_delete), not below 0;
 *   nothing when a list, dict or tuple comes from or goes to a free list.
 * Triggers when young > limit inside gc_new: the memory is there, the object is not initialised, not tracked.
 * A collector that counts bytes sets one = 0 and bytes_mask = ~0; one that counts at track time (3.14.1) sets
 * one = 0, track_one = 1, and is triggered there, too: it may not collect before the next safepoint. limit =
 * INT64_MAX: never (disabled, or no collector).
 *
 * Without a GIL each thread counts in its own thread.young_delta and hands it over at +-GC_DELTA_MAX.
 *
 * Lists (RC_GIL_HELD): circular, doubly linked through gc_head, one sentinel a generation; a tracked object
 * is appended to gc.young_list. Untracking keeps the finalised bit alone. Reference: CPython 3.11
 * Modules/gcmodule.c, Include/internal/pycore_object.h. */
#ifndef HG_GC_COLLECT_COLLECTOR_H
#define HG_GC_COLLECT_COLLECTOR_H

#include "gc/runtime/object.h"
#include "gc/runtime.h"

#define GC_DELTA_MAX 512

struct gc_state {
    int64_t limit; /* trigger when young > limit */
    int64_t one, track_one;
    int64_t bytes_mask;
#if RC_GIL_HELD
    int64_t young, tracked;      /* objects that are tracked now */
    struct gc_head *young_list;  /* new objects are appended here */
    uintptr_t new_next_bits;     /* or-ed into next of a newly tracked object (the space bit) */
    struct gc_head default_list; /* young_list of a collector that brings none */
#else
    _Atomic int64_t young;
#endif
    _Atomic bool collecting;
    const struct collector *ops;
    void *state; /* the collector's own */
};

/* Of one generation, as gc.get_stats() tells them. */
struct gc_stats {
    uint64_t collections, collected, uncollectable;
};

/* Called before and after every collection, as gc.callbacks; may not touch objects of the runtime. */
enum gc_phase { GC_PHASE_START, GC_PHASE_STOP };
typedef void gc_callback(void *arg, enum gc_phase phase, int generation, uint64_t collected,
                         uint64_t uncollectable);

struct collector {
    const char *name;
    int (*open)(struct runtime *r, const void *params, struct message *m);
    void (*close)(
        struct runtime *r); /* the lists may still hold objects: leave them reachable from gc_each_tracked */
    /* Inside an allocation, when young > limit. May collect now, or ask for it by thread_break(r, BREAK_GC).
     * Without a GIL: called by any thread, several at once. */
    void (*trigger)(struct runtime *r);
    /* At a safepoint after BREAK_GC. */
    void (*safepoint)(struct runtime *r);
    /* gc.collect(generation); returns collected + uncollectable. */
    uint64_t (*collect)(struct runtime *r, int generation);
    void (*enable)(struct runtime *r, bool on);
    int (*set_thresholds)(struct runtime *r, const int64_t threshold[3]);
    void (*counts)(struct runtime *r, int64_t count[3]);
    void (*stats)(struct runtime *r, struct gc_stats stats[3]);
    void (*freeze)(struct runtime *r);
    void (*unfreeze)(struct runtime *r);
    void (*report)(struct runtime *r, const struct alloc_sink *sink);
    /* Every tracked object, any generation, frozen ones too; world stopped or GIL held. NULL: default_list.
     */
    int (*each_tracked)(struct runtime *r, object_visit *visit, void *arg);
};

/* Weak: a collector that this policy cannot run is not compiled into its worker. */
#define COLLECTOR_EXTERN(ident, name, flags, PARAMS, summary) \
    extern const struct collector collector_##ident __attribute__((weak));
COLLECTORS(COLLECTOR_EXTERN)
#undef COLLECTOR_EXTERN

/* The gc module: any of them does nothing where the collector has no such thing. */
uint64_t gc_collect(struct runtime *r, int generation); /* 0..2; returns collected + uncollectable */
void gc_enable(struct runtime *r, bool on);
int gc_set_thresholds(struct runtime *r, const int64_t threshold[3]); /* -EINVAL: out of range */
void gc_counts(struct runtime *r, int64_t count[3]);
void gc_get_stats(struct runtime *r, struct gc_stats stats[3]);
void gc_freeze(struct runtime *r);
void gc_unfreeze(struct runtime *r);
/* One callback a runtime; NULL takes it away. */
void gc_set_callback(struct runtime *r, gc_callback *callback, void *arg);

/* gc.garbage: uncollectable objects with a legacy finaliser, each with a reference, under the root
 * "gc.garbage". add is for collectors; without memory the object is left out. clear does what the programmer
 * has to: takes each apart (its clear) and drops it; returns how many there were. */
void gc_garbage_add(struct runtime *r, struct object *o);
size_t gc_garbage(struct object *const **at); /* how many, and where */
size_t gc_garbage_clear(struct runtime *r);
void gc_garbage_close(struct runtime *r); /* drops nothing */

/* For collectors: tells the callback, and writes gc.generations.N.* of a sample. */
void gc_tell(struct runtime *r, enum gc_phase phase, int generation, uint64_t collected,
             uint64_t uncollectable);
void gc_report_generations(const struct alloc_sink *sink, const struct gc_stats *stats, int generations);

/* Empties every free list, as a full collection does (of all threads: world stopped without a GIL). */
void freelist_clear_all(struct runtime *r);

/* Every tracked object. Under a GIL through the collector's lists, else through the threads' registries. */
int gc_each_tracked(struct runtime *r, object_visit *visit, void *arg);

void runtime_pause(struct runtime *r, enum pause_cause cause, uint64_t start_ns, uint64_t end_ns,
                   uint64_t examined, uint64_t freed, uint64_t freed_bytes);

#if RC_GIL_HELD
static inline bool gc_is_tracked(const struct object *o)
{
    return gc_head_of(o)->next != 0;
}

static inline void gc_list_init(struct gc_head *list)
{
    list->next = list->prev = (uintptr_t)list;
}

static inline bool gc_list_empty(const struct gc_head *list)
{
    return list->next == (uintptr_t)list;
}
#else
static inline bool gc_is_tracked(const struct object *o)
{
    return (atomic_load_explicit(&((struct object *)o)->gc_bits, memory_order_relaxed) & GC_TRACKED) != 0;
}
#endif

/* An object that may ever need to be in a cycle: decides whether dicts and tuples are (un)tracked. */
static inline bool gc_may_be_tracked(const struct object *o)
{
    return object_is_gc(o) && (o->type != &type_tuple || gc_is_tracked(o));
}

/* Untrack a tuple or dict if nothing it holds can be tracked (3.11's untrack_tuples and untrack_dicts, for
 * collectors to call at their time). */
void tuple_maybe_untrack(struct object *o);
void dict_maybe_untrack(struct object *o);

#endif
