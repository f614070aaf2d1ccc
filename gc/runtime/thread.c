/* thread.c: see thread.h. */
#include "gc/types/types.h"
#include "lock.h"

#include "alloc/base/os.h"

_Thread_local struct thread *thread_self;

static struct os_account thread_account;

void thread_break(struct thread *t, uint32_t bit)
{
    /* Releases what the bit is about; pairs with the acquire in thread_safepoint_slow. */
    atomic_fetch_or_explicit(&t->breaker, bit, memory_order_release);
}

void thread_break_all(struct runtime *r, uint32_t bit)
{
    pthread_mutex_lock(&r->threads_mutex);
    for (unsigned i = 0; i < r->threads; i++)
        if (r->thread[i] && r->thread[i]->in_use)
            thread_break(r->thread[i], bit);
    pthread_mutex_unlock(&r->threads_mutex);
}

/* --- attached or not ------------------------------------------------------------------------------------ */

/* Waits while the world is stopped by another thread; then the thread may touch objects. */
static void thread_enter(struct runtime *r, struct thread *t)
{
#if RC_GIL_HELD
    gil_take(r, t);
    atomic_store_explicit(&t->state, THREAD_ATTACHED, memory_order_relaxed);
#else
    int state = THREAD_DETACHED;
    uint64_t start = 0;
    /* Acquires what the stopper did (its releasing store of DETACHED). */
    while (!atomic_compare_exchange_strong_explicit(&t->state, &state, THREAD_ATTACHED, memory_order_acquire,
                                                    memory_order_relaxed)) {
        start = start ? start : os_now_ns();
        pthread_mutex_lock(&r->threads_mutex);
        while (atomic_load_explicit(&t->state, memory_order_relaxed) == THREAD_SUSPENDED)
            pthread_cond_wait(&r->started_cond, &r->threads_mutex);
        pthread_mutex_unlock(&r->threads_mutex);
        state = THREAD_DETACHED;
    }
    if (start)
        runtime_pause(r, PAUSE_STOPPED, start, os_now_ns(), 0, 0, 0);
    rc_thread_online(t);
#endif
}

static void thread_leave(struct runtime *r, struct thread *t)
{
#if RC_GIL_HELD
    atomic_store_explicit(&t->state, THREAD_DETACHED, memory_order_relaxed);
    gil_drop(r, t);
#else
    rc_thread_offline(t);
    pthread_mutex_lock(&r->threads_mutex);
    /* Releases this thread's work to whoever stops the world (its acquiring compare-exchange). */
    bool stopping = r->stopper && r->stopper != t;
    atomic_store_explicit(&t->state, stopping ? THREAD_SUSPENDED : THREAD_DETACHED, memory_order_release);
    if (stopping)
        pthread_cond_signal(&r->stopped_cond);
    pthread_mutex_unlock(&r->threads_mutex);
#endif
}

static struct thread *thread_make(struct runtime *r, unsigned index)
{
    struct thread *t = os_map(&thread_account, sizeof *t, 0, 0);
    if (!t)
        return NULL;
    t->index = index;
    t->id = index + 1;
    t->runtime = r;
#if !RC_GIL_HELD
    t->freelists.on = r->freelists_on;
    t->slot_free = REGISTRY_NO_SLOT;
#endif
    if (trash_open(t) != 0 || rc_thread_open(t) != 0) {
        trash_close(t);
        os_unmap(&thread_account, t, sizeof *t);
        return NULL;
    }
    return t;
}

int thread_attach(struct runtime *r, unsigned index)
{
    pthread_mutex_lock(&r->threads_mutex);
    struct thread *t = index < RUNTIME_THREADS_MAX ? r->thread[index] : NULL;
    if (thread_self && thread_self == t) {
        pthread_mutex_unlock(&r->threads_mutex);
        return 0; /* attached already */
    }
    if (index < RUNTIME_THREADS_MAX && !t && (t = thread_make(r, index))) {
        /* Readers without the mutex (qsbr.h) find the whole thread. */
        __atomic_store_n(&r->thread[index], t, __ATOMIC_RELEASE);
        if (index >= r->threads)
            __atomic_store_n(&r->threads, index + 1, __ATOMIC_RELEASE);
    }
    int err = !t ? -ENOMEM : t->in_use ? -EBUSY : 0;
    if (!err) {
        t->in_use = true;
#if !RC_GIL_HELD
        /* A thread that comes while the world stops waits like the others. */
        bool stopping = r->stopper && r->stopper != t;
        atomic_store_explicit(&t->state, stopping ? THREAD_SUSPENDED : THREAD_DETACHED, memory_order_relaxed);
#endif
    }
    pthread_mutex_unlock(&r->threads_mutex);
    if (err)
        return err;
    thread_self = t;
    rc_thread_attach(t);
    thread_enter(r, t);
    return 0;
}

void thread_detach(struct runtime *r)
{
    struct thread *t = thread_self;
    thread_safepoint();
    rc_thread_detach(t);
    gc_flush_thread(t);
    thread_leave(r, t);
    thread_self = NULL;
    pthread_mutex_lock(&r->threads_mutex);
    t->in_use = false;
    pthread_mutex_unlock(&r->threads_mutex);
}

void thread_block_begin(void)
{
    struct thread *t = thread_self;
#if !RC_GIL_HELD
    critical_suspend_all(t);
#endif
    thread_leave(t->runtime, t);
}

void thread_block_end(void)
{
    struct thread *t = thread_self;
    thread_enter(t->runtime, t);
#if !RC_GIL_HELD
    if (t->critical)
        critical_resume(t->critical);
#endif
}

void thread_close_all(struct runtime *r)
{
    for (unsigned i = 0; i < r->threads; i++) {
        struct thread *t = r->thread[i];
        if (!t)
            continue;
        rc_thread_close(t);
        trash_close(t);
#if !RC_GIL_HELD
        registry_close(t);
#endif
        os_unmap(&thread_account, t, sizeof *t);
        r->thread[i] = NULL;
    }
    r->threads = 0;
    thread_self = NULL;
}

/* --- safepoints ----------------------------------------------------------------------------------------- */

void runtime_watch(void)
{
    /* The owner's own bit: it orders nothing. */
    atomic_fetch_or_explicit(&thread_self->breaker, BREAK_WATCH, memory_order_relaxed);
}

/* In CPython's order: stop request, merging, collector, GIL; who watches comes before the collector. */
void thread_safepoint_slow(struct thread *t)
{
    struct runtime *r = t->runtime;
    uint32_t bits = atomic_load_explicit(&t->breaker, memory_order_acquire);
#if !RC_GIL_HELD
    if (bits & BREAK_STOP) {
        thread_block_begin();
        thread_block_end();
        bits = atomic_load_explicit(&t->breaker, memory_order_acquire);
    }
    if (bits & BREAK_MERGE) {
        atomic_fetch_and_explicit(&t->breaker, ~(uint32_t)BREAK_MERGE, memory_order_acquire);
        rc_thread_merge(t);
    }
#endif
    if (bits & BREAK_WATCH)
        r->config.watch(r->config.watch_arg);
    if (bits & BREAK_GC) {
        atomic_fetch_and_explicit(&t->breaker, ~(uint32_t)BREAK_GC, memory_order_acquire);
        r->gc.ops->safepoint(r);
    }
#if RC_GIL_HELD
    if (bits & BREAK_GIL) {
        thread_leave(r, t);
        thread_enter(r, t);
    }
#endif
}

/* --- stopping the world --------------------------------------------------------------------------------- */

#if RC_GIL_HELD
void thread_stop_world(struct runtime *r)
{
    r->stop_depth++; /* who holds the GIL is alone already */
}

void thread_start_world(struct runtime *r)
{
    r->stop_depth--;
}
#else
/* In threads_mutex: true when no other thread is attached. Those found detached are suspended on the way. */
static bool thread_all_stopped(struct runtime *r, struct thread *self)
{
    bool all = true;
    for (unsigned i = 0; i < r->threads; i++) {
        struct thread *t = r->thread[i];
        if (!t || t == self || !t->in_use)
            continue;
        int state = THREAD_DETACHED;
        /* Acquires what that thread did before it detached. */
        if (!atomic_compare_exchange_strong_explicit(&t->state, &state, THREAD_SUSPENDED,
                                                     memory_order_acquire, memory_order_acquire) &&
            state == THREAD_ATTACHED) {
            thread_break(t, BREAK_STOP);
            all = false;
        }
    }
    return all;
}

void thread_stop_world(struct runtime *r)
{
    struct thread *self = thread_self;
    uint64_t start = os_now_ns();
    pthread_mutex_lock(&r->threads_mutex);
    if (r->stopper == self) {
        r->stop_depth++;
        pthread_mutex_unlock(&r->threads_mutex);
        return;
    }
    while (r->stopper) { /* another stops: be stopped by it first */
        pthread_mutex_unlock(&r->threads_mutex);
        thread_block_begin();
        thread_block_end();
        pthread_mutex_lock(&r->threads_mutex);
    }
    r->stopper = self;
    r->stop_depth = 1;
    while (!thread_all_stopped(r, self)) {
        /* Threads tell when they stop; the rescan each ms finds those that blocked without telling. */
        struct timespec deadline;
        uint64_t at = os_now_ns() + 1000000;
        deadline = (struct timespec){(time_t)(at / 1000000000u), (long)(at % 1000000000u)};
        pthread_cond_timedwait(&r->stopped_cond, &r->threads_mutex, &deadline);
    }
    pthread_mutex_unlock(&r->threads_mutex);
    uint64_t now = os_now_ns();
    r->stops++;
    r->stop_ns += now - start;
    r->stop_max_ns = now - start > r->stop_max_ns ? now - start : r->stop_max_ns;
    runtime_pause(r, PAUSE_STOP, start, now, 0, 0, 0);
}

void thread_start_world(struct runtime *r)
{
    struct thread *self = thread_self;
    pthread_mutex_lock(&r->threads_mutex);
    if (--r->stop_depth == 0) {
        r->stopper = NULL;
        for (unsigned i = 0; i < r->threads; i++) {
            struct thread *t = r->thread[i];
            if (!t || t == self)
                continue;
            atomic_fetch_and_explicit(&t->breaker, ~(uint32_t)BREAK_STOP, memory_order_relaxed);
            int state = THREAD_SUSPENDED;
            /* Releases what was done while the world stood still (pairs with thread_enter). */
            atomic_compare_exchange_strong_explicit(&t->state, &state, THREAD_DETACHED, memory_order_release,
                                                    memory_order_relaxed);
        }
        pthread_cond_broadcast(&r->started_cond);
    }
    pthread_mutex_unlock(&r->threads_mutex);
}
#endif
