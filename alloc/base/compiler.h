/* compiler.h: what we ask of the compiler, in one spelling. gcc 12 and clang 14 know all of it. */
#ifndef HG_ALLOC_BASE_COMPILER_H
#define HG_ALLOC_BASE_COMPILER_H

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define noinline      __attribute__((__noinline__))
#define cold          __attribute__((__noinline__, __cold__)) /* off the hot path's cache lines */
#define always_inline inline __attribute__((__always_inline__))

#define array_length(a) (sizeof(a) / sizeof *(a)) /* of an array, never of a pointer */

#endif
