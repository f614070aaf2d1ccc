/* rc.h: picks the refcount policy this program is compiled for (-DHG_RC=HG_RC_GIL ...). One header a policy;
 * each defines, inline, with no function pointer in the way:
 *
 *   RC_HEADER                 the fields at the start of struct object, before its type
 *   RC_GIL_HELD               1 where one thread at a time runs: list-based collectors, GC_HEAD lists
 *   rc_init(o)                count 1, owned by the calling thread
 *   rc_inc(o)  rc_dec(o)      a reference more or less; the last one calls object_dealloc(o)
 *   rc_try_inc(o)             false when o may be dying: for readers that hold no lock
 *   rc_try_inc_dying(o)       the same through a weakref or a table that does not count, in its lock
 *   rc_mark_shared(o)         from now on others may try so: called before o is put where they find it
 *   rc_count(o)               references now; exact at quiescence
 *   rc_set_count(o, n)        at quiescence or with the object unreachable for others
 *   rc_is_immortal(o)  rc_set_immortal(o)
 *   rc_inc_stack(o)  rc_dec_stack(o)   a reference from a thread's stack: free of charge on deferred objects
 *
 * Contents of an object are guarded by critical sections (lock.h), which are empty under a GIL. */
#ifndef HG_GC_RC_RC_H
#define HG_GC_RC_RC_H

#include "policy.h"

#include "alloc/base/assert.h"
#include "alloc/base/compiler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object;
struct type;

/* The last reference is gone: the type takes it apart (object.h). */
static inline void object_dealloc(struct object *o);

#if HG_RC != HG_RC_GIL && HG_RC != HG_RC_GIL312 && HG_RC != HG_RC_GIL314 && HG_RC != HG_RC_TRACING
/* object.gc_bits of the policies without a GIL. */
enum {
    GC_TRACKED = 1,
    GC_FINALIZED = 2,
    GC_UNREACHABLE = 4,
    GC_FROZEN = 8,
    GC_SHARED = 16,  /* biased: a container that a thread other than its owner has used (list.c) */
    GC_READERS = 32, /* biased: readers without a lock may look at it even when it is dead (qsbr.h) */
    GC_DEFERRED = 64,
    GC_ALIVE = 128
};
#endif

#if HG_RC == HG_RC_GIL || HG_RC == HG_RC_GIL312 || HG_RC == HG_RC_GIL314
#include "rc_gil.h"
#elif HG_RC == HG_RC_ATOMIC
#include "rc_atomic.h"
#elif HG_RC == HG_RC_OBJLOCK
#include "rc_objlock.h"
#elif HG_RC == HG_RC_BIASED
#include "rc_biased.h"
#elif HG_RC == HG_RC_TRACING
#include "rc_tracing.h"
#else
#error "HG_RC names no policy"
#endif

static inline void rc_xdec(struct object *o)
{
    if (o)
        rc_dec(o);
}

#endif
