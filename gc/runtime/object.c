/* object.c: what all kinds share: death, finalisers, the trashcan, sizes. */
#include "trash.h"

#include "alloc/base/os.h"

#include <errno.h>

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

/* --- the trashcan --------------------------------------------------------------------------------------- */

#if HG_RC == HG_RC_BIASED
static struct os_account trash_account;

#define TRASH_ROOM 4096

int trash_open(struct thread *t)
{
    t->trash = os_map(&trash_account, TRASH_ROOM * sizeof *t->trash, 0, 0);
    t->trash_room = t->trash ? TRASH_ROOM : 0;
    return t->trash ? 0 : -ENOMEM;
}

/* An object that died in the default state is nobody else's to look at: its shared count, 0, holds the link
 * meanwhile. Others may be tried by who finds them through a weakref or in a container, and have to keep
 * theirs: they go into the table. When that is full and no memory is left, the object is taken apart here and
 * now, deeper on the stack. */
void trash_put(struct thread *t, struct object *o)
{
    t->trash_pending = true;
    if (atomic_load_explicit(&o->shared, memory_order_relaxed) == SHARED_DEFAULT && rc_can_reuse(o)) {
        atomic_store_explicit(&o->shared, (int64_t)(intptr_t)t->trash_later, memory_order_relaxed);
        t->trash_later = o;
        return;
    }
    if (t->trash_count == t->trash_room) {
        size_t room = t->trash_room * 2;
        struct object **wider =
            os_remap(&trash_account, t->trash, t->trash_room * sizeof *wider, room * sizeof *wider);
        if (!wider) {
            int nesting = t->trash_nesting;
            t->trash_nesting = 1;
            o->type->dealloc(o);
            t->trash_nesting = nesting;
            return;
        }
        t->trash = wider;
        t->trash_room = room;
    }
    t->trash[t->trash_count++] = o;
}

static struct object *trash_take(struct thread *t)
{
    struct object *o = t->trash_later;
    if (!o)
        return t->trash_count ? t->trash[--t->trash_count] : NULL;
    t->trash_later = (struct object *)(intptr_t)atomic_load_explicit(&o->shared, memory_order_relaxed);
    atomic_store_explicit(&o->shared, SHARED_DEFAULT, memory_order_relaxed);
    return o;
}

void trash_close(struct thread *t)
{
    if (t->trash)
        os_unmap(&trash_account, t->trash, t->trash_room * sizeof *t->trash);
    t->trash = NULL;
    t->trash_room = 0;
}
#else
#if RC_GIL_HELD
#define TRASH_LINK(o) (gc_head_of(o)->prev)
#define TRASH_KEEP    GC_PREV_FINALIZED
#else
#define TRASH_LINK(o) (gc_head_of(o)->refs)
#define TRASH_KEEP    0
#endif

int trash_open(struct thread *t)
{
    (void)t;
    return 0;
}

void trash_put(struct thread *t, struct object *o)
{
    TRASH_LINK(o) = (TRASH_LINK(o) & TRASH_KEEP) | (intptr_t)t->trash_later;
    t->trash_later = o;
    t->trash_pending = true;
}

static struct object *trash_take(struct thread *t)
{
    struct object *o = t->trash_later;
    if (o) {
        t->trash_later = (struct object *)(TRASH_LINK(o) & ~(uintptr_t)TRASH_KEEP);
        TRASH_LINK(o) &= TRASH_KEEP;
    }
    return o;
}

void trash_close(struct thread *t)
{
    (void)t;
}
#endif

/* --- the end of the outermost dealloc ------------------------------------------------------------------- */

void cascade_begin(struct thread *t)
{
    if (t->cascade_start_ns)
        return;
    t->trash_pending = true;
    t->cascade_start_ns = os_now_ns();
    t->cascade_from_bytes = t->freed_bytes;
}

/* Not inside this thread's collection, whose own pause it is part of. */
static void cascade_end(struct thread *t)
{
    uint64_t start = t->cascade_start_ns, now;
    t->cascade_start_ns = 0;
    if (!t->collects && (now = os_now_ns()) - start >= CASCADE_NS)
        runtime_pause(t->runtime, PAUSE_CASCADE, start, now, t->cascade_freed, t->cascade_freed,
                      t->freed_bytes - t->cascade_from_bytes);
}

void trash_finish(struct thread *t)
{
    struct object *o;
    t->trash_nesting++; /* the deallocs below are not the outermost, so this loop stays the only one */
    while ((o = trash_take(t)))
        o->type->dealloc(o);
    t->trash_nesting--;
    t->trash_pending = false;
    if (t->cascade_start_ns)
        cascade_end(t);
}

/* --- sizes ---------------------------------------------------------------------------------------------- */

size_t object_bytes(const struct object *o)
{
    return o->type->bytes(o) + (object_is_gc(o) ? GC_HEAD_BYTES : 0);
}
