/* pep848.c: the generational incremental collector of PEP 848 (Python 3.16, draft of 16 September 2026) as the
 * PEP's author has it in C, in his public fork of CPython (Python/gc.c of commit 9424b0a0d296). version=draft is
 * another collector, pep848_draft.c: the text of the PEP, from which this differs in much.
 *
 *   nursery   new objects
 *   aging     a ring of spaces that were nurseries, (threshold 1 + 1) / 2 of them: 5 by default, all empty at
 *             the start
 *   old[2]    visited (self.visited says which) and pending
 *
 * Bytes trigger, gross: when more than threshold 0 x 1024 have been allocated since any collection began. What
 * counts is memory for containers with all that stands before the object, not what comes from a free list.
 * Young collections and increments take turns, beginning with a young one; an explicit collection is no turn.
 *
 *   young      examines the oldest aging space; what lives becomes visited, then the nursery takes that place
 *              in the ring. Work due += survivors: before finalisers ran, and tuples that were untracked too.
 *   increment  swaps pending and visited if pending is empty. Then takes the oldest pending object with all it
 *              leads to, examines that by itself, and so on until as many objects were examined as work is due.
 *              Work due -= examined, += twice the garbage. If pending is empty now, swaps, and nothing is due.
 *   full       examines everything as one space; nothing is due.
 *
 * Work due begins at -100,000, a grace for small programs. But nothing is old before the oldest nursery has
 * gone round the ring, and an increment that finds both spaces empty swaps and sets the work to 0: so the
 * grace ends with the first increment. grace=kept is the other reading.
 *
 * The low bits of next: GC_NEXT_SPACE is which old space an object lies in. Young objects have 0 there and
 * nothing else that would tell them from old ones, so while old[0] is pending, in every second cycle, what an
 * old object leads to includes young objects, which become old. closure=old gives young objects NOT_OLD. Frozen
 * ones have it always.
 *
 * No roots are marked, and no stacks: an object is alive because something outside of what is examined refers
 * to it. collect(0) is the young collection, collect(1) an increment with what work is due, maybe none.
 * thresholds may be set while a collection runs; the ring changes when it is over. Then, and whenever the
 * number of spaces changes, all that is aging goes to the oldest.
 *
 * The fork's gc.get_count() is always (1, 0, 0); counts here say how full the nursery is (KiB), how many aging
 * spaces hold something, how many cycles the old space went through. bytes=all is none of the fork's. What
 * happens to weak references and dicts is the runtime's (python.h), and the author writes on top of 3.15: the
 * whole of it is --python 3.15 --gc pep848. The legacy mode beside it is generational with trigger=bytes. */
#include "pep848.h"

#include <errno.h>
#include <stdbool.h>

#ifdef HG_ABOUT
const struct param gc_pep848_table[] = PARAM_ROWS(gc_pep848_params, PEP848_PARAMS);

int gc_pep848_check(const void *params, const int64_t threshold[3], const char *text, struct message *m);
int gc_pep848_check(const void *params, const int64_t threshold[3], const char *text, struct message *m)
{
    const struct gc_pep848_params *p = params;
    bool draft = p->version == PEP848_DRAFT;
    int64_t most = draft ? PEP848_DRAFT_HALF_SPACES_MAX : PEP848_AUTHOR_THRESHOLD1_MAX;
    if (threshold[1] > most)
        return message_set(m, -EINVAL,
                           "pep848: thresholds '%s' is out of range: at most %d aging half-spaces", text,
                           (int)most);
    const struct {
        const char *name;
        bool drafts;
        uint64_t value;
    } of_one[] = {{"first", false, p->first}, {"closure", false, p->closure}, {"work", false, p->work},
                  {"grace", false, p->grace}, {"limit", true, p->limit},      {"aging", true, p->aging},
                  {"roots", true, p->roots}};
    for (unsigned i = 0; i < sizeof of_one / sizeof *of_one; i++)
        if (of_one[i].value && of_one[i].drafts != draft)
            return message_set(m, -EINVAL, "pep848: %s is a parameter of version=%s", of_one[i].name,
                               of_one[i].drafts ? "draft" : "author");
    return 0;
}
#else
#include "count_bytes.h"

#if RC_GIL_HELD

#define BUDGET_UNIT   1024
#define GRACE_OBJECTS 100000
#define GARBAGE_WORK  2
#define NOT_OLD       GC_NEXT_YOUNG /* no closure may move it: frozen, or young where closure=old */

static struct pep848 {
    struct gc_head nursery, old[2], frozen;
    unsigned spaces, oldest; /* of aging */
    uintptr_t visited;
    uintptr_t young_bits; /* of next, as young objects have them */
    int turn;             /* what the next automatic collection is: 0 young, 1 an increment */
    int64_t work;
    int64_t threshold[3];
    struct gc_log log;
    uint64_t cycles;
    bool enabled, survivors_alone, grace_kept;
} self;

/* Beside self, so that the memory of spaces that nobody asked for is never touched. */
static struct gc_head aging[PEP848_AGING_SPACES_MAX];

static void limit_update(struct runtime *r)
{
    r->gc.limit = self.enabled && self.threshold[0] ? self.threshold[0] * BUDGET_UNIT : INT64_MAX;
}

static struct gc_head *visited_list(void)
{
    return &self.old[self.visited];
}

static struct gc_head *pending_list(void)
{
    return &self.old[self.visited ^ 1];
}

static void swap_old(void)
{
    self.visited ^= 1;
    self.cycles += !gc_list_empty(pending_list());
}

static void set_place(struct gc_head *list, uintptr_t place)
{
    for (struct gc_head *g = gc_next(list); g != list; g = gc_next(g))
        g->next = (g->next & ~GC_NEXT_PLACE) | place;
}

/* --- the ring of aging spaces --------------------------------------------------------------------------- */

static unsigned spaces_wanted(void)
{
    return (unsigned)((self.threshold[1] + 1) / 2);
}

static void aging_init(void)
{
    self.oldest = 0;
    self.spaces = spaces_wanted();
    for (unsigned i = 0; i < self.spaces; i++)
        gc_list_init(&aging[i]);
}

/* Not in a collection, which has one of the spaces in its hands. */
static void aging_resize(struct runtime *r)
{
    if (gc_is_collecting(r) || self.spaces == spaces_wanted())
        return;
    struct gc_head all;
    gc_list_init(&all);
    for (unsigned i = 0; i < self.spaces; i++)
        gc_list_merge(&aging[(self.oldest + i) % self.spaces], &all);
    aging_init();
    gc_list_merge(&all, &aging[0]);
}

static void set_thresholds(const int64_t threshold[3])
{
    memcpy(self.threshold, threshold, sizeof self.threshold);
    if (self.threshold[1] < 1)
        self.threshold[1] = 1;
}

static int pep848_open(struct runtime *r, const void *params, struct message *m)
{
    const struct gc_pep848_params *p = params;
    if (p->version == PEP848_DRAFT) {
        r->gc.ops = &collector_pep848_draft;
        r->gc.trigger = r->gc.ops->trigger;
        r->gc.safepoint = r->gc.ops->safepoint;
        return r->gc.ops->open(r, params, m);
    }
    int64_t threshold[3] = {1000, 10, 10};
    int err = gc_thresholds_parse("pep848", p->thresholds, threshold, m);
    if (err)
        return err;
    memset(&self, 0, sizeof self);
    gc_list_init(&self.nursery);
    gc_list_init(&self.old[0]);
    gc_list_init(&self.old[1]);
    gc_list_init(&self.frozen);
    set_thresholds(threshold);
    aging_init();
    self.turn = (int)p->first;
    self.young_bits = p->closure ? NOT_OLD : 0;
    self.survivors_alone = p->work;
    self.grace_kept = p->grace;
    self.work = -GRACE_OBJECTS;
    self.enabled = true;
    r->gc.young_list = &self.nursery;
    r->gc.new_next_bits = self.young_bits;
    r->gc.one = 0;
    r->gc.bytes_mask = p->bytes ? 0 : ~(int64_t)0;
    if (p->bytes)
        count_bytes_open(r);
    limit_update(r);
    return 0;
}

static void pep848_close(struct runtime *r)
{
    r->gc.limit = INT64_MAX;
    count_bytes_close(r);
}

/* --- collections ---------------------------------------------------------------------------------------- */

/* Examines set, whose members all bear the visited bits; what lives becomes visited. *survivors grows by what
 * was examined and not found unreachable. */
static uint64_t collect_region(struct runtime *r, struct gc_head *set, bool whole, struct cycles_count *count,
                               int64_t *survivors)
{
    if (gc_list_empty(set))
        return 0;
    struct gc_head unreachable;
    struct cycles_count part = {0};
    gc_list_init(&unreachable);
    cycles_deduce(set, &unreachable, whole, &part);
    *survivors += (int64_t)(part.examined - part.unreachable);
    if (part.kinds & 1u << TYPE_TUPLE)
        cycles_untrack(set, TYPE_TUPLE);
    if (set != visited_list())
        gc_list_merge(set, visited_list());
    uint64_t collected = cycles_reclaim(r, &unreachable, visited_list(), self.visited, &part);
    count->examined += part.examined;
    count->references += part.references;
    count->uncollectable += part.uncollectable;
    return collected;
}

static uint64_t collect_young(struct runtime *r, struct cycles_count *count)
{
    struct gc_head *space = &aging[self.oldest];
    self.oldest = (self.oldest + 1) % self.spaces;
    if (self.young_bits != self.visited)
        set_place(space, self.visited);
    uint64_t collected = collect_region(r, space, false, count, &self.work);
    gc_list_merge(&self.nursery, space);
    return collected;
}

struct closure {
    struct gc_head region;
    uintptr_t pending; /* the bits of what belongs to it */
    uint64_t references;
    int64_t count;
};

static int visit_closure(struct object *o, void *arg)
{
    struct closure *closure = arg;
    closure->references++;
    if (!object_is_gc(o) || !gc_is_tracked(o))
        return 0;
    struct gc_head *g = gc_head_of(o);
    if ((g->next & GC_NEXT_PLACE) != closure->pending)
        return 0;
    g->next ^= GC_NEXT_SPACE;
    gc_list_move(g, &closure->region);
    closure->count++;
    return 0;
}

static uint64_t collect_oldest_pending(struct runtime *r, struct cycles_count *count, int64_t *examined,
                                       int64_t *survivors)
{
    struct closure closure = {.pending = self.visited ^ 1};
    gc_list_init(&closure.region);
    visit_closure(gc_object_of(gc_next(pending_list())), &closure);
    closure.references = 0; /* to the first of it there was none */
    for (struct gc_head *g = gc_next(&closure.region); g != &closure.region; g = gc_next(g))
        gc_traverse(gc_object_of(g), visit_closure, &closure);
    count->references += closure.references;
    *examined += closure.count;
    return collect_region(r, &closure.region, false, count, survivors);
}

static uint64_t collect_increment(struct runtime *r, struct cycles_count *count)
{
    uint64_t collected = 0;
    int64_t examined = 0, survivors = 0;
    if (self.grace_kept && gc_list_empty(&self.old[0]) && gc_list_empty(&self.old[1]))
        return 0;
    if (gc_list_empty(pending_list()))
        swap_old();
    while (examined < self.work && !gc_list_empty(pending_list()))
        collected += collect_oldest_pending(r, count, &examined, &survivors);
    self.work -= self.survivors_alone ? survivors : examined;
    self.work += GARBAGE_WORK * (int64_t)collected;
    if (gc_list_empty(pending_list())) {
        swap_old();
        self.work = 0;
        freelist_clear_all(r);
    }
    return collected;
}

/* Everything that may be collected into one list, in the fork's order: places in the ring, not ages. */
static void gather_young(struct gc_head *list)
{
    gc_list_merge(&self.nursery, list);
    for (unsigned i = 0; i < self.spaces; i++)
        gc_list_merge(&aging[i], list);
    self.oldest = 0;
}

static uint64_t collect_full(struct runtime *r, struct cycles_count *count)
{
    int64_t survivors = 0;
    gc_list_merge(&self.old[1], &self.old[0]);
    gather_young(&self.old[0]);
    set_place(&self.old[0], 0);
    self.visited = 0;
    self.work = 0;
    uint64_t collected = collect_region(r, &self.old[0], gc_list_empty(&self.frozen), count, &survivors);
    freelist_clear_all(r);
    return collected;
}

static uint64_t run(struct runtime *r, int generation)
{
    static uint64_t (*const collect[])(struct runtime *, struct cycles_count *) = {
        collect_young, collect_increment, collect_full};
    static const enum pause_cause causes[] = {PAUSE_YOUNG, PAUSE_INCREMENT, PAUSE_FULL};
    struct gc_run run;
    struct cycles_count count = {0};
    gc_run_begin(r, &run, generation);
    r->gc.young = 0;
    uint64_t collected = collect[generation](r, &count);
    collected = gc_run_end(r, &run, &self.log, causes[generation], &count, collected);
    aging_resize(r);
    return collected;
}

static uint64_t pep848_collect(struct runtime *r, int generation)
{
    return gc_is_collecting(r) ? 0 : run(r, generation);
}

static void pep848_trigger(struct runtime *r)
{
    if (!gc_is_collecting(r))
        thread_break(thread_self, BREAK_GC);
}

static void pep848_safepoint(struct runtime *r)
{
    if (!self.enabled || r->gc.young < self.threshold[0] * BUDGET_UNIT || gc_is_collecting(r))
        return;
    int generation = self.turn;
    self.turn ^= 1;
    run(r, generation);
}

/* --- the gc module -------------------------------------------------------------------------------------- */

static void pep848_enable(struct runtime *r, bool on)
{
    self.enabled = on;
    limit_update(r);
}

static int pep848_set_thresholds(struct runtime *r, const int64_t threshold[3])
{
    if (threshold[1] > PEP848_AUTHOR_THRESHOLD1_MAX)
        return -EINVAL;
    set_thresholds(threshold);
    aging_resize(r);
    r->gc.young = 0;
    limit_update(r);
    return 0;
}

static void pep848_counts(struct runtime *r, int64_t count[3])
{
    count[0] = r->gc.young / BUDGET_UNIT;
    count[1] = 0;
    for (unsigned i = 0; i < self.spaces; i++)
        count[1] += !gc_list_empty(&aging[i]);
    count[2] = (int64_t)self.cycles;
}

static void pep848_stats(struct runtime *r, struct gc_stats stats[3])
{
    (void)r;
    memcpy(stats, self.log.stats, sizeof self.log.stats);
}

/* The budget goes on: it is no collection. */
static void pep848_freeze(struct runtime *r)
{
    (void)r;
    gather_young(&self.frozen);
    gc_list_merge(&self.old[0], &self.frozen);
    gc_list_merge(&self.old[1], &self.frozen);
    set_place(&self.frozen, NOT_OLD);
    self.visited = 0;
    self.work = 0;
}

static void pep848_unfreeze(struct runtime *r)
{
    (void)r;
    set_place(&self.frozen, self.visited);
    gc_list_merge(&self.frozen, visited_list());
}

static void pep848_report(struct runtime *r, const struct alloc_sink *sink)
{
    (void)r;
    gc_log_report(&self.log, sink);
    sink->integer(sink->arg, "gc.cycles", self.cycles);
}

static int pep848_each_tracked(struct runtime *r, object_visit *visit, void *arg)
{
    (void)r;
    struct gc_head *lists[] = {&self.nursery, &self.old[0], &self.old[1], &self.frozen};
    int stop = 0;
    for (unsigned i = 0; i < sizeof lists / sizeof *lists && !stop; i++)
        stop = gc_list_each(lists[i], visit, arg);
    for (unsigned i = 0; i < self.spaces && !stop; i++)
        stop = gc_list_each(&aging[i], visit, arg);
    return stop;
}

static bool pep848_is_valid(struct runtime *r)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < self.spaces; i++)
        if (!gc_list_is_valid(&aging[i], GC_NEXT_PLACE, self.young_bits, &count))
            return false;
    return gc_list_is_valid(&self.nursery, GC_NEXT_PLACE, self.young_bits, &count) &&
           gc_list_is_valid(&self.old[0], GC_NEXT_PLACE, 0, &count) &&
           gc_list_is_valid(&self.old[1], GC_NEXT_PLACE, GC_NEXT_SPACE, &count) &&
           gc_list_is_valid(&self.frozen, GC_NEXT_PLACE, NOT_OLD, &count) && count == (uint64_t)r->gc.tracked;
}

const struct collector collector_pep848 = {
    .name = "pep848",
    .open = pep848_open,
    .close = pep848_close,
    .trigger = pep848_trigger,
    .safepoint = pep848_safepoint,
    .collect = pep848_collect,
    .enable = pep848_enable,
    .set_thresholds = pep848_set_thresholds,
    .counts = pep848_counts,
    .stats = pep848_stats,
    .freeze = pep848_freeze,
    .unfreeze = pep848_unfreeze,
    .report = pep848_report,
    .each_tracked = pep848_each_tracked,
    .is_valid = pep848_is_valid,
};

#endif
#endif
