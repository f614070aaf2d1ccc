/* collect.c: the gc module: what can be asked of any collector (collector.h). */
#include "find.h"
#include "gc_list.h"

#include "alloc/base/os.h"

#include <errno.h>
#include <stdio.h>

static struct {
    gc_callback *call;
    void *arg;
} callback;

uint64_t gc_collect(struct runtime *r, int generation)
{
    return r->gc.ops->collect ? r->gc.ops->collect(r, generation) : 0;
}

void gc_enable(struct runtime *r, bool on)
{
    if (r->gc.ops->enable)
        r->gc.ops->enable(r, on);
}

int gc_set_thresholds(struct runtime *r, const int64_t threshold[3])
{
    for (int i = 0; i < 3; i++)
        if (threshold[i] < 0 || threshold[i] > GC_THRESHOLD_MAX)
            return -EINVAL;
    return r->gc.ops->set_thresholds ? r->gc.ops->set_thresholds(r, threshold) : 0;
}

void gc_counts(struct runtime *r, int64_t count[3])
{
    count[0] = count[1] = count[2] = 0;
    if (r->gc.ops->counts)
        r->gc.ops->counts(r, count);
}

void gc_get_stats(struct runtime *r, struct gc_stats stats[3])
{
    memset(stats, 0, 3 * sizeof *stats);
    if (r->gc.ops->stats)
        r->gc.ops->stats(r, stats);
}

void gc_freeze(struct runtime *r)
{
    if (r->gc.ops->freeze)
        r->gc.ops->freeze(r);
}

void gc_unfreeze(struct runtime *r)
{
    if (r->gc.ops->unfreeze)
        r->gc.ops->unfreeze(r);
}

void gc_set_callback(struct runtime *r, gc_callback *call, void *arg)
{
    (void)r;
    callback.call = call;
    callback.arg = arg;
}

void gc_call_back(struct runtime *r, enum gc_phase phase, int generation, uint64_t collected,
                  uint64_t uncollectable)
{
    (void)r;
    if (callback.call)
        callback.call(callback.arg, phase, generation, collected, uncollectable);
}

void gc_report_generations(const struct alloc_sink *sink, const struct gc_stats *stats, int generations)
{
    for (int i = 0; i < generations; i++) {
        char key[64];
        snprintf(key, sizeof key, "gc.generations.%d.collections", i);
        sink->integer(sink->arg, key, stats[i].collections);
        snprintf(key, sizeof key, "gc.generations.%d.collected", i);
        sink->integer(sink->arg, key, stats[i].collected);
        snprintf(key, sizeof key, "gc.generations.%d.uncollectable", i);
        sink->integer(sink->arg, key, stats[i].uncollectable);
    }
}

/* --- every tracked object ------------------------------------------------------------------------------- */

#if RC_GIL_HELD
int gc_each_tracked(struct runtime *r, object_visit *visit, void *arg)
{
    if (r->gc.ops->each_tracked)
        return r->gc.ops->each_tracked(r, visit, arg);
    return gc_list_each(&r->gc.default_list, visit, arg);
}
#else
struct tracked_visit {
    object_visit *visit;
    void *arg;
};

static int gc_visit_if_tracked(struct object *o, void *arg)
{
    struct tracked_visit *v = arg;
    return gc_is_tracked(o) ? v->visit(o, v->arg) : 0;
}

int gc_each_tracked(struct runtime *r, object_visit *visit, void *arg)
{
    struct tracked_visit v = {visit, arg};
    return find_each(r, gc_visit_if_tracked, &v);
}
#endif

/* --- the invariant -------------------------------------------------------------------------------------- */

bool gc_invariant_holds(struct runtime *r)
{
    if (atomic_load_explicit(&r->gc.collecting, memory_order_relaxed))
        return true;
#if RC_GIL_HELD
    if (!r->gc.ops->is_valid) {
        uint64_t count = 0;
        return gc_list_is_valid(&r->gc.default_list, GC_NEXT_PLACE, 0, &count) &&
               count == (uint64_t)r->gc.tracked;
    }
#endif
    return r->gc.ops->is_valid(r);
}

#if !RC_GIL_HELD
static bool registries_are_valid(struct runtime *r)
{
    for (unsigned i = 0, places = thread_places(r); i < places; i++) {
        struct thread *t = thread_at(r, i);
        if (t && !registry_is_valid(t))
            return false;
    }
    return true;
}
#endif

bool gc_heap_is_valid(struct runtime *r)
{
    pthread_mutex_lock(&r->roots.mutex);
    bool valid = roots_are_valid(&r->roots);
    pthread_mutex_unlock(&r->roots.mutex);
#if !RC_GIL_HELD
    valid = valid && registries_are_valid(r);
#endif
    return valid && freelists_are_valid(r) && figures_are_valid(r) && gc_invariant_holds(r);
}

/* --- gc.garbage ----------------------------------------------------------------------------------------- */

#define GARBAGE_MAX ((size_t)1 << 28)

static struct os_account garbage_account;
static struct {
    struct object **at; /* reserved, so that the root's place stays */
    size_t count;
} garbage;

void gc_garbage_add(struct runtime *r, struct object *o)
{
    if (!garbage.at)
        garbage.at = os_map(&garbage_account, GARBAGE_MAX * sizeof *garbage.at, 0, OS_RESERVE);
    if (!garbage.at || garbage.count == GARBAGE_MAX)
        return;
    heap_root_remove(r, garbage.at);
    rc_inc(o);
    garbage.at[garbage.count++] = o;
    heap_root_add(r, "gc.garbage", garbage.at, garbage.count);
}

size_t gc_garbage(struct object *const **at)
{
    *at = garbage.at;
    return garbage.count;
}

size_t gc_garbage_clear(struct runtime *r)
{
    size_t count = garbage.count;
    if (!count)
        return 0;
    heap_root_remove(r, garbage.at);
    garbage.count = 0;
    for (size_t i = 0; i < count; i++) {
        struct object *o = garbage.at[i];
        if (o->type->clear)
            o->type->clear(o);
        rc_dec(o);
    }
    return count;
}

void gc_garbage_close(struct runtime *r)
{
    (void)r;
    if (garbage.at)
        os_unmap(&garbage_account, garbage.at, GARBAGE_MAX * sizeof *garbage.at);
    garbage.at = NULL;
    garbage.count = 0;
}
