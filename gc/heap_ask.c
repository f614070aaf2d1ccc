/* heap_ask.c: questions to a picture of the heap: who refers to it, what holds it, what it holds; leaks, snapshots, graphs. */
#include "heap.h"

#include "../alloc/os.h"

#include <inttypes.h>
#include <stdlib.h>

static struct os_account ask_account;

int heap_referrers(const struct heap_graph *g, const struct object *o, object_visit *visit, void *arg)
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
    *root = g->runtime->root[g->node[n].root].name;
    for (uint32_t i = n; i != HEAP_NONE; i = g->node[i].parent)
        length++;
    at = length;
    for (uint32_t i = n; i != HEAP_NONE; i = g->node[i].parent)
        if (--at < room)
            chain[at] = g->node[i].object;
    return length;
}

/* Marks what the roots reach without going through `without`; what is left and hangs on it is retained by it. */
int64_t heap_retained(const struct heap_graph *g, const struct object *o)
{
    uint32_t without = heap_graph_find(g, o);
    size_t bytes = ((size_t)g->nodes + 1) * sizeof(uint32_t);
    if (without == HEAP_NONE)
        return 0;
    uint32_t *queue = os_map(&ask_account, bytes, 0, 0);
    unsigned char *seen = os_map(&ask_account, g->nodes + 1, 0, 0);
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
                    if (seen[to] || to == without || g->node[to].object->type == &type_type)
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
        os_unmap(&ask_account, queue, bytes);
    if (seen)
        os_unmap(&ask_account, seen, g->nodes + 1);
    return retained;
}

int heap_leak_report(struct runtime *r, const struct heap_census *before, const struct heap_census *now,
                     char *text, size_t size)
{
    static struct heap_census growth;
    struct heap_graph g;
    heap_growth(before, now, &growth);
    if (growth.rows == 0) {
        snprintf(text, size, "nothing grew");
        return 0;
    }
    /* The containers that grew are what somebody made and kept; plain values hang on them. */
    const struct heap_row *most = &growth.row[0];
    int err = heap_graph_make(&g, r);
    if (err)
        return err;
    uint32_t best_root = HEAP_NONE;
    for (size_t row = 0; row < growth.rows; row++) {
        for (uint32_t n = 0; n < g.nodes; n++) {
            if (g.node[n].object->type->id == TYPE_INSTANCE &&
                strcmp(g.node[n].object->type->name, growth.row[row].type) == 0) {
                most = &growth.row[row];
                row = growth.rows;
                break;
            }
        }
    }
    uint64_t best = 0;
    for (size_t i = 0; i < r->roots; i++) {
        uint64_t held = 0;
        for (uint32_t n = 0; n < g.nodes; n++)
            held += g.node[n].root == i && strcmp(g.node[n].object->type->name, most->type) == 0;
        if (held > best) {
            best = held;
            best_root = (uint32_t)i;
        }
    }
    snprintf(text, size,
             "%s grew by %" PRIu64 " objects and %" PRIu64 " bytes; %" PRIu64 " of them hang on %s",
             most->type, most->count, most->bytes, best,
             best_root == HEAP_NONE ? "no root (a cycle)" : r->root[best_root].name);
    heap_graph_free(&g);
    return 0;
}

/* --- snapshots -------------------------------------------------------------------------------------------- */

#define SNAPSHOT_HEAD "heapgauge-heap 1\n"

int heap_snapshot_write(struct runtime *r, FILE *f)
{
    struct heap_graph g;
    int err = heap_graph_make(&g, r);
    if (err)
        return err;
    fputs(SNAPSHOT_HEAD, f);
    for (uint32_t n = 0; n < g.nodes; n++)
        fprintf(f, "0x%" PRIxPTR " %s %zu %" PRIu64 "\n", (uintptr_t)g.node[n].object,
                g.node[n].object->type->name, g.node[n].bytes, g.node[n].references);
    heap_graph_free(&g);
    return fflush(f) != 0 || ferror(f) ? -EIO : 0;
}

struct snapshot {
    uintptr_t *address;
    size_t count, room;
};

static int snapshot_by_address(const void *a, const void *b)
{
    uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
    return (x > y) - (x < y);
}

/* One line; 1 = read, 0 = the end, -EINVAL. type has room for 64. */
static int snapshot_line(FILE *f, uintptr_t *address, char *type, uint64_t *bytes)
{
    char line[256], *end;
    if (!fgets(line, sizeof line, f))
        return 0;
    errno = 0;
    *address = (uintptr_t)strtoull(line, &end, 16);
    if (end == line || *end != ' ' || errno)
        return -EINVAL;
    char *name = end + 1, *after = strchr(name, ' ');
    if (!after || after == name || after - name > 63)
        return -EINVAL;
    memcpy(type, name, (size_t)(after - name));
    type[after - name] = '\0';
    *bytes = strtoull(after + 1, &end, 10);
    if (end == after + 1 || *end != ' ' || errno)
        return -EINVAL;
    strtoull(end + 1, &after, 10);
    return after == end + 1 || *after != '\n' || errno ? -EINVAL : 1;
}

static int snapshot_head(FILE *f, size_t *line)
{
    char head[64];
    *line = 1;
    return fgets(head, sizeof head, f) && strcmp(head, SNAPSHOT_HEAD) == 0 ? 0 : -EINVAL;
}

int heap_snapshot_diff(FILE *a, FILE *b, struct heap_census *only_b, char names[HEAP_ROWS_MAX][64],
                       size_t *line)
{
    struct snapshot old = {0};
    char type[64];
    uintptr_t address;
    uint64_t bytes;
    *only_b = (struct heap_census){.rows = 0};
    int err = snapshot_head(a, line), got;
    while (!err && (got = snapshot_line(a, &address, type, &bytes)) != 0) {
        ++*line;
        err = got < 0 ? got : 0;
        if (!err && old.count == old.room) {
            size_t room = old.room ? old.room * 2 : 4096;
            void *wider = realloc(old.address, room * sizeof *old.address);
            err = wider ? 0 : -ENOMEM;
            old.address = wider ? wider : old.address;
            old.room = wider ? room : old.room;
        }
        if (!err)
            old.address[old.count++] = address;
    }
    if (!err && old.count)
        qsort(old.address, old.count, sizeof *old.address, snapshot_by_address);
    err = err ? err : snapshot_head(b, line);
    while (!err && (got = snapshot_line(b, &address, type, &bytes)) != 0) {
        ++*line;
        err = got < 0 ? got : 0;
        if (err ||
            (old.count && bsearch(&address, old.address, old.count, sizeof address, snapshot_by_address)))
            continue;
        size_t i = 0;
        while (i < only_b->rows && strcmp(only_b->row[i].type, type) != 0)
            i++;
        i = i == HEAP_ROWS_MAX ? i - 1 : i;
        if (i == only_b->rows) {
            memcpy(names[i], type, sizeof type);
            only_b->row[only_b->rows++] = (struct heap_row){names[i], 0, 0};
        }
        only_b->row[i].count++;
        only_b->row[i].bytes += bytes;
        only_b->count++;
        only_b->bytes += bytes;
    }
    free(old.address);
    return err;
}

/* --- graphs ----------------------------------------------------------------------------------------------- */

int heap_dot_write(const struct heap_graph *g, const struct object *o, size_t most, FILE *f)
{
    size_t bytes = ((size_t)g->nodes + 1) * sizeof(uint32_t), first = 0, last = 0;
    uint32_t *queue = os_map(&ask_account, bytes, 0, 0), start = o ? heap_graph_find(g, o) : HEAP_NONE;
    unsigned char *seen = os_map(&ask_account, g->nodes + 1, 0, 0);
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
            fprintf(f, "  n%" PRIu32 " [label=\"%s\\n%zu bytes, %" PRIu64 " references\"];\n", n,
                    node->object->type->name, node->bytes, node->references);
            if (node->root != HEAP_NONE && node->parent == HEAP_NONE)
                fprintf(f, "  \"%s\" [shape=ellipse];\n  \"%s\" -> n%" PRIu32 ";\n",
                        g->runtime->root[node->root].name, g->runtime->root[node->root].name, n);
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
        os_unmap(&ask_account, queue, bytes);
    if (seen)
        os_unmap(&ask_account, seen, g->nodes + 1);
    return err ? err : ferror(f) ? -EIO : 0;
}
