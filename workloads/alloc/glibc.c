/* glibc.c: the shapes of the GNU C library's own two malloc benchmarks.
 * glibc-simple: n blocks of one size are allocated, half of them are freed first-in first-out and the rest
 * last-in first-out, over and over, for n of 25, 100, 400 and 1600: how far the per-thread caches reach.
 * glibc-thread: random slots are emptied or filled; block sizes fall with the inverse square. */
#include "workloads/list.h"
#include "slots.h"
#include "alloc/base/compiler.h"

static const uint32_t simple_counts[] = {25, 100, 400, 1600};
#define SIMPLE_COUNTS array_length(simple_counts)

static int simple_setup(struct workload_sample *s)
{
    const struct glibc_simple_params *p = s->params;
    int err = slots_setup(s, simple_counts[SIMPLE_COUNTS - 1]);
    for (unsigned i = 0; !err && i < s->threads; i++)
        slots_of(&s->thread[i])->share = block_share(p->ops / 2, s->threads, i);
    return err;
}

static void simple_round(struct slots *own, uint32_t n, uint32_t size)
{
    for (uint32_t i = 0; i < n; i++)
        block_new(&own->account, &own->slot[i], size, i ^ size);
    for (uint32_t i = 0; i < n / 2; i++)
        slots_drop(own, &own->slot[i], OP_FREE);
    for (uint32_t i = n; i-- > n / 2;)
        slots_drop(own, &own->slot[i], OP_FREE);
}

static void simple_run(struct workload_thread *t)
{
    const struct glibc_simple_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    block_begin(&own->account);
    for (unsigned c = 0; c < SIMPLE_COUNTS; c++) /* an even part of the operations for each count */
        for (uint64_t left = block_share(own->share, SIMPLE_COUNTS, c); left;) {
            uint32_t n = left < simple_counts[c] ? (uint32_t)left : simple_counts[c];
            simple_round(own, n, (uint32_t)p->size);
            left -= n;
        }
    block_end(&own->account);
}

const struct workload workload_glibc_simple = {
    .name = "glibc-simple",
    .setup = simple_setup,
    .prepare = slots_prepare,
    .run = simple_run,
    .drain = slots_drain,
    .live = slots_live,
};

#define THREAD_SIZES 4096 /* quantiles of the distribution of sizes */

static int thread_setup(struct workload_sample *s)
{
    const struct glibc_thread_params *p = s->params;
    uint32_t *sizes = workload_scratch(THREAD_SIZES * sizeof *sizes);
    int err = sizes ? slots_setup(s, p->slots) : -ENOMEM;
    if (!sizes)
        return message_set(s->message, err, "%s: no memory for its tables", s->workload->name);
    /* density c/x^2 between lo and hi: the q-quantile is 1/(1/lo - q (1/lo - 1/hi)) */
    double lo = (double)p->size.lo, hi = (double)p->size.hi;
    for (unsigned i = 0; i < THREAD_SIZES; i++)
        sizes[i] = (uint32_t)(1 / (1 / lo - (i + 0.5) / THREAD_SIZES * (1 / lo - 1 / hi)));
    for (unsigned i = 0; !err && i < s->threads; i++) {
        slots_of(&s->thread[i])->share = block_share(p->ops, s->threads, i);
        slots_of(&s->thread[i])->more = sizes;
    }
    return err;
}

static void thread_run(struct workload_thread *t)
{
    struct slots *own = slots_of(t);
    const uint32_t *sizes = own->more;
    block_begin(&own->account);
    for (uint64_t i = 0; i < own->share; i++) {
        uint64_t bits = rng_next(&own->rng);
        struct block *b = &own->slot[rng_scale((uint32_t)bits, own->count)];
        if (b->at)
            slots_drop(own, b, OP_FREE);
        else
            block_new(&own->account, b, sizes[(bits >> 32) % THREAD_SIZES], (uint32_t)(bits >> 44));
    }
    block_end(&own->account);
}

const struct workload workload_glibc_thread = {
    .name = "glibc-thread",
    .setup = thread_setup,
    .prepare = slots_prepare,
    .run = thread_run,
    .drain = slots_drain,
    .live = slots_live,
};
