/* measure.h: from what was seen of a sample's memory to memory{}, fragmentation{} and timeline{}
 * (definitions: docs/method.md). Pure arithmetic on structs; a figure that was not measured is not known. */
#ifndef HG_BENCH_SAMPLE_MEASURE_H
#define HG_BENCH_SAMPLE_MEASURE_H

#include "bench/result/sample.h"
#include "watch.h"

#define MEASURE_UNKNOWN UINT64_MAX
/* Below this much live memory a ratio is more about page rounding than about the allocator. */
#define MEASURE_MIN_LIVE_BYTES ((uint64_t)1 << 20)

/* All of one moment: every thread waits at a barrier. */
struct measure_phase {
    bool seen;
    struct watch_memory memory;
    uint64_t live_requested, live_usable; /* usable 0: the backend cannot tell */
};

struct measure {
    struct measure_phase baseline, begin, peak;
    struct measure_phase settled;           /* at the settle's end; not seen: not waited for */
    uint64_t vm_hwm_bytes;                  /* until the peak's barrier; 0: not known */
    bool hwm_of_one;                        /* the mark is of one process, from the baseline on */
    uint64_t rss_100ms_bytes, rss_1s_bytes; /* after the drain; MEASURE_UNKNOWN when not waited for */
    struct watch_timeline timeline, after;  /* to the end of the measured phase; drain and settle */
    uint64_t drained_ns;                    /* on the axis of after; 0: not reached */
};

/* Sets the figures, with what the worker sent of its allocator (probe_* of the sample). 0 or -ENOMEM. */
int measure_sample(const struct measure *m, struct sample *sample);

#endif
