/* heap.c: the picture of the heap (heap.h): nodes, edges, shortest chains from the roots. */
#include "heap.h"
#include "types/dict.h"

#include "../alloc/os.h"

static struct os_account heap_account;

/* Twice as many; false: no memory, and the array is as it was. */
static bool heap_grow(void **array, size_t *room, size_t size)
{
    size_t more = *room ? *room * 2 : 4096;
    void *wider = *array ? os_remap(&heap_account, *array, *room * size, more * size)
                         : os_map(&heap_account, more * size, 0, 0);
    if (!wider)
        return false;
    *array = wider;
    *room = more;
    return true;
}

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

static size_t heap_hash(const struct heap_graph *g, const struct object *o)
{
    return (size_t)((uintptr_t)o * 0x9e3779b97f4a7c15u >> 17) & (g->slots - 1);
}

uint32_t heap_graph_find(const struct heap_graph *g, const struct object *o)
{
    for (size_t at = heap_hash(g, o);; at = (at + 1) & (g->slots - 1)) {
        uint32_t n = g->slot[at];
        if (n == HEAP_NONE || g->node[n].object == o)
            return n;
    }
}

static void heap_place(struct heap_graph *g, uint32_t n)
{
    size_t at = heap_hash(g, g->node[n].object);
    while (g->slot[at] != HEAP_NONE)
        at = (at + 1) & (g->slots - 1);
    g->slot[at] = n;
}

static bool heap_rehash(struct heap_graph *g, size_t slots)
{
    uint32_t *wider = os_map(&heap_account, slots * sizeof *wider, 0, 0);
    if (!wider)
        return false;
    if (g->slot)
        os_unmap(&heap_account, g->slot, g->slots * sizeof *g->slot);
    g->slot = wider;
    g->slots = slots;
    memset(wider, 0xff, slots * sizeof *wider);
    for (uint32_t n = 0; n < g->nodes; n++)
        heap_place(g, n);
    return true;
}

/* The node of o, made if need be; HEAP_NONE: no memory. */
static uint32_t heap_add(struct heap_graph *g, struct object *o)
{
    uint32_t n = heap_graph_find(g, o);
    if (n != HEAP_NONE)
        return n;
    if ((g->nodes == g->nodes_room && !heap_grow((void **)&g->node, &g->nodes_room, sizeof *g->node)) ||
        ((size_t)g->nodes * 2 >= g->slots && !heap_rehash(g, g->slots * 2)))
        return HEAP_NONE;
    n = g->nodes++;
    g->node[n] =
        (struct heap_node){.object = o, .parent = HEAP_NONE, .root = HEAP_NONE, .bytes = object_bytes(o)};
    heap_place(g, n);
    return n;
}

static int heap_visit_object(struct object *o, void *arg)
{
    return heap_add(arg, o) == HEAP_NONE ? -ENOMEM : 0;
}

static int heap_visit_edge(struct object *o, void *arg)
{
    struct heap_graph *g = arg;
    uint32_t n = heap_add(g, o);
    if (n == HEAP_NONE ||
        (g->edges == g->edges_room && !heap_grow((void **)&g->edge, &g->edges_room, sizeof *g->edge)))
        return -ENOMEM;
    g->node[n].references++;
    g->edge[g->edges++] = n;
    return 0;
}

static int heap_add_roots(struct heap_graph *g, struct runtime *r)
{
    for (size_t i = 0; i < r->roots; i++) {
        for (size_t j = 0; j < r->root[i].count; j++) {
            struct object *o = r->root[i].at[j];
            uint32_t n = o ? heap_add(g, o) : 0;
            if (n == HEAP_NONE)
                return -ENOMEM;
            if (!o)
                continue;
            g->node[n].references++;
            if (g->node[n].root == HEAP_NONE)
                g->node[n].root = (uint32_t)i;
        }
    }
    return 0;
}

/* Breadth first from the roots, so that parents make shortest chains. A node that a root holds has no parent. */
static int heap_find_chains(struct heap_graph *g)
{
    uint32_t *queue = os_map(&heap_account, (g->nodes + 1) * sizeof *queue, 0, 0);
    size_t first = 0, last = 0;
    if (!queue)
        return -ENOMEM;
    for (uint32_t n = 0; n < g->nodes; n++)
        if (g->node[n].root != HEAP_NONE)
            queue[last++] = n;
    while (first < last) {
        uint32_t n = queue[first++];
        for (uint32_t e = 0; e < g->node[n].edges; e++) {
            struct heap_node *to = &g->node[g->edge[g->node[n].first + e]];
            if (to->root != HEAP_NONE)
                continue;
            to->root = g->node[n].root;
            to->parent = n;
            queue[last++] = (uint32_t)(to - g->node);
        }
    }
    os_unmap(&heap_account, queue, (g->nodes + 1) * sizeof *queue);
    return 0;
}

int heap_graph_make(struct heap_graph *g, struct runtime *r)
{
    *g = (struct heap_graph){.runtime = r};
    int err = heap_rehash(g, 8192) ? 0 : -ENOMEM;
#if RC_GIL_HELD
    err = err ? err : gc_each_tracked(r, heap_visit_object, g);
#else
    err = err ? err : registry_each(r, heap_visit_object, g);
#endif
    err = err ? err : heap_add_roots(g, r);
    for (uint32_t n = 0; !err && n < g->nodes; n++) { /* grows as it goes */
        uint32_t first = g->edges;
        g->node[n].first = first;
        err = heap_each_reference(g->node[n].object, heap_visit_edge, g);
        g->node[n].edges = g->edges - first;
    }
    err = err ? err : heap_find_chains(g);
    if (err)
        heap_graph_free(g);
    return err;
}

void heap_graph_free(struct heap_graph *g)
{
    if (g->node)
        os_unmap(&heap_account, g->node, g->nodes_room * sizeof *g->node);
    if (g->edge)
        os_unmap(&heap_account, g->edge, g->edges_room * sizeof *g->edge);
    if (g->slot)
        os_unmap(&heap_account, g->slot, g->slots * sizeof *g->slot);
    *g = (struct heap_graph){0};
}

/* --- checker, census ------------------------------------------------------------------------------------- */

/* What the runtime itself holds has no root: its cached ints, None, the empty tuple, classes of their makers. */
bool heap_is_runtimes_own(const struct runtime *r, const struct object *o)
{
    if (rc_is_immortal(o) || o == &object_none || o == r->empty_tuple || o->type == &type_type)
        return true;
    return o->type == &type_int && int_value(o) >= SMALL_INT_MIN && int_value(o) <= SMALL_INT_MAX;
}

int64_t heap_check(struct runtime *r,
                   void (*wrong)(void *arg, struct object *o, int64_t counted, uint64_t found), void *arg)
{
    struct heap_graph g;
    int64_t bad = 0;
    int err = heap_graph_make(&g, r);
    if (err)
        return err;
    for (uint32_t n = 0; n < g.nodes; n++) {
        struct object *o = g.node[n].object;
        if (heap_is_runtimes_own(r, o) || rc_count(o) == (int64_t)g.node[n].references)
            continue;
        bad++;
        if (wrong)
            wrong(arg, o, rc_count(o), g.node[n].references);
    }
    heap_graph_free(&g);
    return bad;
}

static int heap_by_bytes(const void *a, const void *b)
{
    uint64_t x = ((const struct heap_row *)a)->bytes, y = ((const struct heap_row *)b)->bytes;
    return (x < y) - (x > y);
}

/* Small enough for an insertion sort, and qsort may allocate. */
static void heap_census_sort(struct heap_census *c)
{
    for (size_t i = 1; i < c->rows; i++) {
        struct heap_row row = c->row[i];
        size_t j = i;
        for (; j > 0 && heap_by_bytes(&c->row[j - 1], &row) > 0; j--)
            c->row[j] = c->row[j - 1];
        c->row[j] = row;
    }
}

static void heap_census_add(struct heap_census *c, const char *type, uint64_t count, uint64_t bytes)
{
    size_t i = 0;
    while (i < c->rows && strcmp(c->row[i].type, type) != 0)
        i++;
    if (i == HEAP_ROWS_MAX)
        i--; /* too many types: the last row takes the rest */
    else if (i == c->rows)
        c->row[c->rows++] = (struct heap_row){type, 0, 0};
    c->row[i].count += count;
    c->row[i].bytes += bytes;
    c->count += count;
    c->bytes += bytes;
}

int heap_census(struct runtime *r, struct heap_census *census)
{
    struct heap_graph g;
    int err = heap_graph_make(&g, r);
    *census = (struct heap_census){.rows = 0};
    if (err)
        return err;
    for (uint32_t n = 0; n < g.nodes; n++)
        heap_census_add(census, g.node[n].object->type->name, 1, g.node[n].bytes);
    heap_census_sort(census);
    heap_graph_free(&g);
    return 0;
}

void heap_growth(const struct heap_census *from, const struct heap_census *to, struct heap_census *growth)
{
    *growth = (struct heap_census){.rows = 0};
    for (size_t i = 0; i < to->rows; i++) {
        struct heap_row old = {.type = NULL};
        for (size_t j = 0; j < from->rows; j++)
            if (strcmp(from->row[j].type, to->row[i].type) == 0)
                old = from->row[j];
        if (to->row[i].bytes > old.bytes && to->row[i].count >= old.count)
            heap_census_add(growth, to->row[i].type, to->row[i].count - old.count,
                            to->row[i].bytes - old.bytes);
    }
    heap_census_sort(growth);
}
