/* cpython_heap.c: see cpython_heap.h. */
#include "cpython_heap.h"

#include "alloc/base/compiler.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define HEAP_STATS_BYTES ((size_t)64 << 10) /* the text is 5 KiB */

/* label: what stands before the '=', after any leading number; key: of heap{}, NULL when it has none. */
static const struct {
    const char *label, *key;
} heap_figures[FIGURES] = {
    [FIGURE_TOTAL] = {"# arenas allocated total", "heap.arenas_allocated_total"},
    [FIGURE_RECLAIMED] = {"# arenas reclaimed", "heap.arenas_reclaimed"},
    [FIGURE_HIGHWATER] = {"# arenas highwater mark", "heap.arenas_highwater"},
    [FIGURE_CURRENT] = {"# arenas allocated current", "heap.arenas_current"},
    [FIGURE_ALLOCATED] = {"# bytes in allocated blocks", "heap.bytes_allocated"},
    [FIGURE_AVAILABLE] = {"# bytes in available blocks", "heap.bytes_available"},
    [FIGURE_UNUSED_POOLS] = {"unused pools", "heap.bytes_unused_pools"},
    [FIGURE_HEADERS] = {"# bytes lost to pool headers", "heap.bytes_pool_headers"},
    [FIGURE_QUANTIZATION] = {"# bytes lost to quantization", "heap.bytes_quantization"},
    [FIGURE_ALIGNMENT] = {"# bytes lost to arena alignment", "heap.bytes_arena_alignment"},
    [FIGURE_ARENA_BYTES] = {"arenas", NULL},
};

/* A number with thousands separators; false when there is none. */
static bool heap_number(const char **at, uint64_t *out)
{
    const char *p = *at + strspn(*at, " ");
    if (!isdigit((unsigned char)*p))
        return false;
    uint64_t n = 0;
    for (; isdigit((unsigned char)*p) || *p == ','; p++)
        if (*p != ',' && (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, *p - '0', &n)))
            return false;
    *out = n;
    *at = p;
    return true;
}

/* "class size pools blocks available", or "[N] label ... = VALUE"; any other line is passed over. */
static void heap_line(const char *line, struct cpython_heap *heap)
{
    const char *at = line;
    uint64_t column[5];
    unsigned columns = 0;
    while (columns < 5 && heap_number(&at, &column[columns]))
        columns++;
    if (columns == 5 && column[0] < CPYTHON_CLASSES) {
        heap->class[column[0]].pools = column[2];
        heap->class[column[0]].blocks = column[3];
        heap->class[column[0]].available = column[4];
        return;
    }
    const char *value = strchr(line, '=');
    uint64_t n;
    if (columns > 1 || !value || (value++, !heap_number(&value, &n)))
        return;
    at += strspn(at, " ");
    for (unsigned i = 0; i < FIGURES; i++) {
        size_t length = strlen(heap_figures[i].label);
        if (strncmp(at, heap_figures[i].label, length) == 0 && at[length] == ' ' && !heap->known[i]) {
            heap->figure[i] = n;
            heap->known[i] = true;
            return;
        }
    }
}

bool cpython_heap_read(cpython_print_stats_fn *print_stats, struct cpython_heap *heap)
{
    memset(heap, 0, sizeof *heap);
    char *text = calloc(1, HEAP_STATS_BYTES);
    FILE *to = text ? fmemopen(text, HEAP_STATS_BYTES - 1, "w") : NULL;
    bool ok = to && print_stats(to) != 0 && fflush(to) == 0;
    if (to)
        fclose(to);
    for (char *line = text, *end; ok && line; line = end) {
        end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        heap_line(line, heap);
    }
    free(text);
    for (unsigned i = 0; i < FIGURES; i++)
        ok = ok && heap->known[i];
    return ok;
}

uint64_t cpython_heap_blocks(const struct cpython_heap *heap)
{
    uint64_t blocks = 0;
    for (unsigned i = 0; i < CPYTHON_CLASSES; i++)
        blocks += heap->class[i].blocks;
    return blocks;
}

void cpython_heap_subtract(struct cpython_heap *heap, const struct cpython_heap *base)
{
    for (unsigned i = 0; i < CPYTHON_CLASSES; i++) {
        heap->class[i].pools -= base->class[i].pools;
        heap->class[i].blocks -= base->class[i].blocks;
        heap->class[i].available -= base->class[i].available;
    }
    for (unsigned i = 0; i < FIGURES; i++)
        heap->figure[i] -= base->figure[i];
}

void cpython_heap_report(const struct cpython_heap *heap, const struct alloc_sink *sink)
{
    for (unsigned c = 0; c < CPYTHON_CLASSES; c++) {
        const struct {
            const char *name;
            uint64_t value;
        } rows[] = {{"size", (c + 1) * 16},
                    {"pools", heap->class[c].pools},
                    {"blocks", heap->class[c].blocks},
                    {"available", heap->class[c].available}};
        for (size_t i = 0; i < array_length(rows); i++) {
            char key[64];
            snprintf(key, sizeof key, "heap.classes.%u.%s", c, rows[i].name);
            sink->integer(sink->arg, key, rows[i].value);
        }
    }
    for (unsigned i = 0; i < FIGURES; i++)
        if (heap_figures[i].key && heap->known[i])
            sink->integer(sink->arg, heap_figures[i].key, heap->figure[i]);
}

static bool heap_fill_class(void *(*object_malloc)(size_t size), unsigned class, uint64_t blocks)
{
    while (blocks--)
        if (!object_malloc((class + 1) * CPYTHON_CLASS_BYTES))
            return false;
    return true;
}

bool cpython_heap_fill(cpython_print_stats_fn *print_stats, void *(*object_malloc)(size_t size),
                       struct cpython_heap *filled)
{
    enum { LAST = CPYTHON_CLASSES - 1, POOL_BYTES = 16384, POOL_BLOCKS = 31, ROUNDS = 64 };
    if (!cpython_heap_read(print_stats, filled))
        return false;
    for (unsigned i = 0; i < CPYTHON_CLASSES; i++)
        if (!heap_fill_class(object_malloc, i, filled->class[i].available))
            return false;
    for (unsigned round = 0; round < ROUNDS && cpython_heap_read(print_stats, filled); round++) {
        uint64_t room =
            filled->class[LAST].available + filled->figure[FIGURE_UNUSED_POOLS] / POOL_BYTES * POOL_BLOCKS;
        /* More arenas where there have been more: so the high-water mark is what there is now, too. */
        if (!room && filled->figure[FIGURE_CURRENT] < filled->figure[FIGURE_HIGHWATER])
            room = 1;
        if (!room)
            return filled->figure[FIGURE_AVAILABLE] == 0;
        if (!heap_fill_class(object_malloc, LAST, room))
            return false;
    }
    return false;
}
