/* stw.c: the collector of free-threaded CPython (Python/gc_free_threading.c of 3.13 and 3.14): no generations, the
 * world stopped twice.
 *
 *   stop 1   mark alive    what the roots reach, transitively (GC_ALIVE): the rest need not be counted for it
 *            A subtract    every other tracked object: its count minus the references from tracked objects
 *            C reachable   from those with references left, transitively: GC_UNREACHABLE is taken off again
 *            D scan        what still has it is garbage: one reference is taken; the others are counted
 *            weak references to garbage are cleared, their callbacks kept
 *   running  callbacks, finalisers
 *   stop 2   garbage that is referenced from outside again goes free; free lists are emptied
 *   running  the rest is cleared and dropped
 *
 * Starts at a safepoint when more than threshold 0 objects have been made on balance and, unless threshold 1 is 0, more
 * than a quarter of what the last collection left alive. gate=rss (3.14.0): only if the process has grown by a
 * tenth, and by 128 KiB, since the last collection, or 40 thresholds of objects have been put off.
 *
 * Objects are found in the threads' registries (registry.h). Scratch in an object is that of its policy: the GC head
 * where there is one; under biased the owner's id, which follows from home and shared and is put back, as CPython
 * does. GC_UNREACHABLE also says "its scratch holds its references". All bits are stored plainly: everyone who
 * could change them stands still. Under biased an object in its owner's queue counts as referenced until the
 * owner has come by; CPython merges those counts first.
 *
 * Garbage and work lists are arrays, mapped, not from the measured allocator; one that cannot grow ends the
 * collection with everything left alive. */
#include "state.h"
#include "heap.h"

#include "../alloc/os.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#if !RC_GIL_HELD

enum {
    AHEAD = 8,             /* objects between a fetch and its use */
    RING = 256,            /* of the marking: objects whose header is on its way */
    RING_FILL = 16,        /* refilled to so many */
    PREFETCH_MIN = 200000, /* fewer live objects are in the cache anyway */
    RSS_GROWTH_MIN = 128 << 10,
    PUT_OFF_MAX = 40, /* thresholds */
};

struct array {
    void **at;
    size_t count, room;
};

static struct stw {
    int64_t threshold[3], old_count[2];
    int64_t long_lived, put_off;
    uint64_t last_rss;
    bool enabled, gate_rss, no_alive;
    _Atomic bool frozen;
    struct gc_stats stats[3];
    uint64_t examined, references, freed, marked;
    /* of the collection that runs */
    struct array work, span, garbage, callbacks;
    bool no_memory;
} self;

static struct os_account stw_account;

static void array_push(struct array *a, void *p)
{
    if (unlikely(a->count == a->room)) {
        size_t room = a->room ? a->room * 2 : 1 << 13;
        void **wider = a->at ? os_remap(&stw_account, a->at, a->room * sizeof *wider, room * sizeof *wider)
                             : os_map(&stw_account, room * sizeof *wider, 0, 0);
        if (!wider) {
            self.no_memory = true;
            return;
        }
        a->at = wider;
        a->room = room;
    }
    a->at[a->count++] = p;
}

static void array_close(struct array *a)
{
    if (a->at)
        os_unmap(&stw_account, a->at, a->room * sizeof *a->at);
    *a = (struct array){0};
}

/* --- an object's scratch and bits ------------------------------------------------------------------------- */

#if HG_RC == HG_RC_BIASED
static inline int64_t refs_of(struct object *o)
{
    return (int32_t)atomic_load_explicit(&o->tid, memory_order_relaxed);
}

static inline void refs_set(struct object *o, int64_t n)
{
    atomic_store_explicit(&o->tid, (uint32_t)n, memory_order_relaxed);
}

static inline void refs_restore(struct object *o)
{
    int64_t state = atomic_load_explicit(&o->shared, memory_order_relaxed) & SHARED_STATE;
    bool owned = state != SHARED_MERGED && !rc_is_immortal(o);
    atomic_store_explicit(&o->tid, owned ? (uint32_t)o->home + 1 : 0, memory_order_relaxed);
}
#else
static inline int64_t refs_of(struct object *o)
{
    return gc_head_of(o)->refs;
}

static inline void refs_set(struct object *o, int64_t n)
{
    gc_head_of(o)->refs = n;
}

static inline void refs_restore(struct object *o)
{
    gc_head_of(o)->refs = 0;
}
#endif

static inline uint8_t bits_of(const struct object *o)
{
    return atomic_load_explicit(&((struct object *)o)->gc_bits, memory_order_relaxed);
}

static inline void bits_set(struct object *o, uint8_t bits)
{
    atomic_store_explicit(&o->gc_bits, bits, memory_order_relaxed);
}

/* Visits every tracked object. In registry order, which is that of allocation as long as nothing was freed. */
static inline __attribute__((always_inline)) void each_tracked(struct runtime *r,
                                                               void visit(struct object *o))
{
    for (unsigned i = 0; i < r->threads; i++) {
        struct thread *t = r->thread[i];
        for (uint32_t c = 0; t && c < t->chunks; c++) {
            const struct registry_chunk *chunk = t->chunk[c];
            for (uint32_t k = 0; k < REGISTRY_CHUNK; k++) {
                uintptr_t v = atomic_load_explicit(&chunk->slot[k], memory_order_relaxed);
                if (k + AHEAD < REGISTRY_CHUNK)
                    __builtin_prefetch(
                        (void *)atomic_load_explicit(&chunk->slot[k + AHEAD], memory_order_relaxed));
                if (!(v & 1) && bits_of((struct object *)v) & GC_TRACKED)
                    visit((struct object *)v);
            }
        }
    }
}

/* Calls visit for each reference that o holds; inlined for the kinds that heaps are made of. */
static inline __attribute__((always_inline)) void traverse(struct object *o, object_visit *visit)
{
    struct object **at = NULL;
    int64_t count = 0;
    switch (o->type->id) {
    case TYPE_TUPLE:
        at = ((struct tuple_object *)o)->item;
        count = ((struct tuple_object *)o)->size;
        break;
    case TYPE_LIST:
        at = ((struct list_object *)o)->item;
        count = ((struct list_object *)o)->size;
        break;
    case TYPE_INSTANCE:
        at = ((struct instance_object *)o)->slot;
        count = o->type->slots;
        break;
    default:
        o->type->traverse(o, visit, NULL);
    }
    for (int64_t i = 0; i < count; i++)
        if (at[i])
            visit(at[i], NULL);
}

/* --- mark alive ------------------------------------------------------------------------------------------- */

static int push_work(struct object *o, void *arg)
{
    (void)arg;
    array_push(&self.work, o);
    return 0;
}

/* The references that o holds are left for later: as a span of memory, or one by one. */
static void push_contents(struct object *o)
{
    struct object **at = NULL;
    size_t count = 0;
    switch (o->type->id) {
    case TYPE_TUPLE:
        at = ((struct tuple_object *)o)->item;
        count = (size_t)((struct tuple_object *)o)->size;
        break;
    case TYPE_LIST:
        at = ((struct list_object *)o)->item;
        count = (size_t)((struct list_object *)o)->size;
        break;
    case TYPE_INSTANCE:
        at = ((struct instance_object *)o)->slot;
        count = o->type->slots;
        break;
    default:
        o->type->traverse(o, push_work, NULL);
    }
    if (count) {
        array_push(&self.span, at);
        array_push(&self.span, at + count);
    }
}

/* The next reference to look at, from the work list or the newest span; NULL: none. */
static struct object *next_work(void)
{
    if (self.work.count)
        return self.work.at[--self.work.count];
    while (self.span.count) {
        struct object ***from = (struct object ***)&self.span.at[self.span.count - 2];
        struct object **end = self.span.at[self.span.count - 1];
        while (*from < end) {
            struct object *o = *(*from)++;
            if (o)
                return o;
        }
        self.span.count -= 2;
    }
    return NULL;
}

static void mark_one(struct object *o)
{
    if (!object_is_gc(o))
        return;
    uint8_t bits = bits_of(o);
    if (!(bits & GC_TRACKED) || bits & (GC_ALIVE | GC_FROZEN))
        return; /* what is not tracked leads to nothing that is */
    bits_set(o, bits | GC_ALIVE);
    self.marked++;
    push_contents(o);
}

/* Headers are fetched when a reference enters the ring and looked at when it leaves. */
static void mark_from(struct object **at, size_t count, bool prefetch)
{
    struct object *ring[RING];
    unsigned head = 0, held = 0;
    uint64_t references = 0;
    array_push(&self.span, at);
    array_push(&self.span, at + count);
    while (!self.no_memory) {
        struct object *o;
        while (held < (prefetch ? RING_FILL : 1) && (o = next_work())) {
            __builtin_prefetch(o);
            ring[(head + held++) % RING] = o;
        }
        if (!held)
            break;
        o = ring[head++ % RING];
        held--;
        references++;
        mark_one(o);
    }
    self.references += references;
}

static void mark_alive(struct runtime *r)
{
    bool prefetch = self.long_lived > PREFETCH_MIN;
    pthread_mutex_lock(&r->threads_mutex);
    for (size_t i = 0; i < r->roots && !self.no_memory; i++)
        mark_from(r->root[i].at, r->root[i].count, prefetch);
    pthread_mutex_unlock(&r->threads_mutex);
}

/* --- stop 1 ----------------------------------------------------------------------------------------------- */

static inline void begin(struct object *o, uint8_t bits)
{
    bits_set(o, bits | GC_UNREACHABLE);
    refs_set(o, rc_count(o));
}

static int visit_subtract(struct object *o, void *arg)
{
    (void)arg;
    self.references++;
    if (!object_is_gc(o))
        return 0;
    uint8_t bits = bits_of(o);
    if (!(bits & GC_TRACKED) || bits & (GC_FROZEN | GC_ALIVE))
        return 0;
    if (!(bits & GC_UNREACHABLE))
        begin(o, bits);
    refs_set(o, refs_of(o) - 1);
    return 0;
}

static void pass_subtract(struct object *o)
{
    if (o->type == &type_tuple || o->type == &type_dict) {
        if (o->type == &type_tuple)
            tuple_maybe_untrack(o);
        else
            dict_maybe_untrack(o);
        uint8_t bits = bits_of(o);
        if (!(bits & GC_TRACKED)) {
            if (bits & GC_UNREACHABLE) {
                bits_set(o, bits & (uint8_t)~GC_UNREACHABLE);
                refs_restore(o);
            }
            return;
        }
    }
    self.examined++;
    uint8_t bits = bits_of(o);
    if (bits & (GC_ALIVE | GC_FROZEN))
        return;
    if (!(bits & GC_UNREACHABLE))
        begin(o, bits);
    traverse(o, visit_subtract);
}

static int visit_reachable(struct object *o, void *arg)
{
    (void)arg;
    if (!object_is_gc(o))
        return 0;
    uint8_t bits = bits_of(o);
    if (bits & GC_TRACKED && bits & GC_UNREACHABLE) {
        bits_set(o, bits & (uint8_t)~GC_UNREACHABLE);
        array_push(&self.work, o);
    }
    return 0;
}

static void reach_from(struct object *o)
{
    visit_reachable(o, NULL);
    while (self.work.count)
        traverse(self.work.at[--self.work.count], visit_reachable);
}

static void pass_reachable(struct object *o)
{
    if (bits_of(o) & GC_UNREACHABLE && refs_of(o) > 0)
        reach_from(o);
}

static void pass_scan(struct object *o)
{
    uint8_t bits = bits_of(o);
    if (bits & GC_FROZEN)
        return;
    if (!(bits & GC_ALIVE))
        refs_restore(o);
    if (bits & GC_UNREACHABLE) {
        array_push(&self.garbage, o);
    } else {
        bits_set(o, bits & (uint8_t)~GC_ALIVE);
        self.long_lived++;
    }
}

/* No memory for the lists: all is alive. */
static void pass_forget(struct object *o)
{
    uint8_t bits = bits_of(o);
    if (bits & GC_UNREACHABLE)
        refs_restore(o);
    bits_set(o, bits & (uint8_t) ~(GC_UNREACHABLE | GC_ALIVE));
}

static void find_garbage(struct runtime *r)
{
    if (!self.no_alive && !atomic_load_explicit(&self.frozen, memory_order_relaxed))
        mark_alive(r);
    each_tracked(r, pass_subtract);
    each_tracked(r, pass_reachable);
    self.long_lived = 0;
    each_tracked(r, pass_scan);
    if (self.no_memory) {
        each_tracked(r, pass_forget);
        self.garbage.count = 0;
    }
    for (size_t i = 0; i < self.garbage.count; i++) {
        struct object *o = self.garbage.at[i];
#if HG_RC == HG_RC_BIASED
        rc_clear_deferred(o);
#endif
        rc_inc(o);
    }
}

static void clear_weakrefs(void)
{
    for (size_t i = 0; i < self.garbage.count; i++) {
        struct object *o = self.garbage.at[i];
        if (o->type->id == TYPE_WEAKREF)
            weakref_clear((struct weakref *)o);
        struct weakref **list = object_weaklist(o);
        for (struct weakref *w = list ? *list : NULL; w; w = *list) {
            weakref_clear(w);
            if (!w->callback || bits_of(&w->head) & GC_UNREACHABLE)
                continue;
            size_t before = self.callbacks.count;
            array_push(&self.callbacks, w);
            if (self.callbacks.count >
                before) /* without memory a callback is lost, the weak reference is cleared */
                rc_inc(&w->head);
        }
    }
}

/* --- code runs -------------------------------------------------------------------------------------------- */

static bool run_code(void)
{
    bool ran = self.callbacks.count > 0;
    for (size_t i = 0; i < self.callbacks.count; i++) {
        struct weakref *w = self.callbacks.at[i];
        w->callback(w, w->arg);
        rc_dec(&w->head);
    }
    for (size_t i = 0; i < self.garbage.count; i++) {
        struct object *o = self.garbage.at[i];
        if (o->type->finalize && !object_is_finalized(o)) {
            object_finalize(o);
            ran = true;
        }
    }
    return ran;
}

/* --- stop 2 ----------------------------------------------------------------------------------------------- */

static int visit_subtract_garbage(struct object *o, void *arg)
{
    (void)arg;
    if (object_is_gc(o) && bits_of(o) & GC_UNREACHABLE)
        refs_set(o, refs_of(o) - 1);
    return 0;
}

/* Takes GC_UNREACHABLE off what is referenced from outside again, transitively. */
static void find_resurrected(void)
{
    for (size_t i = 0; i < self.garbage.count; i++)
        refs_set(self.garbage.at[i], rc_count(self.garbage.at[i]) - 1);
    for (size_t i = 0; i < self.garbage.count; i++)
        traverse(self.garbage.at[i], visit_subtract_garbage);
    for (size_t i = 0; i < self.garbage.count; i++)
        pass_reachable(self.garbage.at[i]);
    for (size_t i = 0; i < self.garbage.count; i++)
        refs_restore(self.garbage.at[i]);
}

/* Puts what is dead first; returns how many are. */
static size_t sort_garbage(void)
{
    size_t dead = 0;
    for (size_t i = 0; i < self.garbage.count; i++) {
        struct object *o = self.garbage.at[i];
        uint8_t bits = bits_of(o);
        if (!(bits & GC_UNREACHABLE) || self.no_memory)
            continue;
        self.garbage.at[i] = self.garbage.at[dead];
        self.garbage.at[dead++] = o;
    }
    for (size_t i = 0; i < self.garbage.count; i++)
        bits_set(self.garbage.at[i], bits_of(self.garbage.at[i]) & (uint8_t)~GC_UNREACHABLE);
    return dead;
}

static void drop_garbage(size_t dead)
{
    for (size_t i = 0; i < self.garbage.count; i++) {
        struct object *o = self.garbage.at[i];
        if (i < dead && o->type->clear)
            o->type->clear(o);
        rc_dec(o);
    }
}

static uint64_t resident_bytes(void)
{
    char buf[128];
    uint64_t pages = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    buf[n] = 0;
    const char *at = strchr(buf, ' ');
    while (at && *++at >= '0' && *at <= '9')
        pages = pages * 10 + (uint64_t)(*at - '0');
    return pages * os_page_bytes();
}

/* The caller has set collecting. */
static uint64_t collect_now(struct runtime *r, int generation)
{
    struct thread *t = thread_self;
    uint64_t freed = t->freed, examined = self.examined;
    gc_tell(r, GC_PHASE_START, generation, 0, 0);
    self.no_memory = false;
    thread_stop_world(r);
    uint64_t start_ns = os_now_ns();
    if (generation < 2)
        self.old_count[generation]++;
    atomic_store_explicit(&r->gc.young, 0, memory_order_relaxed);
    for (int i = 0; i < generation; i++)
        self.old_count[i] = 0;
    self.put_off = 0;
    find_garbage(r);
    clear_weakrefs();
    uint64_t end_ns = os_now_ns();
    thread_start_world(r);
    runtime_pause(r, PAUSE_FULL, start_ns, end_ns, self.examined - examined, 0, 0);

    bool ran = run_code();
    if (ran)
        runtime_pause(r, PAUSE_RECLAIM, end_ns, os_now_ns(), self.garbage.count, 0, 0);
    thread_stop_world(r);
    start_ns = os_now_ns();
    if (ran)
        find_resurrected();
    size_t dead = sort_garbage();
    freelist_clear_all(r);
    end_ns = os_now_ns();
    thread_start_world(r);
    runtime_pause(r, PAUSE_FULL, start_ns, end_ns, self.garbage.count, 0, 0);

    uint64_t before = objects_dead(t), before_bytes = t->freed_bytes;
    drop_garbage(dead);
    if (self.garbage.count)
        runtime_pause(r, PAUSE_RECLAIM, end_ns, os_now_ns(), self.garbage.count, objects_dead(t) - before,
                      t->freed_bytes - before_bytes);
    self.stats[generation].collections++;
    self.stats[generation].collected += dead;
    self.freed += t->freed - freed;
    if (self.gate_rss)
        self.last_rss = resident_bytes();
    array_close(&self.work);
    array_close(&self.span);
    array_close(&self.garbage);
    array_close(&self.callbacks);
    gc_tell(r, GC_PHASE_STOP, generation, dead, 0);
    return dead;
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

/* --- when ------------------------------------------------------------------------------------------------- */

static bool is_due(struct runtime *r)
{
    int64_t young = atomic_load_explicit(&r->gc.young, memory_order_relaxed);
    return young > r->gc.limit && (young > self.long_lived / 4 || self.threshold[1] == 0);
}

/* gate=rss. In collecting. */
static bool has_grown(struct runtime *r)
{
    if (!self.gate_rss)
        return true;
    self.put_off += atomic_load_explicit(&r->gc.young, memory_order_relaxed);
    uint64_t rss = resident_bytes(), growth = self.last_rss / 10;
    if (rss == 0 || self.put_off > self.threshold[0] * PUT_OFF_MAX)
        return true;
    if (growth < RSS_GROWTH_MIN)
        growth = RSS_GROWTH_MIN;
    if (rss > self.last_rss + growth)
        return true;
    atomic_store_explicit(&r->gc.young, 0, memory_order_relaxed);
    return false;
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
    if (is_due(r) && has_grown(r))
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

/* --- the gc module ---------------------------------------------------------------------------------------- */

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
    return 0;
}

static void stw_close(struct runtime *r)
{
    r->gc.limit = INT64_MAX;
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

static void freeze_one(struct object *o)
{
    bits_set(o, bits_of(o) | GC_FROZEN);
}

static void unfreeze_one(struct object *o)
{
    bits_set(o, bits_of(o) & (uint8_t)~GC_FROZEN);
}

static void stw_freeze(struct runtime *r)
{
    thread_stop_world(r);
    each_tracked(r, freeze_one);
    atomic_store_explicit(&self.frozen, true, memory_order_relaxed);
    thread_start_world(r);
}

static void stw_unfreeze(struct runtime *r)
{
    thread_stop_world(r);
    each_tracked(r, unfreeze_one);
    atomic_store_explicit(&self.frozen, false, memory_order_relaxed);
    thread_start_world(r);
}

static void stw_report(struct runtime *r, const struct alloc_sink *sink)
{
    (void)r;
    gc_report_generations(sink, self.stats, 3);
    sink->integer(sink->arg, "gc.examined", self.examined);
    sink->integer(sink->arg, "gc.references", self.references);
    sink->integer(sink->arg, "gc.freed_by_gc", self.freed);
    sink->integer(sink->arg, "gc.marked", self.marked);
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
};

#endif
