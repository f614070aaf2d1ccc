/* mmu: against an oracle that tries every window of whole nanoseconds. */
// links: bench/stat/mmu.c
#include "bench/stat/mmu.h"

#include <math.h>
#include <stdbool.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "alloc/base/rng.h"

enum { RUN_MAX = 160 };

/* paused[t]: nanosecond [t, t+1) of the run is paused. All ends are whole, so a window of whole length is
 * worst at a whole place. */
static double oracle_mmu(const bool *paused, unsigned run, unsigned w)
{
    unsigned most = 0;
    for (unsigned t = 0; t + w <= run; t++) {
        unsigned sum = 0;
        for (unsigned k = 0; k < w; k++)
            sum += paused[t + k];
        most = sum > most ? sum : most;
    }
    return 1 - (double)most / w;
}

static void check_case(struct mmu_pause *pauses, unsigned n, uint64_t begin, unsigned run)
{
    bool paused[RUN_MAX] = {false};
    for (unsigned i = 0; i < n; i++)
        for (uint64_t t = pauses[i].start_ns; t < pauses[i].end_ns; t++)
            if (t >= begin && t < begin + run)
                paused[t - begin] = true;
    double at[RUN_MAX + 1], bounded[RUN_MAX + 2];
    bounded[run + 1] = 2;
    for (unsigned w = run; w >= 1; w--) {
        at[w] = oracle_mmu(paused, run, w);
        bounded[w] = at[w] < bounded[w + 1] ? at[w] : bounded[w + 1];
    }
    uint64_t scratch[MMU_SCRATCH_BYTES(32) / 8 + 1];
    struct mmu m;
    mmu_init(&m, pauses, n, begin, begin + run, scratch);
    for (unsigned w = 1; w <= run; w++) {
        assert_true(fabs(mmu_at(&m, w) - at[w]) < 1e-12);
        assert_true(fabs(mmu_bounded_at(&m, w) - bounded[w]) < 1e-12);
    }
    assert_true(mmu_at(&m, run + 1000) == mmu_at(&m, run));
    assert_true(mmu_bounded_at(&m, UINT64_MAX) == mmu_at(&m, run));
}

static void test_oracle(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    for (unsigned round = 0; round < 400; round++) {
        struct mmu_pause pauses[32];
        unsigned run = 1 + (unsigned)(rng_next(&rng) % RUN_MAX);
        unsigned n = (unsigned)(rng_next(&rng) % 32);
        uint64_t begin = rng_next(&rng) % 2 ? 0 : 1000000007, longest = 1 + rng_next(&rng) % 24;
        for (unsigned i = 0; i < n; i++) { /* not in order, overlapping, some outside the run */
            pauses[i].start_ns = begin + rng_next(&rng) % (run + 10);
            if (pauses[i].start_ns >= 5)
                pauses[i].start_ns -= 5;
            pauses[i].end_ns = pauses[i].start_ns + rng_next(&rng) % longest;
        }
        check_case(pauses, n, begin, run);
    }
}

static void test_known(void **state)
{
    (void)state;
    uint64_t scratch[MMU_SCRATCH_BYTES(4) / 8 + 1];
    struct mmu m;
    struct mmu_pause two[] = {{60, 70}, {10, 20}};
    mmu_init(&m, two, 2, 0, 100, scratch);
    assert_int_equal(mmu_paused_ns(&m, 0, 100), 20);
    assert_int_equal(mmu_paused_ns(&m, 15, 65), 10);
    assert_int_equal(mmu_paused_ns(&m, 65, 15), 0);
    assert_true(mmu_at(&m, 10) == 0);    /* the longest pause is where MMU leaves 0 */
    assert_true(mmu_at(&m, 100) == 0.8); /* the right end is the share not paused */
    /* Not monotone: 40 ns hold one pause, 60 ns two. */
    assert_true(mmu_at(&m, 40) == 0.75);
    assert_true(fabs(mmu_at(&m, 60) - 2.0 / 3) < 1e-12);
    assert_true(fabs(mmu_bounded_at(&m, 40) - 2.0 / 3) < 1e-12);
    mmu_init(&m, two, 0, 0, 100, scratch);
    assert_true(mmu_at(&m, 10) == 1 && mmu_bounded_at(&m, 10) == 1);
}

/* A hundred thousand pauses at real distances: the bounded form never exceeds the plain one and never falls
 * with w. */
static void test_large(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct rng rng;
    rng_seed(&rng, 9);
    struct mmu_pause *p = malloc(N * sizeof *p);
    void *scratch = malloc(MMU_SCRATCH_BYTES(N));
    uint64_t now = UINT64_C(1) << 50;
    uint64_t begin = now;
    for (unsigned i = 0; i < N; i++) {
        p[i].start_ns = now += 1 + rng_next(&rng) % 20000;
        p[i].end_ns = now += 1 + rng_next(&rng) % (i % 1000 ? 3000 : 3000000);
    }
    struct mmu m;
    mmu_init(&m, p, N, begin, now, scratch);
    double last = 0;
    for (uint64_t w = 1000; w <= UINT64_C(1000000000); w *= 10) {
        double at = mmu_at(&m, w), bounded = mmu_bounded_at(&m, w);
        assert_true(bounded <= at && bounded >= last);
        last = bounded;
    }
    free(p);
    free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_oracle), cmocka_unit_test(test_known),
                                       cmocka_unit_test(test_large)};
    return cmocka_run_group_tests_name("mmu", tests, NULL, NULL);
}
