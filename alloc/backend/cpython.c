/* cpython.c: the real PyObject_Malloc, Calloc, Realloc and Free of an installed libpython 3.9 to 3.11, called
 * with no interpreter started: until 3.11 the allocator's state is in static variables and needs none (3.12
 * and later look it up through the thread state, and would crash). No lock, as in CPython, whose lock is the
 * GIL.
 *
 * The heap is the library's and the process's: a second open shares it, close leaves it. heap{} is read from
 * the text of _PyObject_DebugMallocStats, which has the figures of sys._debugmallocstats().
 *
 * usable() answers 0, "not known": the API gives the size class of no block, and malloc_usable_size of a
 * block in a pool would read nonsense. Over-aligned requests go to the C library: PyObject_Free hands
 * whatever is not in an arena on to free(). */
#include "cpython.h"

#include "alloc/alloc.h"
#include "alloc/base/compiler.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPYTHON_PARAMS(P, S) \
    P(S, TEXT, library, "", "", "a libpython of 3.9 to 3.11: soname or path; default: the newest installed")
PARAM_STRUCT(cpython_params, CPYTHON_PARAMS)

#define CPYTHON_CLASSES     32
#define CPYTHON_STATS_BYTES ((size_t)64 << 10) /* the text is 5 KiB */

typedef ptrdiff_t allocated_blocks_fn(void);

static struct cpython {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *p, size_t size);
    void (*free)(void *p);
    int (*print_stats)(FILE *to);
    allocated_blocks_fn *allocated_blocks; /* in pools and raw; may be NULL */
    void *library;
    int minor;
    bool aligned_used; /* blocks that the library does not count have been handed out */
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

static size_t cpython_usable(void *ctx, const void *p)
{
    (void)ctx;
    (void)p;
    return 0;
}

/* --- opening ---------------------------------------------------------------------------------------------*/
/* The minor version of a libpython 3.x, or -1 when the library is none. */
static int cpython_minor(void *library)
{
    const char *(*version)(void) = (const char *(*)(void))dlsym(library, "Py_GetVersion");
    int major = 0, minor = 0;
    if (!version || sscanf(version(), "%d.%d", &major, &minor) != 2 || major != 3)
        return -1;
    return minor;
}

static int cpython_load(const char *name, struct message *m)
{
    /* NODELETE: the arenas stay in use by whoever holds blocks. */
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library)
        return message_set(m, -ENOTSUP, "cpython: %s", dlerror());
    int minor = cpython_minor(library);
    if (minor < 9 || minor > 11)
        return message_set(m, -ENOTSUP,
                           minor < 0 ? "cpython: %s is no libpython of Python 3"
                                     : "cpython: %s is Python 3.%d; only the allocator of 3.9 to 3.11 works "
                                       "without an interpreter (Debian 12 package libpython3.11)",
                           name, minor);
    struct cpython c = {
        .library = library,
        .minor = minor,
        .malloc = (void *(*)(size_t))dlsym(library, "PyObject_Malloc"),
        .calloc = (void *(*)(size_t, size_t))dlsym(library, "PyObject_Calloc"),
        .realloc = (void *(*)(void *, size_t))dlsym(library, "PyObject_Realloc"),
        .free = (void (*)(void *))dlsym(library, "PyObject_Free"),
        .print_stats = (int (*)(FILE *))dlsym(library, "_PyObject_DebugMallocStats"),
        .allocated_blocks = (allocated_blocks_fn *)dlsym(library, "_Py_GetAllocatedBlocks"),
    };
    if (!c.malloc || !c.calloc || !c.realloc || !c.free || !c.print_stats)
        return message_set(m, -ENOTSUP, "cpython: %s lacks PyObject_Malloc or _PyObject_DebugMallocStats",
                           name);
    cpython = c;
    return 0;
}

static int cpython_open(struct alloc *a, const void *params, const struct alloc *inner, struct message *m)
{
    (void)inner;
    static const char *const sonames[] = {"libpython3.11.so.1.0", "libpython3.10.so.1.0",
                                          "libpython3.9.so.1.0"};
    const struct cpython_params *p = params;
    int err = -ENOTSUP;
    if (p->library[0]) {
        err = cpython_load(p->library, m);
    } else {
        for (size_t i = 0; i < array_length(sonames) && err; i++)
            err = cpython_load(sonames[i], NULL);
        if (err)
            message_set(m, err,
                        "cpython: no libpython 3.9, 3.10 or 3.11 here (Debian 12: package libpython3.11)");
    }
    if (err)
        return err;
    *a = (struct alloc){&cpython,     cpython_malloc,  cpython_calloc, cpython_realloc,
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
enum cpython_figure {
    FIGURE_TOTAL,
    FIGURE_RECLAIMED,
    FIGURE_HIGHWATER,
    FIGURE_CURRENT,
    FIGURE_ALLOCATED,
    FIGURE_AVAILABLE,
    FIGURE_UNUSED_POOLS,
    FIGURE_HEADERS,
    FIGURE_QUANTIZATION,
    FIGURE_ALIGNMENT,
    FIGURE_ARENA_BYTES, /* of all arenas */
    FIGURES
};

/* label: what stands before the '=', after any leading number; key: of heap{}, NULL when it has none. */
static const struct {
    const char *label, *key;
} cpython_figures[FIGURES] = {
    [FIGURE_TOTAL] = {"# arenas allocated total", "heap.arenas_allocated_total"},
    [FIGURE_RECLAIMED] = {"# arenas reclaimed", "heap.arenas_reclaimed"},
    [FIGURE_HIGHWATER] = {"# arenas highwater mark", "heap.arenas_highwater"},
    [FIGURE_CURRENT] = {"# arenas allocated current", "heap.arenas_current"},
    [FIGURE_ALLOCATED] = {"# bytes in allocated blocks", "heap.bytes_allocated"},
    [FIGURE_AVAILABLE] = {"# bytes in available blocks", "heap.bytes_available"},
    [FIGURE_UNUSED_POOLS] = {"unused pools", "heap.bytes_unused_pools"},
    [FIGURE_HEADERS] = {"# bytes lost to pool headers", "heap.bytes_pool_headers"},
    [FIGURE_QUANTIZATION] = {"# bytes lost to quantization", "heap.bytes_quantization"},
    [FIGURE_ALIGNMENT] = {"# bytes lost to arena alignment", "heap.bytes_arena_alignment"},
    [FIGURE_ARENA_BYTES] = {"arenas", NULL},
};

struct cpython_heap {
    struct {
        uint64_t pools, blocks, available;
    } class[CPYTHON_CLASSES];
    uint64_t figure[FIGURES];
    bool known[FIGURES];
};

/* A number with thousands separators; false when there is none. */
static bool cpython_number(const char **at, uint64_t *out)
{
    const char *p = *at + strspn(*at, " ");
    if (!isdigit((unsigned char)*p))
        return false;
    uint64_t n = 0;
    for (; isdigit((unsigned char)*p) || *p == ','; p++)
        if (*p != ',' && (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, *p - '0', &n)))
            return false;
    *out = n;
    *at = p;
    return true;
}

/* "class size pools blocks available", or "[N] label ... = VALUE"; any other line is passed over. */
static void cpython_line(const char *line, struct cpython_heap *heap)
{
    const char *at = line;
    uint64_t column[5];
    unsigned columns = 0;
    while (columns < 5 && cpython_number(&at, &column[columns]))
        columns++;
    if (columns == 5 && column[0] < CPYTHON_CLASSES) {
        heap->class[column[0]].pools = column[2];
        heap->class[column[0]].blocks = column[3];
        heap->class[column[0]].available = column[4];
        return;
    }
    const char *value = strchr(line, '=');
    uint64_t n;
    if (columns > 1 || !value || (value++, !cpython_number(&value, &n)))
        return;
    at += strspn(at, " ");
    for (unsigned i = 0; i < FIGURES; i++) {
        size_t length = strlen(cpython_figures[i].label);
        if (strncmp(at, cpython_figures[i].label, length) == 0 && at[length] == ' ' && !heap->known[i]) {
            heap->figure[i] = n;
            heap->known[i] = true;
            return;
        }
    }
}

static bool cpython_read_heap(const struct cpython *c, struct cpython_heap *heap)
{
    memset(heap, 0, sizeof *heap);
    char *text = calloc(1, CPYTHON_STATS_BYTES);
    FILE *to = text ? fmemopen(text, CPYTHON_STATS_BYTES - 1, "w") : NULL;
    bool ok = to && c->print_stats(to) != 0 && fflush(to) == 0;
    if (to)
        fclose(to);
    for (char *line = text, *end; ok && line; line = end) {
        end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        cpython_line(line, heap);
    }
    free(text);
    return ok;
}

static void cpython_report(void *ctx, const struct alloc_sink *sink)
{
    struct cpython_heap heap;
    if (!cpython_read_heap(ctx, &heap))
        return;
    for (unsigned c = 0; c < CPYTHON_CLASSES; c++) {
        const struct {
            const char *name;
            uint64_t value;
        } rows[] = {{"size", (c + 1) * 16},
                    {"pools", heap.class[c].pools},
                    {"blocks", heap.class[c].blocks},
                    {"available", heap.class[c].available}};
        for (size_t i = 0; i < array_length(rows); i++) {
            char key[64];
            snprintf(key, sizeof key, "heap.classes.%u.%s", c, rows[i].name);
            sink->integer(sink->arg, key, rows[i].value);
        }
    }
    for (unsigned i = 0; i < FIGURES; i++)
        if (cpython_figures[i].key && heap.known[i])
            sink->integer(sink->arg, cpython_figures[i].key, heap.figure[i]);
}

/* Known as long as no block is raw: the library counts those, but not their bytes. */
static void cpython_stats(void *ctx, struct alloc_stats *out)
{
    struct cpython *c = ctx;
    struct cpython_heap heap;
    if (!c->allocated_blocks || c->aligned_used || !cpython_read_heap(c, &heap))
        return;
    uint64_t blocks = 0, used_bytes = 0;
    for (unsigned i = 0; i < CPYTHON_CLASSES; i++)
        blocks += heap.class[i].blocks;
    for (unsigned i = 0; i < FIGURES; i++)
        if (!heap.known[i])
            return;
    if (c->allocated_blocks() != (ptrdiff_t)blocks)
        return;
    used_bytes = heap.figure[FIGURE_ALLOCATED] + heap.figure[FIGURE_AVAILABLE] + heap.figure[FIGURE_HEADERS] +
                 heap.figure[FIGURE_QUANTIZATION];
    out->mapped_bytes = heap.figure[FIGURE_ARENA_BYTES];
    out->active_bytes = used_bytes;
    out->live_usable_bytes = heap.figure[FIGURE_ALLOCATED];
    out->total_free_bytes = heap.figure[FIGURE_AVAILABLE] + heap.figure[FIGURE_UNUSED_POOLS];
}

const struct backend backend_cpython = {
    .name = "cpython",
    .flags = ALLOC_CALLS_MALLOC,
    .params = PARAM_TABLE(cpython_params, CPYTHON_PARAMS),
    .summary = "the real PyObject_Malloc of an installed libpython (3.9 to 3.11)",
    .open = cpython_open,
    .close = cpython_close,
    .stats = cpython_stats,
    .report = cpython_report,
};
