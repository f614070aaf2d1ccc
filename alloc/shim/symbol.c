/* symbol.c: symbol.h for programs that are not ours: addresses are looked up by `heapgauge where`, started
 * for it and asked through a pair of sockets, a line a question (its answer: bench/cmd/where.c). The process
 * is about to abort, its heap may be damaged and its locks held: nothing here allocates. Where the command
 * cannot be started, or does not answer in SYMBOL_WAIT_S, there is what the dynamic loader knows. */
#include "alloc/tracer/symbol.h"
#include "alloc/base/compiler.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define SYMBOL_WAIT_S 10 /* debug information of a large program takes a while */

struct symbols {
    int command; /* -1: there is none */
    char answer[4096];
};

/* The command shares our memory until it is another program: between vfork() and execve() only system calls.
 * fork() would run the program's own handlers, over a heap that may be damaged. */
static noinline pid_t symbol_start(const char *path, char **argv, int end)
{
    static char *const environment[] = {NULL}; /* LD_PRELOAD above all */
    /* NOLINTBEGIN(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork) */
    pid_t pid = vfork();
    if (pid == 0) {
        if (dup2(end, STDIN_FILENO) >= 0 && dup2(end, STDOUT_FILENO) >= 0)
            execve(path, argv, environment);
        _exit(127);
    }
    /* NOLINTEND(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork) */
    return pid;
}

struct symbols *symbols_of_self(void)
{
    static struct symbols self;
    static char verb[] = "where", number[24];
    char *path = getenv("HEAPGAUGE_COMMAND");
    int end[2];
    sigset_t all, before;
    self.command = -1;
    if (!path || *path != '/' || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end) != 0)
        return &self;
    snprintf(number, sizeof number, "%ld", (long)getpid());
    sigfillset(&all); /* no handler of the program's is to run in the child */
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = symbol_start(path, (char *[]){path, verb, number, NULL}, end[1]);
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(end[1]);
    const struct timeval wait = {.tv_sec = SYMBOL_WAIT_S};
    if (pid > 0 && setsockopt(end[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0)
        self.command = end[0];
    else
        close(end[0]);
    return &self;
}

int symbols_of_maps(struct symbols **out, FILE *maps)
{
    (void)maps;
    *out = NULL;
    return -ENOTSUP;
}

void symbols_close(struct symbols *s)
{
    if (!s || s->command < 0)
        return;
    close(s->command);
    s->command = -1;
}

/* One line, without its end; false when it did not come. */
static bool symbol_ask(struct symbols *s, const void *return_address)
{
    char question[32];
    size_t n = (size_t)snprintf(question, sizeof question, "%zx\n", (size_t)(uintptr_t)return_address),
           at = 0;
    if (send(s->command, question, n, MSG_NOSIGNAL) != (ssize_t)n)
        return false;
    while (at < sizeof s->answer - 1) {
        ssize_t got = recv(s->command, s->answer + at, sizeof s->answer - 1 - at, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += (size_t)got;
        if (s->answer[at - 1] == '\n') {
            s->answer[at - 1] = '\0';
            return true;
        }
    }
    return false;
}

/* The next field of a line of fields with tabs between; NULL when it is empty. */
static const char *symbol_field(char **line)
{
    char *field = *line, *end = strchrnul(field, '\t');
    *line = end + (*end != '\0');
    *end = '\0';
    return *field ? field : NULL;
}

void symbols_find(struct symbols *s, const void *return_address, struct symbol *out)
{
    memset(out, 0, sizeof *out);
    if (s->command >= 0 && !symbol_ask(s, return_address))
        symbols_close(s);
    if (s->command >= 0) {
        char *line = s->answer;
        out->function = symbol_field(&line);
        out->file = symbol_field(&line);
        const char *number = symbol_field(&line);
        out->line = number ? (unsigned)strtoul(number, NULL, 10) : 0;
    }
    symbol_object(return_address, &out->object, &out->offset);
    Dl_info info;
    if (!out->function && dladdr((const char *)return_address - 1, &info) != 0)
        out->function = info.dli_sname;
}
