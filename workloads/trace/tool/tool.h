/* tool.h: what the front does with traces: makes an .hgt of a recording or of text, describes one, writes it
 * as text. These run beside the program, not in it: plain malloc, plain stdio. All return 0 or -errno with a
 * message. */
#ifndef HG_WORKLOADS_TRACE_TOOL_TOOL_H
#define HG_WORKLOADS_TRACE_TOOL_TOOL_H

#include "alloc/base/file_out.h"
#include "workloads/trace/format/hgt.h"

#include <errno.h>
#include <stdio.h>

/* What may be replaced by a trace, and by its text. */
extern const struct file_kind tool_trace_kind, tool_text_kind;

/* meta.c: "key value\n" lines for META. What cannot stand in a line becomes '?'. */
struct tool_meta {
    char text[HGT_META_MAX];
    size_t bytes;
};
__attribute__((format(printf, 3, 4))) void tool_meta_add(struct tool_meta *meta, const char *key,
                                                         const char *format, ...);

/* spool.c: one recorded process image. */
struct tool_spool {
    uint64_t ops, unmatched, conflicts, failed, dropped, python_calls;
    uint32_t threads, stop_errno, forked, confined_forks;
    char program[1024];
};
/* Converts the spool at `path` into f (already open). how: how the program ended ("exit 0", "signal 9
 * (Killed)"). */
int tool_spool_convert(const char *path, const char *how, struct file_out *f, struct tool_spool *out,
                       struct message *m);
/* Why recording stopped early: of struct tool_spool's stop_errno. */
#define TOOL_STOP_THREADS EUSERS /* more than HGT_THREADS_MAX were alive at once */
const char *tool_stop_text(uint32_t stop_errno);
bool tool_spool_is(const char *path); /* by its first bytes */

/* text.c: the text form. name: of what `in` reads, for messages. */
int tool_text_import(const char *name, FILE *in, struct file_out *f, struct message *m);
int tool_text_export(struct hgt_reader *r, struct file_out *f, struct message *m);

/* info.c: what a trace holds. */
#define TOOL_LOG2        64
#define TOOL_TOP         10
#define TOOL_SHORT_CALLS 1000
#define TOOL_LOG2_OF(n)  ((n) ? 64 - (unsigned)__builtin_clzll(n) : 0) /* 0: 0; 1: 1; 2: 2-3; 3: 4-7 ... */

struct tool_size {
    uint64_t size, count;
};

struct tool_info {
    uint64_t ops[HGT_KINDS], total;
    uint64_t threads;        /* in all; where none has a birth, the highest number + 1 */
    uint64_t threads_active; /* that made a call */
    uint64_t threads_ended;
    uint64_t threads_short; /* that ended with fewer than TOOL_SHORT_CALLS calls of their own */
    uint32_t threads_peak;  /* alive at once */
    uint64_t gaps, gap_us;
    uint64_t allocated_bytes, allocated_blocks;
    uint64_t peak_live_bytes, peak_live_blocks, peak_op;
    uint64_t left_blocks, left_bytes; /* never freed */
    uint64_t remote_frees, remote_reallocs;
    uint64_t switches;             /* of thread, from one operation to the next */
    uint64_t sizes[TOOL_LOG2 + 1]; /* of allocations and reallocs, by TOOL_LOG2_OF */
    uint64_t
        lifetimes[TOOL_LOG2 + 1]; /* bytes allocated between a block's birth and its death, by TOOL_LOG2_OF */
    struct tool_size top[TOOL_TOP]; /* the most frequent sizes of allocations */
    unsigned top_count;
    bool top_partial; /* more than a million sizes: the last ones were not counted */
};
int tool_info_read(struct tool_info *out, struct hgt_reader *r, struct message *m);
void tool_info_print(const struct tool_info *info, const struct hgt_reader *r, FILE *out);
void tool_info_json(const struct tool_info *info, const struct hgt_reader *r, FILE *out);

#endif
