/* runtime.h: opens a runtime for a test, on the C library's allocator unless test_spec says another, as CPython
 * 3.11 unless test_python does. */
#ifndef HG_TESTS_RUNTIME_H
#define HG_TESTS_RUNTIME_H

#include "alloc/spec.h"
#include "gc/heap/heap.h"
#include "gc/runtime.h"
#include "alloc/base/os.h"
#include "gc/runtime/lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct alloc_stack test_stack;
static const char *test_spec = "system", *test_python = "3.11";

static inline struct runtime *test_open(const void *policy_params)
{
    struct spec spec;
    struct message m;
    struct runtime *r;
    assert_int_equal(spec_parse(&spec, test_spec, &m), 0);
    assert_int_equal(alloc_open(&test_stack, &spec, &m), 0);
    struct runtime_config config = {.alloc = &test_stack.layer[0],
                                    .collector = &collector_list[0],
                                    .python = python_find(test_python),
                                    .policy_params = policy_params,
                                    .threads = 1};
    assert_int_equal(runtime_open(&r, &config, &m), 0);
    return r;
}

static inline void test_close(struct runtime *r)
{
    runtime_close(r);
    alloc_close(&test_stack);
}

#endif
