/* valid.c: what holds of a pymalloc heap between two calls: the conservation laws of its pools and arenas. */
#include "heap.h"

#include <string.h>

static uint32_t valid_class_bytes(uint32_t class)
{
    return (class + 1) * PYMALLOC_STEP;
}

/* A pool in use: each block is live, on the free list or virgin; the free list lies in the pool, in what has
 * been linked. A pool on its class list has a free block, one off it has none. */
static bool valid_pool(const struct pymalloc_heap *h, const char *base, const struct pool *pool)
{
    if (pool->class >= PYMALLOC_CLASSES)
        return false;
    uint32_t bytes = valid_class_bytes(pool->class), n = 0;
    const char *first = base + PYMALLOC_HEADER;
    if (pool->capacity != (h->layout->pool_bytes - PYMALLOC_HEADER) / bytes || pool->virgins > pool->capacity)
        return false;
    if (pool->virgin != first + (size_t)(pool->capacity - pool->virgins) * bytes)
        return false;
    for (const char *block = pool->free; block; memcpy(&block, (const void *)block, sizeof block)) {
        if (block < first || block >= pool->virgin || (size_t)(block - first) % bytes ||
            n++ == pool->capacity)
            return false;
    }
    uint32_t used = pool->next ? pool->until : pool->capacity;
    return used + n + pool->virgins == pool->capacity && !n == !pool->next;
}

/* The free pools of an arena are those given back and those not carved yet; all others keep their law. */
static bool valid_arena(const struct pymalloc_heap *h, uint32_t index)
{
    const struct arena *a = &h->arenas[index];
    uintptr_t mask = h->layout->pool_bytes - 1;
    char *first = (char *)(((uintptr_t)a->base + mask) & ~mask);
    bool is_free[PYMALLOC_POOLS_MAX] = {false};
    uint32_t freed = 0, carved = (uint32_t)((size_t)(a->next_pool - first) / h->layout->pool_bytes);
    if (a->pools != h->layout->arena_bytes / h->layout->pool_bytes - (first != a->base) || carved > a->pools)
        return false;
    for (const struct pool *pool = a->freed; pool; pool = pool->next) {
        size_t at = (size_t)((char *)(((uintptr_t)pool->virgin - 1) & ~mask) - first) / h->layout->pool_bytes;
        if (pool->arena != index || at >= carved || is_free[at])
            return false;
        is_free[at] = true;
        freed++;
    }
    if (freed + a->pools - carved != a->free_pools)
        return false;
    for (uint32_t i = 0; i < carved; i++) {
        const char *base = first + (size_t)i * h->layout->pool_bytes;
        const struct pool *pool = h->layout->pool_at(h, base);
        if (pool->arena != index || (!is_free[i] && !valid_pool(h, base, pool)))
            return false;
    }
    /* Layout 3.9 finds the owner of an address in the pool itself, once that is carved. */
    return !h->layout->map_bits || (h->layout->owns(h, a->base) &&
                                    h->layout->owns(h, first + (size_t)a->pools * h->layout->pool_bytes - 1));
}

/* The usable arenas stand in ascending order of free pools, and last_with names the last of each number. */
static bool valid_usable(const struct pymalloc_heap *h, uint32_t *count)
{
    const struct arena *last_with[PYMALLOC_POOLS_MAX + 1] = {NULL}, *prev = NULL;
    *count = 0;
    for (const struct arena *a = h->usable; a; prev = a, a = a->next) {
        if (a->prev != prev || !a->base || !a->free_pools || a->free_pools > PYMALLOC_POOLS_MAX ||
            (prev && prev->free_pools > a->free_pools) || ++*count > h->arenas_max)
            return false;
        last_with[a->free_pools] = a;
    }
    for (uint32_t n = 1; n <= PYMALLOC_POOLS_MAX; n++)
        if (h->last_with[n] != last_with[n])
            return false;
    return true;
}

/* A class list is a ring of pools of that class, behind its head. */
static bool valid_list(const struct pymalloc_heap *h, uint32_t class)
{
    const struct pool *head = (const struct pool *)&h->lists[class], *prev = head;
    uint64_t left = h->arenas_current * PYMALLOC_POOLS_MAX;
    if (head->free != &h->no_block)
        return false;
    for (const struct pool *pool = head->next; pool != head; prev = pool, pool = pool->next)
        if (!pool || pool->prev != prev || pool->class != class || left-- == 0)
            return false;
    return head->prev == prev;
}

bool pymalloc_is_valid(const struct pymalloc_heap *h)
{
    uint32_t arenas = 0, with_free = 0, usable, unused = 0;
    for (uint32_t c = 0; c < PYMALLOC_CLASSES; c++)
        if (!valid_list(h, c))
            return false;
    for (uint32_t i = 0; i < h->arenas_max; i++) {
        if (!h->arenas[i].base)
            continue;
        if (!valid_arena(h, i))
            return false;
        arenas++;
        with_free += h->arenas[i].free_pools > 0;
    }
    for (const struct arena *a = h->unused; a && unused <= h->arenas_max; a = a->next)
        if (a->base)
            return false;
        else
            unused++;
    return valid_usable(h, &usable) && usable == with_free && arenas == h->arenas_current &&
           arenas + unused == h->arenas_max && h->arenas_current <= h->arenas_highwater &&
           h->arenas_highwater <= h->arenas_total && !h->no_block && (h->raw_blocks || !h->raw_bytes);
}
