/* report_table.h: samples as a table for a terminal of 80 columns: per workload a row for each configuration. */
#ifndef HG_BENCH_REPORT_TABLE_H
#define HG_BENCH_REPORT_TABLE_H

#include "store.h"

/* baseline: the spec that ratios are against ("system"), or NULL: the first of each workload. */
void report_table(FILE *out, struct record *const *sample, size_t samples, const char *baseline);

#endif
