/* gil.h: the global interpreter lock with CPython's hand-over (Python/ceval_gil.c).
 *
 * take  while locked, wait at most interval_ns on cond; when that time passed, the lock is still held and
 *       nobody switched meanwhile, set BREAK_GIL in the holder's breaker. Then lock, and if another thread
 *       held it last, count a switch and signal switch_cond.
 * drop  unlock, signal cond. If we were asked to drop (BREAK_GIL), wait once on switch_cond until another
 *       thread has taken it: forced switching, so that a request never ends with the same thread running on.
 *
 * Invariants: one thread at most is between take and drop, and it is last_holder while locked; a request is
 * followed by a turn of another thread before the asked one runs again; switches counts the changes of
 * holder, forced those that were asked for.
 *
 * Locking: `mutex` guards locked, last_holder (writes) and cond; `switch_mutex` guards the hand-over,
 * switches, forced and switch_cond. Order: mutex before switch_mutex. What the holder did is released and
 * acquired by `mutex`, so all atomics here are relaxed: locked and last_holder are looked at outside it only
 * to know when to look again inside. */
#ifndef HG_GC_RUNTIME_GIL_H
#define HG_GC_RUNTIME_GIL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "alloc/base/waits.h"

struct thread;
struct runtime;

struct gil {
    pthread_mutex_t mutex, switch_mutex;
    pthread_cond_t cond, switch_cond;
    _Atomic bool locked;
    struct thread *_Atomic last_holder;
    uint64_t interval_ns;
    uint64_t switches, forced; /* under switch_mutex */
    _Atomic unsigned waiting;  /* threads in take that did not have it at once; changes under mutex */
    struct waits waits;
};

void gil_init(struct gil *g, uint64_t interval_ns);
void gil_destroy(struct gil *g);
void gil_take(struct runtime *r, struct thread *t);
void gil_drop(struct runtime *r, struct thread *t);

#endif
