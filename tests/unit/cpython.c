/* cpython.c: the real PyObject_Malloc behind our table: the contract that the library itself does not keep,
 * and what it may report of itself. Skipped where no libpython 3.9 to 3.15 is installed. */
#include "alloc/alloc.h"
#include "alloc/backend/cpython.h"

#include "advice.h"
#include "tests/conformance/pymalloc_real.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct alloc_stack stack;
static struct alloc *a;

static struct alloc_stats stats(void)
{
    struct alloc_stats s;
    memset(&s, 0xff, sizeof s);
    a->backend->stats(a->ctx, &s);
    return s;
}

/* Figures of heap{}: those of the heap, and those of the runtime that was there before. */
struct figures {
    uint64_t count, sum, runtime_blocks, runtime_bytes, runtime_arenas;
    char python[16];
};

static void figures_integer(void *arg, const char *key, uint64_t value)
{
    struct figures *f = arg;
    if (strcmp(key, "heap.runtime.blocks") == 0)
        f->runtime_blocks = value;
    else if (strcmp(key, "heap.runtime.bytes") == 0)
        f->runtime_bytes = value;
    else if (strcmp(key, "heap.runtime.arenas") == 0)
        f->runtime_arenas = value;
    else if (strncmp(key, "heap.runtime.", 13) != 0 && !strstr(key, ".size")) {
        f->count++;
        f->sum += value;
    }
}

static void figures_text(void *arg, const char *key, const char *value)
{
    assert_string_equal(key, "heap.python");
    snprintf(((struct figures *)arg)->python, sizeof((struct figures *)arg)->python, "%s", value);
}

static struct figures figures(void)
{
    struct figures f = {0};
    a->backend->report(a->ctx, &(struct alloc_sink){&f, figures_integer, figures_text});
    return f;
}

/* First: nothing of what the runtime holds is in any figure, and the first block of a class is one of a new
 * pool: nothing of it lies beside the runtime's. */
static void test_fresh(void **state)
{
    (void)state;
    const char *(*version)(void) = (const char *(*)(void))cpython_symbol("Py_GetVersion");
    struct figures f = figures();
    assert_int_equal(f.count, 32 * 3 + 10);
    assert_int_equal(f.sum, 0);
    assert_true(f.python[0] && strncmp(version(), f.python, strlen(f.python)) == 0);
    assert_int_equal(stats().live_usable_bytes, 0);
    assert_int_equal(stats().mapped_bytes, 0);
    if (cpython_minor_version() >= 12) {
        assert_true(f.runtime_blocks > 2000 && f.runtime_bytes > f.runtime_blocks * 32);
        assert_true(f.runtime_bytes < f.runtime_arenas << 20 && f.runtime_arenas < 4);
    } else {
        assert_int_equal(f.runtime_blocks, 0);
    }
    void *block[32];
    uintptr_t pool_mask = cpython_minor_version() >= 10 ? 16383 : 4095;
    for (unsigned i = 0; i < 32; i++) {
        block[i] = a->malloc(a->ctx, 16 * (i + 1));
        assert_int_equal((uintptr_t)block[i] & pool_mask, 48); /* right after the header */
    }
    for (unsigned i = 0; i < 32; i++)
        a->free(a->ctx, block[i]);
    assert_int_equal(stats().live_usable_bytes, 0);
}

static void test_advice(void **state)
{
    (void)state;
    void *p = a->malloc(a->ctx, 100);
    bool kept = advice_is_kept();
    if (kept)
        assert_int_equal(advice_of(p), cpython_minor_version() >= 15);
    a->free(a->ctx, p);
    if (!kept)
        skip();
}

static void *thread_frees_and_allocates(void *p)
{
    a->free(a->ctx, p);
    return a->malloc(a->ctx, 100);
}

/* One after another, as under a lock: what one has freed is what the next one gets. */
static void test_threads(void **state)
{
    (void)state;
    void *p = a->malloc(a->ctx, 100), *before = p;
    for (unsigned i = 0; i < 8; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, thread_frees_and_allocates, p), 0);
        assert_int_equal(pthread_join(thread, &p), 0);
        assert_ptr_equal(p, before);
    }
    assert_int_equal(stats().live_usable_bytes, 112);
    a->free(a->ctx, p);
}

static void test_contract(void **state)
{
    (void)state;
    errno = 0;
    assert_null(a->malloc(a->ctx, (size_t)PTRDIFF_MAX + 1));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(a->calloc(a->ctx, SIZE_MAX / 2, 4));
    assert_int_equal(errno, ENOMEM);
    char *p = a->malloc(a->ctx, 0), *q = a->malloc(a->ctx, 0);
    assert_true(p && q && p != q);
    a->free(a->ctx, p);
    q = a->realloc(a->ctx, q, 0);
    assert_non_null(q);
    a->free(a->ctx, q);
    a->free(a->ctx, NULL);
    p = a->realloc(a->ctx, NULL, 40);
    errno = 0;
    assert_null(a->realloc(a->ctx, p, (size_t)PTRDIFF_MAX + 1));
    assert_int_equal(errno, ENOMEM);
    memset(p, 'x', 40);                        /* still there */
    assert_int_equal(a->usable(a->ctx, p), 0); /* not known */
    a->free(a->ctx, p);
    p = a->calloc(a->ctx, 3, 11);
    for (unsigned i = 0; i < 33; i++)
        assert_int_equal(p[i], 0);
    a->free(a->ctx, p);
}

static void test_stats(void **state)
{
    (void)state;
    void *p = a->malloc(a->ctx, 100);
    struct alloc_stats s = stats();
    assert_int_equal(s.live_usable_bytes, 112);
    assert_true(s.mapped_bytes % 4096 == 0 && s.mapped_bytes > s.active_bytes && s.active_bytes >= 4096);
    assert_true(s.total_free_bytes + s.active_bytes > s.mapped_bytes / 2);
    /* With a raw block there is something whose size the library does not give. */
    void *raw = a->malloc(a->ctx, 1000);
    s = stats();
    assert_true(s.live_usable_bytes == ALLOC_UNKNOWN && s.active_bytes == ALLOC_UNKNOWN);
    a->free(a->ctx, raw);
    assert_int_equal(stats().live_usable_bytes, 112);
    a->free(a->ctx, p);
}

/* Last: from then on nothing is certain. */
static void test_aligned(void **state)
{
    (void)state;
    for (size_t align = 16; align <= 4096; align *= 2) {
        char *p = a->aligned(a->ctx, align, 100);
        assert_int_equal((uintptr_t)p % align, 0);
        memset(p, 1, 100);
        a->free(a->ctx, p);
    }
    assert_true(stats().live_usable_bytes == ALLOC_UNKNOWN);
}

int main(void)
{
    struct message m = {""};
    if (real_open(&stack, &m) != 0) {
        printf("1..0 # SKIP %s\n", m.text);
        return 0;
    }
    a = &stack.layer[0];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh),    cmocka_unit_test(test_advice), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_contract), cmocka_unit_test(test_stats),  cmocka_unit_test(test_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
