/* peak.h: for programs that look at their own memory beside the harness: tables that no malloc gives, and what the
 * kernel says of the process. */
#ifndef HG_TESTS_PEAK_H
#define HG_TESTS_PEAK_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *table(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* In KiB, without a FILE: its buffer would be of the malloc that is looked at. */
static long status_kib(const char *key)
{
    static char text[8192];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *found = strstr(text, key);
    return found ? atol(found + strlen(key)) : 0;
}

#endif
