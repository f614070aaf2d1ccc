/* gc_list.h: lists of tracked objects (gc/runtime/gc_state.h): what collectors do with them. */
#ifndef HG_GC_COLLECT_GC_LIST_H
#define HG_GC_COLLECT_GC_LIST_H

#include "collector.h"

#if RC_GIL_HELD

#define GC_NEXT_SPACE       ((uintptr_t)1)
#define GC_NEXT_UNREACHABLE ((uintptr_t)2)
#define GC_NEXT_YOUNG       ((uintptr_t)4)
#define GC_NEXT_PLACE \
    (GC_NEXT_SPACE | GC_NEXT_YOUNG) /* where an object lies, to a collector that has places */

static inline struct gc_head *gc_next(const struct gc_head *g)
{
    return (struct gc_head *)(g->next & GC_NEXT_MASK);
}

static inline struct gc_head *gc_prev(const struct gc_head *g)
{
    return (struct gc_head *)(g->prev & GC_PREV_MASK);
}

static inline void gc_set_prev(struct gc_head *g, struct gc_head *prev)
{
    g->prev = (g->prev & ~GC_PREV_MASK) | (uintptr_t)prev;
}

/* Takes g out of its list; its own links are left as they are. */
static inline void gc_list_unlink(struct gc_head *g)
{
    struct gc_head *prev = gc_prev(g), *next = gc_next(g);
    prev->next = (prev->next & ~GC_NEXT_MASK) | (uintptr_t)next;
    gc_set_prev(next, prev);
}

/* Puts an unlinked g last; the low bits of its next are kept. */
static inline void gc_list_append(struct gc_head *g, struct gc_head *list)
{
    struct gc_head *last = gc_prev(list);
    gc_set_prev(g, last);
    last->next = (last->next & ~GC_NEXT_MASK) | (uintptr_t)g;
    g->next = (g->next & ~GC_NEXT_MASK) | (uintptr_t)list;
    list->prev = (uintptr_t)g;
}

static inline void gc_list_move(struct gc_head *g, struct gc_head *list)
{
    gc_list_unlink(g);
    gc_list_append(g, list);
}

/* Doubly linked; every member is a tracked container without marks of a collection, and next's bits in
 * `mask` are `bits`. *count grows by its length. */
bool gc_list_is_valid(const struct gc_head *list, uintptr_t mask, uintptr_t bits, uint64_t *count);

/* Everything of from goes behind to; from is empty afterwards. */
void gc_list_merge(struct gc_head *from, struct gc_head *to);
uint64_t gc_list_size(const struct gc_head *list);
int gc_list_each(struct gc_head *list, object_visit *visit, void *arg);

#endif
#endif
