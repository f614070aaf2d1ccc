/* record: dotted keys and their bounds, what is written, going over all. */
// links: bench/result/record.c
#include "bench/result/record.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char *written(const struct record *r)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    assert_int_equal(record_write(r, f), 0);
    fclose(f);
    return text;
}

/* What it holds, also where it would not be written. */
static int count(void *arg, const char *path, size_t length, const struct record_value *v)
{
    fprintf(arg, "%.*s:%d:%lld;", (int)length, path, (int)v->kind, (long long)v->integer);
    return 1;
}

static char *text_of(const struct record *r)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    assert_int_equal(record_walk(r, count, f), 0);
    fclose(f);
    return text;
}

static void test_set_and_get(void **state)
{
    (void)state;
    struct record *r = record_new();
    assert_int_equal(record_set_integer(r, "a.b.0.c", 7), 0);
    assert_int_equal(record_set_integer(r, "a.b.1.c", INT64_MIN), 0);
    assert_int_equal(record_set_real(r, "x", 0.1), 0);
    assert_int_equal(record_set_real(r, "nan", NAN), 0);
    assert_int_equal(record_set_text(r, "t", "a\"\xff\xc3\xa4\xed\xa0\x80\n"), 0);
    assert_int_equal(record_set_bool(r, "yes", true), 0);
    int64_t u[] = {1, -2};
    assert_int_equal(record_set_integers(r, "u", u, 2), 0);
    assert_int_equal(record_set_real(r, "d.0", 1.5), 0);
    assert_int_equal(record_set_real(r, "d.1", INFINITY), 0);
    char *text = written(r);
    assert_string_equal(text,
                        "{\"a\":{\"b\":[{\"c\":7},{\"c\":-9223372036854775808}]},\"x\":0.10000000000000001,"
                        "\"nan\":null,\"t\":\"a\\\"?\xc3\xa4???\\n\",\"yes\":true,"
                        "\"u\":[1,-2],\"d\":[1.5,null]}\n");
    free(text);
    int64_t i;
    double x;
    assert_true(record_integer(r, "a.b.0.c", &i) && i == 7);
    assert_true(record_number(r, "a.b.0.c", &x) && x == 7);
    assert_true(record_number(r, "d.0", &x) && x == 1.5);
    assert_false(record_integer(r, "x", &i));
    assert_false(record_number(r, "nan", &x));
    assert_false(record_number(r, "a.b.2.c", &x));
    assert_false(record_number(r, "x.y", &x));
    assert_null(record_text(r, "x"));
    assert_int_equal(record_array_size(r, "a.b"), 2);
    assert_int_equal(record_array_size(r, "a"), 0);
    const char **keys = record_keys(r, "");
    assert_string_equal(keys[0], "a");
    assert_string_equal(keys[6], "d");
    assert_null(keys[7]);
    free(keys);
    struct record *other = record_new();
    assert_int_equal(record_share(other, "a.b", r), 0);
    assert_int_equal(record_share(other, "none", r), 0);
    record_free(r);
    assert_true(record_number(other, "a.b.0.c", &x) && x == 7);
    assert_false(record_has(other, "none"));
    record_free(other);
}

static void test_bad_keys(void **state)
{
    (void)state;
    struct record *r = record_new();
    char long_key[600];
    memset(long_key, 'a', sizeof long_key);
    long_key[sizeof long_key - 1] = 0;
    static const char *const bad[] = {"",
                                      ".",
                                      "a.",
                                      ".a",
                                      "a..b",
                                      "a b",
                                      "a-b",
                                      "a\"b",
                                      "0",
                                      "l.2",
                                      "l.x",
                                      "leaf.x",
                                      "\xc3\xa4",
                                      "1.2.3.4.5.6.7.8.9",
                                      "a.b.c.d.e.f.g.h.i",
                                      "l.99999999999999999999",
                                      "new.1",
                                      "l.0.x",
                                      "l.1.2",
                                      "new.0.1.x"};
    assert_int_equal(record_set_integer(r, "leaf", 1), 0);
    assert_int_equal(record_set_integer(r, "l.0", 1), 0);
    char *before = text_of(r);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(record_set_integer(r, bad[i], 1), -EINVAL);
    assert_int_equal(record_set_integer(r, long_key, 1), -EINVAL);
    char *after = text_of(r);
    assert_string_equal(before, after);
    assert_int_equal(record_set_integer(r, "a.b.c.d.e.f.g.h", 1), 0);
    for (unsigned i = 1; i < 100000; i++) {
        char key[32];
        snprintf(key, sizeof key, "l.%u", i);
        assert_int_equal(record_set_integer(r, key, i), 0);
    }
    assert_int_equal(record_set_integer(r, "l.100000", 1), -EINVAL);
    free(before);
    free(after);
    record_free(r);
}

/* A value that could not be set: what is written would not be what was meant. */
static void test_first_error_stays(void **state)
{
    (void)state;
    struct record *r = record_new();
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(record_set_integer(r, "a", 1), 0);
    assert_int_equal(record_set_integer(r, "fragmentation-internal", 1), -EINVAL);
    assert_int_equal(record_set_integer(r, "b", 1), 0);
    FILE *f = open_memstream(&text, &size);
    assert_int_equal(record_write(r, f), -EINVAL);
    fclose(f);
    assert_int_equal(size, 0);
    assert_null(record_format(r, false, &size));
    free(text);
    record_free(r);
}

static int stop_at_b(void *arg, const char *path, size_t length, const struct record_value *v)
{
    (void)length;
    (void)v;
    snprintf(arg, 64, "%s", path);
    return strcmp(path, "a.b") == 0 ? -EDOM : strcmp(path, "skipped") != 0;
}

static void test_walk(void **state)
{
    (void)state;
    static const char json[] =
        "{\"n\":null,\"skipped\":{\"x\":1},\"a\":{\"l\":[1,{\"t\":\"u\"}],\"b\":true,\"c\":1.5}}";
    struct message m;
    struct record *r = record_parse(json, sizeof json - 1, "test", 1, &m);
    char last[64], *text = text_of(r);
    assert_string_equal(text, "n:0:0;skipped:6:0;skipped.x:2:1;a:6:0;a.l:5:0;a.l.0:2:1;a.l.1:6:0;a.l.1.t:4:0;"
                              "a.b:1:0;a.c:3:0;");
    assert_int_equal(record_walk(r, stop_at_b, last), -EDOM);
    assert_string_equal(last, "a.b");
    free(text);
    record_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_set_and_get), cmocka_unit_test(test_bad_keys),
                                       cmocka_unit_test(test_first_error_stays), cmocka_unit_test(test_walk)};
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
