/* tally.h: what processes that are not recorded count, in the page that heapgauge gave (spool.h). Without that
 * nothing is counted. */
#ifndef HG_WORKLOADS_TRACE_RECORD_TALLY_H
#define HG_WORKLOADS_TRACE_RECORD_TALLY_H

#include <stdbool.h>

/* A process that is to be recorded, or not, begins as a program or in a fork. In a fork no system call. */
void tally_begin(bool wanted, bool forked);
/* A call in a process that is not recorded. */
void tally_call(void);
/* A recorded process starts a program (1), or could not (-1). */
void tally_exec(int by);

#endif
