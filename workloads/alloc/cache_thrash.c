/* cache_thrash.c: active false sharing: every thread allocates a small block, writes it many times and frees
 * it, all at the same time (cache.h). */
#include "workloads/about.h"
#include "cache.h"

#ifdef HG_ABOUT

const struct workload_info workload_info_cache_thrash = {
    .name = "cache-thrash",
    .level = LEVEL_ALLOC,
    .flags = WORKLOAD_SEEDLESS | WORKLOAD_ONE_BLOCK,
    .params = PARAM_TABLE(cache_params, CACHE_PARAMS),
    .summary = "active false sharing: do two threads get pieces of one cache line; says nothing with "
               "one thread",
    .small = {"writes=5,ops=2k"},
};

#else

const struct workload workload_cache_thrash = {
    .setup = cache_setup,
    .prepare = slots_prepare,
    .run = cache_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
