/* metric.h: a figure of samples as a metric: any key of the schema that has numbers, by its path or short
 * name. Title, unit and words come from its row (schema.h). */
#ifndef HG_BENCH_REPORT_METRIC_H
#define HG_BENCH_REPORT_METRIC_H

#include "alloc/base/message.h"
#include "bench/result/schema.h"

struct report_metric {
    enum schema_key key;
    enum schema_unit unit;
    const char *name, *path, *title; /* name: as --metric takes it; title: the path where a row has none */
    bool more_is_better;
    const char *higher, *lower; /* a verdict's word when cfg/base is above or below 1 */
};

/* NULL when the key has no numbers. */
const struct report_metric *report_metric_of(enum schema_key key);
/* "PREFIX.LAST", a key of the schema; NULL when there is none. */
const struct report_metric *report_metric_at(const char *prefix, const char *last);
/* A short name or a path. NULL with a message when it is neither, or has no numbers. */
const struct report_metric *report_metric_find(const char *word, struct message *m);
/* All short names, with blanks between. */
const char *report_metric_names(void);

#endif
