// links: bench/result/baseline.c bench/result/config.c alloc/base/words.c alloc/base/param.c
/* baseline.c: what the words name, and what they do not. */
#include "bench/result/baseline.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
// cmocka wants the above first
#include <cmocka.h>

static const struct baseline_axes cells[] = {
    {"system", "system", "none", "none", "", "inherit", 1, 1},
    {"pools", "pools", "gil", "generational:version=3.13", "", "inherit", 1, 1},
    {"pools", "pools", "gil", "generational", "", "inherit", 1, 1},
    {"pools", "pools", "atomic", "stw", "", "never", 1, 2},
    {"trace(pools:x=1,y=2)", "trace(pools:x=1,y=2)", "gil", "none", "", "inherit", 2, 1},
    {"preload:a{A=1,B=\"x,rc=gil y\",as=one}", "one", "none", "none", "", "inherit", 1, 1},
    {"preload:a{A=1}", "preload:a{A=1}", "none", "none", "", "inherit", 1, 1},
};
#define CELLS (sizeof cells / sizeof *cells)

/* A letter a cell: '.' another, 'c' but for the collector's parameters, 's' the same. */
static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *matches;
    } of[] = {{"system", "s......"},
              {"alloc=system", "s......"},
              {"pools", ".sss..."},
              {"rc=gil", ".ss.s.."},
              {"rc=none", "s....ss"},
              {"gc=generational", ".cs...."},
              {"gc=generational:version=3.13", ".s....."},
              {"gc=gen", "......."},
              {"parallel=1x2", "...s..."},
              {"rc=none,parallel=1x1", "s....ss"},
              {"one", ".....s."},
              {"alloc=one,rc=none", ".....s."},
              {"preload:a", "......."},
              {"preload:a{A=1}", "......s"},
              {"alloc=preload:a{ as=one, B=\"x,rc=gil y\", A=1 } rc=none", ".....s."},
              {"rc=gil,parallel=1x1", ".ss...."},
              {"rc=gil parallel=2x1", "....s.."},
              {"alloc=pools,rc=gil,gc=generational:version=3.13,parallel=1x1", ".s....."},
              {"alloc=trace(pools:x=1,y=2),rc=gil", "....s.."},
              {"trace(pools:x=1,y=2)", "....s.."},
              {"thp=never", "...s..."},
              {"alloc=pools,thp=inherit", ".ss...."},
              {"gil", "......."}, /* a bare word is an allocator */
              {"alloc=foo", "......."}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct baseline b;
        struct message m;
        char found[CELLS + 1] = "";
        assert_int_equal(baseline_parse(&b, of[i].text, "--baseline", &m), 0);
        assert_true(baseline_names(&b));
        for (size_t c = 0; c < CELLS; c++)
            found[c] = ".cs"[baseline_matches(&b, &cells[c])];
        if (strcmp(found, of[i].matches) != 0)
            fail_msg("%s is %s, not %s", of[i].text, found, of[i].matches);
    }
}

static void test_nothing_named(void **state)
{
    (void)state;
    struct baseline b;
    struct message m;
    assert_int_equal(baseline_parse(&b, "", "--baseline", &m), 0);
    assert_false(baseline_names(&b));
    assert_int_equal(baseline_parse(&b, "  ", "--baseline", &m), 0);
    assert_false(baseline_names(&b));
    assert_int_equal(baseline_matches(&b, &cells[3]), BASELINE_SAME);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"speed=1",
                                      "alloc=pools speed=1",
                                      "rc=",
                                      "gc=,rc=gil",
                                      "parallel=",
                                      "parallel=1",
                                      "parallel=1x",
                                      "parallel=1x1,2x1",
                                      "parallel=0x1",
                                      "parallel=1x1x1",
                                      "parallel=axb",
                                      "alloc=",
                                      "alloc=pools,alloc=system",
                                      "system pools",
                                      "rc=gil gc=none rc=biased"};
    char long_text[4096];
    struct baseline b;
    struct message m;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (baseline_parse(&b, bad[i], "[suite] baseline", &m) != -EINVAL)
            fail_msg("'%s' was taken", bad[i]);
        assert_ptr_equal(strstr(m.text, "[suite] baseline"), m.text);
    }
    memset(long_text, 'a', sizeof long_text);
    for (size_t n = 70; n < sizeof long_text; n *= 2) {
        char text[4200];
        snprintf(text, sizeof text, "rc=%.*s", (int)n, long_text);
        assert_int_equal(baseline_parse(&b, text, "--baseline", &m), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_nothing_named),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("baseline", tests, NULL, NULL);
}
