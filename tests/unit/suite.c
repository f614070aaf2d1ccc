/* suite.c: suite files: what their words become, and errors with file and line. */
// links: $(filter-out bench/cmd/%,$(FRONT_C)) $(STAT_C) $(FORMAT_C) $(ALLOC_C)
#include "bench/plan/suite.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct place *places;
static struct suite suite;
static struct settings given;
static struct message m;
static char path[] = "/tmp/heapgauge-suite-XXXXXX";

static int read_text(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    plan_free(&suite.plan);
    m.text[0] = '\0';
    return suite_read(&suite, path, &given, places, &m);
}

static void refused(const char *text, int line, const char *named)
{
    char where[64];
    assert_true(read_text(text) < 0);
    snprintf(where, sizeof where, "%s:%d: ", path, line);
    if (strncmp(m.text, where, strlen(where)) != 0 || !strstr(m.text, named))
        fail_msg("'%s' and '%s' are not in '%s'", where, named, m.text);
}

static void words_of_suite_and_sections_become_settings(void **state)
{
    (void)state;
    assert_int_equal(read_text("[suite]\ntitle = a look\nblocks = 3\nsettle = 5ms\nbaseline = pools\n"
                               "[one]\nworkload = churn:ops=1k\nalloc = system, pools\n"
                               "[two]\nworkload = cycles:ops=1k\nthreads = 1, 2\ngc = none, "
                               "generational\ncensus = 1\nbaseline = gc=none\n"),
                     0);
    assert_string_equal(suite.settings.title, "a look");
    assert_int_equal(suite.settings.blocks, 3);
    assert_int_equal(suite.plan.cells, 6);
    assert_int_equal(suite.plan.groups, 3);
    const struct settings *one = suite.plan.cell[0].settings, *two = suite.plan.cell[3].settings;
    assert_string_equal(one->baseline, "pools");
    assert_false(suite.plan.cell[0].baseline);
    assert_true(suite.plan.cell[1].baseline);
    assert_string_equal(two->baseline, "gc=none");
    assert_int_equal(one->census, 0); /* a section does not inherit from the one before it */
    assert_int_equal(two->census, 1);
    assert_string_equal(two->alloc, "system");
    assert_int_equal(one->settle, 5000000);
    assert_int_equal(two->settle, 5000000);
    assert_int_equal(two->latency, 1009);
}

static void the_command_line_is_in_every_cell(void **state)
{
    (void)state;
    given.latency = 3;
    given.timeout = 9;
    given.blocks = 50; /* chosen where the plan is ordered */
    assert_int_equal(read_text("[one]\nworkload = churn\n[suite]\nblocks = 2\noracle = 4\n"), 0);
    assert_int_equal(suite.plan.cell[0].settings->latency, 3);
    assert_int_equal(suite.plan.cell[0].settings->timeout, 9);
    assert_int_equal(suite.plan.cell[0].settings->oracle, 4); /* [suite] may stand below */
    assert_int_equal(suite.settings.blocks, 2);
    assert_int_equal(read_text("[one]\nworkload = churn\n"), 0);
    assert_int_equal(suite.settings.blocks, 6);
    assert_int_equal(suite.settings.settle, 100000000);
    settings_defaults(&given, IN_SUITE_VERB);
}

static void a_line_goes_on_in_the_next_one(void **state)
{
    (void)state;
    assert_int_equal(
        read_text("[one]\nworkload = churn:ops=1k\nalloc = system,\n  pools\n  bump\nthreads = 1\n"), 0);
    assert_int_equal(suite.plan.cells, 3);
    assert_string_equal(suite.plan.cell[2].cell.alloc.text, "bump");
    /* A line of a section that has the same name as the last one of the section before does not. */
    assert_int_equal(read_text("[a]\nalloc = pools\nworkload = churn\n[b]\nworkload = larson\n"), 0);
    assert_string_equal(suite.plan.cell[1].cell.workload->name, "larson");
}

static void a_recorded_program_takes_its_place_or_the_section_is_left_out(void **state)
{
    (void)state;
    static const char text[] = "[a]\nworkload = trace:file=@trace@\n[b]\nworkload = churn\n"
                               "[c]\nworkload = trace:file=@trace@\n";
    assert_int_equal(read_text(text), 0);
    assert_string_equal(suite.left_out, "[a] [c]");
    assert_int_equal(suite.plan.cells, 1);
    strcpy(given.trace, "x/y.hgt");
    refused(text, 2, "x/y.hgt"); /* it is not there */
    assert_string_equal(suite.left_out, "");
    given.trace[0] = '\0';
}

static void what_cannot_work_is_kept(void **state)
{
    (void)state;
    assert_int_equal(read_text("[a]\nworkload = churn\nalloc = pymalloc, pools\nthreads = 2\n"), 0);
    assert_int_equal(suite.plan.cells, 2);
    assert_non_null(strstr(suite.plan.cell[0].refused, "locked(pymalloc)"));
    assert_string_equal(suite.plan.cell[1].refused, "");
}

static void errors_have_file_and_line(void **state)
{
    (void)state;
    refused("[a]\nworkload = churn\n\n; a remark\nalocc = pools\n", 5, "did you mean 'alloc'");
    refused("[suite]\nblocks = many\n", 2, "'many'");
    refused("[suite]\nblocks = 0\n", 2, "blocks");
    refused("[suite]\nlatency = 3\n", 2, "no parameter 'latency'");
    refused("title = early\n[suite]\n", 1, "before the first [section]");
    refused("[a]\nworkload = churn\n[b]\nworkload = chrun\n", 4, "did you mean 'churn'");
    refused("[a]\nworkload = churn\nthreads = 0\n[b]\n", 2, "threads");
    refused("[a]\nworkload = churn\nnonsense\n", 3, "neither a [section] nor name = value");
    refused("[a]\nworkload = churn\ncensus = maybe\nalocc = x\n", 3, "'maybe'"); /* the first one */
}

static void a_file_that_is_not_there_or_has_nothing(void **state)
{
    (void)state;
    assert_int_equal(suite_read(&suite, "/nowhere/x.ini", &given, places, &m), -ENOENT);
    assert_non_null(strstr(m.text, "/nowhere/x.ini"));
    assert_int_equal(read_text("[suite]\nblocks = 2\n"), -EINVAL);
    assert_non_null(strstr(m.text, "has no cells"));
    static char line[200000];
    memset(line, 'x', sizeof line - 1);
    memcpy(line, "[a]\nalloc = ", 12);
    refused(line, 2, "too long");
}

static int open_places(void **state)
{
    (void)state;
    setenv("HWLOC_SYNTHETIC", "pack:1 core:2 pu:1", 1);
    settings_defaults(&given, IN_SUITE_VERB);
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    return place_open(&places, &m);
}

static int close_places(void **state)
{
    (void)state;
    unlink(path);
    plan_free(&suite.plan);
    place_close(places);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_suite_and_sections_become_settings),
        cmocka_unit_test(the_command_line_is_in_every_cell),
        cmocka_unit_test(a_line_goes_on_in_the_next_one),
        cmocka_unit_test(a_recorded_program_takes_its_place_or_the_section_is_left_out),
        cmocka_unit_test(what_cannot_work_is_kept),
        cmocka_unit_test(errors_have_file_and_line),
        cmocka_unit_test(a_file_that_is_not_there_or_has_nothing),
    };
    return cmocka_run_group_tests(tests, open_places, close_places);
}
