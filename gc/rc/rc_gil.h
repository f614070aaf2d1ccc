/* rc_gil.h: plain counts; the GIL makes each thread's steps appear one after another.
 *
 * Invariant: whoever touches a count holds the GIL, so no atomic is needed: its mutex orders everything.
 *
 *   HG_RC_GIL      as CPython to 3.11: every object is counted, the small ints and None too.
 *   HG_RC_GIL312   PEP 683 as 3.12 and 3.13 ship it on 64 bits: immortal = the low 32 bits all ones. An
 *                  increment works on the low 32 bits and is dropped when they wrap to 0; a decrement is
 *                  dropped when the low 32 bits are negative as an int32.
 *   HG_RC_GIL314   as 3.14: a 32-bit count, immortal from 2^31 on, set to 3*2^30; increments stop at 3*2^30
 *                  only, decrements when the sign bit is set, so an immortal count may drift and still stays
 *                  immortal. */
#ifndef HG_GC_RC_RC_GIL_H
#define HG_GC_RC_RC_GIL_H

#define RC_GIL_HELD 1

#define RC_HEADER                                                         \
    union {                                                               \
        int64_t refcount;                                                 \
        uint32_t refcount_half[2]; /* [0] low, on a little-endian host */ \
    };

struct object {
    RC_HEADER
    struct type *type;
};

#define RC_IMMORTAL_312 ((int64_t)UINT32_MAX)
#define RC_IMMORTAL_314 ((int64_t)3 << 30)

static inline void rc_init(struct object *o)
{
    o->refcount = 1;
}

static inline void rc_inc(struct object *o)
{
#if HG_RC == HG_RC_GIL
    o->refcount++;
#elif HG_RC == HG_RC_GIL312
    uint32_t n = o->refcount_half[0] + 1;
    if (n == 0)
        return;
    o->refcount_half[0] = n;
#else
    uint32_t n = o->refcount_half[0];
    if (n >= (uint32_t)RC_IMMORTAL_314)
        return;
    o->refcount_half[0] = n + 1;
#endif
}

static inline bool rc_is_immortal(const struct object *o)
{
#if HG_RC == HG_RC_GIL
    (void)o;
    return false;
#else
    return (int32_t)o->refcount_half[0] < 0;
#endif
}

static inline void rc_dec(struct object *o)
{
    if (rc_is_immortal(o))
        return;
    hg_assert(o->refcount > 0);
    if (--o->refcount == 0)
        object_dealloc(o);
}

static inline void rc_set_immortal(struct object *o)
{
#if HG_RC == HG_RC_GIL312
    o->refcount = RC_IMMORTAL_312;
#elif HG_RC == HG_RC_GIL314
    o->refcount = RC_IMMORTAL_314;
#else
    (void)o; /* 3.11 has none */
#endif
}

static inline bool rc_try_inc(struct object *o)
{
    rc_inc(o);
    return true;
}

/* A reference to an object that may be at 0 already (through a weakref, in its lock): false then. */
static inline bool rc_try_inc_dying(struct object *o)
{
    if (o->refcount <= 0)
        return false;
    rc_inc(o);
    return true;
}

static inline void rc_mark_shared(struct object *o)
{
    (void)o;
}

/* For a dealloc that runs a finaliser: one reference for its time; then whether it was the last again. */
static inline void rc_revive(struct object *o)
{
    o->refcount = 1;
}

static inline bool rc_unrevive(struct object *o)
{
    return --o->refcount == 0;
}

/* A dead object may be used again at once (free lists). */
static inline bool rc_can_reuse(const struct object *o)
{
    (void)o;
    return true;
}

static inline int64_t rc_count(const struct object *o)
{
    return o->refcount;
}

static inline void rc_set_count(struct object *o, int64_t n)
{
    o->refcount = n;
}

static inline void rc_inc_stack(struct object *o)
{
    rc_inc(o);
}

static inline void rc_dec_stack(struct object *o)
{
    rc_dec(o);
}

#endif
