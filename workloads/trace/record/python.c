/* python.c: CPython serves what is 512 bytes or less from its own allocator (pymalloc), which gets its memory by mmap:
 * most of what a program in Python allocates cannot be seen. Here it is counted, so that a recording can say what is
 * missing.
 *
 * CPython lets anybody stand before its allocators (PEP 445); since 3.7 who was there before its own beginning stays.
 * PYTHONMALLOC, when it is set, puts others in that place: then nothing is counted, and with "malloc" nothing
 * is missing. A Python without pymalloc (free-threaded builds have mimalloc inside) is counted the same way. A
 * libpython that the program loads later is not noticed. */
#include "record.h"

#include "alloc/base/compiler.h"
#include "alloc/base/object.h"

#include <stdlib.h>
#include <string.h>

#define PYTHON_SMALL 512 /* SMALL_REQUEST_THRESHOLD */
#define PYTHON_STEP  64

struct python_allocator { /* PyMemAllocatorEx */
    void *ctx;
    void *(*malloc)(void *ctx, size_t size);
    void *(*calloc)(void *ctx, size_t count, size_t size);
    void *(*realloc)(void *ctx, void *p, size_t size);
    void (*free)(void *ctx, void *p);
};

enum { PYTHON_MEM = 1, PYTHON_OBJECT = 2, PYTHON_DOMAINS }; /* PyMemAllocatorDomain; 0 is malloc itself */

static struct python_allocator python_own[PYTHON_DOMAINS];
static __thread unsigned python_calls;

static inline void python_count(size_t size)
{
    if (size <= PYTHON_SMALL && unlikely(++python_calls >= PYTHON_STEP)) {
        record_python(python_calls);
        python_calls = 0;
    }
}

static void *python_malloc(void *ctx, size_t size)
{
    const struct python_allocator *own = ctx;
    python_count(size);
    return own->malloc(own->ctx, size);
}

static void *python_calloc(void *ctx, size_t count, size_t size)
{
    const struct python_allocator *own = ctx;
    size_t bytes;
    if (!__builtin_mul_overflow(count, size, &bytes))
        python_count(bytes);
    return own->calloc(own->ctx, count, size);
}

static void *python_realloc(void *ctx, void *p, size_t size)
{
    const struct python_allocator *own = ctx;
    python_count(size);
    return own->realloc(own->ctx, p, size);
}

static void python_free(void *ctx, void *p)
{
    const struct python_allocator *own = ctx;
    own->free(own->ctx, p);
}

/* After spool.c's own, and before the interpreter's main(). Not by dlsym, which allocates when it finds nothing. */
__attribute__((constructor(102))) static void python_begin(void)
{
    const char *chosen = getenv("PYTHONMALLOC");
    if (!record_wanted() || (chosen && *chosen))
        return;
    void (*get)(int, struct python_allocator *) =
        (void (*)(int, struct python_allocator *))object_function(NULL, NULL, "PyMem_GetAllocator");
    void (*set)(int, const struct python_allocator *) =
        (void (*)(int, const struct python_allocator *))object_function(NULL, NULL, "PyMem_SetAllocator");
    if (!get || !set || !object_function(NULL, NULL, "PyObject_Calloc")) /* 3.4 had no calloc */
        return;
    for (int domain = PYTHON_MEM; domain < PYTHON_DOMAINS; domain++) {
        struct python_allocator *own = &python_own[domain];
        get(domain, own);
        set(domain,
            &(struct python_allocator){own, python_malloc, python_calloc, python_realloc, python_free});
    }
}

__attribute__((destructor)) static void python_end(void)
{
    record_python(python_calls);
    python_calls = 0;
}
