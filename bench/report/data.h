/* data.h: samples put in order for reading: works, their cells, paired comparisons with verdicts. No output.
 *
 *   work   one workload with its parameters, threads, processes, placement and group of the plan: what cells
 *          are compared on. Where a group of the plan holds several numbers of threads or processes (parallel
 *          = 1x1, 2x1, 1x2) they are axes of its cells instead, and the work's are 0
 *   cell   a work under one allocator, refcount policy and collector: its samples by block and position
 *
 * Samples with the flag `oracle` carry how much garbage waited (gc.uncollected_*), which takes walks of the
 * whole heap that would spoil any timing: they give those keys to their cell and nothing else.
 *
 * Only samples whose status is ok are counted in figures. The order of works and cells is fixed by their
 * names, so that tables of two runs stand side by side. Records stay the caller's and must outlive the
 * data. */
#ifndef HG_BENCH_REPORT_DATA_H
#define HG_BENCH_REPORT_DATA_H

#include "bench/stat/stats.h"
#include "bench/result/baseline.h"
#include "bench/result/sample.h"
#include "metric.h"

struct report_sample {
    const struct sample *sample;
    int64_t block, position;
    bool ok;
};

struct report_cell {
    const char *id, *alloc, *rc, *gc; /* "" where the record has none */
    int64_t threads, processes;
    char *label; /* "pools" or "pymalloc gil generational", with " 2x1" where the work's threads are 0 */
    char *shown; /* the part of it in which the work's cells differ */
    size_t work;
    size_t policy; /* the same for the same rc and gc, of all works: in the order of their first cells */
    struct report_sample *sample; /* by block, then position; behind them the oracle's */
    size_t samples, ok, oracles;  /* samples and ok: without the oracle's */
    size_t failed;                /* not ok, the oracle's among them */
    const char *status, *reason;  /* of the first sample that is not ok; NULL when all are */
};

struct report_work {
    char *name;   /* "churn:live=1k": parameters that differ from their defaults */
    char *family; /* the same for works that differ in threads alone */
    char
        *common; /* "gil generational": what its cells have in common and shown leaves out; "" when nothing */
    const char *workload, *place;
    int64_t threads, processes; /* 0: its cells' differ */
    size_t first, cells;        /* in report_data.cell */
};

struct report_data {
    struct report_work *work;
    size_t works;
    struct report_cell *cell;
    size_t cells;
    size_t samples, ok;
    size_t blocks; /* of the cell that has most */
};

/* 0, or -ENOMEM. */
int report_data_make(struct report_data *out, struct sample *const *sample, size_t samples);
void report_data_free(struct report_data *d);

/* The metric of one sample, of a cell in one block (the geometric mean where the block has several), of all
 * ok samples (the median). NaN when there is none. */
/* Which of a cell's samples tell the metric: [first, end). */
struct report_range {
    size_t first, end;
};
struct report_range report_range_of(const struct report_cell *c, const struct report_metric *metric);
double report_value(const struct report_sample *s, const struct report_metric *metric);
double report_median(const struct report_cell *c, const struct report_metric *metric);
double report_maximum(const struct report_cell *c, const struct report_metric *metric);
/* Geometric mean over blocks with its interval (one value a block); n gets the number of blocks. */
struct stats_interval report_level(const struct report_cell *c, const struct report_metric *metric,
                                   size_t *n);

struct report_comparison {
    const struct report_cell *cell, *base; /* equal in the A/A arm */
    bool control;      /* the A/A arm: the baseline's second sample of a block against its first */
    size_t n, skipped; /* blocks paired; blocks left out since a value was 0, absent or not ok */
    double *d;         /* [n], in the order of blocks: ln(cfg/base) */
    struct stats_interval log_ratio;                       /* Hodges-Lehmann */
    struct stats_interval sign;                            /* the check that needs no symmetry */
    double p, p_adjusted, margin, detectable, lag1, drift; /* drift: Theil-Sen slope times (n-1) */
    enum stats_verdict verdict;
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
/* The word of a verdict: "faster", "no difference", "inconclusive", "no CI". */
const char *report_verdict(const struct report_comparisons *c, const struct report_comparison *row);

/* The noise of one work: what the gates look at. NaN where unknown. */
struct report_noise {
    const struct report_comparison *control; /* NULL: no A/A arm */
    double lag1, lag1_limit, drift;          /* of the baseline's own values over the blocks (logs) */
    double steal_share;                      /* largest of any sample: stolen / wall */
    double switches_per_s;                   /* involuntary, median over samples */
    bool aa_excludes_1, correlated, drifting, stolen;
};
struct report_noise report_noise_of(const struct report_data *d, size_t work,
                                    const struct report_comparisons *c);

#endif
