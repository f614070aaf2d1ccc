/* heapmap.h: a picture of a heap map (run --heapmap): arenas as rows, pools along them, coloured by how full
 * they are, a panel for each phase. */
#ifndef HG_BENCH_REPORT_HEAPMAP_H
#define HG_BENCH_REPORT_HEAPMAP_H

#include "alloc/base/message.h"

/* Draws csv into the folder `plots` beside it. title is what was run. 0, or -errno with a message; path gets
 * the SVG's. */
int report_heapmap(const char *csv, const char *title, char *path, size_t size, struct message *m);

#endif
