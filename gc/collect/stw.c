/* stw.c: the collector of free-threaded CPython (Python/gc_free_threading.c of 3.13 and 3.14): no
 * generations, the world stopped twice.
 *
 *   stop 1   garbage is found (stw_mark.h); weak references to it are cleared, their callbacks kept
 *   running  callbacks, finalisers
 *   stop 2   garbage that is referenced from outside again goes free; free lists are emptied
 *   running  the rest is cleared and dropped
 *
 * Starts at a safepoint when more than threshold 0 objects have been made on balance and more than a quarter
 * of what the last collection left alive (of tracked objects; from December 2025 on CPython counts frozen
 * ones and untracked tuples as well). gate=rss (3.14.0): only if the process, with what is swapped out, has
 * grown by a tenth, and by 128 KiB, since the last collection, or more than 40 thresholds of objects have
 * been put off. Threshold 1 = 0 takes both conditions away.
 *
 * Under biased an object in its owner's queue counts as referenced until the owner has come by; CPython
 * merges those counts first. */
#include "gc/about.h"

#define PARAMS(P, S)                                                                                \
    P(S, TEXT, thresholds, "", "",                                                                  \
      "A/B/C: objects that start a collection, 0 = however many live, no use; empty is 2000/10/10") \
    P(S, CHOICE, gate, "none", "none|rss", "rss: only if the process has grown, as 3.14.0 does")    \
    P(S, FLAG, alive, "1", "", "mark what the roots reach before counting, as 3.14 does")           \
    P(S, CHOICE, find, "auto", "auto|walk|registry",                                                \
      "how objects are found: by a walk over the allocator's heap, or in lists that threads keep")
PARAM_STRUCT(gc_stw_params, PARAMS)

#ifdef HG_ABOUT
const struct param gc_stw_table[] = PARAM_ROWS(gc_stw_params, PARAMS);
#else
#include "stw_mark.h"

#include "alloc/base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#if !RC_GIL_HELD

enum {
    RSS_GROWTH_MIN = 128 << 10,
    PUT_OFF_MAX = 40, /* thresholds */
};

static struct stw {
    struct stw_mark mark;
    int64_t threshold[3], old_count[2];
    int64_t put_off;
    uint64_t last_rss;
    bool enabled, gate_rss, no_alive;
    _Atomic bool frozen;
    struct gc_stats stats[3];
    uint64_t freed;
    struct stw_array callbacks; /* of the collection that runs */
} self;

/* --- stop 1 --------------------------------------------------------------------------------------------- */

static void clear_weakrefs(void)
{
    for (size_t i = 0; i < self.mark.garbage.count; i++) {
        struct object *o = self.mark.garbage.at[i];
        if (o->type->id == TYPE_WEAKREF)
            weakref_clear((struct weakref *)o);
        struct weakref **list = object_weaklist(o);
        for (struct weakref *w = list ? *list : NULL; w; w = *list) {
            weakref_clear(w);
            if (!w->callback || stw_bits(&w->head) & GC_UNREACHABLE)
                continue;
            size_t before = self.callbacks.count;
            stw_push(&self.mark, &self.callbacks, w);
            if (self.callbacks.count >
                before) /* without memory a callback is lost, the weak reference is cleared */
                rc_inc(&w->head);
        }
    }
}

/* --- code runs ------------------------------------------------------------------------------------------ */

static bool run_code(void)
{
    bool ran = self.callbacks.count > 0;
    for (size_t i = 0; i < self.callbacks.count; i++) {
        struct weakref *w = self.callbacks.at[i];
        w->callback(w, w->arg);
        rc_dec(&w->head);
    }
    for (size_t i = 0; i < self.mark.garbage.count; i++) {
        struct object *o = self.mark.garbage.at[i];
        if (o->type->finalize && !object_is_finalized(o)) {
            object_finalize(o);
            ran = true;
        }
    }
    return ran;
}

/* --- in order ------------------------------------------------------------------------------------------- */

static void drop_garbage(size_t dead)
{
    for (size_t i = 0; i < self.mark.garbage.count; i++) {
        struct object *o = self.mark.garbage.at[i];
        if (i < dead && o->type->clear)
            o->type->clear(o);
        rc_dec(o);
    }
}

/* Resident and swapped out; 0: not known. */
static uint64_t process_bytes(void)
{
    static const char *const keys[] = {"\nVmRSS:", "\nVmSwap:"};
    char buf[4096];
    uint64_t kib = 0;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    buf[n] = 0;
    for (unsigned i = 0; i < 2; i++) {
        const char *at = strstr(buf, keys[i]);
        if (at)
            kib += strtoull(at + strlen(keys[i]), NULL, 10);
    }
    return kib << 10;
}

/* What the calling thread did with the garbage since start_ns, beside the others: a pause of its own, and
 * freed by the collector is what died meanwhile. (The free lists it empties while the world stands still hold
 * objects that died before.) */
static void report_reclaim(struct runtime *r, uint64_t start_ns, uint64_t dead_before, uint64_t bytes_before)
{
    struct thread *t = thread_self;
    uint64_t freed = objects_dead(t) - dead_before;
    runtime_pause(r, PAUSE_RECLAIM, start_ns, os_now_ns(), self.mark.garbage.count, freed,
                  t->freed_bytes - bytes_before);
    self.freed += freed;
}

static int stw_check(struct object *o, void *arg)
{
    (void)arg;
    return !stw_mark_is_clear(o);
}

/* No object bears marks of a collection. */
static bool stw_is_valid(struct runtime *r)
{
    return find_each(r, stw_check, NULL) == 0;
}

#ifdef HG_STRICT
static int leave_mark_on(struct object *o, void *arg)
{
    (void)arg;
    stw_set_bits(o, stw_bits(o) | GC_ALIVE);
    return 1;
}

static void leave_mark(struct runtime *r)
{
    find_each(r, leave_mark_on, NULL);
}
#endif

/* The caller has set collecting. */
static uint64_t collect_now(struct runtime *r, int generation)
{
    struct thread *t = thread_self;
    uint64_t examined = self.mark.examined;
    gc_call_back(r, GC_PHASE_START, generation, 0, 0);
    thread_stop_world(r);
    /* The world stands still: what collecting suspends holds until the first object is marked. */
    hg_assert_whole(stw_is_valid(r) && gc_heap_is_valid(r));
    uint64_t start_ns = os_now_ns();
    if (generation < 2)
        self.old_count[generation]++;
    int64_t made = self.put_off + atomic_exchange_explicit(&r->gc.young, 0, memory_order_relaxed);
    for (int i = 0; i < generation; i++)
        self.old_count[i] = 0;
    self.put_off = 0;
    stw_find_garbage(&self.mark, r,
                     !self.no_alive && !atomic_load_explicit(&self.frozen, memory_order_relaxed),
                     made > 0 ? made : 0);
    clear_weakrefs();
    uint64_t end_ns = os_now_ns();
    thread_start_world(r);
    runtime_pause(r, PAUSE_FULL, start_ns, end_ns, self.mark.examined - examined, 0, 0);

    uint64_t dead_before = objects_dead(t), bytes_before = t->freed_bytes;
    bool ran = run_code();
    if (ran)
        report_reclaim(r, end_ns, dead_before, bytes_before);
    thread_stop_world(r);
    start_ns = os_now_ns();
    if (ran)
        stw_find_resurrected(&self.mark);
    size_t dead = stw_sort_garbage(&self.mark);
    freelist_clear_all(r);
    hg_seed(stw_mark_left, leave_mark(r));
    hg_assert_whole(stw_is_valid(r) && gc_heap_is_valid(r));
    end_ns = os_now_ns();
    thread_start_world(r);
    runtime_pause(r, PAUSE_FULL, start_ns, end_ns, self.mark.garbage.count, 0, 0);

    dead_before = objects_dead(t), bytes_before = t->freed_bytes;
    drop_garbage(dead);
    if (self.mark.garbage.count)
        report_reclaim(r, end_ns, dead_before, bytes_before);
    self.stats[generation].collections++;
    self.stats[generation].collected += dead;
    self.stats[generation].uncollectable += self.mark.uncollectable;
    if (self.gate_rss)
        self.last_rss = process_bytes();
    stw_mark_close(&self.mark);
    stw_array_close(&self.callbacks);
    gc_call_back(r, GC_PHASE_STOP, generation, dead, self.mark.uncollectable);
    return dead + self.mark.uncollectable;
}

static bool begin_collecting(struct runtime *r)
{
    /* Acquires what the last collection left in self (its release below). */
    bool begun = !atomic_exchange_explicit(&r->gc.collecting, true, memory_order_acquire);
    if (begun)
        thread_self->collects = true;
    return begun;
}

static void end_collecting(struct runtime *r)
{
    thread_self->collects = false;
    atomic_store_explicit(&r->gc.collecting, false, memory_order_release);
}

/* --- when ----------------------------------------------------------------------------------------------- */

/* gate=rss. In collecting. */
static bool has_grown(struct runtime *r)
{
    if (!self.gate_rss || self.put_off > self.threshold[0] * PUT_OFF_MAX)
        return true;
    uint64_t bytes = process_bytes(), growth = self.last_rss / 10;
    if (growth < RSS_GROWTH_MIN)
        growth = RSS_GROWTH_MIN;
    if (bytes == 0 || bytes > self.last_rss + growth)
        return true;
    self.put_off += atomic_exchange_explicit(&r->gc.young, 0, memory_order_relaxed);
    return false;
}

static bool is_due(struct runtime *r)
{
    int64_t young = atomic_load_explicit(&r->gc.young, memory_order_relaxed);
    if (young <= r->gc.limit)
        return false;
    return self.threshold[1] == 0 || (young > self.mark.alive / 4 && has_grown(r));
}

static void stw_trigger(struct runtime *r)
{
    if (!atomic_load_explicit(&r->gc.collecting, memory_order_relaxed))
        thread_break(thread_self, BREAK_GC);
}

static void stw_safepoint(struct runtime *r)
{
    if (!begin_collecting(r))
        return;
    if (is_due(r))
        collect_now(r, 0);
    end_collecting(r);
}

static uint64_t stw_collect(struct runtime *r, int generation)
{
    if (!begin_collecting(r))
        return 0;
    uint64_t collected = collect_now(r, generation);
    end_collecting(r);
    return collected;
}

/* --- the gc module -------------------------------------------------------------------------------------- */

static void limit_update(struct runtime *r)
{
    r->gc.limit = self.enabled && self.threshold[0] ? self.threshold[0] : INT64_MAX;
}

static int stw_open(struct runtime *r, const void *params, struct message *m)
{
    const struct gc_stw_params *p = params;
    memset(&self, 0, sizeof self);
    memcpy(self.threshold, (int64_t[]){2000, 10, 10}, sizeof self.threshold);
    int err = gc_thresholds_parse("stw", p->thresholds, self.threshold, m);
    if (err)
        return err;
    self.gate_rss = p->gate == 1;
    self.no_alive = !p->alive;
    self.enabled = true;
    r->gc.one = 1;
    limit_update(r);
    return find_open(r, (enum find_by)p->find, m);
}

static void stw_close(struct runtime *r)
{
    r->gc.limit = INT64_MAX;
    find_close(r);
}

static void stw_enable(struct runtime *r, bool on)
{
    thread_stop_world(r);
    self.enabled = on;
    limit_update(r);
    thread_start_world(r);
}

static int stw_set_thresholds(struct runtime *r, const int64_t threshold[3])
{
    thread_stop_world(r);
    memcpy(self.threshold, threshold, sizeof self.threshold);
    limit_update(r);
    thread_start_world(r);
    return 0;
}

static void stw_counts(struct runtime *r, int64_t count[3])
{
    count[0] = atomic_load_explicit(&r->gc.young, memory_order_relaxed);
    count[1] = self.old_count[0];
    count[2] = self.old_count[1];
}

static void stw_stats(struct runtime *r, struct gc_stats stats[3])
{
    (void)r;
    memcpy(stats, self.stats, sizeof self.stats);
}

static int freeze_one(struct object *o, void *arg)
{
    (void)arg;
    stw_set_bits(o, stw_bits(o) | GC_FROZEN);
    return 0;
}

static int unfreeze_one(struct object *o, void *arg)
{
    (void)arg;
    stw_set_bits(o, stw_bits(o) & (uint8_t)~GC_FROZEN);
    return 0;
}

static void set_frozen(struct runtime *r, object_visit *visit, bool frozen)
{
    thread_stop_world(r);
    if (gc_each_tracked(r, visit, NULL) == 0)
        atomic_store_explicit(&self.frozen, frozen, memory_order_relaxed);
    thread_start_world(r);
}

static void stw_freeze(struct runtime *r)
{
    set_frozen(r, freeze_one, true);
}

static void stw_unfreeze(struct runtime *r)
{
    set_frozen(r, unfreeze_one, false);
}

static void stw_report(struct runtime *r, const struct alloc_sink *sink)
{
    gc_report_generations(sink, self.stats, 3);
    sink->integer(sink->arg, "gc.examined", self.mark.examined);
    sink->integer(sink->arg, "gc.references", self.mark.references);
    sink->integer(sink->arg, "gc.freed_by_gc", self.freed);
    sink->integer(sink->arg, "gc.marked", self.mark.marked);
    if (sink->text)
        sink->text(sink->arg, "gc.find", r->memory.registry ? "registry" : "walk");
}

const struct collector collector_stw = {
    .name = "stw",
    .open = stw_open,
    .close = stw_close,
    .trigger = stw_trigger,
    .safepoint = stw_safepoint,
    .collect = stw_collect,
    .enable = stw_enable,
    .set_thresholds = stw_set_thresholds,
    .counts = stw_counts,
    .stats = stw_stats,
    .freeze = stw_freeze,
    .unfreeze = stw_unfreeze,
    .report = stw_report,
    .is_valid = stw_is_valid,
};

#endif
#endif
