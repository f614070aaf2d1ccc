/* cell.h: the cell of a worker's sample, as it is read from its arguments: what the words of the settings
 * mean in this worker. A word that means nothing here ends the sample as not-applicable. */
#ifndef HG_BENCH_WORKER_CELL_H
#define HG_BENCH_WORKER_CELL_H

#include "alloc/spec.h"
#include "bench/plan/settings.h"
#include "gc/about.h"
#include "workloads/gauge.h"
#include "workloads/about.h"
#include "workloads/workload.h"

#define WORKER_CPUS_MAX  1024
#define WORKER_NODES_MAX 1024

struct worker_cell {
    struct settings settings;
    const struct workload_info *workload;
    size_t workload_index;
    _Alignas(16) unsigned char workload_params[32768];
    struct spec alloc;
    const struct policy_info *rc;    /* of this worker; NULL at allocator level */
    const struct collector_info *gc; /* NULL at allocator level */
    _Alignas(16) unsigned char rc_params[PARAM_STRUCT_MAX];
    _Alignas(16) unsigned char gc_params[PARAM_STRUCT_MAX];
    unsigned threads, process, processes; /* process: which of those that make the sample together, from 0 */
    unsigned cpus;                        /* 0: the threads are not bound */
    int cpu[WORKER_CPUS_MAX];
    int node; /* NUMA node that memory comes from, or -1 */
};

/* argv[1..]: the rows of IN_WORKER, ended by NULL. */
void worker_cell_read(struct worker_cell *cell, char *const *argv);

/* Operations that run will do: those that the workload has planned, or its parameter ops; 0: not known. */
uint64_t worker_planned_ops(const struct worker_cell *cell, const struct workload_sample *s);

#endif
