/* lives.h: a replay whose threads are the recording's (threads=recorded): a thread begins where one was born and
 * ends where that one ended, so that what an allocator keeps of threads that are gone is measured too.
 *
 * Each thread number of the recording is a worker of replay.h; one after the other, the threads that had the
 * number do its words, each from its birth to its end. Number 0 is the sample's own thread, from beginning to end,
 * and it starts and joins all others. It does so in epochs of their own, in which no call is made: when one is
 * closed, whoever was to end has given back what its end gives back, and whoever was born is there. So in every
 * epoch just those threads are alive that were alive in the recording.
 *
 * In a recording of several windows a thread that is alive at a window's end meets the sample's thread there.
 *
 * A thread that the recording never ends rests from its last call to the end of the round (of the last round: to
 * the drain), for what it keeps is kept at the peak too. */
#ifndef HG_WORKLOADS_TRACE_REPLAY_LIVES_H
#define HG_WORKLOADS_TRACE_REPLAY_LIVES_H

#include "workloads/workload.h"

/* Stands for the sample's thread where a thread of the recording is at work. */
struct life {
    struct workload_thread t;
    struct gauge_thread gauge;
    struct lives *lives;
    uint64_t begin; /* where its words begin, in the window of its birth */
    pthread_t thread;
    bool alive; /* started and not joined */
};

/* Does the words of t's worker, from `begin` on. True: the recording has an end of it. */
typedef bool lives_work(struct workload_thread *t, uint64_t begin);

struct lives {
    struct life *of; /* [workers] */
    unsigned workers;
    lives_work *work;
    struct workload_sample sample; /* a copy; its latency() may be called by all */
    struct workload_sample *outer;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t resting, ended_rounds; /* under the lock */
    uint64_t started;
    _Atomic uint64_t allocated_bytes, ops; /* at the ends of epochs */
};

/* NULL: no memory. state: the workload's, for the copy of the sample. */
struct lives *lives_open(struct workload_sample *s, unsigned workers, void *state, lives_work *work);
void lives_close(struct lives *l);
/* By the sample's thread. A thread that cannot be started ends the process. */
void lives_start(struct lives *l, unsigned worker, uint64_t begin);
void lives_join(struct lives *l, unsigned worker);
/* All have done their last words and rest. Before it, the last epoch is over. */
void lives_await_rest(struct lives *l);
/* Those that rest end. */
void lives_end(struct lives *l);
/* What the threads have counted goes to the sample's own. */
void lives_collect(struct lives *l, uint64_t live_bytes, uint64_t allocated_bytes);

#endif
