/* session.h: carries out a plan: sample after sample, stored as it comes, progress told on standard error.
 * Ctrl-C ends the sample under way and leaves a folder that --resume goes on with. */
#ifndef HG_BENCH_SAMPLE_SESSION_H
#define HG_BENCH_SAMPLE_SESSION_H

#include "bench/plan/plan.h"
#include "bench/result/run.h"
#include "spawn.h"

struct session {
    struct plan *plan;
    struct spawn_limits limits;
    uint64_t settle_ns; /* of the samples of block 0; later blocks do not wait (the figure hardly varies) */
    bool settle_always;
    struct run_file *store; /* NULL: nothing is kept */
    bool json;              /* samples on standard output as they come */
    bool quiet;             /* no progress */
    struct run *done;       /* samples of an earlier session that are not run again; or NULL */
    char run_id[64];
    /* results */
    struct sample **sample; /* those of this session, in order */
    size_t samples;
    unsigned failed; /* cells' samples that are not ok, not-applicable ones apart */
    bool interrupted;
};

/* 0, or -errno with a message when the session itself cannot go on (no process, store failed). */
int session_run(struct session *s, struct message *m);
void session_free(struct session *s);

/* run.json of a new run. */
struct record *session_describe(const struct session *s, const char *suite, const char *baseline);
/* "20261121-031500-1a2b3c": time and a random part. */
void session_new_id(char *out, size_t size);

/* What was asked for, or three quarters of the machine's memory when it is 0. */
uint64_t session_memory_limit(uint64_t asked);

#endif
