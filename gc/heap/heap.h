/* heap.h: looking into the heap, at quiescence: the caller holds the GIL, or has stopped the world, and no
 * thread is in the middle of an operation. What sys.getrefcount, gc.get_referrers, objgraph and heapy give a
 * Python user.
 *
 * A walk sees every container that is alive (the collector's lists, or the threads' registries), what they
 * refer to, and the roots (gc/runtime/roots.h). Memory for the walk is mapped, never taken from the measured
 * allocator. */
#ifndef HG_GC_HEAP_HEAP_H
#define HG_GC_HEAP_HEAP_H

#include "graph.h"
#include "gc/collect/collector.h"

/* Every reference that o holds: as its traverse, and the keys of a dict of strs that a collector may leave
 * out. */
int heap_each_reference(struct object *o, object_visit *visit, void *arg);

/* The picture: what gc/heap/graph.h asks. 0, or -ENOMEM. Immortal objects and classes are in it like
 * others. */
int heap_graph_make(struct heap_graph *g, struct runtime *r);

/* Heap checker: calls wrong(arg, o, counted, found) for every object whose count is not what the walk found;
 * returns how many there are, or -ENOMEM. References that the caller holds outside roots are not found: hold
 * none. Always 0 where nothing is counted (rc tracing). */
int64_t heap_check(struct runtime *r,
                   void (*wrong)(void *arg, struct object *o, int64_t counted, uint64_t found), void *arg);

/* The runtime holds it without a root: small ints, the empty tuple, immortal objects, classes. */
bool heap_is_runtimes_own(const struct runtime *r, const struct object *o);

/* Garbage, exactly: what no root reaches and is not freed yet, whatever the reason. The walk follows
 * references from the roots alone and knows no counts and no collector; it changes nothing. What only a
 * thread's stack holds counts as garbage: call it where no thread holds such a reference (a safepoint). What
 * the runtime itself holds is in neither figure. Scratch: 1/64 of the heap's address space and a stack of
 * references. 0 or -ENOMEM. */
struct heap_garbage {
    uint64_t reached;        /* objects that roots reach */
    uint64_t garbage, bytes; /* objects, and their bytes */
};
int heap_garbage(struct runtime *r, struct heap_garbage *found);

#endif
