/* settings.c: the table of settings: its places and defaults, and a worker's arguments there and back. */
// links: bench/plan/settings.c alloc/base/param.c
#include "bench/plan/settings.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct param *row_of(unsigned where, const char *name)
{
    for (const struct param *row = settings_table(where); row->name; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

static void a_row_is_in_its_places_and_no_other(void **state)
{
    (void)state;
    assert_non_null(row_of(IN_RUN, "latency"));
    assert_non_null(row_of(IN_SUITE_VERB, "latency"));
    assert_non_null(row_of(IN_WORKER, "latency"));
    assert_null(row_of(IN_SUITE, "latency"));
    assert_null(row_of(IN_SECTION, "latency"));
    assert_null(row_of(IN_RUN, "title"));
    assert_null(row_of(IN_RUN, "level"));
    assert_ptr_equal(settings_table(IN_RUN), settings_table(IN_RUN));
}

static void defaults_differ_between_the_command_line_and_a_suite_file(void **state)
{
    (void)state;
    static struct settings s;
    memset(&s, 0xee, sizeof s);
    settings_defaults(&s, IN_RUN);
    assert_int_equal(s.settle, 1000000000);
    assert_int_equal(s.blocks, 0);
    assert_string_equal(s.baseline, "");
    assert_string_equal(row_of(IN_RUN, "settle")->fallback, "1s");
    memset(&s, 0xee, sizeof s);
    settings_defaults(&s, IN_SECTION);
    assert_int_equal(s.settle, 100000000);
    assert_int_equal(s.blocks, 6);
    assert_string_equal(row_of(IN_SUITE, "settle")->fallback, "100ms");
    assert_string_equal(s.heap_snapshot, ""); /* of another place: set all the same */
}

static void every_row_has_words_for_people_and_a_default_that_parses(void **state)
{
    (void)state;
    static struct settings s;
    for (unsigned where = 1; where <= IN_ECHO; where *= 2) {
        unsigned rows = 0;
        for (const struct param *row = settings_table(where); row->name; row++, rows++) {
            struct message m;
            assert_true(strlen(row->help) > 10);
            assert_int_equal(param_set(settings_table(where), &s, "a test", row->name, row->fallback, &m), 0);
            assert_true(row->offset + row->size <= sizeof s);
        }
        assert_true(rows >= 4);
    }
}

static void copy_takes_the_places_that_are_asked_for(void **state)
{
    (void)state;
    static struct settings from, to;
    settings_defaults(&from, IN_RUN);
    settings_defaults(&to, IN_RUN);
    from.settle = 5;
    strcpy(from.baseline, "pools");
    from.seed = 9;
    settings_copy(&to, &from, IN_SUITE, IN_SECTION);
    assert_int_equal(to.settle, 5);
    assert_string_equal(to.baseline, ""); /* it is of a section too */
    assert_int_equal(to.seed, 1);         /* no key of [suite] */
}

static void arguments_are_read_as_they_were_written(void **state)
{
    (void)state;
    static struct settings s, back;
    static struct settings_arguments words;
    struct message m;
    char program[] = "worker";
    settings_defaults(&s, IN_RUN);
    strcpy(s.workload, "churn:live=100,size=16-512");
    strcpy(s.threads, "3");
    memset(s.cpus, '7', sizeof s.cpus - 1);
    s.cpus[sizeof s.cpus - 1] = '\0';
    s.latency = 0;
    s.oracle = 77;
    s.level = 1;
    s.census = 1;
    s.process = 63;
    s.work_seed = UINT64_C(0xffffffffffff);
    s.timeout = 5; /* no argument of a worker */
    assert_int_equal(settings_write_arguments(&words, &s, &m), 0);
    words.argv[0] = program;
    unsigned n = 1;
    for (; words.argv[n]; n++) {
        assert_non_null(strchr(words.argv[n], '='));
        assert_true(strncmp(words.argv[n], "timeout", 7) != 0);
        assert_true(strncmp(words.argv[n], "heapmap", 7) != 0); /* an empty one is left out */
    }
    assert_int_equal(settings_read_arguments(&back, words.argv, &m), 0);
    for (const struct param *row = settings_table(IN_WORKER); row->name; row++)
        assert_memory_equal((char *)&back + row->offset, (char *)&s + row->offset, row->size);
    assert_int_equal(back.timeout, UINT64_C(300000000000));
}

static void refused(const char *word, const char *named)
{
    static struct settings s;
    struct message m = {""};
    char program[] = "worker", text[256];
    strcpy(text, word);
    char *argv[] = {program, text, NULL};
    assert_int_equal(settings_read_arguments(&s, argv, &m), -EINVAL);
    if (!strstr(m.text, named))
        fail_msg("'%s' is not in '%s'", named, m.text);
}

static void an_argument_that_does_not_parse_is_refused(void **state)
{
    (void)state;
    refused("latency=often", "'often'");
    refused("latency=2G", "0-1G");
    refused("latncy=1", "'latency'");
    refused("level=both", "alloc|object");
    refused("census=yes", "0 or 1");
    refused("loose", "NAME=VALUE");
    refused("timeout=1s", "no parameter 'timeout'");
}

static void arguments_of_full_length_have_room(void **state)
{
    (void)state;
    static struct settings s, back;
    static struct settings_arguments words;
    struct message m;
    char program[] = "worker";
    settings_defaults(&s, IN_RUN);
    for (const struct param *row = settings_table(IN_WORKER); row->name; row++)
        if (row->type == PARAM_TEXT)
            memset((char *)&s + row->offset, 'x', row->size - 1);
    assert_int_equal(settings_write_arguments(&words, &s, &m), 0);
    words.argv[0] = program;
    assert_int_equal(settings_read_arguments(&back, words.argv, &m), 0);
    assert_memory_equal(back.library, s.library, sizeof s.library);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_in_its_places_and_no_other),
        cmocka_unit_test(defaults_differ_between_the_command_line_and_a_suite_file),
        cmocka_unit_test(every_row_has_words_for_people_and_a_default_that_parses),
        cmocka_unit_test(copy_takes_the_places_that_are_asked_for),
        cmocka_unit_test(arguments_are_read_as_they_were_written),
        cmocka_unit_test(an_argument_that_does_not_parse_is_refused),
        cmocka_unit_test(arguments_of_full_length_have_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
