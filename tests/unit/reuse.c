/* reuse.c: what counts as given back too soon, how it decays, and how long others wait for an idle owner. */
// links: alloc/pools/reuse.c alloc/base/assert.c
#include "alloc/pools/reuse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void what_comes_back_counts_once(void **state)
{
    (void)state;
    struct reuse r = {0};
    assert_true(reuse_is_empty(&r));
    reuse_ask(&r, 10); /* nothing was given back: this is growth */
    assert_int_equal(r.reused, 0);
    reuse_give_back(&r, 10);
    assert_false(reuse_is_empty(&r));
    reuse_ask(&r, 4);
    assert_int_equal(r.reused, 4);
    reuse_ask(&r, 100); /* 6 of these were given back, the rest is growth */
    assert_int_equal(r.reused, 10);
    reuse_ask(&r, 1);
    assert_int_equal(r.reused, 10);
    assert_true(reuse_is_valid(&r));
}

static void it_halves_with_each_period(void **state)
{
    (void)state;
    struct reuse r = {.since_ns = 5};
    reuse_give_back(&r, 1000);
    reuse_ask(&r, 800);
    assert_false(reuse_decay(&r, 5 + REUSE_PERIOD_NS - 1));
    assert_int_equal(r.reused, 800);
    assert_int_equal(r.given_back, 200);
    assert_true(reuse_decay(&r, 5 + REUSE_PERIOD_NS));
    assert_int_equal(r.reused, 400);
    assert_int_equal(r.given_back, 0); /* asked for after that, it was not given back too soon */
    assert_int_equal(r.since_ns, 5 + REUSE_PERIOD_NS);
    assert_true(reuse_decay(&r, r.since_ns + 3 * REUSE_PERIOD_NS + 1));
    assert_int_equal(r.reused, 50);
    assert_true(
        reuse_decay(&r, r.since_ns + 64 * REUSE_PERIOD_NS)); /* a shift by so much is not defined in C */
    assert_int_equal(r.reused, 0);
    assert_true(reuse_is_empty(&r));
}

static void the_user_bounds_it(void **state)
{
    (void)state;
    struct reuse r = {.reused = 100};
    reuse_limit(&r, 200);
    assert_int_equal(r.reused, 100);
    reuse_limit(&r, 30);
    assert_int_equal(r.reused, 30);
}

static void below_zero_is_not_valid(void **state)
{
    (void)state;
    assert_false(reuse_is_valid(&(struct reuse){.given_back = (uint64_t)-1}));
    assert_false(reuse_is_valid(&(struct reuse){.reused = (uint64_t)-1}));
}

static void a_miss_doubles_the_wait_and_dates_it(void **state)
{
    (void)state;
    struct reuse_wait w = {0};
    assert_true(reuse_wait_exceeded(&w, 1));
    reuse_wait_longer(&w, 4, 16, 100);
    assert_false(reuse_wait_exceeded(&w, 8));
    assert_true(reuse_wait_exceeded(&w, 9));
    assert_false(reuse_wait_expired(&w, 100 + REUSE_PERIOD_NS));
    assert_true(reuse_wait_expired(&w, 101 + REUSE_PERIOD_NS));
    reuse_wait_longer(&w, 4, 16, 200);
    assert_int_equal(w.bytes, 16);
    reuse_wait_longer(&w, 4, 16, 300); /* as long as it gets, but its date is new */
    assert_int_equal(w.bytes, 16);
    assert_false(reuse_wait_expired(&w, 300 + REUSE_PERIOD_NS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_back_counts_once),
        cmocka_unit_test(it_halves_with_each_period),
        cmocka_unit_test(the_user_bounds_it),
        cmocka_unit_test(below_zero_is_not_valid),
        cmocka_unit_test(a_miss_doubles_the_wait_and_dates_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
