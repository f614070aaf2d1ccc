/* cache.c: false sharing that an allocator causes (Berger et al., "Hoard: a scalable memory allocator for
 * multithreaded applications", ASPLOS 2000): small blocks of two threads on one cache line.
 * cache-thrash (active): every thread allocates a small block, writes it many times and frees it, all at the
 * same time. cache-scratch (passive): before that, each thread frees a block that thread 0 made beside the
 * others': an allocator that lets a freed block be used again by whoever freed it hands out pieces of one
 * line to different threads. */
#include "workloads/list.h"
#include "slots.h"

static int cache_setup(struct workload_sample *s, uint64_t ops)
{
    int err = slots_setup(s, 1);
    for (unsigned i = 0; !err && i < s->threads; i++)
        slots_of(&s->thread[i])->share = block_share(ops / 2, s->threads, i);
    return err;
}

/* The writes are what is measured: the compiler may not fold them. */
static void cache_write(const struct block *b, uint64_t writes)
{
    volatile unsigned char *byte = b->at;
    for (uint64_t i = 0; byte && i < writes; i++)
        byte[i % b->size] = (unsigned char)b->tag;
}

static void cache_run(struct workload_thread *t, uint32_t size, uint64_t writes)
{
    struct slots *own = slots_of(t);
    struct block *b = own->slot;
    block_begin(&own->account);
    slots_drop(own, b, t->index ? OP_FREE_REMOTE : OP_FREE); /* cache-scratch's gift from thread 0 */
    for (uint64_t i = 0; i < own->share; i++) {
        block_new(&own->account, b, size, (uint32_t)i);
        cache_write(b, writes);
        slots_drop(own, b, OP_FREE);
    }
    block_end(&own->account);
}

static int cache_thrash_setup(struct workload_sample *s)
{
    return cache_setup(s, ((const struct cache_thrash_params *)s->params)->ops);
}

static void cache_thrash_run(struct workload_thread *t)
{
    const struct cache_thrash_params *p = t->sample->params;
    cache_run(t, (uint32_t)p->size, p->writes);
}

const struct workload workload_cache_thrash = {
    .name = "cache-thrash",
    .setup = cache_thrash_setup,
    .prepare = slots_prepare,
    .run = cache_thrash_run,
    .drain = slots_drain,
    .live = slots_live,
};

static int cache_scratch_setup(struct workload_sample *s)
{
    return cache_setup(s, ((const struct cache_scratch_params *)s->params)->ops);
}

/* Thread 0 makes the blocks one after another; the others find them at begin. The table that holds them is
 * not an account: the bytes are thread 0's in the gauge until their owners free them. */
static void cache_scratch_prepare(struct workload_thread *t)
{
    const struct cache_scratch_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    slots_prepare(t);
    if (t->index != 0)
        return;
    for (unsigned i = 0; i < t->sample->threads; i++)
        block_new(&own->account, slots_of(&t->sample->thread[i])->slot, (uint32_t)p->size, i);
    block_publish(&own->account);
}

static void cache_scratch_run(struct workload_thread *t)
{
    const struct cache_scratch_params *p = t->sample->params;
    cache_run(t, (uint32_t)p->size, p->writes);
}

const struct workload workload_cache_scratch = {
    .name = "cache-scratch",
    .setup = cache_scratch_setup,
    .prepare = cache_scratch_prepare,
    .run = cache_scratch_run,
    .drain = slots_drain,
    .live = slots_live,
};
