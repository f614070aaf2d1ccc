/* sharing.h: the objects that threads share or keep apart in private, shared-read, ftscaling and
 * shared-containers. */
#ifndef HG_WORKLOADS_OBJECT_SHARING_H
#define HG_WORKLOADS_OBJECT_SHARING_H

#include "object.h"

static inline struct object *sharing_tuple(uint64_t bits)
{
    struct object *t = tuple_new(2);
    if (!t)
        return NULL;
    bool whole = object_fill(t, 0, int_new((int64_t)(bits & 0xffffff) + 1000));
    whole &= object_fill(t, 1, float_new((double)(bits & 0xffff)));
    if (whole)
        return t;
    rc_dec(t);
    return NULL;
}

/* The thread that uses a list makes it. */
static inline struct object *sharing_list(uint64_t count, uint64_t seed)
{
    struct object *l = list_new(0);
    for (uint64_t i = 0; l && i < count; i++) {
        struct object *v = sharing_tuple(rng_mix(seed + i));
        if (!v || list_append(l, v) != 0) {
            rc_xdec(v);
            rc_dec(l);
            return NULL;
        }
        rc_dec(v);
    }
    return l;
}

static inline void sharing_set_deferred(struct object *o, bool on)
{
#if HG_RC == HG_RC_BIASED
    if (!runtime_global.options.deferred)
        return;
    if (on)
        rc_set_deferred(o);
    else
        rc_clear_deferred(o);
#else
    (void)o;
    (void)on;
#endif
}

#endif
