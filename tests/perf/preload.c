// links: bench/stat/stats.c bench/host/library.c

/* preload.c: pools in malloc's place in programs that are not ours, beside the installed allocators in
 * theirs. Each round runs a program once on every allocator, each time in another order; the figures are
 * paired by round: the Hodges-Lehmann estimate of the other's speed over that of pools and its exact 95 %
 * interval, by the wall and by the processors, and the median of the largest resident set. The goal is 1.05
 * at most, and a resident set of at most 1.25 of the others' median. Run from the top of the source; its
 * argument is the number of rounds (6 or more give an interval):
 *
 *   CPython on a JSON round trip, every object from malloc; a C compiler (cc1 -O2) on a file of our own;
 *   SQLite in memory; zstd and xz with two threads on a binary of ours. A program that is not installed is
 *   left out. */
#include "alloc/base/os.h"
#include "alloc/base/param.h"
#include "bench/host/library.h"
#include "bench/stat/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS_MAX 64u

enum { POOLS, GLIBC, LIBRARIES, ALLOCS_MAX = LIBRARIES + 8 };
static struct side {
    const char *name;
    char library[PATH_MAX]; /* put before the program; empty for glibc */
    double log_wall[ROUNDS_MAX], log_cpu[ROUNDS_MAX], wall[ROUNDS_MAX], rss_bytes[ROUNDS_MAX];
} sides[ALLOCS_MAX];
static unsigned side_count, rounds = 10;
static char worker[PATH_MAX + 64];

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* One run; false when the program fails. */
static bool run(char *const *program, struct side *side, unsigned round)
{
    struct rusage usage;
    int status;
    uint64_t start_ns = os_now_ns();
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(null, 0);
        dup2(null, 1);
        if (!getenv("V"))
            dup2(null, 2);
        if (side->library[0])
            setenv("LD_PRELOAD", side->library, 1);
        execvp(program[0], program);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return false;
    side->wall[round] = (double)(os_now_ns() - start_ns) / 1e9;
    side->log_wall[round] = log(side->wall[round]);
    side->log_cpu[round] = log(seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    side->rss_bytes[round] = (double)usage.ru_maxrss * 1024;
    return true;
}

static struct stats_interval ratio(const double *pools, const double *other)
{
    double d[ROUNDS_MAX];
    for (unsigned i = 0; i < rounds; i++)
        d[i] = pools[i] - other[i];
    struct stats_interval x = stats_hodges_lehmann(d, rounds);
    return (struct stats_interval){exp(x.estimate), exp(x.lo), exp(x.hi)};
}

static bool compare(const char *name, char *const *program)
{
    for (unsigned i = 0; i <= rounds; i++) /* the first is not counted: files are read into memory */
        for (unsigned turn = 0; turn < side_count; turn++) {
            struct side *side = &sides[(i + turn) % side_count];
            if (!run(program, side, i ? i - 1 : 0)) {
                fprintf(stderr, "%s: fails on %s\n", name, side->name);
                return false;
            }
        }
    double others_rss[ALLOCS_MAX];
    for (unsigned s = GLIBC; s < side_count; s++)
        others_rss[s - GLIBC] = stats_median(sides[s].rss_bytes, rounds);
    double rss = stats_median(sides[POOLS].rss_bytes, rounds),
           others = stats_median(others_rss, side_count - GLIBC);
    printf("%-15s pools %.3f s, %.1f MiB: %.2f of the others' median\n", name,
           stats_median(sides[POOLS].wall, rounds), rss / 0x1p20, rss / others);
    for (unsigned s = GLIBC; s < side_count; s++) {
        struct stats_interval wall = ratio(sides[POOLS].log_wall, sides[s].log_wall),
                              cpu = ratio(sides[POOLS].log_cpu, sides[s].log_cpu);
        printf("  %-13s %7.3f s   %.3f [%.3f, %.3f]   %.3f [%.3f, %.3f] %7.1f MiB\n", sides[s].name,
               stats_median(sides[s].wall, rounds), wall.estimate, wall.lo, wall.hi, cpu.estimate, cpu.lo,
               cpu.hi, others_rss[s - GLIBC] / 0x1p20);
    }
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

static bool find_sides(void)
{
    ssize_t n = readlink("/proc/self/exe", sides[POOLS].library, sizeof sides[POOLS].library - 32);
    char *end = sides[POOLS].library + (n > 0 ? n : 0);
    *end = '\0';
    for (int i = 0; i < 3 && n > 0; i++) { /* .../tests/perf/preload */
        end = strrchr(sides[POOLS].library, '/');
        *end = '\0';
    }
    snprintf(worker, sizeof worker, "%s/heapgauge-worker-gil", sides[POOLS].library);
    memcpy(end, "/libheapgauge-shim.so", sizeof "/libheapgauge-shim.so");
    if (access(sides[POOLS].library, R_OK) != 0) {
        fprintf(stderr, "the preload library is not built\n");
        return false;
    }
    setenv("HEAPGAUGE_ALLOC", "pools", 1);
    sides[POOLS].name = "pools";
    sides[GLIBC].name = "glibc";
    side_count = LIBRARIES;
    for (const char *const *name = library_names; *name && side_count < ALLOCS_MAX; name++) {
        struct message m;
        struct side *side = &sides[side_count];
        if (library_resolve(*name, side->library, sizeof side->library, &m) == 0) {
            side->name = *name;
            side_count++;
        } else {
            printf("%s is left out: %s\n", *name, m.text);
        }
    }
    return true;
}

#define SQL                                                                                           \
    "create table t(id integer primary key, word text, n integer);"                                   \
    "insert into t with recursive c(i) as (select 1 union all select i + 1 from c where i < 150000) " \
    "select i, 'word ' || (i * 7919 % 100003), i * 31 % 1009 from c;"                                 \
    "create index by_word on t(word); create index by_n on t(n, word);"                               \
    "select count(*), sum(length(s)) from (select n, group_concat(word) as s from t group by n);"     \
    "select count(*) from t a join t b on a.word = b.word where a.n < 50;"

int main(int argc, char **argv)
{
    char python[PATH_MAX], tool[PATH_MAX], source[] = "/tmp/preload-perf-XXXXXX.i", command[256];
    if (argc > 1)
        rounds = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2 || rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: preload [ROUNDS]   1 to %u\n", ROUNDS_MAX);
        return 2;
    }
    if (!find_sides())
        return 77;
    setenv("PYTHONMALLOC", "malloc", 1);
    setenv("PYTHONHASHSEED", "0", 1);
    printf("the other's speed over that of pools, %u rounds%22s wall%22s processors   resident at most\n",
           rounds, "", "");
    bool good = true;
    if (first_line("python3 -c 'import sys; print(sys.executable)'", python, sizeof python))
        good &= compare("CPython, JSON", (char *[]){python, (char[]){"scripts/programs/json_roundtrip.py"},
                                                    (char[]){"6"}, NULL});
    int fd = mkstemps(source, 2);
    snprintf(command, sizeof command,
             "gcc -D_GNU_SOURCE -E -o %s alloc/pymalloc/pymalloc.c && gcc -print-prog-name=cc1", source);
    if (fd >= 0 && first_line(command, tool, sizeof tool))
        good &= compare("cc1 -O2", (char *[]){tool, (char[]){"-quiet"}, (char[]){"-O2"}, source,
                                              (char[]){"-o"}, (char[]){"/dev/null"}, NULL});
    if (first_line("command -v zstd", tool, sizeof tool))
        good &= compare("zstd -T2",
                        (char *[]){tool, (char[]){"-T2"}, (char[]){"-12"}, (char[]){"-c"}, worker, NULL});
    if (first_line("command -v xz", tool, sizeof tool))
        good &= compare("xz -T2",
                        (char *[]){tool, (char[]){"-T2"}, (char[]){"-0"}, (char[]){"-c"}, worker, NULL});
    if (first_line("command -v sqlite3", tool, sizeof tool))
        good &= compare("SQLite", (char *[]){tool, (char[]){":memory:"}, (char[]){SQL}, NULL});
    if (fd >= 0) {
        close(fd);
        unlink(source);
    }
    return good ? 0 : 1;
}
