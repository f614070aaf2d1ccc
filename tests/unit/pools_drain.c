/* pools_drain.c: memory that `pools` gives back as a program drains, without a further call. */
#include "pools_heap.h"

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

static void test_drain_of_abandoned(void **state)
{
    (void)state;
    put(get(1));
    size_t before = resident_bytes();
    on_thread(drain_fill_thread, NULL);
    assert_int_equal(figure("heap.heaps_abandoned"), 1);
    drain_empty(NULL);
    drain_expect(before, 10);
}

#define TURN_BLOCKS 4000u

/* A program that fills and empties its heap in quick turns keeps what it misses, but not much of it at the
 * end. */
static void test_drain_of_growing_and_shrinking(void **state)
{
    (void)state;
    static char *p[TURN_BLOCKS];
    put(get(1));
    size_t before = resident_bytes(), peak = 0;
    for (unsigned turn = 0; turn < 10; turn++) {
        for (unsigned i = 0; i < TURN_BLOCKS; i++) {
            p[i] = get(16000);
            for (unsigned at = 0; at < 16000; at += 4000)
                p[i][at] = 1;
        }
        peak = resident_bytes();
        for (unsigned i = 0; i < TURN_BLOCKS; i++)
            put(p[i]);
    }
    size_t kept = resident_bytes() - before;
    assert_true(peak - before > (size_t)50 << 20);
    if (!SANITIZED && kept > (size_t)14 << 20)
        fail_msg("%zu KiB stay resident", kept >> 10);
}

/* What goes over the budget is given back, and little more: the rest may be asked for again. */
static void test_drain_in_steps(void **state)
{
    (void)state;
    static char *p[2 * TURN_BLOCKS];
    for (unsigned i = 0; i < 2 * TURN_BLOCKS; i++)
        memset(p[i] = get(16000), 1, 16000);
    uint64_t calls = figure("heap.purge_calls"), most = 0;
    for (unsigned i = 0; i < 2 * TURN_BLOCKS; i++) {
        uint64_t purged = figure("heap.purged_bytes");
        put(p[i]);
        purged = figure("heap.purged_bytes") - purged;
        if (i < TURN_BLOCKS && purged > most)
            most = purged;
    }
    assert_true(figure("heap.purge_calls") > calls + 20);
    if (most > (size_t)3 << 20) /* half a MiB, and the runs that one call may bring back */
        fail_msg("%zu KiB are given back at once", (size_t)most >> 10);
}

/* --- huge blocks ---------------------------------------------------------------------------------------- */

#define HUGE_BLOCKS 12u

static void test_drain_of_huge(void **state)
{
    (void)state;
    char *p[HUGE_BLOCKS] = {0};
    size_t before = resident_bytes(), peak = 0;
    for (unsigned i = 0; i < 20 * HUGE_BLOCKS; i++) {
        unsigned at = i * 7 % HUGE_BLOCKS;
        size_t size = (size_t)2 << 20 << i % 3;
        put(p[at]);
        p[at] = get(size);
        memset(p[at], 1, size);
        if (resident_bytes() > peak)
            peak = resident_bytes();
    }
    /* What was asked for is 56 MiB, give or take which sizes meet; what is kept beyond it is bounded. */
    if (!SANITIZED)
        assert_true(peak - before < (size_t)128 << 20);
    for (unsigned i = 0; i < HUGE_BLOCKS; i++)
        put(p[i]);
    size_t kept = resident_bytes() - before;
    assert_int_equal(figure("heap.huge_bytes"), 0);
    if (!SANITIZED && kept > (size_t)14 << 20)
        fail_msg("%zu KiB stay resident", kept >> 10);
    assert_true(figure("heap.huge_cached_bytes") <= (size_t)12 << 20);
}

/* A block of 10 MiB that comes and goes is faulted in once. */
static void test_huge_kept(void **state)
{
    (void)state;
    put(get((size_t)10 << 20));
    uint64_t maps = figure("heap.map_calls"), unmaps = figure("heap.unmap_calls");
    for (unsigned i = 0; i < 10; i++)
        put(get((size_t)10 << 20));
    assert_int_equal(figure("heap.map_calls"), maps);
    assert_int_equal(figure("heap.unmap_calls"), unmaps);
}

/* A kept mapping serves smaller requests whole, and what is spare in it is there to grow into. */
static void test_huge_spare(void **state)
{
    (void)state;
    char *p = get((size_t)6 << 20);
    memset(p, 1, (size_t)6 << 20);
    put(p);
    uint64_t maps = figure("heap.map_calls");
    char *q = get((size_t)4 << 20);
    assert_ptr_equal(q, p);
    assert_true(heap->usable(heap->ctx, q) >= (size_t)6 << 20);
    assert_ptr_equal(heap->realloc(heap->ctx, q, (size_t)5 << 20), q);
    assert_int_equal(figure("heap.map_calls"), maps);
    unsigned char *z = heap->calloc(heap->ctx, 1, (size_t)2 << 20);
    put(z);
    put(q);
    z = heap->calloc(heap->ctx, 1, (size_t)3 << 20); /* what is kept was written */
    for (size_t i = 0; i < (size_t)3 << 20; i++)
        if (z[i])
            fail_msg("byte %zu is not zero", i);
    put(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_drain),
        T(test_drain_of_idle),
        T(test_drain_of_abandoned),
        T(test_drain_of_growing_and_shrinking),
        T(test_drain_in_steps),
        T(test_drain_of_huge),
        T(test_huge_kept),
        T(test_huge_spare),
    };
    return cmocka_run_group_tests_name("pools_drain", tests, NULL, NULL);
}
