/* startup.c: what a thread's first allocations cost, and what a thread that ended leaves behind. Each round
 * starts a thread that allocates a few blocks of different sizes, frees most of them and ends; the rest is
 * freed by the thread of the next round. An operation is one malloc or free; the starts themselves are in the
 * time, the same for every backend. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                  \
    P(S, COUNT, starts, "2000", "1-10M", "threads started, over all harness threads") \
    P(S, COUNT, blocks, "32", "1-1M", "blocks that each of them allocates")           \
    P(S, RANGE, size, "16-4096", "1-1G", "block sizes in bytes")
PARAM_STRUCT(startup_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_startup = {
    .name = "startup",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(startup_params, PARAMS),
    .summary = "the first allocations of short-lived threads and what the dead leave behind; the "
               "starts themselves are in the time",
    .small = {"starts=60,blocks=20"},
};

#else

#include "slots.h"
#include "successor.h"

#define STARTUP_KEEP 4 /* one block in four outlives its thread */

struct startup_thread {
    struct slots *own;
    void *stack;
};

static int startup_setup(struct workload_sample *s)
{
    const struct startup_params *p = s->params;
    struct startup_thread *threads = workload_scratch(s->threads * sizeof *threads);
    int err = slots_setup(s, p->blocks);
    if (err)
        return err;
    for (unsigned i = 0; i < s->threads; i++) {
        if (!threads || !(threads[i].stack = workload_scratch(SUCCESSOR_STACK_BYTES)))
            return message_set(s->message, -ENOMEM, "startup: no memory for the stacks");
        threads[i].own = slots_of(&s->thread[i]);
        slots_of(&s->thread[i])->share = block_share(p->starts, s->threads, i);
        slots_of(&s->thread[i])->more = &threads[i];
    }
    return 0;
}

static void *startup_life(void *arg)
{
    struct startup_thread *st = arg;
    struct slots *own = st->own;
    const struct startup_params *p = own->account.t->sample->params;
    for (uint64_t i = 0; i < own->count; i++) {
        uint64_t bits = rng_next(&own->rng);
        slots_drop(own, &own->slot[i], OP_FREE_REMOTE); /* left behind by the thread before */
        block_new(&own->account, &own->slot[i], block_size(&p->size, (uint32_t)bits), (uint32_t)(bits >> 32));
    }
    for (uint64_t i = 0; i < own->count; i++)
        if (i % STARTUP_KEEP)
            slots_drop(own, &own->slot[i], OP_FREE);
    return NULL;
}

static void startup_run(struct workload_thread *t)
{
    struct slots *own = slots_of(t);
    struct startup_thread *st = own->more;
    block_begin(&own->account);
    for (uint64_t i = 0; i < own->share; i++)
        if (!successor_run(st->stack, startup_life, st))
            t->failed_allocs++;
    block_end(&own->account);
}

const struct workload workload_startup = {
    .setup = startup_setup,
    .prepare = slots_prepare,
    .run = startup_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
