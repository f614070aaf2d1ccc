/* second.c: glibc's second names of the malloc family, and C23's frees with a size, in every crossing with the
 * first. Linked against nothing of ours: run under the shim and the recorder. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t), *__libc_valloc(size_t), *__libc_pvalloc(size_t), __libc_free(void *);

static void *volatile sink;

static void *used(void *p, size_t n)
{
    if (!p)
        abort();
    sink = p;
    return memset(p, 1, n);
}

int main(void)
{
    free(used(__libc_malloc(40001), 40001));
    free(used(__libc_calloc(4, 10001), 40004));
    free(used(__libc_realloc(NULL, 40003), 40003));
    free(used(__libc_memalign(256, 40005), 40005));
    free(used(__libc_valloc(40006), 40006));
    free(used(__libc_pvalloc(40007), 40960));
    __libc_free(used(malloc(40008), 40008));
    __libc_free(used(aligned_alloc(64, 40064), 40064));
    free(used(realloc(used(__libc_malloc(40009), 40009), 40010), 40010));
    __libc_free(used(__libc_realloc(used(malloc(40011), 40011), 40012), 40012));
    __libc_free(NULL);
    /* glibc before 2.43 has neither; what stands in malloc's place may */
    void (*sized)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
    void (*aligned)(void *, size_t, size_t) =
        (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");
    if (sized)
        sized(used(malloc(40013), 40013), 40013);
    if (aligned)
        aligned(used(aligned_alloc(64, 40128), 40128), 64, 40128);
    printf("done, %s\n", sized && aligned ? "sized" : "not sized");
    return 0;
}
