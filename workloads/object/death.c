/* death.c: how objects end.
 *
 * deep-free    the head of a long chain is dropped, or one list that holds all: how long one decrement can
 *              take.
 * finalizers   pairs of nodes with finalisers, a part of them cyclic, a part of which bring themselves back
 *              once.
 * weak-cache   values found again through weak references while somebody still holds them; callbacks count
 *              the dead.
 * scope        a small structure a step, which dies at the end of its scope, or by a collection (it refers to
 *              itself).
 * leak         a cache that nobody empties: one record in `every` stays in it till the end of the run. */
#include "object.h"

/* --- deep-free ------------------------------------------------------------------------------------------ */

enum { DEEP_CHAIN, DEEP_WIDE };

static int deep_setup(struct workload_sample *s)
{
    struct type *type = type_new_instance_type("deep-free.node", 1, 0, 0, NULL);
    return type ? object_setup(s, 1, type) : object_no_memory(s);
}

static bool deep_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct deep_free_params *p = t->sample->params;
    struct type *type = t->sample->state;
    for (uint64_t i = 0; i < p->depth; i++) {
        struct object *o = i && p->kind == DEEP_WIDE ? instance_new(type) : NULL;
        if (p->kind == DEEP_CHAIN) {
            if (!(o = instance_new(type)))
                return false;
            if (own->table[0])
                instance_set(o, 0, own->table[0]);
            object_replace(t, &own->table[0], o);
        } else if (i == 0) {
            if (!object_replace(t, &own->table[0], list_new(0)))
                return false;
        } else {
            if (!o || list_append(own->table[0], o) != 0) {
                rc_xdec(o);
                return false;
            }
            rc_dec(o);
        }
        thread_safepoint();
    }
    own->sum += bits & 0xffff;
    struct object *head = own->table[0];
    own->table[0] = NULL;
    uint64_t start = os_now_ns();
    rc_xdec(head);
    t->sample->latency(t, OP_FREE, os_now_ns() - start);
    return true;
}

static void deep_run(struct workload_thread *t)
{
    object_run(t, ((const struct deep_free_params *)t->sample->params)->ops, deep_step);
}

const struct workload workload_deep_free = {.name = "deep-free",
                                            .setup = deep_setup,
                                            .run = deep_run,
                                            .drain = object_drain,
                                            .kept = object_kept_none};

/* --- finalizers ----------------------------------------------------------------------------------------- */

struct finalizers {
    struct type *type;
    struct object *_Atomic back; /* the last that brought itself back */
    _Atomic uint64_t ran, brought_back;
};

static struct finalizers *finalizers_of;

/* On whatever thread the object dies. The payload says whether it comes back. */
static void finalizers_finalize(struct object *o)
{
    struct finalizers *w = finalizers_of;
    atomic_fetch_add_explicit(&w->ran, 1, memory_order_relaxed);
    if (!*(uint64_t *)instance_payload(o))
        return;
    *(uint64_t *)instance_payload(o) = 0;
    atomic_fetch_add_explicit(&w->brought_back, 1, memory_order_relaxed);
    rc_inc(o);
    rc_mark_shared(o);
    rc_xdec(atomic_exchange_explicit(&w->back, o, memory_order_acq_rel));
}

static int finalizers_setup(struct workload_sample *s)
{
    struct finalizers *w = finalizers_of = workload_scratch(sizeof *w);
    if (!w || heap_root_add(s->runtime, "finalizers.back", (struct object **)(void *)&w->back, 1) != 0)
        return object_no_memory(s);
    w->type = type_new_instance_type("finalizers.node", 2, sizeof(uint64_t), 0, finalizers_finalize);
    return w->type ? object_setup(s, 2, w) : object_no_memory(s);
}

static bool finalizers_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct finalizers_params *p = t->sample->params;
    struct finalizers *w = t->sample->state;
    struct object *a = instance_new(w->type), *b = a ? instance_new(w->type) : NULL;
    if (!b) {
        rc_xdec(a);
        return false;
    }
    instance_set(a, 0, b);
    if ((double)(bits & 0xffff) < p->cyclic * 65536)
        instance_set(b, 0, a);
    *(uint64_t *)instance_payload(a) = (double)(bits >> 16 & 0xffff) < p->resurrect * 65536;
    own->sum += bits >> 32;
    rc_dec(b);
    rc_dec(a);
    return true;
}

static void finalizers_run(struct workload_thread *t)
{
    object_run(t, ((const struct finalizers_params *)t->sample->params)->ops, finalizers_step);
}

static void finalizers_drain(struct workload_thread *t)
{
    struct finalizers *w = t->sample->state;
    if (t->index == 0) {
        /* What is found dead now may bring itself back once more. */
        for (int i = 0; i < 3; i++) {
            runtime_collect(t->sample->runtime);
            rc_xdec(atomic_exchange_explicit(&w->back, NULL, memory_order_acq_rel));
        }
    }
    object_drain(t);
}

static void finalizers_finish(struct workload_sample *s)
{
    struct finalizers *w = s->state;
    s->note(s, "objects.finalised", atomic_load_explicit(&w->ran, memory_order_relaxed));
    s->note(s, "objects.brought_back", atomic_load_explicit(&w->brought_back, memory_order_relaxed));
}

const struct workload workload_finalizers = {.name = "finalizers",
                                             .setup = finalizers_setup,
                                             .run = finalizers_run,
                                             .drain = finalizers_drain,
                                             .kept = object_kept_cycles,
                                             .finish = finalizers_finish};

/* --- weak-cache ----------------------------------------------------------------------------------------- */

/* table[0, keys): weakrefs; table[keys, keys + held): the values that somebody holds, oldest replaced. */
struct weak_cache {
    struct type *type;
    _Atomic uint64_t callbacks;
};

static void weak_cache_died(struct weakref *w, void *arg)
{
    (void)w;
    atomic_fetch_add_explicit(&((struct weak_cache *)arg)->callbacks, 1, memory_order_relaxed);
}

static int weak_cache_setup(struct workload_sample *s)
{
    const struct weak_cache_params *p = s->params;
    struct weak_cache *w = workload_scratch(sizeof *w);
    if (!w || !(w->type = type_new_instance_type("weak-cache.value", 1, sizeof(uint64_t), TYPE_WEAK, NULL)))
        return object_no_memory(s);
    return object_setup(s, p->keys + p->held, w);
}

static bool weak_cache_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct weak_cache_params *p = t->sample->params;
    struct weak_cache *w = t->sample->state;
    /* The product of two uniform draws prefers small keys, as popular ones. */
    uint64_t key = rng_scale((uint32_t)(bits >> 32), rng_scale((uint32_t)bits, p->keys) + 1);
    struct object **weak = &own->table[key], *value = *weak ? weakref_get(*weak) : NULL;
    if (value) {
        own->sum += *(uint64_t *)instance_payload(value) + 1;
    } else {
        if (!(value = instance_new(w->type)))
            return false;
        *(uint64_t *)instance_payload(value) = key;
        if (!object_replace(t, weak, weakref_new(value, weak_cache_died, w))) {
            rc_dec(value);
            return false;
        }
    }
    return object_replace(t, &own->table[p->keys + bits % p->held], value);
}

static void weak_cache_run(struct workload_thread *t)
{
    object_run(t, ((const struct weak_cache_params *)t->sample->params)->ops, weak_cache_step);
}

static void weak_cache_finish(struct workload_sample *s)
{
    struct weak_cache *w = s->state;
    s->note(s, "objects.callbacks", atomic_load_explicit(&w->callbacks, memory_order_relaxed));
}

const struct workload workload_weak_cache = {.name = "weak-cache",
                                             .setup = weak_cache_setup,
                                             .run = weak_cache_run,
                                             .drain = object_drain,
                                             .kept = object_kept_none,
                                             .finish = weak_cache_finish};

/* --- scope ---------------------------------------------------------------------------------------------- */

enum { SCOPE_EXIT, SCOPE_COLLECT };

static int scope_setup(struct workload_sample *s)
{
    struct type *type = type_new_instance_type("scope.object", 2, 0, 0, NULL);
    return type ? object_setup(s, 1, type) : object_no_memory(s);
}

static bool scope_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct scope_params *p = t->sample->params;
    struct object *o = instance_new(t->sample->state), *l = list_new(0),
                  *n = int_new((int64_t)(bits & 0xffff));
    bool whole = o && l && n;
    for (unsigned i = 0; whole && i < 4; i++)
        whole = list_append(l, n) == 0;
    if (whole) {
        instance_set(o, 0, l);
        if (p->by == SCOPE_COLLECT)
            instance_set(o, 1, o);
        own->sum += (uint64_t)int_value(n);
    }
    rc_xdec(n);
    rc_xdec(l);
    rc_xdec(o);
    return whole;
}

static void scope_run(struct workload_thread *t)
{
    object_run(t, ((const struct scope_params *)t->sample->params)->ops, scope_step);
}

const struct workload workload_scope = {.name = "scope",
                                        .setup = scope_setup,
                                        .run = scope_run,
                                        .drain = object_drain,
                                        .kept = object_kept_cycles};

/* --- leak ----------------------------------------------------------------------------------------------- */

static int leak_setup(struct workload_sample *s)
{
    struct type *type = type_new_instance_type("leak.record", 2, 0, 0, NULL);
    return type ? object_setup(s, 1, type) : object_no_memory(s);
}

static void leak_prepare(struct workload_thread *t)
{
    struct object_thread *own = t->state;
    object_replace(t, &own->table[0], list_new(0)); /* the cache */
}

static bool leak_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct leak_params *p = t->sample->params;
    struct object *o = instance_new(t->sample->state), *n = int_new((int64_t)(bits & 0xffffff) + 1000),
                  *text = str_new("a record of something that was asked for once", bits >> 32 & 31);
    bool whole = o && n && text;
    if (whole) {
        instance_set(o, 0, n);
        instance_set(o, 1, text);
        own->sum += (uint64_t)int_value(n);
        if (bits >> 40 == 0 || (bits >> 40) % p->every == 0)
            whole = list_append(own->table[0], o) == 0;
    }
    rc_xdec(text);
    rc_xdec(n);
    rc_xdec(o);
    return whole;
}

static void leak_run(struct workload_thread *t)
{
    struct object_thread *own = t->state;
    object_run(t, ((const struct leak_params *)t->sample->params)->ops, leak_step);
    t->checksum += own->table[0] ? list_size(own->table[0]) : 0;
}

const struct workload workload_leak = {.name = "leak",
                                       .setup = leak_setup,
                                       .prepare = leak_prepare,
                                       .run = leak_run,
                                       .drain = object_drain,
                                       .kept = object_kept_none};
