/* quiet.c: in the measured phase the harness makes no system call and no allocation, but a reading of what is
 * resident when more is live than ever, by a percent. A worker is run under ptrace with the protocol's front
 * played here, and with a malloc that makes a system call each time (tests/preload/loud_malloc.c). The measured
 * phase lies between the two readings of the process's CPU time; between them only the futex calls of the
 * threads' barriers are allowed. The backend is null, so that every call that is seen is the harness's own. */
// links: alloc/base/os.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bench/worker/protocol.h"
#include "workloads/gauge.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct quiet_count {
    unsigned measured, allocations, futexes, readings, others, markers;
    bool exited_well;
};

static void quiet_become(int say, int go, int page, const char *workload, const char *alloc,
                         const char *threads)
{
    char worker[4096], library[4096], library_arg[4200], workload_arg[256], alloc_arg[64], threads_arg[32];
    const char *build = getenv("HEAPGAUGE_BUILD");
    snprintf(worker, sizeof worker, "%s/heapgauge-worker-gil", build ? build : "build/release");
    snprintf(library, sizeof library, "%s/tests/loud_malloc.so", build ? build : "build/release");
    snprintf(library_arg, sizeof library_arg, "library=%s", library);
    snprintf(workload_arg, sizeof workload_arg, "workload=%s", workload);
    snprintf(alloc_arg, sizeof alloc_arg, "alloc=%s", alloc);
    snprintf(threads_arg, sizeof threads_arg, "threads=%s", threads);
    int from[] = {fcntl(say, F_DUPFD, 64), fcntl(go, F_DUPFD, 64), fcntl(page, F_DUPFD, 64)};
    dup2(from[0], HG_FD_SAY);
    dup2(from[1], HG_FD_GO);
    dup2(from[2], HG_FD_PAGE);
    close_range(HG_FD_PAGE + 1, ~0u, 0);
    setenv("LD_PRELOAD", library, 1);
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    execl(worker, worker, workload_arg, "level=alloc", alloc_arg, threads_arg, "work_seed=1", "latency=1009",
          library_arg, NULL);
    _exit(127);
}

static bool quiet_is_marker(const struct __ptrace_syscall_info *info)
{
    return info->entry.nr == SYS_clock_gettime && info->entry.args[0] == CLOCK_PROCESS_CPUTIME_ID;
}

static void quiet_saw(struct quiet_count *c, const struct __ptrace_syscall_info *info)
{
    if (quiet_is_marker(info)) {
        c->markers++;
    } else if (c->markers == 1) {
        c->measured++;
        if (info->entry.nr == SYS_getppid)
            c->allocations++;
        else if (info->entry.nr == SYS_futex)
            c->futexes++;
        else if (info->entry.nr == SYS_pread64)
            c->readings++;
        else
            c->others++;
    }
}

static struct quiet_count quiet_run(const char *workload, const char *alloc, const char *threads)
{
    struct quiet_count count = {0};
    int say[2], go[2], page = memfd_create("quiet", MFD_CLOEXEC), status;
    assert_int_equal(pipe(say), 0);
    assert_int_equal(pipe(go), 0);
    assert_int_equal(ftruncate(page, sizeof(struct gauge)), 0);
    /* Every phase is answered beforehand: this side never needs to read while it traces. */
    assert_int_equal(write(go[1], "gggggggg", 8), 8);
    fcntl(say[1], F_SETPIPE_SZ, 1 << 20);
    pid_t pid = fork();
    if (pid == 0)
        quiet_become(say[1], go[0], page, workload, alloc, threads);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    ptrace(PTRACE_SETOPTIONS, pid, NULL,
           (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL));
    ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
    for (pid_t who; (who = waitpid(-1, &status, __WALL)) > 0;) {
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (who == pid) {
                count.exited_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
                break;
            }
            continue;
        }
        int sig = WSTOPSIG(status);
        if (sig == (SIGTRAP | 0x80)) {
            struct __ptrace_syscall_info info;
            if (ptrace(PTRACE_GET_SYSCALL_INFO, who, (void *)sizeof info, &info) > 0 &&
                info.op == PTRACE_SYSCALL_INFO_ENTRY)
                quiet_saw(&count, &info);
            sig = 0;
        } else if (sig == SIGTRAP || sig == SIGSTOP) {
            sig = 0;
        }
        ptrace(PTRACE_SYSCALL, who, NULL, (void *)(uintptr_t)sig);
    }
    int fds[] = {say[0], say[1], go[0], go[1], page};
    for (unsigned i = 0; i < 5; i++)
        close(fds[i]);
    return count;
}

static void test_one_thread(void **state)
{
    (void)state;
    struct quiet_count c = quiet_run("churn:ops=200k,live=1k", "null", "1");
    assert_true(c.exited_well);
    assert_int_equal(c.markers, 2);
    assert_int_equal(c.allocations, 0);
    assert_int_equal(c.others, 0);
}

static void test_two_threads(void **state)
{
    (void)state;
    struct quiet_count c = quiet_run("churn:ops=200k,live=1k", "null", "2");
    assert_true(c.exited_well);
    assert_int_equal(c.markers, 2);
    assert_int_equal(c.allocations, 0);
    assert_int_equal(c.others, 0);
}

/* The counter sees what it is to see: on `system` every operation of the workload is heard. */
static void test_counter_hears(void **state)
{
    (void)state;
    struct quiet_count c = quiet_run("churn:ops=2k,live=100", "system", "1");
    assert_true(c.exited_well);
    assert_int_equal(c.allocations, 2000);
}

/* A replay reads what is resident at the call at which most is live: one call more, and no allocation. The
 * second worker has nothing to do here: it waits for nobody. */
static void test_replay(void **state)
{
    (void)state;
    char text[] = "/tmp/quiet-XXXXXX", trace[64], command[4400], workload[96];
    const char *build = getenv("HEAPGAUGE_BUILD");
    FILE *f = fdopen(mkstemp(text), "w");
    assert_non_null(f);
    for (unsigned i = 0; i < 3000; i++)
        fprintf(f, "a %u %u\n", i, i);
    for (unsigned i = 0; i < 3000; i++)
        fprintf(f, "f %u\n", i);
    assert_int_equal(fclose(f), 0);
    snprintf(trace, sizeof trace, "%s.hgt", text);
    snprintf(command, sizeof command, "%s/heapgauge trace import %s -o %s >/dev/null",
             build ? build : "build/release", text, trace);
    assert_int_equal(system(command), 0);
    snprintf(workload, sizeof workload, "trace:file=%s", trace);
    struct quiet_count one = quiet_run(workload, "null", "1"), two = quiet_run(workload, "null", "2");
    unlink(text);
    unlink(trace);
    assert_true(one.exited_well && two.exited_well);
    assert_int_equal(one.markers, 2);
    assert_int_equal(one.allocations, 0);
    assert_int_equal(one.readings, 1);
    assert_int_equal(one.others, 0);
    assert_int_equal(two.allocations, 0);
    assert_int_equal(two.readings, 1);
    assert_int_equal(two.others, 0);
}

/* Growth from nothing to 16 MiB takes one reading for each percent from 1 MiB on, and what is live again no
 * more. */
static void test_growth(void **state)
{
    (void)state;
    struct quiet_count once = quiet_run("sawtooth:live=16M,teeth=1", "null", "1"),
                       often = quiet_run("sawtooth:live=16M,teeth=5", "null", "1"),
                       two = quiet_run("sawtooth:live=16M,teeth=5", "null", "2");
    assert_true(once.exited_well && often.exited_well && two.exited_well);
    assert_in_range(once.readings, 240, 300);
    assert_in_range(often.readings, once.readings, once.readings + 2);
    assert_in_range(two.readings, 10, 300); /* one thread goes on while the other is held up in its reading */
    assert_int_equal(once.others + often.others + two.others, 0);
    assert_int_equal(once.allocations + often.allocations + two.allocations, 0);
    struct quiet_count flat = quiet_run("churn:ops=2M,live=50k", "null", "2");
    assert_true(flat.exited_well);
    assert_in_range(flat.readings, 0, 2); /* at a plateau */
    assert_int_equal(flat.others, 0);
}

int main(void)
{
#if defined(HG_ASAN) || defined(HG_TSAN)
    printf("1..0 # SKIP the sanitizer's own malloc must come first\n");
    return 0;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_thread),    cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_counter_hears), cmocka_unit_test(test_replay),
        cmocka_unit_test(test_growth),
    };
    return cmocka_run_group_tests_name("quiet", tests, NULL, NULL);
}
