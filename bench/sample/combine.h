/* combine.h: the figures of several processes that make one sample together, as one record.
 *
 * A worker that is one of several says each of its distributions whole (the line "hist" of protocol.h) beside
 * its figures. Here they are merged: a percentile is that of all values of all processes, not a mean of
 * percentiles. Other figures add up or are the worst process's, by their key: the rules are a table in
 * combine.c, their meaning is in results/SCHEMA.md. What has no rule stays the first process's. */
#ifndef HG_BENCH_SAMPLE_COMBINE_H
#define HG_BENCH_SAMPLE_COMBINE_H

#include "bench/result/store.h"

#define COMBINE_MAX 64u /* distributions of a sample: more are refused */

struct combined;
/* Zero is empty. */
struct combine {
    struct combined *of[COMBINE_MAX];
    unsigned count;
};

/* Takes up what follows "hist " in a line: PREFIX UNIT MAX INDEX:COUNT ... A line that is not of this form,
 * or too many distributions: false, and nothing is taken. The text is changed. */
bool combine_hist(struct combine *c, char *text);
/* into holds what the first process said; said[0..count-1] what the others did. */
void combine_records(const struct combine *c, struct record *into, struct record *const *said,
                     unsigned count);
void combine_free(struct combine *c);

#endif
