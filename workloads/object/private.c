/* private.c: each thread reads and replaces its own objects only: the ideal case, which should scale with
 * cores. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                \
    P(S, COUNT, objects, "1000", "1-10M", "objects of each thread") \
    P(S, COUNT, ops, "10M", "1-100G", "reads, one in four with a replacement, over all threads")
PARAM_STRUCT(private_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_private = {
    .name = "private",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(private_params, PARAMS),
    .summary = "each thread on its own objects: what should scale with the cores; nothing is shared",
    .small = {"objects=40,ops=100"},
};

#else

#include "sharing.h"

static int private_setup(struct workload_sample *s)
{
    return object_setup(s, 1, NULL);
}

static void private_prepare(struct workload_thread *t)
{
    const struct private_params *p = t->sample->params;
    struct object_thread *own = t->state;
    object_replace(t, &own->table[0], sharing_list(p->objects, t->seed));
}

static bool private_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct private_params *p = t->sample->params;
    struct object *o = list_get(own->table[0], rng_scale((uint32_t)(bits >> 32), p->objects));
    own->sum += (uint64_t)int_value(tuple_item(o, 0));
    rc_dec(o);
    if (bits & 3)
        return true;
    struct object *fresh = sharing_tuple(bits >> 2);
    if (!fresh)
        return false;
    list_set(own->table[0], rng_scale((uint32_t)(bits >> 16), p->objects), fresh);
    rc_dec(fresh);
    return true;
}

static void private_run(struct workload_thread *t)
{
    object_run(t, ((const struct private_params *)t->sample->params)->ops, private_step);
}

const struct workload workload_private = {.setup = private_setup,
                                          .prepare = private_prepare,
                                          .run = private_run,
                                          .drain = object_drain,
                                          .kept = object_kept_none};

#endif
