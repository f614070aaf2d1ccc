/* registry.h: the GC objects of each thread, noted by it: one of the two ways to find them (find.h).
 *
 * Each thread has a table of slots in chunks that never move; an object knows its home thread and its slot. A
 * slot holds
 *     object *                 a live object, or one on a free list (its type is NULL)
 *     (index << 1) | 1         free, and the next free slot of this thread
 *     REGISTRY_LOST            emptied by another thread: the owner takes it back when it runs out
 * Only the owner adds, and links free slots; whoever frees an object stores into its slot alone. So adding
 * and removing one's own is a few plain instructions, and removing another's one store and one count.
 * Walks happen with the world stopped. */
#ifndef HG_GC_RUNTIME_REGISTRY_H
#define HG_GC_RUNTIME_REGISTRY_H

#include "thread.h"

#define REGISTRY_CHUNK   4096
#define REGISTRY_CHUNKS  (1 << 16)
#define REGISTRY_LOST    UINTPTR_MAX
#define REGISTRY_NO_SLOT UINT32_MAX

struct registry_chunk {
    _Atomic uintptr_t slot[REGISTRY_CHUNK];
};

#if HG_RC == HG_RC_BIASED
#define REGISTRY_SLOT(o) ((o)->slot)
#else
#define REGISTRY_SLOT(o) (gc_head_of(o)->slot)
#endif

bool registry_refill(struct thread *t);
void registry_remove_other(struct object *o);
/* Every object on no free list, tracked or not; stops when visit returns other than 0. World stopped. */
int registry_each(struct runtime *r, object_visit *visit, void *arg);
void registry_close(struct thread *t);

/* Slots that hold an object, be it on a free list. World stopped. */
uint64_t registry_count(const struct thread *t);
/* Every slot is free and on the list of free ones, or lost and counted so, or holds an object whose home
 * and slot it is. World stopped. */
bool registry_is_valid(const struct thread *t);

static inline _Atomic uintptr_t *registry_at(struct thread *t, uint32_t slot)
{
    return &t->chunk[slot / REGISTRY_CHUNK]->slot[slot % REGISTRY_CHUNK];
}

/* o's home is t. */
static inline bool registry_add(struct thread *t, struct object *o)
{
    if (unlikely(t->slot_free == REGISTRY_NO_SLOT) && !registry_refill(t))
        return false;
    uint32_t slot = t->slot_free;
    _Atomic uintptr_t *at = registry_at(t, slot);
    t->slot_free = (uint32_t)(atomic_load_explicit(at, memory_order_relaxed) >> 1);
    REGISTRY_SLOT(o) = slot;
    atomic_store_explicit(at, (uintptr_t)o, memory_order_relaxed);
    return true;
}

static inline void registry_remove(struct object *o)
{
    struct thread *t = thread_self;
    if (likely(o->home == t->index)) {
        uint32_t slot = REGISTRY_SLOT(o);
        atomic_store_explicit(registry_at(t, slot), (uintptr_t)t->slot_free << 1 | 1, memory_order_relaxed);
        t->slot_free = slot;
    } else {
        registry_remove_other(o);
    }
}

#endif
