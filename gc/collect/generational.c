/* generational.c: CPython's three generations, step for step (Modules/gcmodule.c of 3.11, Python/gc.c of
 * 3.13).
 *
 *   version=3.11  thresholds 700,10,10; collects inside the allocation that crosses the first threshold
 *   version=3.12  asks for a collection, which runs at the thread's next safepoint
 *   version=3.13  as that, with thresholds 2000,10,10 (so do 3.14.5 and later, 3.15)
 *   version=auto  that of the runtime (python.h)
 *
 *   trigger=bytes is the legacy mode beside PEP 848, as its author has it (pep848.c): more than threshold 0 x 1024
 *                 bytes allocated for containers since any collection began, 1000 by default, make one due, at
 *                 the next safepoint; thresholds 1 and 2 and the quarter are as below, but that a tuple that a
 *                 middle or full collection untracks is among those that survived
 *
 * The count of generation 0 is gc_state.young (collector.h); those of 1 and 2 count collections of the
 * younger one. The oldest generation whose count is over its threshold is collected with all younger ones; a
 * full collection is put off while the objects that survived a middle one since the last full one are fewer
 * than a quarter of those that survived that. Frozen objects lie on a list that nobody examines. */
#include "gc/about.h"

#define PARAMS(P, S)                                                                                      \
    P(S, CHOICE, version, "auto", "auto|3.11|3.12|3.13",                                                  \
      "3.11 collects inside the allocation, later ones at the next safepoint; auto is the runtime's own") \
    P(S, TEXT, thresholds, "", "", "of the three generations, A/B/C; empty takes the version's own")      \
    P(S, CHOICE, trigger, "objects", "objects|bytes",                                                     \
      "what A counts: containers, less those freed, or KiB allocated for them (then 1000 by default)")
PARAM_STRUCT(gc_generational_params, PARAMS)

#ifdef HG_ABOUT
const struct param gc_generational_table[] = PARAM_ROWS(gc_generational_params, PARAMS);
#else
#include "cycles.h"

#include <errno.h>

#if RC_GIL_HELD

enum { GENERATIONS = 3, OLDEST = GENERATIONS - 1 };

struct generation {
    struct gc_head list;
    int64_t count; /* of 0: gc_state.young */
    int64_t threshold;
};

static struct generational {
    struct generation generation[GENERATIONS];
    struct gc_head frozen;
    int64_t long_lived_total, long_lived_pending;
    struct gc_log log;
    bool enabled, at_safepoint, bytes;
} self;

#define BUDGET_UNIT 1024 /* trigger=bytes: of threshold 0 */
#define BUDGET      1000

static int64_t young_threshold(void)
{
    return self.generation[0].threshold * (self.bytes ? BUDGET_UNIT : 1);
}

static void limit_update(struct runtime *r)
{
    int64_t threshold = young_threshold();
    r->gc.limit = self.enabled && threshold ? threshold : INT64_MAX;
}

static const char *const versions[] = {NULL, "3.11", "3.12", "3.13"}; /* of the choice */

static int generational_open(struct runtime *r, const void *params, struct message *m)
{
    const struct gc_generational_params *p = params;
    memset(&self, 0, sizeof self);
    for (int i = 0; i < GENERATIONS; i++)
        gc_list_init(&self.generation[i].list);
    gc_list_init(&self.frozen);
    const struct python_rules *python = p->version ? python_find(versions[p->version]) : &r->python;
    self.bytes = p->trigger;
    self.at_safepoint = self.bytes || python->collects_at_safepoint;
    int64_t threshold[GENERATIONS] = {self.bytes ? BUDGET : python->gc_threshold, 10, 10};
    int err = gc_thresholds_parse("generational", p->thresholds, threshold, m);
    if (err)
        return err;
    for (int i = 0; i < GENERATIONS; i++)
        self.generation[i].threshold = threshold[i];
    self.enabled = true;
    r->gc.young_list = &self.generation[0].list;
    r->gc.one = self.bytes ? 0 : 1;
    r->gc.bytes_mask = self.bytes ? ~(int64_t)0 : 0;
    limit_update(r);
    return 0;
}

static void generational_close(struct runtime *r)
{
    r->gc.limit = INT64_MAX;
}

static const enum pause_cause causes[GENERATIONS] = {PAUSE_YOUNG, PAUSE_MIDDLE, PAUSE_FULL};

static uint64_t collect_now(struct runtime *r, int g)
{
    struct gc_run run;
    struct gc_head unreachable, *young = &self.generation[g].list;
    struct gc_head *old = g < OLDEST ? &self.generation[g + 1].list : young;
    struct cycles_count count = {0};
    gc_list_init(&unreachable);
    gc_run_begin(r, &run, g);
    if (g < OLDEST)
        self.generation[g + 1].count++;
    r->gc.young = 0;
    for (int i = 1; i <= g; i++)
        self.generation[i].count = 0;
    for (int i = 0; i < g; i++)
        gc_list_merge(&self.generation[i].list, young);

    cycles_deduce(young, &unreachable, g == OLDEST && gc_list_empty(&self.frozen), &count);
    uint64_t untracked = 0;
    if (count.kinds & 1u << TYPE_TUPLE)
        untracked += cycles_untrack(young, TYPE_TUPLE);
    uint64_t survivors = count.examined - count.unreachable - (self.bytes ? 0 : untracked);
    if (g < OLDEST) {
        if (g == OLDEST - 1)
            self.long_lived_pending += (int64_t)survivors;
        gc_list_merge(young, old);
    } else {
        if (count.kinds & 1u << TYPE_DICT)
            survivors -= cycles_untrack(young, TYPE_DICT);
        self.long_lived_pending = 0;
        self.long_lived_total = (int64_t)survivors;
    }
    uint64_t collected = cycles_reclaim(r, &unreachable, old, 0, &count);
    if (g == OLDEST)
        freelist_clear_all(r);
    return gc_run_end(r, &run, &self.log, causes[g], &count, collected);
}

/* The oldest generation that is due, or -1. With bytes none is before the budget is used up. */
static int due(const struct runtime *r)
{
    bool young_due = self.bytes ? r->gc.young >= young_threshold() : r->gc.young > young_threshold();
    if (self.bytes && !young_due)
        return -1;
    for (int i = OLDEST; i > 0; i--)
        if (self.generation[i].count > self.generation[i].threshold &&
            !(i == OLDEST && self.long_lived_pending < self.long_lived_total / 4))
            return i;
    return young_due ? 0 : -1;
}

static void collect_due(struct runtime *r)
{
    int g = due(r);
    if (g >= 0)
        collect_now(r, g);
}

static void generational_trigger(struct runtime *r)
{
    if (gc_is_collecting(r))
        return;
    if (self.at_safepoint)
        thread_break(thread_self, BREAK_GC);
    else
        collect_due(r);
}

static void generational_safepoint(struct runtime *r)
{
    if (self.at_safepoint && self.enabled && !gc_is_collecting(r))
        collect_due(r);
}

static uint64_t generational_collect(struct runtime *r, int generation)
{
    return gc_is_collecting(r) ? 0 : collect_now(r, generation);
}

static void generational_enable(struct runtime *r, bool on)
{
    self.enabled = on;
    limit_update(r);
}

static int generational_set_thresholds(struct runtime *r, const int64_t threshold[3])
{
    for (int i = 0; i < GENERATIONS; i++)
        if (threshold[i] < 0 || threshold[i] > GC_THRESHOLD_MAX)
            return -EINVAL;
    for (int i = 0; i < GENERATIONS; i++)
        self.generation[i].threshold = threshold[i];
    if (self.bytes)
        r->gc.young = 0;
    limit_update(r);
    return 0;
}

static void generational_counts(struct runtime *r, int64_t count[3])
{
    count[0] = r->gc.young;
    count[1] = self.generation[1].count;
    count[2] = self.generation[2].count;
}

static void generational_stats(struct runtime *r, struct gc_stats stats[3])
{
    (void)r;
    memcpy(stats, self.log.stats, sizeof self.log.stats);
}

static void generational_freeze(struct runtime *r)
{
    for (int i = 0; i < GENERATIONS; i++) {
        gc_list_merge(&self.generation[i].list, &self.frozen);
        self.generation[i].count = 0;
    }
    if (!self.bytes) /* whose budget goes on */
        r->gc.young = 0;
}

static void generational_unfreeze(struct runtime *r)
{
    (void)r;
    gc_list_merge(&self.frozen, &self.generation[OLDEST].list);
}

static void generational_report(struct runtime *r, const struct alloc_sink *sink)
{
    (void)r;
    gc_log_report(&self.log, sink);
}

static int generational_each_tracked(struct runtime *r, object_visit *visit, void *arg)
{
    (void)r;
    int stop = 0;
    for (int i = 0; i < GENERATIONS && !stop; i++)
        stop = gc_list_each(&self.generation[i].list, visit, arg);
    return stop ? stop : gc_list_each(&self.frozen, visit, arg);
}

static bool generational_is_valid(struct runtime *r)
{
    uint64_t count = 0;
    for (int i = 0; i < GENERATIONS; i++)
        if (!gc_list_is_valid(&self.generation[i].list, GC_NEXT_SPACE, 0, &count) ||
            self.generation[i].count < 0)
            return false;
    return gc_list_is_valid(&self.frozen, GC_NEXT_SPACE, 0, &count) && count == (uint64_t)r->gc.tracked;
}

const struct collector collector_generational = {
    .name = "generational",
    .open = generational_open,
    .close = generational_close,
    .trigger = generational_trigger,
    .safepoint = generational_safepoint,
    .collect = generational_collect,
    .enable = generational_enable,
    .set_thresholds = generational_set_thresholds,
    .counts = generational_counts,
    .stats = generational_stats,
    .freeze = generational_freeze,
    .unfreeze = generational_unfreeze,
    .report = generational_report,
    .each_tracked = generational_each_tracked,
    .is_valid = generational_is_valid,
};

#endif
#endif
