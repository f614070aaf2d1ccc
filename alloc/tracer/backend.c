/* backend.c: the backend trace(X): the calls of tracer.c, and the figures of what stands on them. */
#include "tracer.h"

#include <errno.h>

static void tracer_stats(void *ctx, struct alloc_stats *out)
{
    const struct alloc *inner = trace_inner(ctx);
    if (inner->backend->stats)
        inner->backend->stats(inner->ctx, out);
}

static void tracer_report(void *ctx, const struct alloc_sink *sink)
{
    const struct alloc *inner = trace_inner(ctx);
    if (inner->backend->report)
        inner->backend->report(inner->ctx, sink);
    trace_report(ctx, sink);
}

static int tracer_walk(void *ctx, int (*visit)(void *arg, const struct alloc_piece *piece), void *arg,
                       bool blocks)
{
    const struct alloc *inner = trace_inner(ctx);
    return inner->backend->walk ? inner->backend->walk(inner->ctx, visit, arg, blocks) : -ENOTSUP;
}

const struct backend backend_tracer = {
    .name = "trace",
    .open = trace_open,
    .close = trace_close,
    .stats = tracer_stats,
    .report = tracer_report,
    .walk = tracer_walk,
    .fork = trace_fork,
};
