/* registry.h: from a row of list.h to the workload itself; only workers link this. */
#ifndef HG_WORKLOADS_REGISTRY_H
#define HG_WORKLOADS_REGISTRY_H

#include "workload.h"

const struct workload *workload_at(size_t index); /* the same index as in workload_list */

#endif
