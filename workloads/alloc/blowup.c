/* blowup.c: a constant live set moves through the threads one after another (Berger et al., ASPLOS 2000):
 * each frees, one by one, what the thread before made and makes its own. Compare peak memory with that of
 * one thread. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                   \
    P(S, BYTES, live, "32M", "4k-1024G", "bytes that stay live, however many threads") \
    P(S, RANGE, size, "16-512", "1-1G", "block sizes in bytes")                        \
    P(S, COUNT, rounds, "8", "1-1M", "how often the set changes hands")
PARAM_STRUCT(blowup_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_blowup = {
    .name = "blowup",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(blowup_params, PARAMS),
    .summary = "a constant live set moves through the threads: peak memory against one thread's; one "
               "thread works at a time, so not speed",
    .small = {"live=200k,rounds=5"},
};

#else

#include "slots.h"

struct blowup_shared {
    pthread_barrier_t barrier;
};

static int blowup_setup(struct workload_sample *s)
{
    const struct blowup_params *p = s->params;
    struct blowup_shared *shared = workload_scratch(sizeof *shared);
    if (!shared || pthread_barrier_init(&shared->barrier, NULL, s->threads) != 0)
        return message_set(s->message, -ENOMEM, "blowup: no memory for its tables");
    /* one table, that of thread 0, goes round: sized for the smallest blocks */
    int err = slots_setup(s, 0);
    if (err)
        return err;
    struct slots *first = slots_of(&s->thread[0]);
    first->count = p->live / ((p->size.lo + p->size.hi) / 2);
    first->count += !first->count;
    first->slot = workload_scratch(first->count * sizeof *first->slot);
    if (!first->slot)
        return message_set(s->message, -ENOMEM, "blowup: no memory for a table of %llu blocks",
                           (unsigned long long)first->count);
    for (unsigned i = 0; i < s->threads; i++)
        slots_of(&s->thread[i])->more = shared;
    return 0;
}

static void blowup_run(struct workload_thread *t)
{
    const struct blowup_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    struct slots *table =
        slots_of(&t->sample->thread[0]); /* one thread at a time works on it; the barrier orders them */
    struct blowup_shared *shared = own->more;
    unsigned threads = t->sample->threads;
    struct rng sizes; /* of the round, whoever has it: the same trace for any number of threads */
    block_begin(&own->account);
    for (uint64_t round = 0; round < p->rounds; round++) {
        if (round % threads == t->index) {
            rng_seed(&sizes, t->sample->seed + round);
            for (uint64_t i = 0; i < table->count; i++) {
                uint64_t bits = rng_next(&sizes);
                slots_drop(own, &table->slot[i], threads == 1 ? OP_FREE : OP_FREE_REMOTE);
                block_new(&own->account, &table->slot[i], block_size(&p->size, (uint32_t)bits),
                          (uint32_t)(bits >> 32));
            }
        }
        if (threads > 1)
            pthread_barrier_wait(&shared->barrier);
    }
    block_end(&own->account);
}

const struct workload workload_blowup = {
    .setup = blowup_setup,
    .prepare = slots_prepare,
    .run = blowup_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
