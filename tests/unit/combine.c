// links: bench/sample/combine.c bench/stat/hist.c bench/result/store.c
/* combine.c: what several processes said, as one record. */
#include "bench/sample/combine.h"
#include "bench/stat/hist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the above first
#include <cmocka.h>

static struct record *record_of(const char *json)
{
    struct message m;
    struct record *r = record_parse(json, strlen(json), "test", 1, &m);
    assert_non_null(r);
    return r;
}

static int64_t integer(const struct record *r, const char *key)
{
    int64_t v = -1;
    if (!record_integer(r, key, &v))
        fail_msg("%s is no integer", key);
    return v;
}

static double number(const struct record *r, const char *key)
{
    double v = -1;
    if (!record_number(r, key, &v))
        fail_msg("%s is no number", key);
    return v;
}

static bool take(struct combine *c, const char *line)
{
    char text[256];
    snprintf(text, sizeof text, "%s", line);
    return combine_hist(c, text);
}

/* A percentile of all values: here no mean, sum or maximum of the processes' own is right. */
static void test_percentiles(void **state)
{
    (void)state;
    struct combine c = {0};
    struct record *a = record_of(
                      "{\"latency\":{\"malloc\":{\"count\":99,\"p50_ns\":10,\"p99_ns\":10,\"max_ns\":10}}}"),
                  *b = record_of(
                      "{\"latency\":{\"malloc\":{\"count\":1,\"p50_ns\":90,\"p99_ns\":90,\"max_ns\":90},"
                      "\"free\":{\"count\":2,\"p50_ns\":7,\"max_ns\":8}}}");
    assert_true(take(&c, "latency.malloc ns 10 10:90"));
    assert_true(take(&c, "latency.malloc ns 10 10:9"));
    assert_true(take(&c, "latency.malloc ns 90 90:1"));
    assert_true(take(&c, "latency.free ns 8 7:1 8:1"));
    combine_records(&c, a, &b, 1);
    assert_int_equal(integer(a, "latency.malloc.count"), 100);
    assert_int_equal(integer(a, "latency.malloc.p50_ns"), 10);
    assert_int_equal(integer(a, "latency.malloc.p99_ns"), 10);
    assert_int_equal(integer(a, "latency.malloc.max_ns"), 90);
    assert_int_equal(integer(a, "latency.free.count"), 2); /* which the first process had not */
    assert_int_equal(integer(a, "latency.free.p50_ns"), 7);
    assert_false(record_has(a, "latency.malloc.p90_ns")); /* a point that nobody said */
    combine_free(&c);
    record_free(a);
    record_free(b);
}

static void test_rules(void **state)
{
    (void)state;
    struct combine c = {0};
    struct record
        *a = record_of("{\"ops\":10,\"cpu_ns\":5,\"wall_ns\":100,\"ops_per_s\":1.0,\"checksum\":"
                       "\"00000000000000ff\",\"heap\":{\"pages\":3},"
                       "\"probe\":{\"start_ns\":1000,\"end_ns\":2000,\"peak\":{\"active\":7,\"largest_free\":"
                       "2,\"total_free\":4}},"
                       "\"pauses\":{\"count\":1,\"mmu\":{\"1ms\":0.5,\"2ms\":null},\"mmu_mean\":{\"1ms\":0.2}"
                       ",\"by_cause\":null},"
                       "\"gc\":{\"share\":0.1,\"cost_wall_ns\":30,\"references\":8,\"allocated\":4,"
                       "\"references_per_object\":2.0,"
                       "\"uncollected_peak\":5,\"generations\":[{\"collections\":1},{\"collections\":2}]},"
                       "\"gil\":{\"waits\":1,\"wait_p99_ns\":50},\"stop\":null,\"counters\":{\"cycles\":5,"
                       "\"instructions\":6}}"),
        *said[2] = {
            record_of("{\"ops\":20,\"cpu_ns\":6,\"checksum\":\"0000000000000001\",\"heap\":{\"pages\":4},"
                      "\"probe\":{\"start_ns\":900,\"end_ns\":1900,\"peak\":{\"active\":8,\"largest_free\":3,"
                      "\"total_free\":5}},"
                      "\"pauses\":{\"count\":2,\"mmu\":{\"1ms\":0.4,\"2ms\":0.9},\"mmu_mean\":{\"1ms\":0.5},"
                      "\"by_cause\":{\"young\":{\"count\":2}}},"
                      "\"gc\":{\"share\":0.4,\"cost_wall_ns\":60,\"references\":1,\"allocated\":5,"
                      "\"uncollected_peak\":9,"
                      "\"generations\":[{\"collections\":10},{\"collections\":20}]},"
                      "\"gil\":{\"waits\":2,\"wait_p99_ns\":70},\"stop\":{\"max_ns\":3},\"counters\":{"
                      "\"cycles\":7}}"),
            record_of("{\"ops\":30,\"cpu_ns\":7,\"checksum\":\"ffffffffffffffff\","
                      "\"probe\":{\"start_ns\":950,\"end_ns\":2900,\"peak\":{\"active\":9,\"largest_free\":1,"
                      "\"total_free\":6}},"
                      "\"pauses\":{\"count\":3,\"mmu\":{\"1ms\":0.6},\"mmu_mean\":{\"1ms\":0.8},"
                      "\"by_cause\":{\"young\":{\"count\":5}}},"
                      "\"gc\":{\"share\":0.1,\"cost_wall_ns\":90,\"references\":9,\"allocated\":0},"
                      "\"gil\":{\"waits\":3,\"wait_p99_ns\":60},\"stop\":{\"max_ns\":2},\"counters\":{"
                      "\"cycles\":1}}"),
        };
    combine_records(&c, a, said, 2);
    assert_int_equal(integer(a, "ops"), 60);
    assert_int_equal(integer(a, "cpu_ns"), 18);
    assert_int_equal(integer(a, "wall_ns"), 2000); /* 900 to 2900 */
    assert_float_equal(number(a, "ops_per_s"), 60e9 / 2000, 1e-3);
    assert_string_equal(record_text(a, "checksum"), "00000000000000ff"); /* modulo 2^64 */
    assert_int_equal(integer(a, "probe.peak.active"), 24);
    assert_int_equal(integer(a, "probe.peak.total_free"), 15);
    assert_int_equal(integer(a, "probe.peak.largest_free"), 3);
    assert_int_equal(integer(a, "pauses.count"), 6);
    assert_float_equal(number(a, "pauses.mmu.1ms"), 0.4, 1e-9);
    assert_float_equal(number(a, "pauses.mmu.2ms"), 0.9, 1e-9);
    assert_float_equal(number(a, "pauses.mmu_mean.1ms"), 0.5, 1e-9);
    assert_int_equal(integer(a, "pauses.by_cause.young.count"), 7);
    assert_float_equal(number(a, "gc.share"), 0.2, 1e-9);
    assert_int_equal(integer(a, "gc.cost_wall_ns"), 60);
    assert_float_equal(number(a, "gc.references_per_object"), 2.0, 1e-9); /* 18 over 9 */
    assert_int_equal(integer(a, "gc.uncollected_peak"), 5);
    assert_int_equal(integer(a, "gc.generations.0.collections"), 11);
    assert_int_equal(integer(a, "gc.generations.1.collections"), 22);
    assert_int_equal(integer(a, "gil.waits"), 6);
    assert_int_equal(integer(a, "gil.wait_p99_ns"), 70);
    assert_int_equal(integer(a, "stop.max_ns"), 3);
    assert_int_equal(integer(a, "counters.cycles"), 13);
    int64_t none;
    assert_false(record_integer(a, "counters.instructions", &none)); /* not every process had it */
    assert_int_equal(integer(a, "heap.pages"), 3);
    record_free(a);
    record_free(said[0]);
    record_free(said[1]);
}

static void test_bad_lines(void **state)
{
    (void)state;
    struct combine c = {0};
    static const char *const bad[] = {"",
                                      "a",
                                      "a ns",
                                      "a ns x",
                                      "a ns 5x 1:2",
                                      "a ns 5 1",
                                      "a ns 5 1:",
                                      "a ns 5 :1",
                                      "a ns 5 1:2:3",
                                      "a ns 5 -1:2",
                                      "a ns 5 1:-2",
                                      "a ns 5 1:2 27648:1",
                                      "a ns 5 99999999999999999999:1",
                                      "a nanoseconds-of-the-day 5 1:1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (take(&c, bad[i]))
            fail_msg("'%s' was taken", bad[i]);
    assert_int_equal(c.count, 0);
    assert_true(take(&c, "a ns 5"));
    assert_true(take(&c, "a ns 5 27647:1"));
    for (unsigned i = 1; i < COMBINE_MAX; i++) {
        char line[64];
        snprintf(line, sizeof line, "b%u ns 1 1:1", i);
        assert_true(take(&c, line));
    }
    assert_false(take(&c, "one.more ns 1 1:1"));
    assert_true(take(&c, "a ns 5 1:1"));
    combine_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_bad_lines),
    };
    return cmocka_run_group_tests_name("combine", tests, NULL, NULL);
}
