/* pymalloc.h: what tests and the preload shim may replace in a pymalloc heap, as CPython lets its arena
 * allocator and raw domain be replaced. To be called after open and before the first request. */
#ifndef HG_ALLOC_PYMALLOC_PYMALLOC_H
#define HG_ALLOC_PYMALLOC_PYMALLOC_H

#include "alloc/alloc.h"

/* Where arenas come from; map returns NULL when there is none. The address need not be aligned. */
struct pymalloc_arena_source {
    void *arg;
    void *(*map)(void *arg, size_t bytes);
    void (*unmap)(void *arg, void *p, size_t bytes);
    /* Faults fresh memory in ahead of its use; false: it cannot, and is not asked again. May be NULL. */
    bool (*populate)(void *arg, void *p, size_t bytes);
};

/* Who serves what pymalloc does not: the C library's malloc family. */
struct pymalloc_raw {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *p, size_t size);
    void (*free)(void *p);
    void *(*aligned)(size_t align, size_t size);
    size_t (*usable)(void *p);
};

void pymalloc_set_arena_source(struct alloc *a, const struct pymalloc_arena_source *source);
void pymalloc_set_raw(struct alloc *a, const struct pymalloc_raw *raw);

/* CPython's address_in_range: does p lie in an arena of this heap? p need not be mapped (layout 3.10); layout
 * 3.9 reads the start of p's page. */
bool pymalloc_owns(const struct alloc *a, const void *p);

/* For tests: do the conservation laws hold (valid.c)? */
bool pymalloc_heap_is_valid(const struct alloc *a);

#endif
