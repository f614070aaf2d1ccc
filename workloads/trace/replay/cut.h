/* cut.h: where the order of a recording is cut into epochs, so that several workers can replay it and hold what
 * the recording held. Pure arithmetic: load.c asks it operation by operation, in the recording's order.
 *
 * Within an epoch the workers run freely, each in its own order; no worker begins an epoch before all have ended
 * the one before. So, with live bytes counted from the epoch's beginning, what is live within it is at most the
 * sum of every worker's own highest point, and at least the sum of their lowest. The recording's own path through
 * the epoch lies between these. An epoch ends where either would leave the recording's highest or lowest point in
 * it by more than `slack` bytes. What one worker allocates and frees itself so costs nothing, nor does growth that
 * the recording shows too: epochs are short only where memory passes between workers.
 *
 * An epoch of one operation keeps to the recording by itself, so the rule can always be kept. */
#ifndef HG_WORKLOADS_TRACE_REPLAY_CUT_H
#define HG_WORKLOADS_TRACE_REPLAY_CUT_H

#include <stdbool.h>
#include <stdint.h>

enum replay_order { ORDER_LIVE, ORDER_STRICT, ORDER_FREE }; /* as the parameter `order` has them */

/* The most that live bytes may be off, as a part of the recording's peak. */
#define CUT_SLACK_DIVISOR 16

struct cut_path { /* live bytes from the epoch's beginning: now, at most, at least */
    int64_t net, most, least;
};

struct cut_worker {
    uint64_t epoch; /* that `path` is of */
    struct cut_path path;
};

struct cut {
    enum replay_order order;
    int64_t slack;
    struct cut_worker *worker;     /* [workers], zeroed */
    uint64_t epoch;                /* 0: not begun */
    struct cut_path recorded, sum; /* of the recording; most and least: sums over the workers */
    unsigned last;                 /* whose the operation before was */
    bool forced;                   /* the next operation begins an epoch */
};

/* The next operation is this worker's and changes live bytes by so much. Does an epoch begin with it? */
bool cut_op(struct cut *c, unsigned worker, int64_t change);

#endif
