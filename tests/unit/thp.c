/* thp.c: what of huge pages a machine gives a process, on made-up machines, and what this kernel makes of it. */
// links: bench/host/thp.c
#include "bench/host/thp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
// cmocka wants the above first
#include <cmocka.h>

#include "made_root.h"

#define THP "/sys/kernel/mm/transparent_hugepage"

static void test_reading(void **state)
{
    (void)state;
    struct thp_machine machine;
    strcpy(root, "/tmp/heapgauge-thp-XXXXXX");
    assert_non_null(mkdtemp(root));
    thp_machine_read(&machine, root);
    assert_false(machine.there);
    put(THP "/enabled", "always [madvise] never\n");
    thp_machine_read(&machine, root); /* before Linux 6.8: no sizes */
    assert_true(machine.there);
    assert_int_equal(machine.pmd, THP_MADVISE);
    put(THP "/hpage_pmd_size", "2097152\n");
    put(THP "/hugepages-2048kB/enabled", "always [inherit] madvise never\n");
    put(THP "/hugepages-64kB/enabled", "always inherit madvise [never]\n");
    thp_machine_read(&machine, root);
    assert_int_equal(machine.pmd, THP_MADVISE);
    assert_false(machine.small_always);
    put(THP "/hugepages-64kB/enabled", "[always] inherit madvise never\n");
    thp_machine_read(&machine, root);
    assert_int_equal(machine.pmd, THP_MADVISE);
    assert_true(machine.small_always);
    put(THP "/hugepages-2048kB/enabled", "[always] inherit madvise never\n");
    thp_machine_read(&machine, root);
    assert_int_equal(machine.pmd, THP_ALWAYS);
    put(THP "/enabled", "[always] madvise never\n");
    put(THP "/hugepages-2048kB/enabled", "always inherit madvise [never]\n");
    put(THP "/hugepages-64kB/enabled", "always [inherit] madvise never\n");
    thp_machine_read(&machine, root);
    assert_int_equal(machine.pmd, THP_NEVER);
    assert_true(machine.small_always);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
}

/* The plan as a text: "-" not to be had, "." nothing to do but to set back what is inherited, "d" disabled, "e"
 * all but what is asked for, "a" asked for by the worker. */
static char planned(enum thp wanted, enum thp pmd, bool small_always, bool can_except, bool ours)
{
    struct thp_machine machine = {true, pmd, small_always, true, can_except};
    struct thp_plan plan;
    struct message m;
    int err = thp_plan(&plan, wanted, &machine, "X", ours, &m);
    if (err) {
        assert_int_equal(err, -ENOTSUP);
        assert_non_null(strstr(m.text, thp_words[wanted]));
        return '-';
    }
    assert_int_equal(plan.set, wanted != THP_INHERIT);
    return plan.advise ? 'a' : !plan.disable ? '.' : plan.flags ? 'e' : 'd';
}

static void test_plans(void **state)
{
    (void)state;
    /* columns: machine never, madvise, always; of each not ours, ours */
    static const struct {
        enum thp wanted;
        bool small_always, can_except;
        const char *plans;
    } of[] = {{THP_INHERIT, false, true, "......"}, {THP_NEVER, false, true, "dddddd"},
              {THP_MADVISE, false, true, "--..ee"}, {THP_MADVISE, false, false, "--..--"},
              {THP_MADVISE, true, true, "--eeee"},  {THP_MADVISE, true, false, "------"},
              {THP_ALWAYS, false, true, "---a.."},  {THP_ALWAYS, true, false, "---a.."}};
    static const enum thp machines[] = {THP_NEVER, THP_MADVISE, THP_ALWAYS};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char got[7] = "";
        for (unsigned k = 0; k < 6; k++)
            got[k] = planned(of[i].wanted, machines[k / 2], of[i].small_always, of[i].can_except, k % 2);
        if (strcmp(got, of[i].plans) != 0)
            fail_msg("%s, small %d, except %d: %s, not %s", thp_words[of[i].wanted], of[i].small_always,
                     of[i].can_except, got, of[i].plans);
    }
    struct thp_machine none = {.there = false};
    struct thp_plan plan;
    struct message m;
    assert_int_equal(thp_plan(&plan, THP_NEVER, &none, "X", true, &m), 0);
    assert_int_equal(thp_plan(&plan, THP_ALWAYS, &none, "X", true, &m), -ENOTSUP);
    assert_non_null(strstr(m.text, "no transparent huge pages"));
    struct thp_machine deaf = {.there = true, .pmd = THP_ALWAYS}; /* prctl is refused */
    assert_int_equal(thp_plan(&plan, THP_NEVER, &deaf, "X", true, &m), -ENOTSUP);
    assert_int_equal(thp_of("always"), THP_ALWAYS);
    assert_int_equal(thp_of("sometimes"), THPS);
}

/* What this kernel says of a process that has applied a plan, and that looking leaves no trace. */
static void test_this_kernel(void **state)
{
    (void)state;
    struct thp_machine machine;
    int before = prctl(PR_GET_THP_DISABLE, 0ul, 0ul, 0ul, 0ul);
    if (before < 0)
        skip();
    thp_machine_read(&machine, "");
    assert_int_equal(prctl(PR_GET_THP_DISABLE, 0ul, 0ul, 0ul, 0ul), before);
    if (!machine.can_disable)
        skip();
    static const struct thp_plan plans[] = {{true, 1, 0, false}, {true, 1, 2, false}, {true, 0, 0, false}};
    static const int says[] = {1, 3, 0};
    for (unsigned i = 0; i < 3; i++) {
        if (plans[i].flags && !machine.can_except)
            continue;
        pid_t pid = fork();
        if (pid == 0) {
            bool done = thp_apply(&plans[i]) == 0 &&
                        prctl(PR_GET_THP_DISABLE, 0ul, 0ul, 0ul, 0ul) == says[i] &&
                        thp_is_disabled() == (says[i] != 0);
            thp_machine_read(&machine, "");
            _exit(done && prctl(PR_GET_THP_DISABLE, 0ul, 0ul, 0ul, 0ul) == says[i] ? 0 : 1);
        }
        int status = -1;
        waitpid(pid, &status, 0);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reading), cmocka_unit_test(test_plans),
                                       cmocka_unit_test(test_this_kernel)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
