/* heap.c: from the live heap to its picture (heap.h). */
#include "heap.h"
#include "gc/collect/find.h"
#include "gc/types/dict.h"

int heap_each_reference(struct object *o, object_visit *visit, void *arg)
{
    if (o->type == &type_dict) {
        const struct dict_keys *k = ((struct dict_object *)o)->keys;
        for (int64_t i = 0; k->kind == KEYS_STR && i < k->entries; i++) {
            struct object *key = *dict_key_at(k, i);
            int stop = key ? visit(key, arg) : 0;
            if (stop)
                return stop;
        }
    }
    return o->type->traverse ? o->type->traverse(o, visit, arg) : 0;
}

static int heap_visit_object(struct object *o, void *arg)
{
    return heap_graph_add(arg, o) == HEAP_NONE ? -ENOMEM : 0;
}

static int heap_visit_edge(struct object *o, void *arg)
{
    return heap_graph_refer(arg, o);
}

static int heap_add_roots(struct heap_graph *g, struct runtime *r)
{
    int err = 0;
    for (size_t i = 0; i < r->roots.count && !err; i++) {
        err = heap_graph_root(g, r->roots.at[i].name);
        for (size_t j = 0; j < r->roots.at[i].count && !err; j++)
            if (r->roots.at[i].at[j])
                err = heap_graph_hold(g, (uint32_t)i, r->roots.at[i].at[j]);
    }
    return err;
}

static int heap_describe(struct heap_graph *g, uint32_t n)
{
    struct heap_node *node = &g->node[n];
    struct object *o = node->object;
    node->type = o->type->name;
    node->bytes = object_bytes(o);
    node->counted = rc_is_immortal(o) ? HEAP_IMMORTAL : rc_count(o);
    node->known = true;
    node->is_class = o->type == &type_type;
    node->instance = o->type->id == TYPE_INSTANCE;
    node->first = g->edges;
    int err = heap_each_reference(o, heap_visit_edge, g); /* may move the nodes */
    g->node[n].edges = g->edges - g->node[n].first;
    return err;
}

int heap_graph_make(struct heap_graph *g, struct runtime *r)
{
    int err = heap_graph_open(g);
#if RC_GIL_HELD
    err = err ? err : gc_each_tracked(r, heap_visit_object, g);
#else
    err = err ? err : find_each(r, heap_visit_object, g);
#endif
    err = err ? err : heap_add_roots(g, r);
    for (uint32_t n = 0; !err && n < g->nodes; n++) /* grows as it goes */
        err = heap_describe(g, n);
    err = err ? err : heap_graph_chains(g);
    if (err)
        heap_graph_free(g);
    return err;
}

/* What the runtime itself holds has no root: its cached ints, None, the empty tuple, classes of their
 * makers. */
bool heap_is_runtimes_own(const struct runtime *r, const struct object *o)
{
    if (rc_is_immortal(o) || o == &object_none || o == r->types.empty_tuple || o->type == &type_type)
        return true;
    return o->type == &type_int && int_value(o) >= SMALL_INT_MIN && int_value(o) <= SMALL_INT_MAX;
}
