/* watch.h: memory of other processes, read from /proc. Exact readings at the barriers, cheap ones over
 * time. */
#ifndef HG_BENCH_SAMPLE_WATCH_H
#define HG_BENCH_SAMPLE_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define WATCH_POINTS_MAX 256

/* What was seen over time, at even steps: when it is full every second point goes and the step doubles. */
struct watch_timeline {
    unsigned points;
    uint64_t step_ns, next_ns, start_ns;
    uint64_t t_ns[WATCH_POINTS_MAX], rss_bytes[WATCH_POINTS_MAX], live_bytes[WATCH_POINTS_MAX],
        allocated_bytes[WATCH_POINTS_MAX];
};

void watch_start(struct watch_timeline *w, uint64_t step_ns);
/* Adds a point when it is due (or when always is set). */
void watch_add(struct watch_timeline *w, uint64_t rss_bytes, uint64_t live_bytes, uint64_t allocated_bytes,
               bool always);

/* Resident bytes; false when the process is gone. statm is cheap and may lag by some pages; smaps_rollup is
 * exact. */
bool watch_statm(int statm_fd, uint64_t *rss_bytes);
bool watch_exact(pid_t pid, uint64_t *rss_bytes);
/* A page that n processes map counts as a part in n of each. */
bool watch_proportional(pid_t pid, uint64_t *pss_bytes);
/* The kernel's own high-water mark: VmHWM (ru_maxrss survives exec, so it is not used). From the last reset
 * on; false when the kernel refuses that. */
bool watch_high_water(pid_t pid, uint64_t *bytes);
bool watch_high_water_reset(pid_t pid);

#endif
