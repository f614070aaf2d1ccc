/* census.c: objects and bytes by type, what grew, and what holds it (graph.h). */
#include "graph.h"

#include "alloc/base/os.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct os_account census_account;

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
        c->row[--i].type = HEAP_OTHERS;
    else if (i == c->rows)
        c->row[c->rows++] = (struct heap_row){type, 0, 0};
    c->row[i].count += count;
    c->row[i].bytes += bytes;
    c->count += count;
    c->bytes += bytes;
}

void heap_graph_census(const struct heap_graph *g, struct heap_census *census)
{
    *census = (struct heap_census){.rows = 0};
    for (uint32_t n = 0; n < g->nodes; n++)
        heap_census_add(census, g->node[n].type, 1, g->node[n].bytes);
    heap_census_sort(census);
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

/* The containers that grew are what somebody made and kept; plain values hang on them. */
static const struct heap_row *heap_most_grown(const struct heap_graph *g, const struct heap_census *growth)
{
    for (size_t i = 0; i < growth->rows; i++)
        for (uint32_t n = 0; n < g->nodes; n++)
            if (g->node[n].instance && strcmp(g->node[n].type, growth->row[i].type) == 0)
                return &growth->row[i];
    return &growth->row[0];
}

/* Places of one name are one root to a reader: a table a thread. Their counts are gathered in the first of
 * them. */
static uint32_t heap_most_holding(const struct heap_graph *g, const char *type, uint64_t *most)
{
    size_t bytes = (g->roots + 1) * sizeof(uint64_t);
    uint64_t *held = os_map(&census_account, bytes, 0, 0);
    uint32_t best = HEAP_NONE;
    *most = 0;
    if (!held)
        return HEAP_NONE;
    for (uint32_t n = 0; n < g->nodes; n++)
        if (g->node[n].root != HEAP_NONE && strcmp(g->node[n].type, type) == 0)
            held[g->node[n].root]++;
    for (size_t i = 0; i < g->roots; i++) {
        size_t first = 0;
        while (strcmp(g->root_name[first], g->root_name[i]) != 0)
            first++;
        if (first != i)
            held[first] += held[i];
    }
    for (size_t i = 0; i < g->roots; i++)
        if (held[i] > *most) {
            *most = held[i];
            best = (uint32_t)i;
        }
    os_unmap(&census_account, held, bytes);
    return best;
}

bool heap_leak_report(const struct heap_graph *now, const struct heap_census *growth, char *text, size_t size)
{
    uint64_t held;
    text[0] = '\0';
    if (growth->rows == 0)
        return false;
    const struct heap_row *most = heap_most_grown(now, growth);
    uint32_t root = heap_most_holding(now, most->type, &held);
    snprintf(text, size,
             "%s grew by %" PRIu64 " objects and %" PRIu64 " bytes; %" PRIu64 " of its objects hang on %s",
             most->type, most->count, most->bytes, held,
             root == HEAP_NONE ? "no root (a cycle)" : now->root_name[root]);
    return true;
}
