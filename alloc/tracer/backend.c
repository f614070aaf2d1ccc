/* backend.c: the backend trace(X): the calls of tracer.c, and the figures of what stands on them. */
#include "tracer.h"

#include <errno.h>

#define TRACER_PARAMS(P, S) P(S, COUNT, frames, "1", "1-64", "frames of a call site")
PARAM_STRUCT(tracer_params, TRACER_PARAMS)

static int tracer_open(struct alloc *a, const void *params, const struct alloc *inner, struct message *m)
{
    return trace_open(a, (unsigned)((const struct tracer_params *)params)->frames, inner, m);
}

static void tracer_stats(void *ctx, struct alloc_stats *out)
{
    const struct alloc *inner = trace_inner(ctx);
    if (inner->backend->stats)
        inner->backend->stats(inner->ctx, out);
}

static void tracer_usage(void *ctx, struct alloc_usage *out)
{
    alloc_usage(trace_inner(ctx), out);
}

static bool tracer_trim(void *ctx)
{
    return alloc_trim(trace_inner(ctx));
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
    .flags = ALLOC_THREADS | ALLOC_WRAPPER,
    .params = PARAM_TABLE(tracer_params, TRACER_PARAMS),
    .summary = "who holds the memory: bytes and blocks by call site, as tracemalloc",
    .open = tracer_open,
    .close = trace_close,
    .stats = tracer_stats,
    .usage = tracer_usage,
    .trim = tracer_trim,
    .report = tracer_report,
    .walk = tracer_walk,
    .fork = trace_fork,
};
