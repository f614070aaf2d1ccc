/* pools.c: what `pools` promises a single thread, one promise a test; what it does with several, with memory
 * to give back and with none to get is in pools_*.c. */
#include "alloc/pools/size_class.h"
#include "pools_heap.h"

/* --- size classes --------------------------------------------------------------------------------------- */

static void test_classes(void **state)
{
    (void)state;
    for (unsigned c = 0; c < POOLS_CLASSES; c++) {
        size_t bytes = pools_class_bytes(c);
        assert_int_equal(pools_class_compute(bytes), c);
        if (c + 1 < POOLS_CLASSES)
            assert_int_equal(pools_class_compute(bytes + 1), c + 1);
        assert_int_equal(bytes % ALLOC_MIN_ALIGN, 0);
        assert_true(pools_class_slices(c) * POOLS_SLICE / bytes >= 8);
        /* At most an eighth is lost to a class, the 16-byte alignment apart. */
        size_t smallest = c ? pools_class_bytes(c - 1) + ALLOC_MIN_ALIGN : ALLOC_MIN_ALIGN;
        assert_true((bytes - smallest) * 8 <= bytes);
    }
    assert_int_equal(pools_class_bytes(POOLS_CLASSES - 1), POOLS_CLASS_MAX);
    /* The table of the fast path agrees with the formula, and usable size with both. */
    for (size_t n = 0; n <= POOLS_CLASS_MAX; n += n < 2048 ? 1 : 509) {
        void *p = get(n);
        assert_int_equal(heap->usable(heap->ctx, p), pools_class_bytes(pools_class_compute(n)));
        put(p);
    }
}

/* --- requests ------------------------------------------------------------------------------------------- */

static void test_requests(void **state)
{
    (void)state;
    put(NULL);
    void *a = get(0), *b = get(0);
    assert_non_null(a);
    assert_ptr_not_equal(a, b);
    put(a);
    put(b);
    errno = 0;
    assert_null(get((size_t)PTRDIFF_MAX + 1));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(heap->calloc(heap->ctx, SIZE_MAX / 2, 3));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(heap->aligned(heap->ctx, 64, (size_t)PTRDIFF_MAX + 1));
    assert_int_equal(errno, ENOMEM);
    for (size_t align = 1; align <= (size_t)16 << 20; align *= 2)
        for (size_t size = 0; size <= (size_t)3 << 20; size = size ? size * 3 + 7 : 1) {
            char *p = heap->aligned(heap->ctx, align, size), *q = heap->aligned(heap->ctx, align, size);
            assert_non_null(p);
            assert_non_null(q);
            assert_int_equal((uintptr_t)p % align, 0);
            assert_true(heap->usable(heap->ctx, p) >= size);
            memset(p, 1, size);
            memset(q, 2, size);
            assert_true(!size || (p[0] == 1 && p[size - 1] == 1));
            /* It grows as any other block does. */
            p = heap->realloc(heap->ctx, p, size * 2 + 1);
            assert_non_null(p);
            assert_true(!size || (p[0] == 1 && p[size - 1] == 1));
            put(p);
            put(q);
        }
    assert_int_equal(figure("heap.blocks_live"), 0);
}

static void test_resize(void **state)
{
    (void)state;
    char *p = heap->realloc(heap->ctx, NULL, 100);
    memset(p, 7, 100);
    assert_ptr_equal(heap->realloc(heap->ctx, p, 97), p); /* the same class */
    p = heap->realloc(heap->ctx, p, 0);
    assert_non_null(p);
    put(p);
    /* Through classes, runs and mappings, up and down; contents kept. */
    size_t have = 10;
    p = get(have);
    memset(p, 3, have);
    for (size_t size = 10; size < (size_t)64 << 20; size = size * 3 / 2) {
        p = heap->realloc(heap->ctx, p, size);
        assert_true(p[0] == 3 && p[have - 1] == 3);
        memset(p, 3, size);
        have = size;
    }
    for (size_t size = have; size > 10; size = size * 2 / 3) {
        p = heap->realloc(heap->ctx, p, size);
        assert_true(p[0] == 3 && p[size - 1] == 3);
    }
    put(p);
    /* A run grows into free slices behind it, and gives its tail back. What was used before is used first, so
     * that it begins where the large one was. */
    put(get((size_t)600 << 10));
    char *run = get((size_t)200 << 10);
    memset(run, 5, (size_t)200 << 10);
    assert_ptr_equal(heap->realloc(heap->ctx, run, (size_t)600 << 10), run);
    assert_ptr_equal(heap->realloc(heap->ctx, run, (size_t)150 << 10), run);
    assert_int_equal(run[((size_t)150 << 10) - 1], 5);
    put(run);
    assert_int_equal(figure("heap.blocks_live"), 0);
}

static void test_zeroed(void **state)
{
    (void)state;
    for (size_t size = 16; size <= (size_t)4 << 20; size *= 2)
        for (int again = 0; again < 3; again++) {
            unsigned char *p = heap->calloc(heap->ctx, 1, size);
            for (size_t i = 0; i < size; i++)
                if (p[i])
                    fail_msg("byte %zu of %zu is not zero", i, size);
            memset(p, 0xff, size);
            put(p);
        }
}

/* A fresh block is not written by calloc: its pages are not resident. */
static void test_calloc_fresh(void **state)
{
    (void)state;
    if (SANITIZED) /* a sanitizer's own memory would be counted */
        return;
    size_t before = resident_bytes();
    void *p[64];
    for (int i = 0; i < 64; i++)
        p[i] = heap->calloc(heap->ctx, 1, (size_t)1 << 20);
    assert_true(resident_bytes() < before + ((size_t)8 << 20));
    for (int i = 0; i < 64; i++)
        put(p[i]);
}

/* --- several heaps -------------------------------------------------------------------------------------- */

static void *use_second(void *arg)
{
    struct alloc *second = arg;
    for (int i = 0; i < 1000; i++)
        second->free(second->ctx, second->malloc(second->ctx, (size_t)i));
    return second->malloc(second->ctx, 1);
}

static void test_several_heaps(void **state)
{
    (void)state;
    struct alloc_stack second, third;
    assert_int_equal(open_heap(&second), 0);
    struct alloc *s = &second.layer[0];
    void *mine = get(100), *theirs = s->malloc(s->ctx, 100);
    pthread_t t;
    void *from_thread;
    assert_int_equal(pthread_create(&t, NULL, use_second, s), 0);
    pthread_join(t, &from_thread);
    put(mine);
    s->free(s->ctx, theirs);
    s->free(s->ctx, from_thread);
    assert_int_equal(figure("heap.blocks_live"), 0);
    alloc_close(&second);
    /* An instance that is closed with live blocks leaves nothing to the next that is opened in its place. */
    assert_int_equal(open_heap(&third), 0);
    void *left = third.layer[0].malloc(third.layer[0].ctx, 100);
    memset(left, 1, 100);
    alloc_close(&third);
    assert_int_equal(open_heap(&third), 0);
    s = &third.layer[0];
    for (int i = 0; i < 10000; i++)
        memset(s->malloc(s->ctx, 100), 2, 100);
    alloc_close(&third);
    /* As many as there is room for, then a reason. */
    struct alloc_stack many[16];
    int n = 0;
    while (n < 16 && open_heap(&many[n]) == 0)
        n++;
    assert_int_equal(n, 7);
    while (n-- > 0)
        alloc_close(&many[n]);
}

/* --- looking in ----------------------------------------------------------------------------------------- */

struct census {
    uint64_t arenas, pools, blocks, used, pool_used, arena_bytes, used_bytes;
    const char *arena_end;
    bool outside;
};

static int census_visit(void *arg, const struct alloc_piece *piece)
{
    struct census *c = arg;
    if (piece->kind == ALLOC_ARENA) {
        c->arenas++;
        c->arena_bytes += piece->bytes;
        c->arena_end = (const char *)piece->address + piece->bytes;
    } else if (piece->kind == ALLOC_POOL) {
        c->pools++;
        c->pool_used += piece->used;
        c->outside |= (const char *)piece->address + piece->bytes > c->arena_end;
    } else {
        c->blocks++;
        c->used += piece->used;
        c->used_bytes += piece->used ? piece->bytes : 0;
    }
    return 0;
}

static void test_walk(void **state)
{
    (void)state;
    static void *p[3000];
    uint64_t bytes = 0;
    for (unsigned i = 0; i < 3000; i++)
        p[i] = get(i * 13 % 5000);
    p[0] = heap->realloc(heap->ctx, p[0], (size_t)300 << 10);
    p[1] = heap->realloc(heap->ctx, p[1], (size_t)3 << 20);
    for (unsigned i = 2; i < 3000; i += 3) {
        put(p[i]);
        p[i] = NULL;
    }
    uint64_t live = 0;
    for (unsigned i = 0; i < 3000; i++)
        if (p[i]) {
            live++;
            bytes += heap->usable(heap->ctx, p[i]);
        }
    struct census c = {0};
    assert_int_equal(heap->backend->walk(heap->ctx, census_visit, &c, true), 0);
    assert_int_equal(c.used, live);
    assert_int_equal(c.pool_used, live);
    assert_int_equal(c.used_bytes, bytes);
    assert_true(c.arenas >= 2 && c.pools > 10 && c.blocks > live && !c.outside);
    struct census without = {0};
    assert_int_equal(heap->backend->walk(heap->ctx, census_visit, &without, false), 0);
    assert_true(without.pool_used == live && without.blocks == 0);
    struct alloc_stats s;
    heap->backend->stats(heap->ctx, &s);
    assert_true(s.live_usable_bytes >= bytes && s.live_usable_bytes <= bytes + 8192);
    assert_true(s.active_bytes >= s.live_usable_bytes && s.mapped_bytes >= s.active_bytes);
    assert_true(s.largest_free_bytes <= s.total_free_bytes);
    for (unsigned i = 0; i < 3000; i++)
        put(p[i]);
    assert_int_equal(figure("heap.blocks_live"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_classes),      T(test_requests),      T(test_resize), T(test_zeroed),
        T(test_calloc_fresh), T(test_several_heaps), T(test_walk),
    };
    return cmocka_run_group_tests_name("pools", tests, NULL, NULL);
}
