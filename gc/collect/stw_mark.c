/* stw_mark.c: see stw_mark.h. */
#include "stw_mark.h"

#include "alloc/base/os.h"

#if !RC_GIL_HELD

enum {
    AHEAD = 8,             /* objects between a fetch and its use */
    RING = 256,            /* of the marking: objects whose header is on its way */
    RING_FILL = 16,        /* refilled to so many */
    PREFETCH_MIN = 200000, /* fewer live objects are in the cache anyway */
};

/* --- arrays --------------------------------------------------------------------------------------------- */

static struct os_account stw_account;

bool stw_grow(struct stw_mark *k, struct stw_array *a)
{
    size_t room = a->room ? a->room * 2 : 1 << 13;
    void **wider = a->at ? os_remap(&stw_account, a->at, a->room * sizeof *wider, room * sizeof *wider)
                         : os_map(&stw_account, room * sizeof *wider, 0, 0);
    if (!wider) {
        k->no_memory = true;
        return false;
    }
    a->at = wider;
    a->room = room;
    return true;
}

void stw_array_close(struct stw_array *a)
{
    if (a->at)
        os_unmap(&stw_account, a->at, a->room * sizeof *a->at);
    *a = (struct stw_array){0};
}

void stw_mark_close(struct stw_mark *k)
{
    stw_array_close(&k->object);
    stw_array_close(&k->work);
    stw_array_close(&k->span);
    stw_array_close(&k->garbage);
}

/* --- an object's scratch ------------------------------------------------------------------------- */

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

bool stw_mark_is_clear(struct object *o)
{
    if (stw_bits(o) & (GC_UNREACHABLE | GC_ALIVE))
        return false;
#if HG_RC == HG_RC_BIASED
    /* Who owns it, if anyone does, is the thread that made it. */
    int64_t tid = refs_of(o);
    return tid == 0 || tid == (int64_t)o->home + 1;
#else
    return true; /* the GC head is set when a collection needs it, and before that to nothing */
#endif
}

/* --- all objects ---------------------------------------------------------------------------------------- */

static int push_tracked(struct object *o, void *arg)
{
    struct stw_mark *k = arg;
    if (stw_bits(o) & GC_TRACKED)
        stw_push(k, &k->object, o);
    return 0;
}

/* In the order of addresses. */
static void list_objects(struct stw_mark *k, struct runtime *r, int64_t made)
{
    if (r->memory.registry)
        return;
    /* Room for those that there were and those that came, at once: faults one by one cost more than the
     * walk. */
    size_t room = (size_t)k->alive + (size_t)made + 4096;
    k->object.at = os_map(&stw_account, room * sizeof *k->object.at, 0, OS_POPULATE);
    k->object.room = k->object.at ? room : 0;
    if (find_each(r, push_tracked, k) != 0)
        k->no_memory = true;
}

typedef void stw_pass(struct stw_mark *k, struct object *o);

/* In registry order, which is that of allocation as long as nothing was freed. */
static always_inline void each_registered(struct stw_mark *k, struct runtime *r, stw_pass *pass)
{
    for (unsigned i = 0, places = thread_places(r); i < places; i++) {
        struct thread *t = thread_at(r, i);
        for (uint32_t c = 0; t && c < t->chunks; c++) {
            const struct registry_chunk *chunk = t->chunk[c];
            for (uint32_t n = 0; n < REGISTRY_CHUNK; n++) {
                uintptr_t v = atomic_load_explicit(&chunk->slot[n], memory_order_relaxed);
                if (n + AHEAD < REGISTRY_CHUNK)
                    __builtin_prefetch(
                        (void *)atomic_load_explicit(&chunk->slot[n + AHEAD], memory_order_relaxed));
                if (!(v & 1) && stw_bits((struct object *)v) & GC_TRACKED)
                    pass(k, (struct object *)v);
            }
        }
    }
}

static always_inline void each_listed(struct stw_mark *k, stw_pass *pass)
{
    for (size_t i = 0; i < k->object.count; i++) {
        struct object *o = k->object.at[i];
        if (i + AHEAD < k->object.count)
            __builtin_prefetch(k->object.at[i + AHEAD]);
        if (stw_bits(o) & GC_TRACKED)
            pass(k, o);
    }
}

/* Every tracked object. */
static always_inline void each_tracked(struct stw_mark *k, struct runtime *r, stw_pass *pass)
{
    if (r->memory.registry)
        each_registered(k, r, pass);
    else
        each_listed(k, pass);
}

/* Calls visit for each reference that o holds; inlined for the kinds that heaps are made of. */
static always_inline void traverse(struct stw_mark *k, struct object *o, object_visit *visit)
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
        o->type->traverse(o, visit, k);
    }
    for (int64_t i = 0; i < count; i++)
        if (at[i])
            visit(at[i], k);
}

/* --- mark alive ----------------------------------------------------------------------------------------- */

static int push_work(struct object *o, void *arg)
{
    struct stw_mark *k = arg;
    stw_push(k, &k->work, o);
    return 0;
}

/* The references that o holds are left for later: as a span of memory, or one by one. */
static void push_contents(struct stw_mark *k, struct object *o)
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
        o->type->traverse(o, push_work, k);
    }
    if (count) {
        stw_push(k, &k->span, at);
        stw_push(k, &k->span, at + count);
    }
}

/* The next reference to look at, from the work list or the newest span; NULL: none. */
static struct object *next_work(struct stw_mark *k)
{
    if (k->work.count)
        return k->work.at[--k->work.count];
    while (k->span.count) {
        struct object ***from = (struct object ***)&k->span.at[k->span.count - 2];
        struct object **end = k->span.at[k->span.count - 1];
        while (*from < end) {
            struct object *o = *(*from)++;
            if (o)
                return o;
        }
        k->span.count -= 2;
    }
    return NULL;
}

static void mark_one(struct stw_mark *k, struct object *o)
{
    if (!object_is_gc(o))
        return;
    uint8_t bits = stw_bits(o);
    if (!(bits & GC_TRACKED) || bits & (GC_ALIVE | GC_FROZEN))
        return; /* what is not tracked leads to nothing that is */
    stw_set_bits(o, bits | GC_ALIVE);
    k->marked++;
    push_contents(k, o);
}

/* Headers are fetched when a reference enters the ring and looked at when it leaves. */
static void mark_from(struct stw_mark *k, struct object **at, size_t count, bool prefetch)
{
    struct object *ring[RING];
    unsigned head = 0, held = 0;
    uint64_t references = 0;
    stw_push(k, &k->span, at);
    stw_push(k, &k->span, at + count);
    while (!k->no_memory) {
        struct object *o;
        while (held < (prefetch ? RING_FILL : 1) && (o = next_work(k))) {
            __builtin_prefetch(o);
            ring[(head + held++) % RING] = o;
        }
        if (!held)
            break;
        o = ring[head++ % RING];
        held--;
        references++;
        mark_one(k, o);
    }
    k->references += references;
}

static void mark_alive(struct stw_mark *k, struct runtime *r)
{
    bool prefetch = k->alive > PREFETCH_MIN;
    pthread_mutex_lock(&r->roots.mutex);
    for (size_t i = 0; i < r->roots.count && !k->no_memory; i++)
        mark_from(k, r->roots.at[i].at, r->roots.at[i].count, prefetch);
    pthread_mutex_unlock(&r->roots.mutex);
}

/* --- counting ------------------------------------------------------------------------------------------- */

static inline void begin(struct object *o, uint8_t bits)
{
    stw_set_bits(o, bits | GC_UNREACHABLE);
    refs_set(o, rc_count(o));
}

static int visit_subtract(struct object *o, void *arg)
{
    struct stw_mark *k = arg;
    k->references++;
    if (!object_is_gc(o))
        return 0;
    uint8_t bits = stw_bits(o);
    if (!(bits & GC_TRACKED) || bits & (GC_FROZEN | GC_ALIVE))
        return 0;
    if (!(bits & GC_UNREACHABLE))
        begin(o, bits);
    refs_set(o, refs_of(o) - 1);
    return 0;
}

static void pass_subtract(struct stw_mark *k, struct object *o)
{
    if (o->type->maybe_untrack) {
        o->type->maybe_untrack(o);
        uint8_t bits = stw_bits(o);
        if (!(bits & GC_TRACKED)) {
            /* Nothing more of this collection comes by. */
            stw_set_bits(o, (uint8_t)(bits & ~(GC_UNREACHABLE | GC_ALIVE)));
            if (bits & GC_UNREACHABLE)
                refs_restore(o);
            return;
        }
    }
    k->examined++;
    uint8_t bits = stw_bits(o);
    if (bits & (GC_ALIVE | GC_FROZEN))
        return;
    if (!(bits & GC_UNREACHABLE))
        begin(o, bits);
    traverse(k, o, visit_subtract);
}

static int visit_reachable(struct object *o, void *arg)
{
    struct stw_mark *k = arg;
    if (!object_is_gc(o))
        return 0;
    uint8_t bits = stw_bits(o);
    if (bits & GC_TRACKED && bits & GC_UNREACHABLE) {
        stw_set_bits(o, bits & (uint8_t)~GC_UNREACHABLE);
        stw_push(k, &k->work, o);
    }
    return 0;
}

static void reach_from(struct stw_mark *k, struct object *o)
{
    visit_reachable(o, k);
    while (k->work.count)
        traverse(k, k->work.at[--k->work.count], visit_reachable);
}

static void pass_reachable(struct stw_mark *k, struct object *o)
{
    if (stw_bits(o) & GC_UNREACHABLE && refs_of(o) > 0)
        reach_from(k, o);
}

static void pass_scan(struct stw_mark *k, struct object *o)
{
    uint8_t bits = stw_bits(o);
    if (bits & GC_FROZEN) {
        k->frozen++;
        return;
    }
    if (!(bits & GC_ALIVE))
        refs_restore(o);
    if (bits & GC_UNREACHABLE) {
        stw_push(k, &k->garbage, o);
    } else {
        stw_set_bits(o, bits & (uint8_t)~GC_ALIVE);
        k->alive++;
    }
}

/* No memory for the lists: all is alive. */
static void pass_forget(struct stw_mark *k, struct object *o)
{
    (void)k;
    uint8_t bits = stw_bits(o);
    if (bits & GC_UNREACHABLE)
        refs_restore(o);
    stw_set_bits(o, (uint8_t)(bits & ~(GC_UNREACHABLE | GC_ALIVE)));
}

/* Objects with a legacy finaliser and what they lead to leave the garbage. */
static void keep_legacy(struct stw_mark *k, struct runtime *r)
{
    size_t count = k->garbage.count, kept = 0;
    for (size_t i = 0; i < count; i++)
        if (((struct object *)k->garbage.at[i])->type->del)
            reach_from(k, k->garbage.at[i]);
    for (size_t i = 0; i < count; i++) {
        struct object *o = k->garbage.at[i];
        if (stw_bits(o) & GC_UNREACHABLE)
            k->garbage.at[kept++] = o;
        else if (o->type->del)
            gc_garbage_add(r, o);
    }
    k->garbage.count = kept;
    k->uncollectable = count - kept;
    k->alive += (int64_t)k->uncollectable;
}

void stw_find_garbage(struct stw_mark *k, struct runtime *r, bool alive, int64_t made)
{
    k->no_memory = false;
    k->uncollectable = 0;
    list_objects(k, r, made);
    if (k->no_memory) /* what is not listed would not be cleared of its bits either */
        return;
    if (alive)
        mark_alive(k, r);
    uint64_t before = k->examined;
    each_tracked(k, r, pass_subtract);
    each_tracked(k, r, pass_reachable);
    k->alive = 0;
    k->frozen = 0;
    each_tracked(k, r, pass_scan);
    hg_seed(stw_examined, k->examined++);
    /* What was examined is alive, garbage, or frozen. */
    hg_assert_whole(k->no_memory ||
                    (uint64_t)k->alive + k->garbage.count + k->frozen == k->examined - before);
    if (k->no_memory) {
        each_tracked(k, r, pass_forget);
        k->garbage.count = 0;
    }
    if (unlikely(r->types.legacy))
        keep_legacy(k, r);
    for (size_t i = 0; i < k->garbage.count; i++) {
        struct object *o = k->garbage.at[i];
#if HG_RC == HG_RC_BIASED
        rc_clear_deferred(o);
#endif
        rc_inc(o);
    }
}

/* --- what came back ------------------------------------------------------------------------------------- */

static int visit_subtract_garbage(struct object *o, void *arg)
{
    (void)arg;
    if (object_is_gc(o) && stw_bits(o) & GC_UNREACHABLE)
        refs_set(o, refs_of(o) - 1);
    return 0;
}

void stw_find_resurrected(struct stw_mark *k)
{
    for (size_t i = 0; i < k->garbage.count; i++)
        refs_set(k->garbage.at[i], rc_count(k->garbage.at[i]) - 1);
    for (size_t i = 0; i < k->garbage.count; i++)
        traverse(k, k->garbage.at[i], visit_subtract_garbage);
    for (size_t i = 0; i < k->garbage.count; i++)
        pass_reachable(k, k->garbage.at[i]);
    for (size_t i = 0; i < k->garbage.count; i++)
        refs_restore(k->garbage.at[i]);
}

size_t stw_sort_garbage(struct stw_mark *k)
{
    size_t dead = 0;
    for (size_t i = 0; i < k->garbage.count; i++) {
        struct object *o = k->garbage.at[i];
        uint8_t bits = stw_bits(o);
        if (!(bits & GC_UNREACHABLE) || k->no_memory)
            continue;
        k->garbage.at[i] = k->garbage.at[dead];
        k->garbage.at[dead++] = o;
    }
    for (size_t i = 0; i < k->garbage.count; i++)
        stw_set_bits(k->garbage.at[i], stw_bits(k->garbage.at[i]) & (uint8_t)~GC_UNREACHABLE);
    return dead;
}

#endif
