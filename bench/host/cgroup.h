/* cgroup.h: what the control groups around this process allow and how often they held it back. Reads version
 * 2 (cpu.max, memory.max, cpu.stat) and version 1 (cpu.cfs_quota_us, memory.limit_in_bytes) from the
 * process's own group up to the root: the tightest limit counts. A limit that is not set, or a machine
 * without control groups, is CGROUP_UNKNOWN. Reference: Linux Documentation/admin-guide/cgroup-v2.rst. */
#ifndef HG_BENCH_HOST_CGROUP_H
#define HG_BENCH_HOST_CGROUP_H

#include <stdint.h>

#define CGROUP_UNKNOWN UINT64_MAX

struct cgroup {
    uint64_t quota_millicpus;    /* CPU time allowed, in thousandths of a CPU */
    uint64_t memory_limit_bytes; /* memory.max */
    uint64_t memory_high_bytes;  /* memory.high: over it the kernel slows the process down */
    uint64_t swap_limit_bytes;
    uint64_t pids_limit;
    uint64_t throttled_periods,
        throttled_ns; /* since the group was made; of the group whose quota is tightest */
};

/* root is "" for this machine; tests put a made-up /proc and /sys below another directory. */
void cgroup_read(struct cgroup *out, const char *root);

#endif
