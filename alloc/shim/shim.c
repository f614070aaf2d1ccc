/* shim.c: any of our backends in malloc's place, in programs that are not ours: libheapgauge-shim.so, put
 * before them by LD_PRELOAD. `heapgauge preload A -- PROGRAM` sets the environment:
 *
 *   HEAPGAUGE_ALLOC              the spec; default "pools"
 *   HEAPGAUGE_COMMAND            the path of heapgauge itself, which debug() asks for functions and lines
 *                                (symbol.c)
 *   HEAPGAUGE_SNAPSHOT           with trace(): a file to write a snapshot to when the process exits. The
 *                                process
 *   HEAPGAUGE_SNAPSHOT_PID       with this number writes to the name itself, any other (its children) to
 *                                NAME.PID
 *   HEAPGAUGE_SNAPSHOT_SIGNAL    a signal's number: at the next allocation after it, a snapshot goes to
 *                                NAME.1, ...
 *
 * The whole family is here, so that no block comes from one allocator and goes to another: what the C library
 * defines beside malloc (memalign, pvalloc, ...) would else be glibc's, and so would its second names of them
 * (__libc_malloc, ...); C++'s operators may be another allocator's (names.c). Where the standard leaves room (realloc to 0, alignments) the choice is glibc's: the program is to
 * run as it does without us.
 *
 * The beginning: the first call comes from the dynamic loader, before any constructor, and maybe before the C
 * library has set up environ. Opening a backend may itself allocate (dlsym does): what is asked for by the
 * opening thread meanwhile comes from a small array, the early memory, and is never given back. A second
 * thread waits; there is none so early but in a program that starts one from its own first constructor.
 *
 * Forks: handlers of the program's may allocate, so ours, which take the locks, are to run after all others
 * before a fork and before them after it, that is, to be registered first. The library is linked with
 * -z initfirst for that: its constructor runs before any other library's.
 *
 * The end: at exit() debug() looks at the whole heap once more, and trace() writes its snapshot. A program
 * that ends by _exit() (dash does) or by a signal leaves neither.
 *
 * What cannot work is refused at the start with a message and status 2: a backend without a lock (the
 * program's threads are not ours to count), null (its blocks alias), a library (which stands in malloc's
 * place by itself), and cpython (which hands requests on to malloc, and so to us). */
#include "alloc/alloc.h"
#include "alloc/tracer/callsite.h"
#include "alloc/backend/libc.h"
#include "alloc/base/os.h"
#include "shim.h"
#include "alloc/spec.h"
#include "alloc/base/compiler.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHIM_EXPORT __attribute__((visibility("default"))) CALLSITE_WRAPPER

enum shim_state { SHIM_CLOSED, SHIM_OPENING, SHIM_OPEN, SHIM_WANTED /* open, and a snapshot is wanted */ };
static _Atomic int shim_state;
static struct alloc shim; /* the outermost layer; constant once open */
static struct alloc_stack shim_stack;
static struct spec shim_spec;
static _Thread_local bool shim_opening; /* this thread is the one that opens */

/* --- early memory --------------------------------------------------------------------------------------- */

#define SHIM_EARLY_BYTES ((size_t)256 << 10)

static _Alignas(4096) char shim_early[SHIM_EARLY_BYTES];
static size_t shim_early_used; /* the opening thread's alone */

static inline bool shim_is_early(const void *p)
{
    return (uintptr_t)p - (uintptr_t)shim_early < SHIM_EARLY_BYTES;
}

/* | size 8 | pad 8 | block ... |; zero, for nothing is used twice. */
static void *shim_early_malloc(size_t align, size_t size)
{
    if (align < ALLOC_MIN_ALIGN)
        align = ALLOC_MIN_ALIGN;
    size_t at = (shim_early_used + 16 + align - 1) & ~(align - 1);
    if (align > 4096 || size > SHIM_EARLY_BYTES || at > SHIM_EARLY_BYTES - size) {
        errno = ENOMEM;
        return NULL;
    }
    memcpy(shim_early + at - 16, &size, sizeof size);
    shim_early_used = at + size;
    return shim_early + at;
}

static size_t shim_early_size(const void *p)
{
    size_t size;
    memcpy(&size, (const char *)p - 16, sizeof size);
    return size;
}

/* --- opening -------------------------------------------------------------------------------------------- */

_Noreturn void shim_refuse(const char *why)
{
    static const char *const name = "heapgauge preload: ";
    ssize_t n = write(STDERR_FILENO, name, strlen(name));
    n += write(STDERR_FILENO, why, strlen(why));
    n += write(STDERR_FILENO, "\n", 1);
    (void)n; /* nothing can be done about a standard error that takes nothing */
    _exit(2);
}

static void shim_fork_prepare(void)
{
    alloc_fork(&shim_stack, ALLOC_FORK_PREPARE);
}

static void shim_fork_parent(void)
{
    alloc_fork(&shim_stack, ALLOC_FORK_PARENT);
}

static void shim_fork_child(void)
{
    alloc_fork(&shim_stack, ALLOC_FORK_CHILD);
}

static void shim_open(void)
{
    static char text[sizeof shim_spec.text];
    static struct message m;
    shim_environment("HEAPGAUGE_ALLOC", text, sizeof text);
    if (spec_parse(&shim_spec, *text ? text : "pools", &m) != 0 || spec_check_program(&shim_spec, &m) != 0 ||
        alloc_open(&shim_stack, &shim_spec, &m) != 0)
        shim_refuse(m.text);
    shim = shim_stack.layer[0];
    atomic_store_explicit(&shim_state, SHIM_OPEN, memory_order_release);
    shim_snapshot_open(&shim_stack);
    pthread_atfork(shim_fork_prepare, shim_fork_parent, shim_fork_child);
}

/* Not open, or a snapshot is wanted. false: the caller is inside the opening, and takes early memory. */
static noinline bool shim_ready(void)
{
    int state = SHIM_CLOSED;
    if (shim_opening)
        return atomic_load_explicit(&shim_state, memory_order_relaxed) >= SHIM_OPEN;
    if (atomic_compare_exchange_strong_explicit(&shim_state, &state, SHIM_OPENING, memory_order_acquire,
                                                memory_order_acquire)) {
        int before = errno;
        shim_opening = true;
        shim_open();
        shim_opening = false;
        errno = before;
        return true;
    }
    while (atomic_load_explicit(&shim_state, memory_order_acquire) == SHIM_OPENING)
        sched_yield();
    state = SHIM_WANTED;
    if (atomic_compare_exchange_strong_explicit(&shim_state, &state, SHIM_OPEN, memory_order_acquire,
                                                memory_order_acquire)) {
        int before = errno;
        shim_snapshot_numbered();
        errno = before;
    }
    return true;
}

void shim_want_snapshot(void)
{
    int state = SHIM_OPEN;
    atomic_compare_exchange_strong_explicit(&shim_state, &state, SHIM_WANTED, memory_order_relaxed,
                                            memory_order_relaxed);
}

/* Acquire: pairs with the release in shim_open; what the calls read of shim is whole. */
#define SHIM_READY \
    (likely(atomic_load_explicit(&shim_state, memory_order_acquire) == SHIM_OPEN) || shim_ready())

const struct alloc *shim_outermost(void)
{
    return SHIM_READY ? &shim : NULL;
}

bool shim_on_libc(void)
{
    return strcmp(shim_stack.layer[shim_stack.depth - 1].backend->name, "system") == 0;
}

/* A program that never allocates is to be refused, too. */
__attribute__((constructor)) static void shim_begin(void)
{
    if (!SHIM_READY)
        abort(); /* not from a constructor: the opening thread alone sees it unready */
}

/* The program ends: what debug() has not yet looked at is looked at, what trace() knows is written. */
__attribute__((destructor)) static void shim_close(void)
{
    static struct message m;
    if (atomic_load_explicit(&shim_state, memory_order_acquire) < SHIM_OPEN)
        return;
    shim_snapshot_last();
    if (alloc_verify(&shim_stack, &m) != 0)
        shim_refuse(m.text);
}

/* --- the family ----------------------------------------------------------------------------------------- */

static inline bool shim_power_of_two(size_t n)
{
    return n && !(n & (n - 1));
}

static inline void *shim_aligned(size_t align, size_t size)
{
    if (!SHIM_READY)
        return shim_early_malloc(align, size);
    if (align <= ALLOC_MIN_ALIGN)
        return shim.malloc(shim.ctx, size);
    if (align > (size_t)PTRDIFF_MAX / 2 || size > (size_t)PTRDIFF_MAX - align) {
        errno = ENOMEM;
        return NULL;
    }
    return shim.aligned(shim.ctx, align, size);
}

SHIM_EXPORT void *malloc(size_t size)
{
    if (!SHIM_READY)
        return shim_early_malloc(ALLOC_MIN_ALIGN, size);
    return shim.malloc(shim.ctx, size);
}

SHIM_EXPORT void *calloc(size_t count, size_t size)
{
    if (SHIM_READY)
        return shim.calloc(shim.ctx, count, size);
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return shim_early_malloc(ALLOC_MIN_ALIGN, bytes);
}

SHIM_EXPORT void free(void *p)
{
    if (unlikely(!p || shim_is_early(p) || !SHIM_READY))
        return;
    shim.free(shim.ctx, p);
}

SHIM_EXPORT void *realloc(void *p, size_t size)
{
    bool ready = SHIM_READY;
    if (likely(p && !shim_is_early(p) && ready)) {
        if (size)
            return shim.realloc(shim.ctx, p, size);
        shim.free(shim.ctx, p); /* as glibc does it */
        return NULL;
    }
    void *q = ready ? shim.malloc(shim.ctx, size) : shim_early_malloc(ALLOC_MIN_ALIGN, size);
    if (q && p) {
        size_t had = shim_early_size(p);
        memcpy(q, p, had < size ? had : size);
    }
    return q;
}

SHIM_EXPORT void *reallocarray(void *p, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(p, bytes);
}

SHIM_EXPORT void *aligned_alloc(size_t align, size_t size)
{
    if (!shim_power_of_two(align)) {
        errno = EINVAL;
        return NULL;
    }
    return shim_aligned(align, size);
}

SHIM_EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
    if (!shim_power_of_two(align) || align < sizeof(void *))
        return EINVAL;
    int before = errno; /* the error is returned; errno is the program's */
    void *p = shim_aligned(align, size);
    errno = before;
    if (!p)
        return ENOMEM;
    *out = p;
    return 0;
}

/* glibc takes the next power of two. */
SHIM_EXPORT void *memalign(size_t align, size_t size)
{
    size_t power = ALLOC_MIN_ALIGN;
    while (power < align && power <= (size_t)PTRDIFF_MAX / 2)
        power *= 2;
    return shim_aligned(power, size);
}

SHIM_EXPORT void *valloc(size_t size)
{
    return shim_aligned(os_page_bytes(), size);
}

SHIM_EXPORT void *pvalloc(size_t size)
{
    size_t page = os_page_bytes();
    if (size > (size_t)PTRDIFF_MAX - page) {
        errno = ENOMEM;
        return NULL;
    }
    return shim_aligned(page, (size + page - 1) & ~(page - 1));
}

SHIM_EXPORT size_t malloc_usable_size(void *p)
{
    if (!p)
        return 0;
    if (shim_is_early(p) || !SHIM_READY)
        return shim_early_size(p);
    return shim.usable(shim.ctx, p);
}
