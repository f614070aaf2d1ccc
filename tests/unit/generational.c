/* generational.c: the number of collections of each generation while a heap of live objects grows, measured
 * on CPython 3.9-3.12 and 3.13; thresholds as text; collections that are not due; legacy finalisers. */
// policy: gil
#include "alloc/spec.h"
#include "gc/collect/collector.h"
#include "gc/runtime.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>

static struct alloc_stack stack;
static struct runtime *runtime;

static void open_runtime(const char *params)
{
    struct message m = {""};
    struct spec spec;
    static unsigned char values[PARAM_STRUCT_MAX];
    const struct collector_info *info = collector_list;
    while (strcmp(info->name, "generational") != 0)
        info++;
    assert_int_equal(param_parse(info->params, values, "generational", params, &m), 0);
    assert_int_equal(spec_parse(&spec, "pymalloc", &m), 0);
    assert_int_equal(alloc_open(&stack, &spec, &m), 0);
    struct runtime_config config = {
        .alloc = &stack.layer[0], .collector = info, .collector_params = values, .threads = 1};
    assert_int_equal(runtime_open(&runtime, &config, &m), 0);
}

static void close_runtime(void)
{
    assert_int_equal(runtime_live_objects(runtime), 0);
    runtime_close(runtime);
    alloc_close(&stack);
}

static struct object *self_referencing(struct type *type)
{
    struct object *o = instance_new(type);
    instance_set(o, 0, o);
    return o;
}

struct row {
    size_t live;
    uint64_t runs[3];
};

/* A program of 5000 objects has just been collected; it now makes `live` nodes that stay. */
static void grow(const char *params, const struct row *row)
{
    open_runtime(params);
    struct type *type = type_new_instance_type("node", 2, 0, 0, NULL);
    struct object *base = list_new(5000), *heap = list_new(row->live);
    struct gc_stats before[3], after[3];
    for (size_t i = 0; i < 5000; i++)
        list_init_item(base, i, self_referencing(type));
    gc_collect(runtime, 2);
    gc_get_stats(runtime, before);
    for (size_t i = 0; i < row->live; i++) {
        list_init_item(heap, i, self_referencing(type));
        thread_safepoint();
    }
    gc_get_stats(runtime, after);
    for (int g = 0; g < 3; g++)
        assert_int_equal(after[g].collections - before[g].collections, row->runs[g]);
    assert_int_equal(after[2].collected, 0);
    rc_dec(base);
    rc_dec(heap);
    assert_int_equal(gc_collect(runtime, 2), 5000 + row->live);
    rc_dec(&type->head);
    close_runtime();
}

static const struct row runs_311[] = {
    {50000, {66, 5, 0}}, {300000, {389, 35, 3}}, {1000000, {1300, 118, 8}}, {3000000, {3911, 355, 13}}};
static const struct row runs_313[] = {
    {50000, {22, 2, 0}}, {300000, {136, 12, 1}}, {1000000, {455, 41, 3}}, {3000000, {1367, 124, 8}}};
#if defined(HG_ASAN) || defined(HG_TSAN)
enum { ROWS = 2 };
#else
enum { ROWS = 4 };
#endif

static void test_runs_311(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROWS; i++)
        grow("version=3.11", &runs_311[i]);
}

static void test_runs_313(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROWS; i++)
        grow("version=3.13", &runs_313[i]);
}

/* 3.13 collects at the safepoint, not in the allocation. */
static void test_safepoint(void **state)
{
    (void)state;
    struct gc_stats stats[3];
    open_runtime("version=3.13,thresholds=10/10/10");
    struct object *o[20];
    for (unsigned i = 0; i < 20; i++)
        o[i] = list_new(0);
    gc_get_stats(runtime, stats);
    assert_int_equal(stats[0].collections, 0);
    thread_safepoint();
    gc_get_stats(runtime, stats);
    assert_int_equal(stats[0].collections, 1);
    for (unsigned i = 0; i < 20; i++)
        rc_dec(o[i]);
    close_runtime();
}

static void test_thresholds(void **state)
{
    (void)state;
    struct message m;
    int64_t t[3] = {1, 2, 3};
    assert_int_equal(gc_thresholds_parse("generational", "", t, &m), 0);
    assert_int_equal(t[0], 1);
    assert_int_equal(gc_thresholds_parse("generational", "7/0/2147483647", t, &m), 0);
    assert_int_equal(t[2], INT32_MAX);
    const char *bad[] = {
        "7", "7/8", "7/8/9/1", "a/1/2", "-1/2/3", "1/2/2147483648", "1/2/99999999999999999999", "//"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(gc_thresholds_parse("generational", bad[i], t, &m), -EINVAL);
        assert_non_null(strstr(m.text, bad[i]));
    }
    assert_int_equal(t[0], 7);
}

struct told {
    unsigned starts, stops;
    int generation;
    uint64_t collected;
};

static void tell(void *arg, enum gc_phase phase, int generation, uint64_t collected, uint64_t uncollectable)
{
    struct told *told = arg;
    told->starts += phase == GC_PHASE_START;
    told->stops += phase == GC_PHASE_STOP;
    told->generation = generation;
    told->collected += collected;
    assert_int_equal(uncollectable, 0);
}

static void test_callback(void **state)
{
    (void)state;
    struct told told = {0};
    open_runtime("");
    gc_set_callback(runtime, tell, &told);
    struct object *o = list_new(0);
    list_append(o, o);
    rc_dec(o);
    assert_int_equal(gc_collect(runtime, 1), 1);
    assert_int_equal(told.starts, 1);
    assert_int_equal(told.stops, 1);
    assert_int_equal(told.generation, 1);
    assert_int_equal(told.collected, 1);
    gc_set_callback(runtime, NULL, NULL);
    close_runtime();
}

static unsigned deleted;

static void count_deleted(struct object *o)
{
    (void)o;
    deleted++;
}

static void tell_uncollectable(void *arg, enum gc_phase phase, int generation, uint64_t collected,
                               uint64_t uncollectable)
{
    (void)generation, (void)collected;
    if (phase == GC_PHASE_STOP)
        *(uint64_t *)arg += uncollectable;
}

/* A legacy finaliser's ring, a tail that hangs on it, and a ring that leads to it: only the last is
 * collected. */
static void test_legacy(void **state)
{
    (void)state;
    struct gc_stats stats[3];
    struct object *const *garbage;
    uint64_t told = 0;
    open_runtime("");
    deleted = 0;
    struct type *plain = type_new_instance_type("plain", 2, 0, 0, NULL);
    struct type *legacy = type_new_instance_type("legacy", 2, 0, 0, NULL);
    type_set_del(legacy, count_deleted);
    gc_set_callback(runtime, tell_uncollectable, &told);
    struct object *a = instance_new(legacy), *b = instance_new(plain), *tail = self_referencing(plain);
    instance_set(a, 0, b);
    instance_set(b, 0, a);
    instance_set(b, 1, tail);
    struct object *before = self_referencing(plain);
    instance_set(before, 1, a);
    rc_dec(a);
    rc_dec(b);
    rc_dec(tail);
    rc_dec(before);
    rc_dec(instance_new(legacy)); /* in no cycle: dies of its count */
    assert_int_equal(deleted, 1);
    assert_int_equal(gc_collect(runtime, 2), 1 + 3);
    gc_get_stats(runtime, stats);
    assert_int_equal(stats[2].collected, 1);
    assert_int_equal(stats[2].uncollectable, 3);
    assert_int_equal(told, 3);
    assert_int_equal(gc_garbage(&garbage), 1);
    assert_ptr_equal(garbage[0], a);
    assert_int_equal(deleted, 1);
    assert_int_equal(gc_collect(runtime, 2), 0); /* alive now */
    assert_int_equal(gc_garbage_clear(runtime), 1);
    assert_int_equal(deleted, 2);
    assert_int_equal(gc_collect(runtime, 2), 1); /* the tail */
    gc_set_callback(runtime, NULL, NULL);
    rc_dec(&plain->head);
    rc_dec(&legacy->head);
    close_runtime();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_311),   cmocka_unit_test(test_runs_313), cmocka_unit_test(test_safepoint),
        cmocka_unit_test(test_thresholds), cmocka_unit_test(test_callback), cmocka_unit_test(test_legacy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
