/* container.h: what a list and a dict need beside their layout: whether they are tracked, and readers
 * without a lock, which biased alone has: pointers that they may see, and how a container is used.
 *   container_touch(c)        in c's lock, first of all: a thread that is not c's owner marks c as shared
 *   container_has_readers(c)  c is shared: old arrays of it go through qsbr
 *   container_drops(c, o)     in c's lock: o is about to leave c */
#ifndef HG_GC_TYPES_CONTAINER_H
#define HG_GC_TYPES_CONTAINER_H

#include "types.h"
#include "gc/runtime/lock.h"
#include "gc/runtime/trash.h"

#if HG_RC == HG_RC_BIASED
#include "gc/runtime/qsbr.h"
#define field_load(p)            __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define field_store(p, v)        __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define container_touch(c)       rc_touch_container(c)
#define container_has_readers(c) rc_is_shared_container(c)
static inline void container_drops(const struct object *c, struct object *o)
{
    if (o && rc_is_shared_container(c))
        rc_mark_readers(o);
}
#else
#define field_load(p)            (*(p))
#define field_store(p, v)        ((void)(*(p) = (v)))
#define container_touch(c)       ((void)(c))
#define container_has_readers(c) ((void)(c), false)
#define container_drops(c, o)    ((void)(c), (void)(o))
#define qsbr_free(p)             mem_free(p)
#endif

/* An object that may ever need to be in a cycle: decides whether dicts and tuples are (un)tracked. */
static inline bool gc_may_be_tracked(const struct object *o)
{
    return object_is_gc(o) && (o->type != &type_tuple || gc_is_tracked(o));
}

#endif
