/* file.c: a worker's way to a file of its own. Lines are gathered in a mapped buffer, as the C library's
 * would be taken from the measured heap. */
#include "worker.h"

#include <string.h>

#define CHILD_FILE_BUFFER 65536

struct child_file {
    struct child_file *next;
    struct file_out out;
    size_t used;
    char path[FILE_OUT_PATH];
    char buffer[CHILD_FILE_BUFFER];
};

static struct child_file *child_files; /* open ones */

struct child_file *child_file_open(const char *path, const struct file_kind *kind)
{
    struct message m;
    struct child_file *f = workload_scratch(sizeof *f);
    if (!f)
        say_fail("oom", "no memory for the worker's own tables");
    snprintf(f->path, sizeof f->path, "%s", path);
    if (file_out_open(&f->out, f->path, kind, &m) != 0)
        say_fail("check-failed", m.text);
    f->next = child_files;
    child_files = f;
    return f;
}

void child_file_flush(struct child_file *f)
{
    char reason[1200];
    int err = file_out_write(&f->out, f->buffer, f->used);
    if (err)
        say_fail("check-failed", SAY_KEY(reason, "cannot write %.1000s: %s", f->path, strerror(-err)));
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
    struct message m;
    child_file_flush(f);
    struct child_file **at = &child_files;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    if (file_out_done(&f->out, &m) != 0)
        say_fail("check-failed", m.text);
    os_unmap(&os_harness, f, sizeof *f);
}

void child_files_drop(void)
{
    for (struct child_file *f = child_files; f; f = f->next)
        file_out_drop(&f->out);
}
