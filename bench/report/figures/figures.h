/* figures.h: which pictures a run gives, and their numbers. A family is the works that differ in threads (and
 * group) alone. */
#ifndef HG_BENCH_REPORT_FIGURES_FIGURES_H
#define HG_BENCH_REPORT_FIGURES_FIGURES_H

#include "bench/report/compare.h"
#include "bench/report/plot.h"

#define FIGURES_OVERVIEW SIZE_MAX /* the section of what is about all works */

struct report_family {
    size_t first, works; /* in report_data.work */
};

/* The family that the work belongs to. */
struct report_family report_family_at(const struct report_data *d, size_t work);

/* Draws all. A picture's section is the index of its work; a family's picture stands with its last work. */
int report_figures(struct plots *p, const struct report_data *d, const struct report_comparisons *c,
                   struct message *m);

#endif
