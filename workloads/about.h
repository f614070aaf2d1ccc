/* about.h: what the front knows of a workload, without its code.
 *
 * A workload is one file, which opens with its parameters and its description and goes on with its code.
 * It is compiled twice: with HG_ABOUT defined for the description alone (obj-about/), which every program
 * that knows the list links; without it for the code alone, which workers link (at object level once for
 * each refcount policy).
 *
 *   #define PARAMS(P, S) P(S, COUNT, live, "100k", "1-100M", "blocks held live")
 *   PARAM_STRUCT(mine_params, PARAMS)
 *   #ifdef HG_ABOUT
 *   const struct workload_info workload_info_mine = {.name = "mine", ...};
 *   #else
 *   const struct workload workload_mine = {...};
 *   #endif */
#ifndef HG_WORKLOADS_ABOUT_H
#define HG_WORKLOADS_ABOUT_H

#include "alloc/base/param.h"

/* A name may stand at both levels; `--rc none` takes the allocator level, any other policy the object
 * level. */
enum workload_level { LEVEL_ALLOC, LEVEL_OBJECT };
enum {
    WORKLOAD_ONE_THREAD = 1 << 0, /* cannot use more than one thread */
    WORKLOAD_PAIRS = 1 << 1,      /* needs two threads or more, in pairs; one does both parts in turn */
    WORKLOAD_SEEDLESS = 1 << 2,   /* the seed changes nothing of what it does */
    WORKLOAD_ONE_BLOCK = 1 << 3,  /* a thread holds one block at a time */
};
#define WORKLOAD_SMALL_MAX 8

struct workload_info {
    const char *name;
    enum workload_level level;
    unsigned flags;
    const struct param *params;
    const char *summary; /* one sentence: what it shows; what it does not */
    /* What parameters must hold beside what their table demands: files that it reads are there and sound. For
     * the front, before anything is started. -errno with a message. May be NULL. */
    int (*check)(const void *params, struct message *m);
    /* Parameters of runs that take milliseconds, together through all of its code; ends with NULL. Tests run
     * every workload with them, but one that reads a file. */
    const char *small[WORKLOAD_SMALL_MAX];
};
extern const struct workload_info *const workload_list[]; /* list.c; ends with NULL */

#endif
