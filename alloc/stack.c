/* stack.c: opens the stack of backends that a spec names, innermost first. */
#include "alloc.h"
#include "alloc/tracer/callsite.h"
#include "spec.h"

#include <errno.h>
#include <string.h>

int alloc_open(struct alloc_stack *stack, const struct spec *spec, struct message *m)
{
    stack->depth = spec->depth;
    for (unsigned i = spec->depth; i-- > 0;) {
        const struct backend *b = spec->layer[i].backend;
        const struct alloc *inner = i + 1 < spec->depth ? &stack->layer[i + 1] : NULL;
        int err = b->open(&stack->layer[i], spec->layer[i].params, inner, m);
        if (err) {
            for (unsigned j = i + 1; j < spec->depth; j++)
                stack->layer[j].backend->close(&stack->layer[j]);
            return err;
        }
        stack->layer[i].backend = b;
    }
    return 0;
}

void alloc_close(struct alloc_stack *stack)
{
    for (unsigned i = 0; i < stack->depth; i++)
        stack->layer[i].backend->close(&stack->layer[i]);
}

void alloc_fork(struct alloc_stack *stack, enum alloc_fork phase)
{
    if (phase != ALLOC_FORK_PREPARE)
        callsite_fork(phase);
    for (unsigned i = 0; i < stack->depth; i++) {
        struct alloc *a = &stack->layer[phase == ALLOC_FORK_PREPARE ? i : stack->depth - 1 - i];
        if (a->backend->fork)
            a->backend->fork(a->ctx, phase);
    }
    if (phase == ALLOC_FORK_PREPARE)
        callsite_fork(phase); /* all layers share it, and it is the innermost lock of all */
}

void alloc_usage(const struct alloc *a, struct alloc_usage *out)
{
    struct alloc_stats s;
    *out = (struct alloc_usage){0};
    if (a->backend->usage) {
        a->backend->usage(a->ctx, out);
        return;
    }
    if (!a->backend->stats)
        return;
    memset(&s, 0xff, sizeof s); /* ALLOC_UNKNOWN everywhere */
    a->backend->stats(a->ctx, &s);
    out->mapped_bytes = s.mapped_bytes;
    out->used_bytes = s.live_usable_bytes != ALLOC_UNKNOWN ? s.live_usable_bytes : s.active_bytes;
}

bool alloc_trim(const struct alloc *a)
{
    return a->backend->trim && a->backend->trim(a->ctx);
}

int alloc_verify(struct alloc_stack *stack, struct message *m)
{
    for (unsigned i = 0; i < stack->depth; i++) {
        const struct alloc *a = &stack->layer[i];
        int err = a->backend->verify ? a->backend->verify(a->ctx, m) : 0;
        if (err)
            return err;
    }
    return 0;
}
