/* spec.c: specs of allocators from text; which stacks of wrappers are refused, and in what words. */
#include "alloc/list.h"
#include "alloc/spec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct spec spec;
static struct message m;

static void a_stack_is_taken_apart(void **state)
{
    (void)state;
    assert_int_equal(spec_parse(&spec, " locked( debug:frames=2( pymalloc:layout=3.9 ) ) ", &m), 0);
    assert_int_equal(spec.depth, 3);
    assert_string_equal(spec.text, "locked(debug:frames=2(pymalloc:layout=3.9))");
    static const char *const names[] = {"locked", "debug", "pymalloc"};
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(spec.layer[i].backend->name, names[i]);
    assert_true(spec.flags & ALLOC_THREADS); /* by the lock */
    assert_int_equal(spec_parse(&spec, "debug(pymalloc)", &m), 0);
    assert_false(spec.flags & ALLOC_THREADS);
}

static void a_library_is_kept_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(spec_parse(&spec, "preload:/opt/a(b)/lib.so", &m), 0);
    assert_string_equal(spec.library, "/opt/a(b)/lib.so");
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "an allocator's name is missing"},
        {"pymaloc", "did you mean 'pymalloc'?"},
        {"locked", "locked wraps a backend"},
        {"locked()", "locked wraps a backend"},
        {"pools(bump)", "pools is not a wrapper"},
        {"locked(pools", "the parenthesis is not closed"},
        {"pools)", "a parenthesis closes that was not opened"},
        {"pymalloc:", "nothing follows the colon"},
        {"pymalloc:layout=4", "'4' is not a valid choice"},
        {"preload:", "preload needs a library"},
        {"trace(trace(pools))", "trace() stands twice"},
        {"trace(null)", "trace() cannot wrap null"},
        {"debug(null)", "debug() cannot wrap null"},
        {"debug(preload:jemalloc)", "debug() cannot wrap preload"},
        {"locked(locked(locked(locked(locked(locked(locked(pools)))))))", "more than 7 layers"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(spec_parse(&spec, cases[i].text, &m), -EINVAL);
        if (!strstr(m.text, cases[i].message))
            fail_msg("%s: %s", cases[i].text, m.text);
    }
    char longer[sizeof spec.text + 8];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(spec_parse(&spec, longer, &m), -EINVAL);
}

static void what_cannot_be_a_programs_malloc(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"pools", NULL},
        {"locked(pymalloc)", NULL},
        {"pymalloc", "write locked(pymalloc)"},
        {"null", "no program runs on it"},
        {"cpython", "hands requests on to malloc"},
        {"preload:jemalloc", "LD_PRELOAD=jemalloc"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(spec_parse(&spec, cases[i].text, &m), 0);
        assert_int_equal(spec_check_program(&spec, &m), cases[i].message ? -EINVAL : 0);
        if (cases[i].message && !strstr(m.text, cases[i].message))
            fail_msg("%s: %s", cases[i].text, m.text);
    }
}

static void every_backend_describes_itself(void **state)
{
    (void)state;
    for (const struct backend *const *b = backend_list; *b; b++) {
        assert_non_null((*b)->open);
        assert_non_null((*b)->close);
        assert_true((*b)->summary[0]);
        _Alignas(16) unsigned char params[PARAM_STRUCT_MAX];
        param_defaults((*b)->params, params); /* aborts on a default that is not valid */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_is_taken_apart),         cmocka_unit_test(a_library_is_kept_as_it_is),
        cmocka_unit_test(what_makes_no_sense_is_refused), cmocka_unit_test(what_cannot_be_a_programs_malloc),
        cmocka_unit_test(every_backend_describes_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
