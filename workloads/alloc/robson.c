/* robson.c: fill, free every other block, double the size, and again: the holes are always half of what is
 * asked next (Robson, JACM 1974; Johnstone & Wilson, ISMM'98). */
#include "workloads/about.h"

#define PARAMS(P, S)                                                              \
    P(S, BYTES, live, "32M", "4k-1024G", "most bytes live, over all threads")     \
    P(S, RANGE, size, "16-1M", "1-1G", "the first size and the last: it doubles") \
    P(S, COUNT, rounds, "1", "1-1M", "how often it starts again")
PARAM_STRUCT(robson_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_robson = {
    .name = "robson",
    .level = LEVEL_ALLOC,
    .flags = WORKLOAD_SEEDLESS,
    .params = PARAM_TABLE(robson_params, PARAMS),
    .summary = "holes that are always half of what is asked next: fragmentation at its worst for "
               "first fit; no program does this",
    .small = {"live=256k,size=16-4096,rounds=2"},
};

#else

#include "fragment.h"

static int robson_setup(struct workload_sample *s)
{
    const struct robson_params *p = s->params;
    return fragment_setup(s, p->live, p->size.lo);
}

/* Drops every other block of the first n and closes the table up. Returns how many are left. */
static uint64_t robson_thin(struct slots *own, uint64_t n, uint64_t *bytes)
{
    uint64_t kept = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (i % 2) {
            struct block b = own->slot[i];
            own->slot[i].at = NULL;
            own->slot[kept++] = b;
        } else {
            *bytes -= own->slot[i].size;
            slots_drop(own, &own->slot[i], OP_FREE);
        }
    }
    return kept;
}

static void robson_run(struct workload_thread *t)
{
    const struct robson_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    block_begin(&own->account);
    for (uint64_t round = 0; round < p->rounds; round++) {
        uint64_t n = 0, bytes = 0;
        slots_drain(t); /* what the round before left */
        for (uint64_t size = p->size.lo; size <= p->size.hi; size *= 2) {
            n = robson_thin(own, n, &bytes);
            for (; bytes + size <= own->share && n < own->count; n++, bytes += size)
                block_new(&own->account, &own->slot[n], (uint32_t)size, (uint32_t)(n + round));
        }
    }
    block_end(&own->account);
}

const struct workload workload_robson = {
    .setup = robson_setup,
    .prepare = slots_prepare,
    .run = robson_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
