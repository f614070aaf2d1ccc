/* check.c: heapgauge check --alloc A[,A...]: is this allocator correct? The checks (check/checks.c) run in a
 * worker, with the library before it where one is named, and print their lines on its standard output; we
 * pass them on and count. */
#include "cmd.h"
#include "bench/host/library.h"
#include "bench/host/paths.h"
#include "bench/result/config.h"

#include "alloc/base/file_out.h"
#include "alloc/base/words.h"
#include "alloc/spec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK_OPTIONS(P, S)                                                                \
    P(S, TEXT, alloc, "", "",                                                              \
      "the allocators to check, separated by commas, for example pools,preload:jemalloc; " \
      "braces set variables, as with heapgauge run")                                       \
    P(S, TEXT, only, "", "", "run only these checks, separated by commas; by default all") \
    P(S, COUNT, seed, "1", "0-1000000M", "the start of the random sizes and orders")       \
    P(S, NS, limit, "60s", "1s-3600s", "a check that takes longer than this has failed, for example 10s")
PARAM_STRUCT(check_options, CHECK_OPTIONS)

const struct param *cmd_check_options(void)
{
    static const struct param table[] = PARAM_ROWS(check_options, CHECK_OPTIONS);
    return table;
}

#define CHECK_ALLOCS_MAX 64

struct checking {
    struct check_options o;
    struct config config;
    struct spec spec;
    char worker[PATH_MAX], library[PATH_MAX];
    unsigned passed, failed, skipped;
};

static int check_accept(struct checking *k, const char *text, struct message *m)
{
    int err = config_parse(&k->config, text, m);
    if (!err)
        err = spec_parse(&k->spec, k->config.spec, m);
    if (err)
        return err;
    if (k->spec.flags & ALLOC_ALIASES)
        return message_set(m, -EINVAL,
                           "%s hands out the same memory again and again: there is nothing to check; bump is "
                           "a floor that can be",
                           k->spec.text);
    k->library[0] = '\0';
    return k->spec.library[0] ? library_resolve(k->spec.library, k->library, sizeof k->library, m) : 0;
}

/* In the child. The library alone stands before the worker: one that is before us (LD_PRELOAD) is not what is
 * checked. */
static _Noreturn void check_exec(const struct checking *k, int out)
{
    char alloc[1100], only[1100], seed[64], limit[64], library[PATH_MAX + 16];
    snprintf(alloc, sizeof alloc, "alloc=%s", k->spec.text);
    snprintf(only, sizeof only, "only=%s", k->o.only);
    snprintf(seed, sizeof seed, "seed=%llu", (unsigned long long)k->o.seed);
    snprintf(limit, sizeof limit, "limit=%llu", (unsigned long long)(k->o.limit / 1000000000));
    snprintf(library, sizeof library, "library=%s", k->library);
    char *argv[] = {(char *)k->worker, (char *)"--check", alloc, only, seed, limit, library, NULL};
    if (config_set_environment(&k->config) ||
        (k->library[0] ? setenv("LD_PRELOAD", k->library, 1) : unsetenv("LD_PRELOAD")))
        _exit(126);
    file_out_signals(false);
    if (dup2(out, STDOUT_FILENO) < 0)
        _exit(126);
    execv(k->worker, argv);
    _exit(127);
}

/* Passes the lines on, below the allocator's name. */
static void check_read(struct checking *k, FILE *in)
{
    char line[2048];
    while (fgets(line, sizeof line, in)) {
        k->passed += strncmp(line, "ok ", 3) == 0;
        k->failed += strncmp(line, "FAIL ", 5) == 0;
        k->skipped += strncmp(line, "skip ", 5) == 0;
        fputs(line, stdout);
        fflush(stdout);
    }
}

static int check_run(struct checking *k, struct message *m)
{
    int fd[2], status = 0;
    printf("# %s%s%s\n", k->config.text, k->library[0] ? " = " : "", k->library);
    fflush(NULL);
    if (pipe(fd) != 0)
        return message_set(m, -errno, "no pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        check_exec(k, fd[1]);
    }
    close(fd[1]);
    FILE *in = fdopen(fd[0], "r");
    if (pid < 0 || !in) {
        close(fd[0]);
        return message_set(m, -errno, "cannot start the worker: %s", strerror(errno));
    }
    unsigned before = k->passed + k->failed + k->skipped;
    check_read(k, in);
    fclose(in);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status)) {
        k->failed++;
        printf("FAIL worker: died of SIG%s\n", sigabbrev_np(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) > 1) {
        k->failed++;
        printf("FAIL worker: ended with status %d\n", WEXITSTATUS(status));
    } else if (before == k->passed + k->failed + k->skipped) {
        return message_set(m, -EINVAL,
                           "--only %s: no such check (heapgauge check --alloc system names them all)",
                           k->o.only);
    }
    return 0;
}

int cmd_check(const struct command *self, int argc, char **argv)
{
    static struct checking k;
    static char buffer[8192];
    const char *allocs[CHECK_ALLOCS_MAX];
    struct message m;
    int positional, err = option_parse(self, &k.o, argc, argv, &positional, &m);
    if (err)
        return err > 0 ? EXIT_DONE : option_refuse(&m);
    if (positional || !k.o.alloc[0]) {
        message_set(&m, -EINVAL, "usage: heapgauge %s %s", self->name, self->usage);
        return option_refuse(&m);
    }
    int count = words_cut(k.o.alloc, buffer, sizeof buffer, allocs, CHECK_ALLOCS_MAX, &m);
    if (count < 0 || paths_program("heapgauge-worker-gil", k.worker, sizeof k.worker, &m) != 0)
        return option_refuse(&m);
    for (int i = 0; i < count; i++) /* all, before any runs */
        if (check_accept(&k, allocs[i], &m) != 0)
            return option_refuse(&m);
    for (int i = 0; i < count; i++)
        if (check_accept(&k, allocs[i], &m) != 0 || check_run(&k, &m) != 0)
            return option_refuse(&m);
    printf("%u passed, %u failed, %u skipped\n", k.passed, k.failed, k.skipped);
    return k.failed ? EXIT_CHECK_FAILED : EXIT_DONE;
}
