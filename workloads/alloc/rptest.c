/* rptest.c: blocks of random sizes that are mostly small; every loop frees a tenth of them, scattered over
 * the table, fills the holes, and hands a batch of new ones to the next thread of a circle, which frees them
 * (the pattern of rpmalloc's benchmark). */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                          \
    P(S, RANGE, size, "16-8000", "1-1G", "block sizes in bytes")                              \
    P(S, CHOICE, falloff, "linear", "linear|exponential", "how large blocks are rarer")       \
    P(S, COUNT, slots, "4000", "10-10M", "blocks a thread holds; a tenth of them is a batch") \
    P(S, COUNT, ops, "4M", "1-100G", "operations (a malloc or a free each), over all threads")
PARAM_STRUCT(rptest_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_rptest = {
    .name = "rptest",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(rptest_params, PARAMS),
    .summary = "scattered frees beside batches that the next thread frees, many sizes; short, so not "
               "its fragmentation over time",
    .small = {"slots=200,ops=8k"},
};

#else

#include "ring.h"
#include "slots.h"

#define RPTEST_PLACES  2 /* see sh.c: enough for a circle in which each fills one and empties one a loop */
#define RPTEST_SCATTER 10

enum { FALLOFF_LINEAR, FALLOFF_EXPONENTIAL };

static uint32_t rptest_size(const struct rptest_params *p, struct rng *r)
{
    uint64_t bits = rng_next(r), span = p->size.hi - p->size.lo + 1;
    if (p->falloff == FALLOFF_EXPONENTIAL) { /* each half of the span is half as likely as the one below it */
        unsigned halvings = (unsigned)__builtin_ctz((unsigned)(bits >> 32 & 255) | 256);
        span = (span >> (8 - halvings)) ? span >> (8 - halvings) : 1;
        return (uint32_t)(p->size.lo + rng_scale((uint32_t)bits, span));
    }
    uint64_t a = rng_scale((uint32_t)bits, span), b = rng_scale((uint32_t)(bits >> 32), span);
    return (uint32_t)(p->size.lo + (a < b ? a : b)); /* the smaller of two: a density that falls linearly */
}

static int rptest_setup(struct workload_sample *s)
{
    const struct rptest_params *p = s->params;
    int err = slots_setup(s, p->slots);
    struct ring *ring = workload_scratch(s->threads * sizeof *ring);
    uint64_t batch = p->slots / RPTEST_SCATTER ? p->slots / RPTEST_SCATTER : 1;
    if (err)
        return err;
    /* a loop replaces a tenth and hands on as many: four operations for each block of the batch */
    uint64_t loops = p->ops / s->threads / (4 * batch);
    for (unsigned i = 0; i < s->threads; i++) {
        if (!ring || !ring_open(&ring[i], RPTEST_PLACES, (uint32_t)batch))
            return message_set(s->message, -ENOMEM, "rptest: no memory for its tables");
        slots_of(&s->thread[i])->share = loops ? loops : 1;
        slots_of(&s->thread[i])->more = ring;
    }
    return 0;
}

static void rptest_prepare(struct workload_thread *t)
{
    const struct rptest_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    slots_prepare(t);
    for (uint64_t i = 0; i < own->count; i++)
        block_new(&own->account, &own->slot[i], rptest_size(p, &own->rng), (uint32_t)i);
    block_publish(&own->account);
}

static void rptest_run(struct workload_thread *t)
{
    const struct rptest_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    unsigned threads = t->sample->threads;
    struct ring *to = (struct ring *)own->more + t->index,
                *from = (struct ring *)own->more + (t->index + threads - 1) % threads;
    block_begin(&own->account);
    for (uint64_t loop = 0; loop < own->share; loop++) {
        uint64_t first = rng_below(&own->rng, RPTEST_SCATTER);
        uint32_t n = 0;
        for (uint64_t i = first; i < own->count && n < to->batch; i += RPTEST_SCATTER, n++)
            slots_drop(own, &own->slot[i], OP_FREE);
        uint32_t made = n;
        struct block *batch = ring_fill_begin(to);
        for (uint64_t i = first; n; i += RPTEST_SCATTER, n--) {
            block_new(&own->account, &batch[n - 1], rptest_size(p, &own->rng), (uint32_t)loop);
            block_new(&own->account, &own->slot[i], rptest_size(p, &own->rng), (uint32_t)i);
        }
        ring_fill_end(to, made);
        batch = ring_empty_begin(from, &n, true);
        for (uint32_t i = 0; i < n; i++)
            slots_drop(own, &batch[i], to == from ? OP_FREE : OP_FREE_REMOTE);
        ring_empty_end(from);
    }
    block_end(&own->account);
}

static void rptest_live(struct workload_sample *s, workload_visit *visit, void *arg)
{
    slots_live(s, visit, arg);
    for (unsigned i = 0; i < s->threads; i++)
        ring_visit((struct ring *)slots_of(&s->thread[i])->more + i, visit, arg);
}

const struct workload workload_rptest = {
    .setup = rptest_setup,
    .prepare = rptest_prepare,
    .run = rptest_run,
    .drain = slots_drain,
    .live = rptest_live,
};

#endif
