/* census.h: what lay in the heap at the peak, by type, of the cells that a census was taken of (run --census,
 * census = 1 in a suite): the first ok sample of each. Words of records go out through text.h alone. */
#ifndef HG_BENCH_REPORT_CENSUS_H
#define HG_BENCH_REPORT_CENSUS_H

#include "bench/result/sample.h"

#include <stdio.h>

/* Tables for a terminal of 80 columns; nothing when no sample has a census. */
void report_census(FILE *out, struct sample *const *sample, size_t samples);
/* The same as a section of a page. */
void report_census_html(FILE *out, struct sample *const *sample, size_t samples);

#endif
