/* garbage.c: heap_garbage on heaps whose dead are known one by one. */
// policies: gil objlock atomic biased tracing
#include "between.h"
#include "runtime.h"

#include <pthread.h>

#define COUNTS (HG_RC != HG_RC_TRACING) /* what nobody refers to is gone at once */

static struct object *held[3];
static struct type *type;

static struct runtime *open_with_roots(void)
{
    struct runtime *r = test_open(NULL);
    type = type_new_instance_type("garbage.node", 2, 0, 0, NULL);
    memset(held, 0, sizeof held);
    assert_int_equal(heap_root_add(r, "held", held, 3), 0);
    return r;
}

static void close_all(struct runtime *r)
{
    heap_root_remove(r, held);
    test_close(r);
}

/* A ring of n nodes, each with a float of its own; the first. */
static struct object *ring(size_t n)
{
    struct object *first = instance_new(type), *last = first;
    for (size_t i = 0; i < n; i++) {
        struct object *value = float_new((double)i), *next = NULL;
        instance_set(last, 1, value);
        rc_dec(value);
        if (i + 1 < n) {
            next = instance_new(type);
            instance_set(last, 0, next);
            rc_dec(next);
            last = next;
        }
    }
    instance_set(last, 0, first);
    return first;
}

static struct heap_garbage look(struct runtime *r)
{
    struct heap_garbage found;
    assert_int_equal(heap_garbage(r, &found), 0);
    return found;
}

static void test_none(void **state)
{
    (void)state;
    struct runtime *r = open_with_roots();
    assert_int_equal(look(r).garbage, 0);
    assert_int_equal(look(r).reached, 0);
    held[0] = ring(10);
    assert_int_equal(look(r).garbage, 0);
    assert_int_equal(look(r).bytes, 0);
    assert_int_equal(look(r).reached, 20); /* 10 nodes, 10 floats */
    close_all(r);
}

static void test_dropped_ring(void **state)
{
    (void)state;
    struct runtime *r = open_with_roots();
    held[0] = ring(10);
    size_t bytes = 10 * (object_bytes(held[0]) + object_bytes(instance_slot(held[0], 1)));
    held[1] = ring(3);
    struct object *dead = held[0];
    held[0] = NULL;
    assert_int_equal(look(r).garbage, 20); /* the walk believes the roots, not the count */
    assert_int_equal(look(r).bytes, bytes);
    rc_dec(dead);
    assert_int_equal(look(r).garbage, 20);
    assert_int_equal(look(r).bytes, bytes);
    assert_int_equal(look(r).reached, 6);
    close_all(r);
}

/* What garbage refers to and a root reaches is alive; what only garbage refers to is dead, whatever its own
 * kind. */
static void test_shared(void **state)
{
    (void)state;
    struct runtime *r = open_with_roots();
    held[0] = ring(5);
    held[1] = list_new(0);
    struct object *dead = ring(2), *box = tuple_new(2), *text = str_new("only in the dead", 16);
    rc_inc(held[0]);
    tuple_init_item(box, 0, held[0]);
    tuple_init_item(box, 1, text);
    instance_set(dead, 1, box); /* its float dies */
    rc_dec(box);
    list_append(held[1], dead);
    rc_dec(dead);
    assert_int_equal(look(r).garbage, COUNTS ? 0 : 1);
    assert_int_equal(look(r).reached,
                     10 + 1 + 2 + 1 + 2); /* ring, list, two nodes, one float, tuple and text */
    list_clear(held[1]);
    assert_int_equal(look(r).garbage, COUNTS ? 5 : 6);
    assert_int_equal(look(r).reached, 11);
    close_all(r);
}

/* 200,000 objects over many regions, every third ring dead; what is reached and what is dead is what there
 * is. */
static void test_many(void **state)
{
    (void)state;
    enum { RINGS = 10000, LENGTH = 10 };
    struct runtime *r = open_with_roots();
    held[0] = list_new(0);
    uint64_t dead = 0;
    for (unsigned i = 0; i < RINGS; i++) {
        struct object *o = ring(LENGTH);
        if (i % 3 == 0)
            dead++;
        else
            list_append(held[0], o);
        rc_dec(o);
    }
    uint64_t live = runtime_live_objects(r);
    struct heap_garbage found = look(r);
    assert_int_equal(found.garbage, dead * 2 * LENGTH);
    assert_int_equal(found.reached, 1 + (RINGS - dead) * 2 * LENGTH);
    assert_int_equal(found.reached + found.garbage, live);
    assert_int_equal(runtime_live_objects(r), live); /* nothing was changed */
    assert_int_equal(look(r).garbage, found.garbage);
    close_all(r);
}

/* A list a hundred thousand deep and one as wide do not run out of stack. */
static void test_deep_and_wide(void **state)
{
    (void)state;
    struct runtime *r = open_with_roots();
    held[0] = list_new(0);
    for (unsigned i = 0; i < 100000; i++) {
        struct object *o = list_new(0);
        list_append(o, held[0]);
        rc_dec(held[0]);
        held[0] = o;
    }
    held[1] = list_new(0);
    for (unsigned i = 0; i < 100000; i++) {
        struct object *o = instance_new(type);
        list_append(held[1], o);
        rc_dec(o);
    }
    assert_int_equal(look(r).reached, 200002);
    assert_int_equal(look(r).garbage, 0);
    close_all(r);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct runtime *r = open_with_roots();
    struct heap_garbage found;
    held[0] = list_new(0);
    for (unsigned i = 0; i < 20000; i++) {
        struct object *o = ring(1);
        list_append(held[0], o);
        rc_dec(o);
    }
    unsigned refused = 0;
    for (uint64_t n = 1; n < 5; n++) {
        os_fail_maps_after(n);
        refused += heap_garbage(r, &found) == -ENOMEM;
        os_fail_maps_after(0);
    }
    assert_between(refused, 3, 4); /* regions, their table, the references to follow */
    assert_int_equal(look(r).reached, 40001);
    close_all(r);
}

/* Payloads for every kind of place that an allocator has: small classes, runs of slices, mappings of their
 * own. */
static void test_sizes(void **state)
{
    (void)state;
    static const unsigned payload[] = {0, 100, 5000, 100000, 500000, 2000000};
    enum { SIZES = sizeof payload / sizeof *payload, TURNS = 5 };
    struct runtime *r = open_with_roots();
    struct type *of[SIZES];
    struct object *dead = list_new(0);
    size_t bytes = object_bytes(dead);
    for (unsigned i = 0; i < SIZES; i++)
        of[i] = type_new_instance_type("garbage.size", 1, payload[i], 0, NULL);
    for (unsigned i = 0; i < SIZES * TURNS; i++) {
        struct object *o = instance_new(of[i % SIZES]), *freed = instance_new(of[i % SIZES]);
        assert_true(o && freed);
        instance_set(o, 0, dead);
        bytes += object_bytes(o);
        rc_dec(dead);
        rc_dec(freed); /* free places between those in use */
        dead = o;
    }
    uint64_t freed = COUNTS ? 0 : SIZES * TURNS;
    struct heap_garbage found = look(r); /* roots do not reach it, whatever its count */
    assert_int_equal(found.garbage, SIZES * TURNS + 1 + freed);
    if (COUNTS)
        assert_int_equal(found.bytes, bytes);
    rc_dec(dead);
    for (unsigned i = 0; i < SIZES; i++)
        rc_dec(&of[i]->head);
    close_all(r);
}

static void *leave_ring(void *r)
{
    assert_int_equal(runtime_thread_attach(r, 1), 0);
    struct object *dead = ring(100);
    rc_dec(dead);
    runtime_thread_detach(r);
    return NULL;
}

/* What a thread left that is gone is found as what others made. */
static void test_gone_thread(void **state)
{
    (void)state;
    struct runtime *r = open_with_roots();
    pthread_t thread;
    runtime_thread_detach(r);
    assert_int_equal(pthread_create(&thread, NULL, leave_ring, r), 0);
    pthread_join(thread, NULL);
    assert_int_equal(runtime_thread_attach(r, 0), 0);
    assert_int_equal(look(r).garbage, 200);
    assert_int_equal(look(r).reached, 0);
    close_all(r);
}

/* Every test again where objects are found by a walk (find.h), for the policies that do. */
static int on_pools(void **state)
{
    (void)state;
    test_spec = "pools";
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_dropped_ring),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_deep_and_wide),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_gone_thread),
        cmocka_unit_test(test_no_memory),
        {"test_none_on_pools", test_none, on_pools, NULL, NULL},
        {"test_dropped_ring_on_pools", test_dropped_ring, on_pools, NULL, NULL},
        {"test_shared_on_pools", test_shared, on_pools, NULL, NULL},
        {"test_many_on_pools", test_many, on_pools, NULL, NULL},
        {"test_deep_and_wide_on_pools", test_deep_and_wide, on_pools, NULL, NULL},
        {"test_sizes_on_pools", test_sizes, on_pools, NULL, NULL},
        {"test_gone_thread_on_pools", test_gone_thread, on_pools, NULL, NULL},
        {"test_no_memory_on_pools", test_no_memory, on_pools, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
