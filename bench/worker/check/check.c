/* check.c: runs the checks of checks.c, each in a forked process: its verdict comes through a pipe, its
 * death by a signal or its silence is a verdict too. See check.h. */
#include "check.h"

#include "alloc/spec.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK_LIMIT_S 60

static struct alloc_stack *check_stack; /* for the handlers around fork(), which have no argument */

static void check_fork_prepare(void)
{
    if (check_stack)
        alloc_fork(check_stack, ALLOC_FORK_PREPARE);
}

static void check_fork_parent(void)
{
    if (check_stack)
        alloc_fork(check_stack, ALLOC_FORK_PARENT);
}

static void check_fork_child(void)
{
    if (check_stack)
        alloc_fork(check_stack, ALLOC_FORK_CHILD);
}

/* In the process of one check, which reports one byte (o, f or s) and the reason. */
static _Noreturn void check_run(const struct check_case *k, struct check *c, int fd)
{
    char verdict = k->run(c) ? 'o' : 'f';
    struct message m;
    if (verdict == 'o' && !c->skip && alloc_verify(check_stack, &m) != 0) {
        verdict = 'f';
        snprintf(c->reason, sizeof c->reason, "%.250s", m.text);
    }
    if (c->skip)
        verdict = 's';
    char line[sizeof c->reason + 1];
    line[0] = verdict;
    size_t n = strlen(c->reason);
    memcpy(line + 1, c->reason, n);
    _exit(write(fd, line, n + 1) == (ssize_t)n + 1 ? 0 : 1);
}

static bool check_one(const struct check_case *k, struct check *c, unsigned limit_s, FILE *out)
{
    int fd[2], status = 0;
    char line[sizeof c->reason + 1];
    size_t n = 0;
    fflush(NULL);
    if (pipe(fd) != 0) {
        fprintf(out, "FAIL %s: no pipe: %s\n", k->name, strerror(errno));
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        signal(SIGALRM, SIG_DFL);
        signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler would exit, and name no signal */
        signal(SIGBUS, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        alarm(limit_s);
        check_run(k, c, fd[1]);
    }
    close(fd[1]);
    if (pid < 0) {
        close(fd[0]);
        fprintf(out, "FAIL %s: no process: %s\n", k->name, strerror(errno));
        return false;
    }
    for (ssize_t r; n < sizeof line - 1 && (r = read(fd[0], line + n, sizeof line - 1 - n)) > 0;)
        n += (size_t)r;
    line[n] = '\0';
    close(fd[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        fprintf(out, "FAIL %s: it does not end: stopped after %u s\n", k->name, limit_s);
    else if (WIFSIGNALED(status))
        fprintf(out, "FAIL %s: died of SIG%s (%s)\n", k->name, sigabbrev_np(WTERMSIG(status)),
                sigdescr_np(WTERMSIG(status)));
    else if (n == 0 || WEXITSTATUS(status) != 0)
        fprintf(out, "FAIL %s: the process ended with status %d and no verdict\n", k->name,
                WEXITSTATUS(status));
    else if (line[0] == 's')
        fprintf(out, "skip %s: %s\n", k->name, line + 1);
    else if (line[0] == 'f')
        fprintf(out, "FAIL %s: %s\n", k->name, line + 1);
    else
        fprintf(out, "ok %s: %s%s%s\n", k->name, k->summary, line[1] ? "; " : "", line + 1);
    fflush(out);
    return !WIFSIGNALED(status) && n > 0 && WEXITSTATUS(status) == 0 && line[0] != 'f';
}

static bool check_named(const char *only, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = only; at && *at;) {
        size_t n = strcspn(at, ",");
        if (n == length && strncmp(at, name, n) == 0)
            return true;
        at += n + (at[n] != '\0');
    }
    return !only || !*only;
}

int worker_check(struct alloc_stack *stack, unsigned flags, const char *only, uint64_t seed, unsigned limit_s,
                 FILE *out)
{
    static bool registered;
    int failed = 0;
    check_stack = stack;
    if (!registered)
        pthread_atfork(check_fork_prepare, check_fork_parent, check_fork_child);
    registered = true;
    for (const struct check_case *k = check_cases; k->name; k++) {
        if (!check_named(only, k->name) || (flags & k->flags) != k->flags)
            continue;
        struct check c = {.a = &stack->layer[0], .flags = flags, .gil = PTHREAD_MUTEX_INITIALIZER};
        rng_seed(&c.rng, seed);
        failed += !check_one(k, &c, limit_s, out);
    }
    check_stack = NULL;
    return failed;
}

/* --- the worker ----------------------------------------------------------------------------------------- */

static int check_say(const struct message *m)
{
    printf("FAIL open: %s\n", m->text);
    return 1;
}

/* Arguments: --check alloc=SPEC only=NAMES seed=N limit=SECONDS library=PATH */
int worker_check_main(int argc, char **argv)
{
    static struct spec spec;
    static struct alloc_stack stack;
    struct message m;
    const char *alloc = "", *only = "", *library = "";
    uint64_t seed = 1;
    unsigned limit_s = CHECK_LIMIT_S;
    for (int i = 2; i < argc; i++) {
        if (strncmp(argv[i], "alloc=", 6) == 0)
            alloc = argv[i] + 6;
        else if (strncmp(argv[i], "only=", 5) == 0)
            only = argv[i] + 5;
        else if (strncmp(argv[i], "seed=", 5) == 0)
            seed = strtoull(argv[i] + 5, NULL, 10);
        else if (strncmp(argv[i], "limit=", 6) == 0)
            limit_s = (unsigned)strtoul(argv[i] + 6, NULL, 10);
        else if (strncmp(argv[i], "library=", 8) == 0)
            library = argv[i] + 8;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (spec_parse(&spec, alloc, &m) != 0 || proof_serves(library, &m) != 0)
        return check_say(&m);
    int err = alloc_open(&stack, &spec, &m);
    if (err == -ENOTSUP) {
        printf("skip open: %s\n", m.text);
        return 0;
    }
    if (err)
        return check_say(&m);
    int failed = worker_check(&stack, spec.flags, only, seed, limit_s, stdout);
    alloc_close(&stack);
    return failed ? 1 : 0;
}
