/* hgo_ours.h: runs object scripts on our runtime: the other side of hgo_cpython.h. */
#ifndef HG_TESTS_HGO_OURS_H
#define HG_TESTS_HGO_OURS_H

#include "hgo_emit.h"
#include "gc/python.h"

/* The CPython that it is to be; set before the first run. */
extern const struct python_rules *hgo_ours_python;

/* A fresh runtime on pymalloc with that version's generational collector. */
int hgo_ours_run(const struct objscript *s, hgo_emit *emit, void *arg, struct message *m);

#endif
