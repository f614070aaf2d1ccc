/* compare.c: paired comparisons over blocks (see compare.h). In a block the two samples of the baseline
 * are the A/A arm; which of them counts as "first" is drawn by the block's number, since the one that ran
 * earlier always would put a drift within blocks into the A/A ratio. Other configurations are compared with
 * the geometric mean of both. */
#include "compare.h"
#include "alloc/base/rng.h"
#include "bench/result/config.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum baseline_match matches_baseline(const struct report_cell *c, const struct baseline *b)
{
    struct baseline_axes axes = {c->alloc,  c->name, c->rc,      c->gc,
                                 c->python, c->thp,  c->threads, c->processes};
    return baseline_matches(b, &axes);
}

/* Whether the cell ran twice in some block. */
static bool is_doubled(const struct report_cell *c)
{
    for (size_t i = 1; i < c->samples; i++)
        if (c->sample[i].block == c->sample[i - 1].block)
            return true;
    return false;
}

/* Whether the run itself has the cell for a baseline. Records of old do not say so, but it ran twice. */
static bool is_baseline(const struct report_cell *c)
{
    for (size_t i = 0; i < c->samples; i++)
        if (sample_or(c->sample[i].sample, baseline, false))
            return true;
    return is_doubled(c);
}

enum base_rule { BASE_NAMED, BASE_OF_RUN, BASE_SYSTEM, BASE_FIRST, BASE_RULES };

static bool base_allowed(const struct report_cell *c, const struct baseline *b, enum base_rule rule)
{
    switch (rule) {
    case BASE_NAMED:
        return b && baseline_names(b) && matches_baseline(c, b) != BASELINE_OTHER;
    case BASE_OF_RUN:
        return is_baseline(c);
    case BASE_SYSTEM:
        return config_is_plain(c->alloc, "system");
    default:
        return true;
    }
}

/* Of the work's cells that the rule allows, the one with most other axes equal to c's. */
static const struct report_cell *base_by_rule(const struct report_data *d, const struct report_cell *c,
                                              const struct baseline *b, enum base_rule rule)
{
    const struct report_work *w = &d->work[c->work];
    const struct report_cell *best = NULL;
    int best_score = -1;
    for (size_t i = w->first; i < w->first + w->cells; i++) {
        const struct report_cell *at = &d->cell[i];
        if (!base_allowed(at, b, rule))
            continue;
        /* Under another name it is the same allocator measured again: bare system comes first in the order.
         * */
        if (rule == BASE_SYSTEM && best && strcmp(at->alloc, best->alloc) != 0)
            continue;
        int score = 16 * (at->threads == c->threads && at->processes == c->processes) +
                    8 * (strcmp(at->rc, c->rc) == 0) + 4 * (strcmp(at->gc, c->gc) == 0) +
                    2 * (strcmp(at->thp, c->thp) == 0 && strcmp(at->python, c->python) == 0) +
                    (strcmp(at->alloc, c->alloc) == 0);
        if (rule == BASE_NAMED && matches_baseline(at, b) == BASELINE_SAME)
            score += 32;
        if (score > best_score) {
            best = at;
            best_score = score;
        }
    }
    return best;
}

/* Whether the rule looks at allocators alone, in a work of one allocator: every cell would be its own
 * baseline, and the policies or collectors that were to be compared would not be. */
static bool tells_nothing(const struct report_data *d, const struct report_work *w, const struct baseline *b,
                          enum base_rule rule)
{
    if (rule == BASE_OF_RUN ||
        (rule == BASE_NAMED && (b->rc[0] || b->gc[0] || b->thp[0] || b->python[0] || b->threads)))
        return false;
    for (size_t i = w->first; i < w->first + w->cells; i++)
        if (strcmp(d->cell[i].alloc, d->cell[w->first].alloc) != 0)
            return false;
    return true;
}

const struct report_cell *report_base_of(const struct report_data *d, const struct report_cell *c,
                                         const struct baseline *b)
{
    static const enum base_rule user[] = {BASE_NAMED},
                                own[] = {BASE_OF_RUN, BASE_NAMED, BASE_SYSTEM, BASE_FIRST};
    bool chosen = b && b->chosen;
    for (size_t i = 0; i < (chosen ? 1 : sizeof own / sizeof *own); i++) {
        const struct report_cell *base = base_by_rule(d, c, b, chosen ? user[i] : own[i]);
        if (base && !chosen && tells_nothing(d, &d->work[c->work], b, own[i]))
            return &d->cell[d->work[c->work].first];
        if (base)
            return base;
    }
    return NULL;
}

int report_baseline_there(const struct report_data *d, const struct baseline *b, struct message *m)
{
    char there[300];
    size_t n = 0;
    for (size_t i = 0; i < d->cells; i++)
        if (matches_baseline(&d->cell[i], b) != BASELINE_OTHER)
            return 0;
    there[0] = '\0';
    for (size_t i = 0; i < d->cells; i++) {
        const char *label = d->cell[i].label;
        bool known = false;
        for (size_t k = 0; k < i && !known; k++)
            known = strcmp(d->cell[k].label, label) == 0;
        if (!known && n + strlen(label) + 6 > sizeof there) {
            snprintf(there + n, sizeof there - n, " ...");
            break;
        }
        if (!known)
            n += (size_t)snprintf(there + n, sizeof there - n, "%s%s", n ? ", " : "", label);
    }
    return message_set(m, -EINVAL, "--baseline: no such configuration in the run; there are: %s", there);
}

/* --- values by block ------------------------------------------------------------------------------------ */

/* The cell's next block from sample *at on: its number, the logs of the ok values above 0 (the first two
 * apart, and their mean). False at the end. */
struct block_value {
    int64_t block;
    unsigned n;
    double first, second, mean; /* logs; NaN when there is none */
};

static bool next_block(const struct report_cell *c, const struct report_metric *metric, size_t *at,
                       struct block_value *out)
{
    struct report_range range = report_range_of(c, metric);
    if (*at < range.first)
        *at = range.first;
    if (*at >= range.end)
        return false;
    *out = (struct block_value){c->sample[*at].block, 0, NAN, NAN, NAN};
    double sum = 0;
    for (; *at < range.end && c->sample[*at].block == out->block; (*at)++) {
        double v = report_value(&c->sample[*at], metric);
        if (!(v > 0))
            continue;
        double log_v = log(v);
        if (out->n == 0)
            out->first = log_v;
        else if (out->n == 1)
            out->second = log_v;
        out->n++;
        sum += log_v;
    }
    if (out->n)
        out->mean = sum / out->n;
    return true;
}

static double *room_for(const struct report_cell *c)
{
    return calloc(report_all(c) + 1, sizeof(double));
}

size_t report_block_logs(const struct report_cell *c, const struct report_metric *metric, double *out)
{
    struct block_value v;
    size_t n = 0;
    for (size_t at = 0; next_block(c, metric, &at, &v);)
        if (v.n)
            out[n++] = v.mean;
    return n > STATS_MAX ? STATS_MAX : n;
}

struct stats_interval report_level(const struct report_cell *c, const struct report_metric *metric, size_t *n)
{
    struct stats_interval ci = {NAN, NAN, NAN};
    double *logs = room_for(c);
    *n = 0;
    if (logs) {
        *n = report_block_logs(c, metric, logs);
        ci = stats_hodges_lehmann(logs, *n);
        ci.estimate = exp(ci.estimate);
        ci.lo = exp(ci.lo);
        ci.hi = exp(ci.hi);
    }
    free(logs);
    return ci;
}

/* --- comparisons ---------------------------------------------------------------------------------------- */

static void finish_row(struct report_comparison *row)
{
    row->log_ratio = stats_hodges_lehmann(row->d, row->n);
    row->sign = stats_sign_interval(row->d, row->n);
    row->p = row->p_adjusted = stats_signed_rank_p(row->d, row->n);
    row->lag1 = stats_lag1(row->d, row->n);
    row->drift = stats_theil_sen(row->d, row->n) * ((double)row->n - 1);
    row->detectable = stats_detectable(row->log_ratio);
}

static void pair_blocks(struct report_comparison *row, const struct report_metric *metric)
{
    struct block_value c, b;
    size_t at_c = 0, at_b = 0;
    bool more_c = next_block(row->cell, metric, &at_c, &c), more_b = next_block(row->base, metric, &at_b, &b);
    while (more_c && more_b) {
        if (c.block == b.block) {
            if (c.n && b.n && row->n < STATS_MAX)
                row->d[row->n++] = c.mean - b.mean;
            else
                row->skipped++;
        }
        int64_t block_c = c.block, block_b = b.block;
        if (block_c <= block_b)
            more_c = next_block(row->cell, metric, &at_c, &c);
        if (block_b <= block_c)
            more_b = next_block(row->base, metric, &at_b, &b);
    }
}

static void pair_control(struct report_comparison *row, const struct report_metric *metric)
{
    struct block_value v;
    for (size_t at = 0; next_block(row->cell, metric, &at, &v);) {
        if (v.n < 2 || row->n >= STATS_MAX)
            continue;
        bool swap = rng_mix((uint64_t)v.block) & 1;
        row->d[row->n++] = swap ? v.first - v.second : v.second - v.first;
    }
}

static int add_row(struct report_comparisons *out, const struct report_cell *cell,
                   const struct report_cell *base, bool control)
{
    struct report_comparison *row = &out->row[out->rows];
    *row = (struct report_comparison){.cell = cell, .base = base, .control = control};
    row->d = room_for(cell);
    if (!row->d)
        return -ENOMEM;
    out->rows++;
    if (control)
        pair_control(row, out->metric);
    else
        pair_blocks(row, out->metric);
    finish_row(row);
    return 0;
}

static double half_width(const struct report_comparisons *c, const struct report_cell *base)
{
    for (size_t i = 0; i < c->rows; i++)
        if (c->row[i].control && c->row[i].cell == base)
            return (c->row[i].log_ratio.hi - c->row[i].log_ratio.lo) / 2;
    return NAN;
}

static bool excludes_1(const struct report_comparison *control)
{
    return control->log_ratio.lo > 0 || control->log_ratio.hi < 0;
}

/* Whether the A/A arm of the row's baseline excludes 1; where that has none, any of its work. */
static bool base_differs_from_itself(const struct report_comparisons *c, const struct report_comparison *row)
{
    bool any = false;
    for (size_t i = 0; i < c->rows; i++) {
        const struct report_comparison *control = &c->row[i];
        if (!control->control)
            continue;
        if (control->cell == row->base)
            return excludes_1(control);
        any = any || (control->cell->work == row->base->work && excludes_1(control));
    }
    return any;
}

static bool is_tested(const struct report_comparison *row)
{
    return !row->control && row->n >= STATS_MIN && row->withheld != WITHHELD_FLOOR;
}

static enum report_withheld withheld_from(const struct report_comparisons *c,
                                          const struct report_comparison *row, bool partial)
{
    if (row->control)
        return WITHHELD_NOT;
    if (report_is_floor(row->cell) || report_is_floor(row->base))
        return WITHHELD_FLOOR;
    return partial ? WITHHELD_PARTIAL : base_differs_from_itself(c, row) ? WITHHELD_UNFIT : WITHHELD_NOT;
}

/* Holm over all rows that could be tested; then margins and verdicts. A withheld row stays among those that
 * are tested: what is left out by its figures must not make the rest surer. */
static int judge_rows(struct report_comparisons *c, bool partial)
{
    double *p = calloc(c->rows ? c->rows : 1, sizeof *p);
    if (!p)
        return -ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < c->rows; i++) {
        c->row[i].withheld = withheld_from(c, &c->row[i], partial);
        if (is_tested(&c->row[i]))
            p[n++] = c->row[i].p;
    }
    stats_holm(p, n);
    c->tested = n;
    n = 0;
    for (size_t i = 0; i < c->rows; i++) {
        struct report_comparison *row = &c->row[i];
        if (is_tested(row))
            row->p_adjusted = p[n++];
        row->margin = stats_margin(half_width(c, row->base));
        row->verdict =
            row->withheld ? STATS_WITHHELD : stats_judge(row->log_ratio, row->p_adjusted, row->margin);
    }
    free(p);
    return 0;
}

int report_compare(struct report_comparisons *out, const struct report_data *d, const struct baseline *b,
                   const struct report_metric *metric)
{
    *out = (struct report_comparisons){.metric = metric};
    out->row = calloc(2 * d->cells + 1, sizeof *out->row);
    int err = out->row ? 0 : -ENOMEM;
    for (size_t w = 0; !err && w < d->works; w++) {
        const struct report_work *work = &d->work[w];
        for (size_t i = work->first; !err && i < work->first + work->cells; i++)
            if (is_doubled(&d->cell[i]))
                err = add_row(out, &d->cell[i], &d->cell[i], true);
        for (size_t i = work->first; !err && i < work->first + work->cells; i++) {
            const struct report_cell *base = report_base_of(d, &d->cell[i], b);
            if (base && base != &d->cell[i])
                err = add_row(out, &d->cell[i], base, false);
        }
    }
    if (!err)
        err = judge_rows(out, report_is_partial(d));
    if (err)
        report_comparisons_free(out);
    return err;
}

static const struct report_cell *same_cell(const struct report_data *d, const struct report_data *of,
                                           const struct report_cell *c)
{
    const struct report_work *mine = &of->work[c->work];
    for (size_t i = 0; i < d->cells; i++) {
        const struct report_cell *at = &d->cell[i];
        const struct report_work *w = &d->work[at->work];
        if (report_same_configuration(at, c) && strcmp(w->family, mine->family) == 0 &&
            at->threads == c->threads && at->processes == c->processes)
            return at;
    }
    return NULL;
}

int report_compare_runs(struct report_comparisons *out, const struct report_data *then,
                        const struct report_data *now, const struct report_metric *metric)
{
    *out = (struct report_comparisons){.metric = metric};
    out->row = calloc(now->cells + then->cells + 1, sizeof *out->row);
    int err = out->row ? 0 : -ENOMEM;
    for (size_t i = 0; !err && i < then->cells; i++)
        if (is_doubled(&then->cell[i]))
            err = add_row(out, &then->cell[i], &then->cell[i], true);
    for (size_t i = 0; !err && i < now->cells; i++) {
        const struct report_cell *base = same_cell(then, now, &now->cell[i]);
        if (base)
            err = add_row(out, &now->cell[i], base, false);
    }
    if (!err)
        err = judge_rows(out, report_is_partial(then) || report_is_partial(now));
    if (err)
        report_comparisons_free(out);
    return err;
}

void report_comparisons_free(struct report_comparisons *c)
{
    for (size_t i = 0; i < c->rows; i++)
        free(c->row[i].d);
    free(c->row);
    memset(c, 0, sizeof *c);
}

const struct report_comparison *report_row_of(const struct report_comparisons *c,
                                              const struct report_cell *cell)
{
    for (size_t i = 0; i < c->rows; i++)
        if (c->row[i].cell == cell && !c->row[i].control)
            return &c->row[i];
    return NULL;
}

const char *report_verdict(const struct report_comparisons *c, const struct report_comparison *row)
{
    static const char *const why[] = {[WITHHELD_NOT] = "",
                                      [WITHHELD_PARTIAL] = "partial run",
                                      [WITHHELD_UNFIT] = "A/A excludes 1",
                                      [WITHHELD_FLOOR] = "floor"};
    static const char *const fixed[] = {
        [STATS_NO_INTERVAL] = "no CI", [STATS_INCONCLUSIVE] = "inconclusive", [STATS_SAME] = "no difference"};
    if (row->verdict == STATS_WITHHELD)
        return why[row->withheld];
    if (row->verdict == STATS_HIGHER)
        return c->metric->higher;
    if (row->verdict == STATS_LOWER)
        return c->metric->lower;
    return fixed[row->verdict];
}
