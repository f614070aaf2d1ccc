/* pools_second.c: a second heap of an open one: its walk finds each of its live blocks and nothing else,
 * whatever lies in caches, whoever made it, and while threads end; the figures of the first are of both. */
#include "alloc/alloc.h"
#include "alloc/base/os.h"
#include "alloc/spec.h"
#include "alloc/base/rng.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static struct alloc_stack stack;
static struct alloc *first = &stack.layer[0], second;

static int setup(void **state)
{
    struct spec spec;
    struct message m;
    (void)state;
    return spec_parse(&spec, "pools", &m) || alloc_open(&stack, &spec, &m) ||
           first->backend->second(&second, first, &m);
}

static int teardown(void **state)
{
    (void)state;
    second.backend->close(&second);
    alloc_close(&stack);
    return 0;
}

/* What a walk found, as the sum of a mark that each block carries: a block of the wrong heap or one that
 * was freed spoils it. */
struct found {
    uint64_t blocks, marks;
};

static int find(void *arg, const struct alloc_piece *piece)
{
    struct found *f = arg;
    if (piece->kind == ALLOC_BLOCK && piece->used) {
        f->blocks++;
        f->marks += ((const uint64_t *)piece->address)[1];
    }
    return 0;
}

static struct found walk(const struct alloc *a)
{
    struct found f = {0, 0};
    assert_int_equal(a->backend->walk(a->ctx, find, &f, true), 0);
    return f;
}

static uint64_t *get(const struct alloc *a, size_t size, uint64_t mark)
{
    uint64_t *p = a->malloc(a->ctx, size < 16 ? 16 : size);
    if (p)
        p[1] = mark;
    return p;
}

static void put(const struct alloc *a, uint64_t *p)
{
    p[1] = UINT64_MAX / 2; /* a walk that meets it again is found out */
    a->free(a->ctx, p);
}

static size_t any_size(struct rng *rng)
{
    uint64_t pick = rng_below(rng, 1000);
    return pick == 0 ? 1500000 : pick < 5 ? 200000 : 16 + rng_below(rng, pick < 50 ? 20000 : 400);
}

static void test_finds_its_own(void **state)
{
    enum { BLOCKS = 20000 };
    static uint64_t *own[BLOCKS];
    struct rng rng;
    uint64_t live = 0, marks = 0;
    (void)state;
    rng_seed(&rng, 1);
    memset(own, 0, sizeof own);
    for (unsigned i = 0; i < 8 * BLOCKS; i++) {
        unsigned k = (unsigned)rng_below(&rng, BLOCKS);
        uint64_t *other = get(first, any_size(&rng), 1u << 30);
        if (own[k]) {
            marks -= own[k][1];
            live--;
            put(&second, own[k]);
            own[k] = NULL;
        } else {
            assert_non_null(own[k] = get(&second, any_size(&rng), k));
            marks += k;
            live++;
        }
        put(first, other);
        if (i % (2 * BLOCKS) == 0) {
            struct found f = walk(&second);
            assert_int_equal(f.blocks, live);
            assert_int_equal(f.marks, marks);
        }
    }
    struct alloc_stats both, one;
    first->backend->stats(first->ctx, &both);
    second.backend->stats(second.ctx, &one);
    assert_true(one.live_usable_bytes > live * 16);
    assert_int_equal(both.live_usable_bytes, one.live_usable_bytes);
    uint64_t *block = get(first, 100, 0);
    assert_int_equal(walk(first).blocks, live + 1);
    put(first, block);
    for (unsigned k = 0; k < BLOCKS; k++)
        if (own[k])
            put(&second, own[k]);
    assert_int_equal(walk(&second).blocks, 0);
}

/* --- threads -------------------------------------------------------------------------------------------- */

enum { THREADS = 12, KEPT = 6000 };

static uint64_t *kept[THREADS][KEPT];
static pthread_barrier_t made, walked;
static _Atomic unsigned turn; /* threads below it may end */

/* Makes blocks, frees a third, frees some that other threads made, and ends while the walks go on. */
static void *thread_main(void *arg)
{
    unsigned index = (unsigned)(uintptr_t)arg;
    struct rng rng;
    rng_seed(&rng, index);
    for (unsigned i = 0; i < KEPT; i++)
        kept[index][i] = get(&second, 16 + rng_below(&rng, 200), 1);
    uint64_t *cached = NULL; /* in the thread cache when the thread ends */
    for (unsigned i = 0; i < 2 * KEPT; i++) {
        uint64_t *block = get(&second, 16 + rng_below(&rng, 100), 1);
        block[0] = (uintptr_t)cached;
        cached = block;
    }
    while (cached) {
        uint64_t *block = cached;
        cached = (uint64_t *)(uintptr_t)block[0];
        put(&second, block);
    }
    pthread_barrier_wait(&made);
    unsigned from = (index + 1) % THREADS;
    for (unsigned i = 0; i < KEPT; i += 3) {
        if (kept[from][i])
            put(&second, kept[from][i]);
        kept[from][i] = NULL;
    }
    pthread_barrier_wait(&walked);
    while (atomic_load(&turn) <= index)
        usleep(10);
    return NULL;
}

static void test_threads_end(void **state)
{
    pthread_t thread[THREADS];
    (void)state;
    atomic_store(&turn, 0);
    pthread_barrier_init(&made, NULL, THREADS);
    pthread_barrier_init(&walked, NULL, THREADS + 1);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, thread_main, (void *)i), 0);
    pthread_barrier_wait(&walked); /* from here on threads end, one a walk, and nobody is in a call */
    uint64_t live = (uint64_t)THREADS * (KEPT - KEPT / 3);
    for (unsigned i = 0; i < THREADS; i++) {
        atomic_store(&turn, i + 1);
        usleep(i * 20); /* so that some walk begins in the midst of an end */
        struct found f = walk(&second);
        if (f.blocks != live || f.marks != live)
            fail_msg("walk %u found %llu blocks with %llu, not %llu", i, (unsigned long long)f.blocks,
                     (unsigned long long)f.marks, (unsigned long long)live);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(walk(&second).blocks, live);
    for (unsigned i = 0; i < THREADS; i++)
        for (unsigned k = 0; k < KEPT; k++)
            if (kept[i][k])
                put(&second, kept[i][k]);
    assert_int_equal(walk(&second).blocks, 0);
    pthread_barrier_destroy(&made);
    pthread_barrier_destroy(&walked);
}

static void test_only_one(void **state)
{
    struct alloc third;
    struct message m;
    (void)state;
    assert_int_equal(first->backend->second(&third, first, &m), -EBUSY);
    assert_int_equal(first->backend->second(&third, &second, &m), -EBUSY);
}

static void test_no_memory(void **state)
{
    (void)state;
    uint64_t *block = get(&second, 100, 7);
    struct found f = {0, 0};
    os_fail_maps_after(1);
    assert_int_equal(second.backend->walk(second.ctx, find, &f, true), -ENOMEM);
    os_fail_maps_after(0);
    assert_int_equal(f.blocks, 0);
    assert_int_equal(walk(&second).marks, 7);
    put(&second, block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_finds_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
