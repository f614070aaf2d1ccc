/* brought.c: an allocator as programs link or preload one: it brings malloc and the operators of C++, and neither
 * calls the other by name. Blocks are never given back. -DSOME: without the forms with an alignment and the sized
 * ones. -DON_MALLOC: operators that call malloc by name. -DON_LIBC: a malloc on glibc's second names. */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#ifdef ON_LIBC
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t), __libc_free(void *);
void *malloc(size_t n)
{
    return __libc_malloc(n);
}
void *calloc(size_t a, size_t b)
{
    return __libc_calloc(a, b);
}
void *realloc(void *p, size_t n)
{
    return __libc_realloc(p, n);
}
void free(void *p)
{
    __libc_free(p);
}
void *aligned_alloc(size_t align, size_t n)
{
    return __libc_memalign(align, n);
}
#else
static size_t used;

static void *take(size_t align, size_t n)
{
    static char *base;
    if (!base)
        base = mmap(NULL, (size_t)1 << 34, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (n > (size_t)1 << 34 || align < 16) {
        if (n <= (size_t)1 << 34)
            return take(16, n);
        errno = ENOMEM;
        return NULL;
    }
    size_t at = (used + 16 + align - 1) & ~(align - 1);
    memcpy(base + at - 8, &n, 8);
    used = at + n + 1;
    return base + at;
}

static void drop(void *p) /* a block that is not ours would be seen */
{
    size_t n;
    if (p)
        memcpy(&n, (char *)p - 8, 8), memset(p, 0xdd, n);
}

void *malloc(size_t n)
{
    return take(16, n);
}
void *calloc(size_t a, size_t b)
{
    return a && b > SIZE_MAX / a ? NULL : take(16, a * b);
}
void free(void *p)
{
    drop(p);
}
void *aligned_alloc(size_t align, size_t n)
{
    return take(align, n);
}
void *memalign(size_t align, size_t n)
{
    return take(align, n);
}
int posix_memalign(void **out, size_t align, size_t n)
{
    return (*out = take(align, n)) ? 0 : ENOMEM;
}
void *realloc(void *p, size_t n)
{
    size_t old = 0;
    void *q = take(16, n);
    if (p && q)
        memcpy(&old, (char *)p - 8, 8), memcpy(q, p, old < n ? old : n);
    return q;
}

#ifdef ON_MALLOC
#define TAKE(align, n) malloc(n)
#define DROP           free
#else
#define TAKE take
#define DROP drop
#endif
void *_Znwm(size_t n)
{
    return TAKE(16, n);
}
void *_Znam(size_t n)
{
    return TAKE(16, n);
}
void *_ZnwmRKSt9nothrow_t(size_t n, const void *t)
{
    return TAKE(16, n);
}
void *_ZnamRKSt9nothrow_t(size_t n, const void *t)
{
    return TAKE(16, n);
}
void _ZdlPv(void *p)
{
    DROP(p);
}
void _ZdaPv(void *p)
{
    DROP(p);
}
#if !defined SOME && !defined ON_MALLOC
void *_ZnwmSt11align_val_t(size_t n, size_t a)
{
    return take(a, n);
}
void *_ZnamSt11align_val_t(size_t n, size_t a)
{
    return take(a, n);
}
void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t n, size_t a, const void *t)
{
    return take(a, n);
}
void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t n, size_t a, const void *t)
{
    return take(a, n);
}
void _ZdlPvRKSt9nothrow_t(void *p, const void *t)
{
    drop(p);
}
void _ZdaPvRKSt9nothrow_t(void *p, const void *t)
{
    drop(p);
}
void _ZdlPvm(void *p, size_t n)
{
    drop(p);
}
void _ZdaPvm(void *p, size_t n)
{
    drop(p);
}
void _ZdlPvSt11align_val_t(void *p, size_t a)
{
    drop(p);
}
void _ZdaPvSt11align_val_t(void *p, size_t a)
{
    drop(p);
}
void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *p, size_t a, const void *t)
{
    drop(p);
}
void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *p, size_t a, const void *t)
{
    drop(p);
}
void _ZdlPvmSt11align_val_t(void *p, size_t n, size_t a)
{
    drop(p);
}
void _ZdaPvmSt11align_val_t(void *p, size_t n, size_t a)
{
    drop(p);
}
#endif
#endif
