/* pools_heap.h: what the unit tests of `pools` share: a heap that is opened and closed around each test,
 * calls on it, and its figures. */
#ifndef HG_TESTS_POOLS_HEAP_H
#define HG_TESTS_POOLS_HEAP_H

#include "alloc/alloc.h"
#include "alloc/base/os.h"
#include "alloc/pools/pools.h"
#include "alloc/spec.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static struct alloc_stack stack;
static struct alloc *heap = &stack.layer[0];

static int open_heap(struct alloc_stack *s)
{
    struct spec spec;
    struct message m;
    int err = spec_parse(&spec, "pools", &m);
    return err ? err : alloc_open(s, &spec, &m);
}

static int setup(void **state)
{
    (void)state;
    return open_heap(&stack);
}

static int teardown(void **state)
{
    (void)state;
    os_fail_maps_after(0);
    assert_true(pools_is_valid(heap->ctx)); /* whatever the test did: the conservation laws hold */
    alloc_close(&stack);
    return 0;
}

static inline void *get(size_t size)
{
    return heap->malloc(heap->ctx, size);
}

static inline void put(void *p)
{
    heap->free(heap->ctx, p);
}

struct lookup {
    const char *key;
    uint64_t value;
};

static void lookup_integer(void *arg, const char *key, uint64_t value)
{
    struct lookup *l = arg;
    if (!strcmp(key, l->key))
        l->value = value;
}

static inline uint64_t figure(const char *key)
{
    struct lookup l = {key, ALLOC_UNKNOWN};
    struct alloc_sink sink = {.arg = &l, .integer = lookup_integer};
    heap->backend->report(heap->ctx, &sink);
    return l.value;
}

static inline size_t resident_bytes(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    size_t kib = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Rss: %zu kB", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib << 10;
}

static inline void on_thread(void *(*f)(void *), void *arg)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, f, arg), 0);
    pthread_join(t, NULL);
}

/* Of a test table in which each test has a heap of its own. */
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
