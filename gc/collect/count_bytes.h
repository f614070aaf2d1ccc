/* count_bytes.h: for collectors whose trigger counts bytes: all that the runtime asks its allocator for, not
 * that for containers alone. Nothing is taken off when memory is given back. */
#ifndef HG_GC_COLLECT_COUNT_BYTES_H
#define HG_GC_COLLECT_COUNT_BYTES_H

#include "gc/runtime/state.h"

#if RC_GIL_HELD
/* From now on r->gc.young grows by each request; containers' own must not be counted beside that
 * (bytes_mask 0). For a collector's open, and its close, which may come without an open. */
void count_bytes_open(struct runtime *r);
void count_bytes_close(struct runtime *r);
#endif
#endif
