/* heap.h: looking into the heap, at quiescence: the caller holds the GIL, or has stopped the world, and no thread is in
 * the middle of an operation. What sys.getrefcount, gc.get_referrers, objgraph and heapy give a Python user.
 *
 * A walk sees every container that is alive (the collector's lists, or the threads' registries), what they refer to,
 * and the roots: places outside the heap that hold references, which a workload registers. Memory for the walk is
 * mapped, never taken from the measured allocator. */
#ifndef HG_GC_HEAP_H
#define HG_GC_HEAP_H

#include "state.h"

#include <stdio.h>

/* at[0..count) hold references or NULL until removed. name is for people (not copied). 0 or -ENOMEM. */
int heap_root_add(struct runtime *r, const char *name, struct object **at, size_t count);
void heap_root_remove(struct runtime *r, struct object **at);
void heap_roots_close(struct runtime *r);

/* Every reference that o holds: as its traverse, and the keys of a dict of strs that a collector may leave out. */
int heap_each_reference(struct object *o, object_visit *visit, void *arg);

/* --- a picture of the heap ------------------------------------------------------------------------------- */

struct heap_node {
    struct object *object;
    uint64_t references;   /* found by the walk: held by objects and by roots */
    uint32_t first, edges; /* its references: edge[first .. first + edges), indices of nodes */
    uint32_t parent;       /* on a shortest chain from a root; HEAP_NONE: reached by none */
    uint32_t root;         /* the root that chain starts from */
    size_t bytes;
};
#define HEAP_NONE UINT32_MAX

struct heap_graph {
    struct heap_node *node;
    uint32_t *edge;
    uint32_t nodes, edges;
    uint32_t *slot; /* hash table: index of a node, or HEAP_NONE */
    size_t nodes_room, edges_room, slots;
    struct runtime *runtime;
};

/* 0, or -ENOMEM. Immortal objects and classes are in it like others. */
int heap_graph_make(struct heap_graph *g, struct runtime *r);
void heap_graph_free(struct heap_graph *g);
uint32_t heap_graph_find(const struct heap_graph *g, const struct object *o); /* HEAP_NONE: not in it */

/* --- questions -------------------------------------------------------------------------------------------- */

/* Heap checker: calls wrong(arg, o, counted, found) for every object whose count is not what the walk found; returns how
 * many there are, or -ENOMEM. References that the caller holds outside roots are not found: hold none. */
int64_t heap_check(struct runtime *r,
                   void (*wrong)(void *arg, struct object *o, int64_t counted, uint64_t found), void *arg);

/* The runtime holds it without a root: small ints, the empty tuple, immortal objects, classes. */
bool heap_is_runtimes_own(const struct runtime *r, const struct object *o);

/* Garbage, exactly: what no root reaches and is not freed yet, whatever the reason. The walk follows references from the
 * roots alone and knows no counts and no collector; it changes nothing. What only a thread's stack holds counts as garbage:
 * call it where no thread holds such a reference (a safepoint). What the runtime itself holds is in neither figure.
 * Scratch: 1/64 of the heap's address space and a stack of references. 0 or -ENOMEM. */
struct heap_garbage {
    uint64_t reached;        /* objects that roots reach */
    uint64_t garbage, bytes; /* objects, and their bytes */
};
int heap_garbage(struct runtime *r, struct heap_garbage *found);

/* Objects and bytes of a type. Types of one name are one row. */
struct heap_row {
    const char *type;
    uint64_t count, bytes;
};
#define HEAP_ROWS_MAX 256
struct heap_census {
    struct heap_row row[HEAP_ROWS_MAX]; /* most bytes first */
    size_t rows;
    uint64_t count, bytes;
};
int heap_census(struct runtime *r, struct heap_census *census);
/* What grew from one to the other, most bytes first; rows that did not grow are left out. */
void heap_growth(const struct heap_census *from, const struct heap_census *to, struct heap_census *growth);

/* Calls visit for each object that refers to o (once for each); returns how many. */
int heap_referrers(const struct heap_graph *g, const struct object *o, object_visit *visit, void *arg);
/* A shortest chain root -> ... -> o into chain (o last); its length, 0 when no root reaches o. *root: its name. */
size_t heap_chain(const struct heap_graph *g, const struct object *o, const char **root,
                  struct object **chain, size_t room);
/* Bytes that would be freed with o: of what every chain from a root reaches through o alone. -ENOMEM. */
int64_t heap_retained(const struct heap_graph *g, const struct object *o);

/* The type that grew most between two censuses, and the root that holds the most of it, in one sentence. */
int heap_leak_report(struct runtime *r, const struct heap_census *before, const struct heap_census *now,
                     char *text, size_t size);

/* A snapshot as text, one object a line ("0xADDRESS type bytes references"), after "heapgauge-heap 1". 0 or -errno. */
int heap_snapshot_write(struct runtime *r, FILE *f);
/* Rows of what is in b and not in a, by type. -EINVAL with the line of the first bad one in *line. */
int heap_snapshot_diff(FILE *a, FILE *b, struct heap_census *only_b, char names[HEAP_ROWS_MAX][64],
                       size_t *line);

/* For Graphviz: at most `most` objects, breadth first from o (NULL: from the roots). */
int heap_dot_write(const struct heap_graph *g, const struct object *o, size_t most, FILE *f);

#endif
