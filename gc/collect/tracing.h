/* tracing.h: the end of a runtime whose policy counts nothing. */
#ifndef HG_GC_COLLECT_TRACING_H
#define HG_GC_COLLECT_TRACING_H

struct runtime;

/* Nobody runs any more: frees every object that is left, and the table. */
void tracing_free_all(struct runtime *r);

#endif
