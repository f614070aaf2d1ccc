/* gcbench.c: the field's GCBench (Boehm, Ellis, Kovac): as binary-trees, with a long-lived array of
 * numbers, and each tree made twice: from its root down, and from its leaves up. */
#include "workloads/about.h"

#define PARAMS(P, S)                                           \
    P(S, COUNT, depth, "16", "4-26", "of the long-lived tree") \
    P(S, COUNT, array, "500k", "1-100M", "numbers in the long-lived array")
PARAM_STRUCT(gcbench_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_gcbench = {
    .name = "gcbench",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(gcbench_params, PARAMS),
    .summary = "binary-trees from the root down and from the leaves up, with a long-lived array; no "
               "cycles, so not what a collector finds",
    .small = {"depth=4,array=20"},
};

#else

#include "trees.h"

static uint64_t gcbench_trees_of(unsigned n, unsigned depth)
{
    return ((uint64_t)8 << n) >> depth;
}

/* A list of so many floats. */
static struct object *float_array(uint64_t count)
{
    struct object *l = list_new(0);
    for (uint64_t i = 0; l && i < count; i++) {
        struct object *v = float_new(1.0 / (double)(i + 1));
        if (!v || list_append(l, v) != 0) {
            rc_dec(l);
            l = NULL;
        }
        rc_xdec(v);
    }
    return l;
}

static int gcbench_setup(struct workload_sample *s)
{
    unsigned n = (unsigned)((const struct gcbench_params *)s->params)->depth;
    return trees_setup(s, n, tree_nodes(n + 2) + tree_nodes(n), 2, gcbench_trees_of);
}

static void gcbench_run(struct workload_thread *t)
{
    const struct gcbench_params *p = t->sample->params;
    struct object_thread *own = t->state;
    unsigned n = (unsigned)p->depth;
    bool whole = tree_pass(t, n + 2, true) && tree_make(t, n, true, TREE_LONG_LIVED) &&
                 object_replace(t, &own->table[TREE_ARRAY], float_array(p->array));
    for (unsigned depth = TREE_DEPTH_LEAST; whole && depth <= n; depth += 2) {
        uint64_t trees = gcbench_trees_of(n, depth);
        whole = trees_of_depth(t, depth, trees, true) && trees_of_depth(t, depth, trees, false);
    }
    trees_end(t);
}

const struct workload workload_gcbench = {
    .setup = gcbench_setup, .run = gcbench_run, .drain = object_drain, .kept = object_kept_none};

#endif
