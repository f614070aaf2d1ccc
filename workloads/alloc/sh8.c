/* sh8.c: as sh6, but every batch is first handed to the next thread of a circle, which frees it. */
#include "workloads/about.h"
#include "sh.h"

#ifdef HG_ABOUT

const struct workload_info workload_info_sh8 = {
    .name = "sh8",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(sh_params, SH_PARAMS),
    .summary = "the batches of sh6 freed by the next thread of a circle: remote frees by threads "
               "that also allocate; nothing lives long",
    .small = {"batch=60,ops=10k"},
};

#else

#include "ring.h"

/* Two places a ring are enough: in a circle of threads that each fill one and empty one a round, the slowest
 * never waits for long. */
#define SH8_PLACES 2

static int sh8_setup(struct workload_sample *s)
{
    const struct sh_params *p = s->params;
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
    const struct sh_params *p = t->sample->params;
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
    .setup = sh8_setup,
    .prepare = slots_prepare,
    .run = sh8_run,
    .drain = slots_drain,
    .live = sh8_live,
};

#endif
