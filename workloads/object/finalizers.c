/* finalizers.c: pairs of nodes with finalisers, a part of them cyclic, a part of which bring themselves back
 * once. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                            \
    P(S, REAL, cyclic, "0.5", "0-1", "part of the pairs that are cycles")       \
    P(S, REAL, resurrect, "0.1", "0-1", "part that bring themselves back once") \
    P(S, COUNT, ops, "500k", "1-100G", "pairs of nodes with finalisers, over all threads")
PARAM_STRUCT(finalizers_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_finalizers = {
    .name = "finalizers",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(finalizers_params, PARAMS),
    .summary = "objects with finalisers, cyclic or not, some of which come back: what the order of "
               "death costs",
    .small = {"ops=40"},
};

#else

#include "object.h"

struct finalizers {
    struct type *type;
    struct object *_Atomic back; /* the last that brought itself back */
    _Atomic uint64_t ran, brought_back;
};

static struct finalizers *finalizers_of;

/* On whatever thread the object dies. The payload is whether it comes back. */
static void finalizers_finalize(struct object *o)
{
    struct finalizers *w = finalizers_of;
    atomic_fetch_add_explicit(&w->ran, 1, memory_order_relaxed);
    if (!*(uint64_t *)instance_payload(o))
        return;
    *(uint64_t *)instance_payload(o) = 0;
    atomic_fetch_add_explicit(&w->brought_back, 1, memory_order_relaxed);
    rc_inc(o);
    rc_mark_shared(o);
    rc_xdec(atomic_exchange_explicit(&w->back, o, memory_order_acq_rel));
}

static int finalizers_setup(struct workload_sample *s)
{
    struct finalizers *w = finalizers_of = workload_scratch(sizeof *w);
    if (!w || heap_root_add(s->runtime, "finalizers.back", (struct object **)(void *)&w->back, 1) != 0)
        return object_no_memory(s);
    w->type = type_new_instance_type("finalizers.node", 2, sizeof(uint64_t), 0, finalizers_finalize);
    return w->type ? object_setup(s, 2, w) : object_no_memory(s);
}

static bool finalizers_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct finalizers_params *p = t->sample->params;
    struct finalizers *w = t->sample->state;
    struct object *a = instance_new(w->type), *b = a ? instance_new(w->type) : NULL;
    if (!b) {
        rc_xdec(a);
        return false;
    }
    instance_set(a, 0, b);
    if ((double)(bits & 0xffff) < p->cyclic * 65536)
        instance_set(b, 0, a);
    *(uint64_t *)instance_payload(a) = (double)(bits >> 16 & 0xffff) < p->resurrect * 65536;
    own->sum += bits >> 32;
    rc_dec(b);
    rc_dec(a);
    return true;
}

static void finalizers_run(struct workload_thread *t)
{
    object_run(t, ((const struct finalizers_params *)t->sample->params)->ops, finalizers_step);
}

static void finalizers_drain(struct workload_thread *t)
{
    struct finalizers *w = t->sample->state;
    if (t->index == 0) {
        /* What is found dead now may bring itself back once more. */
        for (int i = 0; i < 3; i++) {
            runtime_collect(t->sample->runtime);
            rc_xdec(atomic_exchange_explicit(&w->back, NULL, memory_order_acq_rel));
        }
    }
    object_drain(t);
}

static void finalizers_finish(struct workload_sample *s)
{
    struct finalizers *w = s->state;
    s->note(s, "objects.finalised", atomic_load_explicit(&w->ran, memory_order_relaxed));
    s->note(s, "objects.brought_back", atomic_load_explicit(&w->brought_back, memory_order_relaxed));
}

const struct workload workload_finalizers = {.setup = finalizers_setup,
                                             .run = finalizers_run,
                                             .drain = finalizers_drain,
                                             .kept = object_kept_cycles,
                                             .finish = finalizers_finish};

#endif
