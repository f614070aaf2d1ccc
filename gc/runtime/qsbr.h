/* qsbr.h: memory that readers without a lock may still look at is freed when every thread has passed a
 * quiescent state since (quiescent-state-based reclamation; Hart, McKenney, Brown, Walpole, IPDPS'06; CPython
 * Python/qsbr.c).
 *
 * A shared write sequence counts in steps of 2 from 1. A thread copies it into its own at every safepoint,
 * and has 0 while it is detached. Memory gets a goal when it is given up: the next sequence; it is free to go
 * once every attached thread's own sequence has reached the goal. The sequence moves on every 10th time
 * something is given up, so that the shared line is not written for each.
 *
 * Pairing: giving up advances with a sequentially consistent add after the pointer was unlinked; a thread's
 * copy acquires that add, so what it reads from then on is without the pointer. Coming online is a
 * sequentially consistent exchange before the first read. */
#ifndef HG_GC_RUNTIME_QSBR_H
#define HG_GC_RUNTIME_QSBR_H

#include "thread.h"

#if HG_RC == HG_RC_BIASED
/* Of a thread's queue of objects that others gave up, and of its qsbr list. */
extern const struct thread_hooks biased_hooks;
/* Nobody runs any more: merges every queue and frees what waits. */
void biased_free_all(struct runtime *r);

/* p came from mem_alloc; nobody can find it any more. */
void qsbr_free(void *p);
/* Frees what of this thread's may be freed now. */
void qsbr_process(struct thread *t);
#endif

#endif
