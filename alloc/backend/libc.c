/* libc.c: see libc.h. */
#include "libc.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#ifdef HG_PIC

#include "alloc/base/object.h"

/* Looked up in libc.so itself: the process may have other allocators, and the shim takes these very names. */
static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    void *(*memalign)(size_t, size_t);
    size_t (*usable)(void *);
} libc;

bool libc_open(void)
{
    libc.malloc = (__typeof__(libc.malloc))object_function("libc.so.6", NULL, "__libc_malloc");
    libc.calloc = (__typeof__(libc.calloc))object_function("libc.so.6", NULL, "__libc_calloc");
    libc.realloc = (__typeof__(libc.realloc))object_function("libc.so.6", NULL, "__libc_realloc");
    libc.free = (__typeof__(libc.free))object_function("libc.so.6", NULL, "__libc_free");
    libc.memalign = (__typeof__(libc.memalign))object_function("libc.so.6", NULL, "__libc_memalign");
    libc.usable = (__typeof__(libc.usable))object_function("libc.so.6", NULL, "malloc_usable_size");
    return libc.malloc && libc.calloc && libc.realloc && libc.free && libc.memalign && libc.usable;
}

void *libc_malloc(size_t size)
{
    return libc.malloc(size);
}

void *libc_calloc(size_t count, size_t size)
{
    return libc.calloc(count, size);
}

void *libc_realloc(void *p, size_t size)
{
    return libc.realloc(p, size);
}

void libc_free(void *p)
{
    libc.free(p);
}

size_t libc_usable(void *p)
{
    return libc.usable(p);
}

void *libc_aligned(size_t align, size_t size)
{
    return libc.memalign(align, size);
}

#else

static bool usable_is_known;

bool libc_open(void)
{
    Dl_info of_malloc, of_usable;
    void *malloc_at = dlsym(RTLD_DEFAULT, "malloc"), *usable_at = dlsym(RTLD_DEFAULT, "malloc_usable_size");
    usable_is_known = usable_at && dladdr(malloc_at, &of_malloc) && dladdr(usable_at, &of_usable) &&
                      of_malloc.dli_fbase == of_usable.dli_fbase;
    return true;
}

size_t libc_usable(void *p)
{
    return usable_is_known ? malloc_usable_size(p) : 0;
}

void *libc_aligned(size_t align, size_t size)
{
    void *p;
    int err = posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, size);
    if (err)
        errno = err;
    return err ? NULL : p;
}

#endif
