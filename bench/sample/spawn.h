/* spawn.h: one sample = one fresh process (or several side by side). Starts the workers, holds them at their
 * phases, samples their memory from outside, enforces limits, and fills the sample. A worker that
 * dies is a status, never an error of ours. */
#ifndef HG_BENCH_SAMPLE_SPAWN_H
#define HG_BENCH_SAMPLE_SPAWN_H

#include "bench/plan/cell.h"
#include "bench/result/sample.h"

#include <signal.h>

struct spawn_limits {
    uint64_t timeout_ns;   /* of one sample */
    uint64_t memory_bytes; /* resident, of all its processes */
    uint64_t settle_ns;    /* how long after the drain memory is watched: 0, 100 ms or 1 s */
    uint32_t latency_every;
    const char *heapmap; /* file for the heap map of the sample; NULL: none */
    const char *pauses;  /* file for its pauses; NULL: none */
    uint64_t oracle;     /* walks of an oracle sample, which has no times and no memory; 0: another sample */
    const char *heap_snapshot; /* what the names of its heap snapshots begin with; NULL: none */
};

/* Set by a signal handler: the sample under way is ended and spawn_sample returns -EINTR. */
extern volatile sig_atomic_t spawn_interrupted;

/* Runs one sample of the cell; sample has the cell in it already. Sets status, reason and every figure. 0, -EINTR, or another -errno with a message when no process can be started at all. */
int spawn_sample(const struct cell *cell, uint64_t seed, const struct spawn_limits *limits,
                 struct sample *sample, struct message *m);

#endif
