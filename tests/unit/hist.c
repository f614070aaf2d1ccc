/* hist: every value lands in a counter that is within 0.1 % of it; quantiles against a sorted array. */
// links: bench/stat/hist.c
#include "bench/stat/hist.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "alloc/base/rng.h"

static void test_layout(void **state)
{
    (void)state;
    assert_int_equal(sizeof((struct hist *)0)->counts, 216 * 1024);
    assert_true(HIST_TOP_NS >= UINT64_C(60000000000));
    assert_int_equal(hist_index(HIST_TOP_NS), HIST_COUNTS - 1);
    uint64_t expected = 0;
    for (unsigned i = 0; i < HIST_COUNTS; i++) { /* no gap, no overlap, none wider than 0.1 % */
        uint64_t lo = hist_lowest_ns(i), hi = hist_highest_ns(i);
        assert_int_equal(lo, expected);
        assert_int_equal(hist_index(lo), i);
        assert_int_equal(hist_index(hi), i);
        assert_true((hi - lo) * 1000 <= lo);
        expected = hi + 1;
    }
    assert_int_equal(expected, HIST_TOP_NS + 1);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void test_quantiles(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct rng rng;
    rng_seed(&rng, 42);
    struct hist *h = calloc(1, sizeof *h), *halves[2] = {calloc(1, sizeof *h), calloc(1, sizeof *h)};
    uint64_t *v = calloc(N, sizeof *v);
    long double sum = 0;
    for (unsigned i = 0; i < N; i++) {
        v[i] = rng_next(&rng) >> (28 + rng_next(&rng) % 36); /* all magnitudes up to 2^36 */
        hist_record(halves[i % 2], v[i]);
        sum += v[i];
    }
    hist_merge(h, halves[0]);
    hist_merge(h, halves[1]);
    qsort(v, N, sizeof *v, by_value);
    assert_int_equal(hist_count(h), N);
    assert_int_equal(h->max_ns, v[N - 1]);
    assert_true(fabs(hist_mean_ns(h) - (double)(sum / N)) < 1e-6 * (double)(sum / N));
    static const uint32_t ppm[] = {1, 50, 10000, 500000, 900000, 990000, 999000, 999900, 1000000};
    for (unsigned i = 0; i < sizeof ppm / sizeof *ppm; i++) {
        uint64_t rank = ((uint64_t)N * ppm[i] + 999999) / 1000000, truth = v[rank - 1];
        uint64_t got = hist_quantile_ns(h, ppm[i]);
        assert_true(got >= truth);
        assert_true(got - truth <= truth / 1000);
    }
    free(v);
    free(h);
    free(halves[0]);
    free(halves[1]);
}

static void test_edges(void **state)
{
    (void)state;
    struct hist *h = calloc(1, sizeof *h);
    assert_int_equal(hist_count(h), 0);
    assert_int_equal(hist_quantile_ns(h, 500000), 0);
    assert_true(isnan(hist_mean_ns(h)));
    hist_record(h, 0);
    assert_int_equal(hist_quantile_ns(h, 1000000), 0);
    hist_record(h, UINT64_C(100000000000)); /* over the top: counted, the maximum exact */
    assert_int_equal(hist_count(h), 2);
    assert_int_equal(hist_quantile_ns(h, 500000), 0);
    assert_int_equal(hist_quantile_ns(h, 999999), UINT64_C(100000000000));
    hist_clear(h);
    for (unsigned i = 0; i < 1000; i++) /* rank of 99.9 % of 1000 is 999, not 1000 */
        hist_record(h, i < 999 ? 1 : 1000);
    assert_int_equal(hist_quantile_ns(h, 999000), 1);
    assert_int_equal(hist_quantile_ns(h, 999001), 1000);
    assert_int_equal(hist_quantile_ns(h, 999000), 1);
    assert_int_equal(hist_quantile_ns(h, 999900), 1000);
    assert_int_equal(h->max_ns, 1000);
    free(h);
}

struct seen {
    uint64_t steps, total, last_ns;
};

static void see(void *arg, const struct hist_step *step)
{
    struct seen *s = arg;
    s->steps++;
    s->total += step->count;
    assert_int_equal(step->count_to, s->total);
    assert_true(s->steps == 1 || step->highest_ns > s->last_ns);
    s->last_ns = step->highest_ns;
}

static void test_each(void **state)
{
    (void)state;
    struct hist *h = calloc(1, sizeof *h);
    for (unsigned i = 0; i < 1000; i++)
        hist_record(h, i % 10 * 1000);
    struct seen s = {0, 0, 0};
    hist_each(h, see, &s);
    assert_int_equal(s.steps, 10);
    assert_int_equal(s.total, 1000);
    free(h);
}

/* Ten values beyond each percentile, or it is not known: the least number of values at which it is. */
static void test_known_points(void **state)
{
    (void)state;
    static struct hist h;
    static const uint64_t least[HIST_POINTS] = {20, 100, 1000, 10000, 100000, 1000000};
    for (unsigned i = 0; i < HIST_POINTS; i++) {
        hist_clear(&h);
        h.counts[7] = least[i] - 1;
        assert_int_equal(hist_points_known(&h), (1u << i) - 1);
        h.counts[900]++;
        assert_int_equal(hist_points_known(&h), (2u << i) - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_points), cmocka_unit_test(test_layout),
                                       cmocka_unit_test(test_quantiles), cmocka_unit_test(test_edges),
                                       cmocka_unit_test(test_each)};
    return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
