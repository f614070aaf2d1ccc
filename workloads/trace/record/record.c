/* record.c: the functions of libheapgauge-record.so that stand in place of the C library's. Each calls the
 * next one in line (the C library's, or another preloaded allocator's) and writes down what was asked and
 * which address came.
 *
 * What is written as what: realloc(NULL, n) as malloc; realloc(p, 0) that returns NULL as free; free(NULL)
 * not at all; reallocarray as realloc; posix_memalign, aligned_alloc, memalign, valloc and pvalloc as an
 * aligned allocation. malloc_usable_size and the mallopt family are not ours: they reach the real allocator
 * by themselves.
 *
 * A call that arrives while dlsym is looking the real functions up is served from a small arena of ours.
 * The order of the clock and the real call is spool.h's. Only the slow path makes system calls. */
#include "record.h"

#include "alloc/base/os.h"
#include "alloc/base/compiler.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/single_threaded.h>

#define EXPORT __attribute__((visibility("default")))

/* ---- the real functions ---- */

static void *first_malloc(size_t size);
static void *first_calloc(size_t count, size_t size);
static void *first_realloc(void *p, size_t size);
static void first_free(void *p);

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    void *(*memalign)(size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    int (*pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
} real = {first_malloc, first_calloc, first_realloc, first_free, NULL, NULL, NULL, NULL};

/* glibc's second names. A malloc that is next in line may stand on them; what comes from there is recorded
 * where the program called that malloc. Until that is known nothing of theirs is recorded. */
static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    void *(*memalign)(size_t, size_t);
    bool own; /* they are called by the program alone */
} second;

/* Blocks handed out while the real functions are being looked up; never given back. A block's size stands
 * before it. */
static _Alignas(16) char arena[32 << 10];
static size_t arena_used;
static bool resolving;

static void *arena_take(size_t size)
{
    if (size > sizeof arena - 16 || arena_used + ((size + 31) & ~(size_t)15) > sizeof arena) {
        errno = ENOMEM;
        return NULL;
    }
    char *p = arena + arena_used + 16;
    memcpy(p - sizeof size, &size, sizeof size);
    arena_used += (size + 31) & ~(size_t)15;
    return p;
}

static inline bool arena_has(const void *p)
{
    return (uintptr_t)p - (uintptr_t)arena < sizeof arena;
}

/* The dynamic linker calls us before there is a second thread, so this needs no lock. */
static void resolve(void)
{
    resolving = true;
    void *(*next_malloc)(size_t) = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    void *(*next_calloc)(size_t, size_t) = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
    void *(*next_realloc)(void *, size_t) = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    void (*next_free)(void *) = (void (*)(void *))dlsym(RTLD_NEXT, "free");
    real.memalign = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "memalign");
    real.aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
    real.posix_memalign = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
    real.pthread_create = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(
        RTLD_NEXT, "pthread_create");
    if (!next_malloc || !next_calloc || !next_realloc || !next_free)
        abort();
    real.malloc = next_malloc;
    real.calloc = next_calloc;
    real.realloc = next_realloc;
    real.free = next_free;
    resolving = false;
}

static void second_resolve(void)
{
    second.calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "__libc_calloc");
    second.realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "__libc_realloc");
    second.free = (void (*)(void *))dlsym(RTLD_NEXT, "__libc_free");
    second.memalign = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "__libc_memalign");
    second.malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "__libc_malloc");
    if (!second.malloc || !second.calloc || !second.realloc || !second.free || !second.memalign)
        abort();
}

/* After spool.c's own constructor. */
__attribute__((constructor(102))) static void second_begin(void)
{
    if (real.malloc == first_malloc)
        resolve();
    second.own = true;
    record_probe_begin();
    real.free(real.malloc(64));
    second.own = record_probe_hits() == 0;
    record_probe_end();
}

static void *first_malloc(size_t size)
{
    if (resolving)
        return arena_take(size);
    resolve();
    return real.malloc(size);
}

static void *first_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (resolving)
        return __builtin_mul_overflow(count, size, &bytes) ? NULL : arena_take(bytes);
    resolve();
    return real.calloc(count, size);
}

static void *first_realloc(void *p, size_t size)
{
    if (resolving)
        return arena_take(size);
    resolve();
    return real.realloc(p, size);
}

static void first_free(void *p)
{
    if (resolving)
        return;
    resolve();
    real.free(p);
}

/* ---- the fast path ---- */

/* One word, or two when another thread has moved the clock. Everything else is for record_slow(). */
static inline void record_word(enum spool_kind kind, const void *p, size_t size, uint64_t clock)
{
    struct record_thread *t = record_self;
    if (unlikely(t->busy)) {
        record_slow(kind, p, size, 1, clock);
        return;
    }
    /* First, so that a signal handler which comes from here on neither moves `at` nor writes there. */
    t->busy = 1;
    atomic_signal_fence(memory_order_seq_cst);
    uint64_t *at = t->at;
    uint64_t delta = (uintptr_t)p - t->last;
    int64_t units = (int64_t)delta >> 4;
    if (unlikely(t->end - at < 2 || size > SPOOL_SIZE_MAX || (delta & 15) ||
                 (units << (64 - SPOOL_DELTA_BITS)) >> (64 - SPOOL_DELTA_BITS) != units)) {
        t->busy = 0;
        record_slow(kind, p, size, 1, clock);
        return;
    }
    if (clock != t->clock)
        *at++ = clock << 3 | SPOOL_SEQUENCE;
    *at++ = (uint64_t)units << (3 + SPOOL_SIZE_BITS) | (uint64_t)size << 3 | kind;
    t->last = (uintptr_t)p;
    t->at = at;
    t->clock = clock + (kind == SPOOL_FREE || kind == SPOOL_REALLOC_FROM ? size : 0);
    atomic_signal_fence(memory_order_seq_cst);
    t->busy = 0;
}

/* Before the real free. With several threads known, counts the clock up (pairs with the load in
 * record_block). */
static inline void record_gone(enum spool_kind kind, const void *p)
{
    if (__libc_single_threaded)
        record_word(kind, p, 0, atomic_load_explicit(&record_clock, memory_order_relaxed));
    else
        record_word(kind, p, SPOOL_TICK, atomic_fetch_add_explicit(&record_clock, 1, memory_order_acq_rel));
}

/* After the real allocation. */
static inline void record_block(enum spool_kind kind, const void *p, size_t size)
{
    uint64_t clock = atomic_load_explicit(&record_clock, memory_order_acquire);
    if (unlikely(!p))
        record_slow(SPOOL_FAILED, NULL, size, 1, clock);
    else
        record_word(kind, p, size, clock);
}

static void *record_aligned(void *p, size_t align, size_t size)
{
    uint64_t clock = atomic_load_explicit(&record_clock, memory_order_acquire);
    record_slow(p ? SPOOL_ALIGNED : SPOOL_FAILED, p, size, align, clock);
    return p;
}

/* ---- what programs call ---- */

EXPORT void *malloc(size_t size)
{
    void *p = real.malloc(size);
    record_block(SPOOL_MALLOC, p, size);
    return p;
}

EXPORT void *calloc(size_t count, size_t size)
{
    size_t bytes;
    void *p = real.calloc(count, size);
    if (__builtin_mul_overflow(count, size, &bytes))
        bytes = SIZE_MAX;
    record_block(SPOOL_CALLOC, p, bytes);
    return p;
}

EXPORT void free(void *p)
{
    if (!p)
        return;
    record_gone(SPOOL_FREE, p);
    if (likely(!arena_has(p)))
        real.free(p);
}

/* In the parameter's place: the C library's realloc, or its second one; recorded: it is called by the program. */
static inline void *record_realloc(void *(*function)(void *, size_t), bool recorded, void *old, size_t size)
{
    if (!recorded)
        return function(old, size);
    if (!old) {
        void *p = function(NULL, size);
        record_block(SPOOL_MALLOC, p, size);
        return p;
    }
    record_gone(SPOOL_REALLOC_FROM, old);
    void *p;
    if (unlikely(arena_has(old))) {
        size_t bytes;
        memcpy(&bytes, (char *)old - sizeof bytes, sizeof bytes);
        p = real.malloc(size);
        if (p)
            memcpy(p, old, bytes < size ? bytes : size);
    } else {
        p = function(old, size);
    }
    /* realloc(p, 0) that frees: a REALLOC_FROM followed by a REALLOC_TO of nowhere. */
    if (!p && size == 0)
        record_word(SPOOL_REALLOC_TO, NULL, 0, atomic_load_explicit(&record_clock, memory_order_acquire));
    else
        record_block(SPOOL_REALLOC_TO, p, size);
    return p;
}

EXPORT void *realloc(void *old, size_t size)
{
    return old ? record_realloc(real.realloc, true, old, size) : malloc(size);
}

EXPORT void *reallocarray(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(old, bytes);
}

EXPORT void *memalign(size_t align, size_t size)
{
    if (!real.memalign)
        resolve();
    return record_aligned(real.memalign(align, size), align, size);
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
    if (!real.aligned_alloc)
        resolve();
    return record_aligned(real.aligned_alloc(align, size), align, size);
}

EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
    if (!real.posix_memalign)
        resolve();
    void *p = NULL;
    int err = real.posix_memalign(&p, align, size);
    record_aligned(err ? NULL : p, align, size);
    if (!err)
        *out = p;
    return err;
}

EXPORT void *valloc(size_t size)
{
    return memalign(os_page_bytes(), size);
}

EXPORT void *pvalloc(size_t size)
{
    size_t page = os_page_bytes();
    if (size > SIZE_MAX - page) {
        errno = ENOMEM;
        return NULL;
    }
    return memalign(page, size ? (size + page - 1) & ~(page - 1) : page);
}

/* C23's, and one that is older than C: they are free. */

#define RECORD_FREE(name, parameters) \
    EXPORT void name parameters;      \
    void name parameters              \
    {                                 \
        free(p);                      \
    }
RECORD_FREE(cfree, (void *p))
RECORD_FREE(free_sized, (void *p, size_t size __attribute__((unused))))
RECORD_FREE(free_aligned_sized,
            (void *p, size_t align __attribute__((unused)), size_t size __attribute__((unused))))

/* glibc's second names. */

EXPORT void *__libc_malloc(size_t size);
EXPORT void *__libc_calloc(size_t count, size_t size);
EXPORT void *__libc_realloc(void *old, size_t size);
EXPORT void __libc_free(void *p);
EXPORT void *__libc_memalign(size_t align, size_t size);
EXPORT void *__libc_valloc(size_t size);
EXPORT void *__libc_pvalloc(size_t size);
EXPORT int __posix_memalign(void **out, size_t align, size_t size);

void *__libc_malloc(size_t size)
{
    if (!second.malloc)
        second_resolve();
    void *p = second.malloc(size);
    if (second.own)
        record_block(SPOOL_MALLOC, p, size);
    return p;
}

void *__libc_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (!second.malloc)
        second_resolve();
    void *p = second.calloc(count, size);
    if (__builtin_mul_overflow(count, size, &bytes))
        bytes = SIZE_MAX;
    if (second.own)
        record_block(SPOOL_CALLOC, p, bytes);
    return p;
}

void __libc_free(void *p)
{
    if (!second.malloc)
        second_resolve();
    if (p && second.own)
        record_gone(SPOOL_FREE, p);
    if (!arena_has(p))
        second.free(p);
}

void *__libc_realloc(void *old, size_t size)
{
    if (!second.malloc)
        second_resolve();
    return record_realloc(second.realloc, second.own, old, size);
}

void *__libc_memalign(size_t align, size_t size)
{
    if (!second.malloc)
        second_resolve();
    void *p = second.memalign(align, size);
    return second.own ? record_aligned(p, align, size) : p;
}

void *__libc_valloc(size_t size)
{
    return __libc_memalign(os_page_bytes(), size);
}

void *__libc_pvalloc(size_t size)
{
    size_t page = os_page_bytes();
    return __libc_memalign(page, size > SIZE_MAX - page ? SIZE_MAX : (size + page - 1) & ~(page - 1));
}

int __posix_memalign(void **out, size_t align, size_t size)
{
    return posix_memalign(out, align, size);
}

/* ---- for C++'s operators (cxx.c) ---- */

void record_new(const void *p, size_t size)
{
    record_block(SPOOL_MALLOC, p, size);
}

void record_new_aligned(const void *p, size_t align, size_t size)
{
    record_aligned((void *)p, align, size);
}

void record_delete(const void *p)
{
    if (p)
        record_gone(SPOOL_FREE, p);
}

/* ---- threads ---- */

/* What a new thread is to do. It lies in a block of the program's allocator that is not recorded: the creator
 * takes it, the new thread gives it back. */
struct start {
    void *(*function)(void *);
    void *arg;
};

static void *thread_start(void *p)
{
    struct start start = *(struct start *)p;
    real.free(p);
    record_born();
    return start.function(start.arg);
}

/* So that a thread is seen from its first moment on, also one that never allocates. Threads made otherwise
 * (clone, the C library's own) are seen at their first call. */
EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*function)(void *), void *arg)
{
    if (!real.pthread_create)
        resolve();
    if (!real.pthread_create)
        return ENOSYS;
    struct start *start = record_wanted() ? real.malloc(sizeof *start) : NULL;
    if (!start)
        return real.pthread_create(thread, attr, function, arg);
    *start = (struct start){function, arg};
    int err = real.pthread_create(thread, attr, thread_start, start);
    if (err)
        real.free(start);
    return err;
}
