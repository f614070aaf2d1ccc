/* file.c: a worker's way to a file of its own. Lines are gathered in a mapped buffer, as the C library's
 * would be taken from the measured heap. */
#include "worker.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHILD_FILE_BUFFER 65536

struct child_file {
    int fd;
    const char *what;
    size_t used;
    char buffer[CHILD_FILE_BUFFER];
};

struct child_file *child_file_open(const char *path, const char *what)
{
    char reason[1200];
    struct child_file *f = workload_scratch(sizeof *f);
    if (!f)
        say_fail("oom", "no memory for the worker's own tables");
    f->what = what;
    f->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (f->fd < 0)
        say_fail("not-applicable", SAY_KEY(reason, "cannot write %s to %.1000s", what, path));
    return f;
}

void child_file_flush(struct child_file *f)
{
    char reason[160];
    for (size_t at = 0; at < f->used;) {
        ssize_t n = write(f->fd, f->buffer + at, f->used - at);
        if (n <= 0)
            say_fail("check-failed", SAY_KEY(reason, "cannot write %s: is the disk full?", f->what));
        at += (size_t)n;
    }
    f->used = 0;
}

void child_file_put(struct child_file *f, const char *text, size_t n)
{
    if (f->used + n > CHILD_FILE_BUFFER)
        child_file_flush(f);
    memcpy(f->buffer + f->used, text, n);
    f->used += n;
}

void child_file_close(struct child_file *f)
{
    child_file_flush(f);
    close(f->fd);
    os_unmap(&os_harness, f, sizeof *f);
}
