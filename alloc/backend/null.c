/* null.c: the floor below every allocator. Every request gets the same memory; nothing is ever taken or given
 * back. What a workload costs on null is what the harness itself costs. Contents mean nothing
 * (ALLOC_ALIASES). */
#include "alloc/alloc.h"
#include "alloc/base/os.h"
#include "alloc/base/compiler.h"

#include <errno.h>

#define NULL_REGION_BYTES ((size_t)1 << 36) /* address space alone; only what is touched becomes memory */

#ifdef HG_TSAN
/* Blocks that threads share are data races by design, and would hide those that are not: here each thread has
 * its own. */
#define NULL_THREAD_BYTES ((size_t)1 << 26)
static void *null_block(void *ctx, size_t size)
{
    static _Atomic size_t threads;
    static _Thread_local size_t own;
    if (size > NULL_THREAD_BYTES)
        return ctx;
    if (!own)
        own = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) %
                      (NULL_REGION_BYTES / NULL_THREAD_BYTES - 1);
    return (char *)ctx + own * NULL_THREAD_BYTES;
}
#else
static inline void *null_block(void *ctx, size_t size)
{
    (void)size;
    return ctx;
}
#endif

static void *null_malloc(void *ctx, size_t size)
{
    return likely(size <= NULL_REGION_BYTES) ? null_block(ctx, size) : (errno = ENOMEM, NULL);
}

static void *null_calloc(void *ctx, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return null_malloc(ctx, bytes);
}

static void *null_realloc(void *ctx, void *p, size_t size)
{
    (void)p;
    return null_malloc(ctx, size);
}

static void null_free(void *ctx, void *p)
{
    (void)ctx;
    (void)p;
}

static void *null_aligned(void *ctx, size_t align, size_t size)
{
    (void)align; /* the region is aligned to 2 MiB */
    return null_malloc(ctx, size);
}

static size_t null_usable(void *ctx, const void *p)
{
    (void)ctx;
    return p ? NULL_REGION_BYTES : 0;
}

static struct os_account null_account;

static int null_open(struct alloc *a, const void *params, const struct alloc *inner, struct message *m)
{
    (void)params;
    (void)inner;
    void *region = os_map(&null_account, NULL_REGION_BYTES, (size_t)2 << 20, OS_RESERVE);
    if (!region)
        return message_set(m, -ENOMEM,
                           "null: cannot reserve 64 GiB of address space: is a limit set (ulimit -v)?");
    *a = (struct alloc){region,    null_malloc,  null_calloc, null_realloc,
                        null_free, null_aligned, null_usable, NULL};
    return 0;
}

static void null_close(struct alloc *a)
{
    os_unmap(&null_account, a->ctx, NULL_REGION_BYTES);
}

const struct backend backend_null = {.name = "null",
                                     .flags = ALLOC_THREADS | ALLOC_ALIASES | ALLOC_MAPS,
                                     .params = PARAM_TABLE(param_none, PARAM_NONE),
                                     .summary = "floor: hands out the same memory again and again",
                                     .open = null_open,
                                     .close = null_close};
