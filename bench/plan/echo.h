/* echo.h: the settings of a run in its run.json. */
#ifndef HG_BENCH_PLAN_ECHO_H
#define HG_BENCH_PLAN_ECHO_H

#include "cell.h"
#include "settings.h"

/* settings{}: every row of IN_ECHO by its name, durations in NAME_ns, sizes in NAME_bytes. 0 or -ENOMEM. */
int echo_settings(const struct settings *s, struct record *run);

#endif
