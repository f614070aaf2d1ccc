/* list.c: the table of list.h; of workloads/ the front links this file and what reads input files alone. */
#include "list.h"
#include "workloads/script/objscript.h"
#include "workloads/trace/format/hgt.h"

#include <errno.h>
#include <string.h>

#define WORKLOAD_INFO(ident, name, level, flags, PARAMS, summary) \
    {#ident, name, level, flags, PARAM_TABLE(ident##_params, PARAMS), summary},
const struct workload_info workload_list[] = {
    WORKLOADS(WORKLOAD_INFO){NULL, NULL, LEVEL_ALLOC, 0, NULL, NULL}};

int workload_check(const struct workload_info *workload, const void *params, struct message *m)
{
    if (strcmp(workload->ident, "objtrace") == 0) {
        const struct objtrace_params *p = params;
        return *p->file ? objscript_check(p->file, m)
                        : message_set(m, -EINVAL, "workload objtrace needs a script: objtrace:file=F.hgo");
    }
    if (strcmp(workload->ident, "alloc_trace") == 0) {
        const struct alloc_trace_params *p = params;
        return *p->file ? hgt_check(p->file, m)
                        : message_set(
                              m, -EINVAL,
                              "workload trace: which trace? trace:file=F.hgt (heapgauge record makes one)");
    }
    return 0;
}
