/* snapshot.c: see snapshot.h. */
#include "snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_LINE 512

/* --- writing -------------------------------------------------------------------------------------------- */

typedef void snapshot_put(void *arg, const char *line, size_t bytes);

static bool snapshot_name_char(char c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '\\';
}

/* A name as the format allows it. */
static const char *snapshot_name(char out[HEAP_NAME_BYTES], const char *name)
{
    size_t n = 0;
    for (; name[n] && n + 1 < HEAP_NAME_BYTES; n++)
        out[n] = snapshot_name_char(name[n]) ? name[n] : '_';
    out[n] = '\0';
    return n ? out : "?";
}

static void snapshot_print(snapshot_put *put, void *arg, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void snapshot_print(snapshot_put *put, void *arg, const char *format, ...)
{
    char line[SNAPSHOT_LINE];
    va_list args;
    va_start(args, format);
    put(arg, line, (size_t)vsnprintf(line, sizeof line, format, args));
    va_end(args);
}

static void snapshot_object(const struct heap_graph *g, const struct heap_node *node, snapshot_put *put,
                            void *arg)
{
    char name[HEAP_NAME_BYTES], count[24] = "immortal";
    if (node->counted != HEAP_IMMORTAL)
        snprintf(count, sizeof count, "%" PRId64, node->counted);
    snapshot_print(put, arg, "object 0x%" PRIxPTR " %s %zu %s\n", (uintptr_t)node->object,
                   snapshot_name(name, node->type), node->bytes, count);
    for (uint32_t e = 0; e < node->edges; e++)
        snapshot_print(put, arg, "to 0x%" PRIxPTR "\n", (uintptr_t)g->node[g->edge[node->first + e]].object);
}

void heap_snapshot_write(const struct heap_graph *g, uint64_t id, snapshot_put *put, void *arg)
{
    char name[HEAP_NAME_BYTES];
    snapshot_print(put, arg, "heapgauge-heap 2 %016" PRIx64 "\n", id);
    for (uint32_t h = 0; h < g->holds; h++)
        snapshot_print(put, arg, "root 0x%" PRIxPTR " %s\n", (uintptr_t)g->node[g->hold[h].node].object,
                       snapshot_name(name, g->root_name[g->hold[h].root]));
    for (uint32_t n = 0; n < g->nodes; n++)
        snapshot_object(g, &g->node[n], put, arg);
    snapshot_print(put, arg, "end %" PRIu32 "\n", g->nodes);
}

/* --- reading -------------------------------------------------------------------------------------------- */

struct snapshot_reader {
    struct heap_snapshot *s;
    const char *path;
    unsigned line;
    uint32_t objects, current; /* current: the node of the last object line, HEAP_NONE before the first */
    bool ended;
    struct message *m;
};

static int snapshot_wrong(struct snapshot_reader *r, const char *word, const char *expected)
{
    return message_set(r->m, -EINVAL, "%s:%u: '%.80s' is not %s", r->path, r->line, word, expected);
}

/* The next word of the line, or "" where there is none; words end in one space, the last in none. */
static char *snapshot_word(char **at)
{
    char *word = *at, *end = strchr(word, ' ');
    if (end)
        *end++ = '\0';
    else
        end = word + strlen(word);
    *at = end;
    return word;
}

/* A whole number without a sign. */
static bool snapshot_number(const char *word, int base, uint64_t *out)
{
    char *end;
    if (base == 16) {
        if (strncmp(word, "0x", 2) != 0)
            return false;
        word += 2;
    }
    if (!*word || *word == '-' || *word == '+' || *word == ' ' || (base == 16 && word[1] == 'x'))
        return false;
    errno = 0;
    *out = strtoull(word, &end, base);
    return !*end && !errno;
}

static int snapshot_address(struct snapshot_reader *r, char **at, struct object **out)
{
    uint64_t address;
    const char *word = snapshot_word(at);
    if (!snapshot_number(word, 16, &address) || !address)
        return snapshot_wrong(r, word, "an address: 0x and hexadecimal digits");
    *out = (struct object *)(uintptr_t)address;
    return 0;
}

/* The one copy of a name. */
static int snapshot_intern(struct snapshot_reader *r, const char *word, const char **out)
{
    struct heap_snapshot *s = r->s;
    size_t n = 0;
    while (snapshot_name_char(word[n]))
        n++;
    if (word[n] || !n || n >= HEAP_NAME_BYTES)
        return snapshot_wrong(r, word,
                              "a name: 1 to 63 printable characters without space, quote or backslash");
    for (size_t i = 0; i < s->names; i++)
        if (strcmp(s->name[i], word) == 0) {
            *out = s->name[i];
            return 0;
        }
    if (s->names == HEAP_NAMES_MAX)
        return message_set(r->m, -EINVAL, "%s:%u: more than %d names of types and roots", r->path, r->line,
                           HEAP_NAMES_MAX);
    memcpy(s->name[s->names], word, n + 1);
    *out = s->name[s->names++];
    return 0;
}

static int snapshot_no_memory(struct snapshot_reader *r)
{
    return message_set(r->m, -ENOMEM, "%s:%u: no memory for a heap that large", r->path, r->line);
}

static int snapshot_read_root(struct snapshot_reader *r, char *at)
{
    struct heap_graph *g = &r->s->graph;
    struct object *o;
    const char *name;
    int err = snapshot_address(r, &at, &o);
    err = err ? err : snapshot_intern(r, snapshot_word(&at), &name);
    if (err)
        return err;
    uint32_t root = 0;
    while (root < g->roots && g->root_name[root] != name)
        root++;
    if ((root == g->roots && heap_graph_root(g, name)) || heap_graph_hold(g, root, o))
        return snapshot_no_memory(r);
    return *at ? snapshot_wrong(r, at, "expected after a root's name") : 0;
}

static int snapshot_read_object(struct snapshot_reader *r, char *at)
{
    struct heap_graph *g = &r->s->graph;
    struct object *o;
    const char *type, *word;
    uint64_t bytes, count = 0;
    int err = snapshot_address(r, &at, &o);
    err = err ? err : snapshot_intern(r, snapshot_word(&at), &type);
    if (err)
        return err;
    word = snapshot_word(&at);
    if (!snapshot_number(word, 10, &bytes) || bytes > PTRDIFF_MAX)
        return snapshot_wrong(r, word, "a number of bytes");
    word = snapshot_word(&at);
    bool immortal = strcmp(word, "immortal") == 0;
    if (!immortal && (!snapshot_number(word, 10, &count) || count > INT64_MAX))
        return snapshot_wrong(r, word, "a reference count, or 'immortal'");
    if (*at)
        return snapshot_wrong(r, at, "expected after a reference count");
    uint32_t n = heap_graph_add(g, o);
    if (n == HEAP_NONE)
        return snapshot_no_memory(r);
    struct heap_node *node = &g->node[n];
    if (node->known)
        return message_set(r->m, -EINVAL, "%s:%u: object 0x%" PRIxPTR " has a line already", r->path, r->line,
                           (uintptr_t)o);
    node->type = type;
    node->bytes = (size_t)bytes;
    node->counted = immortal ? HEAP_IMMORTAL : (int64_t)count;
    node->first = g->edges;
    node->known = true;
    node->is_class = strcmp(type, "type") == 0;
    r->current = n;
    r->objects++;
    return 0;
}

static int snapshot_read_to(struct snapshot_reader *r, char *at)
{
    struct heap_graph *g = &r->s->graph;
    struct object *o;
    int err = snapshot_address(r, &at, &o);
    if (err)
        return err;
    if (*at)
        return snapshot_wrong(r, at, "expected after an address");
    if (r->current == HEAP_NONE)
        return message_set(r->m, -EINVAL, "%s:%u: 'to' before the first object", r->path, r->line);
    if (heap_graph_refer(g, o))
        return snapshot_no_memory(r);
    g->node[r->current].edges++;
    return 0;
}

static int snapshot_read_end(struct snapshot_reader *r, char *at)
{
    uint64_t objects;
    if (!snapshot_number(at, 10, &objects) || objects != r->objects)
        return message_set(r->m, -EINVAL, "%s:%u: 'end %.40s', but there were %" PRIu32 " objects", r->path,
                           r->line, at, r->objects);
    r->ended = true;
    return 0;
}

static int snapshot_read_line(struct snapshot_reader *r, char *line)
{
    char *at = line;
    const char *word = snapshot_word(&at);
    if (r->line == 1) {
        if (strcmp(word, "heapgauge-heap") != 0 || strcmp(snapshot_word(&at), "2") != 0 || strlen(at) != 16)
            return message_set(r->m, -EINVAL,
                               "%s:1: not a heap snapshot (run --heap-snapshot writes one: its first line is "
                               "'heapgauge-heap 2' and 16 digits)",
                               r->path);
        char *end;
        r->s->id = strtoull(at, &end, 16);
        return *end ? snapshot_wrong(r, at, "16 hexadecimal digits") : 0;
    }
    if (r->ended)
        return snapshot_wrong(r, word, "expected after 'end'");
    if (strcmp(word, "object") == 0)
        return snapshot_read_object(r, at);
    if (strcmp(word, "to") == 0)
        return snapshot_read_to(r, at);
    if (strcmp(word, "root") == 0)
        return snapshot_read_root(r, at);
    if (strcmp(word, "end") == 0)
        return snapshot_read_end(r, at);
    return snapshot_wrong(r, word, "one of root, object, to, end");
}

static int snapshot_read_lines(struct snapshot_reader *r, FILE *f)
{
    char line[SNAPSHOT_LINE];
    while (fgets(line, sizeof line, f)) {
        size_t n = strlen(line);
        r->line++;
        if (n && line[n - 1] == '\n')
            line[n - 1] = '\0';
        else if (n + 1 == sizeof line)
            return message_set(r->m, -EINVAL, "%s:%u: the line is longer than any of a snapshot", r->path,
                               r->line);
        int err = snapshot_read_line(r, line);
        if (err)
            return err;
    }
    if (ferror(f))
        return message_set(r->m, -EIO, "cannot read %s", r->path);
    if (!r->ended)
        return message_set(r->m, -EINVAL, "%s:%u: cut short: the last line is not 'end'", r->path, r->line);
    const struct heap_graph *g = &r->s->graph;
    for (uint32_t n = 0; n < g->nodes; n++)
        if (!g->node[n].known)
            return message_set(r->m, -EINVAL, "%s: 0x%" PRIxPTR " is referred to, but has no object line",
                               r->path, (uintptr_t)g->node[n].object);
    return 0;
}

int heap_snapshot_read(struct heap_snapshot *s, FILE *f, const char *path, struct message *m)
{
    struct snapshot_reader r = {.s = s, .path = path, .current = HEAP_NONE, .m = m};
    *s = (struct heap_snapshot){.name = calloc(HEAP_NAMES_MAX, sizeof *s->name)};
    int err = !s->name || heap_graph_open(&s->graph) ? snapshot_no_memory(&r) : snapshot_read_lines(&r, f);
    if (!err && heap_graph_chains(&s->graph))
        err = snapshot_no_memory(&r);
    if (err)
        heap_snapshot_free(s);
    return err;
}

void heap_snapshot_free(struct heap_snapshot *s)
{
    heap_graph_free(&s->graph);
    free(s->name);
    *s = (struct heap_snapshot){.names = 0};
}

/* --- differences ---------------------------------------------------------------------------------------- */

static struct heap_change *snapshot_row(struct heap_changes *c, const char *type)
{
    size_t i = 0;
    while (i < c->rows && strcmp(c->row[i].type, type) != 0)
        i++;
    if (i == HEAP_ROWS_MAX) {
        c->row[i - 1].type = HEAP_OTHERS;
        return &c->row[i - 1];
    }
    if (i == c->rows)
        c->row[c->rows++] = (struct heap_change){.type = type};
    return &c->row[i];
}

static bool snapshot_has(const struct heap_graph *g, const struct heap_node *node)
{
    uint32_t n = heap_graph_find(g, node->object);
    return n != HEAP_NONE && strcmp(g->node[n].type, node->type) == 0;
}

static int snapshot_by_growth(const void *a, const void *b)
{
    const struct heap_change *x = a, *y = b;
    int64_t grown_x = (int64_t)(x->made_bytes - x->gone_bytes),
            grown_y = (int64_t)(y->made_bytes - y->gone_bytes);
    return (grown_x < grown_y) - (grown_x > grown_y);
}

void heap_snapshot_diff(const struct heap_snapshot *older, const struct heap_snapshot *newer,
                        struct heap_changes *out)
{
    out->rows = 0;
    for (uint32_t n = 0; n < newer->graph.nodes; n++) {
        const struct heap_node *node = &newer->graph.node[n];
        if (snapshot_has(&older->graph, node))
            continue;
        struct heap_change *row = snapshot_row(out, node->type);
        row->made++;
        row->made_bytes += node->bytes;
    }
    for (uint32_t n = 0; n < older->graph.nodes; n++) {
        const struct heap_node *node = &older->graph.node[n];
        if (snapshot_has(&newer->graph, node))
            continue;
        struct heap_change *row = snapshot_row(out, node->type);
        row->gone++;
        row->gone_bytes += node->bytes;
    }
    qsort(out->row, out->rows, sizeof *out->row, snapshot_by_growth);
}
