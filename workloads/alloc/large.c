/* large.c: a few live buffers of many megabytes, replaced at random: what an allocator does with memory that
 * it could give back to the system at once. The first byte of each page is written. Buffers are not asked to
 * be zero. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                    \
    P(S, COUNT, live, "20", "1-100k", "buffers held, over all threads") \
    P(S, RANGE, size, "5M-25M", "1-4G", "buffer sizes in bytes")        \
    P(S, COUNT, ops, "400", "1-100G", "operations (a malloc or a free each), over all threads")
PARAM_STRUCT(large_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_large = {
    .name = "large",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(large_params, PARAMS),
    .summary = "a few buffers of megabytes: mapped anew or kept; mostly the kernel's page faults, "
               "not the allocator's code",
    .small = {"live=4,size=1M-3M,ops=60"},
};

#else

#include "slots.h"

static int large_setup(struct workload_sample *s)
{
    const struct large_params *p = s->params;
    if (p->size.hi > UINT32_MAX)
        return message_set(s->message, -EINVAL, "large: buffers of at most 4 GiB");
    int err = slots_setup(s, p->live / s->threads ? p->live / s->threads : 1);
    for (unsigned i = 0; !err && i < s->threads; i++)
        slots_of(&s->thread[i])->share = block_share(p->ops / 2, s->threads, i);
    return err;
}

static void large_run(struct workload_thread *t)
{
    const struct large_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    block_begin(&own->account);
    for (uint64_t i = 0; i < own->share; i++) {
        uint64_t bits = rng_next(&own->rng);
        struct block *b = &own->slot[rng_scale((uint32_t)bits, own->count)];
        slots_drop(own, b, OP_FREE);
        block_new(&own->account, b, block_size(&p->size, (uint32_t)(bits >> 32)), (uint32_t)bits);
    }
    block_end(&own->account);
}

const struct workload workload_large = {
    .setup = large_setup,
    .prepare = slots_prepare,
    .run = large_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
