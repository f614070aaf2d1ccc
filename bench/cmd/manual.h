/* manual.h: the part of the manual page (docs/heapgauge.1) that is made from the verbs and their options. */
#ifndef HG_BENCH_CMD_MANUAL_H
#define HG_BENCH_CMD_MANUAL_H

#include "option.h"

/* A section OPTIONS in man macros, with a part for each verb up to the one without a name. */
void manual_options(const struct command *verbs, FILE *out);

#endif
