/* sh.h: what sh6 and sh8 share: batches of blocks of falling sizes, freed in the order they were made, in
 * reverse, or from both ends, in turn (MicroQuill's sh6bench and sh8bench, as the field's suites run
 * them). */
#ifndef HG_WORKLOADS_ALLOC_SH_H
#define HG_WORKLOADS_ALLOC_SH_H

#include "slots.h"

#define SH_PARAMS(P, S)                                                             \
    P(S, RANGE, size, "1-1000", "1-1G", "block sizes in bytes, falling in a batch") \
    P(S, COUNT, batch, "500", "1-1M", "blocks that are made before any is freed")   \
    P(S, COUNT, ops, "10M", "1-100G", "operations (a malloc or a free each), over all threads")
PARAM_STRUCT(sh_params, SH_PARAMS)

enum { SH_ORDERS = 3 };

static inline uint32_t sh_size(const struct param_range *range, uint32_t i, uint32_t n)
{
    return (uint32_t)(range->hi - (range->hi - range->lo) * i / n);
}

static inline void sh_fill(struct slots *own, struct block *batch, uint32_t n, const struct param_range *size)
{
    uint64_t bits = rng_next(&own->rng);
    for (uint32_t i = 0; i < n; i++)
        block_new(&own->account, &batch[i], sh_size(size, i, n), (uint32_t)bits + i);
}

static inline void sh_empty(struct slots *own, struct block *batch, uint32_t n, unsigned order,
                            enum op_kind kind)
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

#endif
