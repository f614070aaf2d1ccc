/* types.c: what is done to all types in turn. */
#include "types.h"

#include "alloc/base/compiler.h"

/* Those with free lists, in the order in which CPython empties them. */
static const struct type *const listed[] = {&type_tuple, &type_float, &type_list, &type_dict};

int types_open(struct runtime *r)
{
    rc_init(&object_none);
    if (r->options.immortal)
        rc_set_immortal(&object_none);
    int err = intern_open(r);
    err = err ? err : int_open(r);
    return err ? err : tuple_open(r);
}

static void freelists_clear(struct freelists *f)
{
    for (size_t i = 0; i < array_length(listed); i++)
        listed[i]->clear_freelist(f);
}

/* A container on its list: no walk takes it for alive. */
static bool listed_is_dead(struct object *o, const struct type *type)
{
    if (RC_GIL_HELD ? o->type != type : o->type != NULL)
        return false;
    return !gc_is_tracked(o) && rc_count(o) == 0;
}

static bool tuples_are_valid(const struct freelists *f, size_t n)
{
    int32_t length = 0;
    for (struct tuple_object *t = f->tuple_head[n]; t; t = (struct tuple_object *)t->item[0])
        if (++length > FREELIST_TUPLES || t->size != (int64_t)n + 1 || !listed_is_dead(&t->head, &type_tuple))
            return false;
    return length == f->tuples[n];
}

static bool freelists_is_valid(const struct freelists *f)
{
    int32_t floats = 0;
    if (f->lists < 0 || f->lists > FREELIST_LISTS || f->dicts < 0 || f->dicts > FREELIST_DICTS ||
        f->keys < 0 || f->keys > FREELIST_KEYS)
        return false;
    for (struct object *o = f->float_head; o; o = *float_link(o))
        if (++floats > FREELIST_FLOATS || rc_count(o) != 0)
            return false;
    for (int32_t i = 0; i < f->lists; i++)
        if (!listed_is_dead(&f->list[i]->head, &type_list))
            return false;
    for (int32_t i = 0; i < f->dicts; i++)
        if (!listed_is_dead(&f->dict[i]->head, &type_dict))
            return false;
    for (size_t n = 0; n < FREELIST_TUPLE_SIZES; n++)
        if (!tuples_are_valid(f, n))
            return false;
    return floats == f->floats && (f->on || freelist_count(f) == 0);
}

bool freelists_are_valid(struct runtime *r)
{
#if RC_GIL_HELD
    return freelists_is_valid(&r->freelists);
#else
    for (unsigned i = 0, places = thread_places(r); i < places; i++) {
        struct thread *t = thread_at(r, i);
        if (t && !freelists_is_valid(&t->freelists))
            return false;
    }
    return true;
#endif
}

void freelist_clear_all(struct runtime *r)
{
    hg_assert_whole(freelists_are_valid(r));
#if RC_GIL_HELD
    freelists_clear(&r->freelists);
#else
    for (unsigned i = 0, places = thread_places(r); i < places; i++) {
        struct thread *t = thread_at(r, i);
        if (t)
            freelists_clear(&t->freelists);
    }
#endif
    hg_seed(freelist_count, FREELISTS->floats++);
    hg_assert_whole(freelists_are_valid(r));
}

void types_close(struct runtime *r)
{
    int_close(r);
    tuple_close(r);
    intern_close(r);
    freelist_clear_all(r);
    type_close_all(r);
}
