/* tracing.c: mark and sweep without reference counts (rc_tracing.h), as MicroPython does: the floor for what
 * counting costs, and for what its memory saves.
 *
 * Roots are the tables that workloads register (heap.h) and nothing else: a collection runs at a safepoint or
 * when it is asked for, where a workload holds no reference that is not in a table. C stacks are not scanned.
 *
 * A collection marks from the roots; then from what is dead but has a finaliser that has not run, which is
 * thereby kept once more; clears dead weak references; frees what is not marked; and runs those finalisers. A
 * weak reference's callback runs when its object is freed. Next collection after as many new container
 * objects as growth times what is alive, and at least min. */
#include "gc/about.h"

#define PARAMS(P, S)                                                              \
    P(S, COUNT, min, "10k", "0-1G",                                               \
      "new container objects that start a collection, at least; 0 = none starts") \
    P(S, REAL, growth, "1", "0-100", "new container objects that start one, as a part of those alive")
PARAM_STRUCT(gc_tracing_params, PARAMS)

#ifdef HG_ABOUT
const struct param gc_tracing_table[] = PARAM_ROWS(gc_tracing_params, PARAMS);
#else
#include "cycles.h"
#include "tracing.h"

#include "alloc/base/os.h"

#include <errno.h>

#if HG_RC == HG_RC_TRACING

static struct os_account tracing_account;

static struct tracing {
    int64_t min;
    double growth;
    bool enabled;
    int64_t limit;
    struct gc_log log;
    struct object **work, **finalisable; /* reserved like the table: pushing cannot fail */
    size_t work_count, finalisable_count;
} self;

static struct object **table_map(void)
{
    return os_map(&tracing_account, TRACING_OBJECTS_MAX * sizeof(struct object *), 0, OS_RESERVE);
}

static void table_unmap(struct object ***table)
{
    if (*table)
        os_unmap(&tracing_account, *table, TRACING_OBJECTS_MAX * sizeof(struct object *));
    *table = NULL;
}

/* Classes go with the runtime. */
static bool is_permanent(const struct object *o)
{
    return rc_is_immortal(o) || o->type == &type_type;
}

static void clear_dead_weakrefs(bool all)
{
    for (size_t i = 0; i < tracing_count; i++) {
        struct object *o = tracing_table[i];
        if (o->type->id == TYPE_WEAKREF && (all || o->refcount == 0))
            weakref_clear((struct weakref *)o);
    }
}

void tracing_free_all(struct runtime *r)
{
    (void)r;
    clear_dead_weakrefs(true);
    for (size_t i = 0; i < tracing_count; i++) {
        struct object *o = tracing_table[i];
        if (!is_permanent(o))
            o->type->dealloc(o);
    }
    tracing_table_close();
}

/* --- mark ----------------------------------------------------------------------------------------------- */

static int visit_mark(struct object *o, void *arg)
{
    uint64_t *references = arg;
    ++*references;
    if (o->refcount != 0)
        return 0;
    o->refcount = 1;
    if (o->type->flags & TYPE_GC)
        self.work[self.work_count++] = o;
    return 0;
}

static void mark_from(struct object *o, uint64_t *references)
{
    visit_mark(o, references);
    while (self.work_count)
        gc_traverse(self.work[--self.work_count], visit_mark, references);
}

static void mark_roots(struct runtime *r, uint64_t *references)
{
    pthread_mutex_lock(&r->roots.mutex);
    for (size_t i = 0; i < r->roots.count; i++)
        for (size_t k = 0; k < r->roots.at[i].count; k++)
            if (r->roots.at[i].at[k])
                mark_from(r->roots.at[i].at[k], references);
    pthread_mutex_unlock(&r->roots.mutex);
}

static void mark_finalisable(uint64_t *references)
{
    self.finalisable_count = 0;
    for (size_t i = 0; i < tracing_count; i++) {
        struct object *o = tracing_table[i];
        if (o->refcount == 0 && o->type->finalize && !object_is_finalized(o))
            self.finalisable[self.finalisable_count++] = o;
    }
    for (size_t i = 0; i < self.finalisable_count; i++)
        mark_from(self.finalisable[i], references);
}

/* --- sweep ---------------------------------------------------------------------------------------------- */

/* Callbacks may make objects: they come after those that were there, and stay. */
static uint64_t sweep(void)
{
    size_t count = tracing_count, kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct object *o = tracing_table[i];
        if (is_permanent(o)) {
            tracing_table[kept++] = o;
        } else if (o->refcount != 0) {
            o->refcount = 0;
            tracing_table[kept++] = o;
        } else {
            o->type->dealloc(o);
        }
    }
    uint64_t freed = count - kept;
    for (size_t i = count; i < tracing_count; i++)
        tracing_table[kept++] = tracing_table[i];
    tracing_count = kept;
    for (size_t i = 0; i < kept; i++) /* classes were marked, too */
        if (tracing_table[i]->refcount == 1)
            tracing_table[i]->refcount = 0;
    return freed;
}

static void limit_update(struct runtime *r)
{
    int64_t grown = (int64_t)((double)r->gc.tracked * self.growth);
    self.limit = grown > self.min ? grown : self.min;
    r->gc.limit = self.enabled && self.min ? self.limit : INT64_MAX;
}

static uint64_t tracing_collect(struct runtime *r, int generation)
{
    if (gc_is_collecting(r))
        return 0;
    struct gc_run run;
    struct cycles_count count = {.examined = tracing_count};
    gc_run_begin(r, &run, generation);
    mark_roots(r, &count.references);
    mark_finalisable(&count.references);
    clear_dead_weakrefs(false);
    uint64_t freed = sweep();
    for (size_t i = 0; i < self.finalisable_count; i++)
        object_finalize(self.finalisable[i]);
    r->gc.young = 0;
    limit_update(r);
    hg_seed(tracing_mark, tracing_table[tracing_count - 1]->refcount = 1);
    /* what a finaliser keeps may be dead in the next collection: that is work left */
    return gc_run_end(r, &run, &self.log, PAUSE_FULL, &count, freed + self.finalisable_count);
}

/* --- the gc module -------------------------------------------------------------------------------------- */

static int tracing_open(struct runtime *r, const void *params, struct message *m)
{
    const struct gc_tracing_params *p = params;
    memset(&self, 0, sizeof self);
    self.work = table_map();
    self.finalisable = table_map();
    if (!self.work || !self.finalisable) {
        table_unmap(&self.work);
        table_unmap(&self.finalisable);
        return message_set(m, -ENOMEM, "no memory for the tables of the tracing collector");
    }
    self.min = (int64_t)p->min;
    self.growth = p->growth;
    self.enabled = true;
    r->gc.one = 1;
    limit_update(r);
    return 0;
}

static void tracing_close(struct runtime *r)
{
    r->gc.limit = INT64_MAX;
    table_unmap(&self.work);
    table_unmap(&self.finalisable);
}

static void tracing_trigger(struct runtime *r)
{
    if (!gc_is_collecting(r))
        thread_break(thread_self, BREAK_GC);
}

static void tracing_safepoint(struct runtime *r)
{
    if (r->gc.young > r->gc.limit)
        tracing_collect(r, 2);
}

static void tracing_enable(struct runtime *r, bool on)
{
    self.enabled = on;
    limit_update(r);
}

static int tracing_set_thresholds(struct runtime *r, const int64_t threshold[3])
{
    self.min = threshold[0];
    limit_update(r);
    return 0;
}

static void tracing_counts(struct runtime *r, int64_t count[3])
{
    count[0] = r->gc.young;
    count[1] = count[2] = 0;
}

static void tracing_stats(struct runtime *r, struct gc_stats stats[3])
{
    (void)r;
    memcpy(stats, self.log.stats, sizeof self.log.stats);
}

static void tracing_report(struct runtime *r, const struct alloc_sink *sink)
{
    (void)r;
    gc_log_report(&self.log, sink);
}

/* Nothing is marked, the work is done, and the table holds what was made and not freed, beside None and
 * classes, which nobody counts. */
static bool tracing_is_valid(struct runtime *r)
{
    uint64_t counted = 0, live = 0, tracked = 0;
    for (size_t i = 0; i < tracing_count; i++) {
        const struct object *o = tracing_table[i];
        if (o->refcount != 0 && o->refcount != TRACING_IMMORTAL)
            return false;
        counted += o != &object_none && o->type != &type_type;
    }
    for (unsigned i = 0, places = thread_places(r); i < places; i++) {
        const struct thread *t = thread_at(r, i);
        live += t ? t->made_plain + t->made_containers - t->freed_plain - t->freed_containers : 0;
    }
    return counted == live && self.work_count == 0 &&
           gc_list_is_valid(&r->gc.default_list, GC_NEXT_SPACE, 0, &tracked) &&
           tracked == (uint64_t)r->gc.tracked;
}

const struct collector collector_tracing = {
    .name = "tracing",
    .open = tracing_open,
    .close = tracing_close,
    .trigger = tracing_trigger,
    .safepoint = tracing_safepoint,
    .collect = tracing_collect,
    .enable = tracing_enable,
    .set_thresholds = tracing_set_thresholds,
    .counts = tracing_counts,
    .stats = tracing_stats,
    .report = tracing_report,
    .is_valid = tracing_is_valid,
};

#endif
#endif
