/* registry.c: the workloads that a worker links, in the order of list.h. Object-level ones come from this
 * worker's policy. */
#include "registry.h"

#include "list.h"

#define WORKLOAD_EXTERN(ident) extern const struct workload workload_##ident;
WORKLOADS(WORKLOAD_EXTERN)
#define WORKLOAD_POINTER(ident) &workload_##ident,
static const struct workload *const workloads[] = {WORKLOADS(WORKLOAD_POINTER)};

const char *const op_names[OP_KINDS] = {"malloc", "calloc", "realloc", "free", "free_remote", "request"};

const struct workload *workload_at(size_t index)
{
    return workloads[index];
}
