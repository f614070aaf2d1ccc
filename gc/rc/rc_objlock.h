/* rc_objlock.h: fine-grained locks: each object's one-byte mutex guards its count and its contents.
 *
 *   offset 0  u32 count   4  u8 mutex  5  u8 gc bits  6  u16 home   8  type *
 *
 * The byte holds two locks, so that neither can wait for the other: bits 0 and 1 (held, parked) for the
 * contents, which may be held for long and are suspended when their holder blocks (lock.h); bits 2 and 3 for
 * the count, held for a few instructions with nothing else taken inside. Were they one, a thread that holds
 * list A and counts its item B would deadlock with one that holds B and counts A.
 * count is atomic only so that it may be read without the lock (statistics); every change is made in the
 * lock, whose taking acquires and whose giving back releases. Immortal: the top bit, set before others see
 * the object.
 *
 * Invariants: count is the number of references whenever bits 2 and 3 are 0; who brings it to 0 is the only
 * one that can still reach the object, and takes it apart outside the lock.
 * The byte is CPython's PyMutex (Python/lock.c; lock.c here). No CPython counts like this: it is what the
 * plain way to fine-grained locks would cost. */
#ifndef HG_GC_RC_RC_OBJLOCK_H
#define HG_GC_RC_RC_OBJLOCK_H

#define RC_GIL_HELD 0

#define RC_HEADER            \
    _Atomic uint32_t count;  \
    _Atomic uint8_t mutex;   \
    _Atomic uint8_t gc_bits; \
    uint16_t home;

struct object {
    RC_HEADER
    struct type *type;
};

#define RC_IMMORTAL_BIT 0x80000000u
#define RC_LOCK_SHIFT   2
#define RC_LOCKED       4

void mutex_lock_slow(_Atomic uint8_t *byte, unsigned shift, bool detach);
void mutex_unlock_slow(_Atomic uint8_t *byte, unsigned shift);

static inline void rc_lock(struct object *o)
{
    uint8_t free_byte = 0;
    if (unlikely(!atomic_compare_exchange_strong_explicit(&o->mutex, &free_byte, RC_LOCKED,
                                                          memory_order_acquire, memory_order_relaxed)))
        mutex_lock_slow(&o->mutex, RC_LOCK_SHIFT, false);
}

static inline void rc_unlock(struct object *o)
{
    uint8_t held = RC_LOCKED;
    if (unlikely(!atomic_compare_exchange_strong_explicit(&o->mutex, &held, 0, memory_order_release,
                                                          memory_order_relaxed)))
        mutex_unlock_slow(&o->mutex, RC_LOCK_SHIFT);
}

static inline void rc_init(struct object *o)
{
    atomic_store_explicit(&o->count, 1, memory_order_relaxed);
    atomic_store_explicit(&o->mutex, 0, memory_order_relaxed);
    atomic_store_explicit(&o->gc_bits, 0, memory_order_relaxed);
}

static inline uint32_t rc_load(const struct object *o)
{
    return atomic_load_explicit(&((struct object *)o)->count, memory_order_relaxed);
}

static inline bool rc_is_immortal(const struct object *o)
{
    return (rc_load(o) & RC_IMMORTAL_BIT) != 0;
}

static inline void rc_set_immortal(struct object *o)
{
    atomic_store_explicit(&o->count, RC_IMMORTAL_BIT, memory_order_relaxed);
}

static inline void rc_inc(struct object *o)
{
    if (unlikely(rc_is_immortal(o)))
        return;
    rc_lock(o);
    atomic_store_explicit(&o->count, rc_load(o) + 1, memory_order_relaxed);
    rc_unlock(o);
}

static inline void rc_dec(struct object *o)
{
    if (unlikely(rc_is_immortal(o)))
        return;
    rc_lock(o);
    uint32_t n = rc_load(o) - 1;
    atomic_store_explicit(&o->count, n, memory_order_relaxed);
    rc_unlock(o);
    if (n == 0)
        object_dealloc(o);
}

static inline bool rc_try_inc(struct object *o)
{
    rc_inc(o); /* this policy reads containers under their lock, so o cannot be dying */
    return true;
}

/* A reference to an object that may be at 0 already (through a weakref, in its lock): false then. */
static inline bool rc_try_inc_dying(struct object *o)
{
    if (rc_is_immortal(o))
        return true;
    rc_lock(o);
    uint32_t n = rc_load(o);
    if (n)
        atomic_store_explicit(&o->count, n + 1, memory_order_relaxed);
    rc_unlock(o);
    return n != 0;
}

static inline void rc_mark_shared(struct object *o)
{
    (void)o;
}

/* For a dealloc that runs a finaliser: one reference for its time; then whether it was the last again. */
static inline void rc_revive(struct object *o)
{
    rc_lock(o);
    atomic_store_explicit(&o->count, 1, memory_order_relaxed);
    rc_unlock(o);
}

static inline bool rc_unrevive(struct object *o)
{
    rc_lock(o);
    uint32_t n = rc_load(o) - 1;
    atomic_store_explicit(&o->count, n, memory_order_relaxed);
    rc_unlock(o);
    return n == 0;
}

static inline bool rc_can_reuse(const struct object *o)
{
    (void)o;
    return true;
}

static inline int64_t rc_count(const struct object *o)
{
    return (int64_t)rc_load(o);
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
