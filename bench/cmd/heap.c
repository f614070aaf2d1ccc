/* heap.c: heapgauge heap: questions to snapshots of a heap of objects (run --heap-snapshot; format:
 * gc/heap/snapshot.h).
 *
 *   census FILE            objects and bytes by type, and an address of each type to ask on with
 *   diff OLDER FILE        what came and went between two snapshots of one process, by type
 *   object FILE ADDRESS    its count, what it retains, a shortest chain from a root, who refers to it, what
 *                          it refers to
 *   dot FILE               a graph for Graphviz, breadth first from the roots or from an object */
#include "cmd.h"

#include "gc/heap/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEAP_OPTIONS(P, S)                                                     \
    P(S, COUNT, limit, "20", "1-1M",                                           \
      "print at most this many rows, objects of a list or objects of a graph") \
    P(S, TEXT, from, "", "", "with dot: the object to start from, for example 0x7f12a0; by default the roots")
PARAM_STRUCT(heap_options, HEAP_OPTIONS)

const struct param *cmd_heap_options(void)
{
    static const struct param table[] = PARAM_ROWS(heap_options, HEAP_OPTIONS);
    return table;
}

static int heap_read(struct heap_snapshot *out, const char *path, struct message *m)
{
    FILE *in = fopen(path, "re");
    if (!in)
        return message_set(m, -errno, "cannot read %s: %s", path, strerror(errno));
    int err = heap_snapshot_read(out, in, path, m);
    fclose(in);
    return err;
}

/* The object of that address. */
static int heap_object_of(const struct heap_snapshot *s, const char *path, const char *word, uint32_t *n,
                          struct message *m)
{
    char *end;
    errno = 0;
    unsigned long long address = strtoull(word, &end, 16);
    if (strncmp(word, "0x", 2) != 0 || end == word + 2 || *end || errno)
        return message_set(m, -EINVAL,
                           "heap: '%.80s' is not an address: 0x and hexadecimal digits (heapgauge "
                           "heap census %.200s prints some)",
                           word, path);
    *n = heap_graph_find(&s->graph, (struct object *)(uintptr_t)address);
    return *n != HEAP_NONE ? 0 : message_set(m, -EINVAL, "heap: no object at %.80s in %.200s", word, path);
}

/* --- census, diff --------------------------------------------------------------------------------------- */

/* The largest of a type stands for it. */
static uintptr_t heap_example(const struct heap_graph *g, const char *type)
{
    const struct heap_node *largest = NULL;
    for (uint32_t n = 0; n < g->nodes; n++)
        if (g->node[n].type == type && (!largest || g->node[n].bytes > largest->bytes))
            largest = &g->node[n];
    return largest ? (uintptr_t)largest->object : 0;
}

static int heap_census(const struct heap_snapshot *s, const struct heap_options *o)
{
    static struct heap_census c;
    heap_graph_census(&s->graph, &c);
    printf("%" PRIu64 " objects, %" PRIu64 " bytes, %zu types\n", c.count, c.bytes, c.rows);
    printf("%-32s %10s %14s  %s\n", "type", "objects", "bytes", "its largest");
    for (size_t i = 0; i < c.rows && i < o->limit; i++) {
        uintptr_t example = heap_example(&s->graph, c.row[i].type);
        printf("%-32s %10" PRIu64 " %14" PRIu64, c.row[i].type, c.row[i].count, c.row[i].bytes);
        if (example)
            printf("  0x%" PRIxPTR "\n", example);
        else
            printf("  -\n");
    }
    return 0;
}

static int heap_diff(const struct heap_snapshot *older, const struct heap_snapshot *s,
                     const struct heap_options *o, struct message *m)
{
    static struct heap_changes c;
    if (older->id != s->id)
        return message_set(
            m, -EINVAL,
            "heap: these snapshots are of two processes, whose addresses have nothing to do with one "
            "another: diff takes FILE.begin, FILE.peak or FILE.drained of one run");
    heap_snapshot_diff(older, s, &c);
    printf("%-32s %9s %9s %12s\n", "type", "came", "went", "bytes");
    for (size_t i = 0; i < c.rows && i < o->limit; i++)
        printf("%-32s %+9" PRId64 " %+9" PRId64 " %+12" PRId64 "\n", c.row[i].type, (int64_t)c.row[i].made,
               -(int64_t)c.row[i].gone, (int64_t)(c.row[i].made_bytes - c.row[i].gone_bytes));
    return 0;
}

/* --- object --------------------------------------------------------------------------------------------- */

static void heap_print_node(const struct heap_graph *g, uint32_t n)
{
    printf("  0x%" PRIxPTR " %s, %zu bytes\n", (uintptr_t)g->node[n].object, g->node[n].type,
           g->node[n].bytes);
}

struct heap_listing {
    const struct heap_graph *g;
    uint64_t shown, limit;
};

static int heap_print_referrer(struct object *o, void *arg)
{
    struct heap_listing *l = arg;
    if (l->shown++ < l->limit)
        heap_print_node(l->g, heap_graph_find(l->g, o));
    return 0;
}

static void heap_print_rest(uint64_t count, uint64_t limit)
{
    if (count > limit)
        printf("  and %" PRIu64 " more (--limit)\n", count - limit);
}

static int heap_print_chain(const struct heap_graph *g, uint32_t n, uint64_t limit, struct message *m)
{
    const char *root = NULL;
    size_t length = heap_chain(g, g->node[n].object, &root, NULL, 0);
    if (!length) {
        printf("no root reaches it\n");
        return 0;
    }
    struct object **chain = calloc(length, sizeof *chain);
    if (!chain)
        return message_set(m, -ENOMEM, "heap: no memory for a chain of %zu objects", length);
    heap_chain(g, g->node[n].object, &root, chain, length);
    printf("a shortest chain from a root, of %zu: %s\n", length, root);
    for (size_t i = 0; i < length; i++)
        if (i < limit || i + 1 == length)
            heap_print_node(g, heap_graph_find(g, chain[i]));
        else if (i == limit)
            printf("  ... %zu more ...\n", length - (size_t)limit - 1);
    free(chain);
    return 0;
}

static int heap_object(const struct heap_snapshot *s, uint32_t n, const struct heap_options *o,
                       struct message *m)
{
    const struct heap_graph *g = &s->graph;
    const struct heap_node *node = &g->node[n];
    int64_t retained = heap_retained(g, node->object);
    if (retained < 0)
        return message_set(m, -ENOMEM, "heap: no memory for what it retains");
    heap_print_node(g, n);
    if (node->counted == HEAP_IMMORTAL)
        printf("immortal, %" PRIu64 " references found", node->references);
    else
        printf("count %" PRId64 ", %" PRIu64 " references found", node->counted, node->references);
    printf("; retains %" PRId64 " bytes, its own among them\n", retained);
    int err = heap_print_chain(g, n, o->limit, m);
    if (err)
        return err;
    struct heap_listing l = {g, 0, o->limit};
    printf("referred to by\n");
    for (uint32_t h = 0; h < g->holds; h++)
        if (g->hold[h].node == n && l.shown++ < l.limit)
            printf("  root %s\n", g->root_name[g->hold[h].root]);
    heap_referrers(g, node->object, heap_print_referrer, &l);
    heap_print_rest(l.shown, o->limit);
    printf("refers to\n");
    for (uint32_t e = 0; e < node->edges && e < o->limit; e++)
        heap_print_node(g, g->edge[node->first + e]);
    heap_print_rest(node->edges, o->limit);
    return 0;
}

/* --- the verb ------------------------------------------------------------------------------------------- */

static int heap_run(const char *what, char **words, const struct heap_options *o, struct message *m)
{
    struct heap_snapshot s = {.names = 0}, older = {.names = 0};
    bool diff = strcmp(what, "diff") == 0, dot = strcmp(what, "dot") == 0;
    const char *path = words[diff ? 1 : 0], *address = dot ? o->from : words[1];
    uint32_t n = HEAP_NONE;
    int err = diff ? heap_read(&older, words[0], m) : 0;
    if (!err)
        err = heap_read(&s, path, m);
    if (!err && ((dot && address[0]) || strcmp(what, "object") == 0))
        err = heap_object_of(&s, path, address, &n, m);
    if (!err && diff)
        err = heap_diff(&older, &s, o, m);
    else if (!err && dot)
        err =
            heap_dot_write(&s.graph, n == HEAP_NONE ? NULL : s.graph.node[n].object, (size_t)o->limit, stdout)
                ? message_set(m, -EIO, "heap: cannot write the graph")
                : 0;
    else if (!err)
        err = strcmp(what, "census") == 0 ? heap_census(&s, o) : heap_object(&s, n, o, m);
    if (!err && fflush(stdout) != 0)
        err = message_set(m, -errno, "cannot write to standard output: %s", strerror(errno));
    heap_snapshot_free(&s);
    heap_snapshot_free(&older);
    return err;
}

int cmd_heap(const struct command *self, int argc, char **argv)
{
    static const struct {
        const char *name;
        int words;
    } topics[] = {{"census", 1}, {"diff", 2}, {"object", 2}, {"dot", 1}};
    const char *names[sizeof topics / sizeof *topics];
    struct heap_options o;
    struct message m;
    int positional, err = option_parse(self, &o, argc, argv, &positional, &m);
    if (err)
        return err > 0 ? EXIT_DONE : option_refuse(&m);
    size_t count = sizeof topics / sizeof *topics, i = 0;
    for (size_t t = 0; t < count; t++)
        names[t] = topics[t].name;
    while (i < count && positional && strcmp(argv[0], topics[i].name) != 0)
        i++;
    if (positional && i == count) {
        const char *near = param_nearest(argv[0], names, count);
        message_set(&m, 0, "heap: '%.80s' is not one of census, diff, object, dot%s%s%s", argv[0],
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        return option_refuse(&m);
    }
    if (!positional || positional != topics[i].words + 1) {
        message_set(&m, -EINVAL, "usage: heapgauge %s %s", self->name, self->usage);
        return option_refuse(&m);
    }
    if (o.from[0] && strcmp(argv[0], "dot") != 0) {
        message_set(&m, -EINVAL, "heap: --from goes with dot");
        return option_refuse(&m);
    }
    err = heap_run(argv[0], argv + 1, &o, &m);
    return err ? option_refuse(&m) : EXIT_DONE;
}
