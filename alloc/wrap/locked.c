/* locked.c: locked(X): one mutex around every call of X, which makes an allocator without a lock of its own
 * usable with threads, at the price of them all waiting for one another. The mutex is held for the whole
 * inner call. */
#include "alloc/alloc.h"
#include "alloc/tracer/callsite.h"
#include "alloc/base/os.h"
#include "alloc/base/mutex.h"
#include "alloc/base/waits.h"

#include <errno.h>
#include <string.h>

struct locked {
    struct mutex mutex;
    struct alloc inner;
    uint64_t acquisitions; /* in mutex */
    struct waits waits;    /* of those that did not have it at once */
};

static struct os_account locked_account;

static void locked_wait(struct locked *l)
{
    uint64_t start = os_now_ns();
    mutex_lock(&l->mutex);
    waits_add(&l->waits, os_now_ns() - start);
}

#define LOCKED(ctx, call)          \
    struct locked *l = ctx;        \
    if (!mutex_trylock(&l->mutex)) \
        locked_wait(l);            \
    l->acquisitions++;             \
    call;                          \
    mutex_unlock(&l->mutex)

static CALLSITE_WRAPPER void *locked_malloc(void *ctx, size_t size)
{
    LOCKED(ctx, void *p = l->inner.malloc(l->inner.ctx, size));
    return p;
}

static CALLSITE_WRAPPER void *locked_calloc(void *ctx, size_t count, size_t size)
{
    LOCKED(ctx, void *p = l->inner.calloc(l->inner.ctx, count, size));
    return p;
}

static CALLSITE_WRAPPER void *locked_realloc(void *ctx, void *old, size_t size)
{
    LOCKED(ctx, void *p = l->inner.realloc(l->inner.ctx, old, size));
    return p;
}

static CALLSITE_WRAPPER void locked_free(void *ctx, void *p)
{
    LOCKED(ctx, l->inner.free(l->inner.ctx, p));
}

static CALLSITE_WRAPPER void *locked_aligned(void *ctx, size_t align, size_t size)
{
    LOCKED(ctx, void *p = l->inner.aligned(l->inner.ctx, align, size));
    return p;
}

static size_t locked_usable(void *ctx, const void *p)
{
    LOCKED(ctx, size_t n = l->inner.usable(l->inner.ctx, p));
    return n;
}

static int locked_open(struct alloc *a, const void *params, const struct alloc *inner, struct message *m)
{
    (void)params;
    struct locked *l = os_map(&locked_account, sizeof *l, 0, 0);
    if (!l)
        return message_set(m, -ENOMEM, "locked: no memory");
    l->inner = *inner;
    *a = (struct alloc){l,           locked_malloc,  locked_calloc, locked_realloc,
                        locked_free, locked_aligned, locked_usable, NULL};
    return 0;
}

static void locked_close(struct alloc *a)
{
    struct locked *l = a->ctx;
    os_unmap(&locked_account, l, sizeof *l);
}

static void locked_stats(void *ctx, struct alloc_stats *out)
{
    struct locked *l = ctx;
    memset(out, 0xff, sizeof *out); /* ALLOC_UNKNOWN everywhere */
    if (l->inner.backend->stats)
        l->inner.backend->stats(l->inner.ctx, out);
}

static void locked_usage(void *ctx, struct alloc_usage *out)
{
    struct locked *l = ctx;
    mutex_lock(&l->mutex);
    alloc_usage(&l->inner, out);
    mutex_unlock(&l->mutex);
}

static bool locked_trim(void *ctx)
{
    struct locked *l = ctx;
    mutex_lock(&l->mutex);
    bool trimmed = alloc_trim(&l->inner);
    mutex_unlock(&l->mutex);
    return trimmed;
}

static void locked_report(void *ctx, const struct alloc_sink *sink)
{
    struct locked *l = ctx;
    if (l->inner.backend->report)
        l->inner.backend->report(l->inner.ctx, sink);
    sink->integer(sink->arg, "lock.acquisitions", l->acquisitions);
    sink->integer(sink->arg, "lock.contended", atomic_load_explicit(&l->waits.count, memory_order_relaxed));
    sink->integer(sink->arg, "lock.wait_total_ns",
                  atomic_load_explicit(&l->waits.total_ns, memory_order_relaxed));
    sink->integer(sink->arg, "lock.wait_p99_ns", waits_quantile(&l->waits, 0.99));
}

static int locked_walk(void *ctx, int (*visit)(void *arg, const struct alloc_piece *piece), void *arg,
                       bool blocks)
{
    struct locked *l = ctx;
    return l->inner.backend->walk ? l->inner.backend->walk(l->inner.ctx, visit, arg, blocks) : -ENOTSUP;
}

static void locked_fork(void *ctx, enum alloc_fork phase)
{
    struct locked *l = ctx;
    if (phase == ALLOC_FORK_PREPARE)
        mutex_lock(&l->mutex);
    else
        mutex_unlock(&l->mutex);
}

const struct backend backend_locked = {
    .name = "locked",
    .flags = ALLOC_THREADS | ALLOC_WRAPPER | ALLOC_LOCKS,
    .params = PARAM_TABLE(param_none, PARAM_NONE),
    .summary = "one mutex around any backend",
    .open = locked_open,
    .close = locked_close,
    .stats = locked_stats,
    .usage = locked_usage,
    .trim = locked_trim,
    .report = locked_report,
    .walk = locked_walk,
    .fork = locked_fork,
};
