/* spec.h: takes "pymalloc:layout=3.9", "locked(pymalloc)", "preload:jemalloc" apart and checks every word
 * against list.h. Pure text: opens nothing, so that the front can refuse a bad spec before any work. */
#ifndef HG_ALLOC_SPEC_H
#define HG_ALLOC_SPEC_H

#include "alloc.h"

#define SPEC_DEPTH_MAX 7

struct spec_layer {
    const struct backend *backend;
    _Alignas(16) unsigned char params[PARAM_STRUCT_MAX];
};

struct spec {
    char text[1024]; /* as written, blanks removed */
    unsigned depth;  /* layer[0] is the outermost */
    struct spec_layer layer[SPEC_DEPTH_MAX];
    char library[512]; /* what follows "preload:", else empty */
    unsigned flags;    /* of the whole stack: ALLOC_THREADS when some layer locks or the innermost is safe */
};

/* 0, or -EINVAL with a message that names the word and the nearest valid one. */
int spec_parse(struct spec *spec, const char *text, struct message *m);

/* May this stack stand in malloc's place in a program that is not ours? 0, or -EINVAL with a message that
 * gives the reason and what would do. */
int spec_check_program(const struct spec *spec, struct message *m);

#endif
