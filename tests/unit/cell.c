/* cell.c: a cell from words: its canonical text and id, and what cannot work together with what would. */
// links: $(filter-out bench/cmd/%,$(FRONT_C)) $(STAT_C) $(FORMAT_C) $(ALLOC_C)
#include "bench/plan/cell.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct place *places;
static struct cell cell, other;
static struct message m;

static int make(struct cell *out, const char *workload, const char *alloc, const char *rc, const char *gc,
                unsigned threads, unsigned processes)
{
    struct cell_words words = {workload, alloc, rc, gc, NULL, NULL, threads, processes, NULL};
    m.text[0] = '\0';
    return cell_make(out, &words, places, &m);
}

static void refused(int err, const char *named, int got)
{
    assert_int_equal(got, err);
    if (!strstr(m.text, named))
        fail_msg("'%s' is not in '%s'", named, m.text);
}

static void words_that_are_left_out_take_defaults(void **state)
{
    (void)state;
    assert_int_equal(make(&cell, "churn", NULL, NULL, NULL, 0, 0), 0);
    assert_string_equal(cell.alloc.text, "system");
    assert_null(cell.rc);
    assert_null(cell.gc);
    assert_int_equal(cell.threads, 1);
    assert_int_equal(cell.processes, 1);
    assert_string_equal(cell.place, "none");
    assert_int_equal(make(&cell, "cycles", "pools", "", "", 1, 1), 0); /* on objects alone */
    assert_string_equal(cell.rc->name, "gil");
    assert_string_equal(cell.gc->name, "generational");
    assert_int_equal(make(&cell, "cycles", "pools", "biased", "", 1, 1), 0);
    assert_string_equal(cell.gc->name, "stw");
    assert_int_equal(make(&cell, "cycles", "pools", "tracing", "", 1, 1), 0);
    assert_string_equal(cell.gc->name, "tracing");
}

static void the_canonical_text_has_every_parameter(void **state)
{
    (void)state;
    assert_int_equal(make(&cell, "churn:live=5k", "system", NULL, NULL, 1, 1), 0);
    assert_non_null(strstr(cell.workload_text, "churn:"));
    assert_non_null(strstr(cell.workload_text, "live=5000"));
    for (const struct param *row = cell.workload->params; row->name; row++)
        if (row->fallback[0] && !strstr(cell.workload_text, row->name))
            fail_msg("%s is not in %s", row->name, cell.workload_text);
    /* It says the same again. */
    assert_int_equal(make(&other, cell.workload_text, "system", NULL, NULL, 1, 1), 0);
    assert_string_equal(other.workload_text, cell.workload_text);
    assert_string_equal(other.id, cell.id);
}

static void the_id_is_of_all_axes_and_of_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(make(&cell, "cycles:ops=5k", "pools", "gil", "none", 1, 1), 0);
    assert_int_equal(strlen(cell.id), 16);
    assert_int_equal(make(&other, "cycles:ops=5000", "pools", "gil", "none", 1, 1), 0);
    assert_string_equal(other.id, cell.id);
    const struct cell_words changed[] = {
        {"cycles:ops=6k", "pools", "gil", "none", NULL, NULL, 1, 1, NULL},
        {"cycles:ops=5k", "system", "gil", "none", NULL, NULL, 1, 1, NULL},
        {"cycles:ops=5k", "pools{MALLOC_CONF=a}", "gil", "none", NULL, NULL, 1, 1, NULL},
        {"cycles:ops=5k", "pools", "gil", "none", NULL, "never", 1, 1, NULL},
        {"cycles:ops=5k", "pools{as=a}", "gil", "none", NULL, NULL, 1, 1, NULL},
        {"cycles:ops=5k", "pools", "biased", "none", NULL, NULL, 1, 1, NULL},
        {"cycles:ops=5k", "pools", "gil", "generational", NULL, NULL, 1, 1, NULL},
        {"cycles:ops=5k", "pools", "gil", "none", "compact", NULL, 1, 1, NULL},
        {"cycles:ops=5k", "pools", "gil", "none", NULL, NULL, 2, 1, NULL},
        {"cycles:ops=5k", "pools", "gil", "none", NULL, NULL, 1, 2, NULL},
        {"cycles:ops=5k", "pools", "gil", "none", NULL, NULL, 1, 1, "3.11"},
    };
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        assert_int_equal(cell_make(&other, &changed[i], places, &m), 0);
        assert_string_not_equal(other.id, cell.id);
    }
}

/* Records of one version are compared with those of the next. */
static void an_id_lasts(void **state)
{
    (void)state;
    assert_int_equal(make(&cell, "churn:ops=5k", "system{B=1,A=\"x,y\"}", NULL, NULL, 1, 1), 0);
    assert_int_equal(make(&other, "churn:ops=5k", " system { A=\"x,y\", B=1 } ", NULL, NULL, 1, 1), 0);
    assert_string_equal(other.id, cell.id);
    assert_string_equal(cell.alloc.text, "system"); /* what the worker gets */
    assert_int_equal(make(&other, "churn:ops=5k", "system{A=\"x,z\",B=1}", NULL, NULL, 1, 1), 0);
    assert_string_not_equal(other.id, cell.id);
}

static void a_combination_that_cannot_work_is_kept_with_what_would(void **state)
{
    (void)state;
    refused(-ENOTSUP, "locked(pymalloc)", make(&cell, "churn", "pymalloc", NULL, NULL, 2, 1));
    assert_string_equal(cell.workload->name, "churn"); /* filled, to be recorded as not-applicable */
    assert_int_equal(make(&cell, "churn", "locked(pymalloc)", NULL, NULL, 2, 1), 0);
    assert_int_equal(make(&cell, "cycles", "pymalloc", "gil", NULL, 2, 1), 0);
    refused(-ENOTSUP, "bump", make(&cell, "cycles", "null", "gil", NULL, 1, 1));
    assert_int_equal(make(&cell, "cycles", "bump", "gil", NULL, 1, 1), 0);
    refused(-ENOTSUP, "rc=tracing", make(&cell, "cycles", "pools", "gil", "tracing", 1, 1));
    refused(-ENOTSUP, "take tracing or none",
            make(&cell, "cycles", "pools", "tracing", "generational", 1, 1));
    refused(-ENOTSUP, "take none or stw", make(&cell, "cycles", "pools", "biased", "generational", 1, 1));
    refused(-ENOTSUP, "rc=atomic, objlock or biased", make(&cell, "cycles", "pools", "gil", "stw", 1, 1));
}

static void a_wrong_word_is_named_with_the_nearest(void **state)
{
    (void)state;
    refused(-EINVAL, "which workload", make(&cell, "", NULL, NULL, NULL, 1, 1));
    refused(-EINVAL, "did you mean 'churn'", make(&cell, "chrun", NULL, NULL, NULL, 1, 1));
    refused(-EINVAL, "did you mean 'biased'", make(&cell, "cycles", NULL, "baised", NULL, 1, 1));
    refused(-EINVAL, "did you mean 'generational'", make(&cell, "cycles", NULL, "gil", "generation", 1, 1));
    refused(-EINVAL, "there are:", make(&cell, "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", NULL, NULL, NULL, 1, 1));
    refused(-EINVAL, "'system'", make(&cell, "churn", "sistem", NULL, NULL, 1, 1));
    refused(-EINVAL, "'sistem'", make(&cell, "churn", "sistem{A=1}", NULL, NULL, 1, 1));
    refused(-EINVAL, "end it with }", make(&cell, "churn", "system{A=1", NULL, NULL, 1, 1));
    refused(-EINVAL, "needs a refcount policy", make(&cell, "churn", NULL, "none", "stw", 1, 1));
    refused(-EINVAL, "give it a refcount policy", make(&cell, "cycles", NULL, "none", NULL, 1, 1));
    refused(-EINVAL, "takes --rc none", make(&cell, "larson", NULL, "gil", NULL, 1, 1));
    refused(-EINVAL, "nothing follows the colon", make(&cell, "churn:", NULL, NULL, NULL, 1, 1));
    refused(-EINVAL, "name is missing", make(&cell, ":live=3", NULL, NULL, NULL, 1, 1));
    refused(-EINVAL, "1024 threads in all", make(&cell, "churn", NULL, NULL, NULL, 1025, 1));
    refused(-EINVAL, "64 processes", make(&cell, "churn", NULL, NULL, NULL, 1, 65));
    struct cell_words words = {"churn", NULL, NULL, NULL, "nowhere", NULL, 1, 1, NULL};
    refused(-EINVAL, "nowhere", cell_make(&cell, &words, places, &m));
}

static void a_baseline_looks_for_the_axes_as_they_were_written(void **state)
{
    (void)state;
    assert_int_equal(make(&cell, "cycles", "pools", "gil:immortal=3.12", "none", 2, 1), 0);
    struct baseline_axes axes = cell_axes(&cell);
    assert_string_equal(axes.alloc, "pools");
    assert_string_equal(axes.rc, "gil:immortal=3.12");
    assert_string_equal(axes.gc, "none");
    assert_int_equal(axes.threads, 2);
    assert_int_equal(axes.processes, 1);
    assert_int_equal(make(&cell, "churn", "system", NULL, NULL, 1, 2), 0);
    axes = cell_axes(&cell);
    assert_string_equal(axes.rc, "none");
    assert_int_equal(axes.processes, 2);
}

static void a_label_sets_cells_of_a_workload_apart(void **state)
{
    (void)state;
    char label[128];
    assert_int_equal(make(&cell, "cycles", "pools", "gil", "none", 2, 1), 0);
    cell_label(&cell, label, sizeof label);
    assert_string_equal(label, "pools gil none x2");
    assert_int_equal(make(&cell, "churn", "system", NULL, NULL, 1, 2), 0);
    cell_label(&cell, label, sizeof label);
    assert_string_equal(label, "system 1x2");
    cell_label(&cell, label, 4);
    assert_string_equal(label, "sys");
    assert_int_equal(
        make(&cell, "churn", "system{GLIBC_TUNABLES=glibc.malloc.arena_max=2}", NULL, NULL, 1, 1), 0);
    cell_label(&cell, label, sizeof label);
    assert_string_equal(label, "system{arena_max=2} x1");
    assert_int_equal(make(&cell, "churn", "system{A=1,as=one}", NULL, NULL, 1, 1), 0);
    cell_label(&cell, label, sizeof label);
    assert_string_equal(label, "one x1");
}

static int open_places(void **state)
{
    (void)state;
    setenv("HWLOC_SYNTHETIC", "pack:1 core:2 pu:1", 1);
    return place_open(&places, &m);
}

static int close_places(void **state)
{
    (void)state;
    place_close(places);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_that_are_left_out_take_defaults),
        cmocka_unit_test(the_canonical_text_has_every_parameter),
        cmocka_unit_test(the_id_is_of_all_axes_and_of_nothing_else),
        cmocka_unit_test(an_id_lasts),
        cmocka_unit_test(a_combination_that_cannot_work_is_kept_with_what_would),
        cmocka_unit_test(a_wrong_word_is_named_with_the_nearest),
        cmocka_unit_test(a_baseline_looks_for_the_axes_as_they_were_written),
        cmocka_unit_test(a_label_sets_cells_of_a_workload_apart),
    };
    return cmocka_run_group_tests(tests, open_places, close_places);
}
