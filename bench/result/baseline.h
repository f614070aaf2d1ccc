/* baseline.h: what ratios are against, as --baseline and suites write it: words "alloc=NAME", "rc=NAME",
 * "gc=NAME", "python=VERSION", "thp=WORD", "parallel=THREADSxPROCESSES" or a bare allocator, parted by
 * blanks or commas. A configuration with braces (config.h) is named by its name or in full.
 *
 * The rule, for what runs twice a block and for what a report compares with: the configuration that was
 * named; in a group of cells that has none of that name, or where none is named, `system` where it is one of
 * several allocators, else the first. A name that no cell of the whole has is refused. */
#ifndef HG_BENCH_RESULT_BASELINE_H
#define HG_BENCH_RESULT_BASELINE_H

#include "alloc/base/message.h"

#include <stdbool.h>
#include <stdint.h>

struct baseline {
    char alloc[1024]; /* as config.h writes it, or a name; empty: any, as the next four */
    char rc[64], gc[1200], thp[16], python[16];
    int64_t threads, processes; /* 0: any */
    bool chosen;                /* by the user: goes before the one that the run itself had */
};

struct baseline_axes { /* of a cell, as results show them */
    const char *alloc, *name, *rc, *gc, *python, *thp;
    int64_t threads, processes;
};

enum baseline_match { BASELINE_OTHER, BASELINE_COLLECTOR /* all but its parameters */, BASELINE_SAME };

/* what: the option's name in messages. Blank text names nothing, and is no error. */
int baseline_parse(struct baseline *b, const char *text, const char *what, struct message *m);
/* Whether it names anything. */
bool baseline_names(const struct baseline *b);
/* BASELINE_SAME of one that names nothing. */
enum baseline_match baseline_matches(const struct baseline *b, const struct baseline_axes *cell);

#endif
