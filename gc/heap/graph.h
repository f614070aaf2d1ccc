/* graph.h: a picture of a heap: objects, what each refers to, shortest chains from the roots; and the
 * questions that it answers. Made from a live heap (heap.h) or read from a snapshot file (snapshot.h), so it
 * knows objects by their addresses alone and looks into none: it is compiled for no refcount policy.
 *
 * A graph belongs to its maker; nothing in it changes once it is made. Its memory is mapped, never taken from
 * an allocator. Functions return 0 or -ENOMEM unless noted. */
#ifndef HG_GC_HEAP_GRAPH_H
#define HG_GC_HEAP_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct object;

#define HEAP_NONE     UINT32_MAX
#define HEAP_IMMORTAL INT64_MIN /* counted: not counted at all */

struct heap_node {
    struct object *object;
    const char *type;
    int64_t counted;       /* what its reference count says */
    uint64_t references;   /* found by the walk: held by objects and by roots */
    uint32_t first, edges; /* its references: edge[first .. first + edges), indices of nodes */
    uint32_t parent; /* on a shortest chain from a root; HEAP_NONE: held by a root, or reached by none */
    uint32_t root;   /* the root that chain starts from; HEAP_NONE: reached by none */
    size_t bytes;
    bool known;    /* described, and not only referred to */
    bool is_class; /* instances refer to it, and do not retain it */
    bool instance; /* of a class made at run time */
};

struct heap_hold { /* a place of a root that holds an object */
    uint32_t root, node;
};

struct heap_graph {
    struct heap_node *node;
    uint32_t *edge;
    struct heap_hold *hold;
    uint32_t nodes, edges, holds;
    uint32_t *slot; /* hash table: index of a node, or HEAP_NONE */
    size_t nodes_room, edges_room, holds_room, slots;
    const char **root_name; /* [roots]; the maker's */
    size_t roots, roots_room;
};

/* --- making one ----------------------------------------------------------------------------------------- */

int heap_graph_open(struct heap_graph *g);
/* The node of the object at this address, made if need be (not known yet); HEAP_NONE: no memory. */
uint32_t heap_graph_add(struct heap_graph *g, struct object *o);
/* A reference of the node that was described last to the object at that address. */
int heap_graph_refer(struct heap_graph *g, struct object *to);
/* The root of that index and name holds the object at o. */
int heap_graph_hold(struct heap_graph *g, uint32_t root, struct object *o);
int heap_graph_root(struct heap_graph *g, const char *name); /* -ENOMEM; the index is roots - 1 */
int heap_graph_chains(struct heap_graph *g);                 /* last of all */
void heap_graph_free(struct heap_graph *g);

uint32_t heap_graph_find(const struct heap_graph *g, const struct object *o); /* HEAP_NONE: not in it */

/* --- questions ------------------------------------------------------------------------------------------ */

/* Objects and bytes of a type. Types of one name are one row. */
struct heap_row {
    const char *type;
    uint64_t count, bytes;
};
#define HEAP_ROWS_MAX 256
#define HEAP_OTHERS   "(others)" /* the row of what has no row of its own */
struct heap_census {
    struct heap_row row[HEAP_ROWS_MAX]; /* most bytes first */
    size_t rows;
    uint64_t count, bytes;
};
void heap_graph_census(const struct heap_graph *g, struct heap_census *census);
/* What grew from one to the other, most bytes first; rows that did not grow are left out. */
void heap_growth(const struct heap_census *from, const struct heap_census *to, struct heap_census *growth);
/* The type that grew most (a class's instances before plain values, which hang on them) and the root that
 * holds most of it, in one sentence; false and an empty text when nothing grew. */
bool heap_leak_report(const struct heap_graph *now, const struct heap_census *growth, char *text,
                      size_t size);

/* Calls visit for each object that refers to o (once for each) until it returns other than 0; returns how
 * many. */
int heap_referrers(const struct heap_graph *g, const struct object *o,
                   int (*visit)(struct object *o, void *arg), void *arg);
/* A shortest chain root -> ... -> o into chain (o last); its length, 0 when no root reaches o. *root: its
 * name. */
size_t heap_chain(const struct heap_graph *g, const struct object *o, const char **root,
                  struct object **chain, size_t room);
/* Bytes that would be freed with o: of what every chain from a root reaches through o alone. -ENOMEM. */
int64_t heap_retained(const struct heap_graph *g, const struct object *o);

/* For Graphviz: at most `most` objects, breadth first from o (NULL: from the roots). 0, -ENOMEM or -EIO. */
int heap_dot_write(const struct heap_graph *g, const struct object *o, size_t most, FILE *f);

#endif
