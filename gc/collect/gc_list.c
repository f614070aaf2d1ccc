/* gc_list.c: see gc_list.h. */
#include "gc_list.h"

#if RC_GIL_HELD
void gc_list_merge(struct gc_head *from, struct gc_head *to)
{
    if (!gc_list_empty(from)) {
        struct gc_head *to_last = gc_prev(to), *first = gc_next(from), *last = gc_prev(from);
        to_last->next = (to_last->next & ~GC_NEXT_MASK) | (uintptr_t)first;
        gc_set_prev(first, to_last);
        hg_seed(gc_list_prev, gc_set_prev(first, last));
        last->next = (last->next & ~GC_NEXT_MASK) | (uintptr_t)to;
        to->prev = (uintptr_t)last;
    }
    gc_list_init(from);
}

bool gc_list_is_valid(const struct gc_head *list, uintptr_t mask, uintptr_t bits, uint64_t *count)
{
    const struct gc_head *prev = list;
    for (const struct gc_head *g = gc_next(list); g != list; prev = g, g = gc_next(g)) {
        if (!g || gc_prev(g) != prev || g->prev & GC_PREV_COLLECTING || g->next & GC_NEXT_UNREACHABLE ||
            (g->next & mask) != bits || !object_is_gc(gc_object_of(g)) || rc_count(gc_object_of(g)) < 0)
            return false;
        ++*count;
    }
    return gc_prev(list) == prev;
}

uint64_t gc_list_size(const struct gc_head *list)
{
    uint64_t n = 0;
    for (const struct gc_head *g = gc_next(list); g != list; g = gc_next(g))
        n++;
    return n;
}

int gc_list_each(struct gc_head *list, object_visit *visit, void *arg)
{
    for (struct gc_head *g = gc_next(list), *next; g != list; g = next) {
        next = gc_next(g);
        int stop = visit(gc_object_of(g), arg);
        if (stop)
            return stop;
    }
    return 0;
}
#else
typedef int gc_list_unused; /* without a GIL there are no lists: find.h */
#endif
