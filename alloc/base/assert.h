/* assert.h: what must hold, in three levels. An assertion that fails prints file, line and expression, and
 * aborts.
 *
 *   release   none (MODE=release): the expression is compiled, for its types, and not evaluated
 *   debug     hg_assert: at the entry of what changes a structure, O(1) (MODE=debug, asan, strict)
 *   strict    hg_assert_whole: whole structures, by their validity functions (X_is_valid), whatever it costs
 *             (MODE=strict)
 *
 * A validity function states the conservation law of its structure and is defined in every build, so that
 * tests can ask it; it has no side effect and takes no lock: who calls it holds what its comment names.
 *
 * hg_seed(FAULT, statement): a fault that a test build plants, to see that an assertion fires: the
 * statement runs where the environment has HEAPGAUGE_FAULT=FAULT, in MODE=strict alone
 * (tests/cli/faults*.bats have one test for each). */
#ifndef HG_ALLOC_BASE_ASSERT_H
#define HG_ALLOC_BASE_ASSERT_H

#include <stdbool.h>

/* Prints through write(2), takes no memory. */
_Noreturn void hg_assert_failed(const char *file, int line, const char *function, const char *expression);
/* The environment has HEAPGAUGE_FAULT=name. */
bool hg_fault_is(const char *name);

#define hg_assert_check_(x) ((x) ? (void)0 : hg_assert_failed(__FILE__, __LINE__, __func__, #x))
#define hg_assert_none_(x)  ((void)sizeof((x) ? 1 : 0))

#if defined HG_DEBUG
#define hg_assert(x) hg_assert_check_(x)
#else
#define hg_assert(x) hg_assert_none_(x)
#endif

#if defined HG_STRICT
#define hg_assert_whole(x) hg_assert_check_(x)
#define hg_seed(fault, statement) \
    do {                          \
        if (hg_fault_is(#fault))  \
            statement;            \
    } while (0)
#else
#define hg_assert_whole(x)        hg_assert_none_(x)
#define hg_seed(fault, statement) ((void)0)
#endif

#endif
