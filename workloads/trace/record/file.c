/* file.c: see file.h. */
#include "file.h"

#include "alloc/base/mutex.h"
#include "alloc/base/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FD_LEAST       512 /* out of the way of programs that count on small numbers */
#define SEGMENTS(n)    ((uint64_t)(n) / SPOOL_SEGMENT_BYTES)
#define WINDOW_TRIED   SEGMENTS(16 << 20)   /* made first, to see whether the file system knows holes */
#define CONFINED_AHEAD ((uint64_t)64 << 20) /* on the disk for certain before the program confines itself */
#define OFFSET(index)  (SPOOL_HEADER_BYTES + (index)*SPOOL_SEGMENT_BYTES)

static struct {
    struct mutex lock; /* guards window, first and count, and the descriptor */
    struct spool_header *header;
    char path[PATH_MAX];
    int fd;
    dev_t device;
    ino_t inode;
    char *window; /* of segments first to first + count - 1; stays mapped, for others' pieces may be live */
    uint64_t first, count;
    bool limited;    /* the window ends where RLIMIT_FSIZE does */
    bool confined;   /* see file_confine() */
    bool fallocates; /* the kernel cannot fill pages in by madvise (before Linux 5.14) */
} file = {.fd = -1};

static int file_high(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, FD_LEAST);
    if (high < 0)
        return fd;
    close(fd);
    return high;
}

/* The number may be another file's by now: it is checked before each use. */
static int file_descriptor(void)
{
    struct stat st;
    if (file.fd >= 0 && fstat(file.fd, &st) == 0 && st.st_dev == file.device && st.st_ino == file.inode)
        return file.fd;
    int fd = open(file.path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) != 0 || st.st_dev != file.device || st.st_ino != file.inode) {
        close(fd);
        return -ESTALE;
    }
    return file.fd = file_high(fd);
}

static int file_allocate(int fd, uint64_t offset, uint64_t bytes)
{
    int err;
    do
        err = posix_fallocate(fd, (off_t)offset, (off_t)bytes);
    while (err == EINTR);
    return -err;
}

/* How many segments the process's limits leave for a window: growing a file beyond them would be a SIGXFSZ, and
 * what is mapped is missing from the program's own address space. */
static uint64_t file_room(bool *limited)
{
    struct rlimit limit;
    uint64_t count = SEGMENTS(FILE_WINDOW_BYTES);
    *limited = false;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        uint64_t part = SEGMENTS(limit.rlim_cur / 16);
        count = part < 1 ? 1 : part < count ? part : count;
    }
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        uint64_t end =
            limit.rlim_cur > SPOOL_HEADER_BYTES ? SEGMENTS(limit.rlim_cur - SPOOL_HEADER_BYTES) : 0;
        uint64_t left = end > file.first ? end - file.first : 0;
        *limited = left < count;
        count = left < count ? left : count;
    }
    return count;
}

/* Makes the file so long, and sees to it that this costs no blocks: FAT writes zeros. Returns the segments. */
static uint64_t file_lengthen(int fd, uint64_t count)
{
    struct stat before, after;
    uint64_t tried = count < WINDOW_TRIED ? count : WINDOW_TRIED;
    if (fstat(fd, &before) != 0 || ftruncate(fd, (off_t)OFFSET(file.first + tried)) != 0)
        return 0;
    if (fstat(fd, &after) != 0 ||
        (uint64_t)(after.st_blocks - before.st_blocks) * 512 > tried * SPOOL_SEGMENT_BYTES / 2)
        return tried;
    while (count > tried && ftruncate(fd, (off_t)OFFSET(file.first + count)) != 0)
        count /= 2; /* more than the file system has numbers for */
    return count > tried ? count : tried;
}

/* With the lock, except while the process begins. */
static int file_window(void)
{
    if (file.limited)
        return -EFBIG;
    if (file.confined)
        return -EPERM;
    int fd = file_descriptor();
    if (fd < 0)
        return fd;
    uint64_t first = file.first, had = file.count;
    bool limited;
    file.first += file.count;
    uint64_t count = file_room(&limited);
    count = count ? file_lengthen(fd, count) : 0;
    char *window = NULL;
    int err = limited && !count ? EFBIG : errno;
    for (; count && !window; count = window ? count : count / 2) {
        window = os_map_file_piece(fd, OFFSET(file.first), count * SPOOL_SEGMENT_BYTES);
        err = errno;
    }
    if (!window) {
        file.first = first;
        file.count = had;
        return err ? -err : -EFBIG;
    }
    file.window = window;
    file.count = count;
    file.limited = limited;
    return 0;
}

int file_open(const char *base, struct spool_header **header)
{
    struct stat st;
    int fd = -1, err;
    if (file.fd >= 0 && fstat(file.fd, &st) == 0 && st.st_dev == file.device && st.st_ino == file.inode)
        close(file.fd); /* the parent's */
    for (unsigned image = 0; fd < 0; image++) {
        int n = snprintf(file.path, sizeof file.path, "%s.%ld.%u", base, (long)getpid(), image);
        if (n < 0 || (size_t)n >= sizeof file.path)
            return -ENAMETOOLONG;
        fd = open(file.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && (errno != EEXIST || image > 10000))
            return -errno;
    }
    file.fd = fd = file_high(fd);
    file.first = file.count = 0;
    file.limited = false;
    err = fstat(fd, &st) == 0 ? file_allocate(fd, 0, SPOOL_HEADER_BYTES) : -errno;
    file.device = st.st_dev;
    file.inode = st.st_ino;
    file.header = err ? NULL : os_map_file_piece(fd, 0, SPOOL_HEADER_BYTES);
    if (!err && !file.header)
        err = -errno;
    if (!err) {
        file.fallocates = !os_populate(&os_harness, file.header, SPOOL_HEADER_BYTES);
        err = file_window();
    }
    *header = file.header;
    if (err) {
        unlink(file.path);
        close(fd);
        file.fd = -1;
    }
    return err;
}

int file_segment(uint64_t **out)
{
    char *words = NULL;
    int err = 0;
    mutex_lock(&file.lock);
    uint64_t index = file.header->segments;
    if (index >= file.first + file.count)
        err = file_window();
    int fd = !err && file.fallocates && !file.confined ? file_descriptor() : 0;
    if (fd < 0)
        err = fd;
    else if (!err && file.fallocates && !file.confined)
        err = file_allocate(fd, OFFSET(index), SPOOL_SEGMENT_BYTES);
    if (!err) {
        words = file.window + (index - file.first) * SPOOL_SEGMENT_BYTES;
        __atomic_store_n(&file.header->segments, index + 1, __ATOMIC_RELEASE);
    }
    mutex_unlock(&file.lock);
    if (err)
        return err;
    *out = (uint64_t *)(void *)words;
    return file.fallocates || file.confined || os_populate(&os_harness, words, SPOOL_SEGMENT_BYTES) ? 0
                                                                                                    : -ENOSPC;
}

void file_full(uint64_t *segment)
{
    if (!file.confined)
        os_purge(&os_harness, segment, SPOOL_SEGMENT_BYTES, false);
}

void file_forget(void)
{
    file.lock = (struct mutex){0};
    if (file.header)
        os_unmap_file(file.header, SPOOL_HEADER_BYTES);
    if (file.window)
        os_unmap_file(file.window, file.count * SPOOL_SEGMENT_BYTES);
    file.header = NULL;
    file.window = NULL;
}

bool file_is_confined(void)
{
    return file.confined;
}

static void file_confine(void)
{
    mutex_lock(&file.lock);
    if (file.header && !file.confined) {
        uint64_t begin = OFFSET(file.header->segments), end = OFFSET(file.first + file.count);
        uint64_t bytes = end - begin < CONFINED_AHEAD ? end - begin : CONFINED_AHEAD;
        int fd = file_descriptor();
        if (fd >= 0 && bytes)
            file_allocate(fd, begin, bytes);
        file.confined = true;
    }
    mutex_unlock(&file.lock);
}

/* ---- a program that confines itself ----
 * It is seen by the C library's functions for it (libseccomp does it that way, too). Who makes the system call
 * without them is not seen; the recorder then still asks for nothing but memory. */

#define EXPORT __attribute__((visibility("default")))

/* What has no name is passed on as it stands in registers: these functions take up to that many words, and a
 * caller that gave fewer left the others as they were. */
#define WORDS(last, n)                      \
    unsigned long w[n];                     \
    va_list list;                           \
    va_start(list, last);                   \
    for (unsigned i = 0; i < (n); i++)      \
        w[i] = va_arg(list, unsigned long); \
    va_end(list)

EXPORT int prctl(int option, ...)
{
    static int (*next)(int, ...);
    WORDS(option, 4);
    if (!next)
        next = (int (*)(int, ...))dlsym(RTLD_NEXT, "prctl");
    if (option == PR_SET_SECCOMP)
        file_confine();
    return next(option, w[0], w[1], w[2], w[3]);
}

EXPORT long syscall(long number, ...)
{
    static long (*next)(long, ...);
    WORDS(number, 6);
    if (!next)
        next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    if (number == SYS_seccomp && (w[0] == SECCOMP_SET_MODE_STRICT || w[0] == SECCOMP_SET_MODE_FILTER))
        file_confine();
    return next(number, w[0], w[1], w[2], w[3], w[4], w[5]);
}
