/* names.h: the functions of malloc's kin by the names that tracers print: C's, glibc's inner ones, C++'s
 * operators mangled (Itanium ABI) and demangled, valgrind's for old compilers. */
#ifndef HG_WORKLOADS_TRACE_IMPORT_NAMES_H
#define HG_WORKLOADS_TRACE_IMPORT_NAMES_H

#include "words.h"

/* What its arguments mean, in their order. */
enum function {
    FUNCTION_NONE,
    FUNCTION_MALLOC,         /* size */
    FUNCTION_CALLOC,         /* count, size */
    FUNCTION_REALLOC,        /* block, size */
    FUNCTION_REALLOCARRAY,   /* block, count, size */
    FUNCTION_FREE,           /* block */
    FUNCTION_MEMALIGN,       /* alignment, size */
    FUNCTION_NEW_ALIGNED,    /* size, alignment */
    FUNCTION_POSIX_MEMALIGN, /* where the address goes, alignment, size */
    FUNCTION_VALLOC,         /* size */
    FUNCTION_PVALLOC,        /* size */
};
#define FUNCTION_PAGE_BYTES 4096u /* of valloc and pvalloc: no form says the page of its machine */

/* name: without the library and the arguments; of a demangled operator with its signature. */
enum function function_of(struct line name);

/* The operation of a call that returned. args: the numbers in the function's order. */
struct function_block {
    uint64_t size, align;
};
/* false: the product overflows, so that the call cannot have succeeded. */
bool function_block(enum function f, const uint64_t args[3], struct function_block *out);

#endif
