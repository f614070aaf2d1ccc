/* object.c: what all kinds share: finalisers, sizes. */
#include "object.h"

/* --- finalisers ----------------------------------------------------------------------------------------- */

bool object_is_finalized(const struct object *o)
{
#if RC_GIL_HELD
    return (gc_head_of(o)->prev & GC_PREV_FINALIZED) != 0;
#else
    return (atomic_load_explicit(&((struct object *)o)->gc_bits, memory_order_relaxed) & GC_FINALIZED) != 0;
#endif
}

static void object_set_finalized(struct object *o)
{
#if RC_GIL_HELD
    gc_head_of(o)->prev |= GC_PREV_FINALIZED;
#else
    atomic_fetch_or_explicit(&o->gc_bits, GC_FINALIZED, memory_order_relaxed);
#endif
}

void object_finalize(struct object *o)
{
    if (!o->type->finalize || object_is_finalized(o))
        return;
    o->type->finalize(o);
    object_set_finalized(o);
}

bool object_finalize_from_dealloc(struct object *o)
{
    rc_revive(o);
    object_finalize(o);
    return !rc_unrevive(o);
}

/* --- sizes ---------------------------------------------------------------------------------------------- */

size_t object_bytes(const struct object *o)
{
    return o->type->bytes(o) + (object_is_gc(o) ? GC_HEAD_BYTES : 0);
}
