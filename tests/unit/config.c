/* config.c: what braces behind an allocator mean, the one way to write them, and what is refused. */
// links: bench/result/config.c alloc/base/words.c alloc/base/param.c
#include "bench/result/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka wants the above first
#include <cmocka.h>

static struct config config, again;
static struct message m;

/* The form that cells have is read as the same again. */
static void test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *written, *spec, *text, *name;
    } of[] = {
        {"system", "system", "system", "system"},
        {" preload : jemalloc ", "preload:jemalloc", "preload:jemalloc", "preload:jemalloc"},
        {"preload:jemalloc{MALLOC_CONF=dirty_decay_ms:0}", "preload:jemalloc",
         "preload:jemalloc{MALLOC_CONF=dirty_decay_ms:0}", "preload:jemalloc{dirty_decay_ms:0}"},
        {"preload:jemalloc{MALLOC_CONF=\"dirty_decay_ms:0,narenas:2\", as=eager}", "preload:jemalloc",
         "preload:jemalloc{MALLOC_CONF=\"dirty_decay_ms:0,narenas:2\",as=eager}", "eager"},
        {"preload:jemalloc { as = eager , MALLOC_CONF = \"narenas:2\" }", "preload:jemalloc",
         "preload:jemalloc{MALLOC_CONF=narenas:2,as=eager}", "eager"},
        {"system{name=two,GLIBC_TUNABLES=glibc.malloc.arena_max=2:glibc.malloc.tcache_count=0}", "system",
         "system{GLIBC_TUNABLES=glibc.malloc.arena_max=2:glibc.malloc.tcache_count=0,as=two}", "two"},
        {"system{GLIBC_TUNABLES=glibc.malloc.arena_max=2}", "system",
         "system{GLIBC_TUNABLES=glibc.malloc.arena_max=2}", "system{arena_max=2}"},
        {"locked(preload:mimalloc{MIMALLOC_B=2,MIMALLOC_A=1})", "locked(preload:mimalloc)",
         "locked(preload:mimalloc){MIMALLOC_A=1,MIMALLOC_B=2}",
         "locked(preload:mimalloc){MIMALLOC_A=1,MIMALLOC_B=2}"},
        {"system{AB=1,A=2,ABC=}", "system", "system{A=2,AB=1,ABC=}", "system{A=2,AB=1,ABC=}"},
        {"system{A=\"a \\\"b\\\" \\\\ {}\"}", "system", "system{A=\"a \\\"b\\\" \\\\ {}\"}",
         "system{A=a \"b\" \\ {}}"},
        {"system{A=C:\\x}", "system", "system{A=\"C:\\\\x\"}", "system{A=C:\\x}"},
        {"system{mimalloc_verbose=1}", "system", "system{mimalloc_verbose=1}", "system{mimalloc_verbose=1}"},
        {"preload:./old.so{as=old}", "preload:./old.so", "preload:./old.so{as=old}", "old"},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        if (config_parse(&config, of[i].written, &m) != 0)
            fail_msg("%s: %s", of[i].written, m.text);
        assert_string_equal(config.spec, of[i].spec);
        assert_string_equal(config.text, of[i].text);
        assert_string_equal(config.name, of[i].name);
        assert_int_equal(config_parse(&again, config.text, &m), 0);
        assert_string_equal(again.text, config.text);
        assert_string_equal(again.name, config.name);
        assert_int_equal(again.variables, config.variables);
        for (unsigned v = 0; v < config.variables; v++)
            assert_string_equal(config_variable(&again, v), config_variable(&config, v));
    }
}

static void test_values(void **state)
{
    (void)state;
    assert_int_equal(config_parse(&config, "system{B=\"x,y\",A==1=,C=\"\\\"\\\\\\n\"}", &m), 0);
    assert_int_equal(config.variables, 3);
    assert_string_equal(config_variable(&config, 0), "A==1=");
    assert_string_equal(config_variable(&config, 1), "B=x,y");
    assert_string_equal(config_variable(&config, 2), "C=\"\\\\n"); /* \n is no escape */
}

/* What is cut off a name still tells two apart. */
static void test_long_values(void **state)
{
    (void)state;
    char text[CONFIG_VALUE_MAX + 64], other[sizeof text];
    snprintf(text, sizeof text, "system{MALLOC_CONF=%0*d}", CONFIG_VALUE_MAX, 1);
    snprintf(other, sizeof other, "system{MALLOC_CONF=%0*d}", CONFIG_VALUE_MAX, 2);
    assert_int_equal(config_parse(&config, text, &m), 0);
    assert_int_equal(config_parse(&again, other, &m), 0);
    assert_string_equal(config.text, text);
    assert_true(strlen(config.name) < 64);
    assert_string_not_equal(config.name, again.name);
    snprintf(text, sizeof text, "system{MALLOC_CONF=%0*d}", CONFIG_VALUE_MAX + 1, 1);
    assert_int_equal(config_parse(&config, text, &m), -EINVAL);
    assert_non_null(strstr(m.text, "MALLOC_CONF is longer than 1023"));
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *named, *would_do;
    } of[] = {
        {"system{MALLOC_CONF=x", "'system{MALLOC_CONF=x'", "end it with }"},
        {"system{MALLOC_CONF=x,pools", "the brace is not closed", "end it with }"},
        {"system{", "the brace is not closed", "end it with }"},
        {"system{A=\"x}", "the quotes are not closed", "\""},
        {"system{}", "nothing stands in the braces", "as=NAME"},
        {"system{ }", "nothing stands in the braces", "as=NAME"},
        {"system{A=1,}", "an empty place", "system{A=1,}"},
        {"system{A=1,,B=2}", "an empty place", "A=1,,B=2"},
        {"system{=x}", "a name is missing", "'='"},
        {"system{MALLOC_CONF}", "'MALLOC_CONF'", "NAME=VALUE"},
        {"system{MALLOC_CONF=a:0,b:2}", "'b:2'", "MALLOC_CONF=\"a:0,b:2\""},
        {"system{A=1,B=2,A=3}", "A stands twice", "braces"},
        {"system{as=}", "as=", "a name"},
        {"system{as=a,name=b}", "name=b", "called a already"},
        {"system{as=a b}", "as=a b", "letters"},
        {"system{as=\"a,b\"}", "as=a,b", "letters"},
        {"system{as=-a}", "as=-a", "the first"},
        {"system{as=abcdefghijklmnopqrstuvwxyz0123456}", "as=abcdefghijklmnopqrstuvwxyz0123456", "1 to 32"},
        {"system{A=a b}", "a blank", "A=\"a b\""},
        {"system{A=a\"b}", "the quotes are not closed", "\""},
        {"system{A=a\"b\"}", "a quote", "A=\"...\""},
        {"system{A=a{b}", "a brace", "A=\"...\""},
        {"system{A=\"a\"b}", "'b}'", "a comma"},
        {"system{A=a\nb}", "control character", "A"},
        {"system{A=\"a\001b\"}", "control character", "A"},
        {"system{nam=a}", "'nam'", "'name'"},
        {"system{decay=1}", "'decay'", "in capitals"},
        {"system{thp=never}", "huge pages", "--thp"},
        {"system{A-B=1}", "'A-B'", "MALLOC_CONF="},
        {"system{1A=1}", "'1A'", "MALLOC_CONF="},
        {"system{LD_PRELOAD=x.so}", "LD_PRELOAD", "preload:PATH"},
        {"system{HEAPGAUGE_ALLOC=x}", "HEAPGAUGE_ALLOC", "its own processes"},
        {"system{A=1}{B=2}", "braces stand twice", "one pair"},
        {"locked(system{A=1}){B=2}", "braces stand twice", "one pair"},
        {"system{A=1}x", "'x' follows", "braces stand last"},
        {"{A=1}", "no allocator", "{A=1}"},
        {"locked({A=1})", "no allocator", "brace"},
        {"system}", "was not opened", "system}"},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        m.text[0] = '\0';
        if (config_parse(&config, of[i].text, &m) != -EINVAL)
            fail_msg("%s is taken as %s", of[i].text, config.text);
        if (!strstr(m.text, of[i].named) || !strstr(m.text, of[i].would_do))
            fail_msg("%s: %s", of[i].text, m.text);
    }
    char many[512] = "system{";
    for (int i = 0; i <= CONFIG_VARIABLES_MAX; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "V%d=1%s", i,
                 i < CONFIG_VARIABLES_MAX ? "," : "}");
    assert_int_equal(config_parse(&config, many, &m), -EINVAL);
    assert_non_null(strstr(m.text, "more than 16"));
}

static void test_specs(void **state)
{
    (void)state;
    assert_true(config_is_plain("system", "system"));
    assert_true(config_is_plain("system{as=glibc}", "system"));
    assert_false(config_is_plain("system{A=1,as=glibc}", "system"));
    assert_false(config_is_plain("system2", "system"));
    assert_true(config_has_spec("null{A=1}", "null"));
    assert_false(config_has_spec("nullx", "null"));
}

static void test_known(void **state)
{
    (void)state;
    static const char *const known[] = {"MALLOC_CONF=x",   "MALLOC_ARENA_MAX=1", "_RJEM_MALLOC_CONF",
                                        "GLIBC_TUNABLES=", "MIMALLOC_VERBOSE=1", "mimalloc_verbose=1",
                                        "TCMALLOC_X=1",    "JE_MALLOC_CONF=",    "LD_PRELOAD=a.so",
                                        "HEAPPROFILE=x"};
    static const char *const others[] = {"PATH=/bin", "MALLOC=1", "GLIBC_TUNABLES_X=1", "HOME=MALLOC_CONF",
                                         "A=1"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(config_is_known(known[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(config_is_known(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms),       cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_long_values), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_specs),       cmocka_unit_test(test_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
