/* verbs.c: every verb of the program on small inputs, in one folder, one after another: the exit status, and
 * words that its output has. What the words mean in detail is tested in tests/cli. */
// links: alloc/base/assert.c
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define OUTPUT_MAX 200000

static char program[4096], folder[] = "/tmp/heapgauge-verbs-XXXXXX";
static char output[OUTPUT_MAX + 1]; /* of the last program: both streams */

/* Runs "heapgauge WORDS" by the shell and keeps what it prints. The exit status. */
static int heapgauge(const char *words)
{
    char command[8192];
    snprintf(command, sizeof command, "'%s' %s 2>&1 </dev/null", program, words);
    fflush(NULL);
    FILE *in = popen(command, "r");
    assert_non_null(in);
    size_t n = fread(output, 1, OUTPUT_MAX, in);
    output[n] = '\0';
    while (fgetc(in) != EOF)
        ;
    int status = pclose(in);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void expect(const char *words, int status, const char *printed)
{
    int got = heapgauge(words);
    if (got != status || !strstr(output, printed))
        fail_msg("heapgauge %s: status %d (expected %d), and '%s' is expected in: %.2000s", words, got,
                 status, printed, output);
}

static void file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void verbs_and_their_help(void **state)
{
    (void)state;
    expect("", 2, "heapgauge suite");
    expect("--help", 0, "Exit status");
    expect("--version", 0, "heapgauge ");
    expect("help compare", 0, "--fail-above");
    expect("help --man", 0, ".SS heapgauge run");
    expect("completion bash", 0, "complete -o default -F _heapgauge heapgauge");
    expect("completion", 2, "completion bash");
    expect("rnu", 2, "did you mean 'run'");
    expect("list", 0, "blocks held live");
    expect("list allocs rc --json", 0, "\"biased\"");
    expect("list aloc", 2, "did you mean 'allocs'");
}

static void a_run_is_kept_compared_and_reported(void **state)
{
    (void)state;
    expect("run --workload churn:ops=2k,live=100 --alloc system,pools --samples 6 --settle 0s --out r", 0,
           "pools");
    expect("run --workload churn:ops=2k --out r", 2, "r");
    expect("compare r", 0, "pools");
    expect("compare r --metric peak-rss --json", 0, "\"comparisons\"");
    expect("compare r r", 0, "pools");
    expect("compare r --baseline alloc=foo", 2, "no such configuration");
    expect("compare r --metric through", 2, "throughput");
    expect("compare r --metric lbo", 2, "");
    expect("report r", 0, "pools");
    assert_int_equal(access("r/report.html", R_OK), 0);
    assert_int_equal(access("r/summary.csv", R_OK), 0);
    expect("report nowhere", 2, "nowhere");
}

static void a_suite_is_run_in_parts_and_resumed(void **state)
{
    (void)state;
    file("s.ini", "[suite]\nblocks = 2\nsettle = 0s\noracle = 3\n[a]\nworkload = "
                  "churn:ops=2k,live=100\nalloc = system, "
                  "pools\n[b]\nworkload = cycles:ops=2k\nalloc = pools\ngc = none, generational\n"
                  "[c]\nworkload = trace:file=@trace@\n");
    expect("suite s.ini --out s", 0, "skipped (no --trace FILE.hgt): [c]");
    expect("suite s.ini --resume s", 0, "the run is in s");
    expect("suite s.ini --resume s --seed 2", 2, "cannot be resumed");
    expect("suite s.ini --shard 2/2 --quick --json --out t", 0, "\"status\":\"ok\"");
    expect("suite s.ini --shard 3/2", 2, "--shard");
    expect("suite s.in", 2, "no suite 's.in'");
    expect("suite", 2, "suite takes one");
    expect("compare s --metric uncollected", 0, "cycles");
    expect("compare s --metric lbo", 0, "generational");
    expect("report s --quiet", 0, "");
}

static void a_heap_of_objects_is_looked_into(void **state)
{
    (void)state;
    expect("run --workload leak:ops=2k --rc gil --alloc pymalloc --census --heap-snapshot h --heapmap m.csv "
           "--pauses "
           "p.csv --settle 0s --quiet",
           0, "list");
    assert_int_equal(access("m.csv", R_OK), 0);
    assert_int_equal(access("p.csv", R_OK), 0);
    expect("heap census h.peak", 0, "list");
    expect("heap diff h.begin h.peak", 0, "leak.record");
    expect("heap dot h.peak --limit 5", 0, "digraph");
    expect("heap object h.peak 0x10", 2, "0x10");
    expect("heap object h.peak 12", 2, "not an address");
    expect("heap cens h.peak", 2, "did you mean 'census'");
    expect("run --workload churn --heap-snapshot x", 2, "looks at objects");
    expect("run --workload cycles:ops=2k --rc biased --gc stw --oracle 3 --settle 0s --threads 1,2 "
           "--processes 2 --json "
           "--alloc pools",
           0, "\"uncollected_peak\"");
}

static void a_program_is_recorded_replayed_and_served(void **state)
{
    (void)state;
    char library[4200];
    int folder_bytes = (int)(strrchr(program, '/') - program);
    snprintf(library, sizeof library, "%.*s/libheapgauge-record.so", folder_bytes, program);
    if (access(library, R_OK) != 0)
        skip(); /* a build with a sanitizer has no library for other programs */
    expect("record -o p.hgt -- /bin/ls /", 0, "p.hgt");
    expect("record -o p.hgt", 2, "which program?");
    expect("record -- /bin/ls", 2, "where to write");
    expect("trace info p.hgt", 0, "calls");
    expect("trace info p.hgt --json", 0, "{");
    expect("trace export p.hgt -o p.txt", 0, "");
    expect("trace import p.txt -o q.hgt", 0, "");
    expect("trace infos p.hgt", 2, "did you mean 'info'");
    expect("run --workload trace:file=q.hgt --alloc system,pools --settle 0s --quiet", 0, "pools");
    expect("preload pools -- /bin/ls /", 0, "tmp");
    expect("preload 'trace(system)' --by file --limit 3 --snapshot held -- /bin/ls /", 0, "tmp");
    expect("sites held", 0, "bytes");
    expect("sites held held", 0, "");
    expect("preload pools --by line -- /bin/ls", 2, "trace()");
    expect("check --alloc system --only usable,fork", 0, "2 passed, 0 failed");
    expect("check --alloc null", 2, "nothing to check");
    expect("where 1x", 2, "");
}

static int open_folder(void **state)
{
    (void)state;
    char build[4096];
    const char *given = getenv("HEAPGAUGE_BUILD");
    if (!realpath(given ? given : "build/release", build) || !mkdtemp(folder) || chdir(folder) != 0)
        return -1;
    snprintf(program, sizeof program, "%.4000s/heapgauge", build);
    return access(program, X_OK);
}

static int remove_folder(void **state)
{
    (void)state;
    char command[sizeof folder + 16];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") || system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs_and_their_help),
        cmocka_unit_test(a_run_is_kept_compared_and_reported),
        cmocka_unit_test(a_suite_is_run_in_parts_and_resumed),
        cmocka_unit_test(a_heap_of_objects_is_looked_into),
        cmocka_unit_test(a_program_is_recorded_replayed_and_served),
    };
    return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
