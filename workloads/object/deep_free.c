/* deep_free.c: the head of a long chain is dropped, or one list that holds all: how long one decrement
 * can take. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                      \
    P(S, COUNT, depth, "100k", "1-100M", "nodes that one decrement frees")                \
    P(S, CHOICE, kind, "chain", "chain|wide", "one behind the other, or all in one list") \
    P(S, COUNT, ops, "20", "1-100M", "structures, over all threads")
PARAM_STRUCT(deep_free_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_deep_free = {
    .name = "deep-free",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(deep_free_params, PARAMS),
    .summary = "one decrement that frees a large structure: the pause it makes; not allocation",
    .small = {"depth=30,ops=3", "depth=30,kind=wide,ops=3"},
};

#else

#include "object.h"

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

const struct workload workload_deep_free = {.times_all = 1u << OP_FREE,
                                            .setup = deep_setup,
                                            .run = deep_run,
                                            .drain = object_drain,
                                            .kept = object_kept_none};

#endif
