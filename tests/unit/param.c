/* param.c: parameters from text and back: every type, its units and its bounds; what the messages name. */
// links: alloc/base/param.c
#include "alloc/base/param.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define THING_PARAMS(P, S)                             \
    P(S, COUNT, live, "100k", "1-100M", "blocks")      \
    P(S, BYTES, room, "16M", "0-1G", "bytes")          \
    P(S, RANGE, size, "16-512", "1-1G", "block sizes") \
    P(S, NS, pause, "5ms", "0-1s", "a pause")          \
    P(S, REAL, part, "0.5", "0-1", "a part")           \
    P(S, CHOICE, layout, "3.10", "3.9|3.10", "which")  \
    P(S, FLAG, huge, "0", "", "or not")                \
    P(S, TEXT, file, "", "", "a path")
PARAM_STRUCT(thing, THING_PARAMS)

static const struct param *const table = PARAM_TABLE(thing, THING_PARAMS);
static struct message m;

static int parse(struct thing *t, const char *text)
{
    m.text[0] = '\0';
    return param_parse(table, t, "thing x", text, &m);
}

static void defaults_are_read_as_text_is(void **state)
{
    (void)state;
    struct thing t;
    param_defaults(table, &t);
    assert_int_equal(t.live, 100000); /* of 1000 */
    assert_int_equal(t.room, 16 << 20);
    assert_int_equal(t.size.lo, 16);
    assert_int_equal(t.size.hi, 512);
    assert_int_equal(t.pause, 5000000);
    assert_true(t.part == 0.5);
    assert_int_equal(t.layout, 1);
    assert_int_equal(t.huge, 0);
    assert_string_equal(t.file, "");
}

static void each_type_is_read_and_written(void **state)
{
    (void)state;
    struct thing t;
    assert_int_equal(parse(&t, "live=2M,room=4k,size=1k-2k,pause=3us,part=0.25,layout=3.9,huge=1,file=a/b"),
                     0);
    static const char *const expected[] = {"2000000", "4096", "1024-2048", "3000ns",
                                           "0.25",    "3.9",  "1",         "a/b"};
    for (unsigned i = 0; table[i].name; i++) {
        char text[64];
        param_print(&table[i], &t, text, sizeof text);
        assert_string_equal(text, expected[i]);
        struct thing again = t; /* what is written can be read */
        assert_int_equal(param_set(table, &again, "thing x", table[i].name, text, &m), 0);
    }
}

static void what_is_out_of_bounds_or_no_value_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"live=0",     "live=101M", "live=",      "live=x",  "live=-1",
                                        "room=2G",    "size=5-4",  "size=0-4",   "size=4-", "pause=5",
                                        "part=1.5",   "part=nan",  "layout=3.1", "huge=2",  "huge=yes",
                                        "live=1e400", "live=0x10", "live=1,",    "live",    "=1"};
    struct thing t;
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (parse(&t, wrong[i]) != -EINVAL)
            fail_msg("%s is taken", wrong[i]);
        assert_true(m.text[0]);
    }
}

static void a_message_names_owner_word_range_and_what_is_near(void **state)
{
    (void)state;
    struct thing t;
    assert_int_equal(parse(&t, "live=0"), -EINVAL);
    assert_string_equal(m.text,
                        "thing x: '0' is not a valid count for 'live': it takes 1-100M (default 100k)");
    assert_int_equal(parse(&t, "layuot=3.9"), -EINVAL);
    assert_non_null(strstr(m.text, "did you mean 'layout'?"));
    assert_int_equal(param_parse(PARAM_TABLE(param_none, PARAM_NONE), &t, "thing y", "a=1", &m), -EINVAL);
    assert_string_equal(m.text, "thing y has no parameter 'a': it takes none");
}

static void numbers(void **state)
{
    (void)state;
    uint64_t n;
    assert_int_equal(param_number("9007199254740993", 1000, &n), 0); /* a double cannot hold it */
    assert_int_equal(n, 9007199254740993);
    assert_int_equal(param_number("1.5k", 1024, &n), 0);
    assert_int_equal(n, 1536);
    assert_int_equal(param_number("4KiB", 1024, &n), 0);
    assert_int_equal(n, 4096);
    assert_int_equal(param_number("4KiB", 1000, &n), -EINVAL);
    assert_int_equal(param_number("4Ki", 1000, &n), -EINVAL);
    assert_int_equal(param_number("20000000000G", 1000, &n), -EINVAL);
    assert_int_equal(param_number("inf", 1000, &n), -EINVAL);
    assert_int_equal(param_duration("1.5ms", &n), 0);
    assert_int_equal(n, 1500000);
    assert_int_equal(param_duration("0", &n), 0);
    assert_int_equal(param_duration("5", &n), -EINVAL);
}

static void the_nearest_name(void **state)
{
    (void)state;
    static const char *const names[] = {"pools", "pymalloc", "bump"};
    assert_string_equal(param_nearest("pymaloc", names, 3), "pymalloc");
    assert_string_equal(param_nearest("POOLS", names, 3), "pools");
    assert_null(param_nearest("tcmalloc-minimal", names, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_read_as_text_is),
        cmocka_unit_test(each_type_is_read_and_written),
        cmocka_unit_test(what_is_out_of_bounds_or_no_value_is_refused),
        cmocka_unit_test(a_message_names_owner_word_range_and_what_is_near),
        cmocka_unit_test(numbers),
        cmocka_unit_test(the_nearest_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
