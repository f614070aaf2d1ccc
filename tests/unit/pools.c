/* pools.c: what `pools` promises, one promise a test. Random work is in pools_stress.c. */
#include "../../alloc/alloc.h"
#include "../../alloc/os.h"
#include "../../alloc/pools/size_class.h"
#include "../../alloc/spec.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static struct alloc_stack stack;
static struct alloc *heap = &stack.layer[0];

static int open_heap(struct alloc_stack *s)
{
    struct spec spec;
    struct message m;
    int err = spec_parse(&spec, "pools", &m);
    return err ? err : alloc_open(s, &spec, &m);
}

static int setup(void **state)
{
    (void)state;
    return open_heap(&stack);
}

static int teardown(void **state)
{
    (void)state;
    os_fail_maps_after(0);
    alloc_close(&stack);
    return 0;
}

static void *get(size_t size)
{
    return heap->malloc(heap->ctx, size);
}

static void put(void *p)
{
    heap->free(heap->ctx, p);
}

struct lookup {
    const char *key;
    uint64_t value;
};

static void lookup_integer(void *arg, const char *key, uint64_t value)
{
    struct lookup *l = arg;
    if (!strcmp(key, l->key))
        l->value = value;
}

static uint64_t figure(const char *key)
{
    struct lookup l = {key, ALLOC_UNKNOWN};
    struct alloc_sink sink = {.arg = &l, .integer = lookup_integer};
    heap->backend->report(heap->ctx, &sink);
    return l.value;
}

static size_t resident_bytes(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    size_t kib = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Rss: %zu kB", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib << 10;
}

static void on_thread(void *(*f)(void *), void *arg)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, f, arg), 0);
    pthread_join(t, NULL);
}

/* --- size classes ---------------------------------------------------------------------------------------- */

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

/* --- requests ---------------------------------------------------------------------------------------------- */

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

/* --- memory goes back -------------------------------------------------------------------------------------- */

#define DRAIN_BLOCKS 100000u
static void *drain_blocks[DRAIN_BLOCKS];
static size_t drain_peak;

static void drain_fill(unsigned seed)
{
    for (unsigned i = 0; i < DRAIN_BLOCKS; i++) {
        size_t size = 16 + (i * 2654435761u ^ seed) % 1000;
        drain_blocks[i] = get(size);
        memset(drain_blocks[i], 1, size);
    }
    drain_peak = resident_bytes();
}

static void *drain_empty(void *unused)
{
    /* In an order that leaves every page to its last block. */
    for (unsigned i = 0, at = 0; i < DRAIN_BLOCKS; i++, at = (at + 31337) % DRAIN_BLOCKS)
        put(drain_blocks[at]);
    return unused;
}

static void *drain_fill_thread(void *unused)
{
    drain_fill(2);
    return unused;
}

static void drain_expect(size_t before, unsigned percent)
{
    size_t after = resident_bytes(), grown = drain_peak - before;
    assert_true(grown > (size_t)40 << 20);
    if (!SANITIZED && after > before && (after - before) * 100 > grown * percent)
        fail_msg("%zu KiB of %zu KiB stay resident", (after - before) >> 10, grown >> 10);
    assert_int_equal(figure("heap.blocks_live"), 0);
}

static void test_drain(void **state)
{
    (void)state;
    put(get(1));
    size_t before = resident_bytes();
    drain_fill(1);
    drain_empty(NULL);
    drain_expect(before, 10);
}

/* The thread that made the blocks lives on and makes no call; another frees them. */
static pthread_barrier_t idle_barrier;
static void *idle_thread(void *unused)
{
    drain_fill(3);
    pthread_barrier_wait(&idle_barrier);
    pthread_barrier_wait(&idle_barrier);
    return unused;
}

static void test_drain_of_idle(void **state)
{
    (void)state;
    put(get(1));
    size_t before = resident_bytes();
    pthread_t t;
    pthread_barrier_init(&idle_barrier, NULL, 2);
    assert_int_equal(pthread_create(&t, NULL, idle_thread, NULL), 0);
    pthread_barrier_wait(&idle_barrier);
    drain_empty(NULL);
    drain_expect(before, 30);
    pthread_barrier_wait(&idle_barrier);
    pthread_join(t, NULL);
}

/* --- threads that die -------------------------------------------------------------------------------------- */

static void test_drain_of_dead(void **state)
{
    (void)state;
    put(get(1));
    size_t before = resident_bytes();
    on_thread(drain_fill_thread, NULL);
    assert_int_equal(figure("heap.heaps_abandoned"), 1);
    drain_empty(NULL);
    drain_expect(before, 10);
}

static void *die_holding(void *arg)
{
    void **blocks = arg;
    for (int i = 0; i < 1000; i++)
        blocks[i] = get(100);
    for (int i = 0; i < 1000; i += 2)
        put(blocks[i]);
    return NULL;
}

/* What a dead thread left free is used by a living one before new memory, and its heap by the next thread. */
static void test_adoption(void **state)
{
    (void)state;
    static void *blocks[1000], *mine[500];
    put(get(1));
    on_thread(die_holding, blocks);
    uint64_t heaps = figure("heap.heaps");
    assert_int_equal(figure("heap.blocks_live"), 500);
    uint64_t pages = figure("heap.pages");
    for (int i = 0; i < 500; i++)
        mine[i] = get(100);
    assert_int_equal(figure("heap.pages"), pages);
    for (int i = 0; i < 500; i++)
        put(mine[i]);
    for (int i = 1; i < 1000; i += 2)
        put(blocks[i]);
    assert_int_equal(figure("heap.blocks_live"), 0);
    /* Heaps are taken over, not made anew: a thousand threads one after another need one. */
    for (int i = 0; i < 1000; i++)
        on_thread(die_holding, blocks);
    assert_int_equal(figure("heap.heaps"), heaps);
    for (int i = 1; i < 1000; i += 2)
        put(blocks[i]);
}

static void *idle_maker(void *arg)
{
    die_holding(arg);
    pthread_barrier_wait(&idle_barrier);
    pthread_barrier_wait(&idle_barrier);
    return NULL;
}

/* --- fork -------------------------------------------------------------------------------------------------- */

static _Atomic bool fork_stop;
static void *fork_noise(void *unused)
{
    for (unsigned i = 0; !atomic_load(&fork_stop); i++) {
        void *p = get(i % 3000), *q = get((size_t)200 << 10);
        put(p);
        put(q);
    }
    return unused;
}

static void test_fork(void **state)
{
    (void)state;
    static void *blocks[1000];
    pthread_t noise, idle;
    atomic_store(&fork_stop, false);
    pthread_barrier_init(&idle_barrier, NULL, 2);
    assert_int_equal(pthread_create(&idle, NULL, idle_maker, blocks), 0);
    pthread_barrier_wait(&idle_barrier);
    assert_int_equal(pthread_create(&noise, NULL, fork_noise, NULL), 0);
    for (int n = 0; n < 20; n++) {
        char *mine = get(5000);
        strcpy(mine, "before");
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            alarm(20);
            bool good = !strcmp(mine, "before");
            for (int i = 1; i < 1000; i += 2) /* of a thread that is not here */
                put(blocks[i]);
            for (int i = 0; i < 3000; i++) {
                blocks[i % 1000] = get((size_t)i * 7);
                if (!blocks[i % 1000])
                    good = false;
                else if (i % 3 == 0)
                    put(blocks[i % 1000]);
            }
            put(mine);
            _exit(good ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        put(mine);
    }
    atomic_store(&fork_stop, true);
    pthread_join(noise, NULL);
    pthread_barrier_wait(&idle_barrier);
    pthread_join(idle, NULL);
    for (int i = 1; i < 1000; i += 2)
        put(blocks[i]);
    assert_int_equal(figure("heap.blocks_live"), 0);
}

/* --- no memory --------------------------------------------------------------------------------------------- */

#define FAIL_BLOCKS 4000u
static size_t fail_failures;

/* Asks until all have been asked for; whatever was given is checked and freed. */
static void *ask_while_maps_fail(void *unused)
{
    static unsigned char *given[FAIL_BLOCKS];
    fail_failures = 0;
    for (unsigned i = 0; i < FAIL_BLOCKS; i++) {
        size_t size = i % 400 == 0 ? (size_t)2 << 20 : i % 100 == 0 ? (size_t)300 << 10 : 16 + i % 7000;
        errno = 0;
        given[i] = i % 7 == 0   ? heap->calloc(heap->ctx, 1, size)
                   : i % 7 == 1 ? heap->aligned(heap->ctx, i % 200 == 1 ? (size_t)2 << 20 : 256, size)
                                : get(size);
        if (!given[i]) {
            fail_failures++;
            if (errno != ENOMEM)
                fail_failures = SIZE_MAX / 2;
        } else {
            memset(given[i], (int)(i & 0xff), size < 4096 ? size : 4096);
        }
        if (i % 11 == 0 && given[i]) {
            unsigned char *moved = heap->realloc(heap->ctx, given[i], size * 2);
            if (moved)
                given[i] = moved;
            else
                fail_failures++;
        }
    }
    for (unsigned i = 0; i < FAIL_BLOCKS; i++) {
        if (given[i] && (given[i][0] != (i & 0xff) || given[i][15] != (i & 0xff)))
            fail_failures = SIZE_MAX / 2;
        put(given[i]);
    }
    return unused;
}

/* The n-th map and all after it fail, for every n that the work gets to; each time from a new heap. */
static void test_failure_at_every_map(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct alloc_stack own;
        struct alloc_stack before = stack;
        assert_int_equal(open_heap(&own), 0);
        stack = own;
        os_fail_maps_after(n);
        on_thread(ask_while_maps_fail, NULL);
        os_fail_maps_after(0);
        size_t failures = fail_failures;
        assert_true(failures < SIZE_MAX / 4);
        assert_int_equal(figure("heap.blocks_live"), 0);
        /* It works again when there is memory again. */
        on_thread(ask_while_maps_fail, NULL);
        assert_int_equal(fail_failures, 0);
        assert_int_equal(figure("heap.blocks_live"), 0);
        alloc_close(&stack);
        stack = before;
        if (!failures) {
            assert_true(n > 10);
            break;
        }
    }
}

/* --- several heaps ----------------------------------------------------------------------------------------- */

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

/* --- looking in -------------------------------------------------------------------------------------------- */

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

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_classes),
        T(test_requests),
        T(test_resize),
        T(test_zeroed),
        T(test_calloc_fresh),
        T(test_drain),
        T(test_drain_of_idle),
        T(test_drain_of_dead),
        T(test_adoption),
        T(test_fork),
        T(test_failure_at_every_map),
        T(test_several_heaps),
        T(test_walk),
    };
    return cmocka_run_group_tests_name("pools", tests, NULL, NULL);
}
