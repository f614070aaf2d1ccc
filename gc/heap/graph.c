/* graph.c: see graph.h. */
#include "graph.h"

#include "alloc/base/os.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static struct os_account graph_account;

/* Twice as many; false: no memory, and the array is as it was. */
static bool heap_grow(void **array, size_t *room, size_t size)
{
    size_t more = *room ? *room * 2 : 4096;
    void *wider = *array ? os_remap(&graph_account, *array, *room * size, more * size)
                         : os_map(&graph_account, more * size, 0, 0);
    if (!wider)
        return false;
    *array = wider;
    *room = more;
    return true;
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
    uint32_t *wider = os_map(&graph_account, slots * sizeof *wider, 0, 0);
    if (!wider)
        return false;
    if (g->slot)
        os_unmap(&graph_account, g->slot, g->slots * sizeof *g->slot);
    g->slot = wider;
    g->slots = slots;
    memset(wider, 0xff, slots * sizeof *wider);
    for (uint32_t n = 0; n < g->nodes; n++)
        heap_place(g, n);
    return true;
}

uint32_t heap_graph_add(struct heap_graph *g, struct object *o)
{
    uint32_t n = heap_graph_find(g, o);
    if (n != HEAP_NONE)
        return n;
    if (g->nodes == HEAP_NONE - 1 ||
        (g->nodes == g->nodes_room && !heap_grow((void **)&g->node, &g->nodes_room, sizeof *g->node)) ||
        ((size_t)g->nodes * 2 >= g->slots && !heap_rehash(g, g->slots * 2)))
        return HEAP_NONE;
    n = g->nodes++;
    g->node[n] = (struct heap_node){.object = o, .type = "?", .parent = HEAP_NONE, .root = HEAP_NONE};
    heap_place(g, n);
    return n;
}

int heap_graph_refer(struct heap_graph *g, struct object *to)
{
    uint32_t n = heap_graph_add(g, to);
    if (n == HEAP_NONE || g->edges == UINT32_MAX ||
        (g->edges == g->edges_room && !heap_grow((void **)&g->edge, &g->edges_room, sizeof *g->edge)))
        return -ENOMEM;
    g->node[n].references++;
    g->edge[g->edges++] = n;
    return 0;
}

int heap_graph_hold(struct heap_graph *g, uint32_t root, struct object *o)
{
    uint32_t n = heap_graph_add(g, o);
    if (n == HEAP_NONE || g->holds == UINT32_MAX ||
        (g->holds == g->holds_room && !heap_grow((void **)&g->hold, &g->holds_room, sizeof *g->hold)))
        return -ENOMEM;
    g->hold[g->holds++] = (struct heap_hold){root, n};
    g->node[n].references++;
    if (g->node[n].root == HEAP_NONE)
        g->node[n].root = root;
    return 0;
}

int heap_graph_root(struct heap_graph *g, const char *name)
{
    if (g->roots == HEAP_NONE - 1 ||
        (g->roots == g->roots_room &&
         !heap_grow((void **)&g->root_name, &g->roots_room, sizeof *g->root_name)))
        return -ENOMEM;
    g->root_name[g->roots++] = name;
    return 0;
}

int heap_graph_open(struct heap_graph *g)
{
    *g = (struct heap_graph){0};
    return heap_rehash(g, 8192) ? 0 : -ENOMEM;
}

/* Breadth first from the roots, so that parents make shortest chains. A node that a root holds has no
 * parent. */
int heap_graph_chains(struct heap_graph *g)
{
    uint32_t *queue = os_map(&graph_account, (g->nodes + 1) * sizeof *queue, 0, 0);
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
    os_unmap(&graph_account, queue, (g->nodes + 1) * sizeof *queue);
    return 0;
}

void heap_graph_free(struct heap_graph *g)
{
    if (g->node)
        os_unmap(&graph_account, g->node, g->nodes_room * sizeof *g->node);
    if (g->edge)
        os_unmap(&graph_account, g->edge, g->edges_room * sizeof *g->edge);
    if (g->slot)
        os_unmap(&graph_account, g->slot, g->slots * sizeof *g->slot);
    if (g->hold)
        os_unmap(&graph_account, g->hold, g->holds_room * sizeof *g->hold);
    if (g->root_name)
        os_unmap(&graph_account, (void *)g->root_name, g->roots_room * sizeof *g->root_name);
    *g = (struct heap_graph){0};
}

/* --- who, and how much ---------------------------------------------------------------------------------- */

int heap_referrers(const struct heap_graph *g, const struct object *o,
                   int (*visit)(struct object *o, void *arg), void *arg)
{
    uint32_t target = heap_graph_find(g, o);
    int found = 0;
    for (uint32_t n = 0; target != HEAP_NONE && n < g->nodes; n++) {
        for (uint32_t e = 0; e < g->node[n].edges; e++) {
            if (g->edge[g->node[n].first + e] != target)
                continue;
            found++;
            if (visit && visit(g->node[n].object, arg))
                return found;
            break;
        }
    }
    return found;
}

size_t heap_chain(const struct heap_graph *g, const struct object *o, const char **root,
                  struct object **chain, size_t room)
{
    uint32_t n = heap_graph_find(g, o);
    size_t length = 0, at;
    if (n == HEAP_NONE || g->node[n].root == HEAP_NONE)
        return 0;
    *root = g->root_name[g->node[n].root];
    for (uint32_t i = n; i != HEAP_NONE; i = g->node[i].parent)
        length++;
    at = length;
    for (uint32_t i = n; i != HEAP_NONE; i = g->node[i].parent)
        if (--at < room)
            chain[at] = g->node[i].object;
    return length;
}

/* Marks what the roots reach without going through `without`; what is left and hangs on it is retained by
 * it. */
int64_t heap_retained(const struct heap_graph *g, const struct object *o)
{
    uint32_t without = heap_graph_find(g, o);
    size_t bytes = ((size_t)g->nodes + 1) * sizeof(uint32_t);
    if (without == HEAP_NONE)
        return 0;
    uint32_t *queue = os_map(&graph_account, bytes, 0, 0);
    unsigned char *seen = os_map(&graph_account, g->nodes + 1, 0, 0);
    int64_t retained = -ENOMEM;
    if (queue && seen) {
        size_t first = 0, last = 0;
        for (uint32_t n = 0; n < g->nodes; n++)
            if (g->node[n].root != HEAP_NONE && g->node[n].parent == HEAP_NONE && n != without) {
                seen[n] = 1;
                queue[last++] = n;
            }
        for (int pass = 0; pass < 2; pass++) {
            while (first < last) {
                const struct heap_node *node = &g->node[queue[first++]];
                if (pass == 1)
                    retained += (int64_t)node->bytes;
                for (uint32_t e = 0; e < node->edges; e++) {
                    uint32_t to = g->edge[node->first + e];
                    if (seen[to] || to == without || g->node[to].is_class)
                        continue;
                    seen[to] = 1;
                    queue[last++] = to;
                }
            }
            if (pass == 0) {
                retained = 0;
                first = last = 0;
                seen[without] = 1;
                queue[last++] = without;
            }
        }
    }
    if (queue)
        os_unmap(&graph_account, queue, bytes);
    if (seen)
        os_unmap(&graph_account, seen, g->nodes + 1);
    return retained;
}

/* --- Graphviz ------------------------------------------------------------------------------------------- */

int heap_dot_write(const struct heap_graph *g, const struct object *o, size_t most, FILE *f)
{
    size_t bytes = ((size_t)g->nodes + 1) * sizeof(uint32_t), first = 0, last = 0;
    uint32_t *queue = os_map(&graph_account, bytes, 0, 0), start = o ? heap_graph_find(g, o) : HEAP_NONE;
    unsigned char *seen = os_map(&graph_account, g->nodes + 1, 0, 0);
    if (queue && seen) {
        for (uint32_t n = 0; n < g->nodes && last < most; n++) {
            if (o ? n == start : g->node[n].root != HEAP_NONE && g->node[n].parent == HEAP_NONE) {
                seen[n] = 1;
                queue[last++] = n;
            }
        }
        fputs("digraph heap {\n  node [shape=box];\n", f);
        while (first < last) {
            uint32_t n = queue[first++];
            const struct heap_node *node = &g->node[n];
            fprintf(f, "  n%" PRIu32 " [label=\"%s\\n%zu bytes, %" PRIu64 " references\"];\n", n, node->type,
                    node->bytes, node->references);
            if (node->root != HEAP_NONE && node->parent == HEAP_NONE)
                fprintf(f, "  \"%s\" [shape=ellipse];\n  \"%s\" -> n%" PRIu32 ";\n", g->root_name[node->root],
                        g->root_name[node->root], n);
            for (uint32_t e = 0; e < node->edges; e++) {
                uint32_t to = g->edge[node->first + e];
                if (!seen[to] && last < most) {
                    seen[to] = 1;
                    queue[last++] = to;
                }
                if (seen[to])
                    fprintf(f, "  n%" PRIu32 " -> n%" PRIu32 ";\n", n, to);
            }
        }
        fputs("}\n", f);
    }
    int err = queue && seen ? 0 : -ENOMEM;
    if (queue)
        os_unmap(&graph_account, queue, bytes);
    if (seen)
        os_unmap(&graph_account, seen, g->nodes + 1);
    return err ? err : ferror(f) ? -EIO : 0;
}
