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

uint64_t thread_live_bytes(const struct thread *t)
{
    return t->made_bytes - t->freed_bytes -
           (t->index == 0 ? atomic_load_explicit(&t->runtime->base_bytes, memory_order_relaxed) : 0);
}

void runtime_look(struct thread *t)
{
    uint64_t allowed = UINT64_MAX;
    if (t->runtime->outside.look)
        allowed = t->runtime->outside.look(t->index, thread_live_bytes(t), t->made_bytes);
    t->look_at = allowed < UINT64_MAX - t->made_bytes ? t->made_bytes + allowed : UINT64_MAX;
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

static uint64_t containers_listed(const struct freelists *f)
{
    uint64_t count = (uint64_t)f->lists + (uint64_t)f->dicts;
    for (size_t n = 0; n < FREELIST_TUPLE_SIZES; n++)
        count += (uint64_t)f->tuples[n];
    return count;
}

bool figures_are_valid(struct runtime *r)
{
    uint64_t plain = 0, containers = 0, bytes = 0;
    for (unsigned i = 0, places = thread_places(r); i < places; i++) {
        struct thread *t = thread_at(r, i);
        if (!t)
            continue;
        plain += t->made_plain - t->freed_plain;
        containers += atomic_load_explicit(&t->made_containers, memory_order_relaxed) - t->freed_containers;
        bytes += t->made_bytes - t->freed_bytes;
    }
    /* Below 0: more was freed than made. */
    if ((int64_t)plain < 0 || (int64_t)containers < 0 || (int64_t)bytes < 0)
        return false;
#if RC_GIL_HELD
    return r->gc.tracked >= 0 && (uint64_t)r->gc.tracked + containers_listed(&r->freelists) <= containers;
#else
    uint64_t listed = 0, registered = 0;
    for (unsigned i = 0, places = thread_places(r); i < places; i++) {
        struct thread *t = thread_at(r, i);
        listed += t ? containers_listed(&t->freelists) : 0;
        registered += t ? registry_count(t) : 0;
    }
    return listed <= containers && (!r->memory.registry || registered == containers);
#endif
}
