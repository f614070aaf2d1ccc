/* list.h: the one visible list of backends, in the order in which they are shown. B(ident) stands for
 * backend_<ident>, a struct backend that its own file defines: with name, flags, parameters and summary. */
#ifndef HG_ALLOC_LIST_H
#define HG_ALLOC_LIST_H

#include "alloc.h"

#define BACKENDS(B) \
    B(null)         \
    B(bump)         \
    B(system)       \
    B(preload)      \
    B(cpython)      \
    B(pymalloc)     \
    B(pools)        \
    B(locked)       \
    B(debug)        \
    B(tracer)

extern const struct backend *const backend_list[]; /* ends with NULL */

#endif
