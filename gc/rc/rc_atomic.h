/* rc_atomic.h: one atomic count an object, and beside it a one-byte mutex for the contents.
 *
 *   offset 0  u32 count   8  type *        immortal = the count's top bit set (never moves then)
 *          4  u8 mutex  5  u8 gc bits  6  u16 home
 *
 * An increment is relaxed: who increments holds a reference already, which someone gave with the order that
 * this needs. A decrement releases what this thread did to the object, and the last one acquires what all
 * others did (pairs with their releasing decrements) before the object is taken apart. The acquire stands on
 * a load of the count, not in a fence, so that ThreadSanitizer sees it.
 * Reference: the usual shared_ptr protocol (Boost.Atomic, "Reference counting"). */
#ifndef HG_GC_RC_RC_ATOMIC_H
#define HG_GC_RC_RC_ATOMIC_H

#define RC_GIL_HELD 0

#define RC_HEADER            \
    _Atomic uint32_t count;  \
    _Atomic uint8_t mutex;   \
    _Atomic uint8_t gc_bits; \
    uint16_t home; /* thread whose registry lists the object (registry.h) */

struct object {
    RC_HEADER
    struct type *type;
};

#define RC_IMMORTAL_BIT 0x80000000u

static inline void rc_init(struct object *o)
{
    atomic_store_explicit(&o->count, 1, memory_order_relaxed);
    atomic_store_explicit(&o->mutex, 0, memory_order_relaxed);
    atomic_store_explicit(&o->gc_bits, 0, memory_order_relaxed);
}

static inline bool rc_is_immortal(const struct object *o)
{
    return (atomic_load_explicit(&((struct object *)o)->count, memory_order_relaxed) & RC_IMMORTAL_BIT) != 0;
}

static inline void rc_set_immortal(struct object *o)
{
    atomic_store_explicit(&o->count, RC_IMMORTAL_BIT, memory_order_relaxed);
}

static inline void rc_inc(struct object *o)
{
    if (unlikely(rc_is_immortal(o)))
        return;
    atomic_fetch_add_explicit(&o->count, 1, memory_order_relaxed);
}

static inline void rc_dec(struct object *o)
{
    if (unlikely(rc_is_immortal(o)))
        return;
    if (atomic_fetch_sub_explicit(&o->count, 1, memory_order_release) == 1) {
        (void)atomic_load_explicit(&o->count, memory_order_acquire);
        object_dealloc(o);
    }
}

static inline bool rc_try_inc(struct object *o)
{
    rc_inc(o); /* this policy reads containers under their lock, so o cannot be dying */
    return true;
}

/* A reference to an object that may be at 0 already (through a weakref, in its lock): false then. */
static inline bool rc_try_inc_dying(struct object *o)
{
    uint32_t n = atomic_load_explicit(&o->count, memory_order_relaxed);
    while (n != 0 && !(n & RC_IMMORTAL_BIT))
        if (atomic_compare_exchange_weak_explicit(&o->count, &n, n + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    return n != 0;
}

static inline void rc_mark_shared(struct object *o)
{
    (void)o;
}

/* For a dealloc that runs a finaliser: one reference for its time; then whether it was the last again. */
static inline void rc_revive(struct object *o)
{
    atomic_store_explicit(&o->count, 1, memory_order_relaxed);
}

static inline bool rc_unrevive(struct object *o)
{
    return atomic_fetch_sub_explicit(&o->count, 1, memory_order_acq_rel) == 1;
}

/* A dead object may be used again at once (free lists). */
static inline bool rc_can_reuse(const struct object *o)
{
    (void)o;
    return true;
}

static inline int64_t rc_count(const struct object *o)
{
    return (int64_t)atomic_load_explicit(&((struct object *)o)->count, memory_order_relaxed);
}

static inline void rc_set_count(struct object *o, int64_t n)
{
    atomic_store_explicit(&o->count, (uint32_t)n, memory_order_relaxed);
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
