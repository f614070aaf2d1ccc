/* lock.h: the one-byte mutex of an object, and critical sections over one or two objects (CPython's
 * Python/lock.c, Python/critical_section.c; the parking lot after WebKit's WTF::ParkingLot).
 *
 * Empty under a GIL. A section is entered and left in stack order:
 *     struct critical c;
 *     critical_begin(&c, o); ... critical_end(&c);
 * When a thread has to block inside one, all its sections are suspended (their locks released) and the inner
 * ones' locks are taken again as each becomes the innermost: no deadlock by nesting, but contents may change
 * across anything that can block. Two objects are locked in the order of their addresses. */
#ifndef HG_GC_RUNTIME_LOCK_H
#define HG_GC_RUNTIME_LOCK_H

#include "state.h"
#include "alloc/base/waits.h"

#if RC_GIL_HELD
struct critical {
    char unused;
};
#define critical_begin(c, o)     ((void)(c), (void)(o))
#define critical_begin2(c, a, b) ((void)(c), (void)(a), (void)(b))
#define critical_end(c)          ((void)(c))
#else

#define MUTEX_LOCKED 1 /* bit 0: held */
#define MUTEX_PARKED 2 /* bit 1: somebody sleeps in the lot */

struct critical {
    struct critical *outer;
    struct object *object[2]; /* both NULL: the section around this one holds the lock already */
    bool suspended;
};
/* byte's mutex at `shift` (lock.c); see there. */
void mutex_lock_slow(_Atomic uint8_t *byte, unsigned shift, bool detach);
void mutex_unlock_slow(_Atomic uint8_t *byte, unsigned shift);

void critical_begin_slow(struct critical *c, struct object *o);
void critical_begin2(struct critical *c, struct object *a, struct object *b);
void critical_end_slow(struct critical *c);
void critical_resume(struct critical *c);
/* Around what blocks: releases the locks of all sections of this thread; takes those of the innermost again,
 * the others' as each becomes the innermost (critical_resume). */
void critical_suspend_all(struct thread *t);
void critical_resume_innermost(struct thread *t);
extern const struct thread_hooks lock_hooks; /* these two */

/* For an object's lock when it was not had at once: of its contents, and under objlock of its count. */
extern struct waits lock_waits, lock_count_waits;

static inline void critical_begin(struct critical *c, struct object *o)
{
    struct thread *t = thread_self;
    uint8_t free_byte = 0;
    c->suspended = false;
    c->object[1] = NULL;
    c->outer = t->critical;
    /* Pairs with the releasing exchange of critical_end. */
    if (likely(atomic_compare_exchange_strong_explicit(&o->mutex, &free_byte, MUTEX_LOCKED,
                                                       memory_order_acquire, memory_order_relaxed))) {
        c->object[0] = o;
        t->critical = c;
        t->mutexes_taken++;
        return;
    }
    critical_begin_slow(c, o);
}

static inline void critical_end(struct critical *c)
{
    uint8_t held = MUTEX_LOCKED;
    struct object *o = c->object[0];
    if (unlikely(c->object[1] || !o ||
                 !atomic_compare_exchange_strong_explicit(&o->mutex, &held, 0, memory_order_release,
                                                          memory_order_relaxed))) {
        critical_end_slow(c);
        return;
    }
    thread_self->critical = c->outer;
    if (unlikely(c->outer && c->outer->suspended))
        critical_resume(c->outer);
}
#endif

#endif
