/* table.c: see table.h. Columns:
 *
 *   configuration         ops/s  ratio     95 % CI heap peak    heap/live    pause
 *   pools                 123 M  1.234 1.211-1.260   123 MiB 1.052 +-0.4%  1.23 ms
 *
 * A label that is too long stands on a line of its own. What did not work is said below the row, with its
 * reason. */
#include "table.h"

#include "inherited.h"
#include "noise.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_WIDTH 80
#define TABLE_LABEL 19
#define TABLE_KEPT  0.1 /* how far a replay's live peak may be off before it is said */

static void put_label(FILE *out, const char *label)
{
    if (strlen(label) > TABLE_LABEL) {
        fputs("  ", out);
        report_put_plain(out, label, TABLE_WIDTH - 2);
        fprintf(out, "\n  %*s", TABLE_LABEL, "");
        return;
    }
    fputs("  ", out);
    size_t n = report_put_plain(out, label, TABLE_LABEL);
    fprintf(out, "%*s", (int)(TABLE_LABEL - n), "");
}

static void put_trouble(FILE *out, const struct report_cell *cell)
{
    if (!cell->failed)
        return;
    fputs("  ", out);
    size_t n = 2;
    if (cell->ok == 0) {
        n += report_put_plain(out, cell->shown, 2 * TABLE_LABEL);
        n += (size_t)fprintf(out, " ");
    } else {
        n += (size_t)fprintf(out, "  %zu of %zu: ", cell->failed, report_all(cell));
    }
    n += report_put_plain(out, cell->status, 20);
    if (cell->reason && *cell->reason) {
        fputs(": ", out);
        /* The reason is what helps: it goes on over as many lines as it needs, up to four. */
        const char *rest = cell->reason;
        size_t room = TABLE_WIDTH > n + 2 ? TABLE_WIDTH - n - 2 : 1;
        for (unsigned line = 0; line < 4 && *rest; line++, room = TABLE_WIDTH - 6) {
            size_t size = strlen(rest), cut = size;
            if (size > room) {
                cut = room;
                while (cut > room / 2 && rest[cut] != ' ')
                    cut--;
                if (rest[cut] != ' ')
                    cut = room;
            }
            char piece[TABLE_WIDTH + 1];
            snprintf(piece, sizeof piece, "%.*s", (int)cut, rest);
            if (line)
                fputs("\n      ", out);
            report_put_plain(out, piece, 0);
            rest += cut;
            while (*rest == ' ')
                rest++;
        }
    }
    fputc('\n', out);
}

/* In the interval's place, which would be read as a verdict. */
static const char *const withheld_words[] = {[WITHHELD_NOT] = "",
                                             [WITHHELD_PARTIAL] = "partial",
                                             [WITHHELD_UNFIT] = "unfit",
                                             [WITHHELD_FLOOR] = "floor"};

void report_heap_live(const struct report_cell *cell, char *out, size_t size)
{
    const struct report_metric *metric = report_metric_of(KEY_fragmentation_jw4);
    size_t n;
    struct stats_interval level = report_level(cell, metric, &n);
    struct report_figure median = report_ratio(report_median(cell, metric));
    double half = 50 * log(level.hi / level.lo);
    if (n < STATS_MIN || !isfinite(half)) {
        snprintf(out, size, "%s", median.text);
        return;
    }
    snprintf(out, size, half < 10 ? "%.8s +-%.1f%%" : "%.8s +-%.0f%%", median.text, half);
}

static void put_row(FILE *out, const struct report_cell *cell, const struct report_comparisons *c,
                    bool is_base)
{
    if (cell->ok) {
        const struct report_comparison *row = report_row_of(c, cell);
        double rate = report_median(cell, report_metric_of(KEY_ops_per_s));
        double heap = report_median(cell, report_metric_of(KEY_memory_heap_peak_bytes));
        char live_text[48];
        report_heap_live(cell, live_text, sizeof live_text);
        double pause = report_maximum(cell, report_metric_of(KEY_pauses_max_ns));
        put_label(out, cell->shown);
        fprintf(out, " %7s %6s %11s %9s %12s %8s\n", report_figure(rate, UNIT_RATE).text,
                row       ? report_ratio(exp(row->log_ratio.estimate)).text
                : is_base ? "1"
                          : "-",
                row && row->withheld ? withheld_words[row->withheld]
                : row && row->n      ? report_interval(row->log_ratio).text
                : is_base && c->rows ? "baseline"
                                     : "-",
                report_figure(heap, UNIT_BYTES).text, live_text, report_figure(pause, UNIT_NS).text);
    }
    put_trouble(out, cell);
}

/* Most live bytes of a replay over its recording's: the largest of the cell's samples; NaN of no replay. */
static double live_kept(const struct report_cell *cell, bool *is_free)
{
    double most = NAN;
    for (size_t i = 0; i < cell->samples; i++) {
        const struct sample *s = cell->sample[i].sample;
        if (!cell->sample[i].ok || sample_or(s, replay_peak_live_recorded_bytes, 0) <= 0 ||
            !sample_has(s, replay_peak_live_replayed_bytes))
            continue;
        double kept = (double)s->replay_peak_live_replayed_bytes /
                      ((double)s->replay_peak_live_recorded_bytes * (double)sample_or(s, cell_processes, 1));
        most = fmax(most, kept); /* of a number and a NaN the number */
        *is_free |= strcmp(sample_text_or(s, replay_order, ""), "free") == 0;
    }
    return most;
}

/* A replay that does not hold what its recording held measures another program's memory. */
static void put_kept(FILE *out, const struct report_cell *cell)
{
    bool is_free = false;
    double kept = live_kept(cell, &is_free);
    if (!is_free && !(fabs(kept - 1) > TABLE_KEPT))
        return;
    fputs("  ", out);
    report_put_plain(out, cell->shown, TABLE_LABEL);
    fprintf(out, ": %slive bytes came to %s x the recording's\n    %s\n", is_free ? "" : "WARNING, ",
            report_ratio(kept).text,
            is_free ? "order=free: there are no figures of memory"
                    : "figures of memory are not the program's");
}

static void put_work(FILE *out, const struct report_data *d, size_t index, const struct report_comparisons *c,
                     const struct baseline *baseline)
{
    const struct report_work *w = &d->work[index];
    report_put_heading(out, w, TABLE_WIDTH);
    fprintf(out, "  %-*s %7s %6s %11s %9s %12s %8s\n", TABLE_LABEL, "configuration", "ops/s", "ratio",
            "95 % CI", "heap peak", "heap/live", "pause");
    for (size_t i = w->first; i < w->first + w->cells; i++)
        put_row(out, &d->cell[i], c, report_base_of(d, &d->cell[i], baseline) == &d->cell[i]);
    for (size_t i = w->first; i < w->first + w->cells; i++)
        put_kept(out, &d->cell[i]);
    struct report_noise noise = report_noise_of(d, index, c);
    if (noise.control && noise.control->n >= STATS_MIN)
        fprintf(out, "  A/A %s over %zu blocks%s\n", report_interval(noise.control->log_ratio).text,
                noise.control->n, noise.aa_excludes_1 ? ": EXCLUDES 1, not quiet: no verdicts" : "");
    fputc('\n', out);
}

/* What names of configurations stand for. */
static void put_names(FILE *out, const struct report_data *d)
{
    for (const struct report_cell *c = d->cell; c < d->cell + d->cells; c++) {
        if (!report_first_of_name(d, c))
            continue;
        report_put_plain(out, c->name, 0);
        fputs(" = ", out);
        report_put_plain(out, c->alloc, 0);
        fputc('\n', out);
    }
}

/* What no row shows and all depend on. */
static void put_inherited(FILE *out, const struct report_data *d)
{
    char *text = report_inherited(d);
    if (text && *text) {
        fputs("inherited by all workers: ", out);
        report_put_plain(out, text, 0);
        fputc('\n', out);
    }
    free(text);
}

/* What the run can say, in a line. */
static void put_sure(FILE *out, const struct report_comparisons *c)
{
    size_t sure = 0, judged = 0, unfit = 0;
    for (size_t i = 0; i < c->rows; i++) {
        const struct report_comparison *row = &c->row[i];
        if (row->control || row->n < STATS_MIN)
            continue;
        judged += !row->withheld;
        unfit += row->withheld == WITHHELD_UNFIT;
        sure += row->verdict == STATS_LOWER || row->verdict == STATS_HIGHER || row->verdict == STATS_SAME;
    }
    if (judged)
        fprintf(out, "%zu of %zu ratios are sure (Holm)%s", sure, judged, unfit ? "; " : "\n");
    if (unfit)
        fprintf(out, "%zu ratios are unfit: their A/A excludes 1\n", unfit);
    if (judged || unfit)
        fputc('\n', out);
}

void report_table_of(FILE *out, const struct report_data *d, const struct report_comparisons *c,
                     const struct baseline *baseline)
{
    if (report_is_partial(d))
        fprintf(out, "%s\n\n", report_partial(d).text);
    for (size_t w = 0; w < d->works; w++)
        put_work(out, d, w, c, baseline);
    put_sure(out, c);
    put_names(out, d);
    put_inherited(out, d);
    if (d->works)
        fprintf(out,
                "ratio: throughput over the baseline's, same block (Hodges-Lehmann%s);\n"
                "heap peak: most resident above what was resident before the work began;\n"
                "heap/live: heap peak over most bytes live%s; pause: the longest\n",
                d->blocks < STATS_MIN ? "; CI: from 6 blocks on" : ", exact CI",
                d->blocks < STATS_MIN ? "" : ", +- half its CI");
    fflush(out); /* what follows on standard error comes after it */
}

void report_table(FILE *out, struct sample *const *sample, size_t samples, const char *baseline,
                  size_t planned, size_t blocks)
{
    struct report_data d;
    struct report_comparisons c = {0};
    struct baseline base = {0};
    if (baseline)
        baseline_parse(&base, baseline, "baseline", NULL);
    bool made = report_data_make(&d, sample, samples) == 0;
    if (made)
        report_data_plan(&d, planned, blocks);
    if (made && report_compare(&c, &d, &base, report_metric_of(KEY_ops_per_s)) == 0)
        report_table_of(out, &d, &c, &base);
    else
        fputs("heapgauge: out of memory: no table\n", stderr);
    report_comparisons_free(&c);
    report_data_free(&d);
}
