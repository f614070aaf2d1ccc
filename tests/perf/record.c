// links: bench/stat/stats.c

/* record.c: what recording costs a program: its own time bare and recorded, in turn, as a ratio with the
 * Hodges-Lehmann estimate and its exact 95 % interval; and the same for `heapgauge record` as a whole, which
 * sorts and packs the trace when the program has ended. The goal is 2 at most for the program. Run from the
 * top of the source:
 *
 *   CPython on a JSON round trip, every object from malloc; a C compiler (cc1 -O2) on a file of our own. */
#include "alloc/base/os.h"
#include "bench/stat/stats.h"

#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 8

enum { BARE, RECORDED, WHOLE, SIDES };

static char build[PATH_MAX], dir[] = "/tmp/record-perf-XXXXXX", library[PATH_MAX + 64], front[PATH_MAX + 64],
                             base[128], trace[128];

static void quiet(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, 1);
    if (!getenv("V"))
        dup2(null, 2);
}

/* Seconds that the program takes; a negative number when it fails. */
static double run(char **program, int side)
{
    char *whole[32] = {front, (char[]){"record"}, (char[]){"--output"}, trace, (char[]){"--"}};
    uint64_t start_ns = os_now_ns();
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        quiet();
        if (side == WHOLE) {
            for (unsigned i = 0; (whole[5 + i] = program[i]) != NULL; i++)
                ;
            execv(front, whole);
            _exit(127);
        }
        if (side == RECORDED) {
            char number[32];
            snprintf(number, sizeof number, "%ld", (long)getpid());
            setenv("LD_PRELOAD", library, 1);
            setenv("HEAPGAUGE_RECORD", base, 1);
            setenv("HEAPGAUGE_RECORD_PID", number, 1);
        }
        execvp(program[0], program);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return -1;
    double seconds = (double)(os_now_ns() - start_ns) / 1e9;
    if (side == RECORDED) {
        char left[256];
        snprintf(left, sizeof left, "%s.%ld.0", base, (long)pid);
        if (unlink(left) != 0) /* nothing was recorded: nothing was measured */
            return -1;
    }
    return seconds;
}

static bool compare(const char *name, char **program)
{
    double seconds[SIDES][ROUNDS], ratio[SIDES][ROUNDS];
    for (int i = -1; i < ROUNDS; i++)
        for (int turn = 0; turn < SIDES; turn++) {
            int side = (i + 1 + turn) % SIDES;
            double s = run(program, side);
            if (s <= 0) {
                fprintf(stderr, "%s: %s failed\n", name, side == BARE ? "the program" : "recording");
                return false;
            }
            if (i >= 0)
                seconds[side][i] = s;
        }
    for (int side = RECORDED; side < SIDES; side++)
        for (int i = 0; i < ROUNDS; i++)
            ratio[side][i] = log(seconds[side][i] / seconds[BARE][i]);
    struct stats_interval x = stats_hodges_lehmann(ratio[RECORDED], ROUNDS),
                          y = stats_hodges_lehmann(ratio[WHOLE], ROUNDS);
    printf("%-22s %7.3f %7.3f %7.3f   %.2f [%.2f, %.2f]   %.2f [%.2f, %.2f]\n", name,
           stats_median(seconds[BARE], ROUNDS), stats_median(seconds[RECORDED], ROUNDS),
           stats_median(seconds[WHOLE], ROUNDS), exp(x.estimate), exp(x.lo), exp(x.hi), exp(y.estimate),
           exp(y.lo), exp(y.hi));
    fflush(stdout);
    return true;
}

/* What a shell command prints, its first line. */
static bool first_line(const char *command, char *out, size_t size)
{
    FILE *f = popen(command, "re");
    bool got = f && fgets(out, (int)size, f);
    if (f)
        pclose(f);
    if (got)
        out[strcspn(out, "\n")] = '\0';
    return got && out[0];
}

int main(void)
{
    char source[128], command[512], compiler[PATH_MAX], python[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", build, sizeof build - 1);
    for (int i = 0; i < 3 && n > 0; i++) /* .../tests/perf/record */
        *strrchr(build, '/') = '\0';
    snprintf(library, sizeof library, "%s/libheapgauge-record.so", build);
    snprintf(front, sizeof front, "%s/heapgauge", build);
    if (access(library, R_OK) != 0 || access(front, X_OK) != 0 || !mkdtemp(dir)) {
        fprintf(stderr, "the recorder is not built\n");
        return 77;
    }
    snprintf(base, sizeof base, "%s/part", dir);
    snprintf(trace, sizeof trace, "%s/t.hgt", dir);
    snprintf(source, sizeof source, "%s/x.i", dir);
    printf("%-22s %7s %7s %7s   %-19s   %s\n", "seconds", "bare", "recorded", "whole",
           "recorded/bare (goal: 2)", "heapgauge record/bare");
    bool good = true;
    setenv("PYTHONMALLOC", "malloc", 1);
    setenv("PYTHONHASHSEED", "0", 1);
    if (first_line("python3 -c 'import sys; print(sys.executable)'", python, sizeof python))
        good = compare("CPython, JSON", (char *[]){python, (char[]){"scripts/programs/json_roundtrip.py"},
                                                   (char[]){"6"}, NULL});
    snprintf(command, sizeof command,
             "gcc -D_GNU_SOURCE -iquote . -E -o %s workloads/trace/tool/spool.c && gcc -print-prog-name=cc1",
             source);
    if (first_line(command, compiler, sizeof compiler))
        good &= compare("cc1 -O2", (char *[]){compiler, (char[]){"-quiet"}, (char[]){"-O2"}, source,
                                              (char[]){"-o"}, (char[]){"/dev/null"}, NULL});
    unlink(source);
    unlink(trace);
    rmdir(dir);
    return good ? 0 : 1;
}
