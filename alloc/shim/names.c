/* names.c: the names besides C's own under which a program may ask for memory or give it back: glibc's second
 * names, C23's frees with a size, C++'s operators. All are on malloc and free: a block from any of them goes to
 * any other, and none to an allocator that the program brings, linked or preloaded. */
#include "shim.h"

#include "alloc/base/compiler.h"
#include "alloc/base/cxx.h"
#include "alloc/tracer/callsite.h"

#include <malloc.h>
#include <stdlib.h>

#define NAMES_EXPORT __attribute__((visibility("default"))) CALLSITE_WRAPPER

#define SECOND(type, name, parameters, call) \
    NAMES_EXPORT type name parameters;       \
    type name parameters                     \
    {                                        \
        return call;                         \
    }
#define SECOND_FREE(name, parameters)  \
    NAMES_EXPORT void name parameters; \
    void name parameters               \
    {                                  \
        free(p);                       \
    }
SECOND(void *, __libc_malloc, (size_t size), malloc(size))
SECOND(void *, __libc_calloc, (size_t count, size_t size), calloc(count, size))
SECOND(void *, __libc_realloc, (void *p, size_t size), realloc(p, size))
SECOND(void *, __libc_reallocarray, (void *p, size_t count, size_t size), reallocarray(p, count, size))
SECOND(void *, __libc_memalign, (size_t align, size_t size), memalign(align, size))
SECOND(void *, __libc_valloc, (size_t size), valloc(size))
SECOND(void *, __libc_pvalloc, (size_t size), pvalloc(size))
SECOND(int, __posix_memalign, (void **out, size_t align, size_t size), posix_memalign(out, align, size))
SECOND_FREE(__libc_free, (void *p))
SECOND_FREE(__libc_cfree, (void *p))
SECOND_FREE(cfree, (void *p))
SECOND_FREE(free_sized, (void *p, size_t size __attribute__((unused))))
SECOND_FREE(free_aligned_sized,
            (void *p, size_t align __attribute__((unused)), size_t size __attribute__((unused))))

/* --- C++ ------------------------------------------------------------------------------------------------ */

static cold void *names_operator(const char *name)
{
    void *f = cxx_runtime(name);
    if (!f)
        shim_refuse("operator new found no memory, and no C++ runtime to throw std::bad_alloc by");
    return f;
}

#define OPERATOR(name)                                   \
    NAMES_EXPORT cxx_new name;                           \
    void *name(size_t size)                              \
    {                                                    \
        void *p = malloc(size);                          \
        if (likely(p))                                   \
            return p;                                    \
        return ((cxx_new *)names_operator(#name))(size); \
    }
// cppcheck-suppress memleak ; the caller has it
CXX_NEW(OPERATOR)
#undef OPERATOR

#define OPERATOR(name)                                                    \
    NAMES_EXPORT cxx_new_nothrow name;                                    \
    void *name(size_t size, const void *nothrow)                          \
    {                                                                     \
        void *p = malloc(size);                                           \
        if (likely(p))                                                    \
            return p;                                                     \
        return ((cxx_new_nothrow *)names_operator(#name))(size, nothrow); \
    }
// cppcheck-suppress memleak ; the caller has it
CXX_NEW_NOTHROW(OPERATOR)
#undef OPERATOR

#define OPERATOR(name)                                                                  \
    NAMES_EXPORT cxx_new_aligned name;                                                  \
    void *name(size_t size, size_t align)                                               \
    {                                                                                   \
        void *p = memalign(align, size);                                                \
        return likely(p) ? p : ((cxx_new_aligned *)names_operator(#name))(size, align); \
    }
CXX_NEW_ALIGNED(OPERATOR)
#undef OPERATOR

#define OPERATOR(name)                                                                                   \
    NAMES_EXPORT cxx_new_aligned_nothrow name;                                                           \
    void *name(size_t size, size_t align, const void *nothrow)                                           \
    {                                                                                                    \
        void *p = memalign(align, size);                                                                 \
        return likely(p) ? p : ((cxx_new_aligned_nothrow *)names_operator(#name))(size, align, nothrow); \
    }
CXX_NEW_ALIGNED_NOTHROW(OPERATOR)
#undef OPERATOR

#define OPERATOR(name)            \
    NAMES_EXPORT cxx_delete name; \
    void name(void *p)            \
    {                             \
        free(p);                  \
    }
CXX_DELETE(OPERATOR)
#undef OPERATOR

#define OPERATOR(name)                      \
    NAMES_EXPORT cxx_delete_nothrow name;   \
    void name(void *p, const void *nothrow) \
    {                                       \
        (void)nothrow;                      \
        free(p);                            \
    }
CXX_DELETE_NOTHROW(OPERATOR)
#undef OPERATOR

#define OPERATOR(name)                       \
    NAMES_EXPORT cxx_delete_number name;     \
    void name(void *p, size_t size_or_align) \
    {                                        \
        (void)size_or_align;                 \
        free(p);                             \
    }
CXX_DELETE_SIZED(OPERATOR)
CXX_DELETE_ALIGNED(OPERATOR)
#undef OPERATOR

#define OPERATOR(name)                                    \
    NAMES_EXPORT cxx_delete_aligned_nothrow name;         \
    void name(void *p, size_t align, const void *nothrow) \
    {                                                     \
        (void)align;                                      \
        (void)nothrow;                                    \
        free(p);                                          \
    }
CXX_DELETE_ALIGNED_NOTHROW(OPERATOR)
#undef OPERATOR

#define OPERATOR(name)                            \
    NAMES_EXPORT cxx_delete_sized_aligned name;   \
    void name(void *p, size_t size, size_t align) \
    {                                             \
        (void)size;                               \
        (void)align;                              \
        free(p);                                  \
    }
CXX_DELETE_SIZED_ALIGNED(OPERATOR)
#undef OPERATOR
