/* find.h: where the GC objects are, for the policies without a GIL, which have no generation lists. One of
 * two ways, for the life of the runtime:
 *
 *   walk      containers alone live in a second heap of the allocator (alloc.h, second), and a walk over its
 *             blocks finds them, whichever thread made them and whether it is still there. Nothing is noted
 *             when one is made. What free-threaded CPython does with its mimalloc heaps gc and gc_pre.
 *   registry  each thread notes its own in a table (registry.h): for allocators without such a heap, or
 *             inside a wrapper, which sees one heap alone.
 *
 * In a block of the second heap that is in use the object begins after the GC head; its type is NULL while it
 * lies on a free list or waits for readers (qsbr.h). The world is stopped, so that no thread is between
 * taking a block and filling its header. */
#ifndef HG_GC_COLLECT_FIND_H
#define HG_GC_COLLECT_FIND_H

#include "collector.h"

#if !RC_GIL_HELD
enum find_by { FIND_AUTO, FIND_WALK, FIND_REGISTRY }; /* auto: by walk where that is possible */

/* By the collector's open: before the first object is made. -ENOTSUP with a message when there is nothing to
 * walk. */
int find_open(struct runtime *r, enum find_by by, struct message *m);
/* After the last object is gone and no thread is left. */
void find_close(struct runtime *r);

/* Every object on no free list, tracked or not; stops when visit returns other than 0, or with -ENOMEM before
 * the first one. visit frees nothing. World stopped. */
int find_each(struct runtime *r, object_visit *visit, void *arg);
#endif

#endif
