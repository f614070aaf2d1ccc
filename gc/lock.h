/* lock.h: the one-byte mutex of an object, and critical sections over one or two objects (CPython's
 * Python/lock.c, Python/critical_section.c; Parkinglot after WebKit's WTF::Lock).
 *
 * Empty under a GIL. A section is entered and left in stack order:
 *     struct critical c;
 *     critical_begin(&c, o); ... critical_end(&c);
 * When a thread has to block inside one, its sections are suspended (their locks released) and taken again
 * when the inner one ends: no deadlock by nesting, but contents may change across anything that can block. */
#ifndef HG_GC_LOCK_H
#define HG_GC_LOCK_H

#include "state.h"

#if RC_GIL_HELD
struct critical {
    char unused;
};
#define critical_begin(c, o)     ((void)(c), (void)(o))
#define critical_begin2(c, a, b) ((void)(c), (void)(a), (void)(b))
#define critical_end(c)          ((void)(c))
#else
struct critical {
    struct critical *outer;
    struct object *object[2]; /* [0] NULL: nothing held (it was held by the section around it) */
};
void critical_begin_slow(struct critical *c, struct object *o);
void critical_begin2(struct critical *c, struct object *a, struct object *b);
void critical_end_slow(struct critical *c);

#define MUTEX_LOCKED 1
#define MUTEX_PARKED 2

static inline void critical_begin(struct critical *c, struct object *o)
{
    uint8_t free_byte = 0;
    if (likely(atomic_compare_exchange_strong_explicit(&o->mutex, &free_byte, MUTEX_LOCKED,
                                                       memory_order_acquire, memory_order_relaxed))) {
        struct thread *t = thread_self;
        c->object[0] = o;
        c->object[1] = NULL;
        c->outer = t->critical;
        t->critical = c;
    } else {
        critical_begin_slow(c, o);
    }
}

void critical_end(struct critical *c);
#endif

#endif
