/* pareto.c: figure_pareto of parts.h. */
#include "parts.h"

#include "bench/report/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct choice {
    const struct report_cell *cell;
    struct stats_interval x, y;
};

/* The level over blocks with its interval; where a value is 0, which has no logarithm, the median alone. */
static struct stats_interval level_of(const struct report_cell *c, const struct report_metric *metric)
{
    size_t n;
    double median = report_median(c, metric);
    struct stats_interval ci = report_level(c, metric, &n);
    if (!(median > 0) || !isfinite(ci.estimate))
        return (struct stats_interval){median, median, median};
    if (!isfinite(ci.lo) || !isfinite(ci.hi))
        ci.lo = ci.hi = ci.estimate;
    return ci;
}

static int by_x(const void *a, const void *b)
{
    const struct choice *p = a, *q = b;
    if (p->x.estimate != q->x.estimate)
        return p->x.estimate < q->x.estimate ? -1 : 1;
    return (p->y.estimate > q->y.estimate) - (p->y.estimate < q->y.estimate);
}

static bool can_be_shown(struct stats_interval v)
{
    return v.estimate == 0 || (v.lo > 1e-3 && v.hi < 1e18);
}

/* The choices that have both figures: how many. */
static size_t pick_choices(const struct report_data *d, const struct report_work *w,
                           const struct figure_pareto *what, struct choice out[FIGURES_SERIES])
{
    const struct report_cell *cell[FIGURES_BARS];
    size_t picked = figure_pick(d, w, what->y, false, FIGURES_BARS, cell), n = 0;
    for (size_t i = 0; i < picked && n < FIGURES_SERIES; i++) {
        struct choice at = {cell[i], level_of(cell[i], what->x), level_of(cell[i], what->y)};
        if (can_be_shown(at.x) && can_be_shown(at.y))
            out[n++] = at;
    }
    return n;
}

struct axis {
    double low, high;
    bool logs;
};

/* Logarithms where the figures are far apart and all above 0; else what holds them, with room: what is 10 %
 * apart looks near. */
static struct axis axis_of(const struct choice *c, size_t n, bool y)
{
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < n; i++) {
        struct stats_interval v = y ? c[i].y : c[i].x;
        least = fmin(least, v.lo);
        most = fmax(most, v.hi);
    }
    if (least > 0 && most > 20 * least)
        return (struct axis){least / 1.5, most * 1.5, true};
    double room = most > 0 ? fmax(0.2 * (most - least), 0.1 * most) : 1;
    return (struct axis){fmax(0, least - room), most + room, false};
}

/* Unit of a time axis. */
static double time_unit(struct axis axis, const char **name)
{
    static const char *const names[] = {"ns", "us", "ms", "s"};
    double unit = 1;
    size_t u = 0;
    for (; u < 3 && axis.high >= 2000 * unit; u++)
        unit *= 1000;
    *name = names[u];
    return unit;
}

int figure_pareto(struct plots *plots, const struct report_data *d, size_t work,
                  const struct figure_pareto *what, struct message *m)
{
    const struct report_work *w = &d->work[work];
    const struct report_cell *cell[FIGURES_SERIES];
    struct choice choice[FIGURES_SERIES];
    size_t n = pick_choices(d, w, what, choice), front = 0;
    char stem[128];
    if (n < what->least)
        return 0;
    snprintf(stem, sizeof stem, "%s %.100s", what->stem, w->name);
    struct plot *p = plot_begin(plots, "pareto", stem, m);
    if (!p)
        return -EIO;
    struct axis x = axis_of(choice, n, false), y = axis_of(choice, n, true);
    const char *time;
    double x_unit = what->x->unit == UNIT_BYTES ? MIB : 1, y_unit = time_unit(y, &time);
    char label[96];
    for (size_t i = 0; i < n; i++)
        cell[i] = choice[i].cell;
    figure_title(p, w, what->what, true);
    figure_series(p, cell, n, "TITLE");
    snprintf(label, sizeof label, "%s (%s)", what->ylabel, time);
    plot_text(p, "XLABEL", what->xlabel);
    plot_text(p, "YLABEL", label);
    plot_number(p, "LOGX", x.logs);
    plot_number(p, "LOGY", y.logs);
    plot_number(p, "XMIN", x.low / x_unit);
    plot_number(p, "XMAX", x.high / x_unit);
    plot_number(p, "YMIN", y.low / y_unit);
    plot_number(p, "YMAX", y.high / y_unit);
    fprintf(p->csv, "workload,threads,configuration,%s,%s_ci_low,%s_ci_high,%s,%s_ci_low,%s_ci_high\n",
            what->x->path, what->x->path, what->x->path, what->y->path, what->y->path, what->y->path);
    for (size_t i = 0; i < n; i++) {
        const struct stats_interval at = choice[i].x, ns = choice[i].y;
        fprintf(p->data, "%.9g %.9g %.9g %.9g %.9g %.9g\n\n\n", at.estimate / x_unit, ns.estimate / y_unit,
                at.lo / x_unit, at.hi / x_unit, ns.lo / y_unit, ns.hi / y_unit);
        figure_csv_row(p, w, choice[i].cell);
        fprintf(p->csv, ",%.9g,%.9g,%.9g,%.9g,%.9g,%.9g\n", at.estimate, at.lo, at.hi, ns.estimate, ns.lo,
                ns.hi);
    }
    /* From the left, each that is lower than all before it. */
    qsort(choice, n, sizeof *choice, by_x);
    const struct report_cell *last = choice[0].cell;
    double lowest = INFINITY;
    fprintf(p->data, "%.9g %.9g\n", choice[0].x.estimate / x_unit, y.high / y_unit);
    for (size_t i = 0; i < n; i++) {
        if (choice[i].y.estimate >= lowest)
            continue;
        lowest = choice[i].y.estimate;
        last = choice[i].cell;
        fprintf(p->data, "%.9g %.9g\n", choice[i].x.estimate / x_unit, lowest / y_unit);
        front++;
    }
    fprintf(p->data, "%.9g %.9g\n", x.high / x_unit, lowest / y_unit);
    if (front == 1)
        snprintf(p->finding, sizeof p->finding, "%.100s is best in both.", last->shown);
    else
        snprintf(p->finding, sizeof p->finding,
                 "%zu of %zu are not worse in both than another: from %.100s to %.100s.", front, n,
                 choice[0].cell->shown, last->shown);
    snprintf(p->caption, sizeof p->caption,
             "down and left is better; grey: the bound of what can be had; geometric means over %zu "
             "samples%s; floors left "
             "out",
             choice[0].cell->ok, d->blocks < STATS_MIN ? "" : " with exact 95 % intervals");
    return plot_draw(plots, p, m);
}
