/* pymalloc.c: the rules of pymalloc that a caller sees, in each layout. What the conformance test compares
 * with the real one is here stated in words; what that cannot reach (failing maps, foreign pointers, the
 * walk) is here alone. */
#include "alloc/alloc.h"
#include "alloc/base/os.h"
#include "alloc/pymalloc/pymalloc.h"
#include "alloc/spec.h"
#include "alloc/base/rng.h"
#include "advice.h"
#include "between.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct layout {
    const char *spec;
    size_t pool_bytes, arena_bytes;
} layouts[] = {{"pymalloc:layout=3.9", 4096, 256 << 10},
               {"pymalloc", 16384, 1 << 20},
               {"pymalloc:layout=3.15", 16384, 1 << 20},
               {"pymalloc:hugepages=1", 16384, 2 << 20}};
#define FOR_LAYOUTS(l) \
    for (const struct layout *l = layouts; l < layouts + sizeof layouts / sizeof *layouts; l++)

static struct alloc_stack stack;

static struct alloc *open_heap(const struct layout *l)
{
    struct spec spec;
    struct message m = {""};
    if (spec_parse(&spec, l->spec, &m) != 0 || alloc_open(&stack, &spec, &m) != 0)
        fail_msg("%s: %s", l->spec, m.text);
    return &stack.layer[0];
}

/* Whatever the test did, the conservation laws hold. */
static void close_heap(void)
{
    assert_true(pymalloc_heap_is_valid(&stack.layer[0]));
    alloc_close(&stack);
}

static bool owns(const struct alloc *a, const void *p)
{
    return pymalloc_owns(a, p);
}

/* --- arenas from a region of ours, each shifted by so much ---------------------------------------------- */
struct region {
    char *base;
    size_t stride, shift, places;
    unsigned char taken[64];
    unsigned live, maps, unmaps;
    bool can_populate;
    unsigned populates;
    size_t populated_bytes;
    char *populated; /* the last piece, and its end */
    char *populated_end;
};

static void *region_map(void *arg, size_t bytes)
{
    struct region *r = arg;
    assert_true(bytes <= r->stride);
    for (size_t i = 0; i < r->places; i++)
        if (!r->taken[i]) {
            r->taken[i] = 1;
            r->live++;
            r->maps++;
            return r->base + i * r->stride + r->shift;
        }
    return NULL;
}

static void region_unmap(void *arg, void *p, size_t bytes)
{
    struct region *r = arg;
    size_t i = (size_t)((char *)p - r->shift - r->base) / r->stride;
    assert_true(i < r->places && r->taken[i] && bytes <= r->stride);
    r->taken[i] = 0;
    r->live--;
    r->unmaps++;
}

static bool region_populate(void *arg, void *p, size_t bytes)
{
    struct region *r = arg;
    r->populates++;
    r->populated_bytes += bytes;
    r->populated = p;
    r->populated_end = r->populated + bytes;
    return r->can_populate;
}

static void region_open(struct region *r, struct alloc *a, const struct layout *l, size_t stride,
                        size_t shift)
{
    *r = (struct region){.stride = stride, .shift = shift, .places = 16};
    r->base = os_map(&os_harness, (r->places + 1) * stride, l->arena_bytes, 0);
    assert_non_null(r->base);
    pymalloc_set_arena_source(a,
                              &(struct pymalloc_arena_source){r, region_map, region_unmap, region_populate});
}

static void region_close(struct region *r)
{
    assert_int_equal(r->live, 0); /* the heap gave all back when it was closed */
    os_unmap(&os_harness, r->base, (r->places + 1) * r->stride);
}

/* --- figures ---------------------------------------------------------------------------------------------*/
struct wanted {
    const char *key;
    uint64_t value;
    bool found;
};

static void figure_visit(void *arg, const char *key, uint64_t value)
{
    struct wanted *w = arg;
    if (strcmp(key, w->key) == 0) {
        assert_false(w->found);
        w->value = value;
        w->found = true;
    }
}

static uint64_t figure(const struct alloc *a, const char *key)
{
    struct wanted w = {.key = key};
    const struct alloc_sink sink = {.arg = &w, .integer = figure_visit};
    a->backend->report(a->ctx, &sink);
    assert_true(w.found);
    return w.value;
}

/* --- requests --------------------------------------------------------------------------------------------*/
static void test_realloc_rules(void **state)
{
    (void)state;
    FOR_LAYOUTS(l)
    {
        struct alloc *a = open_heap(l);
        /* Class 112. In place from 85 (more than three quarters of 112 is 84) to 112. */
        char *p = a->malloc(a->ctx, 100);
        memset(p, 'x', 100);
        assert_ptr_equal(a->realloc(a->ctx, p, 112), p);
        assert_ptr_equal(a->realloc(a->ctx, p, 85), p);
        char *q = a->realloc(a->ctx, p, 84);
        assert_ptr_not_equal(q, p);
        for (unsigned i = 0; i < 84; i++)
            assert_int_equal(q[i], 'x');
        assert_int_equal(a->usable(a->ctx, q), 96);
        /* Grown over its class it moves, with all that fitted the class. */
        p = a->realloc(a->ctx, q, 97);
        assert_ptr_not_equal(p, q);
        assert_int_equal(p[83], 'x');
        /* Over 512 it becomes the C library's, and stays there when it shrinks. */
        p = a->realloc(a->ctx, p, 600);
        assert_false(owns(a, p));
        assert_int_equal(p[83], 'x');
        p = a->realloc(a->ctx, p, 20);
        assert_false(owns(a, p));
        assert_int_equal(p[19], 'x');
        p = a->realloc(a->ctx, p, 0);
        assert_non_null(p);
        a->free(a->ctx, p);
        /* To nothing: a block of its own, not a free. */
        p = a->malloc(a->ctx, 40);
        p = a->realloc(a->ctx, p, 0);
        assert_non_null(p);
        assert_false(owns(a, p));
        a->free(a->ctx, p);
        p = a->realloc(a->ctx, NULL, 40);
        assert_true(owns(a, p));
        errno = 0;
        assert_null(a->realloc(a->ctx, p, (size_t)PTRDIFF_MAX + 1));
        assert_int_equal(errno, ENOMEM);
        assert_true(owns(a, p));
        a->free(a->ctx, p);
        assert_int_equal(figure(a, "heap.bytes_allocated"), 0);
        close_heap();
    }
}

static void test_sizes(void **state)
{
    (void)state;
    FOR_LAYOUTS(l)
    {
        struct alloc *a = open_heap(l);
        for (size_t size = 1; size <= 512; size++) {
            char *p = a->malloc(a->ctx, size);
            assert_true(owns(a, p));
            assert_int_equal((uintptr_t)p % 16, 0);
            assert_int_equal(a->usable(a->ctx, p), (size + 15) / 16 * 16);
            a->free(a->ctx, p);
        }
        char *p = a->malloc(a->ctx, 0), *q = a->malloc(a->ctx, 0), *r = a->malloc(a->ctx, 513);
        assert_true(p && q && p != q && r);
        assert_false(owns(a, p) || owns(a, q) || owns(a, r));
        assert_true(a->usable(a->ctx, r) >= 513);
        a->free(a->ctx, p);
        a->free(a->ctx, q);
        a->free(a->ctx, r);
        a->free(a->ctx, NULL);
        errno = 0;
        assert_null(a->malloc(a->ctx, (size_t)PTRDIFF_MAX + 1));
        assert_int_equal(errno, ENOMEM);
        for (size_t align = 8; align <= 65536; align *= 2) {
            p = a->aligned(a->ctx, align, 100);
            assert_int_equal((uintptr_t)p % align, 0);
            assert_int_equal(owns(a, p), align <= 16);
            memset(p, 1, 100);
            a->free(a->ctx, p);
        }
        close_heap();
    }
}

static void test_calloc_zeroes(void **state)
{
    (void)state;
    FOR_LAYOUTS(l)
    {
        struct alloc *a = open_heap(l);
        static const size_t sizes[] = {1, 16, 200, 512, 513, 4000};
        for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            unsigned char *p = a->malloc(a->ctx, sizes[i]);
            memset(p, 0xee, sizes[i]);
            a->free(a->ctx, p);
            p = a->calloc(a->ctx, 1, sizes[i]); /* the same block, most likely */
            for (size_t j = 0; j < sizes[i]; j++)
                assert_int_equal(p[j], 0);
            assert_int_equal(owns(a, p), sizes[i] <= 512);
            a->free(a->ctx, p);
        }
        void *p = a->calloc(a->ctx, 0, 8), *q = a->calloc(a->ctx, 8, 0);
        assert_true(p && q && p != q);
        a->free(a->ctx, p);
        a->free(a->ctx, q);
        errno = 0;
        assert_null(a->calloc(a->ctx, SIZE_MAX / 2, 3));
        assert_int_equal(errno, ENOMEM);
        close_heap();
    }
}

/* --- ownership -------------------------------------------------------------------------------------------*/
static void test_owns(void **state)
{
    (void)state;
    /* Arenas side by side and apart, aligned to their size, to a pool and to a page alone. */
    static const struct {
        size_t gap, shift;
    } places[] = {{0, 0}, {0, 4096}, {0, 16384}, {65536, 0}, {65536, 8192}, {65536, 49152}};
    FOR_LAYOUTS(l)
    for (unsigned k = 0; k < sizeof places / sizeof *places; k++) {
        struct region r;
        struct alloc *a = open_heap(l);
        region_open(&r, a, l, l->arena_bytes + places[k].gap, places[k].shift);
        char *local = malloc(100), on_stack = 0;
        assert_false(owns(a, local) || owns(a, &on_stack) || owns(a, NULL) || owns(a, r.base));
        while (r.maps < 3)
            assert_non_null(a->malloc(a->ctx, 512));
        assert_false(owns(a, local) || owns(a, &on_stack) || owns(a, &stack) || owns(a, NULL));
        for (unsigned i = 0; i < r.places; i++) {
            char *arena = r.base + i * r.stride + r.shift;
            bool ours = i < 3, before = places[k].gap == 0 && i > 0 && i <= 3,
                 after = places[k].gap == 0 && i < 2;
            if (l->pool_bytes == 4096) {
                /* 3.9 takes its answer from the first bytes of the page: only for a pool in use is it yes. */
                assert_int_equal(owns(a, arena + 48), ours);
                continue;
            }
            assert_int_equal(owns(a, arena), ours);
            assert_int_equal(owns(a, arena + 5000), ours);
            assert_int_equal(owns(a, arena + l->arena_bytes / 2 + 1), ours);
            assert_int_equal(owns(a, arena + l->arena_bytes - 1), ours);
            assert_int_equal(owns(a, arena - 1), before);
            assert_int_equal(owns(a, arena + l->arena_bytes), after);
        }
        /* Far away, in leaves and middle nodes that do not exist. */
        for (unsigned bit = 34; bit < 64 && l->pool_bytes != 4096; bit++)
            assert_false(owns(a, (char *)((uintptr_t)r.base ^ (uintptr_t)1 << bit)));
        free(local);
        close_heap();
        region_close(&r);
    }
}

/* A foreign page may hold anything where 3.9 looks for the arena index. */
static void test_owns_lying_page(void **state)
{
    (void)state;
    struct alloc *a = open_heap(&layouts[0]);
    void *p = a->malloc(a->ctx, 16);
    assert_true(owns(a, p));
    uint32_t *page = os_map(&os_harness, 4096, 0, 0);
    for (uint32_t index = 0; index < 40; index++) {
        for (unsigned i = 0; i < 1024; i++)
            page[i] = index;
        assert_false(owns(a, page + 12));
    }
    memset(page, 0xff, 4096);
    assert_false(owns(a, page + 12));
    /* A copy of a pool's own header lies as well as can be. */
    memcpy(page, (void *)((uintptr_t)p & ~(uintptr_t)4095), 4096);
    assert_false(owns(a, page + 12));
    os_unmap(&os_harness, page, 4096);
    a->free(a->ctx, p);
    close_heap();
}

/* --- arenas ----------------------------------------------------------------------------------------------*/
static void test_arenas_given_back(void **state)
{
    (void)state;
    enum { BLOCKS = 24000 };
    void **block = calloc(BLOCKS, sizeof *block);
    FOR_LAYOUTS(l)
    {
        struct region r;
        struct alloc *a = open_heap(l);
        region_open(&r, a, l, l->arena_bytes, l->pool_bytes); /* each arena lies in two windows of the map */
        unsigned n = (unsigned)(5 * l->arena_bytes / 512);
        assert_true(n <= BLOCKS);
        for (unsigned i = 0; i < n; i++)
            block[i] = a->malloc(a->ctx, 512);
        assert_int_equal(r.live, 6);
        assert_int_equal(figure(a, "heap.arenas_highwater"), 6);
        for (unsigned i = 0; i < n; i++)
            a->free(a->ctx, block[i]);
        assert_int_equal(r.live, 1); /* the last usable one stays */
        assert_int_equal(figure(a, "heap.arenas_current"), 1);
        assert_int_equal(figure(a, "heap.arenas_reclaimed"), 5);
        assert_int_equal(figure(a, "heap.bytes_unused_pools"), l->arena_bytes);
        for (unsigned i = 0; i < 6 && l->pool_bytes > 4096; i++) {
            const char *arena = r.base + i * r.stride + r.shift;
            assert_int_equal(owns(a, arena), r.taken[i]);
            assert_int_equal(owns(a, arena + l->arena_bytes - 1), r.taken[i]);
        }
        /* The records of the others are used again. */
        for (unsigned i = 0; i < n; i++)
            block[i] = a->malloc(a->ctx, 512);
        assert_int_equal(r.live, 6);
        assert_int_equal(r.maps, 11);
        close_heap();
        region_close(&r);
    }
    free(block);
}

static void test_misaligned_arena(void **state)
{
    (void)state;
    struct region r;
    const struct layout *l = &layouts[1];
    struct alloc *a = open_heap(l);
    region_open(&r, a, l, l->arena_bytes + 16384, 4096);
    void *first = a->malloc(a->ctx, 512);
    assert_ptr_equal(first, r.base + 16384 + 48);
    assert_int_equal(figure(a, "heap.bytes_arena_alignment"), 16384);
    for (unsigned i = 1; i < 63 * 31; i++)
        assert_non_null(a->malloc(a->ctx, 512));
    assert_int_equal(r.live, 1);
    assert_int_equal(figure(a, "heap.bytes_unused_pools"), 0);
    assert_non_null(a->malloc(a->ctx, 512)); /* the 64th pool is the next arena's */
    assert_int_equal(r.live, 2);
    close_heap();
    region_close(&r);
}

/* Memory is faulted in ahead of its use from the fourth MiB on: whole pools of the arena being carved, each
 * once, and never more than one part in 128 of the heap. Where the kernel cannot it is asked once. */
static void test_populate(void **state)
{
    (void)state;
    FOR_LAYOUTS(l)
    {
        struct region r;
        struct alloc *a = open_heap(l);
        region_open(&r, a, l, l->arena_bytes, 0);
        r.can_populate = true;
        char *end = NULL, *last_arena = NULL;
        size_t pool_blocks = (l->pool_bytes - 48) / 512;
        for (size_t pool = 0; pool < r.places * (l->arena_bytes / l->pool_bytes); pool++) {
            unsigned populates = r.populates;
            char *p = a->malloc(a->ctx, 512);
            for (size_t i = 1; i < pool_blocks; i++)
                assert_non_null(a->malloc(a->ctx, 512));
            char *base = p - 48, *arena = r.base + (size_t)(base - r.base) / l->arena_bytes * l->arena_bytes;
            if (r.populates != populates) { /* for this pool, which was not asked for yet */
                size_t bytes = (size_t)(r.populated_end - r.populated);
                assert_int_equal(r.populates, populates + 1);
                assert_ptr_equal(r.populated, base);
                assert_true(arena != last_arena || base >= end);
                assert_true(r.populated_end <= arena + l->arena_bytes);
                assert_true(bytes % l->pool_bytes == 0 && bytes >= 32768 && bytes <= 131072);
                assert_true(bytes <= r.live * l->arena_bytes / 128);
                end = r.populated_end;
                last_arena = arena;
            }
        }
        /* All arenas from there on, but an end that is too short. */
        size_t all = r.places * l->arena_bytes - (4 << 20) + l->arena_bytes;
        assert_between(r.populated_bytes, all - r.places * 16384, all);
        close_heap();
        region_close(&r);

        a = open_heap(l);
        region_open(&r, a, l, l->arena_bytes, 0); /* can_populate is false */
        for (size_t i = 0; i < r.places * (l->arena_bytes / l->pool_bytes) * pool_blocks; i++)
            assert_non_null(a->malloc(a->ctx, 512));
        assert_int_equal(r.populates, 1);
        close_heap();
        region_close(&r);
    }
}

/* With no map to be had from the nth on, requests are still served, from the C library, as CPython's are. */
static void test_map_failure(void **state)
{
    (void)state;
    FOR_LAYOUTS(l)
    for (uint64_t n = 1; n <= 12; n++) {
        struct spec spec;
        struct message m = {""};
        assert_int_equal(spec_parse(&spec, l->spec, &m), 0);
        os_fail_maps_after(n);
        int err = alloc_open(&stack, &spec, &m);
        if (err) {
            os_fail_maps_after(0);
            assert_int_equal(err, -ENOMEM);
            assert_true(m.text[0]);
            continue;
        }
        struct alloc *a = &stack.layer[0];
        enum { BLOCKS = 60000 };
        static void *block[BLOCKS];
        unsigned small = 0, raw = 0, blocks = 0;
        for (unsigned i = 0; i < BLOCKS && raw < 100; i++, blocks++) {
            block[i] = a->malloc(a->ctx, 500);
            assert_non_null(block[i]);
            memset(block[i], (int)i, 500);
            if (owns(a, block[i]))
                small++;
            else
                raw++;
        }
        assert_int_equal(raw, 100);
        assert_int_equal(figure(a, "heap.bytes_allocated"), small * 512);
        os_fail_maps_after(0);
        void *p = a->malloc(a->ctx, 500); /* maps can be had again */
        assert_true(owns(a, p));
        a->free(a->ctx, p);
        for (unsigned i = 0; i < blocks; i++) {
            assert_int_equal(((unsigned char *)block[i])[499], i & 0xff);
            a->free(a->ctx, block[i]);
        }
        assert_int_equal(figure(a, "heap.bytes_allocated"), 0);
        close_heap();
    }
}

/* --- looking in ------------------------------------------------------------------------------------------*/
struct walked {
    const struct alloc *a;
    void **live; /* sorted */
    size_t live_count, found;
    const struct alloc_piece *arena, *pool;
    struct alloc_piece last_arena, last_pool;
    uint64_t used, capacity, blocks, pools_used, pool_bytes;
};

static int pointer_order(const void *x, const void *y)
{
    const char *p = *(char *const *)x, *q = *(char *const *)y;
    return (p > q) - (p < q);
}

static int walk_visit(void *arg, const struct alloc_piece *piece)
{
    struct walked *w = arg;
    const char *at = piece->address;
    switch (piece->kind) {
    case ALLOC_ARENA:
        w->last_arena = *piece;
        w->pools_used += piece->used;
        w->pool_bytes += piece->lost_bytes;
        break;
    case ALLOC_POOL:
        assert_true(at >= (const char *)w->last_arena.address &&
                    at + piece->bytes <= (const char *)w->last_arena.address + w->last_arena.bytes);
        w->last_pool = *piece;
        w->pool_bytes += piece->bytes;
        w->used += piece->used;
        w->capacity += piece->capacity;
        if (piece->block_bytes) {
            assert_true(piece->used > 0);
            assert_int_equal(piece->lost_bytes + piece->capacity * piece->block_bytes, piece->bytes);
            w->pools_used--;
        } else {
            assert_int_equal(piece->capacity, 0);
        }
        break;
    default:
        assert_true(at >= (const char *)w->last_pool.address + 48 &&
                    at + piece->bytes <= (const char *)w->last_pool.address + w->last_pool.bytes);
        assert_int_equal(piece->bytes, w->last_pool.block_bytes);
        w->blocks++;
        assert_int_equal(piece->used,
                         bsearch(&at, w->live, w->live_count, sizeof *w->live, pointer_order) != NULL);
        w->found += piece->used;
    }
    return 0;
}

static int stop_at_third(void *arg, const struct alloc_piece *piece)
{
    (void)piece;
    return ++*(unsigned *)arg == 3 ? -7 : 0;
}

static void test_walk(void **state)
{
    (void)state;
    enum { BLOCKS = 9000 };
    static void *block[BLOCKS];
    FOR_LAYOUTS(l)
    {
        struct alloc *a = open_heap(l);
        /* A pool that empties alone stays where it is until somebody looks: he must not see that. */
        a->free(a->ctx, a->malloc(a->ctx, 16));
        struct walked none = {.a = a};
        assert_int_equal(a->backend->walk(a->ctx, walk_visit, &none, true), 0);
        assert_true(none.blocks == 0 && none.last_arena.used == 0 && none.last_arena.capacity > 0);
        a->free(a->ctx, a->malloc(a->ctx, 16));
        assert_int_equal(figure(a, "heap.classes.0.pools"), 0);
        struct rng r;
        rng_seed(&r, 5);
        for (unsigned i = 0; i < BLOCKS; i++)
            block[i] = a->malloc(a->ctx, 1 + rng_below(&r, 512));
        unsigned live = 0;
        for (unsigned i = 0; i < BLOCKS; i++)
            if (rng_below(&r, 4) == 0)
                block[live++] = block[i];
            else
                a->free(a->ctx, block[i]);
        qsort(block, live, sizeof *block, pointer_order);
        struct walked w = {.a = a, .live = block, .live_count = live};
        assert_int_equal(a->backend->walk(a->ctx, walk_visit, &w, true), 0);
        assert_int_equal(w.found, live);
        assert_int_equal(w.used, live);
        assert_int_equal(w.blocks, w.capacity);
        assert_int_equal(w.pools_used, 0); /* arenas and pools agree */
        assert_int_equal(w.pool_bytes, figure(a, "heap.arenas_current") * l->arena_bytes);
        struct alloc_stats s;
        memset(&s, 0xff, sizeof s);
        a->backend->stats(a->ctx, &s);
        assert_int_equal(s.live_usable_bytes, figure(a, "heap.bytes_allocated"));
        assert_true(s.mapped_bytes >= s.active_bytes && s.active_bytes > s.live_usable_bytes);
        assert_int_equal(s.total_free_bytes,
                         figure(a, "heap.bytes_available") + figure(a, "heap.bytes_unused_pools"));
        assert_true(s.largest_free_bytes > 0 && s.largest_free_bytes <= s.total_free_bytes);
        /* What CPython prints as Total. */
        assert_int_equal(figure(a, "heap.bytes_allocated") + figure(a, "heap.bytes_available") +
                             figure(a, "heap.bytes_unused_pools") + figure(a, "heap.bytes_pool_headers") +
                             figure(a, "heap.bytes_quantization") + figure(a, "heap.bytes_arena_alignment"),
                         figure(a, "heap.arenas_current") * l->arena_bytes);
        unsigned calls = 0;
        assert_int_equal(a->backend->walk(a->ctx, stop_at_third, &calls, true), -7);
        assert_int_equal(calls, 3);
        /* Raw blocks count as held, active and live. */
        void *raw = a->malloc(a->ctx, 100000);
        struct alloc_stats t = s;
        a->backend->stats(a->ctx, &t);
        assert_int_equal(t.live_usable_bytes - s.live_usable_bytes, malloc_usable_size(raw));
        assert_int_equal(t.active_bytes - s.active_bytes, malloc_usable_size(raw));
        a->free(a->ctx, raw);
        a->backend->stats(a->ctx, &t);
        assert_int_equal(t.live_usable_bytes, s.live_usable_bytes);
        close_heap();
    }
}

/* Two heaps have nothing in common; blocks keep their contents through whatever is done around them. */
static void test_contents(void **state)
{
    (void)state;
    enum { LIVE = 3000, STEPS = 60000 };
    static struct {
        unsigned char *p;
        size_t size;
        unsigned char mark;
    } slot[LIVE];
    FOR_LAYOUTS(l)
    {
        struct alloc *a = open_heap(l);
        struct alloc_stack other;
        struct spec spec;
        assert_int_equal(spec_parse(&spec, l->spec, NULL), 0);
        assert_int_equal(alloc_open(&other, &spec, NULL), 0);
        struct alloc *b = &other.layer[0];
        void *theirs = b->malloc(b->ctx, 64);
        struct rng r;
        rng_seed(&r, 9);
        memset(slot, 0, sizeof slot);
        for (unsigned i = 0; i < STEPS; i++) {
            unsigned k = (unsigned)rng_below(&r, LIVE);
            for (size_t j = 0; j < slot[k].size; j++)
                if (slot[k].p[j] != slot[k].mark)
                    fail_msg("%s: step %u: a block was written to", l->spec, i);
            size_t size = rng_below(&r, 20) ? rng_below(&r, 513) : rng_below(&r, 5000);
            if (slot[k].p && rng_below(&r, 2)) {
                slot[k].p = a->realloc(a->ctx, slot[k].p, size);
                for (size_t j = 0; j < size && j < slot[k].size; j++)
                    if (slot[k].p[j] != slot[k].mark)
                        fail_msg("%s: step %u: realloc lost contents", l->spec, i);
            } else {
                a->free(a->ctx, slot[k].p);
                slot[k].p = a->malloc(a->ctx, size);
            }
            slot[k].size = size;
            slot[k].mark = (unsigned char)i;
            memset(slot[k].p, slot[k].mark, size);
        }
        assert_true(owns(b, theirs));
        assert_false(owns(a, theirs));
        for (unsigned k = 0; k < LIVE; k++)
            a->free(a->ctx, slot[k].p);
        assert_int_equal(figure(a, "heap.bytes_allocated"), 0);
        assert_int_equal(figure(b, "heap.bytes_allocated"), 64);
        b->free(b->ctx, theirs);
        alloc_close(&other);
        close_heap();
    }
}

static size_t address_space_pages(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu", &pages), 1);
    fclose(f);
    return pages;
}

static void test_close_gives_all_back(void **state)
{
    (void)state;
    FOR_LAYOUTS(l)
    {
        size_t before = 0;
        for (unsigned i = 0; i < 40; i++) {
            struct alloc *a = open_heap(l);
            for (unsigned j = 0; j < 3000; j++)
                assert_non_null(a->malloc(a->ctx, 512)); /* left to close */
            close_heap();
            if (i == 0)
                before = address_space_pages();
        }
        assert_between(address_space_pages(), before - 64, before + 32); /* less than one mapping a round */
    }
}

/* 3.15 and 2 MiB arenas alone ask for huge pages; where the fallback of these lies is the kernel's choice. */
static void test_advice(void **state)
{
    (void)state;
    if (!advice_is_kept())
        skip();
    FOR_LAYOUTS(l)
    {
        struct alloc *a = open_heap(l);
        void *p = a->malloc(a->ctx, 100);
        bool advised = strstr(l->spec, "3.15") || strstr(l->spec, "huge");
        if (!advice_is_reserved(p) && advice_of(p) != advised)
            fail_msg("%s: %s", l->spec, advised ? "no advice" : "advice that nobody asked for");
        a->free(a->ctx, p);
        close_heap();
    }
}

static void test_refused(void **state)
{
    (void)state;
    struct spec spec;
    struct message m = {""};
    assert_int_equal(spec_parse(&spec, "pymalloc:layout=3.9,hugepages=1", &m), 0);
    assert_int_equal(alloc_open(&stack, &spec, &m), -EINVAL);
    assert_non_null(strstr(m.text, "layout=3.10 or 3.15"));
    /* cpython: what is no libpython, or is not there */
    assert_int_equal(spec_parse(&spec, "cpython:library=libc.so.6", &m), 0);
    assert_int_equal(alloc_open(&stack, &spec, &m), -ENOTSUP);
    assert_non_null(strstr(m.text, "libc.so.6"));
    assert_int_equal(spec_parse(&spec, "cpython:library=/nowhere/libpython3.11.so", &m), 0);
    assert_int_equal(alloc_open(&stack, &spec, &m), -ENOTSUP);
    assert_non_null(strstr(m.text, "/nowhere/libpython3.11.so"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_realloc_rules),    cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_calloc_zeroes),    cmocka_unit_test(test_owns),
        cmocka_unit_test(test_owns_lying_page),  cmocka_unit_test(test_arenas_given_back),
        cmocka_unit_test(test_misaligned_arena), cmocka_unit_test(test_populate),
        cmocka_unit_test(test_map_failure),      cmocka_unit_test(test_walk),
        cmocka_unit_test(test_contents),         cmocka_unit_test(test_close_gives_all_back),
        cmocka_unit_test(test_advice),           cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
