/* incremental.c: the runs of 3.14.0 and 3.14.1, one after the other, against the arithmetic of CPython's
 * Python/gc.c: on a heap that only grows, which a root reaches as a whole, or of which no root knows. */
// policy: gil
#include "alloc/spec.h"
#include "gc/heap/heap.h"
#include "gc/runtime.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct alloc_stack stack;
static struct runtime *runtime;
static unsigned runs;

static void tell(void *arg, enum gc_phase phase, int generation, uint64_t collected, uint64_t uncollectable)
{
    (void)arg, (void)collected, (void)uncollectable;
    runs += phase == GC_PHASE_START && generation == 1;
}

static void open_runtime(const char *params)
{
    struct message m = {""};
    struct spec spec;
    static unsigned char values[PARAM_STRUCT_MAX];
    const struct collector_info *info = collector_list;
    while (strcmp(info->name, "incremental") != 0)
        info++;
    assert_int_equal(param_parse(info->params, values, "incremental", params, &m), 0);
    assert_int_equal(spec_parse(&spec, "pymalloc", &m), 0);
    assert_int_equal(alloc_open(&stack, &spec, &m), 0);
    struct runtime_config config = {
        .alloc = &stack.layer[0], .collector = info, .collector_params = values, .threads = 1};
    assert_int_equal(runtime_open(&runtime, &config, &m), 0);
    gc_set_callback(runtime, tell, NULL);
    runs = 0;
}

static void close_runtime(void)
{
    gc_set_callback(runtime, NULL, NULL);
    assert_int_equal(runtime_live_objects(runtime), 0);
    runtime_close(runtime);
    alloc_close(&stack);
}

static uint64_t collections(void)
{
    struct gc_stats stats[3];
    gc_get_stats(runtime, stats);
    return stats[1].collections;
}

struct figures {
    uint64_t marked, examined;
};

static void take_figure(void *arg, const char *key, uint64_t value)
{
    struct figures *f = arg;
    if (strcmp(key, "gc.marked") == 0)
        f->marked = value;
    if (strcmp(key, "gc.examined") == 0)
        f->examined = value;
}

static struct figures figures(void)
{
    struct figures f = {0, 0};
    struct alloc_sink sink = {.arg = &f, .integer = take_figure};
    runtime->gc.ops->report(runtime, &sink);
    return f;
}

enum { THRESHOLD = 20, RATE = 10, OBJECTS = 12000 };

/* A model of the runs. Objects lead to nothing, so that an increment grows by one at a time. */
struct model {
    bool waits, rooted; /* 3.14.1; marking reaches everything */
    bool marking;
    int64_t work, young, pending, visited;
    uint64_t collections;
    struct figures sum;
};

static void model_collect(struct model *m, int64_t share)
{
    int64_t size = m->young;
    m->young = 0;
    while (size < m->work && m->pending) {
        size++;
        m->pending--;
    }
    m->visited += size;
    m->collections++;
    m->sum.examined += (uint64_t)size;
    m->work += m->waits ? -size : share - size;
    if (m->pending)
        return;
    m->pending = m->visited;
    m->visited = 0;
    m->work = 0;
    m->marking = true;
}

static void model_run(struct model *m, int64_t fresh)
{
    int64_t share = (m->young + m->pending + m->visited) / 10 / RATE;
    int64_t most = m->waits ? 2 * fresh : fresh * 3 / 2;
    m->work += fresh + (share < most ? share : most);
    if (m->waits && m->work < 0)
        return;
    if (!m->marking) {
        model_collect(m, share);
        return;
    }
    m->marking = false;
    if (m->rooted) {
        int64_t all = m->young + m->pending;
        m->sum.marked += (uint64_t)all;
        m->work -= 2 * all;
        m->visited += all;
        m->young = m->pending = 0;
    }
}

static void compare(const struct model *m, const struct figures *before)
{
    struct figures now = figures();
    if (collections() != m->collections || now.marked != m->sum.marked ||
        now.examined - before->examined != m->sum.examined)
        fail_msg("run %u: %llu collections, %llu marked, %llu examined, not %llu, %llu, %llu", runs,
                 (unsigned long long)collections(), (unsigned long long)now.marked,
                 (unsigned long long)(now.examined - before->examined), (unsigned long long)m->collections,
                 (unsigned long long)m->sum.marked, (unsigned long long)m->sum.examined);
}

static void grow(const char *params, bool waits, bool rooted)
{
    static struct object *held[OBJECTS];
    struct model m = {.waits = waits, .rooted = rooted, .marking = true};
    open_runtime(params);
    struct type *type = type_new_instance_type("node", 1, 0, 0, NULL);
    memset(held, 0, sizeof held);
    gc_collect(runtime, 2);
    struct figures before = figures();
    if (rooted)
        heap_root_add(runtime, "held", held, OBJECTS);
    unsigned seen = runs;
    int64_t fresh = 0;
    for (unsigned i = 0; i < OBJECTS; i++) {
        held[i] = instance_new(type);
        m.young++;
        fresh++;
        thread_safepoint();
        if (fresh <= THRESHOLD)
            continue;
        assert_int_equal(runs, ++seen);
        model_run(&m, fresh);
        compare(&m, &before);
        fresh = 0;
    }
    assert_true(m.collections > 3);
    if (rooted && waits) /* linear: what is marked is paid for by new objects */
        assert_true(m.sum.marked > OBJECTS / 4 && m.sum.marked <= 3 * OBJECTS);
    if (rooted && !waits) /* quadratic: every second run marks all there is */
        assert_true(m.sum.marked > (uint64_t)OBJECTS * OBJECTS / (4 * (THRESHOLD + 2)));
    if (rooted)
        heap_root_remove(runtime, held);
    for (unsigned i = 0; i < OBJECTS; i++)
        rc_dec(held[i]);
    rc_dec(&type->head);
    close_runtime();
}

static void test_runs_3_14_0(void **state)
{
    (void)state;
    grow("version=3.14.0,thresholds=20/10/0", false, true);
    grow("version=3.14.0,thresholds=20/10/0", false, false);
}

static void test_runs_3_14_1(void **state)
{
    (void)state;
    grow("version=3.14.1,thresholds=20/10/0", true, true);
    grow("version=3.14.1,thresholds=20/10/0", true, false);
}

/* A run that was asked for comes, though what asked for it has died. */
static void test_asked_for(void **state)
{
    (void)state;
    open_runtime("version=3.14.0,thresholds=20/10/0");
    struct type *type = type_new_instance_type("node", 1, 0, 0, NULL);
    struct object *o[30];
    thread_safepoint();
    unsigned before = runs;
    for (unsigned i = 0; i < 30; i++)
        o[i] = instance_new(type);
    for (unsigned i = 0; i < 30; i++)
        rc_dec(o[i]);
    thread_safepoint();
    assert_int_equal(runs, before + 1);
    rc_dec(&type->head);
    close_runtime();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_3_14_0),
        cmocka_unit_test(test_runs_3_14_1),
        cmocka_unit_test(test_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
