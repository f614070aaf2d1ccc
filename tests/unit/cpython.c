/* cpython.c: the real PyObject_Malloc behind our table: the contract that the library itself does not keep,
 * and what it may report of itself. Skipped where no libpython 3.9 to 3.11 is installed. */
#include "alloc/alloc.h"
#include "alloc/backend/cpython.h"
#include "alloc/spec.h"

#include <errno.h>
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
    struct spec spec;
    struct message m = {""};
    if (spec_parse(&spec, "cpython", &m) != 0 || alloc_open(&stack, &spec, &m) != 0) {
        printf("1..0 # SKIP %s\n", m.text);
        return 0;
    }
    a = &stack.layer[0];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contract),
        cmocka_unit_test(test_stats),
        cmocka_unit_test(test_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
