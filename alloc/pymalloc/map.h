/* map.h: which addresses belong to an arena: CPython's radix tree of 3.10, 64 address bits, none ignored.
 *
 *   | top 15 | mid 15 | window 14 | offset 20 |      (2 MiB arenas: 15, 15, 13, 21)
 *
 * A window is as large as an arena, so one arena touches at most two. An entry holds how many bytes at its
 * low end belong to the arena that spills in from the window before, and how many bytes are owned altogether;
 * what is not owned lies between the two. (CPython stores the two boundaries; this form answers with one
 * comparison and is all zero when nothing is owned.)
 *
 * A leaf covers 16 GiB of addresses, and carries the state of every pool in them: 64 bytes for each 16 KiB,
 * reserved address space of which only what is used becomes memory. The leaf of the newest arena is
 * remembered in the map itself: one comparison instead of three dependent loads. Nodes are never freed while
 * the heap lives, as in CPython. */
#ifndef HG_ALLOC_PYMALLOC_MAP_H
#define HG_ALLOC_PYMALLOC_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct os_account;
struct pool;

#define MAP_LEAF_BITS     34 /* of address below a leaf: 16 GiB */
#define MAP_MID_BITS      15
#define MAP_POOL_BITS     14
#define MAP_RECORD_BYTES  64u /* of a pool's state: one cache line */
#define MAP_RECORDS_BYTES ((size_t)MAP_RECORD_BYTES << (MAP_LEAF_BITS - MAP_POOL_BITS))

struct map_window {
    uint32_t low;   /* bytes owned at the low end */
    uint32_t owned; /* bytes owned in all */
};

struct map_leaf {
    char *records;          /* pool states, by address */
    struct map_leaf *newer; /* chain of all leaves, for closing */
    struct map_window windows[];
};

struct map_mid {
    struct map_mid *newer;
    struct map_leaf *leaf[1 << MAP_MID_BITS];
};

struct pymalloc_map {
    uintptr_t cached_key;                     /* address >> MAP_LEAF_BITS of the remembered leaf */
    uintptr_t cached_windows, cached_records; /* of that leaf, less what the whole address would index */
    struct map_mid **top;                     /* 1 << 15, mapped with the heap when the layout has a map */
    struct map_mid *mids;
    struct map_leaf *leaves;
    size_t leaf_count, mid_count;
};

int map_open(struct pymalloc_map *map, struct os_account *account);
void map_close(struct pymalloc_map *map, struct os_account *account, unsigned window_bits);

/* The leaf of an address, NULL when there is none. */
struct map_leaf *map_find(const struct pymalloc_map *map, uintptr_t address);

/* Enters or takes out the arena at base, as large as a window. Entering may need nodes: false when there is
 * no memory for them, and then nothing is entered. */
bool map_mark(struct pymalloc_map *map, struct os_account *account, uintptr_t base, unsigned window_bits);
void map_unmark(struct pymalloc_map *map, uintptr_t base, unsigned window_bits);

static inline uintptr_t map_window_index(uintptr_t address, unsigned window_bits)
{
    return address >> window_bits & (((uintptr_t)1 << (MAP_LEAF_BITS - window_bits)) - 1);
}

static inline uintptr_t map_pool_index(uintptr_t address)
{
    return address >> MAP_POOL_BITS & (((uintptr_t)1 << (MAP_LEAF_BITS - MAP_POOL_BITS)) - 1);
}

/* In the remembered leaf. */
static inline struct map_window map_cached_window(const struct pymalloc_map *map, uintptr_t address,
                                                  unsigned window_bits)
{
    return *(const struct map_window *)(map->cached_windows +
                                        (address >> window_bits) * sizeof(struct map_window));
}

static inline struct pool *map_cached_record(const struct pymalloc_map *map, uintptr_t address)
{
    return (struct pool *)(map->cached_records + (address >> MAP_POOL_BITS) * MAP_RECORD_BYTES);
}

static inline bool map_window_owns(struct map_window w, uintptr_t address, unsigned window_bits)
{
    uint32_t bytes = (uint32_t)1 << window_bits, at = (uint32_t)address & (bytes - 1);
    return at - w.low >= bytes - w.owned; /* unsigned: below low wraps round to owned */
}

#endif
