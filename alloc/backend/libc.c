/* libc.c: see libc.h. */
#include "libc.h"

#include <errno.h>
#include <stdlib.h>

#ifdef HG_PIC

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>

/* Exported by glibc for those who interpose malloc; not in its headers. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
extern void __libc_free(void *p);

void *libc_malloc(size_t size)
{
    return __libc_malloc(size);
}

void *libc_calloc(size_t count, size_t size)
{
    return __libc_calloc(count, size);
}

void *libc_realloc(void *p, size_t size)
{
    return __libc_realloc(p, size);
}

void libc_free(void *p)
{
    __libc_free(p);
}

/* The one that has no second name. The next object's is glibc's: no other allocator stands behind ours. */
size_t libc_usable(void *p)
{
    static _Atomic uintptr_t next;
    uintptr_t f = atomic_load_explicit(&next, memory_order_relaxed);
    if (!f) { /* two threads may both look: they find the same */
        f = (uintptr_t)dlsym(RTLD_NEXT, "malloc_usable_size");
        atomic_store_explicit(&next, f, memory_order_relaxed);
    }
    size_t (*usable)(void *) = (__typeof__(usable))f;
    return usable ? usable(p) : 0;
}

void *libc_aligned(size_t align, size_t size)
{
    return __libc_memalign(align, size);
}

#else

void *libc_aligned(size_t align, size_t size)
{
    void *p;
    int err = posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, size);
    if (err)
        errno = err;
    return err ? NULL : p;
}

#endif
