/* system.c: the C library's malloc, and, with a library put before it by LD_PRELOAD, that library's. The
 * worker proves which one serves (bench/worker/main.c); this file only calls. */
#include "alloc/alloc.h"
#include "libc.h"

#include <errno.h>

static void *system_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return libc_malloc(size);
}

static void *system_calloc(void *ctx, size_t count, size_t size)
{
    (void)ctx;
    return libc_calloc(count, size);
}

static void *system_realloc(void *ctx, void *p, size_t size)
{
    (void)ctx;
    return libc_realloc(p, size ? size : 1); /* the contract: 0 bytes is a block, not a free */
}

static void system_free(void *ctx, void *p)
{
    (void)ctx;
    libc_free(p);
}

static void *system_aligned(void *ctx, size_t align, size_t size)
{
    (void)ctx;
    return libc_aligned(align, size);
}

static size_t system_usable(void *ctx, const void *p)
{
    (void)ctx;
    return libc_usable((void *)p);
}

static int system_open(struct alloc *a, const void *params, const struct alloc *inner, struct message *m)
{
    (void)params;
    (void)inner;
    if (!libc_open())
        return message_set(m, -ENOTSUP, "system: the process has no glibc");
    *a = (struct alloc){NULL,        system_malloc,  system_calloc, system_realloc,
                        system_free, system_aligned, system_usable, NULL};
    return 0;
}

static void system_close(struct alloc *a)
{
    (void)a;
}

const struct backend backend_system = {.name = "system",
                                       .flags = ALLOC_THREADS,
                                       .params = PARAM_TABLE(param_none, PARAM_NONE),
                                       .summary = "the C library's malloc",
                                       .open = system_open,
                                       .close = system_close};
const struct backend backend_preload = {
    .name = "preload",
    .flags = ALLOC_THREADS | ALLOC_LIBRARY,
    .params = PARAM_TABLE(param_none, PARAM_NONE),
    .summary = "an installed library in place of malloc: jemalloc mimalloc tcmalloc tbbmalloc, or a path",
    .open = system_open,
    .close = system_close};
