// links: bench/sample/measure.c bench/result/sample.c bench/result/schema.c bench/result/record.c
/* measure.c: figures of memory from readings made by hand. */
#include "bench/sample/measure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka wants the above first
#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)

static struct measure readings(void)
{
    static struct measure m;
    memset(&m, 0, sizeof m);
    m.baseline = (struct measure_phase){true, {.rss_bytes = 2 * MIB}, 0, 0};
    m.begin = (struct measure_phase){true, {.rss_bytes = 12 * MIB}, 8 * MIB, 9 * MIB};
    m.peak = (struct measure_phase){
        true,
        {.rss_bytes = 42 * MIB, .lazy_free_bytes = 3 * MIB, .anon_huge_bytes = 4 * MIB},
        32 * MIB,
        36 * MIB};
    m.vm_hwm_bytes = 50 * MIB;
    m.rss_100ms_bytes = 22 * MIB;
    m.rss_1s_bytes = MEASURE_UNKNOWN;
    m.timeline.start_ns = 1000;
    m.timeline.points = 2;
    m.timeline.at[0] = (struct watch_point){.rss_bytes = 12 * MIB, .live_bytes = 8 * MIB};
    /* more resident, less live than at the peak */
    m.timeline.at[1] = (struct watch_point){.t_ns = 500, .rss_bytes = 52 * MIB, .live_bytes = 20 * MIB};
    return m;
}

static void test_figures(void **state)
{
    (void)state;
    struct measure m = readings();
    struct sample s = {0};
    sample_set(&s, probe_peak_mapped, (int64_t)(64 * MIB));
    sample_set(&s, probe_peak_active, (int64_t)(40 * MIB));
    sample_set(&s, probe_peak_largest_free, 30);
    sample_set(&s, probe_peak_total_free, 40);
    sample_push(&s, KEY_timeline_gc_t_ns, 1700);
    assert_int_equal(measure_sample(&m, &s), 0);
    assert_int_equal(s.memory_baseline_rss_bytes, 2 * MIB);
    assert_int_equal(s.memory_heap_peak_bytes, 50 * MIB);
    assert_int_equal(s.memory_peak_rss_bytes, 52 * MIB);
    assert_int_equal(s.memory_vm_hwm_bytes, 50 * MIB);
    assert_int_equal(s.memory_peak_live_requested_bytes, 32 * MIB);
    assert_int_equal(s.memory_peak_live_usable_bytes, 36 * MIB);
    assert_int_equal(s.memory_held_bytes, 64 * MIB);
    assert_int_equal(s.memory_run_end_live_requested_bytes, 32 * MIB);
    assert_int_equal(s.memory_run_end_live_usable_bytes, 36 * MIB);
    assert_int_equal(s.memory_run_end_heap_bytes, 40 * MIB);
    assert_int_equal(s.memory_run_end_lazy_free_bytes, 3 * MIB);
    assert_int_equal(s.memory_run_end_anon_huge_bytes, 4 * MIB);
    assert_false(sample_has(&s, memory_pss_bytes));
    assert_false(sample_has(&s, memory_settle_end_heap_bytes)); /* not waited for */
    assert_false(sample_has(&s, fragmentation_return_to_os_end));
    assert_float_equal(s.fragmentation_internal, 1 - 32.0 / 36, 1e-12);
    assert_float_equal(s.fragmentation_external, 40.0 / 36, 1e-12);
    assert_float_equal(s.fragmentation_residency, 40.0 / 40, 1e-12);
    assert_float_equal(s.fragmentation_jw1, (10.0 / 8 + 50.0 / 20 + 10.0 / 8 + 40.0 / 32) / 4, 1e-12);
    assert_float_equal(s.fragmentation_jw2, 40.0 / 32, 1e-12);
    assert_float_equal(s.fragmentation_jw3, 50.0 / 20, 1e-12);
    assert_float_equal(s.fragmentation_jw4, 50.0 / 32, 1e-12);
    assert_float_equal(s.fragmentation_return_to_os_100ms, 20.0 / 50, 1e-12);
    assert_false(sample_has(&s, fragmentation_return_to_os_1s));
    assert_float_equal(s.fragmentation_contiguity, 0.25, 1e-12);
    assert_int_equal(s.timeline_rss_bytes.count, 2);
    assert_int_equal(s.timeline_t_ns.value[1], 500);
    assert_int_equal(s.timeline_gc_t_ns.value[0], 700); /* on the timeline's axis */
    sample_clear(&s);
}

/* What lasted too short for a reading from outside: the worker read it at the call, the kernel has its mark. */
static void test_peak_of_a_moment(void **state)
{
    (void)state;
    struct measure m = readings();
    struct sample s = {0};
    m.vm_hwm_bytes = 92 * MIB; /* of a mark with what loading took in it */
    sample_set(&s, probe_most_live_bytes, (int64_t)(50 * MIB));
    sample_set(&s, probe_most_live_rss_bytes, (int64_t)(57 * MIB));
    assert_int_equal(measure_sample(&m, &s), 0);
    assert_int_equal(s.memory_peak_live_requested_bytes, 50 * MIB);
    assert_false(sample_has(&s, memory_peak_live_usable_bytes)); /* known of another moment alone */
    assert_int_equal(s.memory_run_end_live_usable_bytes, 36 * MIB);
    assert_float_equal(s.fragmentation_jw2, 55.0 / 50, 1e-12);
    assert_float_equal(s.fragmentation_jw3, 55.0 / 50, 1e-12);
    assert_int_equal(s.memory_heap_peak_bytes, 55 * MIB);
    assert_false(sample_has(&s, replay_peak_live_replayed_bytes)); /* no replay */
    assert_int_equal(sample_set_text(&s, replay_order, "strict"), 0);
    m.hwm_of_one = true;
    assert_int_equal(measure_sample(&m, &s), 0);
    assert_int_equal(s.memory_heap_peak_bytes, 90 * MIB);
    assert_int_equal(s.memory_peak_rss_bytes, 92 * MIB);
    assert_float_equal(s.fragmentation_jw4, 90.0 / 50, 1e-12);
    assert_float_equal(s.fragmentation_jw2, 55.0 / 50, 1e-12);
    assert_int_equal(s.replay_peak_live_replayed_bytes, 50 * MIB);
    sample_clear(&s);
}

/* Of a replay by several workers the exact reading counts, though more was seen; what was seen is there, too. */
static void test_peak_of_several(void **state)
{
    (void)state;
    struct measure m = readings(); /* 32 MiB live at the peak's barrier, with 40 resident */
    struct sample s = {0};
    sample_set(&s, probe_most_live_bytes, (int64_t)(31 * MIB));
    sample_set(&s, probe_most_live_rss_bytes, (int64_t)(35 * MIB));
    sample_set(&s, probe_epochs_most_live_bytes, (int64_t)(33 * MIB));
    assert_int_equal(sample_set_text(&s, replay_order, "live"), 0);
    assert_int_equal(measure_sample(&m, &s), 0);
    assert_int_equal(s.memory_peak_live_requested_bytes, 31 * MIB);
    assert_float_equal(s.fragmentation_jw2, 33.0 / 31, 1e-12);
    assert_float_equal(s.fragmentation_jw4, 50.0 / 31, 1e-12);
    assert_int_equal(s.replay_peak_live_replayed_bytes, 33 * MIB);
    sample_set(&s, probe_epochs_most_live_bytes, (int64_t)MIB);
    assert_int_equal(measure_sample(&m, &s), 0);
    assert_int_equal(s.replay_peak_live_replayed_bytes, 32 * MIB);
    sample_clear(&s);
}

/* order=free: what was live is known, no figure is made of it. */
static void test_no_memory_of_a_free_order(void **state)
{
    (void)state;
    struct measure m = readings();
    struct sample s = {0};
    sample_set(&s, probe_peak_mapped, (int64_t)(64 * MIB));
    sample_set(&s, probe_peak_active, (int64_t)(40 * MIB));
    assert_int_equal(sample_set_text(&s, replay_order, "free"), 0);
    assert_int_equal(measure_sample(&m, &s), 0);
    assert_int_equal(s.replay_peak_live_replayed_bytes, 32 * MIB);
    assert_int_equal(s.memory_baseline_rss_bytes, 2 * MIB);
    sample_forget(&s, KEY_memory_baseline_rss_bytes);
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++)
        if (strncmp(schema_rows[key].path, "memory", 6) == 0 ||
            strncmp(schema_rows[key].path, "fragmentation", 13) == 0 ||
            strncmp(schema_rows[key].path, "timeline", 8) == 0)
            assert_false(sample_knows(&s, key));
    sample_clear(&s);
}

/* A figure of requested bytes never stands beside one of usable bytes of another moment. */
static void test_sets_of_one_moment(void **state)
{
    (void)state;
    struct measure m = readings();
    struct sample s = {0};
    m.begin.live_usable = 40 * MIB;               /* more than at the peak, where most is live */
    m.timeline.at[0].live_bytes = 32 * MIB + 100; /* from outside, within the percent: the barrier stays */
    m.timeline.at[0].rss_bytes = 45 * MIB;
    assert_int_equal(measure_sample(&m, &s), 0);
    assert_int_equal(s.memory_peak_live_requested_bytes, 32 * MIB);
    assert_int_equal(s.memory_peak_live_usable_bytes, 36 * MIB);
    assert_float_equal(s.fragmentation_jw2, 40.0 / 32, 1e-12);
    sample_clear(&s);
    m.timeline.at[0].live_bytes = 33 * MIB; /* beyond it */
    assert_int_equal(measure_sample(&m, &s), 0);
    assert_int_equal(s.memory_peak_live_requested_bytes, 33 * MIB);
    assert_false(sample_has(&s, memory_peak_live_usable_bytes));
    assert_float_equal(s.fragmentation_jw2, 43.0 / 33, 1e-12);
    sample_clear(&s);
}

/* Drain and settle: on one axis with what came before, and in no figure of the measured phase. */
static void test_after_the_load(void **state)
{
    (void)state;
    struct measure m = readings();
    struct sample s = {0};
    m.rss_1s_bytes = 17 * MIB;
    m.settled = (struct measure_phase){
        true, {.rss_bytes = 12 * MIB, .lazy_free_bytes = 5 * MIB, .anon_huge_bytes = 2 * MIB}, 0, 0};
    m.after.start_ns = 3000;
    m.after.points = 3;
    m.after.at[0] = (struct watch_point){.t_ns = 10, .rss_bytes = 90 * MIB, .live_bytes = 80 * MIB};
    m.after.at[1] = (struct watch_point){.t_ns = 20, .rss_bytes = 30 * MIB, .lazy_free_bytes = MIB};
    m.after.at[2] = (struct watch_point){.t_ns = 900, .rss_bytes = 12 * MIB, .lazy_free_bytes = 5 * MIB};
    m.drained_ns = 15;
    assert_int_equal(measure_sample(&m, &s), 0);
    assert_int_equal(s.memory_heap_peak_bytes, 50 * MIB);
    assert_int_equal(s.memory_peak_live_requested_bytes, 32 * MIB);
    assert_float_equal(s.fragmentation_return_to_os_1s, 15.0 / 50, 1e-12);
    assert_float_equal(s.fragmentation_return_to_os_end, 10.0 / 50, 1e-12);
    assert_float_equal(s.fragmentation_return_to_os_end_less_lazy, 5.0 / 50, 1e-12);
    assert_int_equal(s.memory_settle_end_heap_bytes, 10 * MIB);
    assert_int_equal(s.memory_settle_end_lazy_free_bytes, 5 * MIB);
    assert_int_equal(s.memory_settle_end_anon_huge_bytes, 2 * MIB);
    assert_int_equal(s.timeline_t_ns.count, 5);
    assert_int_equal(s.timeline_t_ns.value[4], 2900);
    assert_int_equal(s.timeline_rss_bytes.value[4], 12 * MIB);
    assert_int_equal(s.timeline_run_end_ns, 2000);
    assert_int_equal(s.timeline_drained_ns, 2015);
    assert_int_equal(s.timeline_settle_t_ns.count, 2);
    assert_int_equal(s.timeline_settle_t_ns.value[0], 2020);
    assert_int_equal(s.timeline_settle_lazy_free_bytes.value[1], 5 * MIB);
    assert_int_equal(s.timeline_settle_anon_huge_bytes.count, 2);
    sample_clear(&s);
}

static void test_what_was_not_measured(void **state)
{
    (void)state;
    struct measure m = readings();
    struct sample s = {0};
    m.peak.live_usable = m.begin.live_usable = 0; /* the backend cannot tell */
    m.rss_100ms_bytes = MEASURE_UNKNOWN;
    m.vm_hwm_bytes = 0;
    assert_int_equal(measure_sample(&m, &s), 0);
    assert_false(sample_has(&s, memory_peak_live_usable_bytes));
    assert_false(sample_has(&s, memory_vm_hwm_bytes));
    assert_false(sample_has(&s, memory_held_bytes));
    assert_false(sample_has(&s, fragmentation_internal));
    assert_false(sample_has(&s, fragmentation_external));
    assert_false(sample_has(&s, fragmentation_residency));
    assert_false(sample_has(&s, fragmentation_contiguity));
    assert_false(sample_has(&s, fragmentation_return_to_os_100ms));
    assert_true(sample_has(&s, fragmentation_jw2));
    sample_clear(&s);
    memset(&m, 0, sizeof m); /* a worker that never came to its baseline */
    m.rss_100ms_bytes = m.rss_1s_bytes = MEASURE_UNKNOWN;
    assert_int_equal(measure_sample(&m, &s), 0);
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++)
        assert_false(sample_knows(&s, key));
    sample_clear(&s);
}

/* Under 1 MiB a ratio is more about pages than about the allocator; a sum below zero for an instant is 0. */
static void test_little_and_below_zero(void **state)
{
    (void)state;
    struct measure m = readings();
    struct sample s = {0};
    m.begin.live_requested = 1000;
    m.peak.live_requested = MIB - 1;
    m.timeline.at[0].live_bytes = 2000;
    m.timeline.at[1].live_bytes = (uint64_t)-4096;
    assert_int_equal(measure_sample(&m, &s), 0);
    assert_int_equal(s.memory_peak_live_requested_bytes, MIB - 1);
    assert_false(sample_has(&s, fragmentation_internal));
    assert_false(sample_has(&s, fragmentation_jw1));
    assert_false(sample_has(&s, fragmentation_jw4));
    assert_int_equal(s.timeline_live_bytes.value[0], 2000);
    assert_int_equal(s.timeline_live_bytes.value[1], 0);
    sample_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_peak_of_a_moment),
        cmocka_unit_test(test_peak_of_several),
        cmocka_unit_test(test_no_memory_of_a_free_order),
        cmocka_unit_test(test_sets_of_one_moment),
        cmocka_unit_test(test_after_the_load),
        cmocka_unit_test(test_what_was_not_measured),
        cmocka_unit_test(test_little_and_below_zero),
    };
    return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
