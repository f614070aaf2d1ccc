/* scope.c: a small structure a step, which dies at the end of its scope, or by a collection (it refers to
 * itself). */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                                    \
    P(S, CHOICE, by, "exit", "exit|collect", "what ends them: the end of their scope, or a collection") \
    P(S, COUNT, ops, "1M", "1-100G", "structures, over all threads")
PARAM_STRUCT(scope_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_scope = {
    .name = "scope",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(scope_params, PARAMS),
    .summary = "the same structure ended by its scope or left to a collection: memory and time of "
               "either",
    .small = {"ops=30", "by=collect,ops=30"},
};

#else

#include "object.h"

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

const struct workload workload_scope = {
    .setup = scope_setup, .run = scope_run, .drain = object_drain, .kept = object_kept_cycles};

#endif
