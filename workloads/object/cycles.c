/* cycles.c: structures that point back into themselves, made and dropped: what a collector must find. A live
 * set of them is held; each operation makes one and drops an older one in its place. `fraction` of them are
 * cyclic, the others have the same nodes without the pointer that closes the cycle, and die by reference
 * count. Beside them may live a `heap` of nodes that nothing changes: a program's own, which a collector that
 * paces itself by the heap counts.
 *
 * chain: node i refers to node i+1, the last one to the first. tree: a heap-shaped binary tree whose nodes
 * also refer to their parents. Slots of a node: 0 next or left, 1 right, 2 parent, 3 the extra bytes; a
 * number beside.
 *
 * One dropped cycle in so many is marked, to report how long it waits to be freed (reclaim.h): the one of the
 * operation after a timed one, so that the mark is in no latency. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                                       \
    P(S, COUNT, length, "10", "1-1M", "nodes in a cycle")                                                  \
    P(S, CHOICE, shape, "chain", "chain|tree", "how the nodes of a cycle hang together")                   \
    P(S, BYTES, extra, "0", "0-1G", "bytes that each node carries beside its slots")                       \
    P(S, COUNT, live, "1000", "0-100M", "cycles held live, over all threads")                              \
    P(S, REAL, fraction, "1", "0-1", "part of the structures that are cyclic; the others die by refcount") \
    P(S, COUNT, heap, "0", "0-1G", "other objects that live throughout, over all threads")                 \
    P(S, COUNT, ops, "200k", "1-100G", "structures made and dropped, over all threads")
PARAM_STRUCT(cycles_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_cycles = {
    .name = "cycles",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(cycles_params, PARAMS),
    .summary = "cyclic garbage of chosen shape: what the collector must find, and how much waits for "
               "it",
    .small = {"length=4,live=8,ops=40", "shape=tree,length=7,live=4,ops=30",
              "length=4,live=8,heap=20,ops=40"},
};

#else

#include "object.h"
#include "reclaim.h"
#include "alloc/base/compiler.h"

enum { CYCLES_CHAIN, CYCLES_TREE };
enum { NODE_LEFT, NODE_RIGHT, NODE_PARENT, NODE_EXTRA, NODE_SLOTS };
#define CYCLES_CYCLIC ((uint64_t)1 << 63) /* in the number of the first node of a cycle */

struct cycles_thread {
    struct object **held, **node; /* node: of the structure being made */
    struct object **heap;
    uint64_t holds, heaps;
    struct rng rng;
};

struct cycles {
    struct cycles_thread *thread;
    struct type *type;
};

static int cycles_setup(struct workload_sample *s)
{
    const struct cycles_params *p = s->params;
    struct cycles *c = workload_scratch(sizeof *c);
    if (!c || !(c->thread = workload_scratch(s->threads * sizeof *c->thread)))
        return message_set(s->message, -ENOMEM, "cycles: no memory for its tables");
    for (unsigned i = 0; i < s->threads; i++) {
        struct cycles_thread *own = &c->thread[i];
        own->holds = object_share(&s->thread[i], p->live);
        own->held = object_table(s, "cycles.held", own->holds);
        own->node = object_table(s, "cycles.node", p->length);
        own->heaps = object_share(&s->thread[i], p->heap);
        own->heap = object_table(s, "cycles.heap", own->heaps);
        if (!own->held || !own->node || !own->heap)
            return -ENOMEM;
        rng_seed(&own->rng, s->thread[i].seed);
        s->thread[i].state = own;
    }
    c->type = type_new_instance_type("cycles.node", NODE_SLOTS, sizeof(uint64_t), 0, NULL);
    s->state = c;
    return c->type && reclaim_open(s, c->type) == 0
               ? 0
               : message_set(s->message, -ENOMEM, "cycles: no memory for its first objects");
}

static struct object *cycles_node(const struct cycles *c, const struct cycles_params *p, uint64_t number)
{
    struct object *o = instance_new(c->type);
    if (!o)
        return NULL;
    *(uint64_t *)instance_payload(o) = number;
    if (p->extra) {
        struct object *extra = bytes_new(NULL, p->extra);
        if (!extra) {
            rc_dec(o);
            return NULL;
        }
        instance_set(o, NODE_EXTRA, extra);
        rc_dec(extra);
    }
    return o;
}

/* Node 0, new, of a whole structure; NULL and nothing left when there is no memory. */
static struct object *cycles_make(struct workload_thread *t, bool cyclic, uint64_t number)
{
    const struct cycles_params *p = t->sample->params;
    struct cycles_thread *own = t->state;
    struct object **node = own->node;
    bool whole = true;
    for (uint64_t i = 0; i < p->length && whole; i++)
        whole = (node[i] = cycles_node(t->sample->state, p, number + i)) != NULL;
    for (uint64_t i = 0; i < p->length && whole; i++) {
        if (p->shape == CYCLES_CHAIN) {
            if (i + 1 < p->length)
                instance_set(node[i], NODE_LEFT, node[i + 1]);
            else if (cyclic)
                instance_set(node[i], NODE_LEFT, node[0]);
        } else {
            if (2 * i + 1 < p->length)
                instance_set(node[i], NODE_LEFT, node[2 * i + 1]);
            if (2 * i + 2 < p->length)
                instance_set(node[i], NODE_RIGHT, node[2 * i + 2]);
            if (cyclic) /* the root's parent is itself, so that a tree of one node is a cycle too */
                instance_set(node[i], NODE_PARENT, node[i ? (i - 1) / 2 : 0]);
        }
    }
    struct object *first = whole ? node[0] : NULL;
    for (uint64_t i = whole ? 1 : 0; i < p->length; i++) {
        rc_xdec(node[i]);
        node[i] = NULL;
    }
    node[0] = NULL;
    if (first && cyclic)
        *(uint64_t *)instance_payload(first) |= CYCLES_CYCLIC;
    return first;
}

static void cycles_mark(struct workload_thread *t, struct object *first)
{
    if (*(uint64_t *)instance_payload(first) & CYCLES_CYCLIC)
        reclaim_mark(t, first);
}

/* A few steps into a held structure: its numbers are the ones it was made with. */
static uint64_t cycles_fold(struct object *first)
{
    uint64_t sum = 0;
    struct object *o = first;
    rc_inc(o);
    for (unsigned i = 0; o && i < 3; i++) {
        sum = sum * 31 + (*(uint64_t *)instance_payload(o) & ~CYCLES_CYCLIC);
        struct object *next = instance_get(o, NODE_LEFT);
        rc_dec(o);
        o = next;
    }
    rc_xdec(o);
    return sum;
}

static bool cycles_is_cyclic(struct workload_thread *t)
{
    const struct cycles_params *p = t->sample->params;
    struct cycles_thread *own = t->state;
    return rng_unit(&own->rng) < p->fraction;
}

static void cycles_prepare(struct workload_thread *t)
{
    struct cycles_thread *own = t->state;
    const struct cycles *c = t->sample->state;
    for (uint64_t i = 0; i < own->heaps; i++) {
        if (!object_replace(t, &own->heap[i], instance_new(c->type)))
            return;
        thread_safepoint();
    }
    for (uint64_t i = 0; i < own->holds; i++) {
        bool cyclic = cycles_is_cyclic(t);
        if (!object_replace(t, &own->held[i], cycles_make(t, cyclic, rng_next(&own->rng) & 0xffffffff)))
            return;
        thread_safepoint();
    }
    object_publish(t, 0);
}

static void cycles_run(struct workload_thread *t)
{
    const struct cycles_params *p = t->sample->params;
    struct cycles_thread *own = t->state;
    uint64_t steps = object_share(t, p->ops), done = 0, sum = 0;
    bool mark = false;
    if (t->failed_allocs)
        return;
    for (; done < steps; done++) {
        bool cyclic = cycles_is_cyclic(t), timed = latency_due(t);
        uint64_t t0 = timed ? os_now_ns() : 0;
        struct object *o = cycles_make(t, cyclic, rng_next(&own->rng) & 0xffffffff);
        if (!o) {
            t->failed_allocs++;
            break;
        }
        if (own->holds) {
            struct object **place = &own->held[rng_below(&own->rng, own->holds)];
            sum += cycles_fold(*place);
            if (unlikely(mark))
                cycles_mark(t, *place);
            object_replace(t, place, o);
        } else {
            sum += cycles_fold(o);
            if (unlikely(mark))
                cycles_mark(t, o);
            rc_dec(o);
        }
        if (timed)
            t->sample->latency(t, OP_REQUEST, os_now_ns() - t0);
        mark = timed;
        thread_safepoint();
        object_publish(t, done);
    }
    object_publish(t, done);
    t->ops = done;
    t->checksum = sum;
}

static void cycles_drain(struct workload_thread *t)
{
    struct cycles_thread *own = t->state;
    object_drop_all(own->held, own->holds);
    object_drop_all(own->heap, own->heaps);
    object_publish(t, t->ops);
}

const struct workload workload_cycles = {
    .setup = cycles_setup,
    .prepare = cycles_prepare,
    .run = cycles_run,
    .drain = cycles_drain,
    .kept = object_kept_cycles,
};

#endif
