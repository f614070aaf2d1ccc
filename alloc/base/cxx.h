/* cxx.h: C++'s operator new and delete for libraries in C that stand in malloc's place: the names of all their
 * forms (C++17, Itanium C++ ABI section 5.1; "m" is size_t on x86-64 and aarch64), and the C++ runtime that a
 * process happens to have.
 *
 * An operator new without memory has to call the new-handler, over and over, and to throw std::bad_alloc; the
 * nothrow forms catch what comes. Nothing of that is written in C here: the runtime's own operator does it. It
 * asks malloc for the memory, and so the library that stands there. */
#ifndef HG_ALLOC_BASE_CXX_H
#define HG_ALLOC_BASE_CXX_H

#include "object.h"

#include <stddef.h>

/* X(name), first for one object, then for an array. */
#define CXX_NEW(X)                 X(_Znwm) X(_Znam)
#define CXX_NEW_NOTHROW(X)         X(_ZnwmRKSt9nothrow_t) X(_ZnamRKSt9nothrow_t)
#define CXX_NEW_ALIGNED(X)         X(_ZnwmSt11align_val_t) X(_ZnamSt11align_val_t)
#define CXX_NEW_ALIGNED_NOTHROW(X) X(_ZnwmSt11align_val_tRKSt9nothrow_t) X(_ZnamSt11align_val_tRKSt9nothrow_t)
#define CXX_DELETE(X)              X(_ZdlPv) X(_ZdaPv)
#define CXX_DELETE_NOTHROW(X)      X(_ZdlPvRKSt9nothrow_t) X(_ZdaPvRKSt9nothrow_t)
#define CXX_DELETE_SIZED(X)        X(_ZdlPvm) X(_ZdaPvm)
#define CXX_DELETE_ALIGNED(X)      X(_ZdlPvSt11align_val_t) X(_ZdaPvSt11align_val_t)
#define CXX_DELETE_ALIGNED_NOTHROW(X) \
    X(_ZdlPvSt11align_val_tRKSt9nothrow_t) X(_ZdaPvSt11align_val_tRKSt9nothrow_t)
#define CXX_DELETE_SIZED_ALIGNED(X) X(_ZdlPvmSt11align_val_t) X(_ZdaPvmSt11align_val_t)

typedef void *cxx_new(size_t size);
typedef void *cxx_new_nothrow(size_t size, const void *nothrow);
typedef void *cxx_new_aligned(size_t size, size_t align);
typedef void *cxx_new_aligned_nothrow(size_t size, size_t align, const void *nothrow);
typedef void cxx_delete(void *p);
typedef void cxx_delete_nothrow(void *p, const void *nothrow);
typedef void cxx_delete_number(void *p, size_t size_or_align);
typedef void cxx_delete_aligned_nothrow(void *p, size_t align, const void *nothrow);
typedef void cxx_delete_sized_aligned(void *p, size_t size, size_t align);

/* The operator of this name in the process's C++ runtime (libstdc++, libc++), whoever else brings one, and
 * though it was loaded for one plugin alone. NULL when there is none. Other allocators have operators, but never
 * the function that asks for the new-handler. */
static inline void *cxx_runtime(const char *name)
{
    return object_function(NULL, "_ZSt15get_new_handlerv", name);
}

#endif
