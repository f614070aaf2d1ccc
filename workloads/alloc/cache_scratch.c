/* cache_scratch.c: passive false sharing: before each thread does as in cache-thrash (cache.h), it frees a
 * block that thread 0 made beside the others': an allocator that lets a freed block be used again by whoever
 * freed it hands out pieces of one line to different threads. */
#include "workloads/about.h"
#include "cache.h"

#ifdef HG_ABOUT

const struct workload_info workload_info_cache_scratch = {
    .name = "cache-scratch",
    .level = LEVEL_ALLOC,
    .flags = WORKLOAD_SEEDLESS | WORKLOAD_ONE_BLOCK,
    .params = PARAM_TABLE(cache_params, CACHE_PARAMS),
    .summary = "passive false sharing: does a freed neighbour's block come back to a thread; says "
               "nothing with one thread",
    .small = {"writes=5,ops=2k"},
};

#else

/* Thread 0 makes the blocks one after another; the others find them at begin. The table that holds them is
 * not an account: the bytes are thread 0's in the gauge until their owners free them. */
static void cache_scratch_prepare(struct workload_thread *t)
{
    const struct cache_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    slots_prepare(t);
    if (t->index != 0)
        return;
    for (unsigned i = 0; i < t->sample->threads; i++)
        block_new(&own->account, slots_of(&t->sample->thread[i])->slot, (uint32_t)p->size, i);
    block_publish(&own->account);
}

const struct workload workload_cache_scratch = {
    .setup = cache_setup,
    .prepare = cache_scratch_prepare,
    .run = cache_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
