/* cpython.c: the real PyObject_Malloc, Calloc, Realloc and Free of an installed libpython 3.9 to 3.15. No lock, as
 * in CPython, whose lock is the GIL.
 *
 * Until 3.11 the allocator's state is in static variables, and no interpreter is started. From 3.12 on there is the
 * smallest runtime that serves (cpython_runtime.h). Open starts it, before the sample's baseline; then every pool
 * and arena that it has begun is filled with blocks that stay (cpython_heap_fill), so that what is measured has a
 * heap like a fresh one, and what was there before is taken off heap{} and stats. What it costs is in
 * heap.runtime{}.
 *
 * The heap is the library's and the process's: a second open shares it, close leaves it. heap{} is read from
 * the text of _PyObject_DebugMallocStats.
 *
 * usable() answers 0, "not known": the API gives the size class of no block, and malloc_usable_size of a
 * block in a pool would read nonsense. Over-aligned requests go to the C library: PyObject_Free hands
 * whatever is not in an arena on to free(). */
#include "cpython.h"

#include "cpython_heap.h"
#include "cpython_runtime.h"

#include "alloc/alloc.h"
#include "alloc/base/compiler.h"
#include "alloc/base/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPYTHON_PARAMS(P, S) \
    P(S, TEXT, library, "", "", "a libpython of 3.9 to 3.15: soname or path; default: the newest installed")
PARAM_STRUCT(cpython_params, CPYTHON_PARAMS)

enum { CPYTHON_OLDEST = 9, CPYTHON_WITH_RUNTIME = 12, CPYTHON_NEWEST = 15 };

typedef ptrdiff_t allocated_blocks_fn(void);

static struct cpython {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *p, size_t size);
    void (*free)(void *p);
    cpython_print_stats_fn *print_stats;
    allocated_blocks_fn *allocated_blocks; /* in pools and raw; may be NULL */
    void *library;
    int minor;
    bool aligned_used; /* blocks that the library does not count have been handed out */
    char version[16];
    /* From 3.12 on: what was there before the first request, and what the runtime took. */
    struct cpython_heap base;
    ptrdiff_t base_blocks; /* raw ones too */
    struct {
        uint64_t blocks, bytes, arenas, resident_bytes, start_ns;
    } runtime;
} cpython;

/* --- the calls -------------------------------------------------------------------------------------------*/
/* PyObject_Malloc refuses what is over PY_SSIZE_T_MAX without an errno. */
static void *cpython_too_large(void)
{
    errno = ENOMEM;
    return NULL;
}

static void *cpython_malloc(void *ctx, size_t size)
{
    struct cpython *c = ctx;
    return likely(size <= PTRDIFF_MAX) ? c->malloc(size) : cpython_too_large();
}

static void *cpython_calloc(void *ctx, size_t count, size_t size)
{
    struct cpython *c = ctx;
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX)
        return cpython_too_large();
    return c->calloc(count, size);
}

static void *cpython_realloc(void *ctx, void *p, size_t size)
{
    struct cpython *c = ctx;
    return size <= PTRDIFF_MAX ? c->realloc(p, size) : cpython_too_large();
}

static void cpython_free(void *ctx, void *p)
{
    ((struct cpython *)ctx)->free(p);
}

static void *cpython_aligned(void *ctx, size_t align, size_t size)
{
    struct cpython *c = ctx;
    if (align <= ALLOC_MIN_ALIGN)
        return cpython_malloc(c, size);
    if (size > PTRDIFF_MAX)
        return cpython_too_large();
    void *p; /* aligned_alloc would have the size be a multiple of the alignment */
    c->aligned_used = true;
    return posix_memalign(&p, align, size ? size : 1) ? NULL : p;
}

/* The same for a library with a runtime: the calling thread must have a thread state. The first call of a thread
 * goes another way, so that the others need no frame for it. */
static _Thread_local bool cpython_attached;

static void cpython_attach(void)
{
    cpython_runtime_attach();
    cpython_attached = true;
}

static cold void *first_malloc(void *ctx, size_t size)
{
    cpython_attach();
    return cpython_malloc(ctx, size);
}

static cold void *first_calloc(void *ctx, size_t count, size_t size)
{
    cpython_attach();
    return cpython_calloc(ctx, count, size);
}

static cold void *first_realloc(void *ctx, void *p, size_t size)
{
    cpython_attach();
    return cpython_realloc(ctx, p, size);
}

static cold void first_free(void *ctx, void *p)
{
    cpython_attach();
    cpython_free(ctx, p);
}

static void *attached_malloc(void *ctx, size_t size)
{
    return likely(cpython_attached) ? cpython_malloc(ctx, size) : first_malloc(ctx, size);
}

static void *attached_calloc(void *ctx, size_t count, size_t size)
{
    return likely(cpython_attached) ? cpython_calloc(ctx, count, size) : first_calloc(ctx, count, size);
}

static void *attached_realloc(void *ctx, void *p, size_t size)
{
    return likely(cpython_attached) ? cpython_realloc(ctx, p, size) : first_realloc(ctx, p, size);
}

static void attached_free(void *ctx, void *p)
{
    if (likely(cpython_attached))
        cpython_free(ctx, p);
    else
        first_free(ctx, p);
}

static void *attached_aligned(void *ctx, size_t align, size_t size)
{
    if (!cpython_attached)
        cpython_attach();
    return cpython_aligned(ctx, align, size);
}

static size_t cpython_usable(void *ctx, const void *p)
{
    (void)ctx;
    (void)p;
    return 0;
}

/* --- opening ---------------------------------------------------------------------------------------------*/
/* The minor version of a libpython 3.x, or -1 when the library is none; text: all of it. */
static int cpython_minor(void *library, const char **text)
{
    const char *(*version)(void) = (const char *(*)(void))dlsym(library, "Py_GetVersion");
    int major = 0, minor = 0;
    *text = version ? version() : "";
    if (sscanf(*text, "%d.%d", &major, &minor) != 2 || major != 3)
        return -1;
    return minor;
}

static uint64_t cpython_resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%*u %llu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * os_page_bytes();
}

static int cpython_start(struct cpython *c, const char *name, struct message *m)
{
    struct cpython_heap heap;
    uint64_t before_ns = os_now_ns(), resident_bytes = cpython_resident_bytes();
    int err = cpython_runtime_start(c->library, name, m);
    if (err)
        return err;
    if (!cpython_heap_read(c->print_stats, &heap) || !cpython_heap_fill(c->print_stats, c->malloc, &c->base))
        return message_set(m, -ENOTSUP, "cpython: the heap of %s is not pymalloc's, or cannot be read", name);
    cpython_attached = true;
    c->base_blocks = cpython_runtime_blocks();
    c->runtime.blocks = cpython_heap_blocks(&heap);
    c->runtime.bytes = heap.figure[FIGURE_ALLOCATED];
    c->runtime.arenas = c->base.figure[FIGURE_CURRENT];
    c->runtime.resident_bytes = cpython_resident_bytes() - resident_bytes;
    c->runtime.start_ns = os_now_ns() - before_ns;
    return 0;
}

/* -ENOENT without a message: the library is not there. */
static int cpython_load(const char *name, struct message *m)
{
    void *library = cpython_runtime_library(name);
    if (!library) {
        const char *reason = dlerror();
        return message_set(m, strstr(reason, "No such file") ? -ENOENT : -ENOTSUP, "cpython: %s", reason);
    }
    if (cpython.library)
        return library == cpython.library
                   ? 0
                   : message_set(m, -ENOTSUP, "cpython: %s: this process has another libpython already, 3.%d",
                                 name, cpython.minor);
    const char *version;
    int minor = cpython_minor(library, &version);
    if (minor < CPYTHON_OLDEST || minor > CPYTHON_NEWEST)
        return message_set(m, -ENOTSUP,
                           minor < 0 ? "cpython: %s is no libpython of Python 3"
                                     : "cpython: %s is Python 3.%d; this backend knows 3.9 to 3.15",
                           name, minor);
    if (strstr(version, "free-threading"))
        return message_set(
            m, -ENOTSUP,
            "cpython: %s is a free-threaded Python 3.%d, whose allocator is mimalloc, not pymalloc", name,
            minor);
    struct cpython c = {
        .library = library,
        .minor = minor,
        .malloc = (void *(*)(size_t))dlsym(library, "PyObject_Malloc"),
        .calloc = (void *(*)(size_t, size_t))dlsym(library, "PyObject_Calloc"),
        .realloc = (void *(*)(void *, size_t))dlsym(library, "PyObject_Realloc"),
        .free = (void (*)(void *))dlsym(library, "PyObject_Free"),
        .print_stats = (cpython_print_stats_fn *)dlsym(library, "_PyObject_DebugMallocStats"),
        .allocated_blocks = (allocated_blocks_fn *)dlsym(library, "_Py_GetAllocatedBlocks"),
    };
    snprintf(c.version, sizeof c.version, "%.*s", (int)strcspn(version, " "), version);
    if (!c.malloc || !c.calloc || !c.realloc || !c.free || !c.print_stats)
        return message_set(m, -ENOTSUP, "cpython: %s lacks PyObject_Malloc or _PyObject_DebugMallocStats",
                           name);
    if (minor >= CPYTHON_WITH_RUNTIME) {
        c.allocated_blocks = cpython_runtime_blocks;
        int err = cpython_start(&c, name, m);
        if (err)
            return err;
    }
    cpython = c;
    return 0;
}

/* The newest that is there; if that one does not serve, it is not passed over in silence. */
static int cpython_load_newest(struct message *m)
{
    for (int minor = CPYTHON_NEWEST; minor >= CPYTHON_OLDEST; minor--) {
        char name[32];
        struct message why = {""};
        snprintf(name, sizeof name, "libpython3.%d.so.1.0", minor);
        int err = cpython_load(name, &why);
        if (err == 0)
            return 0;
        if (err != -ENOENT)
            return message_set(m, err, "%s; the newest libpython is taken unless library= names another",
                               why.text);
    }
    return message_set(m, -ENOTSUP,
                       "cpython: no libpython 3.9 to 3.15 here (Debian 12: package libpython3.11, Debian 13: "
                       "libpython3.13)");
}

static int cpython_open(struct alloc *a, const void *params, const struct alloc *inner, struct message *m)
{
    (void)inner;
    const struct cpython_params *p = params;
    int err = p->library[0] ? cpython_load(p->library, m) : cpython.library ? 0 : cpython_load_newest(m);
    if (err)
        return err == -ENOENT ? -ENOTSUP : err;
    *a = cpython.minor >= CPYTHON_WITH_RUNTIME
             ? (struct alloc){&cpython,      attached_malloc,  attached_calloc, attached_realloc,
                              attached_free, attached_aligned, cpython_usable,  NULL}
             : (struct alloc){&cpython,     cpython_malloc,  cpython_calloc, cpython_realloc,
                              cpython_free, cpython_aligned, cpython_usable, NULL};
    return 0;
}

void *cpython_symbol(const char *name)
{
    return cpython.library ? dlsym(cpython.library, name) : NULL;
}

int cpython_minor_version(void)
{
    return cpython.minor;
}

static void cpython_close(struct alloc *a)
{
    (void)a;
}

/* --- what it reports of itself -------------------------------------------------------------------------- */
/* --- what it reports of itself -------------------------------------------------------------------------- */
static bool cpython_read_heap(const struct cpython *c, struct cpython_heap *heap)
{
    if (c->minor >= CPYTHON_WITH_RUNTIME && !cpython_attached)
        cpython_attach();
    if (!cpython_heap_read(c->print_stats, heap))
        return false;
    cpython_heap_subtract(heap, &c->base);
    return true;
}

static void cpython_report(void *ctx, const struct alloc_sink *sink)
{
    const struct cpython *c = ctx;
    struct cpython_heap heap;
    if (!cpython_read_heap(c, &heap))
        return;
    cpython_heap_report(&heap, sink);
    if (sink->text)
        sink->text(sink->arg, "heap.python", c->version);
    if (c->minor < CPYTHON_WITH_RUNTIME)
        return;
    sink->integer(sink->arg, "heap.runtime.blocks", c->runtime.blocks);
    sink->integer(sink->arg, "heap.runtime.bytes", c->runtime.bytes);
    sink->integer(sink->arg, "heap.runtime.arenas", c->runtime.arenas);
    sink->integer(sink->arg, "heap.runtime.resident_bytes", c->runtime.resident_bytes);
    sink->integer(sink->arg, "heap.runtime.start_ns", c->runtime.start_ns);
}

/* Known as long as no block is raw: the library counts those, but not their bytes. */
static void cpython_stats(void *ctx, struct alloc_stats *out)
{
    struct cpython *c = ctx;
    struct cpython_heap heap;
    if (!c->allocated_blocks || c->aligned_used || !cpython_read_heap(c, &heap))
        return;
    if (c->allocated_blocks() - c->base_blocks != (ptrdiff_t)cpython_heap_blocks(&heap))
        return;
    uint64_t used_bytes = heap.figure[FIGURE_ALLOCATED] + heap.figure[FIGURE_AVAILABLE] +
                          heap.figure[FIGURE_HEADERS] + heap.figure[FIGURE_QUANTIZATION];
    out->mapped_bytes = heap.figure[FIGURE_ARENA_BYTES];
    out->active_bytes = used_bytes;
    out->live_usable_bytes = heap.figure[FIGURE_ALLOCATED];
    out->total_free_bytes = heap.figure[FIGURE_AVAILABLE] + heap.figure[FIGURE_UNUSED_POOLS];
}

const struct backend backend_cpython = {
    .name = "cpython",
    .flags = ALLOC_CALLS_MALLOC,
    .params = PARAM_TABLE(cpython_params, CPYTHON_PARAMS),
    .summary = "the real PyObject_Malloc of an installed libpython (3.9 to 3.15)",
    .open = cpython_open,
    .close = cpython_close,
    .stats = cpython_stats,
    .report = cpython_report,
};
