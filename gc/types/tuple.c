/* tuple.c: as CPython's: tracked from birth, untracked by a collection that finds nothing trackable in
 * it, kept on a free list by length. Items are dropped from the last to the first. */
#include "container.h"

static inline size_t tuple_bytes_of(size_t size)
{
    return offsetof(struct tuple_object, item) + 8 * size + runtime_global.python.tuple_extra_bytes;
}

static size_t tuple_bytes(const struct object *o)
{
    return tuple_bytes_of(tuple_size(o));
}

static int tuple_traverse(struct object *o, object_visit *visit, void *arg)
{
    struct tuple_object *t = (struct tuple_object *)o;
    for (int64_t i = t->size; i-- > 0;) {
        if (t->item[i]) {
            int stop = visit(t->item[i], arg);
            if (stop)
                return stop;
        }
    }
    return 0;
}

static void tuple_dealloc(struct object *o)
{
    struct tuple_object *t = (struct tuple_object *)o;
    gc_untrack(o);
    if (trash_begin(o, (uint64_t)t->size))
        return;
    for (int64_t i = t->size; i-- > 0;)
        rc_xdec(t->item[i]);
    struct freelists *f = FREELISTS;
    if (likely(t->size > 0 && t->size <= FREELIST_TUPLE_SIZES) && f->on &&
        f->tuples[t->size - 1] < FREELIST_TUPLES && rc_can_reuse(o)) {
        object_retire(o, t->item + 1, 8 * (size_t)(t->size - 1));
        t->item[0] = (struct object *)f->tuple_head[t->size - 1];
        f->tuple_head[t->size - 1] = t;
        f->tuples[t->size - 1]++;
    } else {
        gc_delete(o, tuple_bytes(o));
    }
    trash_end();
}

static void tuple_clear_freelist(struct freelists *f)
{
    for (size_t n = 0; n < FREELIST_TUPLE_SIZES; n++) {
        while (f->tuple_head[n]) {
            struct tuple_object *t = f->tuple_head[n];
            f->tuple_head[n] = (struct tuple_object *)t->item[0];
            freelist_give_back(&t->head, tuple_bytes(&t->head));
        }
        f->tuples[n] = 0;
    }
}

static void tuple_maybe_untrack(struct object *o)
{
    if (!gc_is_tracked(o))
        return;
    for (size_t i = 0; i < tuple_size(o); i++)
        if (!tuple_item(o, i) || gc_may_be_tracked(tuple_item(o, i)))
            return;
    gc_untrack(o);
}

struct type type_tuple = {.name = "tuple",
                          .id = TYPE_TUPLE,
                          .flags = TYPE_GC,
                          .basic_bytes = offsetof(struct tuple_object, item),
                          .traverse = tuple_traverse,
                          .dealloc = tuple_dealloc,
                          .maybe_untrack = tuple_maybe_untrack,
                          .clear_freelist = tuple_clear_freelist,
                          .bytes = tuple_bytes};

struct object *tuple_new(size_t size)
{
    if (size == 0) {
        rc_inc(runtime_global.types.empty_tuple);
        return runtime_global.types.empty_tuple;
    }
    struct freelists *f = FREELISTS;
    struct tuple_object *t;
    if (likely(size <= f->tuple_items) && (t = f->tuple_head[size - 1])) {
        f->tuple_head[size - 1] = (struct tuple_object *)t->item[0];
        f->tuples[size - 1]--;
        object_reuse(&t->head, &type_tuple, t->item + 1, 8 * (size - 1));
    } else {
        if (unlikely(size > PTRDIFF_MAX / 16))
            return NULL;
        t = gc_new(&type_tuple, tuple_bytes_of(size));
        if (unlikely(!t))
            return NULL;
        t->size = (int64_t)size;
    }
    for (size_t i = 0; i < size; i++) {
        t->item[i] = NULL;
        __asm__ volatile("" ::: "memory"); /* few items: a call of memset costs more than the loop */
    }
    gc_track(&t->head);
    return &t->head;
}

void tuple_filled(struct object *o)
{
    if (runtime_global.gc.track_one) /* the collector of that version: both came with one change */
        tuple_maybe_untrack(o);
}

int tuple_open(struct runtime *r)
{
    /* 3.11's is static, untracked and without a count of its own in the collector. */
    struct tuple_object *t = gc_new(&type_tuple, tuple_bytes_of(0));
    if (!t)
        return -ENOMEM;
    t->size = 0;
    r->types.empty_tuple = &t->head;
    rc_set_immortal(&t->head);
    return 0;
}

void tuple_close(struct runtime *r)
{
    if (r->types.empty_tuple)
        gc_delete(r->types.empty_tuple, tuple_bytes(r->types.empty_tuple));
    r->types.empty_tuple = NULL;
}
