/* gc_traversal.c: full collections of a heap in which nothing is garbage (pyperformance): list n holds n
 * references to list n-1. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                       \
    P(S, COUNT, levels, "1000", "1-20k", "lists; level n refers n times to the one below") \
    P(S, COUNT, ops, "50", "1-100M", "full collections")
PARAM_STRUCT(gc_traversal_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_gc_traversal = {
    .name = "gc-traversal",
    .level = LEVEL_OBJECT,
    .flags = WORKLOAD_ONE_THREAD,
    .params = PARAM_TABLE(gc_traversal_params, PARAMS),
    .summary = "full collections of a heap of many references and no garbage; asked for, so not when "
               "a collector would run",
    .small = {"levels=8,ops=2"},
};

#else

#include "collections.h"

static int traversal_setup(struct workload_sample *s)
{
    return object_setup(s, 1, NULL);
}

static void traversal_prepare(struct workload_thread *t)
{
    const struct gc_traversal_params *p = t->sample->params;
    struct object_thread *own = t->state;
    if (!object_replace(t, &own->table[0], list_new(0)))
        return;
    for (uint64_t level = 1; level <= p->levels; level++) {
        struct object *l = list_new(0);
        bool whole = l != NULL;
        for (uint64_t i = 0; whole && i < level; i++)
            whole = list_append(l, own->table[0]) == 0;
        if (!whole) {
            rc_xdec(l);
            t->failed_allocs++;
            return;
        }
        object_replace(t, &own->table[0], l);
        thread_safepoint();
    }
    object_publish(t, 0);
}

static void traversal_run(struct workload_thread *t)
{
    collections_run(t, ((const struct gc_traversal_params *)t->sample->params)->ops, NULL);
}

const struct workload workload_gc_traversal = {.times_all = 1u << OP_REQUEST,
                                               .setup = traversal_setup,
                                               .prepare = traversal_prepare,
                                               .run = traversal_run,
                                               .drain = object_drain,
                                               .kept = object_kept_none};

#endif
