/* gc_collect.c: rings of 21 nodes, all garbage (pyperformance): their full collection alone is timed. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                  \
    P(S, COUNT, cycles, "100", "1-10M", "rings of 21 nodes made for each collection") \
    P(S, COUNT, ops, "1000", "1-100M", "full collections")
PARAM_STRUCT(gc_collect_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_gc_collect = {
    .name = "gc-collect",
    .level = LEVEL_OBJECT,
    .flags = WORKLOAD_ONE_THREAD,
    .params = PARAM_TABLE(gc_collect_params, PARAMS),
    .summary = "full collections of small rings, all garbage: the time of each alone; asked for, so "
               "not when a collector would run",
    .small = {"cycles=3,ops=3"},
};

#else

#include "collections.h"

#define COLLECT_NODES 21

static int collect_setup(struct workload_sample *s)
{
    struct type *type = type_new_instance_type("gc-collect.node", 1, 0, 0, NULL);
    return type ? object_setup(s, 2, type) : object_no_memory(s);
}

/* The first node is held by the table until the last refers to it. */
static bool collect_rings(struct workload_thread *t)
{
    const struct gc_collect_params *p = t->sample->params;
    struct object_thread *own = t->state;
    struct type *type = t->sample->state;
    for (uint64_t i = 0; i < p->cycles; i++) {
        if (!object_replace(t, &own->table[0], instance_new(type)))
            return false;
        struct object *first = own->table[0];
        rc_inc(first);
        object_replace(t, &own->table[1], first);
        for (unsigned k = 1; k < COLLECT_NODES; k++) {
            struct object *o = instance_new(type);
            if (!o)
                return false;
            instance_set(own->table[1], 0, o);
            object_replace(t, &own->table[1], o);
        }
        instance_set(own->table[1], 0, first);
    }
    object_drop_all(own->table, 2);
    return true;
}

static void collect_run(struct workload_thread *t)
{
    collections_run(t, ((const struct gc_collect_params *)t->sample->params)->ops, collect_rings);
}

const struct workload workload_gc_collect = {.times_all = 1u << OP_REQUEST,
                                             .setup = collect_setup,
                                             .run = collect_run,
                                             .drain = object_drain,
                                             .kept = object_kept_cycles};

#endif
