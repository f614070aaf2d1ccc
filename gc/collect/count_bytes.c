/* count_bytes.c: see count_bytes.h. An allocator in front of the runtime's own. */
#include "count_bytes.h"

#if RC_GIL_HELD

static struct alloc counted; /* the allocator behind the counting one; no malloc: there is none */

static void *counting_malloc(void *ctx, size_t size)
{
    struct runtime *r = ctx;
    r->gc.young += (int64_t)size;
    return counted.malloc(counted.ctx, size);
}

static void *counting_calloc(void *ctx, size_t count, size_t size)
{
    struct runtime *r = ctx;
    r->gc.young += (int64_t)(count * size);
    return counted.calloc(counted.ctx, count, size);
}

static void *counting_realloc(void *ctx, void *p, size_t size)
{
    struct runtime *r = ctx;
    r->gc.young += (int64_t)size;
    return counted.realloc(counted.ctx, p, size);
}

static void counting_free(void *ctx, void *p)
{
    (void)ctx;
    counted.free(counted.ctx, p);
}

void count_bytes_open(struct runtime *r)
{
    counted = r->memory.plain;
    r->memory.plain.ctx = r;
    r->memory.plain.malloc = counting_malloc;
    r->memory.plain.calloc = counting_calloc;
    r->memory.plain.realloc = counting_realloc;
    r->memory.plain.free = counting_free;
}

void count_bytes_close(struct runtime *r)
{
    if (counted.malloc)
        r->memory.plain = counted;
    counted = (struct alloc){0};
}

#else
typedef int count_bytes_unused; /* lists of objects, and so pep848, need the GIL */
#endif
