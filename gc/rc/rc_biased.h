/* rc_biased.h: biased reference counting (PEP 703, "Biased Reference Counting": Choi, Shull, Torrellas,
 * PACT'18).
 *
 *   offset 0  u32 tid     the owner's thread id, 0 = nobody: counts are merged
 *          4  u32 slot    in the registry of thread `home` (container types)
 *          8  u16 home  10  u8 mutex  11  u8 gc bits
 *         12  u32 local   the owner's count; UINT32_MAX = immortal
 *         16  i64 shared  everybody else's count << 2 | state; may be negative
 *         24  type *
 *
 * The owner counts in local with plain (relaxed) stores, the others in shared with atomic operations.
 * References in all = local + (shared >> 2). States only ever increase:
 *   0 default        nobody else has looked at it without a reference
 *   1 maybe-weakref  others may try to get a reference without having one (weakrefs, shared containers)
 *   2 queued         it lies in the owner's queue, which holds the reference that was dropped
 *   3 merged         local is 0 for good, tid 0: shared has the whole count
 * Taken apart only from default (owner, shared == 0) or from merged with count 0.
 *
 * inc   owner: local + 1. Others: shared + 4.
 * dec   owner: local - 1; at 0 with shared == 0 dead without any atomic operation (nobody else ever had a
 *       reference that was not counted in local, and nobody can try: the state is default), else merge.
 *       Others: CAS; from a count of 0 in state 0 or 1 it becomes queued and goes to the owner, else shared -
 *       4; merged with count 0: dead.
 * queue (biased.c) the owner, at its next safepoint, adds local and shared, minus the queue's reference:
 *       merged. When the owner has left, whoever queues merges in its place.
 * try   a reference without having one: the owner and immortal objects at once; others by CAS, which fails
 *       when shared is 0 (default) or merged-0, the values an object has when it is taken apart.
 *
 * Pairing: a dec of others releases (acq_rel CAS) what that thread did; the acquire is the CAS that finds 0,
 * or the owner's acquiring load of shared in rc_merge_zero.
 *
 * Memory that readers without a lock may still look at (GC_READERS, set when an object leaves a container
 * that a second thread has used) goes back through qsbr.h; all other memory at once. CPython leaves this to
 * its allocator, which keeps header words readable; ours may be any.
 *
 * Deferred: objects that live long and are used by all (classes, functions) carry DEFERRED_BIAS in shared, so
 * that they cannot die by counting, and references from a thread's stack are not counted (rc_inc_stack).
 * CPython 3.14. */
#ifndef HG_GC_RC_RC_BIASED_H
#define HG_GC_RC_RC_BIASED_H

#define RC_GIL_HELD 0

#define RC_HEADER            \
    _Atomic uint32_t tid;    \
    uint32_t slot;           \
    uint16_t home;           \
    _Atomic uint8_t mutex;   \
    _Atomic uint8_t gc_bits; \
    _Atomic uint32_t local;  \
    _Atomic int64_t shared;

struct object {
    RC_HEADER
    struct type *type;
};

#define SHARED_DEFAULT 0
#define SHARED_WEAK    1
#define SHARED_QUEUED  2
#define SHARED_MERGED  3
#define SHARED_STATE   3
#define SHARED_SHIFT   2
#define SHARED_ONE     ((int64_t)1 << SHARED_SHIFT)
#define DEFERRED_BIAS  ((INT64_MAX >> 3 >> SHARED_SHIFT) << SHARED_SHIFT)

/* Of the calling thread: what tid is compared with. 0 while detached for good. */
extern _Thread_local uint32_t rc_self_id __attribute__((tls_model("initial-exec")));

void rc_merge_zero(struct object *o); /* the owner's count came to 0 */
void rc_dec_shared(struct object *o); /* by another thread than the owner */
/* local + shared + extra, all in shared from now on; by the owner, or while the owner cannot run. */
int64_t rc_merge(struct object *o, int64_t extra);

static inline void rc_init(struct object *o)
{
    atomic_store_explicit(&o->tid, rc_self_id, memory_order_relaxed);
    atomic_store_explicit(&o->mutex, 0, memory_order_relaxed);
    atomic_store_explicit(&o->gc_bits, 0, memory_order_relaxed);
    atomic_store_explicit(&o->local, 1, memory_order_relaxed);
    atomic_store_explicit(&o->shared, 0, memory_order_relaxed);
}

static inline bool rc_is_owned(const struct object *o)
{
    return atomic_load_explicit(&((struct object *)o)->tid, memory_order_relaxed) == rc_self_id;
}

static inline bool rc_is_immortal(const struct object *o)
{
    return atomic_load_explicit(&((struct object *)o)->local, memory_order_relaxed) == UINT32_MAX;
}

static inline void rc_set_immortal(struct object *o)
{
    atomic_store_explicit(&o->tid, 0, memory_order_relaxed);
    atomic_store_explicit(&o->local, UINT32_MAX, memory_order_relaxed);
    atomic_store_explicit(&o->shared, 0, memory_order_relaxed);
}

static inline void rc_inc(struct object *o)
{
    uint32_t local = atomic_load_explicit(&o->local, memory_order_relaxed) + 1;
    if (unlikely(local == 0))
        return;
    if (likely(rc_is_owned(o)))
        atomic_store_explicit(&o->local, local, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&o->shared, SHARED_ONE, memory_order_relaxed);
}

static inline void rc_dec(struct object *o)
{
    uint32_t local = atomic_load_explicit(&o->local, memory_order_relaxed);
    if (unlikely(local == UINT32_MAX))
        return;
    if (likely(rc_is_owned(o))) {
        atomic_store_explicit(&o->local, --local, memory_order_relaxed);
        if (local == 0)
            rc_merge_zero(o);
    } else {
        rc_dec_shared(o);
    }
}

static inline bool rc_try_inc_shared(struct object *o)
{
    int64_t shared = atomic_load_explicit(&o->shared, memory_order_relaxed);
    while (shared != 0 && shared != SHARED_MERGED)
        /* Acquires what the last writer of the object released when it gave its reference away. */
        if (atomic_compare_exchange_weak_explicit(&o->shared, &shared, shared + SHARED_ONE,
                                                  memory_order_acq_rel, memory_order_relaxed))
            return true;
    return false;
}

static inline bool rc_try_inc(struct object *o)
{
    uint32_t local = atomic_load_explicit(&o->local, memory_order_relaxed) + 1;
    if (unlikely(local == 0))
        return true;
    if (rc_is_owned(o)) {
        atomic_store_explicit(&o->local, local, memory_order_relaxed);
        return true;
    }
    return rc_try_inc_shared(o);
}

/* A reference to an object that may be at 0 already (through a weakref, in its lock): false then. The object
 * must have been marked (rc_mark_shared) when the place it is found in was made. */
static inline bool rc_try_inc_dying(struct object *o)
{
    uint32_t local = atomic_load_explicit(&o->local, memory_order_relaxed);
    if (rc_is_owned(o) && local == 0)
        return false;
    return rc_try_inc(o);
}

/* The caller holds a reference. */
static inline void rc_mark_shared(struct object *o)
{
    int64_t shared = atomic_load_explicit(&o->shared, memory_order_relaxed);
    if (likely((shared & SHARED_STATE) != SHARED_DEFAULT) || rc_is_immortal(o))
        return;
    while ((shared & SHARED_STATE) == SHARED_DEFAULT)
        if (atomic_compare_exchange_weak_explicit(&o->shared, &shared, shared | SHARED_WEAK,
                                                  memory_order_relaxed, memory_order_relaxed))
            return;
}

/* o is about to leave a container that may have readers without a lock. The caller holds a reference. */
static inline void rc_mark_readers(struct object *o)
{
    if (!(atomic_load_explicit(&o->gc_bits, memory_order_relaxed) & GC_READERS))
        atomic_fetch_or_explicit(&o->gc_bits, GC_READERS, memory_order_relaxed);
}

static inline bool rc_can_reuse(const struct object *o)
{
    return !(atomic_load_explicit(&((struct object *)o)->gc_bits, memory_order_relaxed) & GC_READERS);
}

/* For a dealloc that runs a finaliser: one reference for its time; then whether it was the last again. */
static inline void rc_revive(struct object *o)
{
    atomic_store_explicit(&o->tid, 0, memory_order_relaxed);
    atomic_store_explicit(&o->local, 0, memory_order_relaxed);
    atomic_store_explicit(&o->shared, SHARED_ONE | SHARED_MERGED, memory_order_relaxed);
}

static inline bool rc_unrevive(struct object *o)
{
    return atomic_fetch_sub_explicit(&o->shared, SHARED_ONE, memory_order_acq_rel) ==
           (SHARED_ONE | SHARED_MERGED);
}

static inline bool rc_is_deferred(const struct object *o)
{
    return (atomic_load_explicit(&((struct object *)o)->gc_bits, memory_order_relaxed) & GC_DEFERRED) != 0;
}

/* Before others see it; takes effect once. */
static inline void rc_set_deferred(struct object *o)
{
    if (rc_is_deferred(o))
        return;
    atomic_fetch_or_explicit(&o->gc_bits, GC_DEFERRED, memory_order_relaxed);
    atomic_fetch_add_explicit(&o->shared, DEFERRED_BIAS, memory_order_relaxed);
}

/* At quiescence: counted again; true when nothing holds it any more, and then it is for the caller to take
 * apart. */
static inline void rc_clear_deferred(struct object *o)
{
    if (!rc_is_deferred(o))
        return;
    atomic_fetch_and_explicit(&o->gc_bits, (uint8_t)~GC_DEFERRED, memory_order_relaxed);
    atomic_fetch_sub_explicit(&o->shared, DEFERRED_BIAS, memory_order_relaxed);
}

static inline int64_t rc_count(const struct object *o)
{
    struct object *m = (struct object *)o;
    int64_t shared = atomic_load_explicit(&m->shared, memory_order_relaxed);
    if (rc_is_deferred(o))
        shared -= DEFERRED_BIAS;
    return (int64_t)atomic_load_explicit(&m->local, memory_order_relaxed) + (shared >> SHARED_SHIFT);
}

static inline void rc_set_count(struct object *o, int64_t n)
{
    atomic_store_explicit(&o->tid, 0, memory_order_relaxed);
    atomic_store_explicit(&o->local, 0, memory_order_relaxed);
    atomic_store_explicit(&o->shared, n << SHARED_SHIFT | SHARED_MERGED, memory_order_relaxed);
}

static inline void rc_inc_stack(struct object *o)
{
    if (!rc_is_deferred(o))
        rc_inc(o);
}

static inline void rc_dec_stack(struct object *o)
{
    if (!rc_is_deferred(o))
        rc_dec(o);
}

/* --- containers: who may read them without their lock --------------------------------------------------- */

static inline bool rc_is_shared_container(const struct object *o)
{
    return (atomic_load_explicit(&((struct object *)o)->gc_bits, memory_order_acquire) & GC_SHARED) != 0;
}

static inline bool rc_owned_or_shared_container(const struct object *o)
{
    return rc_is_owned(o) || rc_is_shared_container(o);
}

/* In the container's lock, before anything in it is changed or given out by a thread that is not the
 * owner. */
static inline void rc_touch_container(struct object *o)
{
    if (!rc_is_owned(o) && !rc_is_shared_container(o))
        atomic_fetch_or_explicit(&o->gc_bits, GC_SHARED, memory_order_release);
}

/* --- memory (biased.c) --------------------------------------------------------------------------------- */

void rc_free_block(struct object *o, void *block);
void rc_free_gc_block(struct object *o, void *block);
#define RC_FREE_BLOCK_OWN 1

#endif
