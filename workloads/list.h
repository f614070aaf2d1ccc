/* list.h: the names of all workloads, in the order in which they are listed. W(ident): workload_info_<ident>
 * describes it, workload_<ident> is it; both stand in the file of its name. */
#ifndef HG_WORKLOADS_LIST_H
#define HG_WORKLOADS_LIST_H

/* A row each, so that adding one changes one. */
/* clang-format off */
#define WORKLOADS(W) \
    W(alloc_churn) \
    W(larson) \
    W(xmalloc) \
    W(mstress) \
    W(alloc_test) \
    W(sh6) \
    W(sh8) \
    W(msgpass) \
    W(cache_scratch) \
    W(cache_thrash) \
    W(glibc_simple) \
    W(glibc_thread) \
    W(rptest) \
    W(startup) \
    W(realloc) \
    W(large) \
    W(aligned) \
    W(calloc) \
    W(blowup) \
    W(robson) \
    W(phase_shift) \
    W(sawtooth) \
    W(alloc_trace) \
    W(object_churn) \
    W(cycles) \
    W(long_lived) \
    W(private) \
    W(shared_read) \
    W(ftscaling) \
    W(shared_containers) \
    W(deep_free) \
    W(finalizers) \
    W(weak_cache) \
    W(scope) \
    W(leak) \
    W(intern) \
    W(small_int) \
    W(generator_or_list) \
    W(request) \
    W(growth) \
    W(decay) \
    W(binary_trees) \
    W(gcbench) \
    W(message_buffer) \
    W(gc_traversal) \
    W(gc_collect) \
    W(prefork) \
    W(objtrace)
/* clang-format on */

#endif
