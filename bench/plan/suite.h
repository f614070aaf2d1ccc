/* suite.h: reads a suite file (.ini) into a plan. Keys are those of the command line
 * (settings.h has them all). For example:
 *
 *   [suite]
 *   title    = what it is for
 *   blocks   = 6                       how many times every cell is run
 *   baseline = system                  what the others are compared with, as --baseline takes it (twice a
 *                                      block). Not given: see baseline.h
 *   settle   = 100ms                   how long memory is watched after the drain, in block 0
 *
 *   [any name]                         one or more groups of cells: every combination of the lists
 *   workload = churn:live=100k
 *   alloc    = system, pools, preload:jemalloc, preload:jemalloc{MALLOC_CONF=dirty_decay_ms:0,as=eager}
 *   threads  = 1, 2                    a group for each number of threads and of processes
 *   rc, gc, python, thp, place, processes  as on the command line
 *   census   = 1                       with what lay in the heap, of object workloads
 *   baseline = ...                     another one for this section
 *
 * A word that is wrong is an error with file and line. A combination that cannot work is kept, to be recorded
 * as not-applicable. */
#ifndef HG_BENCH_PLAN_SUITE_H
#define HG_BENCH_PLAN_SUITE_H

#include "plan.h"

struct suite {
    struct settings settings; /* [suite], and what was given on the command line */
    char left_out[512];       /* sections that replay a recorded program when none was given */
    struct plan plan;
};

/* given: the options of heapgauge suite. Its trace replaces "@trace@" in workload lines (the recorded
 * program of `make bench`); where it is empty, sections that need one are left out. 0, or -errno with a
 * message. */
int suite_read(struct suite *suite, const char *path, const struct settings *given,
               const struct place *places, struct message *m);

#endif
