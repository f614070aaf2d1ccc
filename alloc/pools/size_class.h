/* size_class.h: from a size to its class and back. Pure functions.
 *
 * Up to 128 bytes a class every 16 bytes; above, eight classes a doubling, so that a block is at most 1/9
 * (11.1 %) larger than what was asked for, the 16-byte alignment apart. The last class is 128 KiB.
 *
 *   class  0..7      16 32 48 .. 128
 *   class  8..15    144 160 .. 256           step 16
 *   class 16..23    288 320 .. 512           step 32
 *   ...
 *   class 80..87   72 KiB 80 KiB .. 128 KiB  step 8 KiB
 *
 * (Eight to a doubling: jemalloc's and mimalloc's scheme with one more bit.) */
#ifndef HG_ALLOC_POOLS_SIZE_CLASS_H
#define HG_ALLOC_POOLS_SIZE_CLASS_H

#include <stddef.h>
#include <stdint.h>

#define POOLS_CLASSES     88u
#define POOLS_TABLE_MAX   ((size_t)1024)      /* up to here the class is looked up in a table */
#define POOLS_CLASS_MAX   ((size_t)128 << 10) /* larger requests are runs of slices, or mapped */
#define POOLS_SLICE_SHIFT 14
#define POOLS_SLICE       ((size_t)1 << POOLS_SLICE_SHIFT)

/* size 1..POOLS_CLASS_MAX */
static inline unsigned pools_class_compute(size_t size)
{
    if (size <= 128)
        return size ? (unsigned)((size - 1) >> 4) : 0;
    unsigned e = 63u - (unsigned)__builtin_clzll(size - 1); /* 2^e <= size-1 < 2^(e+1), e >= 7 */
    return 8 + (e - 7) * 8 + (unsigned)(((size - 1) >> (e - 3)) & 7);
}

static inline size_t pools_class_bytes(unsigned c)
{
    if (c < 8)
        return (size_t)(c + 1) << 4;
    unsigned e = 7 + (c - 8) / 8;
    return ((size_t)1 << e) + ((size_t)((c - 8) % 8 + 1) << (e - 3));
}

/* What a block counts in a heap's accounts: its size, and a part for the page that it may keep from being
 * freed. */
static inline uint32_t pools_weight(unsigned c)
{
    return (uint32_t)pools_class_bytes(c) + 240;
}

/* A page holds at least 8 blocks; small classes share the page size of 64 KiB, of which 16 slices' worth
 * or 64 make the larger ones. */
static inline unsigned pools_class_slices(unsigned c)
{
    size_t bytes = pools_class_bytes(c);
    return bytes <= 4096 ? 4 : bytes <= 16384 ? 16 : 64;
}

#endif
