/* heap.h: the structures of pymalloc, after CPython's Objects/obmalloc.c (behaviour and layout, not text).
 *
 * A heap hands out blocks of 32 size classes, 16 to 512 bytes, from pools; pools are carved from arenas; an
 * arena is one mapping. Requests of 0 or of more than 512 bytes go to the C library ("raw").
 *
 *   arena   | lost | pool | pool | ... | pool not carved yet ...         | lost |
 *             ^ base not aligned to a pool costs one pool, cut into two pieces
 *   pool    | header 48 | block | block | ... | virgin blocks ... | tail |
 *
 * What is the same as CPython's, to the block: which address each request gets, when a pool and an arena is
 * taken and given back, and so every figure of sys._debugmallocstats(). tests/conformance proves it address
 * by address. What differs is where the state lives and when it is written down:
 *  - layout 3.10 keeps the 48-byte header's room in each pool but its contents beside the map (map.h):
 *    headers that all lie at multiples of 16 KiB fight for a few cache sets;
 *  - pool->until counts frees until there is something to do: the live blocks of a pool on a list, 1 for a
 *    full pool off its list. One test on the way of free() serves both;
 *  - a pool that empties, is alone on its class list and would be the next one handed out is left where it is
 *    (heap->lazy), as long as nothing looks at the arenas: settle() gives it back before anything does. The
 *    next class that needs a pool takes it over;
 *  - from 4 MiB on, pools that are carved next are faulted in together (core.h, arena_populate): no address
 *    changes, and what is resident was within 1 % of CPython's, or below it, wherever it was measured.
 *
 * Locking: none. One thread at a time, as CPython holds its GIL. */
#ifndef HG_ALLOC_PYMALLOC_HEAP_H
#define HG_ALLOC_PYMALLOC_HEAP_H

#include "map.h"
#include "pymalloc.h"

#include "alloc/base/os.h"

#define PYMALLOC_CLASSES     32
#define PYMALLOC_SMALL_MAX   512u /* the largest request that is not raw */
#define PYMALLOC_STEP        16u  /* between classes, and the alignment of every block */
#define PYMALLOC_HEADER      48u  /* room at the start of a pool */
#define PYMALLOC_POOLS_MAX   128u /* in an arena, over all layouts */
#define PYMALLOC_ARENAS_INIT 16u  /* the first vector of arena records; it doubles */
#define PYMALLOC_NO_CLASS    0xffffu

/* State of one pool, at most the 48 bytes of a header: layout 3.9 keeps it at the start of the pool itself.
 * next is NULL for a full pool off its list; a free pool is linked by next on its arena's list. */
struct pool {
    void *free;        /* freed blocks, LIFO, linked by their first word */
    uint32_t until;    /* see above */
    uint32_t arena;    /* index of its record; layout 3.9 trusts it only after a check */
    struct pool *next; /* of its class, partly used ones first come first */
    struct pool *prev;
    char *virgin;      /* first block never linked; past the last one when there is none */
    uint16_t class;    /* PYMALLOC_NO_CLASS before its first use */
    uint16_t capacity; /* blocks */
    uint32_t virgins;
};
_Static_assert(sizeof(struct pool) <= PYMALLOC_HEADER, "a pool's state fits its header");

/* The head of a class list: the first fields of a pool whose one free block is heap->no_block, so that malloc
 * has one test for an empty list and for the last block of a pool. (CPython overlaps two pointers with a fake
 * header 16 bytes before them, to a like end.) */
struct pool_list {
    void *free; /* &heap->no_block for ever */
    uint64_t unused;
    struct pool *next, *prev;
};
_Static_assert(offsetof(struct pool_list, free) == offsetof(struct pool, free) &&
                   offsetof(struct pool_list, next) == offsetof(struct pool, next) &&
                   offsetof(struct pool_list, prev) == offsetof(struct pool, prev),
               "a list head stands in for a pool");
_Static_assert(sizeof(struct pool_list) == 2 * PYMALLOC_STEP, "malloc indexes it by twice the size");

/* Arena record. On the list of usable arenas (ascending by free pools; at least one) or of unused records. */
struct arena {
    char *base;        /* NULL: unused record */
    char *next_pool;   /* next to carve */
    char *populate_at; /* from here on the kernel has not been asked for the pages (core.h, arena_populate) */
    uint32_t free_pools; /* given back and not carved yet */
    uint32_t pools;
    struct pool *freed; /* pools given back, LIFO */
    struct arena *next, *prev;
};

struct pymalloc_heap {
    struct pool_list lists[PYMALLOC_CLASSES]; /* first: the hot path addresses it from ctx */
    struct pymalloc_map map;
    void *no_block;    /* NULL for ever: a block with none after it */
    struct pool *lazy; /* NULL, or a pool that may be empty though it is on its class list */
    /* Cold from here. */
    const struct pymalloc_layout *layout;
    unsigned map_flags;   /* of an arena, for os_map */
    struct arena *arenas; /* vector; records are named by index */
    uint32_t arenas_max;
    struct arena *usable, *unused;
    struct arena *last_with[PYMALLOC_POOLS_MAX + 1]; /* [n]: the rightmost usable arena with n free pools
                                                        (CPython's nfp2lasta) */
    struct pymalloc_arena_source source;
    struct pymalloc_raw raw;
    struct os_account account;
    uint64_t arenas_total, arenas_current, arenas_highwater;
    uint64_t raw_blocks, raw_bytes; /* live blocks of the C library's, usable bytes */
};

/* One compiled core (core.h) for each layout. */
struct pymalloc_layout {
    const char *name;
    uint32_t pool_bytes, arena_bytes;
    uint32_t map_bits;  /* log2 of the map's window, 0 when ownership is the arena index (3.9) */
    struct alloc calls; /* ctx is filled in by open */
    struct pool *(*pool_at)(const struct pymalloc_heap *h, const char *base);
    void (*settle)(struct pymalloc_heap *h); /* before anything looks at arenas and pools */
    bool (*owns)(const struct pymalloc_heap *h, const void *p);
};
extern const struct pymalloc_layout pymalloc_3_9, pymalloc_3_10, pymalloc_huge;

/* valid.c: what holds between two calls, of lists, pools, arenas and their sums. Looks through the whole
 * heap. */
bool pymalloc_is_valid(const struct pymalloc_heap *h);

/* look.c */
void pymalloc_stats(void *ctx, struct alloc_stats *out);
void pymalloc_report(void *ctx, const struct alloc_sink *sink);
int pymalloc_walk(void *ctx, int (*visit)(void *arg, const struct alloc_piece *piece), void *arg,
                  bool blocks);

#endif
