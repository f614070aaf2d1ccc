/* hgo_ours.h: runs object scripts on our runtime: the other side of hgo_cpython.h. */
#ifndef HG_TESTS_HGO_OURS_H
#define HG_TESTS_HGO_OURS_H

#include "hgo_emit.h"

/* A fresh runtime on pymalloc with the generational collector of 3.11. */
int hgo_ours_run(const struct objscript *s, hgo_emit *emit, void *arg, struct message *m);

#endif
