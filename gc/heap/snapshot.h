/* snapshot.h: a heap's picture (graph.h) as a text file, and what changed from one to another.
 *
 *   heapgauge-heap 2 ID         ID: 16 hex digits, the same in all snapshots of one process
 *   root ADDRESS NAME           a place outside the heap that holds the object (one line a place)
 *   object ADDRESS TYPE BYTES COUNT      COUNT: a number, or "immortal"
 *   to ADDRESS                  a reference of the object above
 *   end OBJECTS                 how many there were: a file that was cut short shows
 *
 * One space between words, addresses in hexadecimal with 0x, names of 1 to 63 printable characters without
 * space, quote or backslash. Every address that is referred to is that of an object line. */
#ifndef HG_GC_HEAP_SNAPSHOT_H
#define HG_GC_HEAP_SNAPSHOT_H

#include "graph.h"

#include "alloc/base/message.h"

#define HEAP_NAME_BYTES 64
#define HEAP_NAMES_MAX  4096 /* types and roots of one file */

/* Lines go to put, whole ones. */
void heap_snapshot_write(const struct heap_graph *g, uint64_t id,
                         void (*put)(void *arg, const char *line, size_t bytes), void *arg);

struct heap_snapshot {
    struct heap_graph graph;
    uint64_t id;
    char (*name)[HEAP_NAME_BYTES]; /* what the graph's types and roots point to */
    size_t names;
};

/* Trusts nothing: -EINVAL with file, line and word. Leaves nothing to free unless it returns 0. */
int heap_snapshot_read(struct heap_snapshot *s, FILE *f, const char *path, struct message *m);
void heap_snapshot_free(struct heap_snapshot *s);

/* By type, what one has that the other has not. An object is the same when its address and its type are, so
 * one that died and left its place to another of its type goes unseen. */
struct heap_change {
    const char *type;
    uint64_t made, made_bytes, gone, gone_bytes;
};
struct heap_changes {
    struct heap_change row[HEAP_ROWS_MAX]; /* greatest growth in bytes first */
    size_t rows;
};
void heap_snapshot_diff(const struct heap_snapshot *older, const struct heap_snapshot *newer,
                        struct heap_changes *out);

#endif
