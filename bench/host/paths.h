/* paths.h: where the programs, libraries, suites and plots of this installation are: beside the program (a
 * build folder) or in ../libexec/heapgauge and ../share/heapgauge (an installation). */
#ifndef HG_BENCH_HOST_PATHS_H
#define HG_BENCH_HOST_PATHS_H

#include "alloc/base/message.h"

#include <stddef.h>

/* 0, or -ENOENT with a message. */
int paths_program(const char *name, char *out, size_t size, struct message *m); /* workers and libraries */
int paths_suite(const char *name, char *out, size_t size,
                struct message *m); /* "default" -> .../suites/default.ini */
int paths_plot(const char *name, char *out, size_t size,
               struct message *m); /* "throughput" -> .../plot/throughput.gp */
/* The folders, to list what is in them. */
int paths_suites(char *out, size_t size, struct message *m);
int paths_plots(char *out, size_t size, struct message *m);

#endif
