/* metered.c: metered latencies of streams that can be told by hand. */
// links: bench/stat/metered.c bench/stat/hist.c
#include "bench/stat/metered.h"
#include "between.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct hist simple, metered;

static void record(const struct metered_request *r, size_t n, uint64_t window_ns)
{
    memset(&simple, 0, sizeof simple);
    memset(&metered, 0, sizeof metered);
    for (size_t i = 0; i < n; i++)
        hist_record(&simple, r[i].end_ns - r[i].begin_ns);
    metered_add(r, n, window_ns, &metered);
    assert_int_equal(hist_count(&metered), n);
}

/* 1000 requests of 800 ns, one each us: nothing waits, and no window makes any wait. */
static void test_steady(void **state)
{
    (void)state;
    static struct metered_request r[1000];
    for (size_t i = 0; i < 1000; i++)
        r[i] = (struct metered_request){50 + i * 1000, 50 + i * 1000 + 800};
    record(r, 1000, 0);
    assert_int_equal(metered.max_ns, 800);
    record(r, 1000, 100000);
    assert_int_equal(metered.max_ns, 800);
}

/* Ten requests back to back, 1000 each, but for one that takes 10000: begins 0 1 2 3 4 14 15 16 17 18
 * thousand. Due every 2000 from 0 to 18000: those of before are ahead of it, those behind are late. */
static void test_full(void **state)
{
    (void)state;
    struct metered_request r[10];
    static const uint64_t want[10] = {1000, 1000, 1000, 1000, 10000, 5000, 4000, 3000, 2000, 1000};
    uint64_t at = 0, sum = 0;
    for (size_t i = 0; i < 10; i++) {
        r[i].begin_ns = at;
        r[i].end_ns = at += i == 4 ? 10000 : 1000;
        sum += want[i];
    }
    record(r, 10, 0);
    assert_int_equal(metered.sum_ns, sum);
    assert_int_equal(metered.max_ns, 10000);
    assert_int_equal(simple.sum_ns, 19000);
}

/* A window keeps what a pause does to those near it: a thousand requests of 1 us, a pause of 20 us in the
 * middle. The first one after it is due earlier by about the half of the window times its rank; far away
 * nothing waits. */
static void test_window(void **state)
{
    (void)state;
    static struct metered_request r[1000];
    uint64_t at = 0;
    for (size_t i = 0; i < 1000; i++) {
        r[i].begin_ns = at;
        r[i].end_ns = at += i == 500 ? 21000 : 1000;
    }
    record(r, 1000, 100000);
    assert_int_equal(hist_quantile_ns(&simple, 998000), 1000);
    /* Request 501 is the 31st of 81 in its window: due 12.5 us before it began. */
    assert_between(hist_quantile_ns(&metered, 998000), 13000, 14500);
    assert_int_equal(metered.max_ns, 21000);
    assert_between(hist_quantile_ns(&metered, 890000), 1000, 1100); /* of 1000 no more than 100 or so wait */
}

/* One request, none, and two at once. */
static void test_few(void **state)
{
    (void)state;
    struct metered_request r[2] = {{5, 9}, {5, 7}};
    record(r, 0, 0);
    record(r, 1, 0);
    assert_int_equal(metered.sum_ns, 4);
    record(r, 2, 100);
    assert_int_equal(metered.sum_ns, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steady), cmocka_unit_test(test_full),
                                       cmocka_unit_test(test_window), cmocka_unit_test(test_few)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
