/* parts.h: what the files of figures share: which cells a picture shows, how they look, how its text and its
 * .csv begin. Figures of throughput are in figures.c, of memory in memory.c, of pauses in pauses.c. */
#ifndef HG_BENCH_REPORT_FIGURES_PARTS_H
#define HG_BENCH_REPORT_FIGURES_PARTS_H

#include "bench/report/compare.h"
#include "bench/report/plot.h"

#define FIGURES_SERIES 7u /* more lines than that nobody can tell apart */
#define FIGURES_BARS   24u
#define FIGURES_POINTS 300u /* of a timeline */
#define MIB            1048576.0

/* Cells of a work that a picture can show: those that have a value, floors last or left out. */
size_t figure_pick(const struct report_data *d, const struct report_work *w,
                   const struct report_metric *metric, bool floors, size_t most,
                   const struct report_cell **out);
/* In a picture there is little room: "jemalloc" for "preload:jemalloc", and of a path the file. */
const char *figure_short_label(const char *shown);
/* N, CHARS and the arrays `label`, COLOUR, MARK and DASH. At most FIGURES_BARS cells. */
void figure_series(struct plot *p, const struct report_cell *const *cell, size_t n, const char *label);
void figure_title(struct plot *p, const struct report_work *w, const char *what, bool with_where);
/* Ends a series. gnuplot does not count a block of no points, and would draw the next in its stead: it gets
 * one that is not drawn. */
void figure_end_series(struct plot *p, size_t points);
/* "workload,threads,configuration" */
void figure_csv_row(struct plot *p, const struct report_work *w, const struct report_cell *c);

/* Two figures of a work's configurations against each other, both better when less, with the line that
 * nothing is below: the choices that are not worse in both than another. */
struct figure_pareto {
    const char *stem, *what;           /* of the file's name; of the title */
    const struct report_metric *x, *y; /* x in bytes or a count, y in ns */
    const char *xlabel, *ylabel;
    size_t least; /* configurations under which there is nothing to choose */
};
int figure_pareto(struct plots *plots, const struct report_data *d, size_t work,
                  const struct figure_pareto *what, struct message *m);

/* Of one work. 0, also where it has nothing to show; -errno with a message. */
int figures_of_memory(struct plots *plots, const struct report_data *d, size_t work, struct message *m);
int figures_of_pauses(struct plots *plots, const struct report_data *d, size_t work, struct message *m);

#endif
