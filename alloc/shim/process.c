/* process.c: what the shim has of its process: the environment, and snapshots of a trace() at a signal and at
 * exit. A snapshot is written under a temporary name and renamed: there is never half of one. */
#include "shim.h"

#include "alloc/base/file_out.h"
#include "alloc/base/os.h"
#include "alloc/tracer/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* Reads the kernel's copy: NAME=VALUE\0NAME=VALUE\0... */
static void shim_environment_of_kernel(const char *name, char *out, size_t size)
{
    char buffer[4096];
    size_t at = 0, used = 0, length = strlen(name);
    bool skipping = false, copying = false;
    int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;)
        for (ssize_t i = 0; i < n; i++) {
            char c = buffer[i];
            if (c == '\0') {
                if (copying)
                    goto done;
                at = 0;
                skipping = false;
            } else if (copying) {
                if (used + 1 < size)
                    out[used++] = c;
            } else if (!skipping) {
                if (at == length && c == '=')
                    copying = true;
                else if (at < length && name[at] == c)
                    at++;
                else
                    skipping = true;
            }
        }
done:
    out[used] = '\0';
    close(fd);
}

void shim_environment(const char *name, char *out, size_t size)
{
    out[0] = '\0';
    if (!environ) {
        shim_environment_of_kernel(name, out, size);
        return;
    }
    const char *value = getenv(name);
    if (value && strlen(value) < size)
        strcpy(out, value);
}

/* --- snapshots ------------------------------------------------------------------------------------------ */

static struct {
    const struct alloc *tracer; /* NULL: no trace() in the stack, or nowhere to write */
    char name[PATH_MAX - 64];
    long name_of;              /* the process that the name itself is for */
    _Atomic unsigned numbered; /* written so far */
} shim_snapshot;

static void shim_snapshot_handler(int signal_number)
{
    (void)signal_number;
    shim_want_snapshot();
}

void shim_snapshot_open(const struct alloc_stack *stack)
{
    char number[32];
    shim_environment("HEAPGAUGE_SNAPSHOT", shim_snapshot.name, sizeof shim_snapshot.name);
    if (!*shim_snapshot.name)
        return;
    for (unsigned i = 0; i < stack->depth; i++)
        if (stack->layer[i].backend == &backend_tracer)
            shim_snapshot.tracer = &stack->layer[i];
    if (!shim_snapshot.tracer)
        return;
    shim_environment("HEAPGAUGE_SNAPSHOT_PID", number, sizeof number);
    shim_snapshot.name_of = strtol(number, NULL, 10);
    shim_environment("HEAPGAUGE_SNAPSHOT_SIGNAL", number, sizeof number);
    int signal_number = (int)strtol(number, NULL, 10);
    if (signal_number > 0 && signal_number < NSIG) {
        struct sigaction action = {.sa_handler = shim_snapshot_handler, .sa_flags = SA_RESTART};
        sigaction(signal_number, &action, NULL);
    }
}

/* A device or a pipe has nothing beside it: it takes all snapshots of the process that it is for, and none
 * of others. */
static void shim_snapshot_write(unsigned number)
{
    char path[PATH_MAX];
    struct file_out f;
    struct message m;
    bool beside = !file_out_in_place(shim_snapshot.name), mine = getpid() == shim_snapshot.name_of;
    if (!beside && !mine)
        return;
    int n = snprintf(path, sizeof path, "%s", shim_snapshot.name);
    if (!mine)
        n += snprintf(path + n, sizeof path - (size_t)n, ".%ld", (long)getpid());
    if (number && beside)
        snprintf(path + n, sizeof path - (size_t)n, ".%u", number);
    int err = file_out_open(&f, path, &trace_snapshot_kind, &m);
    if (!err) {
        err = trace_snapshot_write(shim_snapshot.tracer, &f);
        if (err) {
            message_set(&m, err, "cannot write %.500s: %s", path, strerror(-err));
            file_out_drop(&f);
        } else {
            err = file_out_done(&f, &m);
        }
    }
    if (err)
        dprintf(STDERR_FILENO, "heapgauge: %s\n", m.text);
}

void shim_snapshot_last(void)
{
    if (shim_snapshot.tracer)
        shim_snapshot_write(0);
}

void shim_snapshot_numbered(void)
{
    if (shim_snapshot.tracer)
        shim_snapshot_write(1 + atomic_fetch_add_explicit(&shim_snapshot.numbered, 1, memory_order_relaxed));
}
