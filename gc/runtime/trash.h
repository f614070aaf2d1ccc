/* trash.h: deep structures die without deep recursion (CPython's trashcan, Include/cpython/object.h).
 *
 * A container's dealloc starts with trash_begin: at 50 levels (from 3.12 on at many more, python.h) it puts
 * the object aside (true: return at once) and the outermost trash_end takes those apart one by one, each
 * again with as many levels of its own. So the C stack is bounded whatever the shape. Objects are put aside
 * untracked, linked through the GC head where there is one; under biased, which has none, through the
 * header or in the thread's own table (trash.c). */
#ifndef HG_GC_RUNTIME_TRASH_H
#define HG_GC_RUNTIME_TRASH_H

#include "state.h"

#define CASCADE_OBJECTS 512    /* the clock is read at the this object of a cascade */
#define CASCADE_NS      100000 /* a cascade that takes longer is reported as a pause */

int trash_open(struct thread *t); /* 0 or -ENOMEM */
/* By t itself, before its first dealloc: how deep it may go. */
void trash_bound(struct thread *t, const struct python_rules *python);
void trash_put(struct thread *t, struct object *o);
void trash_close(struct thread *t);
/* Nothing lies in it but between the outermost trash_begin and trash_end; what does is untracked and not
 * counted any more. By t itself. */
bool trash_is_valid(const struct thread *t);
void cascade_begin(struct thread *t);
/* The outermost dealloc ends, and something was put aside or the clock was read. */
void trash_finish(struct thread *t);

static inline bool trash_begin(struct object *o, uint64_t references)
{
    struct thread *t = thread_self;
    int nesting = t->trash.nesting;
    if (likely(nesting == 0)) {
        t->trash.cascade_freed = references + 1;
    } else if (unlikely(nesting >= t->trash.levels ||
                        (uintptr_t)__builtin_frame_address(0) < t->trash.stack_end)) {
        trash_put(t, o);
        return true;
    } else {
        t->trash.cascade_freed += references + 1;
    }
    t->trash.nesting = nesting + 1;
    if (unlikely(t->trash.cascade_freed >= CASCADE_OBJECTS))
        cascade_begin(t);
    return false;
}

static inline void trash_end(void)
{
    struct thread *t = thread_self;
    if (--t->trash.nesting == 0 && unlikely(t->trash.pending))
        trash_finish(t);
}

#endif
