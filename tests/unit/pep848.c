/* pep848.c: the rules of PEP 848's collector as its author has it, each by what is examined: the budget, turns,
 * the ring of aging spaces, work due after a young collection and after an increment, the swap, what an old
 * object leads to, full collections, thresholds, frozen objects; and the legacy mode's budget beside it. */
// policy: gil
#include "alloc/spec.h"
#include "gc/collect/gc_list.h"
#include "gc/heap/heap.h"
#include "gc/runtime.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct alloc_stack stack;
static struct runtime *runtime;
static struct type *node; /* an instance with one slot */

static void open_runtime(const char *collector, const char *params)
{
    struct message m = {""};
    struct spec spec;
    static unsigned char values[PARAM_STRUCT_MAX];
    const struct collector_info *info = collector_list;
    while (strcmp(info->name, collector) != 0)
        info++;
    assert_int_equal(param_parse(info->params, values, collector, params, &m), 0);
    assert_int_equal(spec_parse(&spec, "pymalloc", &m), 0);
    assert_int_equal(alloc_open(&stack, &spec, &m), 0);
    struct runtime_config config = {.alloc = &stack.layer[0],
                                    .collector = info,
                                    .collector_params = values,
                                    .python = python_find("3.15"),
                                    .threads = 1};
    assert_int_equal(runtime_open(&runtime, &config, &m), 0);
    node = type_new_instance_type("node", 1, 0, 0, NULL);
}

static void close_runtime(void)
{
    assert_true(gc_invariant_holds(runtime));
    rc_dec(&node->head);
    assert_int_equal(runtime_live_objects(runtime), 0);
    runtime_close(runtime);
    alloc_close(&stack);
}

/* Nothing happens by itself, and what the runtime made is out of sight: nothing is old, no work is due. */
static void open_still(const char *params)
{
    open_runtime("pep848", params);
    gc_enable(runtime, false);
    gc_freeze(runtime);
}

struct figures {
    uint64_t young, increments, full, examined, cycles;
};

static void take_figure(void *arg, const char *key, uint64_t value)
{
    struct figures *f = arg;
    if (strcmp(key, "gc.examined") == 0)
        f->examined = value;
    if (strcmp(key, "gc.cycles") == 0)
        f->cycles = value;
}

static struct figures figures(void)
{
    struct figures f = {0};
    struct gc_stats stats[3];
    struct alloc_sink sink = {.arg = &f, .integer = take_figure};
    runtime->gc.ops->report(runtime, &sink);
    gc_get_stats(runtime, stats);
    f.young = stats[0].collections;
    f.increments = stats[1].collections;
    f.full = stats[2].collections;
    return f;
}

/* How many objects a collection examines. */
static uint64_t examines(int generation)
{
    uint64_t before = figures().examined;
    gc_collect(runtime, generation);
    assert_true(gc_invariant_holds(runtime));
    return figures().examined - before;
}

enum { ROOM = 2000 };
static struct object *held[ROOM];
static unsigned held_count;

static void hold(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        held[held_count++] = instance_new(node);
}

static void drop_all(void)
{
    while (held_count)
        rc_dec(held[--held_count]);
}

static struct object *self_referencing(struct type *type)
{
    struct object *o = instance_new(type);
    instance_set(o, 0, o);
    return o;
}

/* --- the trigger ---------------------------------------------------------------------------------------- */

static int64_t node_bytes(void)
{
    return (int64_t)(GC_HEAD_BYTES + node->basic_bytes);
}

/* Allocates until a collection has run; returns the bytes it took, the last object's included. */
static int64_t bytes_to_collection(void)
{
    struct figures before = figures(), now = before;
    int64_t bytes = 0;
    while (now.young == before.young && now.increments == before.increments && now.full == before.full) {
        rc_dec(instance_new(node)); /* gross: nothing is taken off */
        bytes += node_bytes();
        thread_safepoint();
        now = figures();
        assert_true(bytes < 1 << 26);
    }
    return bytes;
}

/* The smallest sum of objects that is more than the budget. */
static int64_t over(int64_t budget)
{
    return (budget / node_bytes() + 1) * node_bytes();
}

static void test_budget(void **state)
{
    (void)state;
    open_runtime("pep848", "");
    gc_collect(runtime, 2);
    assert_int_equal(bytes_to_collection(), over(1000 * 1024));
    assert_int_equal(gc_set_thresholds(runtime, (int64_t[]){3, 10, 10}), 0);
    assert_int_equal(bytes_to_collection(), over(3 * 1024));
    for (int g = 0; g < 3; g++) { /* each explicit collection begins a new budget */
        rc_dec(instance_new(node));
        gc_collect(runtime, g);
        assert_int_equal(bytes_to_collection(), over(3 * 1024));
    }
    rc_dec(instance_new(node)); /* as new thresholds do, and freeze does not */
    assert_int_equal(gc_set_thresholds(runtime, (int64_t[]){3, 10, 10}), 0);
    assert_int_equal(runtime->gc.young, 0);
    rc_dec(instance_new(node));
    gc_freeze(runtime);
    assert_int_equal(runtime->gc.young, node_bytes());
    gc_unfreeze(runtime);
    assert_int_equal(gc_set_thresholds(runtime, (int64_t[]){0, 10, 10}), 0);
    uint64_t runs = figures().young + figures().increments;
    for (unsigned i = 0; i < 1000; i++) {
        rc_dec(instance_new(node));
        thread_safepoint();
    }
    assert_int_equal(figures().young + figures().increments, runs);
    close_runtime();
}

/* What stands before an object counts, what comes from a free list does not, nor plain objects unless all do. */
static void test_bytes(void **state)
{
    (void)state;
    for (int all = 0; all < 2; all++) {
        open_runtime("pep848", all ? "bytes=all" : "");
        struct type *weak = type_new_instance_type("weak", 1, 0, TYPE_WEAK, NULL);
        runtime->gc.young = 0;
        struct object *text = str_new_raw(1000, &(char *){NULL});
        assert_int_equal(runtime->gc.young, all ? (int64_t)object_bytes(text) : 0);
        runtime->gc.young = 0;
        rc_dec(instance_new(weak));
        assert_int_equal(runtime->gc.young, node_bytes() + 16); /* 3.15: two words before the GC head */
        struct object *list = list_new(0);
        rc_dec(list);
        runtime->gc.young = 0;
        rc_dec(list_new(0));
        assert_int_equal(runtime->gc.young, 0);
        rc_dec(text);
        rc_dec(&weak->head);
        close_runtime();
    }
}

/* --- collections by themselves, against the arithmetic of the rules ---------------------------------------- */

enum { BUDGET_KIB = 20, SPACES = 2, GROWTH = 200000 };

struct model {
    int turn;
    bool grace_kept;
    int64_t work;
    uint64_t nursery, aging[SPACES], pending, visited;
    struct figures sum;
};

static void model_swap(struct model *m)
{
    uint64_t pending = m->visited;
    m->visited = m->pending;
    m->pending = pending;
    m->sum.cycles += pending > 0;
}

/* Objects lead to nothing, so each is a closure. */
static void model_increment(struct model *m)
{
    m->sum.increments++;
    if (m->grace_kept && !m->pending && !m->visited)
        return;
    if (!m->pending)
        model_swap(m);
    uint64_t n = m->work > 0 ? (uint64_t)m->work : 0;
    n = n < m->pending ? n : m->pending;
    m->pending -= n;
    m->visited += n;
    m->sum.examined += n;
    m->work -= (int64_t)n;
    if (!m->pending) {
        model_swap(m);
        m->work = 0;
    }
}

static void model_young(struct model *m)
{
    m->sum.young++;
    m->sum.examined += m->aging[0];
    m->visited += m->aging[0];
    m->work += (int64_t)m->aging[0];
    m->aging[0] = m->aging[1];
    m->aging[1] = m->nursery;
    m->nursery = 0;
}

static void grow(const char *params, int first, bool grace_kept)
{
    static struct object *heap[GROWTH];
    open_runtime("pep848", params);
    struct model m = {.turn = first, .grace_kept = grace_kept, .work = -100000};
    m.nursery = (uint64_t)runtime->gc.tracked;
    int64_t bytes = runtime->gc.young;
    for (unsigned i = 0; i < GROWTH; i++) {
        heap[i] = instance_new(node);
        m.nursery++;
        bytes += node_bytes();
        thread_safepoint();
        if (bytes > BUDGET_KIB * 1024) {
            bytes = 0;
            if (m.turn)
                model_increment(&m);
            else
                model_young(&m);
            m.turn ^= 1;
            struct figures now = figures();
            assert_true(now.young % 8 || gc_invariant_holds(runtime));
            if (memcmp(&now, &m.sum, sizeof now) != 0)
                fail_msg(
                    "%s, object %u: young %llu/%llu increments %llu/%llu examined %llu/%llu cycles %llu/%llu",
                    params, i, (unsigned long long)now.young, (unsigned long long)m.sum.young,
                    (unsigned long long)now.increments, (unsigned long long)m.sum.increments,
                    (unsigned long long)now.examined, (unsigned long long)m.sum.examined,
                    (unsigned long long)now.cycles, (unsigned long long)m.sum.cycles);
        }
    }
    assert_true(m.sum.cycles > (grace_kept ? 1 : 2) && m.sum.young > 100);
    for (unsigned i = 0; i < GROWTH; i++)
        rc_dec(heap[i]);
    close_runtime();
}

static void test_growth(void **state)
{
    (void)state;
    grow("thresholds=20/4/0", 0, false);
    grow("thresholds=20/3/0", 0, false); /* rounded up */
    grow("thresholds=20/4/0,first=increment", 1, false);
    grow("thresholds=20/4/0,grace=kept", 0, true);
}

/* An explicit collection is no turn. */
static void test_turns(void **state)
{
    (void)state;
    open_runtime("pep848", "thresholds=1/10/10");
    struct figures start = figures();
    for (int g = 0; g < 3; g++)
        gc_collect(runtime, g);
    for (unsigned i = 0; i < 6; i++) {
        struct figures before = figures();
        bytes_to_collection();
        assert_int_equal(figures().young - before.young, i % 2 == 0);
        assert_int_equal(figures().increments - before.increments, i % 2 == 1);
        gc_collect(runtime, 0);
    }
    assert_int_equal(figures().young - start.young, 1 + 3 + 6);
    close_runtime();
}

/* --- young collections ---------------------------------------------------------------------------------- */

/* A nursery is examined when it has gone round the ring, and stays by itself until then. */
static void test_aging(void **state)
{
    (void)state;
    static const struct {
        const char *params;
        unsigned spaces;
    } rows[] = {{"", 5}, {"thresholds=1/3/0", 2}, {"thresholds=1/2/0", 1}, {"thresholds=1/0/0", 1}};
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        open_still(rows[row].params);
        for (unsigned i = 0; i < 12; i++) {
            hold(i + 1);
            assert_int_equal(examines(0), i < rows[row].spaces ? 0 : i - rows[row].spaces + 1);
        }
        drop_all();
        close_runtime();
    }
}

static unsigned revived;
static struct object *revived_object[8];
static void revive(struct object *o)
{
    rc_inc(o);
    revived_object[revived++] = o;
}

/* Work due grows by what was examined less what was unreachable: what a finaliser brings back does not count,
 * a tuple that is untracked does. */
static void test_work_of_young(void **state)
{
    (void)state;
    open_still("thresholds=1/1/0");
    struct type *phoenix = type_new_instance_type("phoenix", 1, 0, 0, revive);
    struct object *tuple[5];
    hold(1000);
    examines(2);
    revived = 0;
    hold(10);
    for (unsigned i = 0; i < 6; i++)
        rc_dec(self_referencing(node));
    for (unsigned i = 0; i < 3; i++)
        rc_dec(self_referencing(phoenix));
    for (unsigned i = 0; i < 5; i++) {
        tuple[i] = tuple_new(1);
        tuple_init_item(tuple[i], 0, int_new(7));
    }
    assert_int_equal(examines(0), 0);
    assert_int_equal(examines(0), 10 + 6 + 3 + 5);
    assert_int_equal(revived, 3);
    for (unsigned i = 0; i < 5; i++)
        assert_false(gc_is_tracked(tuple[i]));
    assert_int_equal(examines(1), 15);
    assert_int_equal(examines(1), 0);
    for (unsigned i = 0; i < 5; i++)
        rc_dec(tuple[i]);
    for (unsigned i = 0; i < 3; i++) {
        instance_set(revived_object[i], 0, NULL);
        rc_dec(revived_object[i]);
    }
    rc_dec(&phoenix->head);
    drop_all();
    close_runtime();
}

/* --- increments ----------------------------------------------------------------------------------------- */

/* As many survivors as that make as much work due (thresholds 1/1/0). */
static void make_work(unsigned count)
{
    assert_int_equal(examines(0), 0);
    hold(count);
    assert_int_equal(examines(0), 0);
    assert_int_equal(examines(0), count);
}

static void work_of_increment(const char *params, unsigned due)
{
    open_still(params);
    struct object *dead[8];
    for (unsigned i = 0; i < 8; i++)
        dead[i] = self_referencing(node);
    hold(1000);
    examines(2);
    for (unsigned i = 0; i < 8; i++)
        rc_dec(dead[i]);
    assert_int_equal(examines(1), 0); /* nothing is due, but it is a collection */
    assert_int_equal(figures().increments, 1);
    make_work(10);
    assert_int_equal(examines(1), 10); /* the 8 dead, and 2 that live */
    assert_int_equal(examines(1), due);
    assert_int_equal(examines(1), 0);
    drop_all();
    close_runtime();
}

/* What was examined is taken off, the dead too, and twice the garbage added, when the increment is over. */
static void test_work_of_increment(void **state)
{
    (void)state;
    work_of_increment("thresholds=1/1/0", 10 - 10 + 2 * 8);
    work_of_increment("thresholds=1/1/0,work=survivors", 10 - 2 + 2 * 8);
}

static void fill_free_lists(void)
{
    rc_dec(list_new(0));
    assert_true(freelist_count(&runtime->freelists) > 0);
}

/* An increment that empties pending swaps, leaves no work due, and empties the free lists. */
static void test_swap(void **state)
{
    (void)state;
    open_still("thresholds=1/1/0");
    hold(20);
    examines(2);
    make_work(5);
    uint64_t cycles = figures().cycles;
    fill_free_lists();
    assert_int_equal(examines(1), 5); /* of 25 */
    assert_int_equal(figures().cycles, cycles + 1);
    assert_true(freelist_count(&runtime->freelists) > 0);
    make_work(50);
    assert_int_equal(examines(1), 20);
    assert_int_equal(figures().cycles, cycles + 2);
    assert_int_equal(freelist_count(&runtime->freelists), 0);
    assert_int_equal(examines(1), 0); /* 30 were left */
    make_work(200);
    assert_int_equal(examines(1), 75); /* all that was visited, and not the 200 */
    drop_all();
    close_runtime();
}

/* A closure is examined whole, and by itself: what is over the work due is a debt. */
static void test_closure(void **state)
{
    (void)state;
    open_still("thresholds=1/1/0");
    struct object *chain[30];
    for (unsigned i = 0; i < 30; i++) {
        chain[i] = instance_new(node);
        if (i)
            instance_set(chain[i - 1], 0, chain[i]);
    }
    hold(100);
    examines(2);
    make_work(10);
    assert_int_equal(examines(1), 30);
    make_work(15);
    assert_int_equal(examines(1), 0);
    make_work(12);
    assert_int_equal(examines(1), 7);
    for (unsigned i = 0; i < 30; i++)
        rc_dec(chain[i]);
    drop_all();
    close_runtime();
}

static bool is_in_old_1(struct object *o)
{
    return gc_head_of(o)->next & GC_NEXT_SPACE;
}

static void closures_of_cycles(const char *params, bool draws)
{
    open_still(params);
    struct object *first = instance_new(node);
    hold(10);
    examines(2);
    make_work(1);
    struct object *young = instance_new(node);
    instance_set(first, 0, young);
    assert_int_equal(examines(1), 1 + draws); /* old[0] is pending: young objects look as if they were */
    assert_true(is_in_old_1(first));
    assert_int_equal(is_in_old_1(young), draws);
    instance_set(first, 0, NULL);
    rc_dec(young);
    make_work(100);
    uint64_t cycles = figures().cycles;
    examines(1);
    assert_int_equal(figures().cycles, cycles + 1);
    make_work(1);
    struct object *other = instance_new(node);
    instance_set(first, 0, other);
    assert_int_equal(examines(1), 1); /* old[1] is pending: they do not */
    assert_false(is_in_old_1(first));
    assert_false(is_in_old_1(other));
    rc_dec(other);
    rc_dec(first);
    drop_all();
    close_runtime();
}

static void test_tags(void **state)
{
    (void)state;
    closures_of_cycles("thresholds=1/1/0", true);
    closures_of_cycles("thresholds=1/1/0,closure=old", false);
}

/* --- full collections, thresholds, frozen objects --------------------------------------------------------- */

static void test_full(void **state)
{
    (void)state;
    open_still("thresholds=1/3/0");
    hold(20);
    examines(2);
    for (unsigned i = 0; i < 3; i++) { /* in nursery, both aging spaces, and visited */
        hold(7);
        examines(0);
    }
    hold(7);
    fill_free_lists();
    assert_int_equal(examines(2), 20 + 4 * 7);
    assert_int_equal(freelist_count(&runtime->freelists), 0);
    assert_int_equal(examines(1), 0); /* the 7 that were due are not any more */
    assert_int_equal(examines(0), 0);
    drop_all();
    close_runtime();
}

static void set_few_spaces(struct object *o)
{
    (void)o;
    assert_int_equal(gc_set_thresholds(runtime, (int64_t[]){1, 1, 0}), 0);
}

/* Whatever the number of spaces becomes, all that is aging is in the oldest. */
static void test_resize(void **state)
{
    (void)state;
    static const int64_t threshold_1[] = {1, 3, 20, 0};
    for (size_t row = 0; row < sizeof threshold_1 / sizeof *threshold_1; row++) {
        open_still("");
        for (unsigned i = 0; i < 3; i++) {
            hold(4);
            examines(0);
        }
        assert_int_equal(gc_set_thresholds(runtime, (int64_t[]){1, threshold_1[row], 0}), 0);
        hold(100);
        assert_int_equal(examines(0), 3 * 4);
        drop_all();
        close_runtime();
    }
    open_still("");
    assert_int_equal(gc_set_thresholds(runtime, (int64_t[]){1, 131072, 0}), 0);
    assert_int_equal(gc_set_thresholds(runtime, (int64_t[]){1, 131073, 0}), -EINVAL);
    close_runtime();
}

/* Thresholds that a finaliser sets hold from the end of the collection on. */
static void test_resize_within(void **state)
{
    (void)state;
    open_still("");
    struct type *setter = type_new_instance_type("setter", 1, 0, 0, set_few_spaces);
    examines(0); /* so that it is not the first place in the ring that is collected */
    rc_dec(self_referencing(setter));
    for (unsigned i = 0; i < 5; i++) {
        examines(0);
        hold(4);
    }
    assert_int_equal(examines(0), 1); /* the four nurseries of 4 before it, and this one, are the ring */
    assert_int_equal(examines(0), 5 * 4);
    rc_dec(&setter->head);
    drop_all();
    close_runtime();
}

/* No closure draws a frozen object in, nothing is due after, and what is unfrozen is visited. */
static void test_freeze(void **state)
{
    (void)state;
    open_still("thresholds=1/1/0");
    hold(20);
    examines(2);
    make_work(5);
    gc_freeze(runtime);
    gc_unfreeze(runtime);
    assert_int_equal(examines(1), 0);
    gc_freeze(runtime);
    assert_true(gc_invariant_holds(runtime));
    struct object *first = instance_new(node);
    instance_set(first, 0, held[0]);
    examines(2);
    make_work(1);
    assert_int_equal(examines(1), 1); /* a cycle in which young objects would be drawn in */
    gc_unfreeze(runtime);
    assert_true(gc_invariant_holds(runtime));
    assert_true(is_in_old_1(held[0]));
    make_work(100);
    assert_int_equal(examines(1), 1); /* what was pending before */
    rc_dec(first);
    drop_all();
    close_runtime();
}

/* --- the legacy mode ------------------------------------------------------------------------------------ */

static void test_legacy_budget(void **state)
{
    (void)state;
    open_runtime("generational", "trigger=bytes");
    gc_collect(runtime, 2);
    assert_int_equal(bytes_to_collection(), over(1000 * 1024));
    assert_int_equal(gc_set_thresholds(runtime, (int64_t[]){3, 10, 10}), 0);
    assert_int_equal(bytes_to_collection(), over(3 * 1024));
    rc_dec(instance_new(node));
    gc_freeze(runtime);
    assert_int_equal(runtime->gc.young, node_bytes());
    gc_unfreeze(runtime);
    assert_int_equal(gc_set_thresholds(runtime, (int64_t[]){3, 10, 10}), 0);
    assert_int_equal(runtime->gc.young, 0);
    close_runtime();
    open_runtime("generational",
                 "version=3.11,trigger=bytes,thresholds=1/10/10"); /* at safepoints all the same */
    for (unsigned i = 0; i < 100; i++)
        rc_dec(instance_new(node));
    assert_int_equal(figures().young, 0);
    thread_safepoint();
    assert_int_equal(figures().young, 1);
    close_runtime();
}

/* The budget makes a collection due; which one, the counts of collections and the quarter say. */
static void test_legacy_generations(void **state)
{
    (void)state;
    static struct object *heap[GROWTH];
    open_runtime("generational", "trigger=bytes,thresholds=20/4/3");
    gc_collect(runtime, 2);
    struct figures sum = figures();
    uint64_t total = (uint64_t)runtime->gc.tracked, pending = 0, young = 0, middle = 0;
    unsigned count[2] = {0, 0};
    int64_t bytes = 0;
    for (unsigned i = 0; i < GROWTH; i++) {
        heap[i] = instance_new(node);
        young++;
        bytes += node_bytes();
        thread_safepoint();
        if (bytes <= 20 * 1024)
            continue;
        bytes = 0;
        if (count[1] > 3 && pending >= total / 4) {
            sum.full++;
            total = (uint64_t)runtime->gc.tracked;
            pending = middle = count[0] = count[1] = 0;
        } else if (count[0] > 4) {
            sum.increments++;
            count[0] = 0;
            count[1]++;
            pending += middle + young;
            middle = 0;
        } else {
            sum.young++;
            count[0]++;
            middle += young;
        }
        young = 0;
        sum.examined = figures().examined;
        struct figures now = figures();
        assert_memory_equal(&now, &sum, sizeof now);
    }
    assert_true(sum.full > 2 && sum.increments > 20);
    for (unsigned i = 0; i < GROWTH; i++)
        rc_dec(heap[i]);
    close_runtime();
}

/* A tuple that is untracked has survived, for the quarter. */
static void test_legacy_tuples(void **state)
{
    (void)state;
    static const char *const params[] = {"trigger=bytes,thresholds=20/1000/10",
                                         "version=3.13,thresholds=500/1000/10"};
    for (int objects = 0; objects < 2; objects++) {
        struct object *tuple[300];
        open_runtime("generational", params[objects]);
        hold(1000);
        gc_collect(runtime, 2);
        for (unsigned i = 0; i < 300; i++) {
            tuple[i] = tuple_new(1);
            tuple_init_item(tuple[i], 0, int_new(7));
        }
        for (unsigned i = 0; i < 11; i++)
            gc_collect(runtime, 1);
        struct figures before = figures();
        while (figures().young == before.young && figures().full == before.full) {
            hold(1);
            thread_safepoint();
        }
        assert_int_equal(figures().full - before.full, !objects);
        for (unsigned i = 0; i < 300; i++)
            rc_dec(tuple[i]);
        drop_all();
        close_runtime();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_aging),
        cmocka_unit_test(test_work_of_young),
        cmocka_unit_test(test_work_of_increment),
        cmocka_unit_test(test_swap),
        cmocka_unit_test(test_closure),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_resize_within),
        cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_legacy_budget),
        cmocka_unit_test(test_legacy_generations),
        cmocka_unit_test(test_legacy_tuples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
