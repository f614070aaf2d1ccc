/* file_out.c: see file_out.h. Links are followed here, not by realpath(): it allocates, and fails where a
 * file is to be made. */
#include "file_out.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel's */

static int cannot_write(struct message *m, int err, const char *name)
{
    return message_set(m, err, "cannot write %.500s: %s", name, strerror(-err));
}

void file_out_signals(bool errors)
{
    static const int each[] = {SIGPIPE, SIGXFSZ};
    static struct sigaction before[2];
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (int i = 0; i < 2; i++)
        if (errors)
            sigaction(each[i], &ignore, &before[i]);
        else
            sigaction(each[i], &before[i], NULL);
}

/* What a name leads to. */
struct target {
    char path[FILE_OUT_PATH];
    int descriptor; /* of ours, or -1 */
    bool others;    /* another process's descriptor */
    bool there;
    struct stat st;
};

static bool ends_number(const char *text, long *out)
{
    char after;
    return *text >= '0' && *text <= '9' && sscanf(text, "%9ld%c", out, &after) == 1;
}

/* The number of a descriptor that path names, or -1. */
static void target_descriptor(struct target *t)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/"};
    static const char *const standard[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
    long number, pid;
    int used = 0;
    t->descriptor = strcmp(t->path, "-") == 0 ? STDOUT_FILENO : -1;
    for (int i = 0; i < 3; i++) {
        if (strcmp(t->path, standard[i]) == 0)
            t->descriptor = i;
        if (strncmp(t->path, folders[i], strlen(folders[i])) == 0 &&
            ends_number(t->path + strlen(folders[i]), &number))
            t->descriptor = (int)number;
    }
    if (sscanf(t->path, "/proc/%9ld/fd/%n", &pid, &used) == 1 && used &&
        ends_number(t->path + used, &number)) {
        t->others = pid != getpid();
        t->descriptor = t->others ? -1 : (int)number;
    }
}

/* One link further; a relative one counts from the folder that the link is in. */
static int target_follow(struct target *t)
{
    char to[FILE_OUT_PATH];
    ssize_t n = readlink(t->path, to, sizeof to - 1);
    if (n < 0)
        return -errno;
    to[n] = '\0';
    char *slash = strrchr(t->path, '/');
    size_t keep = to[0] != '/' && slash ? (size_t)(slash - t->path) + 1 : 0;
    if (keep + (size_t)n >= sizeof t->path)
        return -ENAMETOOLONG;
    memcpy(t->path + keep, to, (size_t)n + 1);
    return 0;
}

static int target_find(struct target *t, const char *name)
{
    *t = (struct target){.descriptor = -1};
    if (!*name)
        return -ENOENT;
    if (strlen(name) >= sizeof t->path)
        return -ENAMETOOLONG;
    strcpy(t->path, name);
    for (int links = 0; links <= LINKS_MAX; links++) {
        target_descriptor(t);
        if (t->descriptor >= 0)
            return fstat(t->descriptor, &t->st) == 0 ? 0 : -errno;
        if (t->others)
            return stat(t->path, &t->st) == 0 ? 0 : -errno;
        t->there = lstat(t->path, &t->st) == 0;
        if (!t->there)
            return errno == ENOENT ? 0 : -errno;
        if (!S_ISLNK(t->st.st_mode))
            return 0;
        int err = target_follow(t);
        if (err)
            return err;
    }
    return -ELOOP;
}

static bool target_in_place(const struct target *t)
{
    return t->descriptor >= 0 || t->others ||
           (t->there && (S_ISCHR(t->st.st_mode) || S_ISBLK(t->st.st_mode) || S_ISFIFO(t->st.st_mode)));
}

static int begins_as(const struct target *t, const struct file_kind *kind, bool *yes)
{
    char head[64];
    int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, head, sizeof head);
    close(fd);
    *yes = false;
    for (const char *const *b = kind->begins; n > 0 && b < kind->begins + 8 && *b; b++)
        *yes |= (size_t)n >= strlen(*b) && memcmp(head, *b, strlen(*b)) == 0;
    return 0;
}

static int target_check(struct target *t, const char *name, const struct file_kind *kind, struct message *m)
{
    int err = target_find(t, name);
    if (err)
        return cannot_write(m, err, name);
    if (target_in_place(t)) {
        int flags = t->descriptor >= 0 ? fcntl(t->descriptor, F_GETFL) : 0;
        if (flags < 0 || (t->descriptor >= 0 && (flags & O_ACCMODE) == O_RDONLY))
            return cannot_write(m, -EBADF, name);
        if (t->descriptor < 0 && access(t->path, W_OK) != 0)
            return cannot_write(m, -errno, name);
        return 0;
    }
    if (!t->there)
        return 0;
    if (!S_ISREG(t->st.st_mode))
        return message_set(m, S_ISDIR(t->st.st_mode) ? -EISDIR : -EEXIST,
                           "cannot write %.500s: it is there, and not a file%s", name,
                           S_ISDIR(t->st.st_mode) ? " but a folder: give the name of a file in it" : "");
    if (t->st.st_uid != geteuid())
        return message_set(m, -EPERM,
                           "%.500s belongs to another user (number %u): not replaced; remove it, or write to "
                           "another file",
                           name, (unsigned)t->st.st_uid);
    bool ours = true;
    if (t->st.st_size && kind && kind->begins[0] && (err = begins_as(t, kind, &ours)))
        return cannot_write(m, err, name);
    return ours ? 0 : message_set(m, -EEXIST, "%.500s is there, and not %s: not replaced", name, kind->name);
}

int file_out_check(const char *name, const struct file_kind *kind, struct message *m)
{
    struct target t;
    int err = target_check(&t, name, kind, m);
    if (err || target_in_place(&t))
        return err;
    char *slash = strrchr(t.path, '/');
    if (slash)
        slash[slash == t.path] = '\0';
    return access(slash ? t.path : ".", W_OK | X_OK) == 0 ? 0 : cannot_write(m, -errno, name);
}

bool file_out_in_place(const char *name)
{
    struct target t;
    return target_find(&t, name) == 0 && target_in_place(&t);
}

int file_out_for_child(const char *name, char *out, size_t size, struct message *m)
{
    struct target t;
    int n, err = target_find(&t, name);
    if (err)
        return cannot_write(m, err, name);
    if (t.descriptor < 0) {
        n = snprintf(out, size, "%s", name);
    } else {
        /* The child opens it anew, from its beginning: both add at the end. */
        int flags = fcntl(t.descriptor, F_GETFL);
        if (flags < 0 || (S_ISREG(t.st.st_mode) && fcntl(t.descriptor, F_SETFL, flags | O_APPEND) != 0))
            return cannot_write(m, -errno, name);
        n = snprintf(out, size, "/proc/%ld/fd/%d", (long)getpid(), t.descriptor);
    }
    return n >= 0 && (size_t)n < size ? 0 : cannot_write(m, -ENAMETOOLONG, name);
}

static int open_in_place(struct file_out *f, const struct target *t)
{
    if (t->descriptor >= 0)
        f->fd = fcntl(t->descriptor, F_DUPFD_CLOEXEC, 3);
    else
        f->fd = open(t->path, O_WRONLY | O_CLOEXEC | O_NOCTTY | (t->others ? O_APPEND : O_NOFOLLOW));
    return f->fd < 0 ? -errno : 0;
}

/* A name that an earlier process of our number left is passed over. */
static int open_beside(struct file_out *f, const struct target *t)
{
    for (unsigned i = 0; i < 100; i++) {
        snprintf(f->temporary, sizeof f->temporary, "%s.%ld.%u.tmp", f->path, (long)getpid(), i);
        f->fd = open(f->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (f->fd >= 0 || errno != EEXIST)
            break;
    }
    if (f->fd < 0)
        return -errno;
    if (t->there && fchmod(f->fd, t->st.st_mode & 07777) != 0) {
        int err = -errno;
        file_out_drop(f);
        return err;
    }
    return 0;
}

int file_out_open(struct file_out *f, const char *name, const struct file_kind *kind, struct message *m)
{
    struct target t;
    f->fd = -1;
    f->name = name;
    int err = target_check(&t, name, kind, m);
    if (err)
        return err;
    strcpy(f->path, t.path);
    f->in_place = target_in_place(&t);
    err = f->in_place ? open_in_place(f, &t) : open_beside(f, &t);
    return err ? cannot_write(m, err, name) : 0;
}

int file_out_write(struct file_out *f, const void *data, size_t bytes)
{
    for (const char *at = data; bytes > 0;) {
        ssize_t n = write(f->fd, at, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        at += n;
        bytes -= (size_t)n;
    }
    return 0;
}

/* The folder's own entry for a new name is safe only after its fsync. Some file systems cannot: no error. */
static void sync_folder_of(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        slash[1] = '\0';
    int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

int file_out_done(struct file_out *f, struct message *m)
{
    int err = !f->in_place && fsync(f->fd) != 0 ? -errno : 0;
    if (close(f->fd) != 0 && !err)
        err = -errno;
    f->fd = -1;
    if (!f->in_place && !err && rename(f->temporary, f->path) != 0)
        err = -errno;
    if (err) {
        if (!f->in_place)
            unlink(f->temporary);
        return cannot_write(m, err, f->name);
    }
    if (!f->in_place)
        sync_folder_of(f->temporary);
    return 0;
}

void file_out_drop(struct file_out *f)
{
    if (f->fd < 0)
        return;
    close(f->fd);
    if (!f->in_place)
        unlink(f->temporary);
    f->fd = -1;
}
