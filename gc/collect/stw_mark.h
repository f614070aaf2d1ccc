/* stw_mark.h: which objects are garbage: the part of the stop-the-world collector (stw.c) that goes through
 * the heap. The world is stopped around every call.
 *
 *   find       the objects: a list made by one walk over the heap, or the threads' registries (find.h)
 *   mark alive what the roots reach, transitively (GC_ALIVE): the rest need not be counted for it
 *   A subtract every other tracked object: its count minus the references from tracked objects
 *   C reach    from those with references left, transitively: GC_UNREACHABLE is taken off again
 *   D scan     what still has it is garbage: one reference is taken; the others are counted
 * (CPython's pass B adds references from interpreter stacks, which are roots here.)
 *
 * Scratch in an object is that of its policy: the GC head where there is one; under biased the owner's id,
 * which follows from home and shared and is put back, as CPython does. GC_UNREACHABLE also means "its scratch
 * holds its references". All bits are stored plainly: everyone who could change them stands still.
 *
 * Lists are arrays, mapped, not from the measured allocator; one that cannot grow ends the collection with
 * everything left alive. CPython needs none, as it walks its heap for each of the three passes, and threads
 * garbage through the objects; here one walk is made for all three, at 8 bytes an object while the world
 * stands still. */
#ifndef HG_GC_COLLECT_STW_MARK_H
#define HG_GC_COLLECT_STW_MARK_H

#include "find.h"

#if !RC_GIL_HELD

struct stw_array {
    void **at;
    size_t count, room;
};

/* Zeroed at first. */
struct stw_mark {
    /* of one collection */
    struct stw_array object, work, span, garbage;
    bool no_memory;
    int64_t alive;          /* objects that the last scan found alive, frozen ones left out */
    uint64_t frozen;        /* those that it left out */
    uint64_t uncollectable; /* and were unreachable: gone to gc.garbage with what they lead to */
    /* of all collections */
    uint64_t examined, references, marked;
};

/* False without memory: no_memory is set, and the array is as it was. */
bool stw_grow(struct stw_mark *k, struct stw_array *a);
void stw_array_close(struct stw_array *a);
void stw_mark_close(struct stw_mark *k);

/* Fills garbage: objects with GC_UNREACHABLE and a new reference each. Those with a legacy finaliser, and
 * what they lead to, are left alive. made: about so many objects are new since the last time. */
void stw_find_garbage(struct stw_mark *k, struct runtime *r, bool mark_alive, int64_t made);
/* After code ran: takes GC_UNREACHABLE off what is referenced from outside garbage again, transitively. */
void stw_find_resurrected(struct stw_mark *k);
/* Puts what is dead first and takes GC_UNREACHABLE off all; returns how many are dead. */
size_t stw_sort_garbage(struct stw_mark *k);

/* Of a collection nothing is left on o. */
bool stw_mark_is_clear(struct object *o);

/* Nothing, without memory. */
static inline void stw_push(struct stw_mark *k, struct stw_array *a, void *p)
{
    if (likely(a->count < a->room) || stw_grow(k, a))
        a->at[a->count++] = p;
}

static inline uint8_t stw_bits(const struct object *o)
{
    return atomic_load_explicit(&((struct object *)o)->gc_bits, memory_order_relaxed);
}

static inline void stw_set_bits(struct object *o, uint8_t bits)
{
    atomic_store_explicit(&o->gc_bits, bits, memory_order_relaxed);
}

#endif
#endif
