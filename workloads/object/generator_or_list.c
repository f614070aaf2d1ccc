/* generator_or_list.c: the sum of n numbers one by one, or made into a list first: throughput and peak
 * memory. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                               \
    P(S, CHOICE, as, "generator", "generator|list", "one by one, or a list first") \
    P(S, COUNT, length, "100k", "1-1G", "numbers in a sum")                        \
    P(S, COUNT, ops, "40", "1-100M", "sums, over all threads")
PARAM_STRUCT(generator_or_list_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_generator_or_list = {
    .name = "generator-or-list",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(generator_or_list_params, PARAMS),
    .summary = "a sum over a stream or over a list made first: throughput and peak memory",
    .small = {"length=30,ops=3", "as=list,length=30,ops=3"},
};

#else

#include "object.h"

enum { STREAM_GENERATOR, STREAM_LIST };

static int stream_setup(struct workload_sample *s)
{
    return object_setup(s, 1, NULL);
}

static bool stream_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct generator_or_list_params *p = t->sample->params;
    int64_t base = (int64_t)(bits & 0xffffff);
    if (p->as == STREAM_GENERATOR) {
        for (uint64_t i = 0; i < p->length; i++) {
            struct object *n = int_new(base + (int64_t)i);
            if (!n)
                return false;
            own->sum += (uint64_t)int_value(n);
            rc_dec(n);
            thread_safepoint();
        }
        return true;
    }
    struct object *l = list_new(0);
    bool whole = l && object_replace(t, &own->table[0], l);
    for (uint64_t i = 0; whole && i < p->length; i++) {
        struct object *n = int_new(base + (int64_t)i);
        whole = n && list_append(l, n) == 0;
        rc_xdec(n);
        thread_safepoint();
    }
    for (uint64_t i = 0; whole && i < p->length; i++) {
        struct object *n = list_get(l, i);
        if (!n)
            return false;
        own->sum += (uint64_t)int_value(n);
        rc_dec(n);
    }
    object_drop_all(own->table, 1);
    return whole;
}

static void stream_run(struct workload_thread *t)
{
    object_run(t, ((const struct generator_or_list_params *)t->sample->params)->ops, stream_step);
}

const struct workload workload_generator_or_list = {
    .setup = stream_setup, .run = stream_run, .drain = object_drain, .kept = object_kept_none};

#endif
