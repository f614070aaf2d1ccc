/* heap.h: looking into the heap, at quiescence (GIL held, or the world stopped).
 *
 * A root is a place outside the heap that holds references: a workload registers its tables, so that a walk
 * from the roots and from the tracked objects sees every reference there is. */
#ifndef HG_GC_HEAP_H
#define HG_GC_HEAP_H

#include "state.h"

/* at[0..count) hold references or NULL until removed. name is for people (not copied). 0 or -ENOMEM. */
int heap_root_add(struct runtime *r, const char *name, struct object **at, size_t count);
void heap_root_remove(struct runtime *r, struct object **at);
void heap_roots_close(struct runtime *r);

#endif
