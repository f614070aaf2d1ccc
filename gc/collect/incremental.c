/* incremental.c: the collector of CPython 3.14.0 to 3.14.4, which was taken out again in 3.14.5 (Python/gc.c
 * of 3.14, before and after GH-140262).
 *
 *   young      new objects; they carry the space bit of "pending"
 *   old[2]     two spaces: one is "visited" (bit = self.visited), the other "pending"
 *
 * Every automatic run is an increment. It starts a cycle by marking (phase MARK): what the runtime's roots
 * reach moves from pending to visited without any counting. In phase COLLECT an increment is all young
 * objects and objects from the head of pending, each with everything in pending that it leads to, until their
 * number reaches the work that is due; the increment is then examined like a generation and its survivors
 * become visited. When pending is empty the spaces change places and the next cycle starts. A cycle of
 * garbage in pending is never split, because its members lead to each other.
 *
 *   version=3.14.0   counts allocations, at most 1.5 units of old work for one of new; every run also adds
 *                    the heap's share to the work that is due. A run that is ahead of its work does not wait:
 *                    where the roots reach most of the heap, marking leaves pending empty, the next run
 *                    completes the cycle, and the one after that marks everything again. So a heap that grows
 *                    to n objects costs about n^2 / (4 * threshold 0) visits: 2.8e10 for 15 million, where
 *                    users saw 143 s instead of 1 s (python/cpython issue 142531). That is the algorithm, and
 *                    is kept.
 *   version=3.14.1   counts objects when they are tracked, at most 2; a run that is ahead returns at once, so
 *                    that one marking of n objects is paid for by n new ones
 *
 * Runs that only mark, or return at once, are pauses but none of the collections that gc.get_stats() counts.
 * The heap's share is one of tracked objects in both; 3.14.0 counts all containers that were allocated.
 *
 * Roots: the tables that workloads register (heap.h) stand for module globals, builtins and thread stacks.
 * They are marked once a cycle; there are no frames that could be scanned in later increments. */
#include "gc/about.h"

#define PARAMS(P, S)                                                                            \
    P(S, CHOICE, version, "3.14.0", "3.14.0|3.14.1",                                            \
      "3.14.1 counts objects when they are tracked, and skips a run that is ahead of its work") \
    P(S, TEXT, thresholds, "", "",                                                              \
      "A/B/C: new objects that start an increment, its scan rate, no use; empty is 2000/10/0")
PARAM_STRUCT(gc_incremental_params, PARAMS)

#ifdef HG_ABOUT
const struct param gc_incremental_table[] = PARAM_ROWS(gc_incremental_params, PARAMS);
#else
#include "cycles.h"

#include <errno.h>

#if RC_GIL_HELD

enum phase { PHASE_MARK, PHASE_COLLECT };
enum { SCAN_RATE_DIVISOR = 10 };

static struct incremental {
    struct gc_head young, old[2], frozen;
    uintptr_t visited; /* bit of the visited space: 0 or 1 */
    enum phase phase;
    int64_t work;                       /* objects that are still to be examined; below 0: ahead */
    int64_t threshold[3], old_count[2]; /* of the two spaces */
    struct gc_log log;
    uint64_t marked;
    bool enabled, track_time;
} self;

static void limit_update(struct runtime *r)
{
    r->gc.limit = self.enabled && self.threshold[0] ? self.threshold[0] : INT64_MAX;
}

static void set_visited(struct runtime *r, uintptr_t visited)
{
    self.visited = visited;
    r->gc.new_next_bits = visited ^ 1;
}

static struct gc_head *visited_list(void)
{
    return &self.old[self.visited];
}

static struct gc_head *pending_list(void)
{
    return &self.old[self.visited ^ 1];
}

static uintptr_t space_of(const struct gc_head *g)
{
    return g->next & GC_NEXT_SPACE;
}

static void set_space(struct gc_head *list, uintptr_t space)
{
    for (struct gc_head *g = gc_next(list); g != list; g = gc_next(g))
        g->next = (g->next & ~GC_NEXT_SPACE) | space;
}

static int incremental_open(struct runtime *r, const void *params, struct message *m)
{
    const struct gc_incremental_params *p = params;
    memset(&self, 0, sizeof self);
    gc_list_init(&self.young);
    gc_list_init(&self.old[0]);
    gc_list_init(&self.old[1]);
    gc_list_init(&self.frozen);
    memcpy(self.threshold, (int64_t[]){2000, 10, 0}, sizeof self.threshold);
    int err = gc_thresholds_parse("incremental", p->thresholds, self.threshold, m);
    if (err)
        return err;
    self.track_time = p->version == 1;
    self.enabled = true;
    r->gc.young_list = &self.young;
    r->gc.one = self.track_time ? 0 : 1;
    r->gc.track_one = self.track_time ? 1 : 0;
    set_visited(r, 0);
    limit_update(r);
    return 0;
}

static void incremental_close(struct runtime *r)
{
    r->gc.limit = INT64_MAX;
}

/* --- moving objects between spaces ---------------------------------------------------------------------- */

struct mover {
    struct gc_head *to;
    uint64_t moved, references;
};

static int visit_move(struct object *o, void *arg)
{
    struct mover *mover = arg;
    mover->references++;
    if (!object_is_gc(o) || !gc_is_tracked(o))
        return 0;
    struct gc_head *g = gc_head_of(o);
    if (space_of(g) == self.visited)
        return 0;
    g->next ^= GC_NEXT_SPACE;
    gc_list_move(g, mover->to);
    mover->moved++;
    return 0;
}

/* Everything in pending that g and what follows it in the list lead to is appended to that list. */
static void follow(struct gc_head *g, struct mover *mover)
{
    for (; g != mover->to; g = gc_next(g))
        gc_traverse(gc_object_of(g), visit_move, mover);
}

static uint64_t mark_from_roots(struct runtime *r, struct cycles_count *count)
{
    struct mover mover = {visited_list(), 0, 0};
    struct gc_head *last = gc_prev(mover.to);
    pthread_mutex_lock(&r->roots.mutex);
    for (size_t i = 0; i < r->roots.count; i++)
        for (size_t k = 0; k < r->roots.at[i].count; k++)
            if (r->roots.at[i].at[k])
                visit_move(r->roots.at[i].at[k], &mover);
    pthread_mutex_unlock(&r->roots.mutex);
    follow(gc_next(last), &mover);
    count->references += mover.references;
    self.marked += mover.moved;
    return mover.moved;
}

/* Examines set, whose members all bear the visited bit; what lives goes to the end of to. */
static uint64_t collect_region(struct runtime *r, struct gc_head *set, struct gc_head *to, bool whole,
                               struct cycles_count *count)
{
    struct gc_head unreachable;
    gc_list_init(&unreachable);
    cycles_deduce(set, &unreachable, whole, count);
    if (count->kinds & 1u << TYPE_TUPLE)
        cycles_untrack(set, TYPE_TUPLE);
    if (set != to)
        gc_list_merge(set, to);
    return cycles_reclaim(r, &unreachable, to, self.visited, count);
}

/* Pending is empty: the next cycle begins. Frozen objects bear the visited bit and may not be touched. */
static void cycle_done(struct runtime *r)
{
    if (gc_list_empty(&self.frozen)) {
        set_space(&self.young, self.visited);
        set_visited(r, self.visited ^ 1);
    } else {
        struct gc_head *pending = pending_list();
        gc_list_merge(visited_list(), pending);
        set_space(pending, self.visited ^ 1);
    }
    self.work = 0;
    self.phase = PHASE_MARK;
}

/* --- collections ---------------------------------------------------------------------------------------- */

static int64_t heap_share(struct runtime *r)
{
    return r->gc.tracked / SCAN_RATE_DIVISOR / (self.threshold[1] > 2 ? self.threshold[1] : 2);
}

static void add_work(struct runtime *r)
{
    int64_t fresh = r->gc.young, share = heap_share(r), most = self.track_time ? fresh * 2 : fresh * 3 / 2;
    r->gc.young = 0;
    self.work += fresh + (share < most ? share : most);
}

static uint64_t collect_increment(struct runtime *r, struct cycles_count *count)
{
    add_work(r);
    count->uncounted = true;
    if (self.track_time && self.work < 0)
        return 0;
    cycles_untrack(&self.young, TYPE_TUPLE);
    if (self.phase == PHASE_MARK) {
        self.work -= 2 * (int64_t)mark_from_roots(r, count);
        self.phase = PHASE_COLLECT;
        return 0;
    }
    count->uncounted = false;
    struct gc_head increment, *pending = pending_list();
    gc_list_init(&increment);
    set_space(&self.young, self.visited);
    int64_t size = (int64_t)gc_list_size(&self.young);
    gc_list_merge(&self.young, &increment);
    while (size < self.work && !gc_list_empty(pending)) {
        struct mover mover = {&increment, 1, 0};
        struct gc_head *g = gc_next(pending);
        g->next ^= GC_NEXT_SPACE;
        gc_list_move(g, &increment);
        follow(g, &mover);
        size += (int64_t)mover.moved;
        count->references += mover.references;
    }
    struct gc_head survivors;
    gc_list_init(&survivors);
    uint64_t collected = collect_region(r, &increment, &survivors, false, count);
    gc_list_merge(&survivors, visited_list());
    if (!self.track_time)
        self.work += heap_share(r);
    self.work -= size;
    if (gc_list_empty(pending_list()))
        cycle_done(r);
    return collected;
}

static uint64_t collect_young(struct runtime *r, struct cycles_count *count)
{
    struct gc_head survivors;
    gc_list_init(&survivors);
    cycles_untrack(&self.young, TYPE_TUPLE);
    set_space(&self.young, self.visited);
    r->gc.young = 0;
    uint64_t collected = collect_region(r, &self.young, &survivors, false, count);
    gc_list_merge(&survivors, visited_list());
    self.old_count[self.visited]++;
    return collected;
}

static uint64_t collect_full(struct runtime *r, struct cycles_count *count)
{
    struct gc_head *pending = pending_list(), *visited = visited_list();
    cycles_untrack(&self.young, TYPE_TUPLE);
    gc_list_merge(&self.young, pending);
    set_space(pending, self.visited);
    gc_list_merge(pending, visited);
    r->gc.young = 0;
    uint64_t collected = collect_region(r, visited, visited, gc_list_empty(&self.frozen), count);
    r->gc.young = self.old_count[0] = self.old_count[1] = 0;
    cycle_done(r);
    freelist_clear_all(r);
    return collected;
}

static uint64_t incremental_collect(struct runtime *r, int generation)
{
    static const enum pause_cause causes[] = {PAUSE_YOUNG, PAUSE_INCREMENT, PAUSE_FULL};
    static uint64_t (*const collect[])(struct runtime *, struct cycles_count *) = {
        collect_young, collect_increment, collect_full};
    if (gc_is_collecting(r))
        return 0;
    struct gc_run run;
    struct cycles_count count = {0};
    gc_run_begin(r, &run, generation);
    uint64_t collected = collect[generation](r, &count);
    return gc_run_end(r, &run, &self.log, causes[generation], &count, collected);
}

static void incremental_trigger(struct runtime *r)
{
    if (!gc_is_collecting(r))
        thread_break(thread_self, BREAK_GC);
}

/* Whatever has died since it was asked for: CPython does not look at the count again. */
static void incremental_safepoint(struct runtime *r)
{
    if (self.enabled)
        incremental_collect(r, 1);
}

/* --- the gc module -------------------------------------------------------------------------------------- */

static void incremental_enable(struct runtime *r, bool on)
{
    self.enabled = on;
    limit_update(r);
}

static int incremental_set_thresholds(struct runtime *r, const int64_t threshold[3])
{
    memcpy(self.threshold, threshold, sizeof self.threshold);
    limit_update(r);
    return 0;
}

static void incremental_counts(struct runtime *r, int64_t count[3])
{
    count[0] = r->gc.young;
    count[1] = self.old_count[self.visited];
    count[2] = self.old_count[self.visited ^ 1];
}

static void incremental_stats(struct runtime *r, struct gc_stats stats[3])
{
    (void)r;
    memcpy(stats, self.log.stats, sizeof self.log.stats);
}

static void incremental_freeze(struct runtime *r)
{
    set_space(&self.young, self.visited);
    set_space(pending_list(), self.visited);
    gc_list_merge(&self.young, &self.frozen);
    gc_list_merge(&self.old[0], &self.frozen);
    gc_list_merge(&self.old[1], &self.frozen);
    r->gc.young = self.old_count[0] = self.old_count[1] = 0;
}

static void incremental_unfreeze(struct runtime *r)
{
    (void)r;
    set_space(&self.frozen, self.visited);
    gc_list_merge(&self.frozen, visited_list());
}

static void incremental_report(struct runtime *r, const struct alloc_sink *sink)
{
    (void)r;
    gc_log_report(&self.log, sink);
    sink->integer(sink->arg, "gc.marked", self.marked);
}

static int incremental_each_tracked(struct runtime *r, object_visit *visit, void *arg)
{
    (void)r;
    struct gc_head *lists[] = {&self.young, &self.old[0], &self.old[1], &self.frozen};
    int stop = 0;
    for (unsigned i = 0; i < 4 && !stop; i++)
        stop = gc_list_each(lists[i], visit, arg);
    return stop;
}

/* The space bit is visited's on what is visited or frozen, pending's on what is pending or young. */
static bool incremental_is_valid(struct runtime *r)
{
    uint64_t count = 0;
    uintptr_t pending = self.visited ^ 1;
    return gc_list_is_valid(&self.young, GC_NEXT_SPACE, pending, &count) &&
           gc_list_is_valid(pending_list(), GC_NEXT_SPACE, pending, &count) &&
           gc_list_is_valid(visited_list(), GC_NEXT_SPACE, self.visited, &count) &&
           gc_list_is_valid(&self.frozen, GC_NEXT_SPACE, self.visited, &count) &&
           r->gc.new_next_bits == pending && count == (uint64_t)r->gc.tracked;
}

const struct collector collector_incremental = {
    .name = "incremental",
    .open = incremental_open,
    .close = incremental_close,
    .trigger = incremental_trigger,
    .safepoint = incremental_safepoint,
    .collect = incremental_collect,
    .enable = incremental_enable,
    .set_thresholds = incremental_set_thresholds,
    .counts = incremental_counts,
    .stats = incremental_stats,
    .freeze = incremental_freeze,
    .unfreeze = incremental_unfreeze,
    .report = incremental_report,
    .each_tracked = incremental_each_tracked,
    .is_valid = incremental_is_valid,
};

#endif
#endif
