/* hgo_cpython.h: runs object scripts on the CPython that this program is linked with. */
#ifndef HG_TESTS_HGO_CPYTHON_H
#define HG_TESTS_HGO_CPYTHON_H

#include "hgo_emit.h"

extern const char hgo_cpython_version[]; /* "3.14" */
extern const char hgo_cpython_release[]; /* "3.14.10" */

/* Starts the interpreter and takes its own objects out of the collector's sight: what follows starts with
 * counts 0,0,0, nothing long-lived, empty free lists. Once a process. */
int hgo_cpython_start(struct message *m);

/* Runs one script from that state. The process is used up: call it in a child. */
int hgo_cpython_run(const struct objscript *s, hgo_emit *emit, void *arg, struct message *m);

#endif
