/* mstress.c: blocks that wander between threads that come and go (the pattern of mimalloc's mstress). Threads
 * replace blocks of their own table and now and then swap one with a random place of a table that all share;
 * sizes are powers of two with rare ones a hundred to ten thousand times as large; loads are uneven. After a
 * phase a thread ends with all it holds, half of the shared blocks survive, and a new thread begins the next
 * phase.
 *
 * Which thread frees which block depends on timing; what all of them free together does not: every place of
 * every table is full while a phase runs, so a swap never changes how much there is to do, and the checksum
 * is a sum. A swap exchanges descriptors by one atomic exchange; a descriptor belongs to whoever holds its
 * pointer. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                                      \
    P(S, COUNT, slots, "2000", "1-10M", "blocks a thread holds")                                          \
    P(S, COUNT, places, "1000", "1-10M", "blocks in the table that all threads share")                    \
    P(S, COUNT, transfer, "25", "0-100", "per cent of the new blocks that are swapped with a shared one") \
    P(S, COUNT, phases, "50", "1-1M", "lives of a thread")                                                \
    P(S, COUNT, ops, "4M", "1-100G",                                                                      \
      "replacements' mallocs and frees, over all threads; filling and emptying come on top")
PARAM_STRUCT(mstress_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_mstress = {
    .name = "mstress",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(mstress_params, PARAMS),
    .summary = "blocks of all sizes wander between uneven threads that come and go: heaps left by "
               "dead threads; not locality",
    .small = {"slots=100,places=60,phases=4,ops=8k"},
};

#else

#include "slots.h"
#include "successor.h"

enum { MSTRESS_LOADS = 4 }; /* thread i has a load of 1 + i % 4 parts */

struct mstress_shared {
    pthread_barrier_t barrier;
    _Atomic(struct block *) *place; /* [places] */
    uint32_t places;
};

struct mstress_thread {
    struct mstress_shared *shared;
    struct slots *own;
    struct block **held; /* [slots]: descriptors that this thread holds; at first those of its own table */
    void *stack;
    uint32_t phase;
};

/* Descriptors: each thread's own table, then those of its part of the shared places. */
static int mstress_setup(struct workload_sample *s)
{
    const struct mstress_params *p = s->params;
    uint64_t part = (p->places + s->threads - 1) / s->threads;
    struct mstress_shared *shared = workload_scratch(sizeof *shared);
    struct mstress_thread *threads = workload_scratch(s->threads * sizeof *threads);
    int err = slots_setup(s, p->slots + part);
    if (err)
        return err;
    if (!shared || !threads)
        return message_set(s->message, -ENOMEM, "mstress: no memory for its tables");
    shared->places = (uint32_t)(part * s->threads);
    shared->place = workload_scratch(shared->places * sizeof *shared->place);
    if (!shared->place || pthread_barrier_init(&shared->barrier, NULL, s->threads) != 0)
        return message_set(s->message, -ENOMEM, "mstress: no memory for its tables");
    uint64_t loads = 0;
    for (unsigned i = 0; i < s->threads; i++)
        loads += 1 + i % MSTRESS_LOADS;
    for (unsigned i = 0; i < s->threads; i++) {
        struct slots *own = slots_of(&s->thread[i]);
        own->share = p->ops / 2 / p->phases * (1 + i % MSTRESS_LOADS) / loads;
        own->more = &threads[i];
        threads[i] = (struct mstress_thread){.shared = shared,
                                             .own = own,
                                             .held = workload_scratch(p->slots * sizeof(struct block *)),
                                             .stack = workload_scratch(SUCCESSOR_STACK_BYTES)};
        if (!threads[i].held || !threads[i].stack)
            return message_set(s->message, -ENOMEM, "mstress: no memory for its tables");
        for (uint64_t j = 0; j < p->slots; j++)
            threads[i].held[j] = &own->slot[j];
        for (uint64_t j = 0; j < part; j++)
            atomic_init(&shared->place[i * part + j], &own->slot[p->slots + j]);
    }
    return 0;
}

static uint32_t mstress_size(struct rng *r)
{
    uint64_t bits = rng_next(r), rare = rng_scale((uint32_t)(bits >> 32), 100000);
    uint32_t size = 8u << (bits & 7);
    if (rare < 1)
        return size * 10000;
    if (rare < 10)
        return size * 1000;
    return rare < 100 ? size * 100 : size;
}

static void mstress_refill(struct slots *own, struct block *b)
{
    uint32_t size = mstress_size(&own->rng);
    if (!b->at)
        block_new(&own->account, b, size, (uint32_t)rng_next(&own->rng));
}

static void *mstress_phase(void *arg)
{
    struct mstress_thread *m = arg;
    struct slots *own = m->own;
    struct mstress_shared *shared = m->shared;
    const struct mstress_params *p = own->account.t->sample->params;
    for (uint64_t i = 0; i < p->slots; i++)
        mstress_refill(own, m->held[i]);
    for (uint64_t i = 0; i < own->share; i++) {
        uint64_t bits = rng_next(&own->rng);
        struct block **slot = &m->held[rng_scale((uint32_t)bits, p->slots)];
        slots_drop(own, *slot, OP_FREE);
        block_new(&own->account, *slot, mstress_size(&own->rng), (uint32_t)(bits >> 32));
        if ((bits >> 40 & 127) * 100 < p->transfer * 128) {
            /* release: our writes to the descriptor and the block come before; acquire: so did the other
             * side's */
            _Atomic(struct block *) *place =
                &shared->place[rng_scale((uint32_t)(bits >> 32), shared->places)];
            *slot = atomic_exchange_explicit(place, *slot, memory_order_acq_rel);
        }
    }
    for (uint64_t i = 0; i < p->slots; i++)
        slots_drop(own, m->held[i], OP_FREE_REMOTE);
    return NULL;
}

/* This thread's part of the shared places, between two barriers: every other block goes, or all come. */
static void mstress_tend(struct mstress_thread *m, bool fill)
{
    struct mstress_shared *shared = m->shared;
    unsigned threads = m->own->account.t->sample->threads;
    uint32_t part = shared->places / threads, first = part * m->own->account.t->index;
    for (uint32_t i = first; i < first + part; i++) {
        struct block *b =
            atomic_load_explicit(&shared->place[i], memory_order_relaxed); /* the barrier orders it */
        if (fill)
            mstress_refill(m->own, b);
        else if (i % 2)
            slots_drop(m->own, b, OP_FREE_REMOTE);
    }
}

static void mstress_prepare(struct workload_thread *t)
{
    slots_prepare(t);
    mstress_tend(slots_of(t)->more, true);
    block_publish(&slots_of(t)->account);
}

static void mstress_run(struct workload_thread *t)
{
    const struct mstress_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    struct mstress_thread *m = own->more;
    block_begin(&own->account);
    for (m->phase = 0; m->phase < p->phases; m->phase++) {
        if (m->phase) {
            mstress_tend(m, false);
            mstress_tend(m, true);
            pthread_barrier_wait(&m->shared->barrier);
        }
        if (!successor_run(m->stack, mstress_phase, m))
            t->failed_allocs++;
        pthread_barrier_wait(&m->shared->barrier);
    }
    block_end(&own->account);
}

/* Every descriptor is in some thread's table, wherever it wandered. */
const struct workload workload_mstress = {
    .setup = mstress_setup,
    .prepare = mstress_prepare,
    .run = mstress_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
