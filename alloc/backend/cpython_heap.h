/* cpython_heap.h: the heap of a libpython, read from the text of its _PyObject_DebugMallocStats, which has the
 * figures of sys._debugmallocstats(). */
#ifndef HG_ALLOC_BACKEND_CPYTHON_HEAP_H
#define HG_ALLOC_BACKEND_CPYTHON_HEAP_H

#include "alloc/alloc.h"

#include <stdio.h>

#define CPYTHON_CLASSES     32
#define CPYTHON_CLASS_BYTES 16u /* the smallest class, and the step to the next */

enum cpython_figure {
    FIGURE_TOTAL,
    FIGURE_RECLAIMED,
    FIGURE_HIGHWATER,
    FIGURE_CURRENT,
    FIGURE_ALLOCATED,
    FIGURE_AVAILABLE,
    FIGURE_UNUSED_POOLS,
    FIGURE_HEADERS,
    FIGURE_QUANTIZATION,
    FIGURE_ALIGNMENT,
    FIGURE_ARENA_BYTES, /* of all arenas */
    FIGURES
};

struct cpython_heap {
    struct {
        uint64_t pools, blocks, available;
    } class[CPYTHON_CLASSES];
    uint64_t figure[FIGURES];
    bool known[FIGURES];
};

typedef int cpython_print_stats_fn(FILE *to); /* 0: this build has no pymalloc, or does not use it */

/* false: it could not be read, or not all of it is there. */
bool cpython_heap_read(cpython_print_stats_fn *print_stats, struct cpython_heap *heap);
uint64_t cpython_heap_blocks(const struct cpython_heap *heap);
/* What came after base was read, when base was filled: no pool of it had room, no arena an unused pool. */
void cpython_heap_subtract(struct cpython_heap *heap, const struct cpython_heap *base);
void cpython_heap_report(const struct cpython_heap *heap, const struct alloc_sink *sink);

/* Fills every pool that is in use and every pool that is not with blocks which stay for ever: the next block of
 * any class is the first of a new arena, as in a heap that nobody has used. filled: the heap after that. false:
 * no memory, or it cannot be read. */
bool cpython_heap_fill(cpython_print_stats_fn *print_stats, void *(*object_malloc)(size_t size),
                       struct cpython_heap *filled);

#endif
