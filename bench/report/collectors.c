/* collectors.c: see collectors.h. Columns:
 *
 *   configuration max-pause   ops/s     gc heap peak waiting  refs reclaim  longest
 *   generational   12.3 ms   123 M 12.3 %   123 MiB   123 k  1.23 1.23 ms  12.3 ms
 *
 * A label that is too long stands on a line of its own. */
#include "collectors.h"

#include "text.h"

#include <math.h>
#include <string.h>

#define BESIDE_LABEL 12
#define LBO_LABEL    22

static const struct {
    enum schema_key key;
    const char *head;
    int width;
    bool most; /* of all samples, not their median */
} beside[] = {
    {KEY_ops_per_s, "ops/s", 7, false},
    {KEY_gc_share, "gc", 6, false},
    {KEY_memory_heap_peak_bytes, "heap peak", 9, false},
    {KEY_gc_uncollected_peak, "waiting", 7, true},
    {KEY_gc_references_per_object, "refs", 5, false},
    {KEY_gc_reclaim_p50_ns, "reclaim", 7, false},
    {KEY_gc_reclaim_max_ns, "longest", 8, true},
};
#define BESIDE (sizeof beside / sizeof *beside)

static double beside_value(const struct report_cell *c, size_t column)
{
    const struct report_metric *metric = report_metric_of(beside[column].key);
    return beside[column].most ? report_maximum(c, metric) : report_median(c, metric);
}

static void put_label(FILE *out, const char *label, size_t width)
{
    fputs("  ", out);
    if (strlen(label) > width) {
        report_put_plain(out, label, 78);
        fprintf(out, "\n  %*s", (int)width, "");
        return;
    }
    size_t used = report_put_plain(out, label, width);
    fprintf(out, "%*s", (int)(width - used), "");
}

bool report_is_pause(const struct report_metric *metric)
{
    return strncmp(metric->path, "pauses.", 7) == 0;
}

void report_beside_pauses(FILE *out, const struct report_data *d, size_t work,
                          const struct report_metric *metric)
{
    const struct report_work *w = &d->work[work];
    bool maximum = metric->key == KEY_pauses_max_ns;
    fprintf(out, "  %-*s %*s", BESIDE_LABEL, "", 9, strlen(metric->name) > 9 ? "pause" : metric->name);
    for (size_t k = 0; k < BESIDE; k++)
        fprintf(out, " %*s", beside[k].width, beside[k].head);
    fputc('\n', out);
    /* One that never paused, too: what it cost is what the others are to be seen against. */
    for (size_t i = w->first; i < w->first + w->cells; i++) {
        const struct report_cell *c = &d->cell[i];
        double value = maximum ? report_maximum(c, metric) : report_median(c, metric);
        if (!c->ok)
            continue;
        put_label(out, c->shown, BESIDE_LABEL);
        fprintf(out, " %9s", report_figure(value, metric->unit).text);
        for (size_t k = 0; k < BESIDE; k++) {
            enum schema_unit unit = schema_rows[beside[k].key].unit;
            fprintf(out, " %*s", beside[k].width, report_figure(beside_value(c, k), unit).text);
        }
        fputc('\n', out);
    }
}

void report_beside_record(struct record *r, size_t n, const struct report_cell *c)
{
    char key[128];
    snprintf(key, sizeof key, "beside.%zu.cell_id", n);
    record_set_text(r, key, c->id);
    for (size_t k = 0; k < BESIDE; k++) {
        snprintf(key, sizeof key, "beside.%zu.%s", n, schema_rows[beside[k].key].path);
        record_set_real(r, key, beside_value(c, k));
    }
}

/* --- lower-bound overhead ------------------------------------------------------------------------------- */

static struct report_figure interval_text(struct stats_interval ratio)
{
    return report_interval((struct stats_interval){log(ratio.estimate), log(ratio.lo), log(ratio.hi)});
}

void report_lbo_table(FILE *out, const struct report_data *d, const struct report_lbo *lbo)
{
    bool any = false;
    for (size_t w = 0; w < d->works; w++) {
        const struct report_work *work = &d->work[w];
        if (!report_lbo_any(lbo, d, work))
            continue;
        if (!any)
            fputs("lower-bound overhead: total time over the least time of any configuration\n"
                  "without its collector's explicit work (Cai et al., ISPASS'22); less is better\n\n",
                  out);
        any = true;
        report_put_heading(out, work, 80);
        fprintf(out, "  %-*s %6s %11s %6s %11s %3s %7s\n", LBO_LABEL, "configuration", "wall", "95 % CI",
                "CPU", "95 % CI", "n", "gc");
        for (size_t i = work->first; i < work->first + work->cells; i++) {
            const struct report_cell *c = &d->cell[i];
            if (!c->ok)
                continue;
            put_label(out, c->shown, LBO_LABEL);
            fprintf(out, " %6s %11s", report_ratio(lbo[i].wall.estimate).text,
                    interval_text(lbo[i].wall).text);
            fprintf(out, " %6s %11s", report_ratio(lbo[i].cpu.estimate).text, interval_text(lbo[i].cpu).text);
            fprintf(out, " %3zu %7s\n", lbo[i].blocks,
                    report_figure(report_median(c, report_metric_of(KEY_gc_share)), UNIT_SHARE).text);
        }
        fputc('\n', out);
    }
    if (any)
        fputs("Hodges-Lehmann over blocks, exact signed-rank CI; gc: share of time collecting\n", out);
}

void report_lbo_record(struct record *r, const struct report_data *d, const struct report_lbo *lbo)
{
    char key[96];
    size_t n = 0;
#define LBO_KEY(name) (snprintf(key, sizeof key, "cells.%zu." name, n), key)
    for (size_t i = 0; i < d->cells; i++) {
        const struct report_cell *c = &d->cell[i];
        const struct report_work *w = &d->work[c->work];
        if (!isfinite(lbo[i].wall.estimate) && !isfinite(lbo[i].cpu.estimate))
            continue;
        record_set_text(r, LBO_KEY("workload"), w->name);
        record_set_integer(r, LBO_KEY("threads"), c->threads);
        record_set_integer(r, LBO_KEY("processes"), c->processes);
        record_set_text(r, LBO_KEY("place"), w->place);
        record_set_text(r, LBO_KEY("cell"), c->label);
        record_set_text(r, LBO_KEY("cell_id"), c->id);
        record_set_integer(r, LBO_KEY("n"), (int64_t)lbo[i].blocks);
        record_set_real(r, LBO_KEY("wall"), lbo[i].wall.estimate);
        record_set_real(r, LBO_KEY("wall_ci.0"), lbo[i].wall.lo);
        record_set_real(r, LBO_KEY("wall_ci.1"), lbo[i].wall.hi);
        record_set_real(r, LBO_KEY("cpu"), lbo[i].cpu.estimate);
        record_set_real(r, LBO_KEY("cpu_ci.0"), lbo[i].cpu.lo);
        record_set_real(r, LBO_KEY("cpu_ci.1"), lbo[i].cpu.hi);
        n++;
    }
#undef LBO_KEY
}
