/* types.c: see gc/runtime/freelist.h. */
#include "types.h"

void freelist_clear(struct freelists *f)
{
    tuple_clear_freelist(f);
    float_clear_freelist(f);
    list_clear_freelist(f);
    dict_clear_freelist(f);
}

void freelist_clear_all(struct runtime *r)
{
#if RC_GIL_HELD
    freelist_clear(&r->freelists);
#else
    for (unsigned i = 0, places = thread_places(r); i < places; i++) {
        struct thread *t = thread_at(r, i);
        if (t)
            freelist_clear(&t->freelists);
    }
#endif
}

uint64_t freelist_count(const struct freelists *f)
{
    uint64_t count = (uint64_t)f->floats + (uint64_t)f->lists + (uint64_t)f->dicts;
    for (size_t n = 0; n < FREELIST_TUPLE_SIZES; n++)
        count += (uint64_t)f->tuples[n];
    return count;
}
