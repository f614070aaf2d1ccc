/* place.c: the orders of every policy on made-up topologies, the limits of a process and its control groups.
 */
// links: bench/host/place.c bench/host/cgroup.c alloc/base/param.c
#include "bench/host/cgroup.h"
#include "bench/host/place.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct place *open_synthetic(const char *topology)
{
    struct place *p = NULL;
    struct message m = {""};
    setenv("HWLOC_SYNTHETIC", topology, 1);
    assert_int_equal(place_open(&p, &m), 0);
    unsetenv("HWLOC_SYNTHETIC");
    return p;
}

static void expect_order(const struct place *p, const char *policy, unsigned threads, const char *cpus)
{
    struct place_plan plan;
    struct message m = {""};
    char text[512];
    assert_int_equal(place_plan(p, policy, threads, &plan, &m), 0);
    assert_int_equal(place_format(&plan, text, sizeof text), 0);
    assert_string_equal(text, cpus);
}

/* Two packages, two cores each, two siblings a core, numbered as BIOSes do: siblings are 4 apart. */
static void orders_on_smt_with_interleaved_numbers(void **state)
{
    (void)state;
    struct place *p = open_synthetic("pack:2 core:2 pu:2(indexes=0,4,1,5,2,6,3,7)");
    expect_order(p, "compact", 8, "0,4,1,5,2,6,3,7");
    expect_order(p, "cores", 8, "0,1,2,3,4,5,6,7");
    expect_order(p, "scatter", 8, "0,2,1,3,4,6,5,7");
    expect_order(p, "scatter", 3, "0,2,1");
    expect_order(p, "none", 8, "");
    struct place_summary s;
    place_summarise(p, &s);
    assert_int_equal(s.packages, 2);
    assert_int_equal(s.cores, 4);
    assert_int_equal(s.pus, 8);
    assert_true(s.smt);
    assert_false(s.this_system);
    assert_int_equal(place_default_threads(p), 8);
    place_close(p);
}

static void orders_on_two_numa_nodes(void **state)
{
    (void)state;
    struct place *p = open_synthetic("numa:2 core:4 pu:1");
    expect_order(p, "compact", 8, "0,1,2,3,4,5,6,7");
    expect_order(p, "scatter", 8, "0,4,1,5,2,6,3,7");
    expect_order(p, "numa:1", 4, "4,5,6,7");
    expect_order(p, "numa:1", 6, "4,5,6,7,4,5"); /* more threads than CPUs: the list starts again */
    struct place_plan plan;
    assert_int_equal(place_plan(p, "numa:1", 2, &plan, NULL), 0);
    assert_int_equal(plan.memory_node, 1);
    assert_int_equal(place_plan(p, "cores", 2, &plan, NULL), 0);
    assert_int_equal(plan.memory_node, -1);
    place_close(p);
}

/* Scatter goes by caches too: two L3 caches in each package. */
static void scatter_takes_caches_in_turn(void **state)
{
    (void)state;
    struct place *p = open_synthetic("pack:2 l3:2 core:2 pu:1");
    expect_order(p, "scatter", 8, "0,4,2,6,1,5,3,7");
    place_close(p);
}

static void bad_policies_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *policy, *word;
    } bad[] = {{"compct", "did you mean 'compact'"}, {"numa:2", "this machine has: 0 1"},
               {"numa:", "no such NUMA node"},       {"numa:x", "no such NUMA node"},
               {"numa:-1", "no such NUMA node"},     {"", "is not known"}};
    struct place *p = open_synthetic("numa:2 core:4 pu:1");
    struct place_plan plan;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct message m = {""};
        assert_int_equal(place_plan(p, bad[i].policy, 2, &plan, &m), -EINVAL);
        assert_non_null(strstr(m.text, bad[i].word));
        assert_int_equal(plan.count, 0);
    }
    assert_int_equal(place_plan(p, "cores", 0, &plan, NULL), -EINVAL);
    assert_int_equal(place_plan(p, "cores", PLACE_THREADS_MAX + 1, &plan, NULL), -EINVAL);
    assert_int_equal(place_plan(p, "cores", PLACE_THREADS_MAX, &plan, NULL), 0);
    place_close(p);
}

static void a_made_up_machine_is_never_bound_to(void **state)
{
    (void)state;
    struct place *p = open_synthetic("core:4 pu:1");
    struct message m = {""};
    cpu_set_t before, after;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_int_equal(place_bind_thread(p, 0, &m), -ENOTSUP);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    place_close(p);
}

static void a_broken_topology_is_refused(void **state)
{
    (void)state;
    struct place *p = NULL;
    struct message m = {""};
    setenv("HWLOC_SYNTHETIC", "numa:nonsense", 1);
    assert_int_equal(place_open(&p, &m), -EINVAL);
    unsetenv("HWLOC_SYNTHETIC");
    assert_non_null(strstr(m.text, "nonsense"));
    assert_null(p);
}

/* On the machine itself: with the process bound to one CPU, every policy gives that CPU. */
static void the_binding_of_the_process_is_respected(void **state)
{
    (void)state;
    cpu_set_t all, one, is;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    unsigned cpu = CPU_SETSIZE - 1;
    while (!CPU_ISSET(cpu, &all)) /* the last one allowed: not the one that an unfiltered list starts with */
        cpu--;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    struct place *p = NULL;
    struct message m = {""};
    assert_int_equal(place_open(&p, &m), 0);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    char want[64];
    snprintf(want, sizeof want, "%u,%u", cpu, cpu);
    expect_order(p, "compact", 2, want);
    expect_order(p, "cores", 2, want);
    expect_order(p, "scatter", 2, want);
    assert_int_equal(place_default_threads(p), 1);
    assert_int_equal(place_bind_thread(p, cpu, &m), 0);
    assert_int_equal(sched_getaffinity(0, sizeof is, &is), 0);
    assert_true(CPU_EQUAL(&is, &one));
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    place_close(p);
}

static void format_says_when_there_is_no_room(void **state)
{
    (void)state;
    struct place_plan plan = {.count = 2, .cpu = {10, 11}, .memory_node = -1};
    char text[6];
    assert_int_equal(place_format(&plan, text, 6), 0);
    assert_string_equal(text, "10,11");
    assert_int_equal(place_format(&plan, text, 5), -ENOSPC);
}

/* --- control groups, on a made-up /proc and /sys ------------------------------------------------------- */

static char root[64];

static void put(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0755);
        *slash = '/';
    }
    FILE *f = fopen(full, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make_root(void **state)
{
    (void)state;
    strcpy(root, "/tmp/heapgauge-cgroup-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void the_tightest_group_counts(void **state)
{
    (void)state;
    struct cgroup g;
    put("/proc/self/cgroup", "0::/outer/inner\n");
    put("/sys/fs/cgroup/outer/cpu.max", "150000 100000\n");
    put("/sys/fs/cgroup/outer/cpu.stat", "usage_usec 5\nnr_periods 9\nnr_throttled 4\nthrottled_usec 77\n");
    put("/sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/outer/inner/cpu.stat", "usage_usec 5\nnr_throttled 0\nthrottled_usec 0\n");
    put("/sys/fs/cgroup/outer/memory.max", "max\n");
    put("/sys/fs/cgroup/outer/inner/memory.max", "1048576\n");
    cgroup_read(&g, root);
    assert_int_equal(g.quota_millicpus, 1500);
    assert_int_equal(g.memory_limit_bytes, 1048576);
    assert_int_equal(g.throttled_periods, 4);
    assert_int_equal(g.throttled_ns, 77000);
    assert_true(g.memory_high_bytes == CGROUP_UNKNOWN);
}

static void version_1_is_read_too(void **state)
{
    (void)state;
    struct cgroup g;
    put("/proc/self/cgroup", "3:cpu,cpuacct:/box\n2:memory:/box\n1:name=systemd:/\n");
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "50000\n");
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n");
    cgroup_read(&g, root);
    assert_int_equal(g.quota_millicpus, 500);
    assert_int_equal(g.memory_limit_bytes, 4096);
}

static void no_groups_is_unknown_not_zero(void **state)
{
    (void)state;
    struct cgroup g;
    cgroup_read(&g, root);
    assert_true(g.quota_millicpus == CGROUP_UNKNOWN);
    assert_true(g.memory_limit_bytes == CGROUP_UNKNOWN);
    assert_true(g.throttled_ns == CGROUP_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_on_smt_with_interleaved_numbers),
        cmocka_unit_test(orders_on_two_numa_nodes),
        cmocka_unit_test(scatter_takes_caches_in_turn),
        cmocka_unit_test(bad_policies_are_named),
        cmocka_unit_test(a_made_up_machine_is_never_bound_to),
        cmocka_unit_test(a_broken_topology_is_refused),
        cmocka_unit_test(the_binding_of_the_process_is_respected),
        cmocka_unit_test(format_says_when_there_is_no_room),
        cmocka_unit_test_setup_teardown(the_tightest_group_counts, make_root, remove_root),
        cmocka_unit_test_setup_teardown(version_1_is_read_too, make_root, remove_root),
        cmocka_unit_test_setup_teardown(no_groups_is_unknown_not_zero, make_root, remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
