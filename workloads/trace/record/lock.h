/* lock.h: a lock for a few instructions, by futex alone: what any program with threads may call. */
#ifndef HG_WORKLOADS_TRACE_RECORD_LOCK_H
#define HG_WORKLOADS_TRACE_RECORD_LOCK_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

struct record_lock {
    _Atomic int state; /* 0 open, 1 held, 2 held and waited for */
};

static inline void record_lock(struct record_lock *lock)
{
    int open = 0;
    if (atomic_compare_exchange_strong_explicit(&lock->state, &open, 1, memory_order_acquire,
                                                memory_order_relaxed))
        return;
    while (atomic_exchange_explicit(&lock->state, 2, memory_order_acquire) != 0)
        syscall(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

static inline void record_unlock(struct record_lock *lock)
{
    if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2)
        syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#endif
