/* mutex.h: the lock of backends. An allocator that stands in malloc's place must not call, while it holds a
 * lock or to take one, what another library may stand in place of: profilers hook pthread_mutex_lock, and
 * allocate there. So this one is of atomics and the system call alone.
 *
 * States after Drepper, "Futexes Are Tricky" (mutex2), as glibc's own plain mutex: 0 open, 1 held, 2 held and
 * somebody may sleep. Not recursive; any thread may unlock, and so may the child of a fork. Zero is open. */
#ifndef HG_ALLOC_BASE_MUTEX_H
#define HG_ALLOC_BASE_MUTEX_H

#include "compiler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mutex {
    _Atomic uint32_t state;
};

void mutex_wait(struct mutex *m);
void mutex_wake(struct mutex *m);

static inline bool mutex_trylock(struct mutex *m)
{
    uint32_t open = 0;
    return atomic_compare_exchange_strong_explicit(&m->state, &open, 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

static inline void mutex_lock(struct mutex *m)
{
    if (unlikely(!mutex_trylock(m)))
        mutex_wait(m);
}

static inline void mutex_unlock(struct mutex *m)
{
    if (unlikely(atomic_exchange_explicit(&m->state, 0, memory_order_release) == 2))
        mutex_wake(m);
}

#endif
