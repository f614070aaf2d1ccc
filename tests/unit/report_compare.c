// links: $(filter-out bench/cmd/%,$(FRONT_C)) $(STAT_C) $(FORMAT_C) $(ALLOC_C)
/* bench/report/compare.c and noise.c: what is compared with what, by block, and how far to believe it. */
#include "bench/report/noise.h"
#include "report_samples.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka wants the above first
#include <cmocka.h>

#define RATE (report_metric_of(KEY_ops_per_s))

static const struct report_cell *cell(const struct report_data *d, const char *alloc, const char *rc)
{
    for (size_t i = 0; i < d->cells; i++)
        if (strcmp(d->cell[i].alloc, alloc) == 0 && strcmp(d->cell[i].rc, rc) == 0)
            return &d->cell[i];
    return NULL;
}

/* Eight blocks: the machine is faster in each; pools takes 1.25 of the other's rate in all. */
static void fill(struct made *m, const char *first, bool doubled)
{
    for (int block = 0; block < 8; block++) {
        double machine = 100 * (1 + block);
        made_add(m, first, "none", 1, block, machine);
        if (doubled)
            made_add(m, first, "none", 1, block, machine);
        made_add(m, "pools", "none", 1, block, 1.25 * machine);
    }
}

static void test_paired_by_block(void **state)
{
    (void)state;
    struct made m = {.count = 0};
    struct report_data d;
    struct report_comparisons c;
    struct baseline none = {.chosen = false};
    fill(&m, "mimalloc", true);
    made_add(&m, "pools", "none", 1, 9, 1); /* a block that the other has not */
    sample_set(m.sample[2], ops_per_s, 0);  /* no ratio of 0: its block is left out */
    assert_int_equal(report_data_make(&d, m.sample, m.count), 0);
    assert_int_equal(report_compare(&c, &d, &none, RATE), 0);
    assert_int_equal(c.rows, 2);
    assert_int_equal(c.tested, 1);
    const struct report_comparison *aa = &c.row[0], *row = report_row_of(&c, cell(&d, "pools", "none"));
    assert_true(aa->control && aa->cell == aa->base && aa->n == 8);
    assert_float_equal(aa->log_ratio.estimate, 0, 1e-12);
    assert_non_null(row);
    assert_ptr_equal(row->base, cell(&d, "mimalloc", "none")); /* which ran twice */
    assert_int_equal(row->n, 7);
    assert_int_equal(row->skipped, 1);
    for (size_t i = 0; i < row->n; i++)
        assert_float_equal(row->d[i], log(1.25), 1e-12);
    assert_string_equal(report_verdict(&c, row), "faster");
    assert_null(report_row_of(&c, cell(&d, "mimalloc", "none")));
    size_t blocks;
    struct stats_interval level = report_level(cell(&d, "mimalloc", "none"), RATE, &blocks);
    assert_int_equal(blocks, 8);
    assert_true(level.lo <= level.estimate && level.estimate <= level.hi);
    report_comparisons_free(&c);
    report_data_free(&d);
    made_free(&m);
}

static void test_baselines(void **state)
{
    (void)state;
    struct made m = {.count = 0};
    struct report_data d;
    struct message message;
    struct baseline b;
    for (int block = 0; block < 2; block++) {
        made_add(&m, "pools", "gil", 1, block, 1);
        made_add(&m, "pools", "atomic", 1, block, 2);
        made_add(&m, "system", "gil", 1, block, 3);
        made_add(&m, "system", "atomic", 1, block, 4);
    }
    assert_int_equal(report_data_make(&d, m.sample, m.count), 0);
    const struct report_cell *pg = cell(&d, "pools", "gil"), *pa = cell(&d, "pools", "atomic"),
                             *sg = cell(&d, "system", "gil"), *sa = cell(&d, "system", "atomic");
    memset(&b, 0, sizeof b);
    assert_ptr_equal(report_base_of(&d, pg, &b), sg); /* system, of the same policy */
    assert_ptr_equal(report_base_of(&d, pa, &b), sa);
    assert_int_equal(baseline_parse(&b, "rc=atomic", "b", &message), 0);
    b.chosen = true;
    assert_ptr_equal(report_base_of(&d, pg, &b), pa);
    assert_ptr_equal(report_base_of(&d, sg, &b), sa);
    assert_int_equal(report_baseline_there(&d, &b, &message), 0);
    assert_int_equal(baseline_parse(&b, "alloc=bump", "b", &message), 0);
    b.chosen = true;
    assert_null(report_base_of(&d, pg, &b));
    assert_int_equal(report_baseline_there(&d, &b, &message), -EINVAL);
    assert_non_null(strstr(message.text, "pools atomic none"));
    b.chosen = false; /* what the run names, and a work has not: by the rule */
    assert_ptr_equal(report_base_of(&d, pg, &b), sg);
    report_data_free(&d);
    made_free(&m);
    /* One allocator: its name tells nothing apart, the first is what the others are compared with. */
    made_add(&m, "system", "gil", 1, 0, 1);
    made_add(&m, "system", "atomic", 1, 0, 2);
    memset(&b, 0, sizeof b);
    assert_int_equal(report_data_make(&d, m.sample, m.count), 0);
    assert_ptr_equal(report_base_of(&d, &d.cell[1], &b), &d.cell[0]);
    report_data_free(&d);
    made_free(&m);
}

static void test_two_runs(void **state)
{
    (void)state;
    struct made then = {.count = 0}, now = {.count = 0};
    struct report_data a, b;
    struct report_comparisons c;
    fill(&then, "system", false);
    fill(&now, "system", false);
    for (size_t i = 0; i < now.count; i++)
        now.sample[i]->ops_per_s *= 0.5;
    made_add(&now, "bump", "none", 1, 0, 1); /* which the earlier run has not */
    assert_int_equal(report_data_make(&a, then.sample, then.count), 0);
    assert_int_equal(report_data_make(&b, now.sample, now.count), 0);
    assert_int_equal(report_compare_runs(&c, &a, &b, RATE), 0);
    assert_int_equal(c.rows, 2);
    for (size_t i = 0; i < c.rows; i++) {
        assert_float_equal(c.row[i].log_ratio.estimate, log(0.5), 1e-12);
        assert_string_equal(c.row[i].cell->alloc, c.row[i].base->alloc);
        assert_string_equal(report_verdict(&c, &c.row[i]), "slower");
    }
    report_comparisons_free(&c);
    report_data_free(&a);
    report_data_free(&b);
    made_free(&then);
    made_free(&now);
}

static void test_noise(void **state)
{
    (void)state;
    struct made m = {.count = 0};
    struct report_data d;
    struct report_comparisons c;
    struct baseline none = {.chosen = false};
    fill(&m, "system", true);
    sample_set(m.sample[4], os_steal_ns, 20000000); /* 2 % of its second */
    for (size_t i = 0; i < m.count; i++)
        sample_set(m.sample[i], os_involuntary_switches, 5);
    assert_int_equal(report_data_make(&d, m.sample, m.count), 0);
    assert_int_equal(report_compare(&c, &d, &none, RATE), 0);
    struct report_noise n = report_noise_of(&d, 0, &c);
    assert_non_null(n.control);
    assert_false(n.aa_excludes_1);
    assert_float_equal(n.steal_share, 0.02, 1e-12);
    assert_true(n.stolen);
    assert_float_equal(n.switches_per_s, 5, 1e-9);
    assert_true(n.drifting); /* the machine became eight times as fast */
    report_comparisons_free(&c);
    report_data_free(&d);
    made_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paired_by_block),
        cmocka_unit_test(test_baselines),
        cmocka_unit_test(test_two_runs),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests_name("report_compare", tests, NULL, NULL);
}
