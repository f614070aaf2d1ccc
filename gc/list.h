/* list.h: the one visible list of refcount policies and of collectors.
 * R(name, flags, "summary")     gc/rc/NAME.c has its parameters, rc_NAME.h its operations
 * C(name, flags, "summary")     gc/collect/NAME.c has its parameters and is it: collector_NAME
 * Only list.c and runtime.c include this, so that a row more compiles little again. */
#ifndef HG_GC_LIST_H
#define HG_GC_LIST_H

#include "about.h"

#define POLICIES(R)                                                                             \
    R(gil, RC_GIL, "plain counts under a global interpreter lock, handed over as CPython does") \
    R(objlock, 0, "a one-byte mutex an object guards its count and its contents")               \
    R(atomic, 0, "atomic counts, a mutex an object for its contents")                           \
    R(biased, 0, "PEP 703: the owner counts plainly, others atomically; readers without locks") \
    R(tracing, RC_GIL | RC_TRACING, "no counts at all: the floor for what counting costs")

#define COLLECTORS(C)                                                                        \
    C(none, 0, "no collector: what reference counts alone leave behind")                     \
    C(generational, GC_NEEDS_GIL, "CPython's three generations")                             \
    C(incremental, GC_NEEDS_GIL,                                                             \
      "CPython 3.14.0's to 3.14.4's: increments of the old space, no middle generation")     \
    C(pep848, GC_NEEDS_GIL, "PEP 848's, as its author has it or as its text does")           \
    C(stw, GC_NEEDS_NOGIL, "free-threaded CPython's: stops the world twice, no generations") \
    C(tracing, GC_NEEDS_TRACING, "mark and sweep from the roots, without counts")

#endif
