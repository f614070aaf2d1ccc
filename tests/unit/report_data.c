// links: $(filter-out bench/cmd/%,$(FRONT_C)) $(STAT_C) $(FORMAT_C) $(ALLOC_C)
/* bench/report/data.c and metric.c: works and cells in their order, figures of ok samples alone. */
#include "bench/report/data.h"
#include "report_samples.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka wants the above first
#include <cmocka.h>

static void test_works_and_cells(void **state)
{
    (void)state;
    struct made m = {.count = 0};
    struct report_data d;
    made_add(&m, "pools", "none", 2, 0, 5);
    made_add(&m, "pools", "none", 1, 1, 30);
    made_add(&m, "pools", "none", 1, 0, 10);
    made_add(&m, "system", "none", 1, 0, 20);
    made_add(&m, "pools", "none", 1, 1, 20); /* a second one of the block */
    assert_int_equal(report_data_make(&d, m.sample, m.count), 0);
    assert_int_equal(d.works, 2); /* by threads: no group holds both */
    assert_int_equal(d.cells, 3);
    assert_int_equal(d.blocks, 2);
    assert_string_equal(d.work[0].name, "churn:live=777");
    assert_int_equal(d.work[0].threads, 1);
    assert_int_equal(d.work[0].cells, 2);
    assert_int_equal(d.work[1].threads, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct report_cell *c = &d.cell[i];
        bool pools = strcmp(c->alloc, "pools") == 0;
        assert_int_equal(c->samples, pools ? 3 : 1);
        assert_int_equal(c->sample[0].block, 0);
        assert_float_equal(report_median(c, report_metric_of(KEY_ops_per_s)), 20, 1e-9);
        assert_float_equal(report_maximum(c, report_metric_of(KEY_ops_per_s)), pools ? 30 : 20, 1e-9);
        assert_true(isnan(report_median(c, report_metric_of(KEY_gc_share))));
    }
    report_data_free(&d);
    /* A group that holds several numbers of threads compares them. */
    for (size_t i = 0; i < m.count; i++)
        sample_set(m.sample[i], group, 3);
    assert_int_equal(report_data_make(&d, m.sample, m.count), 0);
    assert_int_equal(d.works, 1);
    assert_int_equal(d.work[0].threads, 0);
    assert_int_equal(d.cells, 3);
    report_data_free(&d);
    made_free(&m);
}

static void test_what_is_not_counted(void **state)
{
    (void)state;
    struct made m = {.count = 0};
    struct report_data d;
    made_add(&m, "pools", "gil", 1, 0, 10);
    struct sample *crashed = made_add(&m, "pools", "gil", 1, 1, 1000),
                  *walk = made_add(&m, "pools", "gil", 1, 2, 1000),
                  *unknown = made_add(&m, "pools", "gil", 1, 3, 1000);
    sample_set(crashed, status, SAMPLE_CRASHED);
    sample_set_text(crashed, reason, "killed");
    sample_set(walk, oracle, true);
    sample_set(walk, gc_uncollected_peak, 7);
    sample_set(m.sample[0], gc_uncollected_peak, 99);
    sample_forget(unknown, KEY_status);
    assert_int_equal(report_data_make(&d, m.sample, m.count), 0);
    assert_int_equal(d.cells, 1);
    const struct report_cell *c = &d.cell[0];
    assert_int_equal(c->samples, 3);
    assert_int_equal(c->ok, 1);
    assert_int_equal(c->oracles, 1);
    assert_int_equal(c->failed, 2);
    assert_string_equal(c->status, "crashed");
    assert_string_equal(c->reason, "killed");
    assert_float_equal(report_median(c, report_metric_of(KEY_ops_per_s)), 10, 1e-9);
    assert_float_equal(report_median(c, report_metric_of(KEY_gc_uncollected_peak)), 7, 1e-9); /* the walk's */
    report_data_free(&d);
    made_free(&m);
}

static void test_metrics(void **state)
{
    (void)state;
    struct message m;
    const struct report_metric *metric = report_metric_find("heap-peak", &m);
    assert_non_null(metric);
    assert_int_equal(metric->key, KEY_memory_heap_peak_bytes);
    assert_ptr_equal(metric, report_metric_find("memory.heap_peak_bytes", &m));
    assert_ptr_equal(metric, report_metric_at("memory", "heap_peak_bytes"));
    assert_int_equal(report_metric_find("fragmentation", &m)->key, KEY_fragmentation_jw4);
    assert_int_equal(report_metric_find("peak-rss", &m)->key, KEY_memory_peak_rss_bytes);
    assert_int_equal(metric->unit, UNIT_BYTES);
    assert_string_equal(metric->title, "heap peak: resident above the baseline");
    assert_string_equal(metric->higher, "larger");
    assert_false(metric->more_is_better);
    assert_true(report_metric_find("throughput", &m)->more_is_better);
    metric = report_metric_find("memory.pss_bytes", &m); /* without a name or title of its own */
    assert_string_equal(metric->title, "memory.pss_bytes");
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++)
        assert_int_equal(report_metric_of(key) != NULL, schema_is_figure(key));
    static const char *const bad[] = {"",         "throughputt", "checksum",      "latency",
                                      "timeline", "heap.pages",  "timeline.t_ns", "probe.start_ns"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(report_metric_find(bad[i], &m));
    report_metric_find("throughputt", &m);
    assert_non_null(strstr(m.text, "did you mean 'throughput'"));
    assert_null(report_metric_at("memory", "peak"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_works_and_cells),
        cmocka_unit_test(test_what_is_not_counted),
        cmocka_unit_test(test_metrics),
    };
    return cmocka_run_group_tests_name("report_data", tests, NULL, NULL);
}
