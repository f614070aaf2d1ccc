/* growth.c: a heap that only grows: a collector must choose its own pace, since no steady state sets it.
 *
 * kind=tuple appends tuples of one number to a list (CPython issue 139951): nothing can be garbage, and
 * each tuple is untracked when it is first looked at, but the list has a reference to each. kind=record
 * puts nodes that refer to nothing into lists of 1,000, and these into one list: many small roots.
 * kind=node builds a graph as a compiler does: modules of 1,000 nodes that refer to their module, to the
 * node before them and to one of any module, so that each leads to all: one giant structure. A part `dead`
 * of the nodes go into no module: they refer to themselves and take the place of one of `lag` others, at
 * random: old garbage in a heap that grows. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                                       \
    P(S, CHOICE, kind, "node", "tuple|record|node", "tuples in one list, nodes apart, or a graph of them") \
    P(S, REAL, dead, "0", "0-1", "part of the nodes that refer to themselves and die old")                 \
    P(S, COUNT, lag, "10k", "1-100M", "such nodes held by each thread, dropped at random")                 \
    P(S, COUNT, ops, "1M", "1-100G", "objects added, over all threads")
PARAM_STRUCT(growth_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_growth = {
    .name = "growth",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(growth_params, PARAMS),
    .summary = "a heap that only grows, maybe with garbage in it: what growth itself costs, work "
               "that a collector may not catch up with; no steady state",
    .small = {"kind=tuple,ops=40", "kind=record,ops=40", "kind=node,dead=0.5,lag=5,ops=40"},
};

#else

#include "object.h"

#define MODULE_NODES 1000

enum { GROWTH_TUPLE, GROWTH_RECORD, GROWTH_NODE };
enum { NODE_MODULE, NODE_BEFORE, NODE_OTHER, NODE_SLOTS };
enum { GROWTH_ALL, GROWTH_MODULE, GROWTH_LAST, GROWTH_HELD };

static int growth_setup(struct workload_sample *s)
{
    const struct growth_params *p = s->params;
    struct type *type = type_new_instance_type("growth.node", NODE_SLOTS, sizeof(uint64_t), 0, NULL);
    return type ? object_setup(s, GROWTH_HELD + p->lag, type) : object_no_memory(s);
}

static void growth_prepare(struct workload_thread *t)
{
    struct object_thread *own = t->state;
    if (object_replace(t, &own->table[GROWTH_ALL], list_new(0)))
        object_publish(t, 0);
}

static bool growth_tuple(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    (void)t;
    struct object *o = tuple_new(1);
    bool whole = o && object_fill(o, 0, int_new((int64_t)(bits & 0xffffffff)));
    if (whole) {
        tuple_filled(o);
        whole = list_append(own->table[GROWTH_ALL], o) == 0;
    }
    rc_xdec(o);
    own->sum += bits & 0xffffffff;
    return whole;
}

/* The module to put the next node in: a new one when the last is full. NULL: no memory. */
static struct object *growth_module(struct workload_thread *t, struct object_thread *own)
{
    struct object *module = own->table[GROWTH_MODULE];
    if (module && list_size(module) < MODULE_NODES)
        return module;
    if (!(module = list_new(0)))
        return NULL;
    object_replace(t, &own->table[GROWTH_MODULE], module);
    return list_append(own->table[GROWTH_ALL], module) == 0 ? module : NULL;
}

/* Refers from o, the newest node of its module, to the others. */
static bool growth_refer(struct workload_thread *t, struct object_thread *own, struct object *o,
                         uint64_t bits)
{
    struct object *all = own->table[GROWTH_ALL];
    struct object *other = list_get(all, rng_scale((uint32_t)bits, list_size(all)));
    struct object *far = other ? list_get(other, 0) : NULL;
    instance_set(o, NODE_MODULE, own->table[GROWTH_MODULE]);
    instance_set(o, NODE_OTHER, far);
    if (own->table[GROWTH_LAST])
        instance_set(o, NODE_BEFORE, own->table[GROWTH_LAST]);
    own->sum += far ? *(uint64_t *)instance_payload(far) : 0;
    rc_xdec(far);
    rc_xdec(other);
    rc_inc(o);
    return object_replace(t, &own->table[GROWTH_LAST], o);
}

static bool growth_node(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct growth_params *p = t->sample->params;
    struct object *o = instance_new(t->sample->state);
    if (!o)
        return false;
    *(uint64_t *)instance_payload(o) = bits & 0xffff;
    own->sum += bits & 0xffff;
    if ((double)(bits >> 48) < p->dead * 65536) {
        instance_set(o, NODE_MODULE, o);
        return object_replace(t, &own->table[GROWTH_HELD + rng_scale((uint32_t)bits, p->lag)], o);
    }
    struct object *module = growth_module(t, own);
    bool whole = module && list_append(module, o) == 0 &&
                 (p->kind == GROWTH_RECORD || growth_refer(t, own, o, bits >> 16));
    rc_dec(o);
    return whole;
}

static void growth_run(struct workload_thread *t)
{
    const struct growth_params *p = t->sample->params;
    if (p->kind == GROWTH_TUPLE)
        object_run(t, p->ops, growth_tuple);
    else
        object_run(t, p->ops, growth_node);
}

const struct workload workload_growth = {.setup = growth_setup,
                                         .prepare = growth_prepare,
                                         .run = growth_run,
                                         .drain = object_drain,
                                         .kept = object_kept_cycles};

#endif
