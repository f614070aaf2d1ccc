/* combine.h: the figures of several processes that make one sample together, as one sample.
 *
 * A worker that is one of several sends each of its distributions whole (the line "hist" of protocol.h)
 * beside its figures. Here they are merged: a percentile is that of all values of all processes, not a mean
 * of percentiles. What becomes of the other figures is the RULE of their row in schema.h. */
#ifndef HG_BENCH_SAMPLE_COMBINE_H
#define HG_BENCH_SAMPLE_COMBINE_H

#include "bench/result/sample.h"

#define COMBINE_MAX 64u /* distributions of a sample: more are refused */

struct combined;
/* Zero is empty. */
struct combine {
    struct combined *of[COMBINE_MAX];
    unsigned count;
};

/* Takes up what follows "hist " in a line: PREFIX UNIT MAX INDEX:COUNT ... A line that is not of this form,
 * a distribution whose PREFIX.max_UNIT is no key, or too many: false, and nothing is taken. The text is
 * changed. */
bool combine_hist(struct combine *c, char *text);
/* into holds what the first process sent; said[0..count-1] what the others did. 0 or -ENOMEM. */
int combine_samples(const struct combine *c, struct sample *into, struct sample *const *said, unsigned count);
void combine_free(struct combine *c);

#endif
