/* list.c: the table of list.h: the descriptions (about.h) of all workloads. */
#include "list.h"

#include "about.h"

#include <stddef.h>

#define WORKLOAD_EXTERN(ident) extern const struct workload_info workload_info_##ident;
WORKLOADS(WORKLOAD_EXTERN)
#define WORKLOAD_POINTER(ident) &workload_info_##ident,
const struct workload_info *const workload_list[] = {WORKLOADS(WORKLOAD_POINTER) NULL};
