/* shared_containers.c: all threads change one list or dict, or each its own (disjoint=1): the price of its
 * lock. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                   \
    P(S, CHOICE, kind, "dict", "list|dict", "what the threads change") \
    P(S, FLAG, disjoint, "0", "", "each thread its own")               \
    P(S, COUNT, size, "1000", "1-10M", "items in it")                  \
    P(S, COUNT, ops, "4M", "1-100G", "half reads, half replacements, over all threads")
PARAM_STRUCT(shared_containers_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_shared_containers = {
    .name = "shared-containers",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(shared_containers_params, PARAMS),
    .summary = "threads change one container: the price of its lock, against one each (disjoint=1)",
    .small = {"kind=list,size=10,ops=60", "kind=dict,size=10,ops=60"},
};

#else

#include "sharing.h"

enum { CONTAINERS_LIST, CONTAINERS_DICT };

/* table[0] of thread 0 is the one that all use, unless each has its own. */
static int containers_setup(struct workload_sample *s)
{
    return object_setup(s, 1, NULL);
}

static void containers_prepare(struct workload_thread *t)
{
    const struct shared_containers_params *p = t->sample->params;
    struct object_thread *own = t->state;
    if (!p->disjoint && t->index != 0)
        return;
    struct object *c = p->kind == CONTAINERS_LIST ? sharing_list(p->size, 1) : dict_new();
    if (!object_replace(t, &own->table[0], c) || p->kind == CONTAINERS_LIST)
        return;
    for (uint64_t i = 0; i < p->size; i++) {
        struct object *k = int_new((int64_t)i), *v = sharing_tuple(i);
        t->failed_allocs += !k || !v || dict_put(c, k, v) != 0;
        rc_xdec(k);
        rc_xdec(v);
    }
}

static struct object *containers_of(const struct workload_thread *t)
{
    const struct shared_containers_params *p = t->sample->params;
    const struct object_thread *maker = p->disjoint ? t->state : t->sample->thread[0].state;
    return maker->table[0];
}

/* Half reads, half replacements. What is read depends on the others; the checksum takes only what this thread
 * does. */
static bool containers_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct shared_containers_params *p = t->sample->params;
    struct object *c = containers_of(t), *o = NULL;
    uint64_t i = rng_scale((uint32_t)(bits >> 32), p->size);
    bool list = p->kind == CONTAINERS_LIST, read = (bits & 1) != 0, whole = true;
    struct object *key = list ? NULL : int_new((int64_t)i);
    own->sum += bits & 0xffff;
    if (!c || (!list && !key)) { /* c: thread 0 had no memory for it */
        rc_xdec(key);
        return false;
    }
    if (read) {
        o = list ? list_get(c, i) : dict_get(c, key);
    } else if ((o = sharing_tuple(bits >> 1))) {
        whole = (list ? list_set(c, i, o) : dict_put(c, key, o)) == 0;
    }
    whole &= o != NULL;
    rc_xdec(o);
    rc_xdec(key);
    return whole;
}

static void containers_run(struct workload_thread *t)
{
    t->failed_allocs += !containers_of(t); /* the one that all use may be missing: no memory for it */
    object_run(t, ((const struct shared_containers_params *)t->sample->params)->ops, containers_step);
}

const struct workload workload_shared_containers = {.setup = containers_setup,
                                                    .prepare = containers_prepare,
                                                    .run = containers_run,
                                                    .drain = object_drain,
                                                    .kept = object_kept_none};

#endif
