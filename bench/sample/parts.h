/* parts.h: a sample under way, for the files that spawn.c is made of. */
#ifndef HG_BENCH_SAMPLE_PARTS_H
#define HG_BENCH_SAMPLE_PARTS_H

#include "combine.h"
#include "bench/host/env.h"
#include "measure.h"
#include "bench/worker/protocol.h"
#include "spawn.h"

#include "workloads/gauge.h"

#include <limits.h>
#include <sys/types.h>

#define SPAWN_STDERR_MAX 2000 /* the last bytes of what a worker wrote there, for the reason */

enum spawn_phase { PHASE_START, PHASE_BASELINE, PHASE_BEGIN, PHASE_PEAK, PHASE_DRAINED, PHASE_EXIT, PHASES };

struct spawn_worker {
    pid_t pid;
    int say, go, errors, statm, page;
    struct gauge *gauge;
    enum spawn_phase phase;
    uint64_t live_requested, live_usable;
    bool ended;
    int wait_status;
    unsigned lines;
    char line[PROTOCOL_LINE_MAX + 1];
    size_t line_bytes;
    char tail[SPAWN_STDERR_MAX + 1];
    size_t tail_bytes;
    struct sample *said; /* NULL: the first process, which writes into the sample itself */
};

struct spawn {
    const struct cell *cell;
    const struct settings *settings;
    bool timed; /* its times and its memory are figures: neither an oracle sample nor one of the tails */
    struct sample *sample;
    struct spawn_worker worker[CELL_PROCESSES_MAX];
    unsigned workers;
    struct combine combine; /* distributions, when there are several processes */
    struct measure measure;
    enum spawn_phase phase;
    uint64_t started_ns, drained_ns;
    struct env_state before;   /* of the machine, when the measured phase began */
    bool settling;             /* watching memory go back after the drain */
    enum sample_status status; /* SAMPLE_UNKNOWN: nothing is wrong yet */
    char reason[4096];
    char library[PATH_MAX];
};

/* start.c: starts worker `index` of the sample, its pipes open and its gauge mapped. 0 or -errno with a
 * message. */
int spawn_start(struct spawn *s, unsigned index, const char *worker, uint64_t seed, struct message *m);

#endif
