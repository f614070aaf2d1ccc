/* lock.c: see lock.h. A byte holds one mutex in bits 0 and 1 (contents), and under objlock another in bits 2
 * and 3 (the count); `shift` selects which.
 *
 * lock:   take it if free; else yield up to 40 times while nobody sleeps; else set PARKED and sleep in the
 *         lot.
 * unlock: when PARKED, wake the first sleeper of that address. One who waited over 1 ms is given the lock
 *         while LOCKED stays set (fair hand-over); else the woken thread competes with newcomers.
 * The lot: 257 buckets by address, each a mutex and a queue of waiters on their own stacks. A bucket's mutex
 * guards its queue and every change of PARKED of the bytes that hash to it. */
#include "lock.h"

#include "alloc/base/os.h"

#if !RC_GIL_HELD
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOCK_SPINS   40
#define LOCK_FAIR_NS 1000000
#define LOT_BUCKETS  257

struct waits lock_waits, lock_count_waits;

struct waiter {
    struct waiter *next;
    const void *address;
    unsigned shift;
    uint64_t fair_at_ns;
    bool handed;
    _Atomic uint32_t woken; /* futex word: released by the waker, acquired by the sleeper */
};

static struct lot_bucket {
    _Alignas(64) pthread_mutex_t mutex;
    struct waiter *first, **end;
} lot[LOT_BUCKETS] = {[0 ... LOT_BUCKETS - 1] = {.mutex = PTHREAD_MUTEX_INITIALIZER}};

static struct lot_bucket *lot_bucket(const void *address, unsigned shift)
{
    return &lot[((uintptr_t)address + shift) % LOT_BUCKETS];
}

/* Sleeps unless the byte is no longer locked with PARKED set. True: the lock was handed over. */
static bool lot_park(_Atomic uint8_t *byte, unsigned shift, uint64_t fair_at_ns)
{
    struct lot_bucket *b = lot_bucket(byte, shift);
    uint8_t both = (uint8_t)((MUTEX_LOCKED | MUTEX_PARKED) << shift);
    struct waiter w = {.address = byte, .shift = shift, .fair_at_ns = fair_at_ns};
    pthread_mutex_lock(&b->mutex);
    if ((atomic_load_explicit(byte, memory_order_relaxed) & both) != both) {
        pthread_mutex_unlock(&b->mutex);
        return false;
    }
    if (!b->first)
        b->end = &b->first;
    *b->end = &w;
    b->end = &w.next;
    pthread_mutex_unlock(&b->mutex);
    while (!atomic_load_explicit(&w.woken, memory_order_acquire))
        syscall(SYS_futex, &w.woken, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    return w.handed;
}

static void lot_unlock(_Atomic uint8_t *byte, unsigned shift)
{
    struct lot_bucket *b = lot_bucket(byte, shift);
    struct waiter *found = NULL;
    bool more = false;
    uint8_t clear = 0;
    pthread_mutex_lock(&b->mutex);
    for (struct waiter **at = &b->first; *at;) {
        struct waiter *w = *at;
        if (w->address == byte && w->shift == shift && !found) {
            found = w;
            *at = w->next;
            if (b->end == &w->next)
                b->end = at;
            continue;
        }
        more |= w->address == byte && w->shift == shift;
        at = &w->next;
    }
    if (found)
        found->handed = os_now_ns() >= found->fair_at_ns;
    if (!found || !found->handed)
        clear |= (uint8_t)(MUTEX_LOCKED << shift);
    if (!more)
        clear |= (uint8_t)(MUTEX_PARKED << shift);
    /* Releases what was done under the lock to the next holder's acquiring compare-exchange (or, handed over,
     * to its acquiring load of woken). */
    atomic_fetch_and_explicit(byte, (uint8_t)~clear, memory_order_release);
    pthread_mutex_unlock(&b->mutex);
    if (found) {
        _Atomic uint32_t *word = &found->woken;
        atomic_store_explicit(word, 1, memory_order_release);
        /* found may be gone from here on: the sleeper's stack. A futex call on a stale address wakes
         * nobody. */
        syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

/* detach: may be stopped meanwhile, its critical sections suspended; else a short wait of an attached
 * thread. */
void mutex_lock_slow(_Atomic uint8_t *byte, unsigned shift, bool detach)
{
    uint8_t locked = (uint8_t)(MUTEX_LOCKED << shift), parked = (uint8_t)(MUTEX_PARKED << shift);
    uint64_t start = os_now_ns();
    bool blocked = false;
    unsigned spins = 0;
    uint8_t v = atomic_load_explicit(byte, memory_order_relaxed);
    for (;;) {
        if (!(v & locked)) {
            if (atomic_compare_exchange_weak_explicit(byte, &v, v | locked, memory_order_acquire,
                                                      memory_order_relaxed))
                break;
            continue;
        }
        if (!(v & parked)) {
            if (spins < LOCK_SPINS) {
                spins++;
                sched_yield();
                v = atomic_load_explicit(byte, memory_order_relaxed);
                continue;
            }
            if (!atomic_compare_exchange_weak_explicit(byte, &v, v | parked, memory_order_relaxed,
                                                       memory_order_relaxed))
                continue;
        }
        if (detach && !blocked) {
            thread_block_begin();
            blocked = true;
        }
        if (lot_park(byte, shift, start + LOCK_FAIR_NS))
            break;
        v = atomic_load_explicit(byte, memory_order_relaxed);
    }
    uint64_t now = os_now_ns();
    if (blocked)
        thread_block_end();
    waits_add(shift ? &lock_count_waits : &lock_waits, now - start);
    if (detach)
        runtime_pause(&runtime_global, PAUSE_LOCK_WAIT, start, now, 0, 0, 0);
}

void mutex_unlock_slow(_Atomic uint8_t *byte, unsigned shift)
{
    uint8_t locked = (uint8_t)(MUTEX_LOCKED << shift), parked = (uint8_t)(MUTEX_PARKED << shift);
    uint8_t v = atomic_load_explicit(byte, memory_order_relaxed);
    for (;;) {
        if (v & parked) {
            lot_unlock(byte, shift);
            return;
        }
        if (atomic_compare_exchange_weak_explicit(byte, &v, v & (uint8_t)~locked, memory_order_release,
                                                  memory_order_relaxed))
            return;
    }
}

static void mutex_lock(_Atomic uint8_t *byte)
{
    uint8_t v = atomic_load_explicit(byte, memory_order_relaxed);
    if (v & MUTEX_LOCKED || !atomic_compare_exchange_strong_explicit(
                                byte, &v, v | MUTEX_LOCKED, memory_order_acquire, memory_order_relaxed))
        mutex_lock_slow(byte, 0, true);
}

/* --- critical sections ---------------------------------------------------------------------------------- */

static void critical_push(struct thread *t, struct critical *c)
{
    *c = (struct critical){.outer = t->critical};
    t->critical = c;
}

/* c is pushed empty first, so that a block inside suspends the sections around it, and not itself. */
void critical_begin_slow(struct critical *c, struct object *o)
{
    struct thread *t = thread_self;
    struct critical *in = t->critical;
    bool held = in && !in->suspended && (in->object[0] == o || in->object[1] == o);
    critical_push(t, c);
    if (held)
        return; /* the innermost section has it already */
    mutex_lock(&o->mutex);
    t->mutexes_taken++;
    c->object[0] = o;
}

void critical_begin2(struct critical *c, struct object *a, struct object *b)
{
    struct thread *t = thread_self;
    struct critical *in = t->critical;
    if (a == b) {
        critical_begin(c, a);
        return;
    }
    if ((uintptr_t)a > (uintptr_t)b) {
        struct object *swap = a;
        a = b;
        b = swap;
    }
    bool held_a = in && !in->suspended && (in->object[0] == a || in->object[1] == a);
    bool held_b = in && !in->suspended && (in->object[0] == b || in->object[1] == b);
    critical_push(t, c);
    if (held_a && held_b)
        return;
    if (held_a || held_b) {
        /* One of two is held by the section around: give it up first, to keep the order of addresses. */
        critical_suspend_all(t);
        c->suspended = false;
    }
    mutex_lock(&a->mutex);
    mutex_lock(&b->mutex);
    t->mutexes_taken += 2;
    c->object[0] = a;
    c->object[1] = b;
}

void critical_end_slow(struct critical *c)
{
    struct thread *t = thread_self;
    for (unsigned i = 0; i < 2; i++)
        if (c->object[i])
            mutex_unlock_slow(&c->object[i]->mutex, 0);
    t->critical = c->outer;
    if (c->outer && c->outer->suspended)
        critical_resume(c->outer);
}

void critical_suspend_all(struct thread *t)
{
    for (struct critical *c = t->critical; c && !c->suspended; c = c->outer) {
        c->suspended = true;
        for (unsigned i = 0; i < 2; i++)
            if (c->object[i])
                mutex_unlock_slow(&c->object[i]->mutex, 0);
    }
}

/* Takes the locks of the innermost section again. A block meanwhile finds it still empty-handed. */
void critical_resume(struct critical *c)
{
    struct object *a = c->object[0], *b = c->object[1];
    c->object[0] = c->object[1] = NULL;
    c->suspended = false;
    if (a)
        mutex_lock(&a->mutex);
    if (b)
        mutex_lock(&b->mutex);
    thread_self->mutexes_taken += (a != NULL) + (b != NULL);
    c->object[0] = a;
    c->object[1] = b;
}

void critical_resume_innermost(struct thread *t)
{
    if (t->critical)
        critical_resume(t->critical);
}

const struct thread_hooks lock_hooks = {.block = critical_suspend_all, .unblock = critical_resume_innermost};
#else
typedef int lock_unused; /* the GIL guards contents */
#endif
