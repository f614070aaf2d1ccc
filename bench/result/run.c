/* run.c: see run.h.
 *
 * samples.jsonl is only ever appended to, one whole line a write, by one process at a time (flock); what a
 * write could not finish is cut off again. A reader takes lines that end in a newline. Limits on what is
 * read: a line of 16 MiB, a run of 1 GiB and a million samples. */
#include "run.h"

#include "alloc/base/file_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN_LINE_MAX    (16u << 20)
#define RUN_FILE_MAX    (1u << 30)
#define RUN_SAMPLES_MAX 1000000u

static int write_all(int fd, const char *text, size_t size)
{
    while (size) {
        ssize_t n = write(fd, text, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? -errno : -EIO;
        text += n;
        size -= (size_t)n;
    }
    return 0;
}

int run_write_file(const char *path, const char *text, size_t size, struct message *m)
{
    struct file_out f;
    int err = file_out_open(&f, path, NULL, m);
    if (err)
        return err;
    err = file_out_write(&f, text, size);
    if (!err)
        return file_out_done(&f, m);
    file_out_drop(&f);
    return message_set(m, err, "cannot write %s: %s", path, strerror(-err));
}

static int make_folders(const char *dir)
{
    char path[4096];
    if (strlen(dir) >= sizeof path)
        return -ENAMETOOLONG;
    strcpy(path, dir);
    for (char *p = path + 1;; p++) {
        char c = *p;
        if (c != '/' && c != 0)
            continue;
        *p = 0;
        if (mkdir(path, 0777) && errno != EEXIST)
            return -errno;
        *p = c;
        if (c == 0)
            break;
    }
    struct stat st;
    return stat(dir, &st) ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

/* Reads a regular file whole into a NUL-ended buffer. */
static int read_file(const char *path, size_t max, char **text, size_t *size, struct message *m)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0)
        return message_set(m, -errno, "cannot read %s: %s", path, strerror(errno));
    int err = fstat(fd, &st) ? -errno : 0;
    if (!err && !S_ISREG(st.st_mode))
        err = -EINVAL;
    if (!err && (uint64_t)st.st_size > max)
        err = -EFBIG;
    char *buf = err ? NULL : malloc((size_t)st.st_size + 1);
    if (!err && !buf)
        err = -ENOMEM;
    size_t have = 0;
    while (!err && have < (size_t)st.st_size) {
        ssize_t n = read(fd, buf + have, (size_t)st.st_size - have);
        if (n < 0 && errno != EINTR)
            err = -errno;
        else if (n == 0)
            break; /* became shorter: what is there is what there is */
        else if (n > 0)
            have += (size_t)n;
    }
    close(fd);
    if (err) {
        free(buf);
        return message_set(m, err, "cannot read %s: %s", path,
                           err == -EINVAL ? "not a regular file" : strerror(-err));
    }
    buf[have] = 0;
    *text = buf;
    *size = have;
    return 0;
}

static int path_in(char out[4096], const char *dir, const char *name, struct message *m)
{
    if (snprintf(out, 4096, "%s/%s", dir, name) >= 4096)
        return message_set(m, -ENAMETOOLONG, "the folder's name is too long");
    return 0;
}

static struct record *run_read(const char *dir, struct message *m, int *err)
{
    char path[4096], *text = NULL;
    size_t size = 0;
    struct record *run = NULL;
    *err = path_in(path, dir, "run.json", m);
    if (!*err)
        *err = read_file(path, RUN_LINE_MAX, &text, &size, m);
    if (*err == -ENOENT)
        message_set(m, *err, "%s is not a results folder: it has no run.json", dir);
    if (*err)
        return NULL;
    run = record_parse(text, size, path, 1, m);
    free(text);
    int64_t schema = 0;
    if (!run) {
        *err = -EINVAL;
    } else if (!record_integer(run, "schema", &schema) || schema < 1 || schema > SCHEMA_NUMBER) {
        *err =
            message_set(m, -EPROTONOSUPPORT, "%s: schema %lld is not one that this program reads (1 to %d)",
                        path, (long long)schema, SCHEMA_NUMBER);
        record_free(run);
        run = NULL;
    }
    return run;
}

/* --- a run folder ----------------------------------------------------------------------------------------
 */

struct run_file {
    int fd;
    off_t size; /* bytes of whole lines */
    char path[4096];
};

static int run_lock(struct run_file *s, int flags, struct message *m)
{
    int err = file_out_check(s->path, NULL, m);
    if (err)
        return err;
    s->fd = open(s->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0666);
    if (s->fd < 0)
        return message_set(m, -errno, "cannot open %s: %s", s->path, strerror(errno));
    struct stat st;
    if (fstat(s->fd, &st))
        return message_set(m, -errno, "cannot read %s: %s", s->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return message_set(m, -EINVAL, "%s is not a regular file", s->path);
    if (flock(s->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return message_set(m, -EBUSY, "%s is being written by another process", s->path);
    s->size = st.st_size;
    return 0;
}

static struct run_file *run_new(void)
{
    struct run_file *s = calloc(1, sizeof *s);
    if (s)
        s->fd = -1;
    return s;
}

int run_create(struct run_file **out, const char *dir, const struct record *run, struct message *m)
{
    struct run_file *s = run_new();
    char path[4096], *text = NULL;
    size_t size = 0;
    *out = NULL;
    if (!s)
        return message_set(m, -ENOMEM, "out of memory");
    int err = path_in(path, dir, "run.json", m);
    if (!err)
        err = path_in(s->path, dir, "samples.jsonl", m);
    if (!err && (err = make_folders(dir)))
        message_set(m, err, "cannot make the folder %s: %s", dir, strerror(-err));
    if (!err && access(path, F_OK) == 0)
        err = message_set(m, -EEXIST, "%s holds a run already", dir);
    if (!err)
        err = run_lock(s, O_CREAT, m);
    if (!err && s->size > 0)
        err = message_set(m, -EEXIST, "%s holds samples already", dir);
    if (!err && !(text = record_format(run, true, &size)))
        err = message_set(m, -ENOMEM, "out of memory");
    if (!err)
        err = run_write_file(path, text, size, m);
    free(text);
    if (err) {
        run_close(s);
        return err;
    }
    *out = s;
    return 0;
}

/* Where the last whole line ends. */
static int run_whole_bytes(int fd, off_t size, off_t *whole)
{
    char buf[65536];
    off_t end = size;
    while (end > 0) {
        off_t start = end > (off_t)sizeof buf ? end - (off_t)sizeof buf : 0;
        ssize_t n = pread(fd, buf, (size_t)(end - start), start);
        if (n != end - start)
            return n < 0 ? -errno : -EIO;
        for (ssize_t i = n; i-- > 0;) {
            if (buf[i] == '\n') {
                *whole = start + i + 1;
                return 0;
            }
        }
        end = start;
    }
    *whole = 0;
    return 0;
}

int run_open(struct run_file **out, const char *dir, struct message *m)
{
    struct run_file *s = run_new();
    off_t whole = 0;
    int err;
    *out = NULL;
    if (!s)
        return message_set(m, -ENOMEM, "out of memory");
    message_set(m, 0, "%s", "");
    record_free(run_read(dir, m, &err));
    if (!err)
        err = path_in(s->path, dir, "samples.jsonl", m);
    if (!err)
        err = run_lock(s, 0, m);
    if (!err && (err = run_whole_bytes(s->fd, s->size, &whole)))
        message_set(m, err, "cannot read %s: %s", s->path, strerror(-err));
    if (!err && whole < s->size) {
        if (ftruncate(s->fd, whole))
            err =
                message_set(m, -errno, "cannot cut the torn last line off %s: %s", s->path, strerror(errno));
        else
            message_set(m, 0, "%s: a torn last line was cut off", s->path);
        s->size = whole;
    }
    if (err) {
        run_close(s);
        return err;
    }
    *out = s;
    return 0;
}

int run_append(struct run_file *s, const char *line, size_t size, struct message *m)
{
    int err = size <= RUN_LINE_MAX ? write_all(s->fd, line, size) : -EFBIG;
    if (!err && fdatasync(s->fd))
        err = -errno;
    if (err) {
        if (ftruncate(s->fd, s->size))
            return message_set(m, err, "cannot write %s: %s; its last line is torn", s->path, strerror(-err));
        return message_set(m, err, "cannot write %s: %s", s->path, strerror(-err));
    }
    s->size += (off_t)size;
    return 0;
}

void run_close(struct run_file *s)
{
    if (s) {
        if (s->fd >= 0)
            close(s->fd);
        free(s);
    }
}

static int run_load_samples(struct run *run, const char *path, const char *text, size_t size, bool figures,
                            struct message *m)
{
    size_t room = 0;
    unsigned number = 0;
    for (const char *line = text, *end; line < text + size; line = end + 1) {
        number++;
        end = memchr(line, '\n', (size_t)(text + size - line));
        if (!end) {
            run->torn = true;
            return 0;
        }
        if (end == line)
            continue;
        if (end - line > (ptrdiff_t)RUN_LINE_MAX)
            return message_set(m, -EFBIG, "%s:%u: the line is longer than %u MiB", path, number,
                               RUN_LINE_MAX >> 20);
        if (run->samples == RUN_SAMPLES_MAX)
            return message_set(m, -EFBIG, "%s:%u: more than %u samples", path, number, RUN_SAMPLES_MAX);
        if (run->samples == room) {
            room = room ? 2 * room : 64;
            struct sample **grown = realloc(run->sample, room * sizeof(struct sample *));
            if (!grown)
                return message_set(m, -ENOMEM, "out of memory");
            run->sample = grown;
        }
        struct sample *s = calloc(1, sizeof *s);
        if (!s)
            return message_set(m, -ENOMEM, "out of memory");
        run->sample[run->samples++] = s;
        int err = sample_read(s, line, (size_t)(end - line), figures, path, number, m);
        if (err)
            return err;
    }
    return 0;
}

int run_load(struct run *out, const char *dir, bool figures, struct message *m)
{
    char path[4096], *text = NULL;
    size_t size = 0;
    int err;
    memset(out, 0, sizeof *out);
    if (snprintf(out->dir, sizeof out->dir, "%s", dir) >= (int)sizeof out->dir)
        return message_set(m, -ENAMETOOLONG, "the folder's name is too long");
    out->run = run_read(dir, m, &err);
    if (!err)
        err = path_in(path, dir, "samples.jsonl", m);
    if (!err)
        err = read_file(path, RUN_FILE_MAX, &text, &size, m);
    if (!err)
        err = run_load_samples(out, path, text, size, figures, m);
    free(text);
    if (err)
        run_unload(out);
    return err;
}

void run_unload(struct run *run)
{
    for (size_t i = 0; i < run->samples; i++) {
        sample_clear(run->sample[i]);
        free(run->sample[i]);
    }
    free(run->sample);
    record_free(run->run);
    memset(run, 0, sizeof *run);
}

size_t run_planned(const struct run *run, const char *key)
{
    int64_t n;
    return record_integer(run->run, key, &n) && n > 0 ? (size_t)n : 0;
}
