/* gil.c: see gil.h. */
#include "state.h"

#include "alloc/base/os.h"

#if RC_GIL_HELD
static void gil_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

void gil_init(struct gil *g, uint64_t interval_ns)
{
    memset(g, 0, sizeof *g);
    pthread_mutex_init(&g->mutex, NULL);
    pthread_mutex_init(&g->switch_mutex, NULL);
    gil_cond_init(&g->cond);
    gil_cond_init(&g->switch_cond);
    g->interval_ns = interval_ns;
}

void gil_destroy(struct gil *g)
{
    pthread_cond_destroy(&g->switch_cond);
    pthread_cond_destroy(&g->cond);
    pthread_mutex_destroy(&g->switch_mutex);
    pthread_mutex_destroy(&g->mutex);
}

static struct timespec gil_deadline(uint64_t at_ns)
{
    return (struct timespec){(time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u)};
}

/* Waits until the lock is free; asks the holder to drop it whenever a whole interval passed without any
 * switch. In mutex. */
static void gil_wait(struct gil *g)
{
    while (atomic_load_explicit(&g->locked, memory_order_relaxed)) {
        uint64_t seen = g->switches;
        struct timespec deadline = gil_deadline(os_now_ns() + g->interval_ns);
        int err = pthread_cond_timedwait(&g->cond, &g->mutex, &deadline);
        if (err == ETIMEDOUT && atomic_load_explicit(&g->locked, memory_order_relaxed) && g->switches == seen)
            thread_break(atomic_load_explicit(&g->last_holder, memory_order_relaxed), BREAK_GIL);
    }
}

void gil_take(struct runtime *r, struct thread *t)
{
    struct gil *g = &r->gil;
    uint64_t start = 0;
    pthread_mutex_lock(&g->mutex);
    if (atomic_load_explicit(&g->locked, memory_order_relaxed)) {
        start = os_now_ns();
        atomic_fetch_add_explicit(&g->waiting, 1, memory_order_relaxed);
        gil_wait(g);
        atomic_fetch_sub_explicit(&g->waiting, 1, memory_order_relaxed);
    }
    pthread_mutex_lock(&g->switch_mutex);
    atomic_store_explicit(&g->locked, true, memory_order_relaxed);
    if (atomic_load_explicit(&g->last_holder, memory_order_relaxed) != t) {
        atomic_store_explicit(&g->last_holder, t, memory_order_relaxed);
        g->switches++;
    }
    pthread_cond_signal(&g->switch_cond);
    pthread_mutex_unlock(&g->switch_mutex);
    /* What was asked of an earlier turn is done. */
    atomic_fetch_and_explicit(&t->breaker, ~(uint32_t)BREAK_GIL, memory_order_relaxed);
    pthread_mutex_unlock(&g->mutex);
    if (start) {
        uint64_t now = os_now_ns();
        waits_add(&g->waits, now - start);
        runtime_pause(r, PAUSE_GIL_WAIT, start, now, 0, 0, 0);
    }
}

void gil_drop(struct runtime *r, struct thread *t)
{
    struct gil *g = &r->gil;
    pthread_mutex_lock(&g->mutex);
    atomic_store_explicit(&g->last_holder, t, memory_order_relaxed);
    atomic_store_explicit(&g->locked, false, memory_order_relaxed);
    pthread_cond_signal(&g->cond);
    pthread_mutex_unlock(&g->mutex);
    if (!(atomic_load_explicit(&t->breaker, memory_order_relaxed) & BREAK_GIL))
        return;
    /* Forced switching: somebody asked, so somebody else must have had it before this thread goes on. */
    pthread_mutex_lock(&g->switch_mutex);
    g->forced++;
    if (atomic_load_explicit(&g->last_holder, memory_order_relaxed) == t) {
        atomic_fetch_and_explicit(&t->breaker, ~(uint32_t)BREAK_GIL, memory_order_relaxed);
        pthread_cond_wait(&g->switch_cond, &g->switch_mutex);
    }
    pthread_mutex_unlock(&g->switch_mutex);
}
#else
typedef int gil_unused; /* this policy has none */
#endif
