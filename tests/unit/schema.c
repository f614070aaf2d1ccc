// links: bench/result/sample.c bench/result/schema.c bench/result/record.c
/* schema.h and sample.c: rows that go together, a worker's lines, every key written and read back. */
#include "bench/result/sample.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the above first
#include <cmocka.h>

#define ID_K(id, path, ...) {#id, path},
static const struct {
    const char *id, *path;
} ids[] = {SCHEMA(ID_K, ID_K)};

/* A field's name is its path's: else a column would be another than it says. */
static void test_ids(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMA_KEYS; i++) {
        char id[128];
        snprintf(id, sizeof id, "%s", ids[i].path);
        for (char *c = id; *c; c++)
            *c = *c == '.' ? '_' : *c;
        assert_string_equal(id, ids[i].id);
    }
}

static void test_rows(void **state)
{
    (void)state;
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++) {
        const struct schema_row *row = &schema_rows[key];
        assert_int_equal(schema_find(row->path, strlen(row->path)), key);
        if (!row->doc[0])
            fail_msg("%s is not described", row->path);
        if ((row->place & PLACE_CSV || row->name[0]) && !schema_is_figure(key))
            fail_msg("%s is a column or metric, but has no numbers", row->path);
        if (row->name[0] && !row->title[0])
            fail_msg("%s has a name but no title", row->path);
        /* The unit is the name's ending. */
        size_t n = strlen(row->path);
        bool ns = n > 3 && strcmp(row->path + n - 3, "_ns") == 0,
             bytes = n > 6 && strcmp(row->path + n - 6, "_bytes") == 0;
        if (schema_is_figure(key) && !(row->place & PLACE_LETTER) &&
            (ns != (row->unit == UNIT_NS) || (bytes && row->unit != UNIT_BYTES)))
            fail_msg("%s has another unit than its name says", row->path);
    }
    assert_int_equal(schema_find("memory.peak_rss", 15), SCHEMA_KEYS);
    assert_int_equal(schema_find("memory", 6), SCHEMA_KEYS);
    assert_int_equal(schema_find("", 0), SCHEMA_KEYS);
}

static void test_statuses(void **state)
{
    (void)state;
    for (enum sample_status s = SAMPLE_UNKNOWN + 1; s < SAMPLE_STATUSES; s++)
        assert_int_equal(sample_status_of(sample_status_words[s]), s);
    assert_int_equal(sample_status_of("crash"), SAMPLE_CRASHED); /* of old records */
    assert_string_equal(sample_status_words[SAMPLE_CRASHED], "crashed");
    assert_int_equal(sample_status_of("noisy"), SAMPLE_UNKNOWN);
    assert_int_equal(sample_status_of("unknown"), SAMPLE_UNKNOWN);
}

/* --- a worker's lines ---------------------------------------------------------------------------------- */

static int take(struct sample *s, const char *line, struct message *m)
{
    char text[256];
    snprintf(text, sizeof text, "%s", line);
    return sample_take(s, text, m);
}

static void test_lines(void **state)
{
    (void)state;
    struct sample s = {0};
    struct message m;
    static const char *const good[] = {"ops 10",
                                       "ops_per_s 3",
                                       "gc.share 2.50000000000000000e-01",
                                       "pauses.mmu.1ms nan",
                                       "checksum \"00ff\"",
                                       "probe.peak.active 5",
                                       "timeline.gc_ns.0 7",
                                       "timeline.gc_ns.1 8",
                                       "heap.classes.0.size 16",
                                       "census.types.0.type \"list\"",
                                       "stats.0 \"counts=1\"",
                                       "gc.generations.2.collected 4"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (take(&s, good[i], &m))
            fail_msg("%s", m.text);
    double x;
    assert_int_equal(s.ops, 10);
    assert_float_equal(s.ops_per_s, 3, 0);
    assert_float_equal(s.gc_share, 0.25, 0);
    assert_false(sample_has(&s, pauses_mmu_1ms));
    assert_string_equal(s.checksum, "00ff");
    assert_int_equal(s.timeline_gc_ns.count, 2);
    assert_int_equal(s.timeline_gc_ns.value[1], 8);
    assert_int_equal(s.gc_generations_2_collected, 4);
    assert_true(record_number(s.parts, "heap.classes.0.size", &x) && x == 16);
    assert_string_equal(record_text(s.parts, "census.types.0.type"), "list");
    assert_string_equal(record_text(s.parts, "stats.0"), "counts=1");
    sample_clear(&s);
}

static void test_wrong_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line, *why;
    } bad[] = {{"opss 10", "no such key"},
               {"fragmentation-internal 0.1", "no such key"},
               {"memory.peak_rss_bytes 5", "not a worker's"},
               {"status \"ok\"", "not a worker's"},
               {"cell.params.live 5", "not a worker's"},
               {"ops 1.5", "not an integer"},
               {"ops -1", "not an integer"},
               {"ops \"many\"", "not an integer"},
               {"ops 9223372036854775808", "not an integer"},
               {"ops 99999999999999999999", "not an integer"},
               {"ops", "not an integer"},
               {"ops ", "not an integer"},
               {"ops 1 2", "not an integer"},
               {"gc.share \"half\"", "not a number"},
               {"gc.share 0.5x", "not an integer below 2^63, a real"},
               {"checksum 5", "not a \"text\""},
               {"checksum \"open", "not an integer below 2^63, a real"},
               {"latency 5", "no value of its own"},
               {"latency.malloc 5", "no such key"},
               {"latency.malloc.p50_ns.0 5", "no such key"},
               {"latency.mmap.p50_ns 5", "no such key"},
               {"gc.generations.7.collected 5", "no such key"},
               {"timeline.gc_ns.1 5", "next place"},
               {"timeline.gc_ns.x 5", "next place"},
               {"timeline.gc_ns 5", "no value of its own"},
               {"heap 5", "no value of its own"},
               {"heap.a-b 5", "a path that cannot be"},
               {"heap.list.3 5", "a path that cannot be"},
               {"", "no such key"},
               {".", "no such key"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sample s = {0};
        struct message m;
        assert_int_equal(take(&s, bad[i].line, &m), -EPROTO);
        if (!strstr(m.text, bad[i].line) || !strstr(m.text, bad[i].why))
            fail_msg("'%s' does not name '%s' with '%s'", m.text, bad[i].line, bad[i].why);
        for (enum schema_key key = 0; key < SCHEMA_KEYS; key++)
            assert_false(sample_knows(&s, key));
        sample_clear(&s);
    }
}

/* --- writing and reading ------------------------------------------------------------------------------- */

/* A value of its own for every key that is written. */
static void fill(struct sample *s)
{
    char text[64];
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++) {
        const struct schema_row *row = &schema_rows[key];
        char *field = (char *)s + row->offset;
        if (row->place & PLACE_LETTER || row->type == VALUE_GROUP)
            continue;
        if (row->type == VALUE_TREE) {
            snprintf(text, sizeof text, "%s.part", row->path);
            assert_int_equal(record_set_integer(sample_parts(s), text, key), 0);
            continue;
        }
        if (row->type == VALUE_INT)
            *sample_int(s, key) = ((int64_t)1 << 62) + key;
        else if (row->type == VALUE_REAL)
            *sample_real(s, key) = 0.1 + key;
        else if (row->type == VALUE_BOOL)
            *(bool *)field = true;
        else if (row->type == VALUE_STATUS)
            s->status = SAMPLE_PROTOCOL;
        else if (row->type == VALUE_TEXT) {
            snprintf(text, sizeof text, "text \"%d\"", (int)key);
            assert_int_equal(sample_put_text(s, key, (char **)(void *)field, text), 0);
        } else
            for (int i = 0; i < 5; i++)
                assert_int_equal(sample_push(s, key, key - 100 * i), 0);
        sample_learn(s, key);
    }
}

static void equal(const struct sample *a, const struct sample *b, enum schema_key key)
{
    const struct schema_row *row = &schema_rows[key];
    const char *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;
    char part[64];
    double number = -1;
    bool same = true;
    switch (row->type) {
    case VALUE_INT:
        same = *sample_int(a, key) == *sample_int(b, key);
        break;
    case VALUE_REAL:
        same =
            !(*sample_real(a, key) < *sample_real(b, key)) && !(*sample_real(a, key) > *sample_real(b, key));
        break;
    case VALUE_BOOL:
        same = *(const bool *)x == *(const bool *)y;
        break;
    case VALUE_STATUS:
        same = a->status == b->status;
        break;
    case VALUE_TEXT:
        same = strcmp(*(char *const *)(const void *)x, *(char *const *)(const void *)y) == 0;
        break;
    case VALUE_INTS:
        same = sample_ints(a, key)->count == 5 && sample_ints(b, key)->count == 5 &&
               memcmp(sample_ints(a, key)->value, sample_ints(b, key)->value, 5 * sizeof(int64_t)) == 0;
        break;
    case VALUE_TREE:
        snprintf(part, sizeof part, "%s.part", row->path);
        same = record_number(b->parts, part, &number) && number >= key && number <= key;
        break;
    default:
        break;
    }
    if (!same)
        fail_msg("%s came back as another", row->path);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct sample a = {0}, b = {0}, figures = {0};
    struct message m;
    size_t size, again_size;
    fill(&a);
    char *line = sample_format(&a, &size);
    assert_non_null(line);
    assert_int_equal(line[size - 1], '\n');
    if (sample_read(&b, line, size - 1, false, "test", 1, &m))
        fail_msg("%s", m.text);
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++) {
        assert_int_equal(sample_knows(&a, key), sample_knows(&b, key));
        equal(&a, &b, key);
    }
    char *again = sample_format(&b, &again_size);
    assert_int_equal(size, again_size);
    assert_memory_equal(line, again, size);
    assert_int_equal(sample_read(&figures, line, size - 1, true, "test", 1, &m), 0);
    assert_int_equal(figures.timeline_t_ns.count, 0);
    assert_true(record_has(figures.parts, "cell.params.part"));
    assert_false(record_has(figures.parts, "heap"));
    assert_int_equal(figures.ops, a.ops);
    free(line);
    free(again);
    sample_clear(&a);
    sample_clear(&b);
    sample_clear(&figures);
}

/* A key that is not known is null or left out, never 0; letters are in no record. */
static void test_nothing_known(void **state)
{
    (void)state;
    struct sample s = {0}, back = {0};
    struct message m;
    size_t size;
    double x;
    sample_set(&s, probe_start_ns, 77);
    char *line = sample_format(&s, &size);
    struct record *r = record_parse(line, size - 1, "test", 1, &m);
    assert_non_null(r);
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++) {
        const struct schema_row *row = &schema_rows[key];
        assert_int_equal(record_has(r, row->path), (row->place & PLACE_ALWAYS) != 0);
        assert_false(record_number(r, row->path, &x));
        assert_null(record_text(r, row->path));
    }
    assert_false(record_has(r, "probe"));
    assert_int_equal(sample_read(&back, line, size - 1, false, "test", 1, &m), 0);
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++)
        assert_false(sample_knows(&back, key));
    free(line);
    record_free(r);
    sample_set(&s, census_objects, 1); /* NESTED: with its object, and then null */
    line = sample_format(&s, &size);
    assert_non_null(strstr(line, "\"census\":{\"objects\":1,\"leak\":null}"));
    free(line);
    sample_clear(&s);
}

static void test_files(void **state)
{
    (void)state;
    static const char *const no_objects[] = {"[]", "{", "", "5", "{\"ops\":1,\"ops\":2}"};
    static const char *const wrong_types[] = {"{\"ops\":\"5\"}",     "{\"ops\":[5]}",
                                              "{\"ops\":{\"x\":5}}", "{\"gc\":{\"share\":true}}",
                                              "{\"gc\":5}",          "{\"cell\":{\"alloc\":5}}",
                                              "{\"oracle\":1}",      "{\"timeline\":{\"t_ns\":5}}",
                                              "{\"latency\":5}",     "{\"latency\":[5]}",
                                              "{\"status\":5}",      "{\"status\":\"unheard of\"}"};
    for (size_t i = 0; i < sizeof no_objects / sizeof *no_objects; i++) {
        struct sample s = {0};
        struct message m;
        assert_int_equal(sample_read(&s, no_objects[i], strlen(no_objects[i]), false, "f", 3, &m), -EINVAL);
        assert_ptr_equal(strstr(m.text, "f:3"), m.text);
        sample_clear(&s);
    }
    for (size_t i = 0; i < sizeof wrong_types / sizeof *wrong_types; i++) {
        struct sample s = {0};
        struct message m;
        assert_int_equal(sample_read(&s, wrong_types[i], strlen(wrong_types[i]), false, "f", 3, &m), 0);
        for (enum schema_key key = 0; key < SCHEMA_KEYS; key++)
            if (sample_knows(&s, key))
                fail_msg("%s is known of %s", schema_rows[key].path, wrong_types[i]);
        sample_clear(&s);
    }
    /* Of another version, or from elsewhere: what is not known is left out, what is too large stays large. */
    static const char good[] =
        "{\"new\":{\"ops\":5},\"status\":\"crash\",\"ops\":1.9e19,\"probe\":{\"start_ns\":4},"
        "\"cpu_ns\":12.6,\"gc\":{\"generations\":[],\"reclaim\":null},\"wall_ns\":null,"
        "\"timeline\":{\"live_bytes\":[1,-2,1.8e19]}}";
    struct sample s = {0};
    struct message m;
    assert_int_equal(sample_read(&s, good, sizeof good - 1, false, "f", 1, &m), 0);
    assert_int_equal(s.status, SAMPLE_CRASHED);
    assert_true(s.ops == INT64_MAX);
    assert_int_equal(s.cpu_ns, 13);
    assert_false(sample_has(&s, wall_ns));
    assert_false(sample_has(&s, probe_start_ns));
    assert_int_equal(s.timeline_live_bytes.count, 3);
    assert_true(s.timeline_live_bytes.value[2] == INT64_MAX);
    sample_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),           cmocka_unit_test(test_rows),
        cmocka_unit_test(test_statuses),      cmocka_unit_test(test_lines),
        cmocka_unit_test(test_wrong_lines),   cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_nothing_known), cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
