/* map.c: see map.h. */
#include "map.h"

#include "alloc/base/os.h"

#define MAP_TOP_BYTES (sizeof(struct map_mid *) << 15)

static size_t map_leaf_bytes(unsigned window_bits)
{
    return sizeof(struct map_leaf) + (sizeof(struct map_window) << (MAP_LEAF_BITS - window_bits));
}

/* Pool states are reserved, not held: they are kept out of the heap's own account. */
static struct os_account map_reserved;

int map_open(struct pymalloc_map *map, struct os_account *account)
{
    map->top = os_map(account, MAP_TOP_BYTES, 0, 0);
    map->cached_key = UINTPTR_MAX; /* no address has it */
    return map->top ? 0 : -1;
}

void map_close(struct pymalloc_map *map, struct os_account *account, unsigned window_bits)
{
    for (struct map_leaf *leaf = map->leaves, *newer; leaf; leaf = newer) {
        newer = leaf->newer;
        os_unmap(&map_reserved, leaf->records, MAP_RECORDS_BYTES);
        os_unmap(account, leaf, map_leaf_bytes(window_bits));
    }
    for (struct map_mid *mid = map->mids, *newer; mid; mid = newer) {
        newer = mid->newer;
        os_unmap(account, mid, sizeof *mid);
    }
    if (map->top)
        os_unmap(account, map->top, MAP_TOP_BYTES);
}

static struct map_leaf **map_slot(const struct pymalloc_map *map, uintptr_t address)
{
    uintptr_t key = address >> MAP_LEAF_BITS;
    struct map_mid *mid = map->top[key >> MAP_MID_BITS];
    return mid ? &mid->leaf[key & ((1u << MAP_MID_BITS) - 1)] : NULL;
}

struct map_leaf *map_find(const struct pymalloc_map *map, uintptr_t address)
{
    struct map_leaf **slot = map_slot(map, address);
    return slot ? *slot : NULL;
}

static struct map_leaf *map_find_or_make(struct pymalloc_map *map, struct os_account *account,
                                         uintptr_t address, unsigned window_bits)
{
    struct map_leaf **slot = map_slot(map, address);
    if (!slot) {
        struct map_mid *mid = os_map(account, sizeof *mid, 0, 0);
        if (!mid)
            return NULL;
        mid->newer = map->mids;
        map->mids = mid;
        map->mid_count++;
        map->top[address >> MAP_LEAF_BITS >> MAP_MID_BITS] = mid;
        slot = map_slot(map, address);
    }
    if (!*slot) {
        struct map_leaf *leaf = os_map(account, map_leaf_bytes(window_bits), 0, 0);
        if (!leaf)
            return NULL;
        leaf->records = os_map(&map_reserved, MAP_RECORDS_BYTES, 0, OS_RESERVE);
        if (!leaf->records) {
            os_unmap(account, leaf, map_leaf_bytes(window_bits));
            return NULL;
        }
        leaf->newer = map->leaves;
        map->leaves = leaf;
        map->leaf_count++;
        *slot = leaf;
    }
    return *slot;
}

bool map_mark(struct pymalloc_map *map, struct os_account *account, uintptr_t base, unsigned window_bits)
{
    uint32_t bytes = (uint32_t)1 << window_bits, spill = (uint32_t)base & (bytes - 1);
    struct map_leaf *first = map_find_or_make(map, account, base, window_bits), *second = first;
    if (first && spill)
        second = map_find_or_make(map, account, base + bytes, window_bits);
    if (!first || !second)
        return false;
    first->windows[map_window_index(base, window_bits)].owned += bytes - spill;
    if (spill) {
        struct map_window *w = &second->windows[map_window_index(base + bytes, window_bits)];
        w->low = spill;
        w->owned += spill;
    }
    map->cached_key = base >> MAP_LEAF_BITS;
    uintptr_t low = map->cached_key << MAP_LEAF_BITS;
    map->cached_windows = (uintptr_t)first->windows - (low >> window_bits) * sizeof(struct map_window);
    map->cached_records = (uintptr_t)first->records - (low >> MAP_POOL_BITS) * MAP_RECORD_BYTES;
    return true;
}

void map_unmark(struct pymalloc_map *map, uintptr_t base, unsigned window_bits)
{
    uint32_t bytes = (uint32_t)1 << window_bits, spill = (uint32_t)base & (bytes - 1);
    map_find(map, base)->windows[map_window_index(base, window_bits)].owned -= bytes - spill;
    if (spill) {
        struct map_window *w =
            &map_find(map, base + bytes)->windows[map_window_index(base + bytes, window_bits)];
        w->low = 0;
        w->owned -= spill;
    }
}
