/* mutex.c: see mutex.h. The paths that sleep and wake; errno stays as it is. */
#include "mutex.h"

#include "syscall.h"

#include <linux/futex.h>

noinline void mutex_wait(struct mutex *m)
{
    while (atomic_exchange_explicit(&m->state, 2, memory_order_acquire) != 0)
        direct_syscall(SYS_futex, (long)&m->state, FUTEX_WAIT_PRIVATE, 2, 0, 0, 0);
}

noinline void mutex_wake(struct mutex *m)
{
    direct_syscall(SYS_futex, (long)&m->state, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}
