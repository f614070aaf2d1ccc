/* session.h: carries out a plan: sample after sample, stored as it comes, progress printed on standard error.
 * Ctrl-C ends the sample under way and leaves a folder that --resume goes on with. */
#ifndef HG_BENCH_SAMPLE_SESSION_H
#define HG_BENCH_SAMPLE_SESSION_H

#include "bench/plan/plan.h"
#include "bench/result/run.h"
#include "spawn.h"

struct session {
    struct plan *plan;
    const struct settings *settings; /* of the whole run; those of each cell are in the plan */
    bool settle_always;     /* else memory is watched after the drain in block 0 alone: it hardly varies */
    struct run_file *store; /* NULL: nothing is kept */
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

#endif
