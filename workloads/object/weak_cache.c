/* weak_cache.c: values found again through weak references while somebody still holds them; callbacks count
 * the dead. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                  \
    P(S, COUNT, keys, "10k", "1-100M", "keys of each thread's cache") \
    P(S, COUNT, held, "1000", "1-100M", "values that somebody holds") \
    P(S, COUNT, ops, "2M", "1-100G", "look-ups, over all threads")
PARAM_STRUCT(weak_cache_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_weak_cache = {
    .name = "weak-cache",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(weak_cache_params, PARAMS),
    .summary = "a cache of weak references over values that die by refcount: look-ups, misses, "
               "callbacks",
    .small = {"keys=20,held=5,ops=80"},
};

#else

#include "object.h"

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

const struct workload workload_weak_cache = {.setup = weak_cache_setup,
                                             .run = weak_cache_run,
                                             .drain = object_drain,
                                             .kept = object_kept_none,
                                             .finish = weak_cache_finish};

#endif
