/* data.h: samples put in order for reading: works and their cells. No output.
 *
 *   work   one workload with its parameters, threads, processes, placement and group of the plan: what cells
 *          are compared on. Where a group of the plan holds several numbers of threads or processes (parallel
 *          = 1x1, 2x1, 1x2) they are axes of its cells instead, and the work's are 0
 *   cell   a work under one allocator, refcount policy and collector: its samples by block and position
 *
 * Samples with the flag `oracle` carry how much garbage waited (gc.uncollected_*), which takes walks of the
 * whole heap that would spoil any timing: they give those keys to their cell and nothing else. Those with the
 * flag `tails` carry latencies of every operation, and give those that the cell's other samples do not have.
 *
 * Only samples whose status is ok are counted in figures. The order of works and cells is fixed by their
 * names, so that tables of two runs stand side by side. Records stay the caller's and must outlive the
 * data. */
#ifndef HG_BENCH_REPORT_DATA_H
#define HG_BENCH_REPORT_DATA_H

#include "bench/stat/stats.h"
#include "bench/result/sample.h"
#include "metric.h"

struct report_sample {
    const struct sample *sample;
    int64_t block, position;
    bool ok;
};

struct report_cell {
    const char *id, *alloc, *rc, *gc; /* "" where the record has none */
    const char *python;               /* "" where none was given */
    const char *thp;                  /* "inherit" where the record has none */
    const char *name;                 /* what alloc, with its braces, is called */
    int64_t threads, processes;
    char *label; /* "pools" or "pymalloc gil generational", with " 2x1" where the work's threads are 0 */
    char *shown; /* the part of it in which the work's cells differ */
    size_t work;
    size_t policy; /* the same for the same rc and gc, of all works: in the order of their first cells */
    struct report_sample *sample; /* by block, then position; behind them the oracle's, then the tails' */
    size_t samples, ok;           /* without those */
    size_t oracles, tails;
    size_t failed;               /* not ok, the oracle's and the tails' among them */
    const char *status, *reason; /* of the first sample that is not ok; NULL when all are */
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
    size_t blocks;         /* of the cell that has most */
    size_t planned, taken; /* samples of the whole run, as far as its plan is known; else 0 */
};

/* 0, or -ENOMEM. */
int report_data_make(struct report_data *out, struct sample *const *sample, size_t samples);
void report_data_free(struct report_data *d);

/* What the run was to have: so many samples, in so many blocks. A combination that cannot work is planned in
 * each block and recorded once. */
void report_data_plan(struct report_data *d, size_t samples, size_t blocks);
/* Whether samples are missing: the run was interrupted, or its folder is not whole. It has figures and no
 * verdict. */
static inline bool report_is_partial(const struct report_data *d)
{
    return d->taken < d->planned;
}
/* `null` and `bump`: what the harness and fresh memory cost, no allocators. */
bool report_is_floor(const struct report_cell *c);
/* All axes but the numbers of threads and processes, and the work. */
bool report_same_configuration(const struct report_cell *a, const struct report_cell *b);

/* Whether it is the first of the cells whose configuration has this name, and that is not how it is written:
 * a reader is to be shown what the name stands for. */
bool report_first_of_name(const struct report_data *d, const struct report_cell *c);

/* All of a cell's samples. */
static inline size_t report_all(const struct report_cell *c)
{
    return c->samples + c->oracles + c->tails;
}

/* Which of a cell's samples tell the metric: [first, end). */
struct report_range {
    size_t first, end;
};
struct report_range report_range_of(const struct report_cell *c, const struct report_metric *metric);
/* The metric of one sample; of all ok samples of a cell the median, the largest. NaN when there is none. */
double report_value(const struct report_sample *s, const struct report_metric *metric);
double report_median(const struct report_cell *c, const struct report_metric *metric);
double report_maximum(const struct report_cell *c, const struct report_metric *metric);

#endif
