/* plan.h: from cells to the order in which samples are run. A block is every configuration of every workload
 * once, in a seeded shuffled order, the baseline twice (a permanent A/A arm); blocks follow one another. Same
 * cells, same seed, same plan. */
#ifndef HG_BENCH_PLAN_PLAN_H
#define HG_BENCH_PLAN_PLAN_H

#include "cell.h"
#include "settings.h"

struct plan_cell {
    struct cell cell;
    const struct settings *settings; /* the plan's: those that its cells were added with */
    unsigned group;                  /* cells of one group are compared with one another; counted from 0 */
    bool baseline;                   /* of its group; runs twice a block, unless the plan says once */
    char refused[1024];              /* why it cannot work; empty: it can */
};

struct plan_sample {
    unsigned cell; /* index */
    unsigned block, position;
    uint64_t seed; /* the same for all cells of a group in a block: equal work, so equal checksums */
    bool oracle;   /* an extra sample that finds garbage and has no times */
    bool tails;    /* an extra sample that times every operation and has latencies alone */
};

struct plan {
    char name[128];
    uint64_t seed;
    unsigned blocks;
    bool baseline_once; /* too few blocks for an A/A arm, and nobody named a baseline */
    struct plan_cell *cell;
    unsigned cells, groups;
    struct settings **settings; /* one for each plan_add */
    unsigned additions;
    struct thp_machine machine; /* read with the first addition */
    struct plan_sample *sample;
    size_t samples;
};

/* Adds the cells of one workload, with a copy of the settings. The axes among them (alloc, rc, gc, thp,
 * threads, processes) are lists, which are multiplied out. Each number of threads in each number of
 * processes is a group; parallel makes one group of all of its pairs. No cell
 * is marked to run twice yet. of_suite: the words stand in a suite file, where a combination that
 * cannot work becomes a not-applicable cell; on the command line it is an error. What this machine alone cannot
 * do becomes one in both. 0, or -errno with a
 * message. */
int plan_add(struct plan *p, const struct settings *settings, bool of_suite, const struct place *places,
             struct message *m);

/* Marks of each group of the cells from `first` on those that are its baseline, by the rule of baseline.h (b:
 * NULL: none is named). The number of groups that have what is named. */
unsigned plan_mark_baseline(struct plan *p, unsigned first, const struct baseline *b);
/* Whether any of the cells from `first` on is what the baseline names. */
bool plan_has_baseline(const struct plan *p, unsigned first, const struct baseline *b);
/* The configurations of the cells from `first` on, each once, as far as there is room. */
const char *plan_labels(const struct plan *p, unsigned first, char *out, size_t size);

/* Makes the samples of blocks 0 .. blocks-1 and, as block `blocks`, the oracle samples and then those of the
 * tails of the cells whose settings ask for one, which do block 0's work. shards > 1 keeps the groups g with g % shards == shard. 0
 * or -ENOMEM. */
int plan_order(struct plan *p, unsigned blocks, uint64_t seed, unsigned shard, unsigned shards);

void plan_free(struct plan *p);

#endif
