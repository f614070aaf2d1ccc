/* leak.c: a cache that nobody empties: one record in `every` stays in it till the end of the run. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                 \
    P(S, COUNT, every, "10", "1-1G", "one in so many records stays") \
    P(S, COUNT, ops, "500k", "1-100G", "records, over all threads")
PARAM_STRUCT(leak_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_leak = {
    .name = "leak",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(leak_params, PARAMS),
    .summary = "a cache that only grows: memory over time, for a census to explain",
    .small = {"every=3,ops=40"},
};

#else

#include "object.h"

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

const struct workload workload_leak = {.setup = leak_setup,
                                       .prepare = leak_prepare,
                                       .run = leak_run,
                                       .drain = object_drain,
                                       .kept = object_kept_none};

#endif
