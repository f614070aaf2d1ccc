/* stack.c: opens the stack of backends that a spec names, innermost first. */
#include "alloc.h"
#include "spec.h"

#include <errno.h>

#define BACKEND_EXTERN(ident, name, flags, PARAMS, summary) extern const struct backend backend_##ident;
BACKENDS(BACKEND_EXTERN)
#define BACKEND_POINTER(ident, name, flags, PARAMS, summary) &backend_##ident,
static const struct backend *const backends[] = {BACKENDS(BACKEND_POINTER)};

int alloc_open(struct alloc_stack *stack, const struct spec *spec, struct message *m)
{
    stack->depth = spec->depth;
    for (unsigned i = spec->depth; i-- > 0;) {
        const struct backend *b = backends[spec->layer[i].index];
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
