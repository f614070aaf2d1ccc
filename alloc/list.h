/* list.h: the one visible list of backends. B(ident, "name", flags, PARAMS, "summary").
 * ident names backend_<ident> (its struct backend) and <ident>_params (its parameters). */
#ifndef HG_ALLOC_LIST_H
#define HG_ALLOC_LIST_H

#include "alloc.h"

#define PYMALLOC_PARAMS(P, S)                                             \
    P(S, CHOICE, layout, "3.10", "3.9|3.10",                              \
      "pools and arenas: 3.9 = 4 KiB in 256 KiB, 3.10 = 16 KiB in 1 MiB") \
    P(S, FLAG, hugepages, "0", "", "2 MiB arenas on huge pages, as 3.15 offers them")

#define DEBUG_PARAMS(P, S)                                                                          \
    P(S, BYTES, quarantine, "16M", "0-1G", "freed memory kept back and watched for use after free") \
    P(S, COUNT, frames, "8", "1-64", "frames of the call sites in a report")

#define TRACER_PARAMS(P, S) P(S, COUNT, frames, "1", "1-64", "frames of a call site")

#define CPYTHON_PARAMS(P, S) \
    P(S, TEXT, library, "", "", "a libpython of 3.9 to 3.11: soname or path; default: the newest installed")

#define BACKENDS(B)                                                                                       \
    B(null, "null", ALLOC_THREADS | ALLOC_ALIASES, PARAM_NONE,                                            \
      "floor: hands out the same memory again and again")                                                 \
    B(bump, "bump", ALLOC_THREADS | ALLOC_NO_REUSE, PARAM_NONE,                                           \
      "floor: a pointer that moves on, free does nothing")                                                \
    B(system, "system", ALLOC_THREADS, PARAM_NONE, "the C library's malloc")                              \
    B(preload, "preload", ALLOC_THREADS | ALLOC_LIBRARY, PARAM_NONE,                                      \
      "an installed library in place of malloc: a short name, a file name or a path")                     \
    B(cpython, "cpython", ALLOC_CALLS_MALLOC, CPYTHON_PARAMS,                                             \
      "the real PyObject_Malloc of an installed libpython (3.9 to 3.11)")                                 \
    B(pymalloc, "pymalloc", 0, PYMALLOC_PARAMS, "CPython's small-block allocator, to the block; no lock") \
    B(pools, "pools", ALLOC_THREADS, PARAM_NONE,                                                          \
      "size-class pages owned by a thread, lock-free remote frees")                                       \
    B(locked, "locked", ALLOC_THREADS | ALLOC_WRAPPER | ALLOC_LOCKS, PARAM_NONE,                          \
      "one mutex around any backend")                                                                     \
    B(debug, "debug", ALLOC_THREADS | ALLOC_WRAPPER | ALLOC_GUARDS, DEBUG_PARAMS,                         \
      "guard bytes and fill patterns as PYTHONMALLOC=debug has them; damage is reported, then abort")     \
    B(tracer, "trace", ALLOC_THREADS | ALLOC_WRAPPER, TRACER_PARAMS,                                      \
      "who holds the memory: bytes and blocks by call site, as tracemalloc")

#define BACKEND_PARAM_STRUCT(ident, name, flags, PARAMS, summary) PARAM_STRUCT(ident##_params, PARAMS)
BACKENDS(BACKEND_PARAM_STRUCT)
#undef BACKEND_PARAM_STRUCT

struct backend_info {
    const char *name;
    unsigned flags;
    const struct param *params;
    const char *summary;
};
extern const struct backend_info backend_list[]; /* ends with a NULL name */

#endif
