/* heapcheck.c: are the counts of objects the references that a walk finds (heap.h)? */
#include "heap.h"

int64_t heap_check(struct runtime *r,
                   void (*wrong)(void *arg, struct object *o, int64_t counted, uint64_t found), void *arg)
{
    struct heap_graph g;
    int64_t bad = 0;
    if (HG_RC == HG_RC_TRACING)
        return 0;
    int err = heap_graph_make(&g, r);
    if (err)
        return err;
    for (uint32_t n = 0; n < g.nodes; n++) {
        const struct heap_node *node = &g.node[n];
        if (heap_is_runtimes_own(r, node->object) || node->counted == (int64_t)node->references)
            continue;
        bad++;
        if (wrong)
            wrong(arg, node->object, node->counted, node->references);
    }
    heap_graph_free(&g);
    return bad;
}
