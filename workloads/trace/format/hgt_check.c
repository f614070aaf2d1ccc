/* hgt_check.c: is this a whole and sound trace? See hgt.h. */
#include "hgt.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static struct { /* the file that was found good last; one thread plans */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
} good;

int hgt_check(const char *path, struct message *m)
{
    struct hgt_reader r;
    struct hgt_op op;
    struct stat st;
    if (stat(path, &st) != 0)
        return message_set(m, -errno, "cannot read %s: %s", path, strerror(errno));
    if (st.st_dev == good.device && st.st_ino == good.inode && st.st_size == good.size &&
        memcmp(&st.st_mtim, &good.changed, sizeof good.changed) == 0)
        return 0;
    int got = hgt_open(&r, path, false, m);
    if (got)
        return got;
    while ((got = hgt_next(&r, &op, m)) == 1)
        ;
    hgt_close(&r);
    if (got)
        return got;
    good.device = st.st_dev;
    good.inode = st.st_ino;
    good.size = st.st_size;
    good.changed = st.st_mtim;
    return 0;
}
