/* spawn.h: one sample = one fresh process (or several side by side). Starts the workers, holds them at their
 * phases, samples their memory from outside, enforces limits, and fills the sample. A worker that
 * dies is a status, never an error of ours. */
#ifndef HG_BENCH_SAMPLE_SPAWN_H
#define HG_BENCH_SAMPLE_SPAWN_H

#include "bench/plan/cell.h"
#include "bench/plan/settings.h"
#include "bench/result/sample.h"

#include <signal.h>

/* What was asked for, or three quarters of the machine's memory where that is 0. */
uint64_t spawn_memory_limit(uint64_t asked_bytes);

/* Set by a signal handler: the sample under way is ended and spawn_sample returns -EINTR. */
extern volatile sig_atomic_t spawn_interrupted;

/* Runs one sample of the cell; settings: its own, where an oracle sample (no times, no memory) has the
 * number of its walks in oracle and another sample 0, and one of the tails has every_call; sample has the
 * cell in it already. Sets status, reason and every figure. 0, -EINTR, or another -errno with a message when no process can be started at
 * all. */
int spawn_sample(const struct cell *cell, uint64_t seed, const struct settings *settings,
                 struct sample *sample, struct message *m);

#endif
