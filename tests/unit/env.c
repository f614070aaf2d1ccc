/* env.c: the environment block of made-up machines, and what one sample's delta says. */
// links: bench/host/env.c bench/host/thp.c bench/host/cgroup.c bench/host/place.c bench/host/paths.c bench/host/sha256.c
// links: bench/result/record.c bench/result/sample.c bench/result/schema.c bench/result/config.c
// links: alloc/base/param.c alloc/base/words.c
#include "bench/host/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "made_root.h"

static int make_root(void **state)
{
    (void)state;
    strcpy(root, "/tmp/heapgauge-env-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void expect_text(struct record *r, const char *key, const char *want)
{
    const char *got = record_text(r, key);
    if (!got)
        fail_msg("%s is absent", key);
    assert_string_equal(got, want);
}

static void expect_integer(struct record *r, const char *key, int64_t want)
{
    int64_t got;
    if (!record_integer(r, key, &got))
        fail_msg("%s is absent", key);
    assert_int_equal(got, want);
}

/* Walks every leaf below key: counts those that have a value. */
static unsigned known_leaves(struct record *r, const char *key)
{
    unsigned known = 0;
    const char **keys = record_keys(r, key);
    for (const char **k = keys; k && *k; k++) {
        char full[256];
        double number;
        snprintf(full, sizeof full, "%s.%s", key, *k);
        const char **below = record_keys(r, full);
        if (below && *below)
            known += known_leaves(r, full);
        else
            known += record_text(r, full) != NULL || record_number(r, full, &number);
        free(below);
    }
    free(keys);
    return known;
}

static void a_machine_that_tells_nothing_is_all_null(void **state)
{
    (void)state;
    struct record *r = record_new();
    env_record_machine(r, "environment", root);
    assert_int_equal(known_leaves(r, "environment"), 0);
    const char **keys = record_keys(r, "environment.cpu");
    unsigned n = 0;
    while (keys && keys[n])
        n++;
    assert_true(n >= 14); /* the keys themselves are there */
    free(keys);
    record_free(r);
}

static void a_machine_is_read_field_by_field(void **state)
{
    (void)state;
    put("/proc/sys/kernel/osrelease", "6.1.0-test\n");
    put("/proc/cpuinfo",
        "vendor_id\t: GenuineIntel\nmodel name\t: Some CPU @ 2GHz\nmicrocode\t: 0x2b\ncpu MHz\t\t: 2000.000\n"
        "flags\t\t: fpu hypervisor\n\nmodel name\t: Other\ncpu MHz\t\t: 3000.000\n");
    put("/proc/meminfo", "MemTotal:        1024 kB\nMemAvailable:   512 kB\n");
    put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    put("/sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
    put("/sys/devices/system/cpu/smt/active", "0\n");
    put("/sys/devices/system/cpu/cpu0/cache/index2/size", "2048K\n");
    put("/proc/sys/kernel/randomize_va_space", "2\n");
    put("/proc/pressure/cpu",
        "some avg10=1.50 avg60=0.00 avg300=0.03 total=6642238\nfull avg10=0.00 avg60=0.00 avg300=0.00 "
        "total=0\n");
    put("/proc/loadavg", "0.50 0.25 0.10 1/100 42\n");
    put("/etc/os-release", "NAME=x\nPRETTY_NAME=\"A Distribution 1\"\n");
    struct record *r = record_new();
    env_record_machine(r, "e", root);
    expect_text(r, "e.system.kernel", "6.1.0-test");
    expect_text(r, "e.system.distribution", "A Distribution 1");
    expect_text(r, "e.cpu.model", "Some CPU @ 2GHz");
    expect_text(r, "e.cpu.microcode", "0x2b");
    expect_text(r, "e.memory.thp_enabled", "madvise");
    expect_integer(r, "e.memory.total_bytes", 1048576);
    expect_integer(r, "e.memory.aslr", 2);
    expect_integer(r, "e.cpu.l2_bytes", 2097152);
    double number;
    assert_true(record_number(r, "e.cpu.mhz", &number));
    assert_true(number == 2500.0);
    assert_true(record_number(r, "e.now.psi_cpu_percent_10s", &number));
    assert_true(number == 1.5);
    assert_true(record_number(r, "e.now.load_5m", &number));
    assert_true(number == 0.25);
    assert_false(record_number(r, "e.now.psi_io_percent_10s", &number)); /* no such file: null, not 0 */
    char *line = NULL;
    size_t size;
    FILE *f = open_memstream(&line, &size);
    record_write(r, f);
    fclose(f);
    assert_non_null(strstr(line, "\"turbo\":false"));
    assert_non_null(strstr(line, "\"smt\":false"));
    assert_non_null(strstr(line, "\"virtual\":true"));
    assert_non_null(strstr(line, "\"thp_defrag\":null"));
    free(line);
    record_free(r);
}

static void turbo_is_read_from_either_file(void **state)
{
    (void)state;
    put("/sys/devices/system/cpu/cpufreq/boost", "1\n");
    struct record *r = record_new();
    env_record_machine(r, "e", root);
    char *line = NULL;
    size_t size;
    FILE *f = open_memstream(&line, &size);
    record_write(r, f);
    fclose(f);
    assert_non_null(strstr(line, "\"turbo\":true"));
    free(line);
    record_free(r);
}

static void a_delta_is_null_where_either_end_is_unknown(void **state)
{
    (void)state;
    struct env_state before, after;
    put("/proc/stat", "cpu  1 2 3 4 5 6 7 100 0 0\n");
    put("/proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000\n");
    env_state_read(&before, root);
    put("/proc/stat", "cpu  1 2 3 4 5 6 7 103 0 0\n");
    put("/proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1250\n");
    put("/proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n");
    env_state_read(&after, root);
    struct sample s = {0};
    env_state_sample(&before, &after, &s);
    assert_true(sample_has(&s, os_steal_ns));
    assert_int_equal(s.os_steal_ns, 30000000); /* at 100 ticks a second */
    assert_true(sample_has(&s, os_psi_cpu_ns));
    assert_int_equal(s.os_psi_cpu_ns, 250000);
    assert_false(sample_has(&s, os_psi_io_ns));
    assert_false(sample_has(&s, os_throttled_ns));
}

/* On the machine that runs the test: what no Linux lacks. */
static void this_machine_and_this_build_are_described(void **state)
{
    (void)state;
    struct record *r = record_new();
    env_record(r, "environment");
    static const char *const texts[] = {"environment.system.kernel",  "environment.system.architecture",
                                        "environment.system.libc",    "environment.system.command_line",
                                        "environment.build.compiler", "environment.build.flags",
                                        "environment.build.mode"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!record_text(r, texts[i]))
            fail_msg("%s is absent", texts[i]);
    int64_t n;
    assert_true(record_integer(r, "environment.cpu.pus", &n) && n >= 1);
    assert_true(record_integer(r, "environment.memory.total_bytes", &n) && n > 1 << 20);
    record_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_machine_that_tells_nothing_is_all_null, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_machine_is_read_field_by_field, make_root, remove_root),
        cmocka_unit_test_setup_teardown(turbo_is_read_from_either_file, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_delta_is_null_where_either_end_is_unknown, make_root, remove_root),
        cmocka_unit_test(this_machine_and_this_build_are_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
