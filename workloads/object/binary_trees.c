/* binary_trees.c: the field's binary-trees (Boehm; Benchmarks Game): a stretch tree of depth n+1, a
 * long-lived one of depth n, and 2^(n-d+4) trees of each depth d = 4, 6 .. n, made and dropped one after
 * another: containers that die by refcount. */
#include "workloads/about.h"

#define PARAMS(P, S) P(S, COUNT, depth, "16", "4-26", "of the long-lived tree")
PARAM_STRUCT(binary_trees_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_binary_trees = {
    .name = "binary-trees",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(binary_trees_params, PARAMS),
    .summary = "trees made and dropped beside a long-lived one: containers that die by refcount; no "
               "cycles",
    .small = {"depth=4"},
};

#else

#include "trees.h"

/* Trees of that depth, in all threads, where the long-lived one has depth n: about as many nodes for each
 * depth. */
static uint64_t binary_trees_of(unsigned n, unsigned depth)
{
    return (uint64_t)1 << (n - depth + TREE_DEPTH_LEAST);
}

static int binary_trees_setup(struct workload_sample *s)
{
    unsigned n = (unsigned)((const struct binary_trees_params *)s->params)->depth;
    return trees_setup(s, n, tree_nodes(n + 1) + tree_nodes(n), 1, binary_trees_of);
}

static void binary_trees_run(struct workload_thread *t)
{
    unsigned n = (unsigned)((const struct binary_trees_params *)t->sample->params)->depth;
    bool whole = tree_pass(t, n + 1, false) && tree_make(t, n, false, TREE_LONG_LIVED);
    for (unsigned depth = TREE_DEPTH_LEAST; whole && depth <= n; depth += 2)
        whole = trees_of_depth(t, depth, binary_trees_of(n, depth), false);
    trees_end(t);
}

const struct workload workload_binary_trees = {
    .setup = binary_trees_setup, .run = binary_trees_run, .drain = object_drain, .kept = object_kept_none};

#endif
