/* collectors.h: tables of 80 columns on collectors: what else was so at the setting that gave a pause, and
 * lower-bound overheads. A pause can be had as short as wanted by doing the work elsewhere or not at all, so
 * none is printed without throughput, the collector's share of the time, memory, the garbage that waited and
 * how long. */
#ifndef HG_BENCH_REPORT_COLLECTORS_H
#define HG_BENCH_REPORT_COLLECTORS_H

#include "lbo.h"

#include <stdio.h>

/* Whether the metric is about pauses. */
bool report_is_pause(const struct report_metric *metric);
/* The metric of the work's cells as it is (not as a ratio), and beside it those figures. */
void report_beside_pauses(FILE *out, const struct report_data *d, size_t work,
                          const struct report_metric *metric);

/* The same by keys: of a cell as cells.N of a record. */
void report_beside_record(struct record *r, size_t n, const struct report_cell *c);

/* Every work that has any. */
void report_lbo_table(FILE *out, const struct report_data *d, const struct report_lbo *lbo);
void report_lbo_record(struct record *r, const struct report_data *d, const struct report_lbo *lbo);

#endif
