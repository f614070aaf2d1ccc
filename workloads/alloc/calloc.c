/* calloc.c: random slots are replaced by zeroed blocks; each is read whole (is it zero?) and then filled, so
 * that recycled memory must really be cleared. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                    \
    P(S, COUNT, live, "20k", "1-100M", "blocks held, over all threads") \
    P(S, RANGE, size, "16-4096", "1-1G", "block sizes in bytes")        \
    P(S, COUNT, ops, "2M", "1-100G", "operations (a malloc or a free each), over all threads")
PARAM_STRUCT(calloc_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_calloc = {
    .name = "calloc",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(calloc_params, PARAMS),
    .summary = "zeroed blocks, recycled: clearing, and knowing what is clear already; reads and "
               "fills each, so not the call alone",
    .small = {"live=100,ops=4k"},
};

#else

#include "slots.h"

static int calloc_setup(struct workload_sample *s)
{
    const struct calloc_params *p = s->params;
    return slots_setup_live(s, p->live, p->ops);
}

/* Is every byte zero? Eight at a time; the last ones one by one. */
static bool calloc_is_zero(const unsigned char *at, uint32_t size)
{
    uint64_t any = 0, word;
    uint32_t i = 0;
    for (; i + sizeof word <= size; i += sizeof word) {
        memcpy(&word, at + i, sizeof word);
        any |= word;
    }
    for (; i < size; i++)
        any |= at[i];
    return any == 0;
}

static void calloc_new(struct slots *own, struct block *b, uint32_t size, uint32_t tag)
{
    struct block_account *c = &own->account;
    void *at;
    if (block_due(c)) {
        uint64_t begin = os_now_ns();
        at = c->a.calloc(c->a.ctx, 1, size);
        c->t->sample->latency(c->t, OP_CALLOC, os_now_ns() - begin);
    } else {
        at = c->a.calloc(c->a.ctx, 1, size);
    }
    if (c->check && at)
        c->t->faults += !calloc_is_zero(at, size);
    if (block_take(c, b, at, size, tag))
        memset(b->at, (int)(b->tag & 255), size);
}

static void calloc_run(struct workload_thread *t)
{
    const struct calloc_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    block_begin(&own->account);
    for (uint64_t i = 0; i < own->share; i++) {
        uint64_t bits = rng_next(&own->rng);
        struct block *b = &own->slot[rng_scale((uint32_t)bits, own->count)];
        slots_drop(own, b, OP_FREE);
        calloc_new(own, b, block_size(&p->size, (uint32_t)(bits >> 32)), (uint32_t)bits | 1);
    }
    block_end(&own->account);
}

const struct workload workload_calloc = {
    .setup = calloc_setup,
    .prepare = slots_prepare,
    .run = calloc_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
