/* plan.c: from settings to cells, and from cells to the order of samples. */
// links: $(filter-out bench/cmd/%,$(FRONT_C)) $(STAT_C) $(FORMAT_C) $(ALLOC_C)
#include "bench/plan/plan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BLOCKS 40

static struct place *places;
static struct settings settings;
static struct message m;

static void set(const char *workload, const char *alloc, const char *threads)
{
    settings_defaults(&settings, IN_SECTION);
    strcpy(settings.workload, workload);
    strcpy(settings.alloc, alloc);
    strcpy(settings.threads, threads);
    strcpy(settings.baseline, "system");
}

static void add(struct plan *p)
{
    struct baseline b;
    unsigned first = p->cells;
    assert_int_equal(plan_add(p, &settings, true, places, &m), 0);
    assert_int_equal(baseline_parse(&b, settings.baseline, "baseline", &m), 0);
    plan_mark_baseline(p, first, &b);
}

/* churn on three allocators with 1 and with 2 threads, system twice a block; cycles on two collectors. */
static void make(struct plan *p)
{
    memset(p, 0, sizeof *p);
    set("churn:ops=1k", "system,pools,bump", "1,2");
    add(p);
    set("cycles:ops=1k", "pools", "1");
    strcpy(settings.gc, "none,generational");
    strcpy(settings.baseline, "gc=none");
    settings.oracle = 10;
    add(p);
    assert_int_equal(p->groups, 3);
    assert_int_equal(p->cells, 8);
}

static void axes_are_multiplied_out(void **state)
{
    (void)state;
    struct plan p = {0};
    set("cycles:ops=1k", "pools,system", "1,2");
    strcpy(settings.rc, "gil,biased");
    strcpy(settings.gc, "none");
    strcpy(settings.processes, "1,2");
    add(&p);
    assert_int_equal(p.cells, 2 * 2 * 4);
    assert_int_equal(p.groups, 4);
    for (unsigned c = 0; c < p.cells; c++) {
        const struct plan_cell *k = &p.cell[c];
        assert_int_equal(k->baseline, strcmp(k->cell.alloc.text, "system") == 0);
        assert_string_equal(k->settings->workload, settings.workload);
        for (unsigned d = 0; d < c; d++) {
            const struct cell *x = &k->cell, *y = &p.cell[d].cell;
            assert_string_not_equal(x->id, y->id);
            assert_int_equal(k->group == p.cell[d].group,
                             x->threads == y->threads && x->processes == y->processes);
        }
    }
    plan_free(&p);
}

/* With other variables it is another configuration, which the rules of baselines know apart. */
static void braces_make_configurations(void **state)
{
    (void)state;
    struct plan p = {0};
    set("churn:ops=1k", "preload:x.so{A=\"1,2\",as=one}, system{A=1}, preload:x.so{as=two}, system", "1,2");
    add(&p);
    assert_int_equal(p.cells, 8);
    for (unsigned c = 0; c < p.cells; c++)
        assert_int_equal(p.cell[c].baseline, strcmp(p.cell[c].cell.config.text, "system") == 0);
    static const char *const baselines[] = {"one", "alloc=preload:x.so{as=one,A=\"1,2\"}"};
    for (unsigned i = 0; i < 2; i++) {
        struct baseline b;
        assert_int_equal(baseline_parse(&b, baselines[i], "baseline", &m), 0);
        for (unsigned c = 0; c < p.cells; c++)
            p.cell[c].baseline = false;
        assert_int_equal(plan_mark_baseline(&p, 0, &b), 2);
        for (unsigned c = 0; c < p.cells; c++)
            assert_int_equal(p.cell[c].baseline, strcmp(p.cell[c].cell.config.name, "one") == 0);
    }
    /* system under another name is measured against system, or the second name against the first. */
    static const char *const again[] = {"pools,system{as=x},system", "pools,system{as=x},system{as=y}"};
    for (unsigned i = 0; i < 2; i++) {
        struct plan q = {0};
        set("churn:ops=1k", again[i], "1");
        assert_int_equal(plan_add(&q, &settings, true, places, &m), 0);
        plan_mark_baseline(&q, 0, NULL);
        for (unsigned c = 0; c < 3; c++)
            assert_int_equal(q.cell[c].baseline, c == 2 - i);
        plan_free(&q);
    }
    /* What stands twice is there twice. */
    struct plan twice = {0};
    set("churn:ops=1k",
        "system{B=1,A=2}, preload:./a/x.so, system{A=2, B=1}, preload:./a/x.so,preload:./a/x.so", "1");
    add(&twice);
    static const char *const names[] = {"system{A=2,B=1}", "preload:./a/x.so", "system-2", "x.so-2",
                                        "x.so-3"};
    assert_int_equal(twice.cells, 5);
    for (unsigned c = 0; c < 5; c++)
        assert_string_equal(twice.cell[c].cell.config.name, names[c]);
    assert_string_equal(twice.cell[4].cell.config.text, "preload:./a/x.so{as=x.so-3}");
    plan_free(&twice);
    set("larson:ops=1k", "preload:x.so{as=two},pools,preload:x.so{as=two}", "1");
    assert_int_equal(plan_add(&p, &settings, true, places, &m), -EINVAL);
    assert_non_null(strstr(m.text, "preload:x.so{as=two} stands twice"));
    /* The same name for the same again, in another section, is right; for anything else it is not. */
    set("larson:ops=1k", "preload:x.so{as=two}", "1");
    add(&p);
    set("larson:ops=1k", "preload:y.so{as=two}", "1");
    assert_int_equal(plan_add(&p, &settings, true, places, &m), -EINVAL);
    assert_non_null(strstr(m.text, "'two'"));
    assert_non_null(strstr(m.text, "preload:y.so{as=two}"));
    set("larson:ops=1k", "pools{as=system}", "1");
    assert_int_equal(plan_add(&p, &settings, true, places, &m), -EINVAL);
    plan_free(&p);
}

static void parallel_is_one_group(void **state)
{
    (void)state;
    struct plan p = {0};
    set("private:ops=1k", "pools", "1");
    strcpy(settings.parallel, "1x1,2x1,1x2");
    add(&p);
    assert_int_equal(p.cells, 3);
    assert_int_equal(p.groups, 1);
    assert_int_equal(p.cell[1].cell.threads, 2);
    assert_int_equal(p.cell[2].cell.processes, 2);
    strcpy(settings.threads, "2");
    assert_int_equal(plan_add(&p, &settings, true, places, &m), -EINVAL);
    assert_non_null(strstr(m.text, "leave out threads and processes"));
    set("churn", "pools", "1");
    strcpy(settings.parallel, "1x2");
    assert_int_equal(plan_add(&p, &settings, true, places, &m), -EINVAL);
    assert_non_null(strstr(m.text, "only object workloads divide it"));
    plan_free(&p);
}

static void what_cannot_work_is_an_error_or_a_cell(void **state)
{
    (void)state;
    struct plan p = {0};
    set("churn", "pymalloc", "2");
    assert_int_equal(plan_add(&p, &settings, false, places, &m), -ENOTSUP);
    assert_int_equal(p.cells, 0);
    add(&p);
    assert_int_equal(p.cells, 1);
    assert_non_null(strstr(p.cell[0].refused, "locked(pymalloc)"));
    set("churn", "pools", "0");
    assert_int_equal(plan_add(&p, &settings, false, places, &m), -EINVAL);
    assert_non_null(strstr(m.text, "--threads"));
    assert_int_equal(plan_add(&p, &settings, true, places, &m), -EINVAL);
    assert_null(strstr(m.text, "--"));
    plan_free(&p);
}

static void the_same_seed_is_the_same_plan(void **state)
{
    (void)state;
    struct plan p, q;
    make(&p);
    make(&q);
    assert_int_equal(plan_order(&p, BLOCKS, 7, 0, 1), 0);
    assert_int_equal(plan_order(&q, BLOCKS, 7, 0, 1), 0);
    assert_int_equal(p.samples, q.samples);
    for (size_t i = 0; i < p.samples; i++) {
        assert_int_equal(p.sample[i].cell, q.sample[i].cell);
        assert_int_equal(p.sample[i].seed, q.sample[i].seed);
    }
    free(q.sample);
    assert_int_equal(plan_order(&q, BLOCKS, 8, 0, 1), 0);
    unsigned same = 0;
    for (size_t i = 0; i < p.samples; i++)
        same += p.sample[i].cell == q.sample[i].cell && p.sample[i].seed == q.sample[i].seed;
    assert_int_equal(same, 0); /* of 48-bit seeds */
    plan_free(&p);
    plan_free(&q);
}

static void a_block_has_each_cell_once_and_the_baseline_twice(void **state)
{
    (void)state;
    struct plan p;
    make(&p);
    assert_int_equal(plan_order(&p, BLOCKS, 1, 0, 1), 0);
    unsigned per_block = p.cells + 3, i = 0; /* a baseline a group */
    for (unsigned b = 0; b < BLOCKS; b++) {
        unsigned times[8] = {0};
        for (unsigned position = 0; position < per_block; position++, i++) {
            const struct plan_sample *s = &p.sample[i];
            assert_int_equal(s->block, b);
            assert_int_equal(s->position, position);
            assert_false(s->oracle);
            times[s->cell]++;
            /* A group stands together, and does the same work. */
            if (position && p.cell[s->cell].group == p.cell[s[-1].cell].group)
                assert_int_equal(s->seed, s[-1].seed);
            else if (position)
                assert_int_not_equal(s->seed, s[-1].seed);
        }
        for (unsigned c = 0; c < p.cells; c++)
            assert_int_equal(times[c], 1 + p.cell[c].baseline);
    }
    plan_free(&p);
}

/* Every cell of a group of three (four with the second baseline) is first in some block, about as often as
 * another; so is every group. */
static void blocks_are_shuffled(void **state)
{
    (void)state;
    struct plan p;
    make(&p);
    assert_int_equal(plan_order(&p, 400, 1, 0, 1), 0);
    unsigned first_group[3] = {0}, first_cell[8] = {0};
    for (size_t i = 0; i < p.samples && !p.sample[i].oracle; i++) {
        const struct plan_sample *s = &p.sample[i];
        unsigned group = p.cell[s->cell].group;
        if (s->position == 0)
            first_group[group]++;
        if (s->position == 0 || p.cell[s[-1].cell].group != group)
            first_cell[s->cell]++;
    }
    for (unsigned g = 0; g < 3; g++) /* 133 each; 5 standard deviations are 47 */
        assert_in_range(first_group[g], 86, 180);
    for (unsigned c = 0; c < p.cells; c++) {
        unsigned members = p.cell[c].group == 2 ? 3 : 4, mean = 400 * (1 + p.cell[c].baseline) / members;
        assert_in_range(first_cell[c], mean - 50, mean + 50);
    }
    plan_free(&p);
}

static void shards_divide_the_samples_and_keep_their_places(void **state)
{
    (void)state;
    struct plan p;
    make(&p);
    assert_int_equal(plan_order(&p, 4, 3, 0, 1), 0);
    struct plan_sample *whole = p.sample;
    size_t samples = p.samples, found = 0;
    for (unsigned shard = 0; shard < 2; shard++) {
        assert_int_equal(plan_order(&p, 4, 3, shard, 2), 0);
        size_t at = 0;
        for (size_t i = 0; i < p.samples; i++, found++) {
            assert_int_equal(p.cell[p.sample[i].cell].group % 2, shard);
            while (at < samples && memcmp(&whole[at], &p.sample[i], sizeof *whole) != 0)
                at++;
            assert_true(at < samples);
        }
        free(p.sample);
        p.sample = NULL;
    }
    assert_int_equal(found, samples);
    free(whole);
    plan_free(&p);
}

static void oracle_samples_come_last_and_do_the_work_of_block_0(void **state)
{
    (void)state;
    struct plan p;
    make(&p);
    assert_int_equal(plan_order(&p, 2, 1, 0, 1), 0);
    unsigned oracles = 0;
    uint64_t seed = 0;
    for (size_t i = 0; i < p.samples; i++) {
        const struct plan_sample *s = &p.sample[i];
        if (s->block == 0 && p.cell[s->cell].group == 2)
            seed = s->seed;
        if (!s->oracle)
            continue;
        assert_true(i >= p.samples - 2);
        assert_int_equal(s->block, 2);
        assert_int_equal(s->position, oracles++);
        assert_int_equal(p.cell[s->cell].settings->oracle, 10);
        assert_int_equal(s->seed, seed);
    }
    assert_int_equal(oracles, 2); /* of the object cells alone */
    plan_free(&p);
}

static void a_refused_cell_has_no_second_arm_and_no_oracle(void **state)
{
    (void)state;
    struct plan p = {0};
    set("churn", "pymalloc,pools", "2");
    strcpy(settings.baseline, "pymalloc");
    add(&p);
    set("cycles", "null", "1");
    settings.oracle = 5;
    add(&p);
    assert_int_equal(plan_order(&p, 1, 1, 0, 1), 0);
    assert_int_equal(p.samples, 3);
    plan_free(&p);
}

static int open_places(void **state)
{
    (void)state;
    setenv("HWLOC_SYNTHETIC", "pack:1 core:2 pu:1", 1);
    return place_open(&places, &m);
}

static int close_places(void **state)
{
    (void)state;
    place_close(places);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_are_multiplied_out),
        cmocka_unit_test(braces_make_configurations),
        cmocka_unit_test(parallel_is_one_group),
        cmocka_unit_test(what_cannot_work_is_an_error_or_a_cell),
        cmocka_unit_test(the_same_seed_is_the_same_plan),
        cmocka_unit_test(a_block_has_each_cell_once_and_the_baseline_twice),
        cmocka_unit_test(blocks_are_shuffled),
        cmocka_unit_test(shards_divide_the_samples_and_keep_their_places),
        cmocka_unit_test(oracle_samples_come_last_and_do_the_work_of_block_0),
        cmocka_unit_test(a_refused_cell_has_no_second_arm_and_no_oracle),
    };
    return cmocka_run_group_tests(tests, open_places, close_places);
}
