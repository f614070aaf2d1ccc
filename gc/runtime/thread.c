/* thread.c: see thread.h. */
#include "trash.h"

#include "alloc/base/os.h"

#include <sched.h>

static struct os_account thread_account;

/* Calls one of the hooks that stand beside the thread's own state, if there is one. */
#define THREAD_HOOK(r, name, t)          \
    do {                                 \
        if ((r)->threads.hooks->name)    \
            (r)->threads.hooks->name(t); \
    } while (0)

bool threads_are_valid(struct runtime *r)
{
    struct thread *self = thread_self;
    unsigned places = thread_places(r);
    if (places > RUNTIME_THREADS_MAX || !self || self->index >= places || thread_at(r, self->index) != self ||
        atomic_load_explicit(&self->state, memory_order_relaxed) != THREAD_ATTACHED)
        return false;
#if RC_GIL_HELD
    bool alone = true;
    if (!atomic_load_explicit(&r->gil.locked, memory_order_relaxed) ||
        atomic_load_explicit(&r->gil.last_holder, memory_order_relaxed) != self)
        return false;
#else
    bool alone = __atomic_load_n(&r->stop.by, __ATOMIC_RELAXED) == self;
    if (alone && !r->stop.depth)
        return false;
#endif
    for (unsigned i = 0; i < places; i++) {
        const struct thread *t = thread_at(r, i);
        int state = t ? atomic_load_explicit(&t->state, memory_order_relaxed) : THREAD_DETACHED;
        if (t && (t->index != i || t->id != i + 1 || t->runtime != r || state > THREAD_SUSPENDED ||
                  (alone && t != self && state == THREAD_ATTACHED)))
            return false;
    }
    return true;
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
        pthread_mutex_lock(&r->threads.mutex);
        while (atomic_load_explicit(&t->state, memory_order_relaxed) == THREAD_SUSPENDED)
            pthread_cond_wait(&r->stop.started, &r->threads.mutex);
        pthread_mutex_unlock(&r->threads.mutex);
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
    pthread_mutex_lock(&r->threads.mutex);
    /* Releases this thread's work to whoever stops the world (its acquiring compare-exchange). */
    bool stopping = r->stop.by && r->stop.by != t;
    atomic_store_explicit(&t->state, stopping ? THREAD_SUSPENDED : THREAD_DETACHED, memory_order_release);
    if (stopping)
        pthread_cond_signal(&r->stop.stopped);
    pthread_mutex_unlock(&r->threads.mutex);
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
    t->freelists.on = r->options.freelists;
    t->freelists.tuple_items = r->python.freelist_tuples;
    t->slot_free = REGISTRY_NO_SLOT;
#endif
    if (trash_open(t) != 0 || (r->threads.hooks->open && r->threads.hooks->open(t) != 0)) {
        trash_close(t);
        os_unmap(&thread_account, t, sizeof *t);
        return NULL;
    }
    return t;
}

int thread_attach(struct runtime *r, unsigned index)
{
    pthread_mutex_lock(&r->threads.mutex);
    struct thread *t = index < RUNTIME_THREADS_MAX ? r->threads.at[index] : NULL;
    if (thread_self && thread_self == t) {
        pthread_mutex_unlock(&r->threads.mutex);
        return 0; /* attached already */
    }
    if (index < RUNTIME_THREADS_MAX && !t && (t = thread_make(r, index))) {
        /* Readers without the mutex (qsbr.h) find the whole thread. */
        __atomic_store_n(&r->threads.at[index], t, __ATOMIC_RELEASE);
        if (index >= r->threads.count)
            __atomic_store_n(&r->threads.count, index + 1, __ATOMIC_RELEASE);
    }
    int err = !t ? -ENOMEM : t->in_use ? -EBUSY : 0;
    if (!err) {
        t->in_use = true;
#if !RC_GIL_HELD
        /* A thread that comes while the world stops waits like the others. */
        bool stopping = r->stop.by && r->stop.by != t;
        atomic_store_explicit(&t->state, stopping ? THREAD_SUSPENDED : THREAD_DETACHED, memory_order_relaxed);
#endif
    }
    pthread_mutex_unlock(&r->threads.mutex);
    if (err)
        return err;
    thread_self = t;
    trash_bound(t, &r->python);
    THREAD_HOOK(r, attach, t);
    thread_enter(r, t);
#if RC_GIL_HELD
    hg_seed(gil_holder, r->gil.last_holder = NULL);
#endif
    hg_seed(thread_state, atomic_store(&t->state, THREAD_DETACHED));
    hg_assert_whole(threads_are_valid(r));
    hg_assert(t->trash.nesting == 0 && !t->collects);
    return 0;
}

void thread_detach(struct runtime *r)
{
    struct thread *t = thread_self;
    thread_safepoint();
    hg_assert_whole(threads_are_valid(r));
    hg_assert_whole(trash_is_valid(t));
    hg_assert(t->trash.nesting == 0 && !t->collects);
    THREAD_HOOK(r, detach, t);
    gc_flush_thread(t);
    thread_leave(r, t);
    thread_self = NULL;
    pthread_mutex_lock(&r->threads.mutex);
    t->in_use = false;
    pthread_mutex_unlock(&r->threads.mutex);
}

void thread_block_begin(void)
{
    struct thread *t = thread_self;
    THREAD_HOOK(t->runtime, block, t);
    thread_leave(t->runtime, t);
}

void thread_block_end(void)
{
    struct thread *t = thread_self;
    thread_enter(t->runtime, t);
    THREAD_HOOK(t->runtime, unblock, t);
}

void thread_close_all(struct runtime *r)
{
    for (unsigned i = 0; i < r->threads.count; i++) {
        struct thread *t = r->threads.at[i];
        if (!t)
            continue;
        THREAD_HOOK(r, close, t);
        trash_close(t);
#if !RC_GIL_HELD
        registry_close(t);
#endif
        os_unmap(&thread_account, t, sizeof *t);
        r->threads.at[i] = NULL;
    }
    r->threads.count = 0;
    thread_self = NULL;
}

/* --- safepoints ----------------------------------------------------------------------------------------- */

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
        THREAD_HOOK(r, merge, t);
    }
#endif
    if (bits & BREAK_WATCH)
        r->outside.watch(r->outside.watch_arg);
    if (bits & BREAK_GC) {
        atomic_fetch_and_explicit(&t->breaker, ~(uint32_t)BREAK_GC, memory_order_acquire);
        r->gc.safepoint(r);
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
    r->stop.depth++; /* who holds the GIL is alone already */
    hg_assert_whole(threads_are_valid(r));
}

void thread_start_world(struct runtime *r)
{
    hg_assert(r->stop.depth > 0);
    r->stop.depth--;
}
#else
/* In threads_mutex: true when no other thread is attached. Those found detached are suspended on the way. */
static bool thread_all_stopped(struct runtime *r, struct thread *self)
{
    bool all = true;
    for (unsigned i = 0; i < r->threads.count; i++) {
        struct thread *t = r->threads.at[i];
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
    pthread_mutex_lock(&r->threads.mutex);
    if (r->stop.by == self) {
        r->stop.depth++;
        pthread_mutex_unlock(&r->threads.mutex);
        return;
    }
    while (r->stop.by) { /* another stops: be stopped by it first */
        pthread_mutex_unlock(&r->threads.mutex);
        thread_block_begin();
        thread_block_end();
        pthread_mutex_lock(&r->threads.mutex);
    }
    r->stop.by = self;
    r->stop.depth = 1;
    while (!thread_all_stopped(r, self)) {
        /* Threads signal when they stop; the rescan each ms finds those that blocked without a signal. */
        struct timespec deadline;
        uint64_t at = os_now_ns() + 1000000;
        deadline = (struct timespec){(time_t)(at / 1000000000u), (long)(at % 1000000000u)};
        pthread_cond_timedwait(&r->stop.stopped, &r->threads.mutex, &deadline);
    }
    pthread_mutex_unlock(&r->threads.mutex);
    hg_seed(stop_depth, r->stop.depth = 0);
    hg_assert_whole(threads_are_valid(r));
    uint64_t now = os_now_ns();
    r->stop.count++;
    r->stop.total_ns += now - start;
    r->stop.max_ns = now - start > r->stop.max_ns ? now - start : r->stop.max_ns;
    runtime_pause(r, PAUSE_STOP, start, now, 0, 0, 0);
}

void thread_start_world(struct runtime *r)
{
    struct thread *self = thread_self;
    hg_assert_whole(threads_are_valid(r));
    pthread_mutex_lock(&r->threads.mutex);
    hg_assert(r->stop.by == self && r->stop.depth > 0);
    if (--r->stop.depth == 0) {
        r->stop.by = NULL;
        for (unsigned i = 0; i < r->threads.count; i++) {
            struct thread *t = r->threads.at[i];
            if (!t || t == self)
                continue;
            atomic_fetch_and_explicit(&t->breaker, ~(uint32_t)BREAK_STOP, memory_order_relaxed);
            int state = THREAD_SUSPENDED;
            /* Releases what was done while the world stood still (pairs with thread_enter). */
            atomic_compare_exchange_strong_explicit(&t->state, &state, THREAD_DETACHED, memory_order_release,
                                                    memory_order_relaxed);
        }
        pthread_cond_broadcast(&r->stop.started);
    }
    pthread_mutex_unlock(&r->threads.mutex);
}
#endif

#ifdef HG_STRICT
void thread_strict_safepoint(struct thread *t)
{
    if (!strict_stops())
        return;
#if RC_GIL_HELD
    if (t->runtime->threads.count == 1)
        return; /* there is nobody to hand over to */
    /* As if who waits had asked for it: this thread may not have it back before. Where none waits, one that
     * is on its way gets the chance to. */
    if (atomic_load_explicit(&t->runtime->gil.waiting, memory_order_relaxed)) {
        thread_break(t, BREAK_GIL);
    } else {
        thread_block_begin();
        sched_yield();
        thread_block_end();
    }
#else
    thread_stop_world(t->runtime);
    thread_start_world(t->runtime);
#endif
}
#endif
