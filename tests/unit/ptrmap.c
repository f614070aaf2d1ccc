/* ptrmap.c: the table against a plain array, through adds, removals, growth and failing maps. */
// links: alloc/base/ptrmap.c alloc/base/os.c alloc/base/assert.c
#include "alloc/base/ptrmap.h"
#include "alloc/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

struct row {
    uint64_t key, value, other;
};

static void it_agrees_with_an_array(void **state)
{
    (void)state;
    enum { KEYS = 3000 };
    static uint64_t model[KEYS]; /* by key: 0 is not there */
    struct os_account account = {0};
    struct ptrmap t = ptrmap_make(sizeof(struct row), &account);
    struct rng rng;
    size_t there = 0;
    rng_seed(&rng, 1);
    assert_null(ptrmap_find(&t, 0));
    assert_null(ptrmap_find(&t, 7));
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t k = rng_below(&rng, KEYS), key = k << (k % 3 * 20); /* near each other, and far */
        struct row *row = ptrmap_find(&t, key);
        if (model[k]) {
            assert_non_null(row);
            assert_int_equal(row->key, key);
            assert_int_equal(row->value, model[k]);
            assert_int_equal(row->other, ~model[k]);
            ptrmap_remove(&t, row, false);
            model[k] = 0;
            there--;
        } else {
            assert_null(row);
            row = ptrmap_add(&t, key);
            assert_non_null(row);
            assert_int_equal(row->value, 0);
            row->value = model[k] = i + 1;
            row->other = ~row->value;
            there++;
        }
        assert_int_equal(ptrmap_count(&t), there);
        if (i % 10000 == 0)
            assert_true(ptrmap_is_valid(&t));
    }
    size_t seen = 0, at = 0;
    for (const struct row *row; (row = ptrmap_next(&t, &at));)
        seen++;
    assert_int_equal(seen, there);
    assert_true(ptrmap_is_valid(&t));
    ptrmap_close(&t);
    assert_int_equal(account.mapped_bytes, 0);
}

static void zero_is_a_key(void **state)
{
    (void)state;
    struct os_account account = {0};
    struct ptrmap t = ptrmap_make(sizeof(struct ptrmap_pair), &account);
    struct ptrmap_pair *e = ptrmap_add(&t, 0);
    e->value = 5;
    for (uint64_t k = 1; k < 5000; k++) /* it grows, and takes it along */
        assert_non_null(ptrmap_add(&t, k));
    e = ptrmap_find(&t, 0);
    assert_int_equal(e->value, 5);
    size_t at = 0, zeros = 0;
    while ((e = ptrmap_next(&t, &at)))
        zeros += e->key == 0;
    assert_int_equal(zeros, 1);
    ptrmap_remove(&t, ptrmap_find(&t, 0), false);
    assert_null(ptrmap_find(&t, 0));
    assert_int_equal(ptrmap_count(&t), 4999);
    ptrmap_close(&t);
}

static void what_is_reserved_cannot_fail(void **state)
{
    (void)state;
    struct os_account account = {0};
    struct ptrmap t = ptrmap_make(sizeof(struct ptrmap_pair), &account);
    uint64_t k = 1;
    assert_non_null(ptrmap_add(&t, k));
    os_fail_maps_after(1);
    while (ptrmap_add(&t, k + 1)) /* up to 15/16 of what it has */
        k++;
    assert_int_equal(k, t.slots / 16 * 15);
    ptrmap_remove(&t, ptrmap_find(&t, 1), true);
    assert_null(ptrmap_add(&t, k + 1)); /* the room is promised */
    assert_non_null(ptrmap_add_reserved(&t, k + 2));
    assert_int_equal(ptrmap_count(&t), k);
    assert_true(ptrmap_is_valid(&t));
    os_fail_maps_after(0);
    assert_non_null(ptrmap_add(&t, k + 1));
    ptrmap_close(&t);
}

static void damage_is_not_valid(void **state)
{
    (void)state;
    struct os_account account = {0};
    struct ptrmap t = ptrmap_make(sizeof(struct ptrmap_pair), &account);
    for (uint64_t k = 1; k < 500; k++)
        ptrmap_add(&t, k);
    assert_true(ptrmap_is_valid(&t));
    t.used++;
    assert_false(ptrmap_is_valid(&t));
    t.used--;
    struct ptrmap_pair *e = ptrmap_find(&t, 77);
    e->key = 1u << 30; /* not where it would be looked for */
    assert_false(ptrmap_is_valid(&t));
    ptrmap_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_an_array),
        cmocka_unit_test(zero_is_a_key),
        cmocka_unit_test(what_is_reserved_cannot_fail),
        cmocka_unit_test(damage_is_not_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
