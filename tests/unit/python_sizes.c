/* python_sizes.c: what objects take in each version of CPython: sys.getsizeof of 3.11.2, 3.13.18, 3.14.10 and
 * 3.15.2, and of the free-threaded 3.14.7 and 3.15.0rc1 (scripts/oracle has the first four). */
// policies: gil biased
#include "runtime.h"

static const struct {
    const char *python;
    bool free_threaded;
    /* of no characters, items and entries, and of two slots */
    size_t text, tuple, node, node_weak, weakref, dict, list, integer, real;
} known[] = {
    {"3.11", false, 49, 40, 48, 56, 80, 64, 56, 28, 24}, {"3.13", false, 41, 40, 48, 64, 80, 64, 56, 28, 24},
    {"3.14", false, 41, 48, 48, 64, 80, 64, 56, 28, 24}, {"3.15", false, 41, 48, 48, 64, 80, 64, 56, 28, 24},
    {"3.14t", true, 57, 48, 48, 64, 88, 0, 56, 44, 40},  {"3.15t", true, 57, 48, 48, 64, 88, 0, 56, 44, 40},
};

static struct object *node_new(unsigned flags, size_t bytes)
{
    struct type *type = type_new_instance_type("node", 2, 0, flags, NULL);
    struct object *o = instance_new(type);
    assert_int_equal(object_bytes(o), bytes);
    rc_dec(&type->head);
    return o;
}

static void drop_of_size(struct object *o, size_t bytes)
{
    assert_int_equal(object_bytes(o), bytes);
    rc_dec(o);
}

static void test_sizes(void **state)
{
    (void)state;
    unsigned checked = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].free_threaded != !RC_GIL_HELD)
            continue;
        test_python = known[i].python;
        assert_non_null(python_find(test_python));
        struct runtime *r = test_open(NULL);
        for (size_t n = 0; n < 60; n += 19)
            drop_of_size(str_new("0123456789012345678901234567890123456789012345678901234567890", n),
                         known[i].text + n);
        for (size_t n = 0; n < 30; n += 5)
            drop_of_size(tuple_new(n), known[i].tuple + 8 * n);
        if (known[i].dict) /* not measured there */
            drop_of_size(dict_new(), known[i].dict);
        drop_of_size(list_new(0), known[i].list);
        drop_of_size(int_new(1000), known[i].integer);
        drop_of_size(float_new(0.5), known[i].real);
        rc_dec(node_new(0, known[i].node));
        struct object *node = node_new(TYPE_WEAK, known[i].node_weak);
        drop_of_size(weakref_new(node, NULL, NULL), known[i].weakref);
        rc_dec(node);
        assert_int_equal(runtime_live_objects(r), 0);
        test_close(r);
        checked++;
    }
    assert_int_equal(checked, RC_GIL_HELD ? 4 : 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
