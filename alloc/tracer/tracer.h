/* tracer.h: what trace(X) knows, for those who look: snapshots, statistics over them, the difference of two.
 * The model is Python's tracemalloc. Cold: uses malloc.
 *
 * A snapshot is of one instant when the program is quiet; taken while threads allocate, each counter is right
 * by itself, but a block that moves between two threads' counters meanwhile may be missed or counted
 * twice. */
#ifndef HG_ALLOC_TRACER_TRACER_H
#define HG_ALLOC_TRACER_TRACER_H

#include "alloc/alloc.h"
#include "alloc/base/file_out.h"
#include "symbol.h"

#include <stdio.h>

struct trace_site {
    void *const *frame;                 /* return addresses, innermost first */
    unsigned frames;                    /* 0: blocks of unknown origin */
    uint64_t blocks, bytes;             /* live now; requested bytes */
    uint64_t total_blocks, total_bytes; /* ever */
};

struct trace_snapshot {
    uint64_t current_bytes, peak_bytes; /* requested */
    size_t sites, room;
    struct trace_site *site; /* in order of their first allocation */
    struct symbols *symbols; /* of the process that wrote it; NULL: it is of this one */
    void **frames;           /* of a snapshot that was read: the memory behind site[].frame */
};

/* a is a trace(); 0 or -ENOMEM. */
int trace_snapshot_take(struct trace_snapshot *out, const struct alloc *a);
void trace_snapshot_free(struct trace_snapshot *s);

/* A snapshot as a file: lines of text, ended by the process's memory map, so that it can be symbolised by
 * another process later (its format: snapshot.c). The writer allocates nothing: it serves inside other
 * people's programs. */
extern const struct file_kind trace_snapshot_kind;
int trace_snapshot_write(const struct alloc *a, struct file_out *f);
/* file names it in messages. -EINVAL with file and line for what is not a snapshot. */
int trace_snapshot_read(struct trace_snapshot *out, FILE *in, const char *file, struct message *m);

enum trace_key { TRACE_BY_LINE, TRACE_BY_FILE, TRACE_BY_TRACEBACK };

struct trace_row {
    /* "FILE:LINE", "FILE", or one line a frame; an object's name and an offset where no file is known */
    char *key;
    uint64_t blocks, bytes, total_blocks, total_bytes;
    int64_t blocks_change, bytes_change; /* against the older snapshot */
};

struct trace_table {
    struct trace_row *row;
    size_t rows;
};

/* Groups the sites by key, largest first. A site counts for its innermost frame; with cumulative (not for
 * tracebacks) for every frame in it, but once for each key. older may be NULL; with it, rows carry the
 * change, the largest change (up or down) stands first, and rows without a change at 0 blocks are left out.
 * Keys, not addresses, are compared: two runs of one program can be. */
int trace_statistics(struct trace_table *out, const struct trace_snapshot *s,
                     const struct trace_snapshot *older, enum trace_key key, bool cumulative);
void trace_table_free(struct trace_table *t);
/* The first `limit` rows as text: "KEY: size=4.0 KiB (+1.0 KiB), count=3 (+1), average=..." */
void trace_table_print(const struct trace_table *t, FILE *out, size_t limit, bool changes);

/* --- tracer.c, for snapshot.c and backend.c above it --------------------------------------------------- */

struct trace_sums {
    uint64_t blocks, bytes, total_blocks, total_bytes;
};
void trace_totals(const struct alloc *a, uint64_t *current_bytes, uint64_t *peak_bytes);
uint64_t trace_memory_bytes(const struct alloc *a); /* its own, without the 16 bytes a block */
void trace_sum(const struct alloc *a, uint32_t site, struct trace_sums *out);
const struct alloc *trace_inner(const void *ctx); /* X */
int trace_open(struct alloc *a, unsigned frames, const struct alloc *inner, struct message *m);
void trace_close(struct alloc *a);
void trace_fork(void *ctx, enum alloc_fork phase);

/* --- snapshot.c, for backend.c ------------------------------------------------------------------------- */

void trace_report(void *ctx, const struct alloc_sink *sink); /* trace()'s own part */

/* backend.c */
extern const struct backend backend_tracer;

#endif
