/* memory.c: pictures of memory: at the peak, over time. */
#include "parts.h"

#include "bench/report/text.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define TIMELINE_COLLECTIONS 100000u

/* --- memory and fragmentation --------------------------------------------------------------------------- */

static int figure_memory(struct plots *plots, const struct report_data *d, size_t work, struct message *m)
{
    const struct report_work *w = &d->work[work];
    const struct report_cell *cell[FIGURES_BARS];
    size_t n = figure_pick(d, w, report_metric_of(KEY_memory_heap_peak_bytes), true, FIGURES_BARS, cell),
           least = 0;
    if (n == 0)
        return 0;
    struct plot *p = plot_begin(plots, "memory", w->name, m);
    if (!p)
        return -EIO;
    p->section = work;
    figure_title(p, w, "memory", true);
    figure_series(p, cell, n, "LABEL");
    plot_array(p, "VALUE", n);
    plot_array(p, "FVALUE", n);
    fputs("workload,threads,configuration,heap_peak_bytes,peak_live_requested_bytes,jw4,external,samples\n",
          p->csv);
    double most = 0, most_floor = 0, ratio = 1.2, least_ratio = 0.9, lowest = INFINITY;
    for (size_t i = 0; i < n; i++) {
        double heap = report_median(cell[i], report_metric_of(KEY_memory_heap_peak_bytes)),
               live = report_median(cell[i], report_metric_of(KEY_memory_peak_live_requested_bytes));
        double jw4 = report_median(cell[i], report_metric_of(KEY_fragmentation_jw4));
        double external = report_median(cell[i], report_metric_of(KEY_fragmentation_external));
        char text[64];
        fprintf(p->data, "%zu %.9g %.9g %.9g %.9g\n\n\n", i + 1, heap / MIB, live / MIB, jw4, external);
        figure_csv_row(p, w, cell[i]);
        double column[] = {heap, live, jw4, external};
        for (unsigned k = 0; k < 4; k++) {
            fputc(',', p->csv);
            report_put_csv_number(p->csv, column[k]);
        }
        fprintf(p->csv, ",%zu\n", cell[i]->ok);
        plot_array_text(p, "VALUE", i + 1, report_figure(heap, UNIT_BYTES).text);
        snprintf(text, sizeof text, "%.30s / %.30s", report_ratio(jw4).text, report_ratio(external).text);
        plot_array_text(p, "FVALUE", i + 1, text);
        if (report_is_floor(cell[i])) {
            most_floor = fmax(most_floor, heap);
            continue;
        }
        most = fmax(most, heap);
        ratio = fmax(ratio, fmax(jw4, external)); /* fmax leaves NaN out */
        least_ratio = fmin(least_ratio, 0.98 * fmin(jw4, external));
        if (heap < lowest) {
            lowest = heap;
            least = i;
        }
    }
    if (most <= 0)
        most = most_floor;
    /* Floors keep everything or nothing: their bars may run out of the picture, their figures are still
     * told. */
    plot_number(p, "XMAX", 1.35 * fmin(fmax(most, most_floor), 1.5 * most) / MIB);
    plot_number(p, "FMIN", least_ratio);
    plot_number(p, "FMAX", least_ratio + (1.05 * fmin(ratio, 10) - least_ratio) / 0.6);
    snprintf(
        p->finding, sizeof p->finding, "%.100s needs least memory at its peak: %s.", cell[least]->shown,
        report_figure(report_median(cell[least], report_metric_of(KEY_memory_heap_peak_bytes)), UNIT_BYTES)
            .text);
    snprintf(
        p->caption, sizeof p->caption,
        "median of %zu samples; heap = resident above the baseline; heap/live = heap peak over live "
        "peak; ext = active pages over live blocks, where the allocator can tell; bars of floors may be cut",
        cell[0]->ok);
    return plot_draw(plots, p, m);
}

/* --- memory over time ----------------------------------------------------------------------------------- */

/* The first ok sample that has a timeline. */
static const struct sample *timeline_of(const struct report_cell *c)
{
    for (size_t i = 0; i < c->samples; i++)
        if (c->sample[i].ok && c->sample[i].sample->timeline_rss_bytes.count >= 2)
            return c->sample[i].sample;
    return NULL;
}

static double timeline_value(const struct sample_integers *line, size_t i)
{
    return i < line->count ? (double)line->value[i] : NAN;
}

struct timeline_span {
    double peak, seconds, gib, after; /* the most of each; after: seconds after the measured phase */
    bool allocated;                   /* every point says how many bytes were allocated so far */
    bool lazy;                        /* some of it was freed lazily */
};

/* Points of the measured phase; behind them lie drain and settle. */
static size_t timeline_run_points(const struct sample *s)
{
    size_t points = s->timeline_rss_bytes.count, n = 0;
    if (!sample_has(s, timeline_run_end_ns))
        return points;
    while (n < points && timeline_value(&s->timeline_t_ns, n) <= (double)s->timeline_run_end_ns)
        n++;
    return n;
}

/* What was resident before the work began is not the allocator's. Records from before it was kept: the whole
 * process, and the axis says so. */
static double timeline_baseline(const struct sample *s)
{
    return (double)sample_or(s, memory_baseline_rss_bytes, 0);
}

/* Of each stretch of points the one with most resident memory: a peak is never lost. */
static void put_timeline(struct plot *p, const struct report_work *w, const struct report_cell *c,
                         const struct sample *s, struct timeline_span *span)
{
    size_t points = timeline_run_points(s);
    double baseline = timeline_baseline(s);
    size_t drawn = 0, stretch = (points + FIGURES_POINTS - 1) / FIGURES_POINTS;
    for (size_t i = 0; i < points; i += stretch) {
        size_t at = i;
        for (size_t k = i; k < i + stretch && k < points; k++)
            if (timeline_value(&s->timeline_rss_bytes, k) > timeline_value(&s->timeline_rss_bytes, at))
                at = k;
        if (i + stretch >= points)
            at = points - 1;
        double t = timeline_value(&s->timeline_t_ns, at), rss = timeline_value(&s->timeline_rss_bytes, at);
        double live = timeline_value(&s->timeline_live_bytes, at),
               total = timeline_value(&s->timeline_allocated_bytes, at);
        if (!isfinite(t) || !isfinite(rss))
            continue;
        if (!(live < 1e18)) /* threads publish at different moments: a sum can be below 0 for an instant */
            live = 0;
        double heap = fmax(rss - baseline, 0);
        fprintf(p->data, "%.9g %.9g %.9g %.9g\n", t / 1e9, total / MIB / 1024, heap / MIB, live / MIB);
        figure_csv_row(p, w, c);
        fprintf(p->csv, ",%.9g,%.9g,%.9g,", t, rss, live);
        report_put_csv_number(p->csv, total);
        fprintf(p->csv, ",,run,,%.9g\n", baseline);
        drawn++;
        span->peak = fmax(span->peak, heap);
        span->seconds = fmax(span->seconds, t / 1e9);
        span->gib = fmax(span->gib, total / MIB / 1024);
        if (!isfinite(total))
            span->allocated = false;
    }
    figure_end_series(p, drawn);
}

/* Resident memory from the end of the measured phase on, and what of it is not freed lazily; the points of the
 * settle are read exactly. */
static void put_after(struct plot *p, const struct report_work *w, const struct report_cell *c,
                      const struct sample *s, struct timeline_span *span)
{
    size_t points = s->timeline_rss_bytes.count, first = timeline_run_points(s), settled = 0, drawn = 0;
    double baseline = timeline_baseline(s);
    double end = (double)s->timeline_run_end_ns,
           drained = (double)sample_or(s, timeline_drained_ns, INT64_MAX);
    for (size_t i = first ? first - 1 : 0; first < points && i < points; i++) {
        double t = timeline_value(&s->timeline_t_ns, i), rss = timeline_value(&s->timeline_rss_bytes, i);
        double lazy = NAN;
        bool dot = t >= drained && !settled; /* all is freed */
        if (t >= drained)
            lazy = timeline_value(&s->timeline_settle_lazy_free_bytes, settled++);
        if (!isfinite(t) || !isfinite(rss))
            continue;
        double heap = fmax(rss - baseline, 0);
        fprintf(p->data, "%.9g %.9g %.9g %.9g\n", fmax(t - end, 0) / 1e9, heap / MIB,
                (lazy >= 0 ? fmax(rss - lazy - baseline, 0) : NAN) / MIB, dot ? heap / MIB : NAN);
        drawn++;
        if (i >= first) {
            figure_csv_row(p, w, c);
            fprintf(p->csv, ",%.9g,%.9g,,,,%s,", t, rss, t >= drained ? "settle" : "drain");
            report_put_csv_number(p->csv, lazy);
            fprintf(p->csv, ",%.9g\n", baseline);
        }
        span->peak = fmax(span->peak, heap);
        span->after = fmax(span->after, (t - end) / 1e9);
        span->lazy |= lazy > 0;
    }
    figure_end_series(p, drawn);
}

/* When the collector ran, as stretches of seconds; those too near to be told apart in the picture become one.
 * The number of collections. */
static size_t put_collections(struct plot *p, const struct report_work *w, const struct report_cell *c,
                              const struct sample *s, double seconds)
{
    size_t points = s->timeline_gc_t_ns.count, n = 0;
    double from = NAN, to = NAN, near = seconds / (2.0 * FIGURES_POINTS);
    for (size_t i = 0; i < points && i < TIMELINE_COLLECTIONS; i++) {
        double t = timeline_value(&s->timeline_gc_t_ns, i), length = timeline_value(&s->timeline_gc_ns, i);
        if (!(t >= 0) || !(length >= 0) || !isfinite(t + length))
            continue;
        n++;
        figure_csv_row(p, w, c);
        fprintf(p->csv, ",%.9g,,,,%.9g,run,,\n", t, length);
        if (t / 1e9 > to + near) {
            fprintf(p->data, "%.9g %.9g\n", from, to);
            from = NAN;
        }
        from = isfinite(from) ? from : t / 1e9;
        to = fmax(to, (t + length) / 1e9); /* fmax leaves a NaN out */
    }
    if (isfinite(from))
        fprintf(p->data, "%.9g %.9g\n", from, to);
    figure_end_series(p, n);
    return n;
}

static int figure_timeline(struct plots *plots, const struct report_data *d, size_t work, struct message *m)
{
    const struct report_work *w = &d->work[work];
    const struct report_cell *cell[FIGURES_SERIES];
    const struct sample *shown[FIGURES_SERIES];
    size_t n = 0;
    for (size_t i = w->first; i < w->first + w->cells && n < FIGURES_SERIES; i++)
        if (!report_is_floor(&d->cell[i]) && (shown[n] = timeline_of(&d->cell[i])))
            cell[n++] = &d->cell[i];
    if (n == 0)
        return 0;
    struct plot *p = plot_begin(plots, "timeline", w->name, m);
    if (!p)
        return -EIO;
    p->section = work;
    figure_title(p, w, "memory over time", true);
    figure_series(p, cell, n, "TITLE");
    fputs("workload,threads,configuration,t_ns,rss_bytes,live_bytes,allocated_bytes,collection_ns,phase,"
          "lazy_free_bytes,baseline_rss_bytes\n",
          p->csv);
    struct timeline_span span = {.allocated = true};
    bool above = true; /* of all the baseline is known */
    for (size_t i = 0; i < n; i++)
        above = above && sample_has(shown[i], memory_baseline_rss_bytes);
    for (size_t i = 0; i < n; i++)
        put_timeline(p, w, cell[i], shown[i], &span);
    size_t collections = 0;
    for (size_t i = 0; i < n; i++)
        collections += put_collections(p, w, cell[i], shown[i], span.seconds);
    for (size_t i = 0; i < n; i++)
        put_after(p, w, cell[i], shown[i], &span);
    plot_text(p, "YLABEL", above ? "MiB above the baseline" : "MiB, whole process");
    plot_number(p, "AFTER", span.after);
    plot_number(p, "LAZY", span.lazy);
    plot_number(p, "MARKS", collections > 0);
    plot_number(p, "YMAX", span.peak > 0 ? 1.08 * span.peak / MIB : 1);
    plot_number(p, "TMAX", span.seconds > 0 ? span.seconds : 1);
    plot_number(p, "GMAX", span.gib > 0 ? span.gib : 1);
    plot_number(p, "ALLOCATED", span.allocated && span.gib > 0);
    snprintf(p->finding, sizeof p->finding,
             "Resident memory of %zu configurations over the same work, up to %s%s, beside the bytes that "
             "are live.",
             n, report_figure(span.peak, UNIT_BYTES).text,
             above ? " above what was resident before it began" : " with the program's own");
    snprintf(p->caption, sizeof p->caption,
             "one sample each, of the first block; floors (null, bump) left out%s%s%s",
             span.after > 0
                 ? "; at the right what comes after the measured phase: up to the dot all is freed, "
                   "from there on memory settles"
                 : "",
             span.lazy ? "; dotted: without what was freed lazily (MADV_FREE)" : "",
             collections ? "; marks at the top: collections" : "");
    return plot_draw(plots, p, m);
}

int figures_of_memory(struct plots *plots, const struct report_data *d, size_t work, struct message *m)
{
    const struct figure_pareto time = {"time",
                                       "time against memory",
                                       report_metric_of(KEY_memory_heap_peak_bytes),
                                       report_metric_of(KEY_wall_ns),
                                       "MiB of heap at the peak",
                                       "wall time",
                                       3};
    int err = figure_memory(plots, d, work, m);
    if (!err)
        err = figure_pareto(plots, d, work, &time, m);
    return err ? err : figure_timeline(plots, d, work, m);
}
