/* loud_malloc.c: a malloc that makes itself heard: every call is a getppid system call first, so that a
 * tracer which counts system calls counts allocations, too. For tests/unit/quiet.c. */
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void __libc_free(void *);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *p, size_t size);
void free(void *p);

void *malloc(size_t size)
{
    syscall(SYS_getppid);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    syscall(SYS_getppid);
    return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
    syscall(SYS_getppid);
    return __libc_realloc(p, size);
}

void free(void *p)
{
    syscall(SYS_getppid);
    __libc_free(p);
}
