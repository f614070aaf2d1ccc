/* pep848_draft.c: version=draft of pep848: the collector as the text of PEP 848 has it (draft of 16 September
 * 2026). What its author wrote in C is pep848.c.
 *
 *   nursery   new objects
 *   aging     spaces that were nurseries, oldest first; default 5
 *   old       pending | reachable | visited
 *                pending    not yet looked at in this cycle
 *                reachable  known to be alive, their referents not yet looked at (the worklist)
 *                visited    done
 *
 * The trigger is bytes, gross: every time a half-space (threshold 0, in units of 1000 bytes) has been
 * allocated, one of two things happens, in strict alternation: when the nursery is half full an increment of
 * the old space; when it is full a collection of the oldest aging space, whose survivors become old, and the
 * nursery becomes the newest aging space. So an object is examined once before it is old.
 *
 * An increment has work to do, counted in objects. While some is left: take the next reachable object to
 * visited and what it leads to from pending to reachable; if there is none, and pending is empty, swap
 * visited and pending and begin again from the roots; else take the oldest pending object with all that it
 * leads to in pending, and collect that like a generation. Work comes from survivors of aging spaces, and
 * twice over from garbage found.
 *
 * Low bits of next: GC_NEXT_YOUNG on everything that is not old (frozen objects have it too: nobody may move
 * them), else GC_NEXT_SPACE is what visited and pending differ by, in comparison with self.visited;
 * reachable objects bear the visited bit.
 *
 * Where the draft is not clear, this is what is done here, and the parameter that gives the other reading:
 *   limit     the pseudocode's test for work left stands outside the loop over the reachable objects, so that
 *             loop would not stop before everything reachable is done. limit=inside tests at each object;
 *             limit=outside takes the pseudocode literally.
 *   aging     the pseudocode starts with a list of one aging space, takes the oldest away and adds the
 *             nursery: there is always one, and threshold 1 has no effect. aging=filled starts with as many
 *             empty spaces as threshold 1 states; aging=one takes the pseudocode literally.
 *   bytes     which bytes count. bytes=gc: those of objects that the collector may track; bytes=all: whatever
 *             the runtime asks its allocator for.
 *   roots     the draft seeds a cycle with sys and leaves thread stacks to the future. roots=cycle marks from
 *             the runtime's roots (heap.h) when a cycle begins; roots=increment also at every increment.
 *   legacy    the draft gives its legacy mode the trigger by bytes as well: generational with trigger=bytes.
 *   survivors is used as a list and as a number: a number of objects is meant. visited and visited_space are
 *   one. references from old to young objects are references from outside the aging space: what they lead to
 *   survives. a closure goes through pending alone: a dead cycle that hangs together through young objects
 *   waits until these are old and a later cycle has all of it in pending.
 *   collect(0) takes nursery and all aging spaces; collect(1) an increment, of at least one step.
 *   threshold 1 is a number of half-spaces, rounded up to even; 0 means that a full nursery is collected
 *   itself. */
#include "count_bytes.h"
#include "pep848.h"

#include <errno.h>

#if RC_GIL_HELD

#define HALF_SPACE_UNIT  1000
#define GRACE_OBJECTS    100000
#define AGING_SPACES_MAX (PEP848_DRAFT_HALF_SPACES_MAX / 2)
#define GARBAGE_WORK     2

static struct pep848 {
    struct gc_head nursery, old[2], reachable, frozen;
    struct gc_head aging[AGING_SPACES_MAX]; /* a ring: oldest .. oldest + aging_count - 1 */
    unsigned oldest, aging_count, aging_room;
    uintptr_t visited;
    bool nursery_half; /* the first half is full */
    int64_t work;
    int64_t threshold[3];
    struct gc_log log;
    uint64_t marked, cycles;
    bool enabled, limit_outside, aging_one, roots_each_increment;
} self;

static void limit_update(struct runtime *r)
{
    r->gc.limit = self.enabled && self.threshold[0] ? self.threshold[0] * HALF_SPACE_UNIT : INT64_MAX;
}

static struct gc_head *visited_list(void)
{
    return &self.old[self.visited];
}

static struct gc_head *pending_list(void)
{
    return &self.old[self.visited ^ 1];
}

/* --- spaces --------------------------------------------------------------------------------------------- */

static void aging_reset(void)
{
    self.oldest = 0;
    self.aging_room = self.aging_one ? 1 : (unsigned)(self.threshold[1] + 1) / 2;
    self.aging_count = self.aging_room;
    for (unsigned i = 0; i < self.aging_count; i++)
        gc_list_init(&self.aging[i]);
}

static struct gc_head *aging_at(unsigned i)
{
    return &self.aging[(self.oldest + i) % AGING_SPACES_MAX];
}

/* Fewer or more spaces: what is in the oldest of too many goes to the next one. */
static void aging_resize(unsigned room)
{
    while (self.aging_count > room) {
        struct gc_head *gone = aging_at(0);
        gc_list_merge(gone, self.aging_count > 1 ? aging_at(1) : &self.nursery);
        self.oldest = (self.oldest + 1) % AGING_SPACES_MAX;
        self.aging_count--;
    }
    while (self.aging_count < room) {
        self.oldest = (self.oldest + AGING_SPACES_MAX - 1) % AGING_SPACES_MAX;
        self.aging_count++;
        gc_list_init(aging_at(0));
    }
    self.aging_room = room;
}

static void become_visited(struct gc_head *list)
{
    for (struct gc_head *g = gc_next(list); g != list; g = gc_next(g))
        g->next = (g->next & ~(GC_NEXT_YOUNG | GC_NEXT_SPACE)) | self.visited;
}

static void become_young(struct gc_head *list)
{
    for (struct gc_head *g = gc_next(list); g != list; g = gc_next(g))
        g->next |= GC_NEXT_YOUNG;
}

static int pep848_open(struct runtime *r, const void *params, struct message *m)
{
    const struct gc_pep848_params *p = params;
    memset(&self, 0, sizeof self);
    gc_list_init(&self.nursery);
    gc_list_init(&self.old[0]);
    gc_list_init(&self.old[1]);
    gc_list_init(&self.reachable);
    gc_list_init(&self.frozen);
    memcpy(self.threshold, (int64_t[]){2000, 10, 10}, sizeof self.threshold);
    int err = gc_thresholds_parse("pep848", p->thresholds, self.threshold, m);
    if (err)
        return err;
    self.limit_outside = p->limit == 1;
    self.aging_one = p->aging == 1;
    self.roots_each_increment = p->roots == 1;
    self.work = -GRACE_OBJECTS;
    self.enabled = true;
    aging_reset();
    r->gc.young_list = &self.nursery;
    r->gc.new_next_bits = GC_NEXT_YOUNG;
    r->gc.one = 0;
    r->gc.bytes_mask = p->bytes == 1 ? 0 : ~(int64_t)0;
    if (p->bytes == 1)
        count_bytes_open(r);
    limit_update(r);
    return 0;
}

static void pep848_close(struct runtime *r)
{
    r->gc.limit = INT64_MAX;
    count_bytes_close(r);
}

/* --- the old space -------------------------------------------------------------------------------------- */

struct mover {
    struct gc_head *to;
    uint64_t moved, references;
};

/* From pending to the list. */
static int visit_move(struct object *o, void *arg)
{
    struct mover *mover = arg;
    mover->references++;
    if (!object_is_gc(o) || !gc_is_tracked(o))
        return 0;
    struct gc_head *g = gc_head_of(o);
    if (g->next & GC_NEXT_YOUNG || (g->next & GC_NEXT_SPACE) == self.visited)
        return 0;
    g->next ^= GC_NEXT_SPACE;
    gc_list_move(g, mover->to);
    mover->moved++;
    return 0;
}

static void roots_to_reachable(struct runtime *r, struct cycles_count *count)
{
    struct mover mover = {&self.reachable, 0, 0};
    pthread_mutex_lock(&r->roots.mutex);
    for (size_t i = 0; i < r->roots.count; i++)
        for (size_t k = 0; k < r->roots.at[i].count; k++)
            if (r->roots.at[i].at[k])
                visit_move(r->roots.at[i].at[k], &mover);
    pthread_mutex_unlock(&r->roots.mutex);
    count->references += mover.references;
}

static void follow_reachable(struct cycles_count *count)
{
    struct mover mover = {&self.reachable, 0, 0};
    while (!gc_list_empty(&self.reachable) && (self.limit_outside || self.work > 0)) {
        struct gc_head *g = gc_next(&self.reachable);
        gc_list_move(g, visited_list());
        gc_traverse(gc_object_of(g), visit_move, &mover);
        self.work--;
        self.marked++;
    }
    count->references += mover.references;
}

/* Examines set, whose members all bear the visited bit and are not young; what lives becomes visited. */
static uint64_t collect_region(struct runtime *r, struct gc_head *set, bool whole, struct cycles_count *count)
{
    struct gc_head unreachable;
    gc_list_init(&unreachable);
    cycles_deduce(set, &unreachable, whole, count);
    if (count->kinds & 1u << TYPE_TUPLE)
        cycles_untrack(set, TYPE_TUPLE);
    if (set != visited_list())
        gc_list_merge(set, visited_list());
    return cycles_reclaim(r, &unreachable, visited_list(), self.visited, count);
}

static void add_counts(struct cycles_count *to, const struct cycles_count *part)
{
    to->examined += part->examined;
    to->references += part->references;
    to->uncollectable += part->uncollectable;
}

static uint64_t collect_oldest_pending(struct runtime *r, struct cycles_count *count)
{
    struct gc_head region, *g = gc_next(pending_list());
    struct mover mover = {&region, 0, 0};
    struct cycles_count part = {0};
    gc_list_init(&region);
    g->next ^= GC_NEXT_SPACE;
    gc_list_move(g, &region);
    for (; g != &region; g = gc_next(g))
        gc_traverse(gc_object_of(g), visit_move, &mover);
    uint64_t collected = collect_region(r, &region, false, &part);
    self.work -= (int64_t)(part.examined - part.unreachable);
    self.work += GARBAGE_WORK * (int64_t)collected;
    part.references += mover.references;
    add_counts(count, &part);
    return collected;
}

static uint64_t collect_increment(struct runtime *r, struct cycles_count *count)
{
    uint64_t collected = 0;
    if (self.roots_each_increment)
        roots_to_reachable(r, count);
    while (self.work > 0) {
        if (!gc_list_empty(&self.reachable)) {
            follow_reachable(count);
        } else if (gc_list_empty(pending_list())) {
            self.visited ^= 1;
            self.cycles++;
            roots_to_reachable(r, count);
            self.work = 0;
        } else {
            collected += collect_oldest_pending(r, count);
        }
    }
    return collected;
}

/* --- the young spaces ----------------------------------------------------------------------------------- */

static uint64_t collect_space(struct runtime *r, struct gc_head *space, struct cycles_count *count)
{
    become_visited(space);
    uint64_t collected = collect_region(r, space, false, count);
    self.work += (int64_t)(count->examined - count->unreachable);
    return collected;
}

static uint64_t collect_oldest_aging(struct runtime *r, struct cycles_count *count)
{
    if (self.aging_room == 0)
        return collect_space(r, &self.nursery, count);
    struct gc_head oldest, *gone = aging_at(0);
    gc_list_init(&oldest);
    gc_list_merge(gone, &oldest);
    self.oldest = (self.oldest + 1) % AGING_SPACES_MAX;
    struct gc_head *newest = aging_at(self.aging_count - 1);
    gc_list_init(newest);
    gc_list_merge(&self.nursery, newest);
    return collect_space(r, &oldest, count);
}

/* --- collections ---------------------------------------------------------------------------------------- */

/* Everything young, old ones last, into one list. */
static void gather_young(struct gc_head *list)
{
    for (unsigned i = 0; i < self.aging_count; i++)
        gc_list_merge(aging_at(i), list);
    gc_list_merge(&self.nursery, list);
}

static uint64_t collect_young(struct runtime *r, struct cycles_count *count)
{
    struct gc_head young;
    gc_list_init(&young);
    gather_young(&young);
    r->gc.young = 0;
    return collect_space(r, &young, count);
}

static uint64_t collect_full(struct runtime *r, struct cycles_count *count)
{
    struct gc_head *visited = visited_list();
    gather_young(visited);
    gc_list_merge(&self.reachable, visited);
    gc_list_merge(pending_list(), visited);
    become_visited(visited);
    r->gc.young = 0;
    uint64_t collected = collect_region(r, visited, gc_list_empty(&self.frozen), count);
    freelist_clear_all(r);
    return collected;
}

static uint64_t collect_step(struct runtime *r, struct cycles_count *count)
{
    if (self.work < 1)
        self.work = 1;
    return collect_increment(r, count);
}

static uint64_t run(struct runtime *r, int generation, enum pause_cause cause,
                    uint64_t collect(struct runtime *, struct cycles_count *))
{
    if (gc_is_collecting(r))
        return 0;
    struct gc_run run;
    struct cycles_count count = {0};
    gc_run_begin(r, &run, generation);
    uint64_t collected = collect(r, &count);
    return gc_run_end(r, &run, &self.log, cause, &count, collected);
}

static uint64_t pep848_collect(struct runtime *r, int generation)
{
    return generation == 0   ? run(r, 0, PAUSE_YOUNG, collect_young)
           : generation == 1 ? run(r, 1, PAUSE_INCREMENT, collect_step)
                             : run(r, 2, PAUSE_FULL, collect_full);
}

static void pep848_trigger(struct runtime *r)
{
    if (!gc_is_collecting(r))
        thread_break(thread_self, BREAK_GC);
}

static void pep848_safepoint(struct runtime *r)
{
    if (!self.enabled || r->gc.young <= r->gc.limit || gc_is_collecting(r))
        return;
    r->gc.young = 0;
    self.nursery_half = !self.nursery_half;
    if (self.nursery_half)
        run(r, 1, PAUSE_INCREMENT, collect_increment);
    else
        run(r, 0, PAUSE_YOUNG, collect_oldest_aging);
}

/* --- the gc module -------------------------------------------------------------------------------------- */

static void pep848_enable(struct runtime *r, bool on)
{
    self.enabled = on;
    limit_update(r);
}

static int pep848_set_thresholds(struct runtime *r, const int64_t threshold[3])
{
    if (threshold[1] > PEP848_DRAFT_HALF_SPACES_MAX)
        return -EINVAL;
    memcpy(self.threshold, threshold, sizeof self.threshold);
    if (!self.aging_one)
        aging_resize((unsigned)(threshold[1] + 1) / 2);
    limit_update(r);
    return 0;
}

/* In units of 1000 bytes, in aging spaces, in cycles of the old space. */
static void pep848_counts(struct runtime *r, int64_t count[3])
{
    count[0] = r->gc.young / HALF_SPACE_UNIT;
    count[1] = 0;
    for (unsigned i = 0; i < self.aging_count; i++)
        count[1] += !gc_list_empty(aging_at(i));
    count[2] = (int64_t)self.cycles;
}

static void pep848_stats(struct runtime *r, struct gc_stats stats[3])
{
    (void)r;
    memcpy(stats, self.log.stats, sizeof self.log.stats);
}

static void pep848_freeze(struct runtime *r)
{
    become_young(visited_list());
    become_young(pending_list());
    become_young(&self.reachable);
    gather_young(&self.frozen);
    gc_list_merge(&self.old[0], &self.frozen);
    gc_list_merge(&self.old[1], &self.frozen);
    gc_list_merge(&self.reachable, &self.frozen);
    r->gc.young = 0;
}

static void pep848_unfreeze(struct runtime *r)
{
    (void)r;
    become_visited(&self.frozen);
    gc_list_merge(&self.frozen, visited_list());
}

static void pep848_report(struct runtime *r, const struct alloc_sink *sink)
{
    (void)r;
    gc_log_report(&self.log, sink);
    sink->integer(sink->arg, "gc.marked", self.marked);
    sink->integer(sink->arg, "gc.cycles", self.cycles);
}

static int pep848_each_tracked(struct runtime *r, object_visit *visit, void *arg)
{
    (void)r;
    struct gc_head *lists[] = {&self.nursery, &self.old[0], &self.old[1], &self.reachable, &self.frozen};
    int stop = 0;
    for (unsigned i = 0; i < sizeof lists / sizeof *lists && !stop; i++)
        stop = gc_list_each(lists[i], visit, arg);
    for (unsigned i = 0; i < self.aging_count && !stop; i++)
        stop = gc_list_each(aging_at(i), visit, arg);
    return stop;
}

/* What is not old, or frozen, is marked young; the space bit of the others is that of pending or visited. */
static bool pep848_is_valid(struct runtime *r)
{
    const uintptr_t young = GC_NEXT_YOUNG, old = GC_NEXT_YOUNG | GC_NEXT_SPACE;
    uint64_t count = 0;
    for (unsigned i = 0; i < self.aging_count; i++)
        if (!gc_list_is_valid(aging_at(i), young, young, &count))
            return false;
    return gc_list_is_valid(&self.nursery, young, young, &count) &&
           gc_list_is_valid(&self.frozen, young, young, &count) &&
           gc_list_is_valid(visited_list(), old, self.visited, &count) &&
           gc_list_is_valid(pending_list(), old, self.visited ^ 1, &count) &&
           gc_list_is_valid(&self.reachable, old, self.visited, &count) && count == (uint64_t)r->gc.tracked;
}

const struct collector collector_pep848_draft = {
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
