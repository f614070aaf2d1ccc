/* growth.c: heaps that only grow and heaps that only shrink: where a collector must choose its own pace,
 * since no steady state sets it.
 *
 * growth   kind=tuple appends tuples of one number to a list (CPython issue 139951): nothing can be garbage,
 *          and each tuple is untracked when it is first looked at, but the list has a reference to each.
 *          kind=record puts nodes that refer to nothing into lists of 1,000, and these into one list: many
 *          small roots. kind=node builds a graph as a compiler does: modules of 1,000 nodes that refer to
 *          their module, to the node before them and to one of any module, so that each leads to all: one
 *          giant structure. A part `dead` of the nodes go into no module: they refer to themselves and take
 *          the place of one of `lag` others, at random: old garbage in a heap that grows.
 * decay    rings of 10 nodes, made before the clock starts, are dropped one by one until none is left, beside
 *          bursts of short-lived instances: garbage of the old space while nothing new survives. */
#include "object.h"

/* --- growth --------------------------------------------------------------------------------------------- */

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

const struct workload workload_growth = {.name = "growth",
                                         .setup = growth_setup,
                                         .prepare = growth_prepare,
                                         .run = growth_run,
                                         .drain = object_drain,
                                         .kept = object_kept_cycles};

/* --- decay ---------------------------------------------------------------------------------------------- */

#define RING_NODES 10
#define BURST      2500

struct decay_thread {
    struct object **ring, *burst[BURST];
    uint64_t rings;
};

struct decay {
    struct decay_thread *thread;
    struct type *type;
};

static int decay_setup(struct workload_sample *s)
{
    const struct decay_params *p = s->params;
    struct decay *w = workload_scratch(sizeof *w);
    if (!w || !(w->thread = workload_scratch(s->threads * sizeof *w->thread)))
        return object_no_memory(s);
    for (unsigned i = 0; i < s->threads; i++) {
        struct decay_thread *own = &w->thread[i];
        own->rings = object_share(&s->thread[i], p->heap) / RING_NODES;
        own->ring = object_table(s, "decay.ring", own->rings);
        if (!own->ring || heap_root_add(s->runtime, "decay.burst", own->burst, BURST) != 0)
            return object_no_memory(s);
        s->thread[i].state = own;
    }
    w->type = type_new_instance_type("decay.node", 2, sizeof(uint64_t), 0, NULL);
    s->state = w;
    return w->type ? 0 : object_no_memory(s);
}

static struct object *decay_ring(struct type *type, uint64_t number)
{
    struct object *first = instance_new(type), *last = first;
    if (!first)
        return NULL;
    *(uint64_t *)instance_payload(first) = number;
    instance_set(first, 0, first); /* a ring of one, into which each next node is put behind the first */
    for (unsigned i = 1; i < RING_NODES; i++) {
        struct object *o = instance_new(type);
        if (!o) {
            rc_dec(first);
            return NULL;
        }
        instance_set(o, 0, last);
        instance_set(first, 0, o);
        last = o;
        rc_dec(o);
    }
    return first;
}

static void decay_prepare(struct workload_thread *t)
{
    struct decay *w = t->sample->state;
    struct decay_thread *own = t->state;
    for (uint64_t i = 0; i < own->rings; i++) {
        if (!object_replace(t, &own->ring[i], decay_ring(w->type, rng_mix(t->seed + i) & 0xffffffff)))
            return;
        thread_safepoint();
    }
    object_publish(t, 0);
}

static void decay_run(struct workload_thread *t)
{
    const struct decay_params *p = t->sample->params;
    struct decay *w = t->sample->state;
    struct decay_thread *own = t->state;
    uint64_t steps = object_share(t, p->ops), done = 0, dropped = 0, sum = 0;
    size_t held = 0;
    if (t->failed_allocs)
        return;
    for (; done < steps; done++) {
        if (!object_replace(t, &own->burst[held], instance_new(w->type)))
            break;
        if (++held == BURST) {
            object_drop_all(own->burst, held);
            held = 0;
        }
        for (; dropped < own->rings && dropped * steps <= done * own->rings; dropped++) {
            sum += *(uint64_t *)instance_payload(own->ring[dropped]);
            object_drop_all(&own->ring[dropped], 1);
        }
        thread_safepoint();
        if (done % GAUGE_BATCH == 0)
            object_publish(t, done);
    }
    object_drop_all(own->burst, held);
    object_publish(t, done);
    t->ops = done;
    t->checksum = sum;
}

static void decay_drain(struct workload_thread *t)
{
    struct decay_thread *own = t->state;
    object_drop_all(own->ring, own->rings);
    object_publish(t, t->ops);
}

const struct workload workload_decay = {.name = "decay",
                                        .setup = decay_setup,
                                        .prepare = decay_prepare,
                                        .run = decay_run,
                                        .drain = decay_drain,
                                        .kept = object_kept_cycles};
