/* table.h: samples as a table for a terminal of 80 columns: per workload a row for each configuration. */
#ifndef HG_BENCH_REPORT_TABLE_H
#define HG_BENCH_REPORT_TABLE_H

#include "compare.h"

/* baseline: the spec that ratios are against ("system"), or NULL: the first of each workload. planned, blocks: what the
 * whole run was to have. */
void report_table(FILE *out, struct sample *const *sample, size_t samples, const char *baseline,
                  size_t planned, size_t blocks);
/* The same from data at hand; c: of throughput. */
void report_table_of(FILE *out, const struct report_data *d, const struct report_comparisons *c,
                     const struct baseline *baseline);
/* "2.312 +-0.4%", in 12 columns: the median, and half the width of the interval over blocks where there is one. */
void report_heap_live(const struct report_cell *cell, char *out, size_t size);

#endif
