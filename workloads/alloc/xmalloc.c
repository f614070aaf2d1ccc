/* xmalloc.c: producers and consumers (Lever & Boreham, "malloc() performance in a multithreaded Linux
 * environment", USENIX 2000). Threads work in pairs: one allocates batches of blocks, the other frees them,
 * so that every free is remote. At most `outstanding` batches are under way in a pair. A thread without a
 * partner does both parts in turn. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                           \
    P(S, RANGE, size, "64-64", "1-1G", "block sizes in bytes")                 \
    P(S, COUNT, batch, "4096", "1-1M", "blocks a producer hands over at once") \
    P(S, COUNT, outstanding, "4", "1-1024", "batches under way for each pair") \
    P(S, COUNT, ops, "10M", "1-100G", "operations (a malloc or a free each), over all pairs")
PARAM_STRUCT(xmalloc_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_xmalloc = {
    .name = "xmalloc",
    .level = LEVEL_ALLOC,
    .flags = WORKLOAD_PAIRS,
    .params = PARAM_TABLE(xmalloc_params, PARAMS),
    .summary = "producers to consumers in batches: every free is remote; nothing is kept, so its "
               "memory says little",
    .small = {"size=1-300,batch=50,outstanding=2,ops=20k"},
};

#else

#include "ring.h"

#include <errno.h>

struct xmalloc_pair {
    struct ring ring;
    uint64_t blocks; /* to be made and freed */
    uint64_t seed;
    bool alone;
};

struct xmalloc_thread {
    _Alignas(128) struct block_account account;
    struct xmalloc_pair *pair;
    struct rng rng;
};

struct xmalloc {
    struct xmalloc_pair *pair;
    struct xmalloc_thread *thread;
    unsigned pairs;
};

static int xmalloc_setup(struct workload_sample *s)
{
    const struct xmalloc_params *p = s->params;
    struct xmalloc *x = workload_scratch(sizeof *x);
    if (!x)
        return message_set(s->message, -ENOMEM, "xmalloc: no memory for its tables");
    x->pairs = (s->threads + 1) / 2;
    x->pair = workload_scratch(x->pairs * sizeof *x->pair);
    x->thread = workload_scratch(s->threads * sizeof *x->thread);
    if (!x->pair || !x->thread)
        return message_set(s->message, -ENOMEM, "xmalloc: no memory for its tables");
    for (unsigned i = 0; i < x->pairs; i++) {
        struct xmalloc_pair *pair = &x->pair[i];
        pair->blocks = block_share(p->ops / 2, x->pairs, i);
        pair->seed = s->thread[2 * i].seed;
        pair->alone = 2 * i + 1 == s->threads;
        if (!ring_open(&pair->ring, (uint32_t)p->outstanding, (uint32_t)p->batch))
            return message_set(s->message, -ENOMEM, "xmalloc: no memory for %llu batches of %llu blocks",
                               (unsigned long long)p->outstanding, (unsigned long long)p->batch);
    }
    for (unsigned i = 0; i < s->threads; i++) {
        x->thread[i].pair = &x->pair[i / 2];
        s->thread[i].state = &x->thread[i];
    }
    s->state = x;
    return 0;
}

static void xmalloc_prepare(struct workload_thread *t)
{
    struct xmalloc_thread *own = t->state;
    block_open(&own->account, t);
    rng_seed(&own->rng, own->pair->seed);
    block_publish(&own->account);
}

static void xmalloc_produce(struct xmalloc_thread *own, const struct xmalloc_params *p, uint32_t count)
{
    struct block *batch = ring_fill_begin(&own->pair->ring);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bits = rng_next(&own->rng);
        block_new(&own->account, &batch[i], block_size(&p->size, (uint32_t)bits), (uint32_t)(bits >> 32));
    }
    ring_fill_end(&own->pair->ring, count);
}

static uint32_t xmalloc_consume(struct xmalloc_thread *own, enum op_kind kind)
{
    uint32_t count;
    struct block *batch = ring_empty_begin(&own->pair->ring, &count, true);
    for (uint32_t i = 0; i < count; i++) {
        own->account.t->checksum += block_sum(&batch[i]);
        block_drop(&own->account, &batch[i], kind);
    }
    ring_empty_end(&own->pair->ring);
    return count;
}

static void xmalloc_run(struct workload_thread *t)
{
    const struct xmalloc_params *p = t->sample->params;
    struct xmalloc_thread *own = t->state;
    bool alone = own->pair->alone, producer = t->index % 2 == 0;
    block_begin(&own->account);
    for (uint64_t left = own->pair->blocks; left;) {
        uint32_t count = left < p->batch ? (uint32_t)left : (uint32_t)p->batch;
        if (producer)
            xmalloc_produce(own, p, count);
        if (!producer || alone)
            count = xmalloc_consume(own, alone ? OP_FREE : OP_FREE_REMOTE);
        left -= count;
    }
    block_end(&own->account);
}

static void xmalloc_drain(struct workload_thread *t)
{
    struct xmalloc_thread *own = t->state;
    block_publish(&own->account); /* every block was freed by its consumer */
}

static void xmalloc_live(struct workload_sample *s, workload_visit *visit, void *arg)
{
    struct xmalloc *x = s->state;
    for (unsigned i = 0; i < x->pairs; i++)
        ring_visit(&x->pair[i].ring, visit, arg);
}

const struct workload workload_xmalloc = {
    .setup = xmalloc_setup,
    .prepare = xmalloc_prepare,
    .run = xmalloc_run,
    .drain = xmalloc_drain,
    .live = xmalloc_live,
};

#endif
