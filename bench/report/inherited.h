/* inherited.h: variables of allocators that workers had from outside, in no configuration's braces: they
 * change results, and are in no row of a table. Texts are "NAME=VALUE, NAME=VALUE" by name, each once; to
 * free(). */
#ifndef HG_BENCH_REPORT_INHERITED_H
#define HG_BENCH_REPORT_INHERITED_H

#include "data.h"

/* Of all samples; "" when there are none, NULL: out of memory. */
char *report_inherited(const struct report_data *d);
/* Of a run.json; NULL where it does not have them (of an earlier version) or memory is out. */
char *report_inherited_of_run(const struct record *run);

#endif
