/* state.c: the process's one runtime and each thread's own state, and what every part of the room may do to
 * them: report a pause, hand over a count. Calls nothing else of gc/. */
#include "state.h"

struct runtime runtime_global;
_Thread_local struct thread *thread_self;
#if HG_RC == HG_RC_BIASED
_Atomic uint64_t qsbr_write_seq = 1;
#endif

const char *const pause_cause_names[PAUSE_CAUSES] = {
    [PAUSE_YOUNG] = "young",         [PAUSE_MIDDLE] = "middle",     [PAUSE_FULL] = "full",
    [PAUSE_INCREMENT] = "increment", [PAUSE_STOP] = "stop",         [PAUSE_RECLAIM] = "reclaim",
    [PAUSE_CASCADE] = "cascade",     [PAUSE_GIL_WAIT] = "gil_wait", [PAUSE_LOCK_WAIT] = "lock_wait",
    [PAUSE_STOPPED] = "stopped",
};

/* Does the whole program stand still in a pause of this cause? Where one thread runs at a time, in all but
 * waiting. */
static bool pause_is_of_all(enum pause_cause cause)
{
    return cause <= (RC_GIL_HELD ? PAUSE_CASCADE : PAUSE_STOP);
}

void runtime_pause(struct runtime *r, enum pause_cause cause, uint64_t start_ns, uint64_t end_ns,
                   uint64_t examined, uint64_t freed, uint64_t freed_bytes)
{
    if (!r->outside.pause)
        return;
    struct pause p = {.thread = thread_self ? thread_self->index : 0,
                      .cause = cause,
                      .of_all = pause_is_of_all(cause),
                      .start_ns = start_ns,
                      .end_ns = end_ns,
                      .examined = examined,
                      .freed = freed,
                      .freed_bytes = freed_bytes};
    r->outside.pause(r->outside.pause_arg, &p);
}

#if RC_GIL_HELD
void gc_flush_young(struct thread *t)
{
    (void)t;
}

void gc_flush_thread(struct thread *t)
{
    (void)t;
}
#else
void gc_flush_thread(struct thread *t)
{
    atomic_fetch_add_explicit(&t->runtime->gc.young, t->young_delta, memory_order_relaxed);
    t->young_delta = 0;
}

void gc_flush_young(struct thread *t)
{
    struct gc_state *gc = &t->runtime->gc;
    gc_flush_thread(t);
    if (atomic_load_explicit(&gc->young, memory_order_relaxed) > gc->limit)
        gc->trigger(t->runtime);
}
#endif
