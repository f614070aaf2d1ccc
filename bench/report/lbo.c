/* lbo.c: see lbo.h. */
#include "lbo.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct clock { /* what is told in wall time and in processor time alike */
    enum schema_key total, cost;
};
static const struct clock wall_clock = {KEY_wall_ns, KEY_gc_cost_wall_ns},
                          cpu_clock = {KEY_cpu_ns, KEY_gc_cost_cpu_ns};

struct distilled {
    int64_t block;
    double log_ns;
};

static int by_block(const void *a, const void *b)
{
    const struct distilled *x = a, *y = b;
    if (x->block != y->block)
        return x->block < y->block ? -1 : 1;
    return (x->log_ns > y->log_ns) - (x->log_ns < y->log_ns);
}

static int block_of(const void *key, const void *at)
{
    int64_t block = *(const int64_t *)key, other = ((const struct distilled *)at)->block;
    return (block > other) - (block < other);
}

/* The cell in its next block from sample *i on: geometric means over its samples there (the baseline runs
 * twice). False at the end. A cost below 0 or over the total is a damaged record's, which would set the bound
 * for all: it is left out. */
struct times {
    int64_t block;
    unsigned samples;
    double log_total, log_distilled;
    bool cost_known;
};

static bool next_times(const struct report_cell *c, const struct clock *clock, size_t *i, struct times *out)
{
    if (*i >= c->samples)
        return false;
    *out = (struct times){.block = c->sample[*i].block};
    for (; *i < c->samples && c->sample[*i].block == out->block; (*i)++) {
        double total = report_value(&c->sample[*i], report_metric_of(clock->total));
        double cost = report_value(&c->sample[*i], report_metric_of(clock->cost));
        bool known = isfinite(cost);
        if (!(total > 0) || !isfinite(total) || (known && (cost < 0 || cost >= total)))
            continue;
        out->samples++;
        out->log_total += log(total);
        out->log_distilled += log(known ? total - cost : total);
        out->cost_known = out->cost_known || known;
    }
    if (out->samples) {
        out->log_total /= out->samples;
        out->log_distilled /= out->samples;
    }
    return true;
}

/* The least distilled time of each block of the cells, in order of blocks. The number of blocks; 0 where
 * nothing can be said. */
static size_t distil(const struct report_cell *const *cell, size_t cells, const struct clock *clock,
                     struct distilled *out)
{
    struct times t;
    size_t n = 0, ran = 0, blocks = 0;
    bool cost_known = false;
    for (size_t c = 0; c < cells; c++) {
        size_t before = n;
        for (size_t i = 0; next_times(cell[c], clock, &i, &t);) {
            if (t.samples)
                out[n++] = (struct distilled){t.block, t.log_distilled};
            cost_known = cost_known || t.cost_known;
        }
        ran += n > before;
    }
    if (ran < 2 || !cost_known)
        return 0;
    qsort(out, n, sizeof *out, by_block);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || out[i].block != out[i - 1].block)
            out[blocks++] = out[i];
    return blocks;
}

/* Of one cell; logs: room for a value a block. */
static struct stats_interval overhead(const struct report_cell *c, const struct clock *clock,
                                      const struct distilled *least, size_t blocks, double *logs, size_t *n)
{
    struct times t;
    *n = 0;
    for (size_t i = 0; *n < STATS_MAX && next_times(c, clock, &i, &t);) {
        const struct distilled *at = bsearch(&t.block, least, blocks, sizeof *least, block_of);
        if (at && t.samples)
            logs[(*n)++] = t.log_total - at->log_ns;
    }
    struct stats_interval ci = stats_hodges_lehmann(logs, *n);
    return (struct stats_interval){exp(ci.estimate), exp(ci.lo), exp(ci.hi)};
}

struct scratch { /* room for all samples, and all cells */
    struct distilled *least;
    double *logs;
    const struct report_cell **group;
};

static void group_overhead(struct report_lbo *out, const struct report_data *d, size_t cells,
                           const struct scratch *room)
{
    const struct report_cell *const *group = room->group;
    size_t blocks = distil(group, cells, &wall_clock, room->least), n;
    for (size_t c = 0; c < cells; c++) {
        struct report_lbo *at = &out[group[c] - d->cell];
        at->wall = overhead(group[c], &wall_clock, room->least, blocks, room->logs, &at->blocks);
    }
    blocks = distil(group, cells, &cpu_clock, room->least);
    for (size_t c = 0; c < cells; c++)
        out[group[c] - d->cell].cpu = overhead(group[c], &cpu_clock, room->least, blocks, room->logs, &n);
}

/* The cells that differ from c in policy and collector alone, when c is their first; else none. */
static size_t gather(const struct report_data *d, const struct report_cell *c,
                     const struct report_cell **group)
{
    const struct report_work *w = &d->work[c->work];
    size_t n = 0;
    if (strcmp(c->rc, "none") == 0)
        return 0;
    for (const struct report_cell *at = &d->cell[w->first]; at < &d->cell[w->first] + w->cells; at++) {
        if (strcmp(at->alloc, c->alloc) != 0 || strcmp(at->thp, c->thp) != 0 ||
            strcmp(at->python, c->python) != 0 || at->threads != c->threads || at->processes != c->processes)
            continue;
        if (n == 0 && at != c)
            return 0;
        group[n++] = at;
    }
    return n;
}

int report_lbo_make(struct report_lbo **out, const struct report_data *d)
{
    static const struct stats_interval none = {NAN, NAN, NAN};
    struct scratch room = {calloc(d->samples + 1, sizeof *room.least),
                           calloc(d->samples + 1, sizeof *room.logs),
                           calloc(d->cells + 1, sizeof *room.group)};
    *out = calloc(d->cells + 1, sizeof **out);
    int err = room.least && room.logs && room.group && *out ? 0 : -ENOMEM;
    for (size_t i = 0; !err && i < d->cells; i++)
        (*out)[i] = (struct report_lbo){none, none, 0};
    for (size_t i = 0; !err && i < d->cells; i++)
        group_overhead(*out, d, gather(d, &d->cell[i], room.group), &room);
    free(room.least);
    free(room.logs);
    free(room.group);
    if (err) {
        free(*out);
        *out = NULL;
    }
    return err;
}

bool report_lbo_any(const struct report_lbo *lbo, const struct report_data *d, const struct report_work *w)
{
    bool any = false;
    for (size_t i = w->first; i < w->first + w->cells && i < d->cells; i++)
        any = any || isfinite(lbo[i].wall.estimate) || isfinite(lbo[i].cpu.estimate);
    return any;
}
