/* pause_log.h: the log of one thread's pauses: sums and histograms of all, and the first PAUSE_LOG_MAX
 * themselves. The memory is the caller's, mapped and faulted in before the measured phase; all zero bytes are
 * an empty log. One thread writes one; reading is for after it has stopped. Writing takes no clock, no lock
 * and no allocation (tests/perf/pause_log.c: what it costs). */
#ifndef HG_BENCH_WORKER_PAUSE_LOG_H
#define HG_BENCH_WORKER_PAUSE_LOG_H

#include "bench/stat/hist.h"
#include "bench/stat/mmu.h"

#include "gc/runtime.h"

#define PAUSE_LOG_MAX 50000

struct pause_log_cause {
    struct hist ns;
    uint64_t examined, freed, freed_bytes;
};

struct pause_log {
    struct hist all;
    struct pause_log_cause cause[PAUSE_CAUSES];
    uint64_t collector_ns[2], cascade_ns[2]; /* [1]: the whole program stood still */
    uint64_t dropped;                        /* for which there was no room below */
    size_t count;
    struct mmu_pause pause[PAUSE_LOG_MAX];
    uint8_t cause_of[PAUSE_LOG_MAX];
    struct pause *whole; /* [PAUSE_LOG_MAX], to be kept too; or NULL */
};

static inline void pause_log_note(struct pause_log *log, const struct pause *p)
{
    uint64_t ns = p->end_ns - p->start_ns;
    struct pause_log_cause *of = &log->cause[p->cause];
    hist_record(&log->all, ns);
    hist_record(&of->ns, ns);
    of->examined += p->examined;
    of->freed += p->freed;
    of->freed_bytes += p->freed_bytes;
    if (p->cause <= PAUSE_RECLAIM)
        log->collector_ns[p->of_all] += ns;
    else if (p->cause == PAUSE_CASCADE)
        log->cascade_ns[p->of_all] += ns;
    if (log->count == PAUSE_LOG_MAX) {
        log->dropped++;
        return;
    }
    if (log->whole)
        log->whole[log->count] = *p;
    log->cause_of[log->count] = (uint8_t)p->cause;
    log->pause[log->count++] = (struct mmu_pause){p->start_ns, p->end_ns};
}

#endif
