/* import.c: how fast `heapgauge trace import` reads what other tools write: MB of input a second of processor
 * time, a form a line, and the time a call takes. All forms say the same: a million calls over 200,000 live
 * blocks, so that neither the table of addresses nor that of ids lies in a cache. The goal: 20 MB/s each. */

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS         1000000u
#define LIVE          200000u
#define GOAL_MB_S     20.0
#define ROUNDS        5
#define ADDRESS_OF(n) (0x55d0c0de1000u + (unsigned long)(n)*48u)

static char front[PATH_MAX + 64], dir[] = "/tmp/import-perf-XXXXXX", in[128], out[128];

static const struct {
    const char *name, *head, *malloc, *free; /* malloc: address, size; free: address */
} forms[] = {
    {"text", "", "a %1$lu %2$lu\n", "f %lu\n"},
    {"mtrace", "= Start\n", "@ ./program:[0x12b9] + %1$#lx %2$#lx\n", "@ ./program:[0x12b9] - %#lx\n"},
    {"ltrace", "", "malloc(%2$lu)                                       = %1$#lx\n",
     "free(%#lx)                             = <void>\n"},
    {"ltrace -f", "",
     "4711 program->malloc(%2$lu <unfinished ...>\n4711 <... malloc resumed> )          = %1$#lx\n",
     "4711 program->free(%#lx <unfinished ...>\n4711 <... free resumed> )            = <void>\n"},
    {"valgrind", "", "--4711-- malloc(%2$lu) = 0x%1$lX\n", "--4711-- free(0x%lX)\n"},
    {"heaptrack", "v 10400 3\n", "+ %2$lx 12 %1$lx\n", "- %lx\n"},
    {"memory_replay", "", "4711: malloc %1$#lx %2$lu\n", "4711: free %#lx\n"},
};

static unsigned long next_random(void)
{
    static unsigned long x = 88172645463325252u;
    x ^= x << 13;
    x ^= x >> 7;
    return x ^= x << 17;
}

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* Fills to LIVE, then a free of any and an allocation in its place. Bytes written, 0 when it failed. */
static long write_form(unsigned form)
{
    FILE *f = fopen(in, "we");
    if (!f)
        return 0;
    fputs(forms[form].head, f);
    for (unsigned i = 0; i < CALLS; i++) {
        unsigned long block = i < LIVE ? i : next_random() % LIVE;
        if (i >= LIVE) {
            fprintf(f, forms[form].free, ADDRESS_OF(block));
            i++;
        }
        fprintf(f, forms[form].malloc, ADDRESS_OF(block), next_random() % 1000);
    }
    long bytes = ftell(f);
    return fclose(f) == 0 ? bytes : 0;
}

/* Processor seconds of one import; negative when it fails. */
static double import(void)
{
    struct rusage use;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        execl(front, front, "trace", "import", in, "--output", out, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &use) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return -1;
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    bool good = true;
    char *slash;
    (void)argc;
    if (!realpath(argv[0], front) || !(slash = strstr(front, "/tests/perf/")) || !mkdtemp(dir))
        return 1;
    strcpy(slash, "/heapgauge");
    snprintf(in, sizeof in, "%s/in", dir);
    snprintf(out, sizeof out, "%s/out.hgt", dir);
    printf("%-16s %10s %10s   goal: %.0f MB/s; best of %d, processor time\n", "form", "MB/s", "ns a call",
           GOAL_MB_S, ROUNDS);
    for (unsigned form = 0; form < sizeof forms / sizeof *forms; form++) {
        long bytes = write_form(form);
        double best = -1;
        for (int i = 0; i < ROUNDS; i++) {
            double seconds = import();
            best = seconds > 0 && (best < 0 || seconds < best) ? seconds : best;
        }
        if (!bytes || best < 0) {
            printf("%-16s failed\n", forms[form].name);
            good = false;
            continue;
        }
        double speed = (double)bytes / 1e6 / best;
        good &= speed >= GOAL_MB_S;
        printf("%-16s %10.0f %10.0f\n", forms[form].name, speed, best * 1e9 / CALLS);
    }
    unlink(in);
    unlink(out);
    rmdir(dir);
    return good ? 0 : 1;
}
