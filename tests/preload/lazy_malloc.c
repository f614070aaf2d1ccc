/* lazy_malloc.c: the C library's malloc, except that what is freed stays in the process and the pages of a large
 * block go back lazily (MADV_FREE); and it counts its calls: how many mallocs there were is written to the file
 * that LAZY_MALLOC_CALLS names, at the end. For tests/cli/memory.bats. */
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void __libc_free(void *);

static _Atomic unsigned long calls;

__attribute__((constructor)) static void begin(void)
{
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("LAZY_MALLOC_CALLS");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    if (fd >= 0) {
        dprintf(fd, "%lu\n", calls);
        close(fd);
    }
}

void *malloc(size_t size)
{
    calls++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
    return __libc_realloc(p, size);
}

/* The first and the last page hold what the C library writes into a free block. */
void free(void *p)
{
    const uintptr_t page = 4096;
    if (p) {
        uintptr_t from = ((uintptr_t)p + 2 * page - 1) & ~(page - 1);
        uintptr_t to = ((uintptr_t)p + malloc_usable_size(p) - page) & ~(page - 1);
        if (to > from)
            madvise((void *)from, to - from, MADV_FREE);
    }
    __libc_free(p);
}
