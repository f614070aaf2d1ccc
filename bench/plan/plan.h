/* plan.h: from cells to the order in which samples are run. A block is every configuration of every workload
 * once, in a seeded shuffled order, the baseline twice (a permanent A/A arm); blocks follow one another. Same
 * cells, same seed, same plan. */
#ifndef HG_BENCH_PLAN_PLAN_H
#define HG_BENCH_PLAN_PLAN_H

#include "cell.h"
#include "alloc/base/words.h"

struct plan_cell {
    struct cell cell;
    unsigned group;     /* cells of one group are compared with one another; counted from 0 */
    bool baseline;      /* runs twice a block */
    char refused[1024]; /* why it cannot work; empty: it can */
};

struct plan_sample {
    unsigned cell; /* index */
    unsigned block, position;
    uint64_t seed; /* the same for all cells of a group in a block: equal work, so equal checksums */
    bool oracle;   /* an extra sample that finds garbage and tells no times */
};

struct plan {
    char name[128];
    uint64_t seed;
    unsigned blocks;
    uint64_t oracle; /* walks of each object cell's oracle sample, set before plan_order; 0: there is none */
    struct plan_cell *cell;
    unsigned cells, groups;
    struct plan_sample *sample;
    size_t samples;
};

/* The axes of a workload's cells as a user wrote them: lists, which are multiplied out. Each number of
 * threads in each number of processes is a group; parallel ("1x1, 2x1, 1x2", threads x processes; empty:
 * none) makes one group of all of its pairs. */
struct plan_axes {
    const char *workload, *alloc, *rc, *gc, *threads, *processes, *parallel, *place;
    const char *baseline; /* these cells run twice; NULL: none does */
    bool census;          /* of object cells: their samples tell what lay in their heap */
    const char *dashes;   /* before an option's name in messages: "--" or "" */
    bool keep_refused; /* a combination that cannot work becomes a not-applicable cell; else it is an error */
};

/* Adds the cells. 0, or -errno with a message. */
int plan_add(struct plan *p, const struct plan_axes *axes, const struct place *places, struct message *m);

/* Makes the samples of blocks 0 .. blocks-1 and, as block `blocks`, the oracle samples, which do block 0's
 * work. shards > 1 keeps the groups g with g % shards == shard. 0 or -ENOMEM. */
int plan_order(struct plan *p, unsigned blocks, uint64_t seed, unsigned shard, unsigned shards);

void plan_free(struct plan *p);

#endif
