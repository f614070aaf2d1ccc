/* small_int.c: ints of a range: those in the cache cost no allocation. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                  \
    P(S, COUNT, range, "1000", "1-4G", "values from 0; 257 of them are in the cache") \
    P(S, COUNT, live, "1000", "1-100M", "ints held by each thread")                   \
    P(S, COUNT, ops, "10M", "1-100G", "ints made and dropped, over all threads")
PARAM_STRUCT(small_int_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_small_int = {
    .name = "small-int",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(small_int_params, PARAMS),
    .summary = "ints of a range: what the cache of small ones saves in allocation",
    .small = {"live=20,ops=60"},
};

#else

#include "object.h"

static int small_int_setup(struct workload_sample *s)
{
    const struct small_int_params *p = s->params;
    return object_setup(s, p->live, NULL);
}

static bool small_int_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct small_int_params *p = t->sample->params;
    int64_t value = (int64_t)rng_scale((uint32_t)(bits >> 32), p->range);
    own->sum += (uint64_t)value;
    return object_replace(t, &own->table[rng_scale((uint32_t)bits, p->live)], int_new(value));
}

static void small_int_run(struct workload_thread *t)
{
    object_run(t, ((const struct small_int_params *)t->sample->params)->ops, small_int_step);
}

const struct workload workload_small_int = {
    .setup = small_int_setup, .run = small_int_run, .drain = object_drain, .kept = object_kept_none};

#endif
