/* sh.c: the order of frees (MicroQuill's sh6bench and sh8bench, as the field's suites run them).
 * sh6: batches of blocks of falling sizes are freed in the order they were made, in reverse, or from both
 * ends, in turn. sh8: the same, but every batch is first handed to the next thread of a circle, which frees
 * it. */
#include "workloads/list.h"
#include "ring.h"
#include "slots.h"

enum { SH_ORDERS = 3 };

static uint32_t sh_size(const struct param_range *range, uint32_t i, uint32_t n)
{
    return (uint32_t)(range->hi - (range->hi - range->lo) * i / n);
}

static void sh_fill(struct slots *own, struct block *batch, uint32_t n, const struct param_range *size)
{
    uint64_t bits = rng_next(&own->rng);
    for (uint32_t i = 0; i < n; i++)
        block_new(&own->account, &batch[i], sh_size(size, i, n), (uint32_t)bits + i);
}

static void sh_empty(struct slots *own, struct block *batch, uint32_t n, unsigned order, enum op_kind kind)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i;
        if (order == 1)
            at = n - 1 - i;
        else if (order == 2)
            at = i % 2 ? n - 1 - i / 2 : i / 2;
        slots_drop(own, &batch[at], kind);
    }
}

static int sh6_setup(struct workload_sample *s)
{
    const struct sh6_params *p = s->params;
    int err = slots_setup(s, p->batch);
    for (unsigned i = 0; !err && i < s->threads; i++)
        slots_of(&s->thread[i])->share = block_share(p->ops / 2, s->threads, i);
    return err;
}

static void sh6_run(struct workload_thread *t)
{
    const struct sh6_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    unsigned order = 0;
    block_begin(&own->account);
    for (uint64_t left = own->share; left;) {
        uint32_t n = left < p->batch ? (uint32_t)left : (uint32_t)p->batch;
        sh_fill(own, own->slot, n, &p->size);
        sh_empty(own, own->slot, n, order++ % SH_ORDERS, OP_FREE);
        left -= n;
    }
    block_end(&own->account);
}

const struct workload workload_sh6 = {
    .name = "sh6",
    .setup = sh6_setup,
    .prepare = slots_prepare,
    .run = sh6_run,
    .drain = slots_drain,
    .live = slots_live,
};

/* Two places a ring are enough: in a circle of threads that each fill one and empty one a round, the slowest
 * never waits for long. */
#define SH8_PLACES 2

static int sh8_setup(struct workload_sample *s)
{
    const struct sh8_params *p = s->params;
    int err = slots_setup(s, 0);
    struct ring *ring = workload_scratch(s->threads * sizeof *ring);
    if (err)
        return err;
    /* Every thread does as many rounds as the others: it waits for each batch of its neighbour. */
    uint64_t rounds = p->ops / 2 / s->threads / p->batch;
    for (unsigned i = 0; i < s->threads; i++) {
        if (!ring || !ring_open(&ring[i], SH8_PLACES, (uint32_t)p->batch))
            return message_set(s->message, -ENOMEM, "sh8: no memory for its tables");
        slots_of(&s->thread[i])->share = rounds ? rounds : 1;
        slots_of(&s->thread[i])->more = ring;
    }
    return 0;
}

static void sh8_run(struct workload_thread *t)
{
    const struct sh8_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    unsigned threads = t->sample->threads;
    struct ring *to = (struct ring *)own->more + t->index,
                *from = (struct ring *)own->more + (t->index + threads - 1) % threads;
    block_begin(&own->account);
    for (uint64_t round = 0; round < own->share; round++) {
        uint32_t n;
        sh_fill(own, ring_fill_begin(to), (uint32_t)p->batch, &p->size);
        ring_fill_end(to, (uint32_t)p->batch);
        struct block *batch = ring_empty_begin(from, &n, true);
        sh_empty(own, batch, n, (unsigned)(round % SH_ORDERS), to == from ? OP_FREE : OP_FREE_REMOTE);
        ring_empty_end(from);
    }
    block_end(&own->account);
}

static void sh8_live(struct workload_sample *s, workload_visit *visit, void *arg)
{
    for (unsigned i = 0; i < s->threads; i++)
        ring_visit((struct ring *)slots_of(&s->thread[i])->more + i, visit, arg);
}

const struct workload workload_sh8 = {
    .name = "sh8",
    .setup = sh8_setup,
    .prepare = slots_prepare,
    .run = sh8_run,
    .drain = slots_drain,
    .live = sh8_live,
};
