/* cycles.h: what the list-based collectors share: finding the unreachable part of one list of tracked objects
 * and reclaiming it, in the order of CPython 3.11's Modules/gcmodule.c.
 *
 * The set being examined is a list (collector.h). While it is examined:
 *   prev  bit 1 set ("collecting"), bits 2.. the references to the object that are not yet accounted for;
 *   next  the list, singly linked; bit 1 set on objects parked as tentatively unreachable.
 * Afterwards both lists are doubly linked again. The other low bits of next (in which space of an incremental
 * collector an object lies) stay as they are all the way.
 *
 * All functions need the GIL. The order of objects in a list is that of CPython throughout, because the order
 * of finalisers and of untracking follows from it. */
#ifndef HG_GC_COLLECT_CYCLES_H
#define HG_GC_COLLECT_CYCLES_H

#include "gc_list.h"

#if RC_GIL_HELD

/* What was seen in a list that was examined. */
struct cycles_count {
    uint64_t examined, unreachable, uncollectable;
    uint64_t references; /* that were traversed */
    uint32_t kinds;      /* 1 << type id of every object in the list */
    bool uncounted;      /* the run is a pause, but none of the collections that stats count */
};

/* Calls visit for each reference that o holds; visit is a constant, so that it is inlined here for the kinds
 * that heaps are made of. */
static always_inline void gc_traverse(struct object *o, object_visit *visit, void *arg)
{
    const struct type *type = o->type;
    switch (type->id) {
    case TYPE_TUPLE: {
        struct tuple_object *t = (struct tuple_object *)o;
        for (int64_t i = t->size; --i >= 0;)
            if (t->item[i])
                visit(t->item[i], arg);
        break;
    }
    case TYPE_LIST: {
        struct list_object *l = (struct list_object *)o;
        for (int64_t i = l->size; --i >= 0;)
            if (l->item[i])
                visit(l->item[i], arg);
        break;
    }
    case TYPE_INSTANCE: {
        struct instance_object *n = (struct instance_object *)o;
        for (uint32_t i = 0; i < type->slots; i++)
            if (n->slot[i])
                visit(n->slot[i], arg);
        if (type->flags & TYPE_HEAP)
            visit((struct object *)type, arg);
        break;
    }
    default:
        type->traverse(o, visit, arg);
    }
}

/* Moves what no reference from outside the set reaches from set to unreachable (an empty list), adds to
 * count. whole: the set is every tracked object that there is, so that a tracked referent is known to be in
 * it. */
void cycles_deduce(struct gc_head *set, struct gc_head *unreachable, bool whole, struct cycles_count *count);

/* Takes the objects of this kind that hold nothing trackable out of the list; returns how many. */
uint64_t cycles_untrack(struct gc_head *list, enum type_id kind);

/* The rest of a collection: legacy finalisers, weak references, finalisers, resurrection, clearing. What
 * survives goes to old, and so do weak references from anywhere whose callback ran: place is what the bits
 * GC_NEXT_PLACE are in that list. Returns the number of objects that count as collected; adds to
 * count->uncollectable. */
uint64_t cycles_reclaim(struct runtime *r, struct gc_head *unreachable, struct gc_head *old, uintptr_t place,
                        struct cycles_count *count);

/* Around every collection: sets collecting, calls the callback, logs the pause. */
struct gc_log {
    struct gc_stats stats[3];
    uint64_t examined, references, freed;
};
struct gc_run {
    int generation;
    uint64_t start_ns, freed, freed_bytes;
};
void gc_run_begin(struct runtime *r, struct gc_run *run, int generation);
/* Returns what gc.collect() does: collected + uncollectable. */
uint64_t gc_run_end(struct runtime *r, const struct gc_run *run, struct gc_log *log, enum pause_cause cause,
                    const struct cycles_count *count, uint64_t collected);
/* The gc.* figures of a sample. */
void gc_log_report(const struct gc_log *log, const struct alloc_sink *sink);

static inline bool gc_is_collecting(struct runtime *r)
{
    return atomic_load_explicit(&r->gc.collecting, memory_order_relaxed);
}

#endif
#endif
