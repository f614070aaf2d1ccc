/* collect.c: the gc module: what can be asked of any collector (collector.h). */
#include "state.h"

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

void gc_tell(struct runtime *r, enum gc_phase phase, int generation, uint64_t collected,
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
