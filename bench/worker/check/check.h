/* check.h: is this allocator correct? A list of checks over the contract of alloc/alloc.h, each run in a
 * process of its own, so that a crash or a hang fails that check alone. check.c runs them, checks.c holds
 * them. */
#ifndef HG_BENCH_WORKER_CHECK_CHECK_H
#define HG_BENCH_WORKER_CHECK_CHECK_H

#include "alloc/alloc.h"
#include "alloc/base/rng.h"

#include <pthread.h>
#include <stdio.h>

struct check {
    const struct alloc *a;
    unsigned flags; /* of the whole stack, as spec.flags */
    struct rng rng;
    char reason[1024]; /* why it failed; why it does not apply, with skip; or what else there is to say */
    bool skip;
    pthread_mutex_t gil; /* what a backend without a lock is used under, as CPython uses its own */
};

/* Every check returns true when the allocator keeps the contract, else it has filled the reason. */
struct check_case {
    const char *name, *summary;
    bool (*run)(struct check *c);
    unsigned flags; /* it is for allocators that have these alone */
};
extern const struct check_case check_cases[]; /* ended by a NULL name */

/* Runs the checks whose names stand in only (comma-separated; empty: all), and prints one line each:
 *   ok NAME: SUMMARY[; MORE] | FAIL NAME: REASON | skip NAME: REASON
 * Returns how many failed. Any thread of the caller's must be quiet: it forks. limit_s: a check that takes
 * longer hangs. */
int worker_check(struct alloc_stack *stack, unsigned flags, const char *only, uint64_t seed, unsigned limit_s,
                 FILE *out);

/* A worker that was started with --check: opens the backend and runs the checks, lines on standard output. */
int worker_check_main(int argc, char **argv);

/* worker/proof.c: 0 when malloc is served by this file (empty: by any), else -EINVAL with a message. */
int proof_serves(const char *library, struct message *m);

#endif
