/* trash.c: see trash.h. */
#include "trash.h"

#include "alloc/base/os.h"

#include <limits.h>
#include <sys/resource.h>

#if HG_RC == HG_RC_BIASED
static struct os_account trash_account;

#define TRASH_ROOM 4096

int trash_open(struct thread *t)
{
    t->trash.table = os_map(&trash_account, TRASH_ROOM * sizeof *t->trash.table, 0, 0);
    t->trash.room = t->trash.table ? TRASH_ROOM : 0;
    return t->trash.table ? 0 : -ENOMEM;
}

/* An object that died in the default state is nobody else's to look at: its shared count, 0, holds the link
 * meanwhile. Others may be tried by who finds them through a weakref or in a container, and have to keep
 * theirs: they go into the table. When that is full and no memory is left, the object is taken apart here and
 * now, deeper on the stack. */
void trash_put(struct thread *t, struct object *o)
{
    t->trash.pending = true;
    if (atomic_load_explicit(&o->shared, memory_order_relaxed) == SHARED_DEFAULT && rc_can_reuse(o)) {
        atomic_store_explicit(&o->shared, (int64_t)(intptr_t)t->trash.later, memory_order_relaxed);
        t->trash.later = o;
        return;
    }
    if (t->trash.count == t->trash.room) {
        size_t room = t->trash.room * 2;
        struct object **wider =
            os_remap(&trash_account, t->trash.table, t->trash.room * sizeof *wider, room * sizeof *wider);
        if (!wider) {
            int nesting = t->trash.nesting;
            t->trash.nesting = 1;
            o->type->dealloc(o);
            t->trash.nesting = nesting;
            return;
        }
        t->trash.table = wider;
        t->trash.room = room;
    }
    t->trash.table[t->trash.count++] = o;
}

static struct object *trash_next(struct object *o)
{
    return (struct object *)(intptr_t)atomic_load_explicit(&o->shared, memory_order_relaxed);
}

static struct object *trash_take(struct thread *t)
{
    struct object *o = t->trash.later;
    if (!o)
        return t->trash.count ? t->trash.table[--t->trash.count] : NULL;
    t->trash.later = trash_next(o);
    atomic_store_explicit(&o->shared, SHARED_DEFAULT, memory_order_relaxed);
    return o;
}

void trash_close(struct thread *t)
{
    if (t->trash.table)
        os_unmap(&trash_account, t->trash.table, t->trash.room * sizeof *t->trash.table);
    t->trash.table = NULL;
    t->trash.room = 0;
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
    TRASH_LINK(o) = (TRASH_LINK(o) & TRASH_KEEP) | (intptr_t)t->trash.later;
    t->trash.later = o;
    t->trash.pending = true;
}

static struct object *trash_next(struct object *o)
{
    return (struct object *)(TRASH_LINK(o) & ~(uintptr_t)TRASH_KEEP);
}

static struct object *trash_take(struct thread *t)
{
    struct object *o = t->trash.later;
    if (o) {
        t->trash.later = trash_next(o);
        TRASH_LINK(o) &= TRASH_KEEP;
    }
    return o;
}

void trash_close(struct thread *t)
{
    (void)t;
}
#endif

/* What a dealloc may still need once nothing more is put aside, and what lies above the frame of who asks. */
#define TRASH_MARGIN_BYTES ((size_t)256 << 10)

void trash_bound(struct thread *t, const struct python_rules *python)
{
    t->trash.levels = python->trash_levels ? python->trash_levels : INT_MAX - 1;
    t->trash.stack_end = 0;
    if (python->trash_levels == TRASH_LEVELS_3_11)
        return;
    struct rlimit limit;
    size_t bytes = (size_t)2 << 20; /* of a thread where there is no limit (glibc, x86-64) */
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        bytes = (size_t)limit.rlim_cur;
    bytes -= bytes / 2 < TRASH_MARGIN_BYTES ? bytes / 2 : TRASH_MARGIN_BYTES;
    t->trash.stack_end = (uintptr_t)__builtin_frame_address(0) - bytes;
}

bool trash_is_valid(const struct thread *t)
{
    const struct trashcan *trash = &t->trash;
    if (trash->nesting < 0 || trash->nesting > trash->levels + 1 || trash->count > trash->room)
        return false;
    if (trash->nesting == 0 || !trash->pending)
        return !trash->pending && !trash->later && trash->count == 0;
    for (struct object *o = trash->later; o; o = trash_next(o))
        if (gc_is_tracked(o) || !object_is_gc(o))
            return false;
    return true;
}

/* --- the end of the outermost dealloc ------------------------------------------------------------------- */

void cascade_begin(struct thread *t)
{
    if (t->trash.cascade_start_ns)
        return;
    t->trash.pending = true;
    t->trash.cascade_start_ns = os_now_ns();
    t->trash.cascade_from_bytes = t->freed_bytes;
}

/* Not inside this thread's collection, whose own pause it is part of. */
static void cascade_end(struct thread *t)
{
    uint64_t start = t->trash.cascade_start_ns, now;
    t->trash.cascade_start_ns = 0;
    if (!t->collects && (now = os_now_ns()) - start >= CASCADE_NS)
        runtime_pause(t->runtime, PAUSE_CASCADE, start, now, t->trash.cascade_freed, t->trash.cascade_freed,
                      t->freed_bytes - t->trash.cascade_from_bytes);
}

void trash_finish(struct thread *t)
{
    struct object *o;
    t->trash.nesting++; /* the deallocs below are not the outermost, so this loop stays the only one */
    while ((o = trash_take(t)))
        o->type->dealloc(o);
    t->trash.nesting--;
    t->trash.pending = false;
    hg_seed(trash_pending, t->trash.pending = true);
    hg_assert_whole(trash_is_valid(t));
    if (t->trash.cascade_start_ns)
        cascade_end(t);
}
