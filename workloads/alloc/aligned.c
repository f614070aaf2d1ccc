/* aligned.c: the two calls that are not plain malloc.
 * aligned: random slots are replaced by blocks of alignments 16 .. 4096; an address that is not aligned
 * counts as changed contents. calloc: random slots are replaced by zeroed blocks; each is read whole (is it
 * zero?) and then filled, so that recycled memory must really be cleared. */
#include "workloads/list.h"
#include "slots.h"

static int aligned_setup_of(struct workload_sample *s, uint64_t live, uint64_t ops)
{
    int err = slots_setup(s, live / s->threads ? live / s->threads : 1);
    for (unsigned i = 0; !err && i < s->threads; i++)
        slots_of(&s->thread[i])->share = block_share(ops / 2, s->threads, i);
    return err;
}

static int aligned_setup(struct workload_sample *s)
{
    const struct aligned_params *p = s->params;
    if (p->align.lo < ALLOC_MIN_ALIGN || p->align.lo & (p->align.lo - 1) || p->align.hi & (p->align.hi - 1))
        return message_set(s->message, -EINVAL,
                           "aligned: align=%llu-%llu: both must be powers of two of at least %d",
                           (unsigned long long)p->align.lo, (unsigned long long)p->align.hi, ALLOC_MIN_ALIGN);
    if (!s->alloc->aligned)
        return message_set(s->message, -ENOTSUP, "aligned: this allocator has no aligned allocation");
    return aligned_setup_of(s, p->live, p->ops);
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
    .name = "aligned",
    .setup = aligned_setup,
    .prepare = slots_prepare,
    .run = aligned_run,
    .drain = slots_drain,
    .live = slots_live,
};

static int calloc_setup(struct workload_sample *s)
{
    const struct calloc_params *p = s->params;
    return aligned_setup_of(s, p->live, p->ops);
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
    .name = "calloc",
    .setup = calloc_setup,
    .prepare = slots_prepare,
    .run = calloc_run,
    .drain = slots_drain,
    .live = slots_live,
};
