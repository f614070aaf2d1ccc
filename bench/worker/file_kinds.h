/* file_kinds.h: what a worker's files begin with. The front checks what is there before any work, the
 * worker when it writes. */
#ifndef HG_BENCH_WORKER_FILE_KINDS_H
#define HG_BENCH_WORKER_FILE_KINDS_H

#include "alloc/base/file_out.h"

static const struct file_kind heapmap_kind __attribute__((unused)) = {"a heap map", {"phase,t_ns,arena,"}};
static const struct file_kind pauses_kind
    __attribute__((unused)) = {"a file of pauses", {"thread,cause,start_ns,"}};
static const struct file_kind heap_snapshot_kind
    __attribute__((unused)) = {"a snapshot of a heap", {"heapgauge-heap "}};

#endif
