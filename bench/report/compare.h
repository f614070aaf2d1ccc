/* compare.h: paired comparisons of cells over blocks, with verdicts. No output. */
#ifndef HG_BENCH_REPORT_COMPARE_H
#define HG_BENCH_REPORT_COMPARE_H

#include "data.h"
#include "bench/result/baseline.h"

/* Geometric mean over blocks with its interval (one value a block); n gets the number of blocks. */
struct stats_interval report_level(const struct report_cell *c, const struct report_metric *metric,
                                   size_t *n);

/* Why figures have no verdict. */
enum report_withheld {
    WITHHELD_NOT,
    WITHHELD_PARTIAL, /* the run is not whole */
    WITHHELD_UNFIT,   /* the baseline differs from itself: its A/A interval excludes 1 */
    WITHHELD_FLOOR    /* one of the two is no allocator */
};

struct report_comparison {
    const struct report_cell *cell, *base; /* equal in the A/A arm */
    bool control;      /* the A/A arm: the baseline's second sample of a block against its first */
    size_t n, skipped; /* blocks paired; blocks left out since a value was 0, absent or not ok */
    double *d;         /* [n], in the order of blocks: ln(cfg/base) */
    struct stats_interval log_ratio;                       /* Hodges-Lehmann */
    struct stats_interval sign;                            /* the check that needs no symmetry */
    double p, p_adjusted, margin, detectable, lag1, drift; /* drift: Theil-Sen slope times (n-1) */
    enum stats_verdict verdict;                            /* STATS_WITHHELD, and why: */
    enum report_withheld withheld;
};

struct report_comparisons {
    const struct report_metric *metric;
    struct report_comparison *row;
    size_t rows;
    size_t tested; /* rows that Holm's adjustment is over */
};

/* Whether any cell is what the baseline names; else -EINVAL with a message that has the names there are. */
int report_baseline_there(const struct report_data *d, const struct baseline *b, struct message *m);

/* The cell that c is compared with: of its work, matching the baseline, and of several the one with most
 * other axes equal. Where the user chose none: the cell that ran twice a block, else the one the run names,
 * else system, else the first (also where these name allocators and the work has but one). NULL: none. */
const struct report_cell *report_base_of(const struct report_data *d, const struct report_cell *c,
                                         const struct baseline *b);

/* All cells against their baselines, each work's A/A arm before the rest. */
int report_compare(struct report_comparisons *out, const struct report_data *d, const struct baseline *b,
                   const struct report_metric *metric);
/* The cells of `now` against the same cells of `then`, paired by block number. */
int report_compare_runs(struct report_comparisons *out, const struct report_data *then,
                        const struct report_data *now, const struct report_metric *metric);
void report_comparisons_free(struct report_comparisons *c);

/* The cell against its baseline; NULL: it is the baseline, or has none. */
const struct report_comparison *report_row_of(const struct report_comparisons *c,
                                              const struct report_cell *cell);
/* The word of a verdict: "faster", "no difference", "inconclusive", "no CI"; of one that is withheld why. */
const char *report_verdict(const struct report_comparisons *c, const struct report_comparison *row);

/* The logs of the cell's values above 0, one a block (a block's mean), in the order of blocks; out: room for
 * one a sample. */
size_t report_block_logs(const struct report_cell *c, const struct report_metric *metric, double *out);

#endif
