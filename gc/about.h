/* about.h: what is known of a refcount policy and of a collector without its code.
 *
 * Each is one file, which opens with its parameters. It is compiled twice: with HG_ABOUT for the table of
 * parameters alone (obj-about/), which every program that links list.c has, the front too; and without it,
 * once for each policy, for the code.
 *
 *   #define PARAMS(P, S) P(S, COUNT, min, "10k", "0-1G", "what starts a collection")
 *   PARAM_STRUCT(gc_mine_params, PARAMS)
 *   #ifdef HG_ABOUT
 *   const struct param gc_mine_table[] = PARAM_ROWS(gc_mine_params, PARAMS);      (rc_mine_table for a
 *   policy) #else
 *   const struct collector collector_mine = {...};
 *   #endif */
#ifndef HG_GC_ABOUT_H
#define HG_GC_ABOUT_H

#include "alloc/base/param.h"

enum {
    RC_GIL = 1 << 0, /* one thread at a time runs: list-based collectors and allocators without a lock work */
    RC_TRACING = 1 << 1, /* nothing is counted: takes the collector tracing alone */
};

struct policy_info {
    const char *name;
    unsigned flags;
    const struct param *params;
    const char *summary;
    const char *(*worker)(const void *params); /* NULL: the worker has the policy's name */
};
extern const struct policy_info policy_list[]; /* list.c; ends with a NULL name */

enum {
    GC_NEEDS_GIL = 1 << 0,
    GC_NEEDS_NOGIL = 1 << 1,
    GC_NEEDS_TRACING = 1 << 2,
};

struct collector_info {
    const char *name;
    unsigned flags;
    const struct param *params;
    const char *summary;
    /* What its parameters must hold together, thresholds (and their text) beside being numbers in range; NULL:
     * nothing. */
    int (*check)(const void *params, const int64_t threshold[3], const char *text, struct message *m);
};
extern const struct collector_info collector_list[];

/* The worker that was compiled for it is heapgauge-worker-<this>: an increment that must look for immortal
 * objects is other code than one that need not. params: the policy's own struct. */
const char *policy_worker(const struct policy_info *policy, const void *params);

/* "A/B/C" into three thresholds; an empty text leaves them as they are. -EINVAL with a message. */
#define GC_THRESHOLD_MAX INT32_MAX
int gc_thresholds_parse(const char *owner, const char *text, int64_t threshold[3], struct message *m);

/* What a collector's parameters must hold beside what their table requires: -EINVAL with a message. */
int collector_check(const struct collector_info *collector, const void *params, struct message *m);

#endif
