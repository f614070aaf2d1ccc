/* record.c: heapgauge record -o F.hgt -- PROGRAM ARGS...: runs a program of the user's with the recorder
 * before its malloc, and makes a recording of what it wrote.
 *
 * The program has its own standard input and output, its own group and terminal; Ctrl-C reaches it as ever,
 * and we wait for it. The recorder writes F.hgt.part.PID.IMAGE beside F while the program runs (an exec
 * begins a new image); from those F.hgt is made when it has ended, under a temporary name that is renamed
 * when it is whole. If heapgauge itself is killed, the parts stay, and `heapgauge trace import
 * F.hgt.part.PID.IMAGE -o F.hgt` makes a recording of them. */
#include "cmd.h"
#include "bench/host/paths.h"
#include "bench/host/program.h"

#include "alloc/base/os.h"
#include "workloads/trace/format/spool.h"
#include "workloads/trace/tool/tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECORD_OPTIONS(P, S)                                                                               \
    P(S, TEXT, output, "", "",                                                                             \
      "the file to write the recording to, for example server.hgt (short: -o server.hgt)")                 \
    P(S, FLAG, children, "0", "",                                                                          \
      "record the processes that the program starts too, each to a file F.PID.hgt")                        \
    P(S, FLAG, python_objects, "0", "",                                                                    \
      "have CPython ask malloc for every object (PYTHONMALLOC=malloc); else it serves the small ones "     \
      "itself")                                                                                            \
    P(S, NS, wait, "1000000s", "0s-1000000s",                                                              \
      "with --children: how long to wait for processes that go on after the program, daemons for example") \
    P(S, NS, gaps, "0s", "0s-1000000s",                                                                    \
      "record times of at least so long in which no thread calls anything, for example 10ms; 0s: none")
PARAM_STRUCT(record_options, RECORD_OPTIONS)

const struct param *cmd_record_options(void)
{
    static const struct param table[] = PARAM_ROWS(record_options, RECORD_OPTIONS);
    return table;
}

struct recording {
    struct record_options o;
    char **program;
    char library[PATH_MAX];
    char base[PATH_MAX]; /* of the parts: absolute, for the program may go elsewhere */
    uint64_t id;         /* of this run: other parts may lie beside F, of one that goes on or was killed */
    char how[64];        /* how it ended */
    int status;          /* the same as a shell has it */
    pid_t pid;
    struct spool_tally *tally; /* NULL: there is none */
    int tally_fd;
};

struct image {
    char path[PATH_MAX];
    long pid;
    unsigned image;
};

#define RECORD_PATIENCE_NS 2000000000u /* before a word on what is waited for */

static volatile sig_atomic_t record_child;

static void record_forward(int sig)
{
    if (record_child > 0)
        kill((pid_t)record_child, sig);
}

static int record_find_library(struct recording *r, struct message *m)
{
    int err = paths_program("libheapgauge-record.so", r->library, sizeof r->library, m);
    if (!err && strpbrk(r->library, " :"))
        return message_set(m, -EINVAL, "LD_PRELOAD takes no path with a blank or a colon: %s", r->library);
    return err;
}

static int record_set_base(struct recording *r, const struct file_out *f, struct message *m)
{
    char dir[PATH_MAX], real[PATH_MAX];
    if (f->in_place) { /* nothing is made beside a device */
        const char *temporary = getenv("TMPDIR");
        snprintf(r->base, sizeof r->base, "%.3000s/heapgauge-record-%ld.part",
                 temporary && *temporary == '/' ? temporary : "/tmp", (long)getpid());
        return 0;
    }
    const char *slash = strrchr(r->o.output, '/'), *name = slash ? slash + 1 : r->o.output;
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - r->o.output + 1) : 1, slash ? r->o.output : ".");
    if (!realpath(dir, real))
        return message_set(m, -errno, "cannot write %s: %s", r->o.output, strerror(errno));
    int n = snprintf(r->base, sizeof r->base, "%s/%s.part", strcmp(real, "/") == 0 ? "" : real, name);
    return (size_t)n < sizeof r->base - 64
               ? 0
               : message_set(m, -ENAMETOOLONG, "%s: the path is too long", r->o.output);
}

static int record_exec(struct recording *r)
{
    char pid[32], id[32], gaps[32], tally[64];
    const char *others = getenv("LD_PRELOAD");
    /* Ours comes first: symbols are found in this order, and ours passes every call on to the next. */
    size_t size = strlen(r->library) + (others ? strlen(others) : 0) + 2;
    char *preload = malloc(size);
    if (!preload)
        return ENOMEM;
    snprintf(preload, size, "%s%s%s", r->library, others && *others ? ":" : "", others ? others : "");
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    snprintf(id, sizeof id, "%llu", (unsigned long long)r->id);
    snprintf(gaps, sizeof gaps, "%llu", (unsigned long long)r->o.gaps);
    snprintf(tally, sizeof tally, "/proc/%ld/fd/%d", (long)getppid(), r->tally_fd);
    if (setenv("LD_PRELOAD", preload, 1) || setenv(SPOOL_ENV_BASE, r->base, 1) ||
        setenv(SPOOL_ENV_PID, pid, 1) || setenv(SPOOL_ENV_RECORDING, id, 1) ||
        (r->o.python_objects && setenv("PYTHONMALLOC", "malloc", 1)) ||
        (r->tally ? setenv(SPOOL_ENV_TALLY, tally, 1) : unsetenv(SPOOL_ENV_TALLY)) ||
        (r->o.gaps ? setenv(SPOOL_ENV_GAPS, gaps, 1) : unsetenv(SPOOL_ENV_GAPS)) ||
        (r->o.children ? setenv(SPOOL_ENV_CHILDREN, "1", 1) : unsetenv(SPOOL_ENV_CHILDREN)))
        return ENOMEM;
    execvp(r->program[0], r->program);
    return errno;
}

/* The page that processes which are not recorded count in. They find it as long as we are there. */
static void record_tally(struct recording *r)
{
    r->tally_fd = memfd_create("heapgauge-tally", MFD_CLOEXEC);
    if (r->tally_fd < 0 || ftruncate(r->tally_fd, sizeof *r->tally) != 0)
        return;
    r->tally = os_map_file(r->tally_fd, sizeof *r->tally, true);
}

static volatile sig_atomic_t record_enough;

static void record_stop_waiting(int sig)
{
    (void)sig;
    record_enough = 1;
}

/* Processes that lost their parent are ours to wait for (PR_SET_CHILD_SUBREAPER), and end as our children. */
static void record_wait_descendants(const struct recording *r)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    const struct timespec pause = {.tv_nsec = 20000000};
    struct sigaction stop = {.sa_handler = record_stop_waiting};
    uint64_t begin = os_now_ns();
    bool reported = false;
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
        sigaction(ending[i], &stop, NULL);
    for (;;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid > 0)
            continue;
        uint64_t waited = os_now_ns() - begin;
        if (pid < 0 || record_enough || waited >= r->o.wait)
            return;
        if (!reported && waited >= RECORD_PATIENCE_NS) {
            fprintf(
                stderr,
                "heapgauge: %s ended with %s; processes that it started go on and are recorded: waiting for "
                "their end (Ctrl-C: no longer; --wait TIME)\n",
                r->program[0], r->how);
            reported = true;
        }
        nanosleep(&pause, NULL);
    }
}

static int record_run(struct recording *r, struct message *m)
{
    static const int forwarded[] = {SIGTERM, SIGHUP};
    int pipe_fd[2], err = 0, status;
    if (pipe2(pipe_fd, O_CLOEXEC) != 0)
        return message_set(m, -errno, "cannot start %s: %s", r->program[0], strerror(errno));
    struct sigaction ignore = {.sa_handler = SIG_IGN}, forward = {.sa_handler = record_forward}, old_int,
                     old_quit;
    sigaction(SIGINT, &ignore, &old_int);
    sigaction(SIGQUIT, &ignore, &old_quit);
    if (r->o.children)
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    fflush(NULL);
    r->pid = fork();
    if (r->pid == 0) {
        sigaction(SIGINT, &old_int, NULL);
        sigaction(SIGQUIT, &old_quit, NULL);
        file_out_signals(false);
        err = record_exec(r);
        ssize_t n = write(pipe_fd[1], &err, sizeof err);
        _exit(n > 0 ? 127 : 126);
    }
    if (r->pid < 0) {
        err = errno;
        close(pipe_fd[0]);
        close(pipe_fd[1]);
        return message_set(m, -err, "cannot start %s: %s", r->program[0], strerror(err));
    }
    record_child = r->pid;
    for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
        sigaction(forwarded[i], &forward, NULL);
    close(pipe_fd[1]);
    ssize_t n;
    while ((n = read(pipe_fd[0], &err, sizeof err)) < 0 && errno == EINTR)
        ;
    close(pipe_fd[0]);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        ;
    record_child = 0;
    if (n == sizeof err)
        return message_set(m, -err, "cannot run %s: %s", r->program[0], strerror(err));
    r->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (WIFSIGNALED(status))
        snprintf(r->how, sizeof r->how, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(r->how, sizeof r->how, "exit %d", WEXITSTATUS(status));
    if (r->o.children)
        record_wait_descendants(r);
    return 0;
}

static int image_order(const void *a, const void *b)
{
    const struct image *x = a, *y = b;
    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    return x->image < y->image ? -1 : x->image > y->image;
}

/* A part that cannot be read is taken for ours where its name has the number of our process. */
static bool image_ours(const struct recording *r, const struct image *image)
{
    struct spool_header h = {0};
    int fd = open(image->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool whole = fd >= 0 && read(fd, &h, sizeof h) == sizeof h;
    if (fd >= 0)
        close(fd);
    return whole ? h.recording == r->id : image->pid == r->pid;
}

/* The parts that this run left beside F, in order. */
static int record_images(const struct recording *r, struct image **out, size_t *count)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(r->base, '/');
    size_t n = strlen(slash + 1), room = 0;
    snprintf(dir, sizeof dir, "%.*s", (int)(slash - r->base + 1), r->base);
    *out = NULL;
    *count = 0;
    DIR *d = opendir(dir);
    if (!d)
        return -errno;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        struct image image;
        int used = 0;
        if (strncmp(e->d_name, slash + 1, n) != 0 ||
            sscanf(e->d_name + n, ".%ld.%u%n", &image.pid, &image.image, &used) != 2 ||
            e->d_name[n + (size_t)used])
            continue;
        if ((size_t)snprintf(image.path, sizeof image.path, "%s%s", dir, e->d_name) >= sizeof image.path)
            continue;
        if (!image_ours(r, &image))
            continue;
        if (*count == room) {
            room = room ? room * 2 : 16;
            struct image *more = realloc(*out, room * sizeof *more);
            if (!more) {
                closedir(d);
                return -ENOMEM;
            }
            *out = more;
        }
        (*out)[(*count)++] = image;
    }
    closedir(d);
    if (*count)
        qsort(*out, *count, sizeof **out, image_order);
    return 0;
}

/* F.hgt -> F.PID.hgt, F.PID.IMAGE.hgt */
static void record_name(const struct recording *r, const struct image *image, char *out, size_t size)
{
    size_t n = strlen(r->o.output);
    if (n > 4 && strcmp(r->o.output + n - 4, ".hgt") == 0)
        n -= 4;
    if (image->image)
        snprintf(out, size, "%.*s.%ld.%u.hgt", (int)n, r->o.output, image->pid, image->image);
    else
        snprintf(out, size, "%.*s.%ld.hgt", (int)n, r->o.output, image->pid);
}

/* how: as it ended, or NULL where that is not known. */
static void record_tell(const struct tool_spool *s, const char *how, const char *file)
{
    struct stat st = {0};
    stat(file, &st);
    fprintf(stderr, "heapgauge: recorded %llu calls of %s in %u thread%s to %s (%lld bytes)%s%s\n",
            (unsigned long long)s->ops, s->program, s->threads, s->threads == 1 ? "" : "s", file,
            (long long)st.st_size, how ? "; it ended with " : "", how ? how : "");
    if (s->stop_errno)
        fprintf(
            stderr,
            "heapgauge: recording stopped before the program did: %s; %llu calls are not in the recording\n",
            tool_stop_text(s->stop_errno), (unsigned long long)s->dropped);
    else if (s->dropped)
        fprintf(
            stderr,
            "heapgauge: %llu calls that signal handlers made inside the recorder are not in the recording\n",
            (unsigned long long)s->dropped);
    if (s->python_calls)
        fprintf(stderr,
                "heapgauge: CPython's own allocator served %llu allocations of 512 bytes or less, which are "
                "not in "
                "the recording: record --python-objects (PYTHONMALLOC=malloc) shows them\n",
                (unsigned long long)s->python_calls);
    if (s->confined_forks)
        fprintf(stderr,
                "heapgauge: %u process%s that it forked %s not recorded: it had put itself under a seccomp "
                "filter\n",
                s->confined_forks, s->confined_forks == 1 ? "" : "es", s->confined_forks == 1 ? "is" : "are");
    if (s->unmatched && !s->forked)
        fprintf(stderr,
                "heapgauge: %llu frees of blocks whose allocation was not seen are not in the recording\n",
                (unsigned long long)s->unmatched);
}

static int record_convert(const struct image *image, const char *how, struct file_out *f,
                          struct tool_spool *spool, struct message *m)
{
    struct message why;
    int err = tool_spool_convert(image->path, how ? how : "not known", f, spool, &why);
    if (!err && spool->ops == 0) {
        file_out_drop(f);
        unlink(image->path);
        return 0;
    }
    if (!err)
        err = file_out_done(f, &why);
    else
        file_out_drop(f);
    if (err)
        return message_set(m, err,
                           "%.600s; the recording stays in %s: heapgauge trace import makes a trace of it",
                           why.text, image->path);
    unlink(image->path);
    record_tell(spool, how, f->name);
    return 0;
}

/* other: what it may be when the program's file does not say. */
static int record_nothing(const struct recording *r, const char *other, struct message *m)
{
    char buffer[512];
    const char *why = program_not_served(r->program[0], buffer, sizeof buffer);
    message_set(m, -ENOENT, "%.300s made no call that could be recorded: %s (it ended with %s)",
                r->program[0], why ? why : other, r->how);
    return option_refuse(m);
}

/* What was not recorded though the program's processes did it, and which option helps. */
static void record_unseen(const struct recording *r, uint64_t ops)
{
    if (!r->tally)
        return;
    unsigned long long calls = r->tally->calls, processes = r->tally->processes;
    if (!r->o.children && calls > ops)
        fprintf(stderr,
                "heapgauge: %llu process%s that it started made %llu calls, which are not recorded: record "
                "--children "
                "records them, too\n",
                processes, processes == 1 ? "" : "es", calls);
    unsigned long long started = r->tally->execs + 1, begun = r->tally->begun;
    if (r->o.children && started > begun)
        fprintf(stderr,
                "heapgauge: %llu of the %llu programs that were started are not recorded: statically linked, "
                "set-user-ID, or with a malloc of their own\n",
                started - begun, started);
}

/* A process that goes on: its part is left to it. */
static bool record_goes_on(const struct recording *r, const struct image *images, size_t count, size_t i)
{
    bool last = i + 1 == count || images[i + 1].pid != images[i].pid;
    return last && images[i].pid != r->pid && (kill((pid_t)images[i].pid, 0) == 0 || errno == EPERM);
}

/* The images of other processes, each to a file of its own. Returns how many of them there are, or -1 when one
 * could not be written. */
static int record_children(const struct recording *r, const struct image *images, size_t count, size_t last)
{
    struct tool_spool spool;
    struct message m;
    bool failed = false;
    int written = 0;
    for (size_t i = 0; i < count; i++) {
        struct file_out g;
        char name[PATH_MAX];
        if (i == last)
            continue;
        record_name(r, &images[i], name, sizeof name);
        if (record_goes_on(r, images, count, i)) {
            fprintf(stderr,
                    "heapgauge: process %ld goes on, and %s is growing; when it has ended: heapgauge trace "
                    "import %s "
                    "-o %s\n",
                    images[i].pid, images[i].path, images[i].path, name);
            written++;
            continue;
        }
        int err = file_out_open(&g, name, &tool_trace_kind, &m);
        if (!err)
            err = record_convert(&images[i], NULL, &g, &spool, &m);
        if (err)
            option_refuse(&m);
        failed |= err != 0;
        written += !err && spool.ops > 0;
    }
    return failed ? -1 : written;
}

static int record_finish(struct recording *r, struct file_out *f, struct message *m)
{
    struct image *images;
    struct tool_spool spool = {0};
    char other[512];
    size_t count, last = SIZE_MAX, lost = 0;
    int children = 0, err = record_images(r, &images, &count);
    for (size_t i = 0; i < count; i++)
        if (images[i].pid == r->pid)
            last = i;
    if (r->o.children)
        children = record_children(r, images, count, last);
    else /* what the process was before it became another program by exec */
        for (size_t i = 0; i < count; i++)
            if (i != last) {
                lost++;
                unlink(images[i].path);
            }
    if (!err && last != SIZE_MAX)
        err = record_convert(&images[last], r->how, f, &spool, m);
    else
        file_out_drop(f);
    free(images);
    if (err && last != SIZE_MAX)
        return option_refuse(m);
    record_unseen(r, spool.ops);
    if (spool.ops == 0 && children > 0) {
        fprintf(stderr, "heapgauge: %s itself made no call, so there is no %s; it ended with %s\n",
                r->program[0], r->o.output, r->how);
        return r->status;
    }
    if (last == SIZE_MAX) {
        snprintf(other, sizeof other, "it started another program, or is not allowed to write %.300s",
                 r->base);
        return record_nothing(r, other, m);
    }
    if (spool.ops == 0)
        return record_nothing(r,
                              r->tally && r->tally->calls ? "only processes that it started allocate"
                                                          : "it allocates nothing, or brings its own malloc",
                              m);
    if (lost)
        fprintf(stderr,
                "heapgauge: the process was another program before (exec); calls of that one are left out\n");
    return children < 0 ? EXIT_BAD_INPUT : spool.stop_errno ? EXIT_SOME_CELLS : r->status;
}

static char output_option[] = "--output"; /* what -o stands for */

#define RECORD_ROOM (1 << 20) /* bytes: a header, two segments and a small recording */

/* A disk that is full already is reported before the program starts. */
static int record_room(const struct recording *r, const struct file_out *f, struct message *m)
{
    int err = f->in_place ? 0 : posix_fallocate(f->fd, 0, RECORD_ROOM);
    if (!err && !f->in_place && ftruncate(f->fd, 0) != 0)
        err = errno;
    return err ? message_set(m, -err, "cannot write %s: %s", r->o.output, strerror(err)) : 0;
}

int cmd_record(const struct command *self, int argc, char **argv)
{
    static struct recording r;
    struct file_out f;
    struct message m;
    int words;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "-o") == 0)
            argv[i] = output_option;
    int err = option_parse(self, &r.o, argc, argv, &words, &m);
    if (err)
        return err > 0 ? EXIT_DONE : option_refuse(&m);
    r.program = argv;
    if (!words || !r.o.output[0]) {
        message_set(&m, -EINVAL,
                    !words ? "record: which program? record -o F.hgt -- PROGRAM ARGS..."
                           : "record: where to write? -o F.hgt");
        return option_refuse(&m);
    }
    if ((err = record_find_library(&r, &m)) || (err = file_out_open(&f, r.o.output, &tool_trace_kind, &m)))
        return option_refuse(&m);
    if (f.in_place && r.o.children) {
        file_out_drop(&f);
        message_set(&m, -EINVAL, "record: --children writes a file for each process: give -o F.hgt");
        return option_refuse(&m);
    }
    if (getrandom(&r.id, sizeof r.id, 0) != sizeof r.id)
        r.id = os_now_ns() ^ (uint64_t)getpid() << 32;
    record_tally(&r);
    if ((err = record_room(&r, &f, &m)) || (err = record_set_base(&r, &f, &m)) ||
        (err = record_run(&r, &m))) {
        file_out_drop(&f);
        return option_refuse(&m);
    }
    return record_finish(&r, &f, &m);
}
