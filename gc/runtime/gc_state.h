/* gc_state.h: what allocation and tracking do for a collector, inline: they count, and link what is tracked.
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
#ifndef HG_GC_RUNTIME_GC_STATE_H
#define HG_GC_RUNTIME_GC_STATE_H

#include "object.h"

#define GC_DELTA_MAX 512

struct collector;
struct thread;

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
    /* The collector's trigger and safepoint (collector.h), where inline code finds them. */
    void (*trigger)(struct runtime *r);
    void (*safepoint)(struct runtime *r);
    const struct collector *ops;
};

/* Without a GIL: hands the thread's young count over, and triggers when that is due; when the thread
 * leaves. */
void gc_flush_young(struct thread *t);
void gc_flush_thread(struct thread *t);

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

#endif
