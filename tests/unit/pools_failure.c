/* pools_failure.c: `pools` when the system gives no memory, at every one of its map calls. */
#include "pools_heap.h"

#define FAIL_BLOCKS 2400u

struct asker {
    unsigned char *given[FAIL_BLOCKS];
    size_t failures;
    bool wrong; /* a failure without ENOMEM */
};

static size_t ask_size(unsigned i)
{
    return i % 400 == 0 ? (size_t)2 << 20 : i % 100 == 0 ? (size_t)300 << 10 : 16 + i % 7000;
}

/* Asks until all have been asked for, and keeps what was given. */
static void *ask(void *arg)
{
    struct asker *a = arg;
    a->failures = 0;
    for (unsigned i = 0; i < FAIL_BLOCKS; i++) {
        size_t size = ask_size(i);
        errno = 0;
        a->given[i] = i % 7 == 0   ? heap->calloc(heap->ctx, 1, size)
                      : i % 7 == 1 ? heap->aligned(heap->ctx, i % 200 == 1 ? (size_t)2 << 20 : 256, size)
                                   : get(size);
        if (!a->given[i]) {
            a->failures++;
            a->wrong |= errno != ENOMEM;
        } else {
            memset(a->given[i], (int)(i & 0xff), size < 4096 ? size : 4096);
        }
        if (i % 11 == 0 && a->given[i]) {
            unsigned char *moved = heap->realloc(heap->ctx, a->given[i], size * 2);
            if (moved)
                a->given[i] = moved;
            else
                a->failures++;
        }
    }
    return NULL;
}

/* Whatever was given is checked and freed. */
static void *give_back(void *arg)
{
    struct asker *a = arg;
    for (unsigned i = 0; i < FAIL_BLOCKS; i++) {
        a->wrong |= a->given[i] && (a->given[i][0] != (i & 0xff) || a->given[i][15] != (i & 0xff));
        put(a->given[i]);
    }
    return NULL;
}

static void *ask_and_give_back(void *arg)
{
    ask(arg);
    return give_back(arg);
}

static struct asker askers[3];

/* One thread asks and frees. */
static void alone(void)
{
    on_thread(ask_and_give_back, &askers[0]);
}

/* Three at once die holding all they got, and another frees it, still without memory. */
static void dying(void)
{
    pthread_t t[3];
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&t[i], NULL, ask, &askers[i]), 0);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    for (unsigned i = 0; i < 3; i++)
        give_back(&askers[i]);
}

static size_t failures(void)
{
    size_t n = 0;
    for (unsigned i = 0; i < 3; i++) {
        assert_false(askers[i].wrong);
        n += askers[i].failures;
    }
    return n;
}

/* The n-th map fails, and all after it or none, for every n that the work gets to; each time in a new
 * heap. */
static void fail_each(void (*inject)(uint64_t n), void (*work)(void))
{
    for (uint64_t n = 1;; n++) {
        struct alloc_stack own, before = stack;
        assert_int_equal(open_heap(&own), 0);
        stack = own;
        memset(askers, 0, sizeof askers);
        inject(n);
        work();
        uint64_t failed = os_maps_failed();
        os_fail_maps_after(0);
        assert_true(failed || !failures());
        assert_int_equal(figure("heap.blocks_live"), 0);
        /* It works again when there is memory again. */
        work();
        assert_int_equal(failures(), 0);
        assert_int_equal(figure("heap.blocks_live"), 0);
        alloc_close(&stack);
        stack = before;
        if (!failed) {
            assert_true(n > 10);
            break;
        }
    }
}

static void test_failure_from_each_map_on(void **state)
{
    (void)state;
    fail_each(os_fail_maps_after, alone);
}

static void test_failure_of_each_map(void **state)
{
    (void)state;
    fail_each(os_fail_one_map, alone);
}

static void test_failure_with_threads(void **state)
{
    (void)state;
    fail_each(os_fail_maps_after, dying);
}

static void test_failure_of_one_with_threads(void **state)
{
    (void)state;
    fail_each(os_fail_one_map, dying);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_failure_from_each_map_on),
        T(test_failure_of_each_map),
        T(test_failure_with_threads),
        T(test_failure_of_one_with_threads),
    };
    return cmocka_run_group_tests_name("pools_failure", tests, NULL, NULL);
}
