/* sha256.c: see sha256.h. The file is opened here: libmd's own SHA256File would wait for a FIFO and read a
 * device without end. */
#include "sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include <sha2.h>

_Static_assert(SHA256_HEX == SHA256_DIGEST_STRING_LENGTH, "room for all digits");

int sha256_file(const char *path, char hex[SHA256_HEX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    struct stat st;
    int err = fstat(fd, &st) ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
    SHA2_CTX s;
    SHA256Init(&s);
    while (!err) {
        unsigned char buf[16384];
        ssize_t n = read(fd, buf, sizeof buf);
        if (n == 0)
            break;
        if (n > 0)
            SHA256Update(&s, buf, (size_t)n);
        else if (errno != EINTR)
            err = -errno;
    }
    close(fd);
    if (!err)
        SHA256End(&s, hex);
    return err;
}
