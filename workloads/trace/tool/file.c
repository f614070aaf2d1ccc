/* file.c: output that is whole or not there. See tool.h. */
#include "tool.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is there already may be replaced when it is a trace, or nothing. */
static int may_replace(const char *path, struct message *m)
{
    struct stat st;
    char magic[8];
    if (stat(path, &st) != 0) {
        if (errno == ENOENT)
            return 0;
        return message_set(m, -errno, "cannot write %s: %s", path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode))
        return message_set(m, -EEXIST, "cannot write %s: it is there, and not a file", path);
    if (st.st_size == 0)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return message_set(m, -errno, "cannot write %s: %s", path, strerror(errno));
    bool trace = read(fd, magic, sizeof magic) == sizeof magic && memcmp(magic, HGT_MAGIC, sizeof magic) == 0;
    close(fd);
    return trace ? 0 : message_set(m, -EEXIST, "%s is there, and not an .hgt trace: not replaced", path);
}

int tool_file_open(struct tool_file *f, const char *path, struct message *m)
{
    f->fd = -1;
    if (!*path || strlen(path) >= sizeof f->path)
        return message_set(m, -EINVAL, "'%.200s' is not a file's name", path);
    strcpy(f->path, path);
    int err = may_replace(path, m);
    if (err)
        return err;
    snprintf(f->temporary, sizeof f->temporary, "%s.%ld.tmp", path, (long)getpid());
    f->fd = open(f->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd < 0)
        return message_set(m, -errno, "cannot write %s: %s", path, strerror(errno));
    return 0;
}

int tool_file_done(struct tool_file *f, struct message *m)
{
    int err = fsync(f->fd) != 0 ? -errno : 0;
    if (close(f->fd) != 0 && !err)
        err = -errno;
    f->fd = -1;
    if (!err && rename(f->temporary, f->path) != 0)
        err = -errno;
    if (err) {
        unlink(f->temporary);
        return message_set(m, err, "cannot write %s: %s", f->path, strerror(-err));
    }
    return 0;
}

void tool_file_drop(struct tool_file *f)
{
    if (f->fd < 0)
        return;
    close(f->fd);
    unlink(f->temporary);
    f->fd = -1;
}

void tool_meta_add(struct tool_meta *meta, const char *key, const char *format, ...)
{
    char value[8192];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    for (char *c = value; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    size_t room = sizeof meta->text - meta->bytes;
    int n = snprintf(meta->text + meta->bytes, room, "%s %s\n", key, value);
    if (n > 0 && (size_t)n < room)
        meta->bytes += (size_t)n;
}
