/* bump.c: the floor that still hands out distinct memory: a pointer that moves on through chunks of its
 * thread's own, free does nothing. What a workload costs here is fresh memory with no reuse; it runs out by
 * design.
 *
 * Layout of a block: 16 bytes before it hold its size, for realloc and usable.
 *   | size 8 | pad 8 | block ... |
 * A thread's chunk is reached through a key of the C library's fast TLS; chunks are linked into the context
 * under a mutex, taken once a chunk, and given back by close. */
#include "alloc/alloc.h"
#include "alloc/base/os.h"
#include "alloc/base/mutex.h"
#include "alloc/base/compiler.h"

#include <errno.h>
#include <string.h>

#define BUMP_CHUNK_BYTES  ((size_t)8 << 20)
#define BUMP_HEADER_BYTES 16

struct bump_chunk {
    struct bump_chunk *next;
    size_t bytes;
};

struct bump {
    struct mutex mutex; /* guards chunks */
    struct bump_chunk *chunks;
    uint64_t epoch; /* by which a thread knows that its cursor is from an earlier heap */
    struct os_account account;
};

static _Thread_local struct {
    char *at, *end;
    uint64_t epoch;
} bump_cursor;

static _Atomic uint64_t bump_epochs;
static struct os_account bump_own; /* the contexts themselves */

static noinline void *bump_refill(struct bump *b, size_t align, size_t size)
{
    if (size > PTRDIFF_MAX - BUMP_CHUNK_BYTES - align) {
        errno = ENOMEM;
        return NULL;
    }
    size_t need = sizeof(struct bump_chunk) + BUMP_HEADER_BYTES + align + size, bytes = BUMP_CHUNK_BYTES;
    bool own = need > BUMP_CHUNK_BYTES / 4; /* a large block has a chunk to itself */
    if (own)
        bytes = (need + os_page_bytes() - 1) & ~(os_page_bytes() - 1);
    struct bump_chunk *chunk = os_map(&b->account, bytes, 0, 0);
    if (!chunk)
        return NULL;
    chunk->bytes = bytes;
    mutex_lock(&b->mutex);
    chunk->next = b->chunks;
    b->chunks = chunk;
    mutex_unlock(&b->mutex);
    char *p = (char *)(((uintptr_t)(chunk + 1) + BUMP_HEADER_BYTES + align - 1) & ~(uintptr_t)(align - 1));
    memcpy(p - BUMP_HEADER_BYTES, &size, sizeof size);
    if (!own) {
        bump_cursor.at = p + ((size + 15) & ~(size_t)15);
        bump_cursor.end = (char *)chunk + bytes;
        bump_cursor.epoch = b->epoch;
    }
    return p;
}

static void *bump_malloc(void *ctx, size_t size)
{
    struct bump *b = ctx;
    char *p = bump_cursor.at + BUMP_HEADER_BYTES;
    if (likely(bump_cursor.epoch == b->epoch && size < BUMP_CHUNK_BYTES && p + size + 15 < bump_cursor.end)) {
        memcpy(p - BUMP_HEADER_BYTES, &size, sizeof size);
        bump_cursor.at = p + ((size + 15) & ~(size_t)15);
        return p;
    }
    return bump_refill(b, ALLOC_MIN_ALIGN, size);
}

static void *bump_calloc(void *ctx, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return bump_malloc(ctx, bytes); /* fresh from the OS, so zero */
}

static size_t bump_usable(void *ctx, const void *p)
{
    (void)ctx;
    size_t size = 0;
    if (p)
        memcpy(&size, (const char *)p - BUMP_HEADER_BYTES, sizeof size);
    return size;
}

static void *bump_realloc(void *ctx, void *old, size_t size)
{
    size_t had = bump_usable(ctx, old);
    if (old && size <= had)
        return old;
    void *p = bump_malloc(ctx, size);
    if (p && had)
        memcpy(p, old, had);
    return p;
}

static void bump_free(void *ctx, void *p)
{
    (void)ctx;
    (void)p;
}

static void *bump_aligned(void *ctx, size_t align, size_t size)
{
    return bump_refill(ctx, align < ALLOC_MIN_ALIGN ? ALLOC_MIN_ALIGN : align, size);
}

static int bump_open(struct alloc *a, const void *params, const struct alloc *inner, struct message *m)
{
    (void)params;
    (void)inner;
    struct bump *b = os_map(&bump_own, sizeof *b, 0, 0);
    if (!b)
        return message_set(m, -ENOMEM, "bump: no memory");
    b->epoch = atomic_fetch_add_explicit(&bump_epochs, 1, memory_order_relaxed) +
               1; /* pairs with nothing: only unique */
    *a =
        (struct alloc){b, bump_malloc, bump_calloc, bump_realloc, bump_free, bump_aligned, bump_usable, NULL};
    return 0;
}

static void bump_close(struct alloc *a)
{
    struct bump *b = a->ctx;
    for (struct bump_chunk *c = b->chunks, *next; c; c = next) {
        next = c->next;
        os_unmap(&b->account, c, c->bytes);
    }
    os_unmap(&bump_own, b, sizeof *b);
}

static void bump_stats(void *ctx, struct alloc_stats *out)
{
    struct bump *b = ctx;
    out->mapped_bytes = out->active_bytes =
        atomic_load_explicit(&b->account.mapped_bytes, memory_order_relaxed);
}

const struct backend backend_bump = {.name = "bump",
                                     .flags = ALLOC_THREADS | ALLOC_NO_REUSE | ALLOC_MAPS,
                                     .params = PARAM_TABLE(param_none, PARAM_NONE),
                                     .summary = "floor: a pointer that moves on, free does nothing",
                                     .open = bump_open,
                                     .close = bump_close,
                                     .stats = bump_stats};
