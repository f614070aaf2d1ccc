/* long_lived.c: a large live graph that does not change, and short-lived objects made beside it in bursts, as
 * a server makes them for a request: what each collection pays for objects that do not die.
 *
 * The graph is `heap` nodes of two slots. roots: each node hangs alone in a root. tree: one binary tree under
 * one root a thread. A burst is 2,500 instances of two slots with a number and a str, more than any young
 * generation's threshold (instances have no free list, so the collector counts each); then all of it is
 * dropped. An operation is one short-lived instance. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                  \
    P(S, COUNT, heap, "1M", "1-1G", "objects in the long-lived graph")                \
    P(S, CHOICE, shape, "roots", "roots|tree", "many small roots, or one giant tree") \
    P(S, COUNT, ops, "2M", "1-100G", "short-lived objects made beside it, over all threads")
PARAM_STRUCT(long_lived_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_long_lived = {
    .name = "long-lived",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(long_lived_params, PARAMS),
    .summary = "a large live graph beside bursts of short-lived objects: what a collection pays for "
               "those that do not die",
    .small = {"heap=100,ops=100", "heap=100,shape=tree,ops=100"},
};

#else

#include "object.h"

#define BURST 2500

enum { LONG_ROOTS, LONG_TREE };

struct long_thread {
    struct object **root, *burst[BURST];
    uint64_t nodes, roots;
    struct rng rng;
};

struct long_lived {
    struct long_thread *thread;
    struct type *type;
};

static int long_setup(struct workload_sample *s)
{
    const struct long_lived_params *p = s->params;
    struct long_lived *w = workload_scratch(sizeof *w);
    if (!w || !(w->thread = workload_scratch(s->threads * sizeof *w->thread)))
        return message_set(s->message, -ENOMEM, "long-lived: no memory for its tables");
    for (unsigned i = 0; i < s->threads; i++) {
        struct long_thread *own = &w->thread[i];
        own->nodes = object_share(&s->thread[i], p->heap);
        own->roots = p->shape == LONG_ROOTS ? own->nodes : 1;
        own->root = object_table(s, "long-lived.root", own->roots);
        if (!own->root || heap_root_add(s->runtime, "long-lived.burst", own->burst, BURST) != 0)
            return -ENOMEM;
        rng_seed(&own->rng, s->thread[i].seed);
        s->thread[i].state = own;
    }
    w->type = type_new_instance_type("long-lived.node", 2, 0, 0, NULL);
    s->state = w;
    return w->type ? 0 : message_set(s->message, -ENOMEM, "long-lived: no memory for its first objects");
}

/* Hangs a complete tree of so many nodes, o counted, below o, which a root leads to all the time: a collector
 * without counts knows nothing of the C stack. Recursion is as deep as the tree, its log2. */
static bool long_tree(struct workload_thread *t, struct type *type, struct object *o, uint64_t nodes)
{
    uint64_t left = (nodes - 1) / 2, part[2] = {left, nodes - 1 - left};
    for (unsigned i = 0; i < 2; i++) {
        if (!part[i])
            continue;
        struct object *child = instance_new(type);
        if (!child) {
            t->failed_allocs++;
            return false;
        }
        instance_set(o, i, child);
        rc_dec(child);
        if (!long_tree(t, type, child, part[i]))
            return false;
    }
    thread_safepoint();
    return true;
}

static void long_prepare(struct workload_thread *t)
{
    const struct long_lived_params *p = t->sample->params;
    struct long_lived *w = t->sample->state;
    struct long_thread *own = t->state;
    if (p->shape == LONG_TREE) {
        if (own->nodes && object_replace(t, &own->root[0], instance_new(w->type)))
            long_tree(t, w->type, own->root[0], own->nodes);
    } else {
        for (uint64_t i = 0; i < own->roots; i++) {
            if (!object_replace(t, &own->root[i], instance_new(w->type)))
                return;
            thread_safepoint();
        }
    }
    object_publish(t, 0);
}

static struct object *long_short(struct type *type, uint64_t bits)
{
    struct object *o = instance_new(type), *n, *s;
    if (!o)
        return NULL;
    n = int_new((int64_t)(bits & 0xffffffff));
    s = str_new("0123456789abcdef0123456789abcdef", bits >> 32 & 31);
    if (n && s) {
        instance_set(o, 0, n);
        instance_set(o, 1, s);
    }
    bool whole = n && s;
    rc_xdec(n);
    rc_xdec(s);
    if (whole)
        return o;
    rc_dec(o);
    return NULL;
}

static uint64_t long_end_burst(struct long_thread *own, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        struct object *o = own->burst[i], *n = instance_get(o, 0);
        sum += (uint64_t)int_value(n);
        rc_dec(n);
        own->burst[i] = NULL;
        rc_dec(o);
    }
    return sum;
}

static void long_run(struct workload_thread *t)
{
    const struct long_lived_params *p = t->sample->params;
    struct long_lived *w = t->sample->state;
    struct long_thread *own = t->state;
    uint64_t steps = object_share(t, p->ops), done = 0, sum = 0;
    size_t held = 0;
    if (t->failed_allocs)
        return;
    for (; done < steps; done++) {
        bool timed = latency_due(t);
        uint64_t t0 = timed ? os_now_ns() : 0;
        if (!object_replace(t, &own->burst[held], long_short(w->type, rng_next(&own->rng))))
            break;
        if (timed)
            t->sample->latency(t, OP_MALLOC, os_now_ns() - t0);
        if (++held == BURST) {
            sum += long_end_burst(own, held);
            held = 0;
        }
        thread_safepoint();
        if (done % GAUGE_BATCH == 0)
            object_publish(t, done);
    }
    sum += long_end_burst(own, held);
    object_publish(t, done);
    t->ops = done;
    t->checksum = sum;
}

static void long_drain(struct workload_thread *t)
{
    struct long_thread *own = t->state;
    object_drop_all(own->root, own->roots);
    object_publish(t, t->ops);
}

const struct workload workload_long_lived = {
    .setup = long_setup,
    .prepare = long_prepare,
    .run = long_run,
    .drain = long_drain,
    .kept = object_kept_none,
};

#endif
