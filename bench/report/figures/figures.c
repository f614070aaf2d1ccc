/* figures.c: see figures.h. The scripts in scripts/plot say which settings and columns they take. */
#include "figures.h"

#include "parts.h"
#include "bench/report/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool same_family(const struct report_work *a, const struct report_work *b)
{
    return strcmp(a->family, b->family) == 0 && a->processes == b->processes;
}

struct report_family report_family_at(const struct report_data *d, size_t work)
{
    struct report_family f = {work, 1};
    for (; f.first > 0 && same_family(&d->work[f.first - 1], &d->work[work]); f.works++)
        f.first--;
    while (f.first + f.works < d->works && same_family(&d->work[f.first + f.works], &d->work[work]))
        f.works++;
    return f;
}

/* --- throughput against threads ------------------------------------------------------------------------- */

/* Of the family's cells those that the picture can show; of works whose cells differ in threads and
 * processes: those of one process. */
static bool in_threads(const struct report_data *d, const struct report_cell *c)
{
    return !report_is_floor(c) && (d->work[c->work].processes || c->processes == 1) &&
           isfinite(report_median(c, report_metric_of(KEY_ops_per_s)));
}

static bool is_known(const struct report_cell *const *known, size_t n, const struct report_cell *c)
{
    for (size_t i = 0; i < n; i++)
        if (report_same_configuration(known[i], c))
            return true;
    return false;
}

/* The configurations of the picture, those that got to most threads first: what did not (out of memory, say)
 * is shown up to where it did. 0 when all cells have the same number of threads. */
static size_t threads_series(const struct report_data *d, size_t first, size_t end,
                             const struct report_cell **out, int64_t *most)
{
    size_t n = 0;
    bool vary = false;
    *most = 0;
    for (size_t i = first; i < end; i++)
        if (in_threads(d, &d->cell[i]))
            *most = d->cell[i].threads > *most ? d->cell[i].threads : *most;
    for (unsigned pass = 0; pass < 2; pass++)
        for (size_t i = first; i < end; i++) {
            const struct report_cell *c = &d->cell[i];
            if ((c->threads == *most) != (pass == 0) || !in_threads(d, c))
                continue;
            vary = vary || pass;
            if (n < FIGURES_SERIES && !is_known(out, n, c))
                out[n++] = c;
        }
    return vary ? n : 0;
}

static int figure_threads(struct plots *plots, const struct report_data *d, struct report_family f,
                          struct message *m)
{
    const struct report_metric *metric = report_metric_of(KEY_ops_per_s);
    const struct report_cell *cell[FIGURES_SERIES];
    const struct report_work *last = &d->work[f.first + f.works - 1];
    size_t begin = d->work[f.first].first, end = last->first + last->cells, blocks = 0;
    int64_t most;
    size_t n = threads_series(d, begin, end, cell, &most);
    if (n == 0)
        return 0;
    struct plot *p = plot_begin(plots, "throughput", last->name, m);
    if (!p)
        return -EIO;
    p->section = f.first;
    figure_title(p, last, "throughput against threads", false);
    figure_series(p, cell, n, "TITLE");
    fputs("workload,threads,configuration,ops_per_s,ci_low,ci_high,blocks\n", p->csv);
    double best = 0, worst = INFINITY, top = 0;
    size_t winner = 0;
    for (size_t i = 0; i < n; i++) {
        size_t points = 0;
        for (size_t k = begin; k < end; k++) {
            const struct report_cell *at = &d->cell[k];
            size_t count = 0;
            struct stats_interval ci = {NAN, NAN, NAN};
            if (report_same_configuration(at, cell[i]) && in_threads(d, at))
                ci = report_level(at, metric, &count);
            if (!isfinite(ci.estimate))
                continue;
            bool band = isfinite(ci.lo);
            fprintf(p->data, "%lld %.9g %.9g %.9g\n", (long long)at->threads, ci.estimate,
                    band ? ci.lo : ci.estimate, band ? ci.hi : ci.estimate);
            points++;
            figure_csv_row(p, &d->work[at->work], at);
            fprintf(p->csv, ",%.9g,", ci.estimate);
            report_put_csv_number(p->csv, ci.lo);
            fputc(',', p->csv);
            report_put_csv_number(p->csv, ci.hi);
            fprintf(p->csv, ",%zu\n", count);
            blocks = count > blocks ? count : blocks;
            best = fmax(best, ci.estimate);
            worst = fmin(worst, ci.estimate);
            if (at->threads == most && ci.estimate > top) {
                top = ci.estimate;
                winner = i;
            }
        }
        figure_end_series(p, points);
    }
    plot_number(p, "LOGY", best > 20 * worst);
    plot_number(p, "XMAX", (double)most);
    snprintf(p->finding, sizeof p->finding, "At %lld threads %.100s is ahead with %s operations a second.",
             (long long)most, cell[winner]->shown, report_figure(top, UNIT_RATE).text);
    snprintf(p->caption, sizeof p->caption, "n = %zu blocks; %s; floors (null, bump) left out", blocks,
             blocks < STATS_MIN ? "too few for an interval"
                                : "band: exact 95 % signed-rank interval of the logs");
    return plot_draw(plots, p, m);
}

/* --- ratios at one number of threads -------------------------------------------------------------------- */

static int figure_ratios(struct plots *plots, const struct report_data *d, size_t work,
                         const struct report_comparisons *c, struct message *m)
{
    const struct report_work *w = &d->work[work];
    const struct report_comparison *row[FIGURES_BARS];
    const struct report_cell *cell[FIGURES_BARS];
    size_t n = 0, blocks = 0;
    double lowest = 1, highest = 1;
    for (size_t i = 0; i < c->rows && n < FIGURES_BARS; i++)
        if (c->row[i].cell >= &d->cell[w->first] && c->row[i].cell < &d->cell[w->first] + w->cells &&
            !c->row[i].control && c->row[i].n && !report_is_floor(c->row[i].cell)) {
            cell[n] = c->row[i].cell;
            row[n++] = &c->row[i];
        }
    if (n == 0)
        return 0;
    struct plot *p = plot_begin(plots, "ratios", w->name, m);
    if (!p)
        return -EIO;
    char axis[160];
    p->section = work;
    figure_title(p, w, "throughput ratio", true);
    figure_series(p, cell, n, "LABEL");
    bool one_base = true;
    for (size_t i = 1; i < n; i++)
        one_base = one_base && row[i]->base == row[0]->base;
    snprintf(axis, sizeof axis, "throughput over that of %.100s in the same block",
             one_base ? row[0]->base->shown : "the baseline");
    plot_text(p, "XLABEL", axis);
    fputs("workload,threads,configuration,baseline,ratio,ci_low,ci_high,blocks,p_adjusted,verdict\n", p->csv);
    size_t best = 0;
    for (size_t i = 0; i < n; i++) {
        struct stats_interval ci = row[i]->log_ratio;
        bool known = isfinite(ci.lo);
        fprintf(p->data, "%zu %.9g %.9g %.9g\n\n\n", i + 1, exp(ci.estimate),
                exp(known ? ci.lo : ci.estimate), exp(known ? ci.hi : ci.estimate));
        figure_csv_row(p, w, cell[i]);
        fputc(',', p->csv);
        report_put_csv(p->csv, row[i]->base->label);
        fprintf(p->csv, ",%.9g,", exp(ci.estimate));
        report_put_csv_number(p->csv, exp(ci.lo));
        fputc(',', p->csv);
        report_put_csv_number(p->csv, exp(ci.hi));
        fprintf(p->csv, ",%zu,", row[i]->n);
        report_put_csv_number(p->csv, known ? row[i]->p_adjusted : NAN);
        fprintf(p->csv, ",%s\n", report_verdict(c, row[i]));
        lowest = fmin(lowest, exp(known ? ci.lo : ci.estimate));
        highest = fmax(highest, exp(known ? ci.hi : ci.estimate));
        blocks = row[i]->n > blocks ? row[i]->n : blocks;
        if (ci.estimate > row[best]->log_ratio.estimate)
            best = i;
    }
    bool log_axis = highest > 5 * lowest;
    double span = log_axis ? log(highest / lowest) : highest - lowest;
    plot_number(p, "LOGX", log_axis);
    plot_number(p, "XMIN", log_axis ? lowest * exp(-0.05 * span) : fmax(0, lowest - 0.1 * span - 0.01));
    plot_number(p, "XMAX", log_axis ? highest * exp(0.18 * span) : highest + 0.2 * span + 0.01);
    snprintf(p->finding, sizeof p->finding, "%.100s does %s times the work of %.100s in the same time (%s).",
             cell[best]->shown, report_ratio(exp(row[best]->log_ratio.estimate)).text, row[best]->base->shown,
             report_verdict(c, row[best]));
    if (row[best]->verdict == STATS_WITHHELD)
        snprintf(p->finding, sizeof p->finding, "No verdict: %s.", report_verdict(c, row[best]));
    snprintf(p->caption, sizeof p->caption, "n = %zu blocks; %s; floors (null, bump) left out", blocks,
             blocks < STATS_MIN ? "too few for an interval"
                                : "dot: Hodges-Lehmann; whisker: exact 95 % signed-rank interval");
    return plot_draw(plots, p, m);
}

/* --- all workloads at a glance -------------------------------------------------------------------------- */

static size_t column_of(const char **column, size_t *columns, size_t most, const char *label)
{
    for (size_t i = 0; i < *columns; i++)
        if (strcmp(column[i], label) == 0)
            return i;
    if (*columns < most)
        column[(*columns)++] = label;
    else
        return most;
    return *columns - 1;
}

/* Allocators (floors are none) under the same policy and collector, with the same threads. */
static bool in_heatmap(const struct report_comparison *row)
{
    return !row->control && row->n && !report_is_floor(row->cell) &&
           strcmp(row->cell->rc, row->base->rc) == 0 && strcmp(row->cell->gc, row->base->gc) == 0 &&
           strcmp(row->cell->python, row->base->python) == 0 && row->cell->threads == row->base->threads &&
           row->cell->processes == row->base->processes;
}

static int figure_heatmap(struct plots *plots, const struct report_data *d,
                          const struct report_comparisons *c, struct message *m)
{
    const char *column[12];
    size_t columns = 0, rows = 0, *row_of_work = calloc(d->works + 1, sizeof *row_of_work);
    double span = 0.25;
    if (!row_of_work)
        return message_set(m, -ENOMEM, "out of memory");
    for (size_t i = 0; i < c->rows; i++) {
        const struct report_comparison *row = &c->row[i];
        if (!in_heatmap(row) || column_of(column, &columns, 12, row->cell->name) == 12)
            continue;
        if (!row_of_work[row->cell->work] && rows < 60)
            row_of_work[row->cell->work] = ++rows;
        span = fmax(span, fmin(2, fabs(row->log_ratio.estimate) / M_LN2));
    }
    struct plot *p = rows >= 2 && columns ? plot_begin(plots, "heatmap", "all", m) : NULL;
    if (!p) {
        free(row_of_work);
        return rows >= 2 && columns ? -EIO : 0;
    }
    p->section = FIGURES_OVERVIEW;
    snprintf(p->title, sizeof p->title, "%sthroughput over that of the baseline",
             p->partial ? "PARTIAL RUN: " : "");
    plot_text(p, "TITLE0", p->title);
    plot_number(p, "COLUMNS", (double)columns);
    plot_number(p, "ROWS", (double)rows);
    plot_number(p, "SPAN", span);
    plot_array(p, "ROW", rows);
    plot_array(p, "COLUMN", columns);
    size_t longest = 8;
    for (size_t i = 0; i < columns; i++) {
        const char *label = figure_short_label(column[i]);
        plot_array_text(p, "COLUMN", i + 1, label);
        longest = strlen(label) > longest ? strlen(label) : longest;
    }
    plot_number(p, "COLUMN_CHARS", (double)longest);
    longest = 8;
    for (size_t w = 0; w < d->works; w++) {
        char label[80];
        if (!row_of_work[w])
            continue;
        snprintf(label, sizeof label, "%.30s %.20s%sx%lld", d->work[w].name, d->work[w].common,
                 *d->work[w].common ? " " : "", (long long)d->work[w].threads);
        plot_array_text(p, "ROW", row_of_work[w], label);
        longest = strlen(label) > longest ? strlen(label) : longest;
    }
    plot_number(p, "CHARS", (double)longest);
    fputs("workload,threads,configuration,baseline,ratio,verdict\n", p->csv);
    size_t sure = 0, all = 0, unfit = 0;
    for (size_t i = 0; i < c->rows; i++) {
        const struct report_comparison *row = &c->row[i];
        size_t at = in_heatmap(row) ? column_of(column, &columns, 12, row->cell->name) : 12;
        if (at == 12 || !row_of_work[row->cell->work])
            continue;
        bool certain =
            row->verdict == STATS_HIGHER || row->verdict == STATS_LOWER || row->verdict == STATS_SAME;
        double ratio = exp(row->log_ratio.estimate);
        char text[48];
        snprintf(text, sizeof text, certain ? "%.3g" : "(%.3g)", ratio);
        fprintf(p->data, "%zu %zu %.9g \"%s\"\n", at + 1, row_of_work[row->cell->work],
                row->log_ratio.estimate / M_LN2, text);
        figure_csv_row(p, &d->work[row->cell->work], row->cell);
        fputc(',', p->csv);
        report_put_csv(p->csv, row->base->label);
        fprintf(p->csv, ",%.9g,%s\n", ratio, report_verdict(c, row));
        sure += certain;
        unfit += row->withheld == WITHHELD_UNFIT;
        all++;
    }
    free(row_of_work);
    snprintf(p->finding, sizeof p->finding,
             "%zu of the %zu ratios shown are sure; the others stand in brackets%s.", sure, all,
             unfit ? ", those of blocks whose A/A excludes 1 among them" : "");
    snprintf(p->caption, sizeof p->caption,
             "blue: more than the baseline, orange: less (colour by the log of the ratio); brackets: "
             "inconclusive, or too "
             "few blocks for an interval; floors (null, bump) left out; n = %zu blocks",
             d->blocks);
    return plot_draw(plots, p, m);
}

int report_figures(struct plots *p, const struct report_data *d, const struct report_comparisons *c,
                   struct message *m)
{
    p->partial = report_is_partial(d);
    int err = figure_heatmap(p, d, c, m);
    for (size_t w = 0; !err && w < d->works; w++) {
        size_t before = p->count;
        struct report_family f = report_family_at(d, w);
        if (f.first + f.works - 1 == w)
            err = figure_threads(p, d, f, m);
        if (!err)
            err = figure_ratios(p, d, w, c, m);
        if (!err)
            err = figures_of_memory(p, d, w, m);
        if (!err)
            err = figures_of_pauses(p, d, w, m);
        for (size_t i = before; i < p->count; i++)
            p->item[i].section = w;
    }
    for (size_t i = 0; i < p->count && report_is_partial(d); i++) /* whatever it found, no winner */
        snprintf(p->item[i].finding, sizeof p->item[i].finding, "%s.", report_partial(d).text);
    return err;
}
