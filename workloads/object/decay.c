/* decay.c: a heap that only shrinks: rings of 10 nodes, made before the clock starts, are dropped one by one
 * until none is left, beside bursts of short-lived instances: garbage of the old space while nothing new
 * survives. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                   \
    P(S, COUNT, heap, "1M", "10-1G", "objects in rings of 10 that die during the run") \
    P(S, COUNT, ops, "2M", "1-100G", "short-lived objects made beside it, over all threads")
PARAM_STRUCT(decay_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_decay = {
    .name = "decay",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(decay_params, PARAMS),
    .summary = "old cycles die while nothing new survives: does a collector still look for them; "
               "says little of speed",
    .small = {"heap=40,ops=60"},
};

#else

#include "object.h"

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

const struct workload workload_decay = {.setup = decay_setup,
                                        .prepare = decay_prepare,
                                        .run = decay_run,
                                        .drain = decay_drain,
                                        .kept = object_kept_cycles};

#endif
