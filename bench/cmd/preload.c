/* preload.c: heapgauge preload A -- PROGRAM ARGS...: a program of the user's on one of our backends (through
 * libheapgauge-shim.so, alloc/shim/shim.c) or on an installed library. The program takes this process's
 * place: its exit status, signals and terminal are its own. With --by or --snapshot, which speak after it, it
 * is a child that is waited for. */
#include "cmd.h"
#include "bench/host/library.h"
#include "bench/host/paths.h"
#include "bench/host/program.h"
#include "bench/result/config.h"

#include "alloc/base/file_out.h"
#include "alloc/spec.h"
#include "alloc/tracer/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PRELOAD_OPTIONS(P, S)                                                                    \
    P(S, TEXT, snapshot, "", "",                                                                 \
      "with trace(): write what was held at exit to this file, for heapgauge sites")             \
    P(S, TEXT, signal, "", "",                                                                   \
      "with --snapshot: at this signal (USR2, 12) a further snapshot is written to FILE.1, ...") \
    P(S, CHOICE, by, "none", "none|line|file|traceback",                                         \
      "with trace(): print who held memory at exit, on standard error")                          \
    P(S, COUNT, limit, "20", "1-1M", "print at most this many rows with --by")
PARAM_STRUCT(preload_options, PRELOAD_OPTIONS)

const struct param *cmd_preload_options(void)
{
    static const struct param table[] = PARAM_ROWS(preload_options, PRELOAD_OPTIONS);
    return table;
}

struct preload {
    struct preload_options o;
    struct config config; /* as written, of which spec is without the braces */
    struct spec spec;
    char library[PATH_MAX]; /* put before the program */
    bool shim;              /* it is ours, and takes the spec */
    char snapshot[PATH_MAX];
    bool temporary; /* the snapshot is for --by alone */
    char **program;
};

/* A short name, or anything with a slash, is a library as "preload:" takes it. */
static bool preload_is_library(const char *text)
{
    for (const char *const *name = library_names; *name; name++)
        if (strcmp(text, *name) == 0)
            return true;
    return strchr(text, '/') != NULL && !strchr(text, '(') && strncmp(text, "preload:", 8) != 0;
}

static int preload_choose(struct preload *p, const char *text, struct message *m)
{
    char named[1024];
    int err = config_parse(&p->config, text, m);
    if (err)
        return err;
    text = p->config.spec;
    if (preload_is_library(text)) {
        if (snprintf(named, sizeof named, "preload:%s", text) >= (int)sizeof named)
            return message_set(m, -EINVAL, "library %.100s...: the path is too long", text);
        text = named;
    }
    err = spec_parse(&p->spec, text, m);
    if (err)
        return err;
    if (p->spec.depth == 1 && p->spec.layer[0].backend->flags & ALLOC_LIBRARY)
        return library_resolve(p->spec.library, p->library, sizeof p->library, m);
    p->shim = true;
    err = spec_check_program(&p->spec, m);
    if (!err)
        err = paths_program("libheapgauge-shim.so", p->library, sizeof p->library, m);
    if (!err && strpbrk(p->library, " \t\n:"))
        err = message_set(m, -EINVAL, "LD_PRELOAD takes no path with a blank or a colon: %s", p->library);
    return err;
}

static bool preload_traces(const struct preload *p)
{
    for (unsigned i = 0; i < p->spec.depth; i++)
        if (strcmp(p->spec.layer[i].backend->name, "trace") == 0)
            return true;
    return false;
}

static int preload_signal(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (*text && !*end)
        return n > 0 && n < NSIG ? (int)n : -1;
    if (strncmp(text, "SIG", 3) == 0)
        text += 3;
    for (int i = 1; i < NSIG; i++) {
        const char *name = sigabbrev_np(i);
        if (name && strcmp(name, text) == 0)
            return i;
    }
    return -1;
}

static int preload_environment(struct preload *p, struct message *m)
{
    char number[32];
    const char *others = getenv("LD_PRELOAD");
    size_t size = strlen(p->library) + (others ? strlen(others) : 0) + 2;
    char *all = malloc(size);
    if (!all)
        return message_set(m, -ENOMEM, "no memory");
    snprintf(all, size, "%s%s%s", p->library, others && *others ? ":" : "", others ? others : "");
    int bad = setenv("LD_PRELOAD", all, 1);
    free(all);
    bad |= config_set_environment(&p->config);
    unsetenv("HEAPGAUGE_SNAPSHOT");
    unsetenv("HEAPGAUGE_SNAPSHOT_SIGNAL");
    unsetenv("HEAPGAUGE_COMMAND");
    if (p->shim) {
        char self[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        bad |= setenv("HEAPGAUGE_ALLOC", p->spec.text, 1);
        if (n > 0) {
            self[n] = '\0';
            bad |= setenv("HEAPGAUGE_COMMAND", self, 1);
        }
    }
    if (p->snapshot[0]) {
        snprintf(number, sizeof number, "%ld", (long)getpid());
        bad |= setenv("HEAPGAUGE_SNAPSHOT", p->snapshot, 1) | setenv("HEAPGAUGE_SNAPSHOT_PID", number, 1);
        snprintf(number, sizeof number, "%d", p->o.signal[0] ? preload_signal(p->o.signal) : 0);
        bad |= setenv("HEAPGAUGE_SNAPSHOT_SIGNAL", number, 1);
    }
    return bad ? message_set(m, -ENOMEM, "no memory for the environment") : 0;
}

/* Comes back only when the program cannot be started; its status is a shell's. */
static int preload_exec(struct preload *p)
{
    struct message m;
    file_out_signals(false);
    if (preload_environment(p, &m) != 0) {
        fprintf(stderr, "heapgauge: %s\n", m.text);
        return 126;
    }
    execvp(p->program[0], p->program);
    int err = errno;
    fprintf(stderr, "heapgauge: cannot run %s: %s\n", p->program[0], strerror(err));
    return err == ENOENT ? 127 : 126;
}

static int preload_print(const struct preload *p)
{
    struct trace_snapshot s;
    struct trace_table table;
    struct message m;
    FILE *in = fopen(p->snapshot, "r");
    if (!in) {
        fprintf(stderr, "heapgauge: the program left no snapshot: it did not end by exit()\n");
        return -errno;
    }
    int err = trace_snapshot_read(&s, in, p->snapshot, &m);
    fclose(in);
    if (err) {
        fprintf(stderr, "heapgauge: %s\n", m.text);
        return err;
    }
    static const enum trace_key keys[] = {TRACE_BY_LINE, TRACE_BY_LINE, TRACE_BY_FILE, TRACE_BY_TRACEBACK};
    err = trace_statistics(&table, &s, NULL, keys[p->o.by], false);
    if (!err) {
        fprintf(stderr, "heapgauge: %llu bytes held at exit, %llu at the peak\n",
                (unsigned long long)s.current_bytes, (unsigned long long)s.peak_bytes);
        trace_table_print(&table, stderr, (size_t)p->o.limit, false);
        trace_table_free(&table);
    }
    trace_snapshot_free(&s);
    return err;
}

static volatile sig_atomic_t preload_child;

static void preload_forward(int sig)
{
    if (preload_child > 0)
        kill((pid_t)preload_child, sig);
}

/* Ctrl-C reaches the program from the terminal; we stay to report what it held. */
static int preload_wait(struct preload *p)
{
    static const int forwarded[] = {SIGTERM, SIGHUP};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, forward = {.sa_handler = preload_forward}, old_int,
                     old_quit;
    sigaction(SIGINT, &ignore, &old_int);
    sigaction(SIGQUIT, &ignore, &old_quit);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        sigaction(SIGINT, &old_int, NULL);
        sigaction(SIGQUIT, &old_quit, NULL);
        _exit(preload_exec(p));
    }
    if (pid < 0) {
        fprintf(stderr, "heapgauge: cannot start %s: %s\n", p->program[0], strerror(errno));
        return 126;
    }
    preload_child = pid;
    for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
        sigaction(forwarded[i], &forward, NULL);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    preload_child = 0;
    int result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (p->o.by && result != 127 && result != 126)
        preload_print(p);
    if (p->temporary)
        unlink(p->snapshot);
    return result;
}

/* Figures of a program that another malloc served, taken for ours, would be worse than none. */
static int preload_serves(const struct preload *p, struct message *m)
{
    char buffer[512];
    const char *why = program_not_served(p->program[0], buffer, sizeof buffer);
    return why ? message_set(m, -ENOTSUP, "%.300s would not be served by %.100s: %s", p->program[0],
                             p->shim ? p->spec.text : p->library, why)
               : 0;
}

#define PRELOAD_FD 100 /* the least number of the descriptor that the program gets: out of its way */

static int preload_place_snapshot(struct preload *p, struct message *m)
{
    if (!p->o.snapshot[0] && !p->o.by)
        return p->o.signal[0] ? message_set(m, -EINVAL, "--signal needs --snapshot FILE") : 0;
    if (!p->shim || !preload_traces(p))
        return message_set(m, -EINVAL, "%s reports who allocated only through trace(): write %s",
                           p->o.snapshot[0] ? "--snapshot" : "--by",
                           p->shim ? "trace(...) around the allocator" : "trace(pools)");
    if (p->o.signal[0] && preload_signal(p->o.signal) < 0)
        return message_set(m, -EINVAL, "--signal: '%.40s' is not a signal (USR1, USR2, 12)", p->o.signal);
    if (!p->o.snapshot[0]) {
        const char *dir = getenv("TMPDIR");
        snprintf(p->snapshot, sizeof p->snapshot, "%s/heapgauge-XXXXXX", dir && *dir == '/' ? dir : "/tmp");
        int fd = mkstemp(p->snapshot);
        if (fd < 0)
            return message_set(m, -errno, "cannot write %s: %s", p->snapshot, strerror(errno));
        close(fd);
        unlink(p->snapshot); /* the program writes it anew, and a crash leaves none */
        p->temporary = true;
        return 0;
    }
    int err = file_out_check(p->o.snapshot, &trace_snapshot_kind, m);
    if (err)
        return err;
    if (file_out_in_place(p->o.snapshot)) {
        if (p->o.by)
            return message_set(m, -EINVAL, "--by reads the snapshot again: --snapshot %s is not a file",
                               p->o.snapshot);
        if ((err = file_out_for_child(p->o.snapshot, p->snapshot, sizeof p->snapshot, m)))
            return err;
        if (strcmp(p->snapshot, p->o.snapshot) != 0) {
            /* A descriptor: the program may close its own before it ends. */
            struct file_out f;
            if ((err = file_out_open(&f, p->o.snapshot, NULL, m)))
                return err;
            int fd = fcntl(f.fd, F_DUPFD, PRELOAD_FD);
            file_out_drop(&f);
            if (fd < 0)
                return message_set(m, -errno, "cannot write %s: %s", p->o.snapshot, strerror(errno));
            snprintf(p->snapshot, sizeof p->snapshot, "/dev/fd/%d", fd);
            return 0;
        }
    }
    /* Absolute, for the program may go elsewhere. */
    char dir[PATH_MAX], real[PATH_MAX];
    const char *slash = strrchr(p->o.snapshot, '/'), *name = slash ? slash + 1 : p->o.snapshot;
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - p->o.snapshot + 1) : 1,
             slash ? p->o.snapshot : ".");
    if (!realpath(dir, real))
        return message_set(m, -errno, "cannot write %s: %s", p->o.snapshot, strerror(errno));
    if (snprintf(p->snapshot, sizeof p->snapshot, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name) >=
        PATH_MAX - 128)
        return message_set(m, -ENAMETOOLONG, "%s: the path is too long", p->o.snapshot);
    return 0;
}

int cmd_preload(const struct command *self, int argc, char **argv)
{
    static struct preload p;
    struct message m;
    int positional, dashes = 1;
    while (dashes < argc && strcmp(argv[dashes], "--") != 0)
        dashes++;
    int err = option_parse(self, &p.o, dashes, argv, &positional, &m);
    if (err)
        return err > 0 ? EXIT_DONE : option_refuse(&m);
    if (positional != 1 || dashes + 1 >= argc) {
        message_set(&m, -EINVAL, "usage: heapgauge %s %s", self->name, self->usage);
        return option_refuse(&m);
    }
    p.program = argv + dashes + 1;
    if (preload_choose(&p, argv[0], &m) != 0 || preload_serves(&p, &m) != 0 ||
        preload_place_snapshot(&p, &m) != 0)
        return option_refuse(&m);
    return p.o.by ? preload_wait(&p) : preload_exec(&p);
}
