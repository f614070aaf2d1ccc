/* contents.h: what verify=1 writes into blocks: a pattern of each block's own. */
#ifndef HG_WORKLOADS_TRACE_REPLAY_CONTENTS_H
#define HG_WORKLOADS_TRACE_REPLAY_CONTENTS_H

#include "replay.h"

#include "alloc/base/rng.h"

#include <string.h>

static inline uint64_t pattern_word(uint64_t seed, uint64_t i)
{
    return (seed + i) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline void pattern_fill(void *block, uint64_t from, uint64_t size, uint64_t seed)
{
    unsigned char *bytes = block;
    for (uint64_t i = from / 8; i < (size + 7) / 8; i++) {
        uint64_t word = pattern_word(seed, i);
        memcpy(bytes + i * 8, &word, size - i * 8 < 8 ? size - i * 8 : 8);
    }
}

static inline bool pattern_holds(const void *block, uint64_t size, uint64_t seed)
{
    const unsigned char *bytes = block;
    for (uint64_t i = 0; i < (size + 7) / 8; i++) {
        uint64_t word = pattern_word(seed, i);
        if (memcmp(bytes + i * 8, &word, size - i * 8 < 8 ? size - i * 8 : 8) != 0)
            return false;
    }
    return true;
}

static inline bool all_zero(const void *block, uint64_t size)
{
    const unsigned char *bytes = block;
    for (uint64_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

/* Which slot of which worker it is in, so that two blocks that overlap differ. */
static inline uint64_t contents_seed(unsigned worker, uint32_t slot, uint32_t shared)
{
    return shared != REPLAY_NOT_SHARED ? rng_mix(shared) : rng_mix((uint64_t)(worker + 1) << 32 | slot);
}

#endif
