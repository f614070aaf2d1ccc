/* pymalloc_model.h: the rules of pymalloc written down a second time, as plainly as they can be said: no
 * pointer trick, no deferred work, arenas in one array in their order, lists searched from end to end. It is
 * held against the real allocator, and then stands in for the layouts that no installed libpython has (3.9,
 * huge pages).
 *
 * It hands out addresses and never touches them. */
#ifndef HG_TESTS_CONFORMANCE_PYMALLOC_MODEL_H
#define HG_TESTS_CONFORMANCE_PYMALLOC_MODEL_H

#include "alloc/alloc.h"
#include "alloc/pymalloc/pymalloc.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_CLASSES 32u
#define MODEL_ARENAS  1024u
#define MODEL_POOLS   128u
#define MODEL_HEADER  48u

struct model_pool {
    struct model_arena *arena;
    char *base;
    unsigned class;  /* of its last use, MODEL_CLASSES before the first */
    unsigned count;  /* live blocks */
    unsigned virgin; /* offset of the first block never on the list */
    uint16_t *free;  /* offsets, the last one is next */
    unsigned free_count;
};

struct model_arena {
    char *base; /* NULL: none */
    char *first;
    unsigned pools, carved;
    struct model_pool pool[MODEL_POOLS];
    struct model_pool *freed[MODEL_POOLS]; /* the last one is next */
    unsigned freed_count;
};

struct model {
    uint32_t pool_bytes, arena_bytes;
    struct model_arena *arena[MODEL_ARENAS];
    struct model_arena *usable[MODEL_ARENAS]; /* in order, the first is used */
    unsigned usable_count;
    struct {
        struct model_pool **pool; /* partly used ones, the last is used */
        unsigned count, room;
    } list[MODEL_CLASSES];
    struct pymalloc_arena_source source;
    uint64_t total, current, highwater;
};

static inline unsigned model_bytes(unsigned class)
{
    return (class + 1) * 16;
}

static inline unsigned model_room(const struct model *m, unsigned class)
{
    return (m->pool_bytes - MODEL_HEADER) / model_bytes(class);
}

static inline unsigned model_free_pools(const struct model_arena *a)
{
    return a->freed_count + a->pools - a->carved;
}

static inline void model_usable_insert(struct model *m, unsigned at, struct model_arena *a)
{
    memmove(m->usable + at + 1, m->usable + at, (m->usable_count - at) * sizeof *m->usable);
    m->usable[at] = a;
    m->usable_count++;
}

static inline void model_usable_remove(struct model *m, unsigned at)
{
    m->usable_count--;
    memmove(m->usable + at, m->usable + at + 1, (m->usable_count - at) * sizeof *m->usable);
}

static inline unsigned model_usable_find(const struct model *m, const struct model_arena *a)
{
    unsigned at = 0;
    while (m->usable[at] != a)
        at++;
    return at;
}

static inline struct model_pool *model_owner(const struct model *m, const void *p)
{
    for (unsigned i = 0; i < MODEL_ARENAS && m->arena[i]; i++) {
        struct model_arena *a = m->arena[i];
        if (a->base && (uintptr_t)p - (uintptr_t)a->base < m->arena_bytes)
            return &a->pool[((uintptr_t)p - (uintptr_t)a->first) / m->pool_bytes];
    }
    return NULL;
}

static inline bool model_new_arena(struct model *m)
{
    char *base = m->source.map(m->source.arg, m->arena_bytes);
    if (!base)
        return false;
    unsigned i = 0;
    while (m->arena[i] && m->arena[i]->base)
        i++;
    if (!m->arena[i])
        m->arena[i] = calloc(1, sizeof *m->arena[i]);
    struct model_arena *a = m->arena[i];
    *a = (struct model_arena){.base = base, .pools = m->arena_bytes / m->pool_bytes};
    a->first = (char *)(((uintptr_t)base + m->pool_bytes - 1) & ~(uintptr_t)(m->pool_bytes - 1));
    a->pools -= a->first != base;
    m->total++;
    if (++m->current > m->highwater)
        m->highwater = m->current;
    model_usable_insert(m, 0, a);
    return true;
}

/* A pool for the class: of the first usable arena, the one given back last, else the next one to carve. */
static inline struct model_pool *model_new_pool(struct model *m, unsigned class)
{
    if (!m->usable_count && !model_new_arena(m))
        return NULL;
    struct model_arena *a = m->usable[0];
    struct model_pool *pool;
    if (a->freed_count) {
        pool = a->freed[--a->freed_count];
    } else {
        pool = &a->pool[a->carved];
        *pool = (struct model_pool){
            .arena = a, .base = a->first + (size_t)a->carved * m->pool_bytes, .class = MODEL_CLASSES};
        a->carved++;
    }
    if (!model_free_pools(a))
        model_usable_remove(m, 0);
    if (pool->class != class) {
        pool->class = class;
        pool->free = realloc(pool->free, model_room(m, class) * sizeof *pool->free);
        pool->free[0] = (uint16_t)(MODEL_HEADER + model_bytes(class)); /* the second block, */
        pool->free[1] = MODEL_HEADER;                                  /* and the first before it */
        pool->free_count = 2;
        pool->virgin = MODEL_HEADER + 2 * model_bytes(class);
    }
    return pool;
}

static inline void *model_malloc(void *ctx, size_t size)
{
    struct model *m = ctx;
    if (size == 0 || size > 512)
        return malloc(size ? size : 1);
    unsigned class = (unsigned)(size - 1) / 16;
    struct model_pool *pool;
    if (m->list[class].count) {
        pool = m->list[class].pool[m->list[class].count - 1];
    } else {
        pool = model_new_pool(m, class);
        if (!pool)
            return malloc(size);
        if (!m->list[class].room) {
            m->list[class].room = 1 << 16;
            m->list[class].pool = calloc(m->list[class].room, sizeof *m->list[class].pool);
        }
        m->list[class].pool[m->list[class].count++] = pool;
    }
    char *block = pool->base + pool->free[--pool->free_count];
    pool->count++;
    if (!pool->free_count && pool->virgin + model_bytes(class) <= m->pool_bytes) {
        pool->free[pool->free_count++] = (uint16_t)pool->virgin;
        pool->virgin += model_bytes(class);
    }
    if (!pool->free_count)
        m->list[class].count--; /* full: on no list */
    return block;
}

static inline void model_pool_to_arena(struct model *m, struct model_pool *pool)
{
    struct model_arena *a = pool->arena;
    unsigned old = model_free_pools(a);
    a->freed[a->freed_count++] = pool;
    if (old == 0) {
        model_usable_insert(m, 0, a);
        return;
    }
    unsigned at = model_usable_find(m, a), last = at;
    if (old + 1 == a->pools && at + 1 < m->usable_count) {
        model_usable_remove(m, at);
        for (unsigned i = 0; i < a->carved; i++)
            free(a->pool[i].free);
        m->source.unmap(m->source.arg, a->base, m->arena_bytes);
        a->base = NULL;
        m->current--;
        return;
    }
    while (last + 1 < m->usable_count && model_free_pools(m->usable[last + 1]) == old)
        last++;
    model_usable_remove(m, at);
    model_usable_insert(m, last, a);
}

static inline void model_free(void *ctx, void *p)
{
    struct model *m = ctx;
    struct model_pool *pool = model_owner(m, p);
    if (!pool) {
        free(p);
        return;
    }
    unsigned class = pool->class, at;
    if (!pool->free_count) /* was full: before all others */
        m->list[class].pool[m->list[class].count++] = pool;
    pool->free[pool->free_count++] = (uint16_t)((char *)p - pool->base);
    if (--pool->count)
        return;
    for (at = 0; m->list[class].pool[at] != pool; at++)
        ;
    m->list[class].count--;
    memmove(m->list[class].pool + at, m->list[class].pool + at + 1,
            (m->list[class].count - at) * sizeof *m->list[class].pool);
    model_pool_to_arena(m, pool);
}

static inline void *model_calloc(void *ctx, size_t count, size_t size)
{
    return model_malloc(ctx, count * size);
}

static inline void *model_realloc(void *ctx, void *p, size_t size)
{
    struct model *m = ctx;
    if (!p)
        return model_malloc(m, size);
    struct model_pool *pool = model_owner(m, p);
    if (!pool)
        return realloc(p, size ? size : 1);
    unsigned has = model_bytes(pool->class);
    if (size <= has && 4 * size > 3 * has)
        return p;
    void *q = model_malloc(m, size);
    if (q)
        model_free(m, p);
    return q;
}

static inline void model_report(void *ctx, const struct alloc_sink *sink)
{
    struct model *m = ctx;
    struct {
        uint64_t pools, blocks;
    } class[MODEL_CLASSES] = {{0, 0}};
    uint64_t unused = 0, misaligned = 0, used = 0, available = 0, pools = 0, lost = 0;
    for (unsigned i = 0; i < MODEL_ARENAS && m->arena[i]; i++) {
        struct model_arena *a = m->arena[i];
        if (!a->base)
            continue;
        unused += model_free_pools(a);
        misaligned += a->first != a->base;
        for (unsigned j = 0; j < a->carved; j++)
            if (a->pool[j].count) {
                class[a->pool[j].class].pools++;
                class[a->pool[j].class].blocks += a->pool[j].count;
            }
    }
    for (unsigned c = 0; c < MODEL_CLASSES; c++) {
        static const char *const names[] = {"size", "pools", "blocks", "available"};
        uint64_t left = class[c].pools * model_room(m, c) - class[c].blocks;
        const uint64_t values[] = {model_bytes(c), class[c].pools, class[c].blocks, left};
        for (unsigned i = 0; i < 4; i++) {
            char key[64];
            snprintf(key, sizeof key, "heap.classes.%u.%s", c, names[i]);
            sink->integer(sink->arg, key, values[i]);
        }
        used += class[c].blocks * model_bytes(c);
        available += left * model_bytes(c);
        pools += class[c].pools;
        lost += class[c].pools * (m->pool_bytes - MODEL_HEADER - model_room(m, c) * model_bytes(c));
    }
    sink->integer(sink->arg, "heap.arenas_allocated_total", m->total);
    sink->integer(sink->arg, "heap.arenas_reclaimed", m->total - m->current);
    sink->integer(sink->arg, "heap.arenas_highwater", m->highwater);
    sink->integer(sink->arg, "heap.arenas_current", m->current);
    sink->integer(sink->arg, "heap.bytes_allocated", used);
    sink->integer(sink->arg, "heap.bytes_available", available);
    sink->integer(sink->arg, "heap.bytes_unused_pools", unused * m->pool_bytes);
    sink->integer(sink->arg, "heap.bytes_pool_headers", pools * MODEL_HEADER);
    sink->integer(sink->arg, "heap.bytes_quantization", lost);
    sink->integer(sink->arg, "heap.bytes_arena_alignment", misaligned * m->pool_bytes);
}

static const struct backend model_backend = {.name = "model", .report = model_report};

static inline void model_open(struct alloc *a, uint32_t pool_bytes, uint32_t arena_bytes,
                              const struct pymalloc_arena_source *source)
{
    static struct model m;
    m.pool_bytes = pool_bytes;
    m.arena_bytes = arena_bytes;
    m.source = *source;
    *a =
        (struct alloc){&m, model_malloc, model_calloc, model_realloc, model_free, NULL, NULL, &model_backend};
}

#endif
