/* glibc_simple.c: the shape of the GNU C library's bench-malloc-simple: n blocks of one size are
 * allocated, half of them are freed first-in first-out and the rest last-in first-out, over and over, for
 * n of 25, 100, 400 and 1600: how far the per-thread caches reach. */
#include "workloads/about.h"

#define PARAMS(P, S)                                       \
    P(S, BYTES, size, "32", "1-1M", "block size in bytes") \
    P(S, COUNT, ops, "20M", "1-100G", "operations (a malloc or a free each), over all threads")
PARAM_STRUCT(glibc_simple_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_glibc_simple = {
    .name = "glibc-simple",
    .level = LEVEL_ALLOC,
    .flags = WORKLOAD_SEEDLESS,
    .params = PARAM_TABLE(glibc_simple_params, PARAMS),
    .summary = "one size, 25 to 1600 blocks at once: how far thread caches reach; the best case of "
               "every allocator",
    .small = {"ops=20k"},
};

#else

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
    .setup = simple_setup,
    .prepare = slots_prepare,
    .run = simple_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
