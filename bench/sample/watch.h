/* watch.h: memory of other processes, read from /proc. Exact readings at the barriers, cheap ones over
 * time. */
#ifndef HG_BENCH_SAMPLE_WATCH_H
#define HG_BENCH_SAMPLE_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define WATCH_POINTS_MAX 256

/* What was seen over time, at even steps: when it is full every second point goes and the step doubles. */
struct watch_point {
    uint64_t t_ns; /* since start_ns; watch_add sets it */
    uint64_t rss_bytes, live_bytes, allocated_bytes;
    uint64_t lazy_free_bytes, anon_huge_bytes; /* as in watch_memory, where that was read */
};

struct watch_timeline {
    unsigned points;
    uint64_t step_ns, next_ns, start_ns;
    uint64_t stopped_ns; /* since then, in which the clock stood: not on the axis */
    struct watch_point at[WATCH_POINTS_MAX];
};

void watch_start(struct watch_timeline *w, uint64_t step_ns);
/* Adds a point when it is due (or when always is set). */
void watch_add(struct watch_timeline *w, struct watch_point point, bool always);

/* Resident bytes; false when the process is gone. Cheap, and may lag by some pages. */
bool watch_statm(int statm_fd, uint64_t *rss_bytes);
/* From smaps_rollup: one exact look. pss: a page that n processes map counts as a part in n of each.
 * lazy_free: of rss, what was given back with MADV_FREE and the kernel has not taken yet. anon_huge: of rss,
 * in transparent huge pages. */
struct watch_memory {
    uint64_t rss_bytes, pss_bytes, lazy_free_bytes, anon_huge_bytes;
};
bool watch_exact(pid_t pid, struct watch_memory *out);
/* The kernel's own high-water mark: VmHWM (ru_maxrss survives exec, so it is not used). From the last reset
 * on; false when the kernel refuses that. */
bool watch_high_water(pid_t pid, uint64_t *bytes);
bool watch_high_water_reset(pid_t pid);

#endif
