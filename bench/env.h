#ifndef HG_BENCH_ENV_H
#define HG_BENCH_ENV_H
#include "store.h"
void env_record(struct record *r, const char *prefix);
#endif
