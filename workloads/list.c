/* list.c: the table of list.h; the front links this file alone of workloads/. */
#include "list.h"

#define WORKLOAD_INFO(ident, name, level, flags, PARAMS, summary) \
    {#ident, name, level, flags, PARAM_TABLE(ident##_params, PARAMS), summary},
const struct workload_info workload_list[] = {
    WORKLOADS(WORKLOAD_INFO){NULL, NULL, LEVEL_ALLOC, 0, NULL, NULL}};
