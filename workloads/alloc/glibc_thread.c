/* glibc_thread.c: the shape of the GNU C library's bench-malloc-thread: random slots are emptied or filled;
 * block sizes fall with the inverse square. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                              \
    P(S, COUNT, slots, "1024", "1-10M", "slots a thread has; about half are full")                \
    P(S, RANGE, size, "4-32768", "1-1G", "block sizes in bytes, falling with the inverse square") \
    P(S, COUNT, ops, "10M", "1-100G", "operations (a malloc or a free each), over all threads")
PARAM_STRUCT(glibc_thread_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_glibc_thread = {
    .name = "glibc-thread",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(glibc_thread_params, PARAMS),
    .summary = "random slots, sizes falling with the inverse square: scaling over threads that share "
               "nothing; small live set",
    .small = {"slots=200,ops=20k"},
};

#else

#include "slots.h"

#define THREAD_SIZES 4096 /* quantiles of the distribution of sizes */

static int thread_setup(struct workload_sample *s)
{
    const struct glibc_thread_params *p = s->params;
    uint32_t *sizes = workload_scratch(THREAD_SIZES * sizeof *sizes);
    int err = sizes ? slots_setup(s, p->slots) : -ENOMEM;
    if (!sizes)
        return message_set(s->message, err, "%s: no memory for its tables", s->name);
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
    .setup = thread_setup,
    .prepare = slots_prepare,
    .run = thread_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
