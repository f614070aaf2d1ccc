/* aligned.c: random slots are replaced by blocks of alignments 16 .. 4096; an address that is not aligned
 * counts as changed contents. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                                   \
    P(S, COUNT, live, "20k", "1-100M", "blocks held, over all threads")                                \
    P(S, RANGE, size, "16-2048", "1-1G", "block sizes in bytes")                                       \
    P(S, RANGE, align, "16-4096", "16-1M", "alignments: the powers of two from the first to the last") \
    P(S, COUNT, ops, "2M", "1-100G", "operations (a malloc or a free each), over all threads")
PARAM_STRUCT(aligned_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_aligned = {
    .name = "aligned",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(aligned_params, PARAMS),
    .summary = "alignments of 16 to 4096: what they cost in time and memory; rare in programs",
    .small = {"live=100,ops=4k"},
};

#else

#include "slots.h"

static int aligned_setup(struct workload_sample *s)
{
    const struct aligned_params *p = s->params;
    if (p->align.lo < ALLOC_MIN_ALIGN || p->align.lo & (p->align.lo - 1) || p->align.hi & (p->align.hi - 1))
        return message_set(s->message, -EINVAL,
                           "aligned: align=%llu-%llu: both must be powers of two of at least %d",
                           (unsigned long long)p->align.lo, (unsigned long long)p->align.hi, ALLOC_MIN_ALIGN);
    if (!s->alloc->aligned)
        return message_set(s->message, -ENOTSUP, "aligned: this allocator has no aligned allocation");
    return slots_setup_live(s, p->live, p->ops);
}

static void aligned_new(struct slots *own, struct block *b, size_t align, uint32_t size, uint32_t tag)
{
    struct block_account *c = &own->account;
    void *at;
    if (block_due(c)) {
        uint64_t begin = os_now_ns();
        at = c->a.aligned(c->a.ctx, align, size);
        c->t->sample->latency(c->t, OP_MALLOC, os_now_ns() - begin);
    } else {
        at = c->a.aligned(c->a.ctx, align, size);
    }
    c->t->faults += ((uintptr_t)at & (align - 1)) != 0;
    block_take(c, b, at, size, tag);
}

static void aligned_run(struct workload_thread *t)
{
    const struct aligned_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    unsigned powers = (unsigned)(__builtin_ctzll(p->align.hi) - __builtin_ctzll(p->align.lo)) + 1;
    block_begin(&own->account);
    for (uint64_t i = 0; i < own->share; i++) {
        uint64_t bits = rng_next(&own->rng);
        struct block *b = &own->slot[rng_scale((uint32_t)bits, own->count)];
        slots_drop(own, b, OP_FREE);
        aligned_new(own, b, (size_t)p->align.lo << (bits >> 32) % powers,
                    block_size(&p->size, (uint32_t)(bits >> 24)), (uint32_t)bits);
    }
    block_end(&own->account);
}

const struct workload workload_aligned = {
    .setup = aligned_setup,
    .prepare = slots_prepare,
    .run = aligned_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
