/* cycles.c: see cycles.h. Two departures from CPython that cannot be seen from outside:
 *  - where the set is the whole heap, an object's count is copied when the first reference to it is met,
 *    which saves a pass over the list;
 *  - garbage without finalisers and without callbacks cannot have come back to life and is not examined
 *  again.
 *
 * What costs is memory that is not in the cache: each object's header is touched once for itself and once for
 * each reference to it, in two passes. So both passes fetch ahead: the first hands referents through a ring
 * (the order of its subtractions does not matter), the second, whose order does matter, sends a scout some
 * objects ahead in the list. */
#include "cycles.h"
#include "gc/runtime/trash.h"

#include "alloc/base/os.h"

#if RC_GIL_HELD

#define COLLECTING_ONE ((uintptr_t)1 << GC_PREV_SHIFT)

static inline void begin(struct gc_head *g)
{
    g->prev = (g->prev & GC_PREV_FINALIZED) | GC_PREV_COLLECTING |
              (uintptr_t)rc_count(gc_object_of(g)) << GC_PREV_SHIFT;
}

static int visit_subtract(struct object *o, void *arg)
{
    uint64_t *references = arg;
    (*references)++;
    if (object_is_gc(o)) {
        struct gc_head *g = gc_head_of(o);
        if (g->prev & GC_PREV_COLLECTING)
            g->prev -= COLLECTING_ONE;
    }
    return 0;
}

static void subtract_part(struct gc_head *set, struct cycles_count *count)
{
    uint64_t n = 0, references = 0;
    uint32_t kinds = 0;
    for (struct gc_head *g = gc_next(set); g != set; g = gc_next(g)) {
        begin(g);
        kinds |= 1u << gc_object_of(g)->type->id;
        n++;
    }
    for (struct gc_head *g = gc_next(set); g != set; g = gc_next(g))
        gc_traverse(gc_object_of(g), visit_subtract, &references);
    count->examined += n;
    count->references += references;
    count->kinds |= kinds;
}

static int visit_subtract_whole(struct object *o, void *arg)
{
    uint64_t *references = arg;
    (*references)++;
    if (object_is_gc(o) && gc_is_tracked(o)) {
        struct gc_head *g = gc_head_of(o);
        if (!(g->prev & GC_PREV_COLLECTING))
            begin(g);
        g->prev -= COLLECTING_ONE;
    }
    return 0;
}

static void subtract_whole(struct gc_head *set, struct cycles_count *count)
{
    uint64_t n = 0, references = 0;
    uint32_t kinds = 0;
    for (struct gc_head *g = gc_next(set); g != set; g = gc_next(g)) {
        if (!(g->prev & GC_PREV_COLLECTING))
            begin(g);
        struct object *o = gc_object_of(g);
        kinds |= 1u << o->type->id;
        n++;
        gc_traverse(o, visit_subtract_whole, &references);
    }
    count->examined += n;
    count->references += references;
    count->kinds |= kinds;
}

/* arg is the list being scanned: what was parked too early goes back to its end. */
static int visit_reachable(struct object *o, void *arg)
{
    struct gc_head *scanned = arg;
    if (!object_is_gc(o))
        return 0;
    struct gc_head *g = gc_head_of(o);
    if (!(g->prev & GC_PREV_COLLECTING))
        return 0;
    if (g->next & GC_NEXT_UNREACHABLE) {
        struct gc_head *prev = gc_prev(g), *next = gc_next(g);
        prev->next = (prev->next & ~GC_NEXT_MASK) | (uintptr_t)next;
        gc_set_prev(next, prev);
        g->next &= ~GC_NEXT_UNREACHABLE;
        gc_list_append(g, scanned);
        g->prev = (g->prev & GC_PREV_FINALIZED) | GC_PREV_COLLECTING | COLLECTING_ONE;
    } else if (g->prev < COLLECTING_ONE) {
        g->prev |= COLLECTING_ONE;
    }
    return 0;
}

static uint64_t park_unreachable(struct gc_head *set, struct gc_head *unreachable)
{
    uint64_t parked = 0;
    struct gc_head *prev = set, *g = gc_next(set);
    while (g != set) {
        if (g->prev >= COLLECTING_ONE) {
            struct object *o = gc_object_of(g);
            gc_traverse(o, visit_reachable, set);
            g->prev = (g->prev & GC_PREV_FINALIZED) | (uintptr_t)prev;
            prev = g;
        } else {
            struct gc_head *last = gc_prev(unreachable);
            prev->next = (prev->next & ~GC_NEXT_MASK) | (uintptr_t)gc_next(g);
            last->next = (last->next & ~GC_NEXT_MASK) | (uintptr_t)g;
            g->prev = (g->prev & ~GC_PREV_MASK) | (uintptr_t)last;
            g->next = (g->next & ~GC_NEXT_MASK) | GC_NEXT_UNREACHABLE | (uintptr_t)unreachable;
            unreachable->prev = (uintptr_t)g;
            parked++;
        }
        g = gc_next(prev);
    }
    set->prev = (uintptr_t)prev;
    return parked;
}

/* From here on the objects of list can be taken out of it one by one. */
static uint64_t clear_unreachable_bits(struct gc_head *list)
{
    uint64_t n = 0;
    for (struct gc_head *g = gc_next(list); g != list; g = gc_next(g)) {
        g->next &= ~GC_NEXT_UNREACHABLE;
        n++;
    }
    return n;
}

void cycles_deduce(struct gc_head *set, struct gc_head *unreachable, bool whole, struct cycles_count *count)
{
    uint64_t before = count->examined;
    if (whole)
        subtract_whole(set, count);
    else
        subtract_part(set, count);
    park_unreachable(set, unreachable);
    count->unreachable = clear_unreachable_bits(unreachable);
    hg_seed(cycles_examined, count->examined++);
    /* What was examined is either reachable or not. */
    hg_assert_whole(gc_list_size(set) + count->unreachable == count->examined - before);
}

uint64_t cycles_untrack(struct gc_head *list, enum type_id kind)
{
    uint64_t n = 0;
    for (struct gc_head *g = gc_next(list), *next; g != list; g = next) {
        next = gc_next(g);
        const struct type *type = gc_object_of(g)->type;
        if (type->id == kind) {
            type->maybe_untrack(gc_object_of(g));
            n += g->next == 0;
        }
    }
    return n;
}

/* Clears every weak reference to garbage, and garbage that is a weak reference (from 3.15 on only those to
 * garbage that have a callback: clear_weakrefs_late does the others); then calls the callbacks of those
 * that are not garbage themselves. *code_ran: a callback ran. Returns the number of weak references that
 * died of it. */
static uint64_t clear_weakrefs(struct gc_head *unreachable, struct gc_head *old, uintptr_t place,
                               bool *code_ran, bool *finalisers)
{
    struct gc_head waiting;
    bool late = runtime_global.python.weakrefs_cleared_late;
    gc_list_init(&waiting);
    for (struct gc_head *g = gc_next(unreachable); g != unreachable; g = gc_next(g)) {
        struct object *o = gc_object_of(g);
        if (o->type->id == TYPE_WEAKREF && !late)
            weakref_clear((struct weakref *)o);
        if (o->type->finalize && !(g->prev & GC_PREV_FINALIZED))
            *finalisers = true;
        struct weakref **weaklist = object_weaklist(o);
        if (!weaklist)
            continue;
        for (struct weakref *w = *weaklist, *next; w; w = next) {
            next = w->next;
            if (late && !w->callback)
                continue;
            weakref_clear(w);
            if (!w->callback || gc_head_of(&w->head)->prev & GC_PREV_COLLECTING)
                continue;
            rc_inc(&w->head);
            gc_list_move(gc_head_of(&w->head), &waiting);
        }
    }
    uint64_t died = 0;
    while (!gc_list_empty(&waiting)) {
        struct gc_head *g = gc_next(&waiting);
        struct weakref *w = (struct weakref *)gc_object_of(g);
        *code_ran = true;
        w->callback(w, w->arg);
        rc_dec(&w->head);
        if (gc_next(&waiting) == g) {
            g->next = (g->next & ~GC_NEXT_PLACE) | place;
            gc_list_move(g, old);
        } else {
            died++;
        }
    }
    return died;
}

/* What code that ran before may still reach through weak references is garbage no longer; the rest may not
 * come back from now on. */
static void clear_weakrefs_late(struct gc_head *garbage)
{
    for (struct gc_head *g = gc_next(garbage); g != garbage; g = gc_next(g)) {
        struct object *o = gc_object_of(g);
        if (o->type->id == TYPE_WEAKREF)
            weakref_clear((struct weakref *)o);
        struct weakref **weaklist = object_weaklist(o);
        while (weaklist && *weaklist)
            weakref_clear(*weaklist);
    }
}

static void finalize_garbage(struct gc_head *unreachable)
{
    struct gc_head seen;
    gc_list_init(&seen);
    while (!gc_list_empty(unreachable)) {
        struct gc_head *g = gc_next(unreachable);
        struct object *o = gc_object_of(g);
        gc_list_move(g, &seen);
        if (o->type->finalize && !(g->prev & GC_PREV_FINALIZED)) {
            rc_inc(o);
            object_finalize(o);
            rc_dec(o);
        }
    }
    gc_list_merge(&seen, unreachable);
}

/* Leaves in unreachable what code that ran has not brought back; the rest goes to old. */
static void keep_resurrected(struct gc_head *unreachable, struct gc_head *old, struct cycles_count *count)
{
    struct gc_head again;
    gc_list_init(&again);
    for (struct gc_head *g = gc_next(unreachable); g != unreachable; g = gc_next(g))
        g->prev &= ~GC_PREV_COLLECTING;
    gc_list_merge(unreachable, &again);
    cycles_deduce(&again, unreachable, false, count);
    gc_list_merge(&again, old);
}

static void clear_garbage(struct gc_head *garbage, struct gc_head *old)
{
    while (!gc_list_empty(garbage)) {
        struct gc_head *g = gc_next(garbage);
        struct object *o = gc_object_of(g);
        if (o->type->clear) {
            rc_inc(o);
            o->type->clear(o);
            rc_dec(o);
        }
        if (gc_next(garbage) == g) {
            g->prev &= ~GC_PREV_COLLECTING;
            gc_list_move(g, old);
        }
    }
}

static int visit_legacy(struct object *o, void *arg)
{
    struct gc_head *legacy = arg;
    if (object_is_gc(o) && gc_head_of(o)->prev & GC_PREV_COLLECTING) {
        gc_head_of(o)->prev &= ~GC_PREV_COLLECTING;
        gc_list_move(gc_head_of(o), legacy);
    }
    return 0;
}

/* Moves objects with a legacy finaliser, and what they lead to, from unreachable to legacy. */
static void move_legacy(struct gc_head *unreachable, struct gc_head *legacy)
{
    for (struct gc_head *g = gc_next(unreachable), *next; g != unreachable; g = next) {
        next = gc_next(g);
        if (gc_object_of(g)->type->del)
            visit_legacy(gc_object_of(g), legacy);
    }
    for (struct gc_head *g = gc_next(legacy); g != legacy; g = gc_next(g))
        gc_traverse(gc_object_of(g), visit_legacy, legacy);
}

/* What of it is still there goes to old, those with such a finaliser to gc.garbage. */
static uint64_t keep_legacy(struct runtime *r, struct gc_head *legacy, struct gc_head *old)
{
    uint64_t n = 0;
    for (struct gc_head *g = gc_next(legacy); g != legacy; g = gc_next(g)) {
        n++;
        if (gc_object_of(g)->type->del)
            gc_garbage_add(r, gc_object_of(g));
    }
    gc_list_merge(legacy, old);
    return n;
}

uint64_t cycles_reclaim(struct runtime *r, struct gc_head *unreachable, struct gc_head *old, uintptr_t place,
                        struct cycles_count *count)
{
    if (gc_list_empty(unreachable))
        return 0;
    struct gc_head legacy;
    gc_list_init(&legacy);
    if (unlikely(r->types.legacy)) {
        move_legacy(unreachable, &legacy);
        count->unreachable -= gc_list_size(&legacy);
    }
    bool code_ran = false, finalisers = false;
    uint64_t collected = clear_weakrefs(unreachable, old, place, &code_ran, &finalisers);
    if (finalisers)
        finalize_garbage(unreachable);
    if (finalisers || code_ran) {
        struct cycles_count again = {0};
        keep_resurrected(unreachable, old, &again);
        count->references += again.references;
        count->unreachable = again.unreachable;
    }
    collected += count->unreachable;
    if (r->python.weakrefs_cleared_late)
        clear_weakrefs_late(unreachable);
    clear_garbage(unreachable, old);
    count->uncollectable += keep_legacy(r, &legacy, old);
    return collected;
}

/* --- what every collection reports ---------------------------------------------------------------------- */

void gc_run_begin(struct runtime *r, struct gc_run *run, int generation)
{
    struct thread *t = thread_self;
    hg_assert(!gc_is_collecting(r) && !t->collects);
    hg_assert_whole(gc_heap_is_valid(r));
    hg_assert_whole(trash_is_valid(t) && intern_is_valid() && threads_are_valid(r));
    atomic_store_explicit(&r->gc.collecting, true, memory_order_relaxed);
    t->collects = true;
    *run = (struct gc_run){generation, os_now_ns(), objects_dead(t), t->freed_bytes};
    gc_call_back(r, GC_PHASE_START, generation, 0, 0);
}

uint64_t gc_run_end(struct runtime *r, const struct gc_run *run, struct gc_log *log, enum pause_cause cause,
                    const struct cycles_count *count, uint64_t collected)
{
    struct thread *t = thread_self;
    uint64_t freed = objects_dead(t) - run->freed;
    log->stats[run->generation].collections += !count->uncounted;
    log->stats[run->generation].collected += collected;
    log->stats[run->generation].uncollectable += count->uncollectable;
    log->examined += count->examined;
    log->references += count->references;
    log->freed += freed;
    runtime_pause(r, cause, run->start_ns, os_now_ns(), count->examined, freed,
                  t->freed_bytes - run->freed_bytes);
    gc_call_back(r, GC_PHASE_STOP, run->generation, collected, count->uncollectable);
    t->collects = false;
    atomic_store_explicit(&r->gc.collecting, false, memory_order_relaxed);
    hg_seed(gc_tracked, r->gc.tracked++);
    hg_seed(figures_freed, t->freed_containers += t->made_containers);
    hg_assert_whole(gc_heap_is_valid(r));
    return collected + count->uncollectable;
}

void gc_log_report(const struct gc_log *log, const struct alloc_sink *sink)
{
    gc_report_generations(sink, log->stats, 3);
    sink->integer(sink->arg, "gc.examined", log->examined);
    sink->integer(sink->arg, "gc.references", log->references);
    sink->integer(sink->arg, "gc.freed_by_gc", log->freed);
}

#endif
