/* core.h: the calls of pymalloc, compiled once for each layout so that every size is a constant. The
 * including file defines
 *   CORE_NAME         the struct pymalloc_layout
 *   CORE_TITLE        its name as a user writes it
 *   CORE_POOL_BITS, CORE_ARENA_BITS
 *   CORE_MAP          1: ownership by the radix map; 0: by the arena index in the pool (3.9)
 * Invariants and departures from CPython: heap.h. */
#include "heap.h"
#include "alloc/base/assert.h"
#include "alloc/base/compiler.h"

#include <errno.h>
#include <string.h>

#define POOL_BYTES      (1u << CORE_POOL_BITS)
#define ARENA_BYTES     (1u << CORE_ARENA_BITS)
#define POOLS_IN_ARENA  (ARENA_BYTES / POOL_BYTES)
#define CAPACITY(class) ((POOL_BYTES - PYMALLOC_HEADER) / class_bytes(class))
_Static_assert(POOLS_IN_ARENA <= PYMALLOC_POOLS_MAX, "last_with has room");
_Static_assert(POOL_BYTES / PYMALLOC_STEP <= UINT16_MAX, "capacity has room");

static inline uint32_t class_bytes(uint32_t class)
{
    return (class + 1) * PYMALLOC_STEP;
}

static inline struct pool *list_head(struct pymalloc_heap *h, uint32_t class)
{
    return (struct pool *)&h->lists[class];
}

/* --- ownership and pool states ---------------------------------------------------------------------------*/
#if CORE_MAP
_Static_assert(CORE_POOL_BITS == MAP_POOL_BITS, "the map keeps one state a pool");

static inline char *pool_base(const struct pool *pool)
{
    return (char *)(((uintptr_t)pool->virgin - 1) & ~(uintptr_t)(POOL_BYTES - 1));
}

static inline struct pool *pool_state(char *records, uintptr_t address)
{
    return (struct pool *)(records + map_pool_index(address) * MAP_RECORD_BYTES);
}

/* The state of the pool that p lies in, NULL when no arena of ours has p. */
static noinline struct pool *owner_far(const struct pymalloc_heap *h, const void *p)
{
    uintptr_t address = (uintptr_t)p;
    struct map_leaf *leaf = map_find(&h->map, address);
    if (!leaf ||
        !map_window_owns(leaf->windows[map_window_index(address, CORE_ARENA_BITS)], address, CORE_ARENA_BITS))
        return NULL;
    return pool_state(leaf->records, address);
}

/* The same when p lies in the remembered leaf; NULL may mean that it does not. */
static inline struct pool *owner_near(const struct pymalloc_heap *h, const void *p)
{
    uintptr_t address = (uintptr_t)p;
    if (unlikely(address >> MAP_LEAF_BITS != h->map.cached_key))
        return NULL;
    struct map_window w = map_cached_window(&h->map, address, CORE_ARENA_BITS);
    return map_window_owns(w, address, CORE_ARENA_BITS) ? map_cached_record(&h->map, address) : NULL;
}

static struct pool *pool_at(const struct pymalloc_heap *h, const char *base)
{
    return pool_state(map_find(&h->map, (uintptr_t)base)->records, (uintptr_t)base);
}
#else
static inline char *pool_base(const struct pool *pool)
{
    return (char *)pool;
}

/* Reads four bytes of a page that may be anybody's, as CPython 3.9 does: pools are as large as the smallest
 * page, so the page is there; what is read is checked before it means anything. */
__attribute__((no_sanitize("address", "thread", "undefined"))) static inline uint32_t
foreign_arena_index(const struct pool *pool)
{
    return *(const volatile uint32_t *)&pool->arena;
}

static inline struct pool *owner_near(const struct pymalloc_heap *h, const void *p)
{
    struct pool *pool = (struct pool *)((uintptr_t)p & ~(uintptr_t)(POOL_BYTES - 1));
    if (!pool)
        return NULL;
    uint32_t index = foreign_arena_index(pool);
    if (index >= h->arenas_max)
        return NULL;
    uintptr_t base = (uintptr_t)h->arenas[index].base;
    return (uintptr_t)p - base < ARENA_BYTES && base ? pool : NULL;
}

static inline struct pool *owner_far(const struct pymalloc_heap *h, const void *p)
{
    (void)h;
    (void)p;
    return NULL;
}

static struct pool *pool_at(const struct pymalloc_heap *h, const char *base)
{
    (void)h;
    return (struct pool *)(uintptr_t)base;
}
#endif

static inline struct pool *owner(const struct pymalloc_heap *h, const void *p)
{
    struct pool *pool = owner_near(h, p);
    return likely(pool) ? pool : owner_far(h, p);
}

/* --- arenas ----------------------------------------------------------------------------------------------*/
static void usable_remove(struct pymalloc_heap *h, struct arena *a)
{
    if (a->prev)
        a->prev->next = a->next;
    else
        h->usable = a->next;
    if (a->next)
        a->next->prev = a->prev;
}

static void usable_insert(struct pymalloc_heap *h, struct arena *a, struct arena *after)
{
    struct arena **link = after ? &after->next : &h->usable;
    a->prev = after;
    a->next = *link;
    if (a->next)
        a->next->prev = a;
    *link = a;
}

/* More arena records. Only called when no arena is usable and no record unused, so that no pointer to a
 * record is held anywhere and the vector may move. */
static cold bool arenas_grow(struct pymalloc_heap *h)
{
    uint32_t max = h->arenas_max ? h->arenas_max * 2 : PYMALLOC_ARENAS_INIT;
    if (max <= h->arenas_max)
        return false;
    size_t had = h->arenas_max * sizeof(struct arena), bytes = max * sizeof(struct arena);
    struct arena *v =
        h->arenas ? os_remap(&h->account, h->arenas, had, bytes) : os_map(&h->account, bytes, 0, 0);
    if (!v)
        return false;
    for (uint32_t i = h->arenas_max; i < max; i++)
        v[i] = (struct arena){.next = i + 1 < max ? &v[i + 1] : NULL};
    h->unused = &v[h->arenas_max];
    h->arenas = v;
    h->arenas_max = max;
    return true;
}

/* Before the pool at next_pool is carved: faults it and those after it in. A fault costs a fifth on top of
 * the page itself; one call for many pages saves that, but not one for a few. What is ahead of the heap's use
 * is resident in vain: at most one part in POPULATE_PART of the arenas, and the end of the pools just
 * carved. */
#define POPULATE_PART 128u
#define POPULATE_MIN  (32u << 10)
#define POPULATE_MAX  (128u << 10)

static cold void arena_populate(struct pymalloc_heap *h, struct arena *a)
{
    uint64_t bytes = h->arenas_current * (ARENA_BYTES / POPULATE_PART);
    uint64_t left = (uint64_t)(a->base + ARENA_BYTES - a->next_pool) & ~(uint64_t)(POOL_BYTES - 1);
    bytes = bytes < POPULATE_MAX ? bytes & ~(uint64_t)(POOL_BYTES - 1) : POPULATE_MAX;
    if (bytes > left)
        bytes = left;
    if (bytes < POPULATE_MIN || !h->source.populate) {
        a->populate_at = a->next_pool + POOL_BYTES;
        return;
    }
    a->populate_at = a->next_pool + bytes;
    if (!h->source.populate(h->source.arg, a->next_pool, bytes))
        h->source.populate = NULL;
}

/* A new arena, on no list; NULL when there is no memory for it. */
static cold struct arena *arena_new(struct pymalloc_heap *h)
{
    /* Strict: once for each arena, not for each pool, which would make a heap of n pools cost n * n. */
    hg_assert_whole(pymalloc_is_valid(h));
    if (!h->unused && !arenas_grow(h))
        return NULL;
    char *base = h->source.map(h->source.arg, ARENA_BYTES);
    if (!base)
        return NULL;
#if CORE_MAP
    if (!map_mark(&h->map, &h->account, (uintptr_t)base, CORE_ARENA_BITS)) {
        h->source.unmap(h->source.arg, base, ARENA_BYTES);
        return NULL;
    }
#endif
    struct arena *a = h->unused;
    h->unused = a->next;
    h->arenas_total++;
    if (++h->arenas_current > h->arenas_highwater)
        h->arenas_highwater = h->arenas_current;
    uint32_t excess = (uintptr_t)base & (POOL_BYTES - 1);
    *a = (struct arena){
        .base = base, .next_pool = base, .free_pools = POOLS_IN_ARENA, .pools = POOLS_IN_ARENA};
    if (excess) {
        a->next_pool += POOL_BYTES - excess;
        a->free_pools = a->pools = POOLS_IN_ARENA - 1;
    }
    return a;
}

static cold void arena_give_back(struct pymalloc_heap *h, struct arena *a)
{
    usable_remove(h, a);
#if CORE_MAP
    map_unmark(&h->map, (uintptr_t)a->base, CORE_ARENA_BITS);
#endif
    h->source.unmap(h->source.arg, a->base, ARENA_BYTES);
    h->arenas_current--;
    *a = (struct arena){.next = h->unused};
    h->unused = a;
}

/* --- pools -----------------------------------------------------------------------------------------------*/
static inline void list_remove(struct pool *pool)
{
    pool->next->prev = pool->prev;
    pool->prev->next = pool->next;
}

/* Puts the empty pool, which is on no list, on its arena's list of free pools and the arena in its place
 * among the usable ones; an arena of free pools alone goes back to the OS, but for the last on the list. */
static void pool_to_arena(struct pymalloc_heap *h, struct pool *pool)
{
    struct arena *a = &h->arenas[pool->arena];
    hg_assert(pool->until == 0 && a->base && a->free_pools < a->pools);
    pool->next = a->freed;
    a->freed = pool;
    uint32_t n = a->free_pools;
    struct arena *last = h->last_with[n];
    if (last == a)
        h->last_with[n] = a->prev && a->prev->free_pools == n ? a->prev : NULL;
    a->free_pools = ++n;
    if (n == a->pools && a->next) {
        arena_give_back(h, a);
        hg_assert_whole(pymalloc_is_valid(h));
        return;
    }
    if (n == 1)
        usable_insert(h, a, NULL);
    if (!h->last_with[n])
        h->last_with[n] = a;
    hg_seed(pymalloc_last_with, h->last_with[n] = NULL);
    if (n == 1 || a == last)
        return;
    hg_seed(pymalloc_unsorted, return );
    usable_remove(h, a);
    usable_insert(h, a, last);
}

static void settle(struct pymalloc_heap *h)
{
    struct pool *pool = h->lazy;
    h->lazy = NULL;
    if (pool && pool->until == 0) {
        list_remove(pool);
        pool_to_arena(h, pool);
    }
}

/* Would the pool, given back now and followed by a request of its class, be handed out again with nothing
 * else changed? Its class must have no other pool; its arena must be the first usable one before and after (a
 * full arena comes first; the first one stays there when it is the only one with so many free pools) and must
 * not go back to the OS. */
static bool pool_may_stay(const struct pymalloc_heap *h, const struct pool *pool)
{
    const struct arena *a = &h->arenas[pool->arena];
    if (pool->next != pool->prev)
        return false;
    if (a->free_pools == 0)
        return true;
    return h->usable == a && h->last_with[a->free_pools] == a && (a->free_pools + 1 < a->pools || !a->next);
}

/* The last live block of a pool has gone. */
static inline void pool_emptied(struct pymalloc_heap *h, struct pool *pool)
{
    if (h->lazy == pool)
        h->lazy = NULL; /* it was in use again, with others beside it */
    settle(h);
    if (pool_may_stay(h, pool)) {
        h->lazy = pool;
        return;
    }
    list_remove(pool);
    pool_to_arena(h, pool);
}

/* pool->until has run out. A full pool has got its first block back, and becomes the first of its class; or
 * the last live block of a pool has gone. */
static noinline void free_last(struct pymalloc_heap *h, struct pool *pool)
{
    if (likely(!pool->next)) {
        struct pool *head = list_head(h, pool->class), *first = head->next;
        pool->until = pool->capacity - 1u;
        pool->prev = head;
        pool->next = first;
        first->prev = pool;
        head->next = pool;
    } else if (pool != h->lazy || pool->next != pool->prev) {
        pool_emptied(h, pool);
    }
}

/* A pool from the first usable arena; its class is that of its last use. */
static struct pool *pool_from_arena(struct pymalloc_heap *h)
{
    struct arena *a = h->usable;
    if (!a) {
        a = arena_new(h);
        if (!a)
            return NULL;
        usable_insert(h, a, NULL);
        h->last_with[a->free_pools] = a;
    }
    uint32_t n = a->free_pools;
    hg_assert(n >= 1 && n <= a->pools && !a->prev);
    if (h->last_with[n] == a)
        h->last_with[n] = NULL;
    if (n > 1)
        h->last_with[n - 1] = a;
    a->free_pools = n - 1;
    hg_seed(pymalloc_free_pools, a->free_pools -= n == a->pools);
    struct pool *pool = a->freed;
    if (pool) {
        a->freed = pool->next;
    } else {
        char *base = a->next_pool;
        if (base >= a->populate_at)
            arena_populate(h, a);
        a->next_pool += POOL_BYTES;
        pool = pool_at(h, base);
        pool->arena = (uint32_t)(a - h->arenas);
        pool->class = PYMALLOC_NO_CLASS;
        pool->virgin = base + PYMALLOC_HEADER;
    }
    if (n == 1)
        usable_remove(h, a);
    return pool;
}

/* The free list has run dry: the next virgin block is all there is on it. */
static inline void pool_link_virgin(struct pool *pool, uint32_t bytes)
{
    char *block = pool->virgin;
    *(void **)block = NULL;
    pool->free = block;
    pool->virgin = block + bytes;
    pool->virgins--;
    hg_seed(pymalloc_lost_block, pool->virgins -= pool->virgins > 0);
}

/* A block from a new pool; the class list is empty. NULL when there is no memory for an arena. */
static inline void *malloc_new_pool(struct pymalloc_heap *h, uint32_t class)
{
    struct pool *pool = h->lazy;
    h->lazy = NULL;
    if (pool && pool->until == 0) {
        list_remove(
            pool); /* given back now, it would be the next one handed out, and nothing else would change */
    } else {
        pool = pool_from_arena(h);
        if (!pool)
            return NULL;
    }
    struct pool *head = list_head(h, class);
    pool->next = pool->prev = head;
    head->next = head->prev = pool;
    pool->until = 1;
    hg_seed(pymalloc_live_count, pool->until++);
    if (pool->class == class) {
        void *block = pool->free;
        pool->free = *(void **)block; /* there are two: the first use linked a second */
        return block;
    }
    char *block = pool_base(pool) + PYMALLOC_HEADER;
    pool->class = (uint16_t)(class);
    pool->capacity = (uint16_t)CAPACITY(class);
    pool->virgin = block + class_bytes(class);
    pool->virgins = pool->capacity - 1u;
    pool_link_virgin(pool, class_bytes(class));
    return block;
}

/* --- raw: the C library's ------------------------------------------------------------------------------- */
static void *raw_count(struct pymalloc_heap *h, void *p)
{
    if (p) {
        h->raw_blocks++;
        h->raw_bytes += h->raw.usable(p);
    }
    return p;
}

static void *too_large(void)
{
    errno = ENOMEM;
    return NULL;
}

static noinline void *raw_malloc(struct pymalloc_heap *h, size_t size)
{
    if (size > PTRDIFF_MAX)
        return too_large();
    return raw_count(h, h->raw.malloc(size ? size : 1));
}

static noinline void raw_free(struct pymalloc_heap *h, void *p)
{
    if (p) {
        h->raw_blocks--;
        h->raw_bytes -= h->raw.usable(p);
        h->raw.free(p);
    }
}

/* --- the calls -------------------------------------------------------------------------------------------*/
static noinline void *malloc_empty_class(struct pymalloc_heap *h, size_t size)
{
    void *block = malloc_new_pool(h, (uint32_t)(size - 1) / PYMALLOC_STEP);
    return likely(block) ? block
                         : raw_malloc(h, size); /* as CPython: no arena, so perhaps the C library can */
}

/* block is the last free one of the pool, which may be a list head. */
static noinline void *malloc_last(struct pymalloc_heap *h, size_t size, struct pool *pool, void *block)
{
    if (unlikely(block == &h->no_block))
        return malloc_empty_class(h, size);
    if (pool->virgins) {
        pool->until++;
        pool_link_virgin(pool, class_bytes(pool->class));
        return block;
    }
    list_remove(pool);
    pool->free = NULL;
    pool->next = NULL;
    pool->until = 1;
    return block;
}

static inline void *core_malloc_inline(struct pymalloc_heap *h, size_t size)
{
    if (unlikely(size - 1 >= PYMALLOC_SMALL_MAX))
        return raw_malloc(h, size);
    /* list_head(h, (size - 1) / 16)->next, in one address */
    size_t offset = ((size - 1) & ~(size_t)(PYMALLOC_STEP - 1)) * 2;
    struct pool *pool = ((struct pool_list *)((char *)h->lists + offset))->next;
    void *block = pool->free, *next = *(void **)block;
    if (unlikely(!next))
        return malloc_last(h, size, pool, block);
    pool->free = next;
    pool->until++;
    return block;
}

static void *core_malloc(void *ctx, size_t size)
{
    return core_malloc_inline(ctx, size);
}

static inline void core_free_inline(struct pymalloc_heap *h, struct pool *pool, void *p)
{
    *(void **)p = pool->free;
    pool->free = p;
    if (unlikely(--pool->until == 0))
        free_last(h, pool);
}

static noinline void free_far(struct pymalloc_heap *h, void *p)
{
    struct pool *pool = owner_far(h, p); /* NULL is nobody's */
    if (pool)
        core_free_inline(h, pool, p);
    else
        raw_free(h, p);
}

static void core_free(void *ctx, void *p)
{
    struct pymalloc_heap *h = ctx;
    struct pool *pool = owner_near(h, p);
    if (likely(pool))
        core_free_inline(h, pool, p);
    else
        free_far(h, p);
}

static void *core_calloc(void *ctx, size_t count, size_t size)
{
    struct pymalloc_heap *h = ctx;
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX)
        return too_large();
    if (bytes - 1 >= PYMALLOC_SMALL_MAX)
        return raw_count(h, bytes ? h->raw.calloc(count, size) : h->raw.calloc(1, 1));
    void *p = core_malloc_inline(h, bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

/* A raw block stays raw even when it shrinks. A small one stays in place while it fits its class and uses
 * more than three quarters of it. */
static void *core_realloc(void *ctx, void *p, size_t size)
{
    struct pymalloc_heap *h = ctx;
    if (!p)
        return core_malloc_inline(h, size);
    struct pool *pool = owner(h, p);
    if (size > PTRDIFF_MAX)
        return too_large();
    if (!pool) {
        size_t had = h->raw.usable(p);
        void *q = h->raw.realloc(p, size ? size : 1);
        if (q)
            h->raw_bytes += h->raw.usable(q) - had;
        return q;
    }
    size_t keep = class_bytes(pool->class);
    if (size <= keep) {
        if (4 * size > 3 * keep)
            return p;
        keep = size;
    }
    void *q = core_malloc_inline(h, size);
    if (q) {
        memcpy(q, p, keep);
        core_free_inline(h, pool, p);
    }
    return q;
}

static void *core_aligned(void *ctx, size_t align, size_t size)
{
    struct pymalloc_heap *h = ctx;
    if (align <= PYMALLOC_STEP)
        return core_malloc_inline(h, size);
    return size > PTRDIFF_MAX ? too_large() : raw_count(h, h->raw.aligned(align, size ? size : 1));
}

static size_t core_usable(void *ctx, const void *p)
{
    struct pymalloc_heap *h = ctx;
    if (!p)
        return 0;
    struct pool *pool = owner(h, p);
    return pool ? class_bytes(pool->class) : h->raw.usable((void *)(uintptr_t)p);
}

static bool core_owns(const struct pymalloc_heap *h, const void *p)
{
    return owner(h, p);
}

const struct pymalloc_layout CORE_NAME = {
    .name = CORE_TITLE,
    .pool_bytes = POOL_BYTES,
    .arena_bytes = ARENA_BYTES,
    .map_bits = CORE_MAP ? CORE_ARENA_BITS : 0,
    .calls = {NULL, core_malloc, core_calloc, core_realloc, core_free, core_aligned, core_usable, NULL},
    .pool_at = pool_at,
    .settle = settle,
    .owns = core_owns,
};
