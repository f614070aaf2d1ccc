/* file.c: a worker's way to a file of its own. Lines are gathered in a mapped buffer, as the C library's
 * would be taken from the measured heap. */
#include "worker.h"

#include <string.h>

#define WORKER_FILE_BUFFER 65536

struct worker_file {
    struct worker_file *next;
    struct file_out out;
    size_t used;
    char path[FILE_OUT_PATH];
    char buffer[WORKER_FILE_BUFFER];
};

static struct worker_file *worker_files; /* open ones */

struct worker_file *worker_file_open(const char *path, const struct file_kind *kind)
{
    struct message m;
    struct worker_file *f = workload_scratch(sizeof *f);
    if (!f)
        say_fail("oom", "no memory for the worker's own tables");
    snprintf(f->path, sizeof f->path, "%s", path);
    if (file_out_open(&f->out, f->path, kind, &m) != 0)
        say_fail("check-failed", m.text);
    f->next = worker_files;
    worker_files = f;
    return f;
}

void worker_file_flush(struct worker_file *f)
{
    char reason[1200];
    int err = file_out_write(&f->out, f->buffer, f->used);
    if (err)
        say_fail("check-failed", SAY_KEY(reason, "cannot write %.1000s: %s", f->path, strerror(-err)));
    f->used = 0;
}

void worker_file_put(struct worker_file *f, const char *text, size_t n)
{
    if (f->used + n > WORKER_FILE_BUFFER)
        worker_file_flush(f);
    memcpy(f->buffer + f->used, text, n);
    f->used += n;
}

void worker_file_close(struct worker_file *f)
{
    struct message m;
    worker_file_flush(f);
    struct worker_file **at = &worker_files;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    if (file_out_done(&f->out, &m) != 0)
        say_fail("check-failed", m.text);
    os_unmap(&os_harness, f, sizeof *f);
}

static void worker_files_drop(void)
{
    for (struct worker_file *f = worker_files; f; f = f->next)
        file_out_drop(&f->out);
}

void worker_files_open(void)
{
    say_before_fail(worker_files_drop);
}
