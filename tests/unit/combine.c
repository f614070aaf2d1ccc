// links: bench/sample/combine.c bench/stat/hist.c bench/result/sample.c bench/result/schema.c bench/result/record.c
/* combine.c: what several processes sent, as one sample: every rule of the schema, by a row that has it. */
#include "bench/sample/combine.h"
#include "bench/stat/hist.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the above first
#include <cmocka.h>

/* Lines as a worker sends them, '\n' between. */
static struct sample *said(const char *lines)
{
    struct sample *s = calloc(1, sizeof *s);
    char *text = strdup(lines), *save, *line;
    struct message m;
    for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (sample_take(s, line, &m))
            fail_msg("%s", m.text);
    free(text);
    return s;
}

static void done(struct sample *s)
{
    sample_clear(s);
    free(s);
}

static bool take(struct combine *c, const char *line)
{
    char text[256];
    snprintf(text, sizeof text, "%s", line);
    return combine_hist(c, text);
}

/* A percentile of all values: here no mean, sum or maximum of the processes' own is right, and one that none
 * of them could give alone is there. */
static void test_percentiles(void **state)
{
    (void)state;
    struct combine c = {0};
    struct sample *a = said("latency.malloc.count 989\nlatency.malloc.p50_ns 10\nlatency.malloc.p90_ns 10\n"
                            "latency.malloc.max_ns 10"),
                  *b = said("latency.malloc.count 11\nlatency.malloc.max_ns 90\nlatency.free.count 2\n"
                            "latency.free.p50_ns 7\nlatency.free.max_ns 8");
    assert_true(take(&c, "latency.malloc ns 10 10:900"));
    assert_true(take(&c, "latency.malloc ns 10 10:89"));
    assert_true(take(&c, "latency.malloc ns 90 90:11"));
    assert_true(take(&c, "latency.free ns 8 7:1 8:1"));
    assert_int_equal(combine_samples(&c, a, &b, 1), 0);
    assert_int_equal(a->latency_malloc_count, 1000);
    assert_int_equal(a->latency_malloc_p50_ns, 10);
    assert_true(sample_has(a, latency_malloc_p99_ns));
    assert_int_equal(a->latency_malloc_p99_ns, 90);
    assert_false(sample_has(a, latency_malloc_p99_9_ns)); /* one value lies beyond it */
    assert_int_equal(a->latency_malloc_max_ns, 90);
    assert_true(sample_has(a, latency_free_count));
    assert_int_equal(a->latency_free_count, 2); /* which the first process had not */
    assert_int_equal(a->latency_free_max_ns, 8);
    assert_false(sample_has(a, latency_free_p50_ns));
    combine_free(&c);
    done(a);
    done(b);
}

/* What each rule makes of 8, 2, 11 (of the first, the second, the third), and of the same where the first
 * does not know it. */
static void test_every_rule(void **state)
{
    (void)state;
    static const struct {
        double all, without_first;
        bool known_without_first;
    } expected[] = {
        [RULE_FRONT] = {8, 0, false},     [RULE_FIRST] = {8, 0, false}, [RULE_SUM] = {21, 13, true},
        [RULE_MEAN] = {7, 6.5, true},     [RULE_LEAST] = {2, 2, true},  [RULE_MOST] = {11, 11, true},
        [RULE_QUANTILE] = {11, 11, true}, [RULE_ALL] = {21, 0, false},  [RULE_WHOLE] = {8, 0, false},
    };
    bool seen[RULE_WHOLE + 1] = {false};
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++) {
        const struct schema_row *row = &schema_rows[key];
        static const double value[] = {8, 2, 11};
        if (!schema_is_figure(key) || key == KEY_gc_references_per_object)
            continue;
        for (unsigned without = 0; without < 2; without++) {
            struct sample s[3] = {{.ops = 0}}, *others[2] = {&s[1], &s[2]};
            struct combine none = {0};
            for (unsigned i = without; i < 3; i++) {
                if (row->type == VALUE_INT)
                    *sample_int(&s[i], key) = (int64_t)value[i];
                else
                    *sample_real(&s[i], key) = value[i];
                sample_learn(&s[i], key);
            }
            double is = 0, wanted = without ? expected[row->rule].without_first : expected[row->rule].all;
            assert_int_equal(combine_samples(&none, &s[0], others, 2), 0);
            wanted = row->type == VALUE_INT ? floor(wanted) : wanted;
            bool known = sample_number(&s[0], key, &is);
            if (known != (without ? expected[row->rule].known_without_first : true) ||
                (known && (is < wanted - 1e-9 || is > wanted + 1e-9)))
                fail_msg("%s: %s%g, not %g", row->path, known ? "" : "not known ", is, wanted);
            sample_clear(&s[0]);
        }
        seen[row->rule] = true;
    }
    for (unsigned rule = 0; rule <= RULE_WHOLE; rule++)
        assert_true(seen[rule]); /* every rule has a row */
}

/* That the rows have the rules that docs/method.md means: the ones that are easily got wrong. */
static void test_rows(void **state)
{
    (void)state;
    static const struct {
        enum schema_key key;
        enum schema_rule rule;
    } of[] = {{KEY_ops, RULE_SUM},
              {KEY_pauses_mmu_1ms, RULE_LEAST},
              {KEY_pauses_bmu_1s, RULE_LEAST},
              {KEY_pauses_mmu_mean_1ms, RULE_MEAN},
              {KEY_gc_share, RULE_MEAN},
              {KEY_gc_cost_wall_ns, RULE_MEAN},
              {KEY_gc_cost_cpu_ns, RULE_SUM},
              {KEY_gc_uncollected_peak, RULE_FIRST},
              {KEY_gil_wait_p99_ns, RULE_MOST},
              {KEY_counters_instructions, RULE_ALL},
              {KEY_stop_max_ns, RULE_MOST},
              {KEY_gc_generations_1_collections, RULE_SUM},
              {KEY_probe_peak_largest_free, RULE_MOST},
              {KEY_probe_peak_active, RULE_SUM}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (schema_rows[of[i].key].rule != of[i].rule)
            fail_msg("%s has another rule", schema_rows[of[i].key].path);
}

static void test_made_of_others(void **state)
{
    (void)state;
    struct combine c = {0};
    struct sample *a =
                      said("ops 10\nwall_ns 100\nops_per_s 1.0\nchecksum \"00000000000000ff\"\nheap.pages 3\n"
                           "probe.start_ns 1000\nprobe.end_ns 2000\ngc.references 8\ngc.allocated 4\n"
                           "gc.references_per_object 2.0\npauses.mmu.2ms nan"),
                  *b[2] = {
                      said("ops 20\nchecksum \"0000000000000001\"\nheap.pages 4\nprobe.start_ns 900\n"
                           "probe.end_ns 1900\ngc.references 1\ngc.allocated 5\npauses.mmu.2ms 0.9"),
                      said("ops 30\nchecksum \"ffffffffffffffff\"\nprobe.start_ns 950\nprobe.end_ns 2900\n"
                           "gc.references 9\ngc.allocated 0")};
    assert_int_equal(combine_samples(&c, a, b, 2), 0);
    assert_int_equal(a->ops, 60);
    assert_int_equal(a->wall_ns, 2000); /* 900 to 2900 */
    assert_float_equal(a->ops_per_s, 60e9 / 2000, 1e-3);
    assert_string_equal(a->checksum, "00000000000000ff");       /* modulo 2^64 */
    assert_float_equal(a->gc_references_per_object, 2.0, 1e-9); /* 18 over 9 */
    assert_float_equal(a->pauses_mmu_2ms, 0.9, 1e-9);
    double pages;
    assert_true(record_number(a->parts, "heap.pages", &pages) && pages == 3);
    done(a);
    done(b[0]);
    done(b[1]);
}

static void test_bad_lines(void **state)
{
    (void)state;
    struct combine c = {0};
    static const char *const bad[] = {"",
                                      "pauses",
                                      "pauses ns",
                                      "pauses ns x",
                                      "pauses ns 5x 1:2",
                                      "pauses ns 5 1",
                                      "pauses ns 5 1:",
                                      "pauses ns 5 :1",
                                      "pauses ns 5 1:2:3",
                                      "pauses ns 5 -1:2",
                                      "pauses ns 5 1:-2",
                                      "pauses ns 5 1:2 27648:1",
                                      "pauses ns 5 99999999999999999999:1",
                                      "pauses objects 5 1:1",
                                      "latency.nothing ns 5 1:1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (take(&c, bad[i]))
            fail_msg("'%s' was taken", bad[i]);
    assert_int_equal(c.count, 0);
    assert_true(take(&c, "pauses ns 5"));
    assert_true(take(&c, "pauses ns 5 27647:1"));
    assert_true(take(&c, "gc.reclaim objects 5 1:1"));
    assert_true(take(&c, "gc.reclaim ns 5 1:1"));
    assert_int_equal(c.count, 3);
    combine_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentiles),    cmocka_unit_test(test_every_rule), cmocka_unit_test(test_rows),
        cmocka_unit_test(test_made_of_others), cmocka_unit_test(test_bad_lines),
    };
    return cmocka_run_group_tests_name("combine", tests, NULL, NULL);
}
