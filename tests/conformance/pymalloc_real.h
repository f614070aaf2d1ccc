/* pymalloc_real.h: which libpython is the real one: the newest that is installed, or the one that CONFORM_LIBRARY
 * names (make conform-pymalloc). */
#ifndef HG_TESTS_CONFORMANCE_PYMALLOC_REAL_H
#define HG_TESTS_CONFORMANCE_PYMALLOC_REAL_H

#include "alloc/alloc.h"
#include "alloc/spec.h"

#include <stdio.h>
#include <stdlib.h>

/* 0, or -errno with a message. The one that was asked for by name must be there. */
static inline int real_open(struct alloc_stack *stack, struct message *m)
{
    const char *library = getenv("CONFORM_LIBRARY");
    char text[256];
    struct spec spec;
    snprintf(text, sizeof text, library ? "cpython:library=%s" : "cpython", library);
    int err = spec_parse(&spec, text, m);
    if (!err)
        err = alloc_open(stack, &spec, m);
    if (err && library) {
        printf("Bail out! %s\n", m->text);
        exit(1);
    }
    return err;
}

#endif
