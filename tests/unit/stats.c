/* stats: published tables, brute force over all signs, and simulations with known truth (seeded: the same
 * draws each time). */
// links: bench/stat/stats.c
#include "bench/stat/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "alloc/base/rng.h"
#include "between.h"

static double gauss(struct rng *r) /* Box & Muller */
{
    double u = rng_unit(r), v = rng_unit(r);
    return sqrt(-2 * log(1 - u)) * cos(2 * M_PI * v);
}

static void test_tables(void **state)
{
    (void)state;
    static const size_t n[] = {6, 8, 10, 12, 15, 20, 30};
    static const size_t k[] = {1, 4, 9, 14, 26, 53, 138}, sign[] = {1, 1, 2, 3, 4, 6, 10};
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(stats_signed_rank_k(n[i]), k[i]);
        assert_int_equal(stats_sign_k(n[i]), sign[i]);
    }
    assert_int_equal(stats_signed_rank_k(5), 0);
    /* The normal approximation takes over without a jump. */
    assert_between(stats_signed_rank_k(201), stats_signed_rank_k(200), stats_signed_rank_k(200) + 110);
    assert_int_equal(stats_blocks_needed(1), 6);
    assert_int_equal(stats_blocks_needed(10), 9);
}

/* p by going through all 2^n signs. */
static double brute_p(const double *d, unsigned n)
{
    double rank[12], observed = 0, total = 0;
    unsigned kept = 0, extreme = 0;
    double size[12];
    bool positive[12];
    for (unsigned i = 0; i < n; i++)
        if (d[i] != 0) {
            size[kept] = fabs(d[i]);
            positive[kept++] = d[i] > 0;
        }
    for (unsigned i = 0; i < kept; i++) {
        double below = 0, same = 0;
        for (unsigned j = 0; j < kept; j++) {
            below += size[j] < size[i];
            same += size[j] == size[i];
        }
        rank[i] = below + (same + 1) / 2;
        total += rank[i];
        observed += positive[i] ? rank[i] : 0;
    }
    double away = fabs(observed - total / 2);
    for (unsigned signs = 0; signs < 1u << kept; signs++) {
        double sum = 0;
        for (unsigned i = 0; i < kept; i++)
            sum += signs >> i & 1 ? rank[i] : 0;
        extreme += fabs(sum - total / 2) >= away - 1e-9;
    }
    return extreme / (double)(1u << kept);
}

static void test_signed_rank(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 1);
    for (unsigned round = 0; round < 200; round++) {
        double d[12];
        unsigned n = 1 + (unsigned)rng_below(&r, 10);
        for (unsigned i = 0; i < n; i++) /* every other round is full of ties and zeros */
            d[i] = round % 2 ? (double)rng_below(&r, 7) - 2 : gauss(&r) + 0.5;
        assert_true(fabs(stats_signed_rank_p(d, n) - brute_p(d, n)) < 1e-12);
    }
    double same[] = {0, 0, 0};
    assert_true(stats_signed_rank_p(same, 3) == 1);
    double all[] = {1, 2, 3, 4, 5, 6};
    assert_true(stats_signed_rank_p(all, 6) == 1.0 / 32); /* the smallest there is: 2^(1-n) */
    double *many = malloc(300 * sizeof *many);
    for (unsigned i = 0; i < 300; i++)
        many[i] = gauss(&r) + 0.3;
    assert_true(stats_signed_rank_p(many, 300) < 0.001);
    assert_true(fabs(stats_signed_rank_p(many, 200) / stats_signed_rank_p(many, 201) - 1) < 0.9);
    free(many);
}

static void test_estimates(void **state)
{
    (void)state;
    double d[] = {3, 1, 2, 10, 4, 5};
    struct stats_interval hl = stats_hodges_lehmann(d, 6), sign = stats_sign_interval(d, 6);
    assert_true(hl.estimate == 3.5 && hl.lo == 1 && hl.hi == 10);
    assert_true(sign.estimate == 3.5 && sign.lo == 1 && sign.hi == 10);
    hl = stats_hodges_lehmann(d, 5);
    assert_true(hl.estimate == 3 && isnan(hl.lo) && isnan(hl.hi));
    assert_true(isnan(stats_hodges_lehmann(d, 0).estimate) && isnan(stats_median(d, 0)));
    assert_true(stats_median(d, 5) == 3);
    struct rng r;
    rng_seed(&r, 8);
    for (unsigned round = 0; round < 300; round++) { /* against a plain sort */
        double x[40], w[820];
        size_t n = 1 + rng_below(&r, 40), m = 0, k = stats_signed_rank_k(n);
        for (size_t i = 0; i < n; i++)
            x[i] = round % 2 ? (double)rng_below(&r, 5) : gauss(&r);
        for (size_t i = 0; i < n; i++)
            for (size_t j = i; j < n; j++) {
                size_t at = m++;
                for (; at && w[at - 1] > (x[i] + x[j]) / 2; at--)
                    w[at] = w[at - 1];
                w[at] = (x[i] + x[j]) / 2;
            }
        hl = stats_hodges_lehmann(x, n);
        assert_true(hl.estimate == (w[(m - 1) / 2] + w[m / 2]) / 2);
        assert_true(k == 0 || (hl.lo == w[k - 1] && hl.hi == w[m - k]));
    }
    double slope[] = {1, 3, 5, 7, 100, 11};
    assert_true(stats_theil_sen(slope, 6) == 2);
    double rising[] = {1, 2, 3, 4, 5, 6, 7, 8};
    assert_true(fabs(stats_trend_z(rising, 8) - 28 / sqrt(8 * 7 * 21 / 18.0)) < 1e-12);
    double zigzag[] = {1, -1, 1, -1, 1, -1};
    assert_true(fabs(stats_trend_z(zigzag, 6)) < 1);
    assert_true(fabs(stats_lag1(zigzag, 6) + 5.0 / 6) < 1e-12);
    double flat[] = {2, 2, 2};
    assert_true(isnan(stats_lag1(flat, 3)));
    double p[] = {0.01, 0.04, 0.03, 0.005};
    stats_holm(p, 4);
    assert_true(fabs(p[0] - 0.03) < 1e-12 && fabs(p[1] - 0.06) < 1e-12);
    assert_true(fabs(p[2] - 0.06) < 1e-12 && fabs(p[3] - 0.02) < 1e-12);
}

static void test_judge(void **state)
{
    (void)state;
    double margin = stats_margin(NAN);
    assert_true(fabs(margin - log(1.01)) < 1e-12);
    assert_true(stats_margin(0.03) == 0.03);
    assert_int_equal(stats_judge((struct stats_interval){0.1, NAN, NAN}, 0.01, margin), STATS_NO_INTERVAL);
    assert_int_equal(stats_judge((struct stats_interval){0.1, 0.05, 0.15}, 0.01, margin), STATS_HIGHER);
    assert_int_equal(stats_judge((struct stats_interval){-0.1, -0.15, -0.05}, 0.01, margin), STATS_LOWER);
    assert_int_equal(stats_judge((struct stats_interval){0.1, 0.05, 0.15}, 0.06, margin), STATS_INCONCLUSIVE);
    assert_int_equal(stats_judge((struct stats_interval){0.1, -0.05, 0.15}, 0.01, margin),
                     STATS_INCONCLUSIVE);
    assert_int_equal(stats_judge((struct stats_interval){0.0, -0.005, 0.005}, 1, margin), STATS_SAME);
    assert_int_equal(stats_judge((struct stats_interval){0.0, -0.05, 0.05}, 1, 0.09), STATS_SAME);
    assert_int_equal(stats_judge((struct stats_interval){0.0, -0.05, 0.05}, 1, 0.5), STATS_INCONCLUSIVE);
    assert_int_equal(stats_judge((struct stats_interval){0.2, 0.1, 0.3}, 0.01, 0.5), STATS_HIGHER);
    assert_int_equal(stats_judge((struct stats_interval){0.0, -0.005, 0.02}, 1, margin), STATS_INCONCLUSIVE);
}

/* A table as a run makes it: a noise of rho 0.9 goes on from sample to sample; in each block the base twice
 * and a configuration that costs `effect` more (a log), in random order. d gets configuration against base,
 * aa base against base. */
static void make_table(struct rng *r, size_t blocks, double effect, double sd, double *d, double *aa)
{
    double noise = gauss(r) * sd;
    for (size_t b = 0; b < blocks; b++) {
        double x[3];
        unsigned order[3] = {0, 1, 2};
        for (unsigned i = 3; i > 1; i--) {
            unsigned j = (unsigned)rng_below(r, i), t = order[i - 1];
            order[i - 1] = order[j];
            order[j] = t;
        }
        for (unsigned i = 0; i < 3; i++) {
            noise = 0.9 * noise + sqrt(1 - 0.81) * gauss(r) * sd;
            x[order[i]] = noise + (order[i] == 2 ? effect : 0);
        }
        d[b] = x[2] - x[0];
        aa[b] = x[1] - x[0];
    }
}

static void test_false_positives(void **state)
{
    (void)state;
    enum { TABLES = 1000, BLOCKS = 20 };
    struct rng r;
    rng_seed(&r, 2);
    unsigned found = 0, excluded = 0;
    for (unsigned t = 0; t < TABLES; t++) {
        double d[BLOCKS], aa[BLOCKS];
        make_table(&r, BLOCKS, 0, 0.02, d, aa);
        struct stats_interval ci = stats_hodges_lehmann(d, BLOCKS), a = stats_hodges_lehmann(aa, BLOCKS);
        enum stats_verdict v =
            stats_judge(ci, stats_signed_rank_p(d, BLOCKS), stats_margin((a.hi - a.lo) / 2));
        found += v == STATS_LOWER || v == STATS_HIGHER;
        excluded += ci.lo > 0 || ci.hi < 0;
    }
    assert_true(found <= TABLES * 7 / 100);
    assert_true(excluded <= TABLES * 7 / 100);
    assert_true(excluded >= TABLES * 2 / 100); /* an interval that never errs is no 95 % interval */
}

static void test_injected(void **state)
{
    (void)state;
    enum { TABLES = 200, BLOCKS = 20 };
    struct rng r;
    rng_seed(&r, 3);
    unsigned found = 0, wrong = 0;
    for (unsigned t = 0; t < TABLES; t++) {
        double d[BLOCKS], aa[BLOCKS];
        make_table(&r, BLOCKS, log(1.02), 0.02, d, aa);
        struct stats_interval a = stats_hodges_lehmann(aa, BLOCKS);
        enum stats_verdict v = stats_judge(stats_hodges_lehmann(d, BLOCKS), stats_signed_rank_p(d, BLOCKS),
                                           stats_margin((a.hi - a.lo) / 2));
        found += v == STATS_HIGHER;
        wrong += v == STATS_LOWER || v == STATS_SAME;
    }
    assert_true(found >= TABLES * 95 / 100);
    assert_int_equal(wrong, 0);
}

static void test_coverage(void **state)
{
    (void)state;
    enum { ROUNDS = 3000 };
    static const size_t size[] = {8, 10, 15};
    struct rng r;
    rng_seed(&r, 4);
    for (unsigned s = 0; s < 3; s++) {
        unsigned hl = 0, sign = 0;
        for (unsigned i = 0; i < ROUNDS; i++) {
            double d[16];
            for (size_t k = 0; k < size[s]; k++) /* heavy tails: the cube of a normal value */
                d[k] = 0.3 + pow(gauss(&r), 3);
            struct stats_interval a = stats_hodges_lehmann(d, size[s]), b = stats_sign_interval(d, size[s]);
            hl += a.lo <= 0.3 && a.hi >= 0.3;
            sign += b.lo <= 0.3 && b.hi >= 0.3;
        }
        assert_between(hl, ROUNDS * 93 / 100, ROUNDS * 97 / 100);
        assert_true(sign >= ROUNDS * 93 / 100); /* its steps are coarse: up to 99 % */
    }
}

static void test_geometric(void **state)
{
    (void)state;
    enum { ROUNDS = 300, WORKLOADS = 3, BLOCKS = 10 };
    static const double truth[WORKLOADS] = {0.1, -0.2, 0.4};
    size_t n[WORKLOADS] = {BLOCKS, BLOCKS, BLOCKS}, few[WORKLOADS] = {BLOCKS, 5, BLOCKS};
    double d[WORKLOADS * BLOCKS];
    struct rng r;
    rng_seed(&r, 5);
    unsigned covered = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < WORKLOADS * BLOCKS; i++)
            d[i] = truth[i / BLOCKS] + gauss(&r) * 0.05;
        struct stats_interval ci = stats_geometric(d, n, WORKLOADS, round);
        covered += ci.lo <= 0.1 && ci.hi >= 0.1;
    }
    assert_between(covered, ROUNDS * 93 / 100, ROUNDS * 97 / 100);
    struct stats_interval again = stats_geometric(d, n, WORKLOADS, 9),
                          same = stats_geometric(d, n, WORKLOADS, 9);
    assert_true(again.lo == same.lo && again.hi == same.hi && again.lo < again.estimate);
    assert_true(isnan(stats_geometric(d, few, WORKLOADS, 9).lo));
}

/* An effect of the size that a run is said to detect is found about four times in five. */
static void test_detectable(void **state)
{
    (void)state;
    enum { ROUNDS = 1000, BLOCKS = 12 };
    struct rng r;
    rng_seed(&r, 6);
    double size = 0, d[BLOCKS];
    for (unsigned pass = 0; pass < 2; pass++) {
        double sum = 0;
        unsigned found = 0;
        for (unsigned i = 0; i < ROUNDS; i++) {
            for (unsigned k = 0; k < BLOCKS; k++)
                d[k] = gauss(&r) * 0.01 + size;
            struct stats_interval ci = stats_hodges_lehmann(d, BLOCKS);
            sum += stats_detectable(ci);
            found += ci.lo > 0;
        }
        size = sum / ROUNDS;
        if (pass)
            assert_between(found, ROUNDS * 70 / 100, ROUNDS * 90 / 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),          cmocka_unit_test(test_signed_rank),
        cmocka_unit_test(test_estimates),       cmocka_unit_test(test_judge),
        cmocka_unit_test(test_false_positives), cmocka_unit_test(test_injected),
        cmocka_unit_test(test_coverage),        cmocka_unit_test(test_geometric),
        cmocka_unit_test(test_detectable)};
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
