/* load.h: from an .hgt to the words of replay.h.
 *
 * A trace that fits into the memory for words is loaded as a whole, before the clock starts. A longer one is
 * loaded window by window, each into the place of the one before, while all workers wait at the window's end
 * with the clock stopped. All memory that this takes is then mapped and faulted in before the run, sized by a
 * reading of the whole trace, which also is its check; what is resident does not change when a window is loaded.
 * So memory is bounded by the most blocks that are live at once, not by the length of the trace.
 *
 * Where a block is, is settled anew for each window: in the slot of the one worker that touches it in this
 * window, or in a shared one when several do. Blocks move between slots, not in memory, while all workers
 * rest. */
#ifndef HG_WORKLOADS_TRACE_REPLAY_LOAD_H
#define HG_WORKLOADS_TRACE_REPLAY_LOAD_H

#include "replay.h"

/* How many thread numbers a recording has; 0 with a message. */
unsigned replay_threads(const char *path, struct message *m);
/* The first window, of at most so many bytes of words, and what there is to know of the whole trace. 0 or -errno
 * with a message. */
int replay_load(struct replay *r, const struct replay_params *p, uint64_t window_bytes, struct message *m);
/* The next window, after the last one the first again; all workers rest. The trace cannot be read any more:
 * -errno with a message; then there are no words and it is the last window. */
int replay_load_next(struct replay *r, struct message *m);
void replay_unload(struct replay *r);

#endif
