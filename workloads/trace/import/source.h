/* source.h: the bytes of a foreign file, from a file or a pipe, each read once; unpacked when they are zstd
 * frames. Memory is bounded whatever the input holds: one buffer, and zstd's window (at most 128 MiB, the
 * library's own limit). */
#ifndef HG_WORKLOADS_TRACE_IMPORT_SOURCE_H
#define HG_WORKLOADS_TRACE_IMPORT_SOURCE_H

#include "alloc/base/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SOURCE_BYTES    (1u << 20)
#define SOURCE_HEAD     (64u << 10) /* what a form is recognised by */
#define SOURCE_LINE_MAX (64u << 10) /* a longer line is cut there */

struct source {
    const char *name; /* for messages */
    int fd;
    bool partial; /* what was cut off within a zstd frame ends the input instead of being an error */
    char *buf;    /* SOURCE_BYTES; at..end is not used yet */
    size_t at, end;
    bool ended;
    uint64_t line;
    bool cut_line;        /* the line that was returned last is longer than SOURCE_LINE_MAX */
    bool torn;            /* the input ends without a newline */
    struct message error; /* what went wrong in reading, once it has */
    struct message damage;

    void *zstd; /* a ZSTD_DCtx while the input is packed */
    uint8_t *packed;
    size_t packed_at, packed_end, packed_bytes;
    bool packed_ended, in_frame;
};

struct line {
    const char *at, *end;
};

/* path: a file, or - for standard input. 0 or -errno with a message. */
int source_open(struct source *s, const char *path, bool partial, struct message *m);
void source_close(struct source *s);

/* Up to SOURCE_HEAD first bytes, which stay to be read. 0 or -errno with a message. */
int source_head(struct source *s, struct line *head, struct message *m);

/* The next line without its end, \n or \r\n, good until the next call: 1; 0 at the end; -errno with a
 * message. A last line without an end is not returned (torn): its writer was killed, and a number may be cut.
 * A NUL byte is an error. */
int source_line(struct source *s, struct line *line, struct message *m);

/* A stdio stream of the rest, for a reader that has its own lines. NULL when there is no memory. */
FILE *source_stream(struct source *s);

#endif
