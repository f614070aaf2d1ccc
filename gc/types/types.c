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

void freelist_clear_all(struct runtime *r)
{
#if RC_GIL_HELD
    freelists_clear(&r->freelists);
#else
    for (unsigned i = 0, places = thread_places(r); i < places; i++) {
        struct thread *t = thread_at(r, i);
        if (t)
            freelists_clear(&t->freelists);
    }
#endif
}

void types_close(struct runtime *r)
{
    int_close(r);
    tuple_close(r);
    intern_close(r);
    freelist_clear_all(r);
    type_close_all(r);
}
