/* look.c: what is reported of a pymalloc heap: figures, heap{} of a sample (the same figures as CPython's
 * sys._debugmallocstats), and the walk by arena, pool and block. All at quiescence. */
#include "heap.h"
#include "alloc/base/assert.h"
#include "alloc/base/compiler.h"

#include <stdio.h>
#include <string.h>

/* The largest pool of the smallest class. */
#define LOOK_BLOCKS_MAX 1024

static uint32_t look_class_bytes(uint32_t class)
{
    return (class + 1) * PYMALLOC_STEP;
}

static char *look_first_pool(const struct pymalloc_heap *h, const struct arena *a)
{
    uintptr_t mask = h->layout->pool_bytes - 1;
    return (char *)(((uintptr_t)a->base + mask) & ~mask);
}

/* Live blocks of a carved pool. A free pool has none, whatever its fields hold of its last use. */
static uint32_t look_used(const struct pool *pool)
{
    return pool->next ? pool->until : pool->capacity;
}

/* Free pools stand apart from full ones by their arena's list alone: both may have a NULL next. */
static void look_mark_free(const struct pymalloc_heap *h, const struct arena *a,
                           bool is_free[PYMALLOC_POOLS_MAX])
{
    const char *first = look_first_pool(h, a);
    memset(is_free, 0, PYMALLOC_POOLS_MAX);
    for (uint32_t i = 0; i < a->pools; i++)
        is_free[i] = first + (size_t)i * h->layout->pool_bytes >= a->next_pool;
    for (const struct pool *pool = a->freed; pool; pool = pool->next)
        is_free[(size_t)((char *)(((uintptr_t)pool->virgin - 1) & ~(uintptr_t)(h->layout->pool_bytes - 1)) -
                         first) /
                h->layout->pool_bytes] = true;
}

struct look_sums {
    struct {
        uint64_t pools, blocks, available;
    } class[PYMALLOC_CLASSES];
    uint64_t free_pools, misaligned;
    uint64_t largest_free_bytes; /* pools side by side */
};

static void look_sum(struct pymalloc_heap *h, struct look_sums *s)
{
    h->layout->settle(h);
    hg_assert_whole(pymalloc_is_valid(h));
    memset(s, 0, sizeof *s);
    for (uint32_t i = 0; i < h->arenas_max; i++) {
        const struct arena *a = &h->arenas[i];
        if (!a->base)
            continue;
        bool is_free[PYMALLOC_POOLS_MAX];
        look_mark_free(h, a, is_free);
        s->free_pools += a->free_pools;
        s->misaligned += look_first_pool(h, a) != a->base;
        uint64_t run = 0;
        for (uint32_t j = 0; j < a->pools; j++) {
            if (is_free[j]) {
                run += h->layout->pool_bytes;
                if (run > s->largest_free_bytes)
                    s->largest_free_bytes = run;
                continue;
            }
            run = 0;
            const struct pool *pool =
                h->layout->pool_at(h, look_first_pool(h, a) + (size_t)j * h->layout->pool_bytes);
            uint32_t used = look_used(pool);
            s->class[pool->class].pools++;
            s->class[pool->class].blocks += used;
            s->class[pool->class].available += pool->capacity - used;
        }
    }
}

void pymalloc_stats(void *ctx, struct alloc_stats *out)
{
    struct pymalloc_heap *h = ctx;
    struct look_sums s;
    look_sum(h, &s);
    uint64_t live = 0, available = 0, pools = 0;
    for (uint32_t c = 0; c < PYMALLOC_CLASSES; c++) {
        live += s.class[c].blocks * look_class_bytes(c);
        available += s.class[c].available * look_class_bytes(c);
        pools += s.class[c].pools;
    }
    /* A raw block counts as its usable bytes in each of the three: what the C library holds for it is not
     * known here. */
    out->mapped_bytes =
        atomic_load_explicit(&h->account.mapped_bytes, memory_order_relaxed) + sizeof *h + h->raw_bytes;
    out->active_bytes = pools * h->layout->pool_bytes + h->raw_bytes;
    out->live_usable_bytes = live + h->raw_bytes;
    out->total_free_bytes = s.free_pools * h->layout->pool_bytes + available;
    out->largest_free_bytes = s.largest_free_bytes;
    if (!out->largest_free_bytes)
        for (uint32_t c = 0; c < PYMALLOC_CLASSES; c++)
            if (s.class[c].available)
                out->largest_free_bytes = look_class_bytes(c);
}

void pymalloc_report(void *ctx, const struct alloc_sink *sink)
{
    struct pymalloc_heap *h = ctx;
    struct look_sums s;
    look_sum(h, &s);
    uint64_t live = 0, available = 0, pools = 0, quantization = 0;
    for (uint32_t c = 0; c < PYMALLOC_CLASSES; c++) {
        const struct {
            const char *name;
            uint64_t value;
        } rows[] = {{"size", look_class_bytes(c)},
                    {"pools", s.class[c].pools},
                    {"blocks", s.class[c].blocks},
                    {"available", s.class[c].available}};
        for (size_t i = 0; i < array_length(rows); i++) {
            char key[64];
            snprintf(key, sizeof key, "heap.classes.%u.%s", c, rows[i].name);
            sink->integer(sink->arg, key, rows[i].value);
        }
        live += s.class[c].blocks * look_class_bytes(c);
        available += s.class[c].available * look_class_bytes(c);
        pools += s.class[c].pools;
        quantization += s.class[c].pools * ((h->layout->pool_bytes - PYMALLOC_HEADER) % look_class_bytes(c));
    }
    sink->integer(sink->arg, "heap.arenas_allocated_total", h->arenas_total);
    sink->integer(sink->arg, "heap.arenas_reclaimed", h->arenas_total - h->arenas_current);
    sink->integer(sink->arg, "heap.arenas_highwater", h->arenas_highwater);
    sink->integer(sink->arg, "heap.arenas_current", h->arenas_current);
    sink->integer(sink->arg, "heap.bytes_allocated", live);
    sink->integer(sink->arg, "heap.bytes_available", available);
    sink->integer(sink->arg, "heap.bytes_unused_pools", s.free_pools * h->layout->pool_bytes);
    sink->integer(sink->arg, "heap.bytes_pool_headers", pools * PYMALLOC_HEADER);
    sink->integer(sink->arg, "heap.bytes_quantization", quantization);
    sink->integer(sink->arg, "heap.bytes_arena_alignment", s.misaligned * h->layout->pool_bytes);
}

static int look_walk_blocks(const struct pymalloc_heap *h, const char *base, const struct pool *pool,
                            int (*visit)(void *arg, const struct alloc_piece *piece), void *arg)
{
    bool is_free[LOOK_BLOCKS_MAX];
    const char *first = base + PYMALLOC_HEADER;
    uint32_t bytes = look_class_bytes(pool->class);
    (void)h;
    for (uint32_t i = 0; i < pool->capacity; i++)
        is_free[i] = first + (size_t)i * bytes >= pool->virgin;
    for (char *block = pool->free; block; memcpy(&block, (const void *)block, sizeof(char *)))
        is_free[(size_t)(block - first) / bytes] = true;
    for (uint32_t i = 0; i < pool->capacity; i++) {
        struct alloc_piece piece = {.kind = ALLOC_BLOCK,
                                    .address = first + (size_t)i * bytes,
                                    .bytes = bytes,
                                    .block_bytes = bytes,
                                    .used = !is_free[i],
                                    .capacity = 1};
        int stop = visit(arg, &piece);
        if (stop)
            return stop;
    }
    return 0;
}

/* Arenas in the order of their records, each with its pools by address, each of these with its blocks. Raw
 * blocks are the C library's and not seen. */
int pymalloc_walk(void *ctx, int (*visit)(void *arg, const struct alloc_piece *piece), void *arg, bool blocks)
{
    struct pymalloc_heap *h = ctx;
    h->layout->settle(h);
    hg_assert_whole(pymalloc_is_valid(h));
    uint32_t pool_bytes = h->layout->pool_bytes;
    for (uint32_t i = 0; i < h->arenas_max; i++) {
        const struct arena *a = &h->arenas[i];
        if (!a->base)
            continue;
        bool is_free[PYMALLOC_POOLS_MAX];
        look_mark_free(h, a, is_free);
        struct alloc_piece piece = {.kind = ALLOC_ARENA,
                                    .address = a->base,
                                    .bytes = h->layout->arena_bytes,
                                    .used = a->pools - a->free_pools,
                                    .capacity = a->pools,
                                    .lost_bytes = h->layout->arena_bytes - a->pools * pool_bytes};
        int stop = visit(arg, &piece);
        for (uint32_t j = 0; j < a->pools && !stop; j++) {
            const char *base = look_first_pool(h, a) + (size_t)j * pool_bytes;
            piece = (struct alloc_piece){.kind = ALLOC_POOL, .address = base, .bytes = pool_bytes};
            const struct pool *pool = is_free[j] ? NULL : h->layout->pool_at(h, base);
            if (pool) {
                piece.block_bytes = look_class_bytes(pool->class);
                piece.used = look_used(pool);
                piece.capacity = pool->capacity;
                piece.lost_bytes = pool_bytes - pool->capacity * (uint32_t)piece.block_bytes;
            }
            stop = visit(arg, &piece);
            if (pool && blocks && !stop)
                stop = look_walk_blocks(h, base, pool, visit, arg);
        }
        if (stop)
            return stop;
    }
    return 0;
}
