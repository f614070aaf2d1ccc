/* env.h: the machine and the build, written beside every result, and what the machine did to a sample while
 * it ran. What cannot be read here is null, never 0. Reference for what is worth keeping: docs/, "placement
 * and environment"; kernel files: Linux Documentation/admin-guide, Documentation/accounting/psi.rst,
 * proc(5). */
#ifndef HG_BENCH_HOST_ENV_H
#define HG_BENCH_HOST_ENV_H

#include "bench/result/sample.h"

/* Everything that stays as it is while a run lasts, under PREFIX.system, .cpu, .memory, .cgroup, .build,
 * .binaries, .allocator_variables (what workers inherit), .removed_variables (what they do not), and the load
 * and pressure of this moment under .now. */
void env_record(struct record *r, const char *prefix);

/* The variables alone. LD_PRELOAD is taken from workers. */
void env_record_variables(struct record *r, const char *prefix);

/* The same, of a machine whose /proc and /sys stand below root (for tests; "" is this one). Build and
 * topology are left out. */
void env_record_machine(struct record *r, const char *prefix, const char *root);

/* Sets PREFIX.NAME from "NAME=VALUE", an entry of an environment. Nothing where the name is none that a key
 * can have. 0 or -ENOMEM. */
int env_put_variable(struct record *r, const char *prefix, const char *variable);

/* Counters that only grow: how much others took from us is the difference of two readings. ENV_UNKNOWN where
 * there is none. */
#define ENV_UNKNOWN UINT64_MAX
struct env_state {
    uint64_t steal_ns;                             /* by the hypervisor, all processors */
    uint64_t throttled_ns, throttled_periods;      /* by the control group's CPU quota */
    uint64_t psi_cpu_us, psi_memory_us, psi_io_us; /* time in which some task waited for it */
    uint64_t psi_memory_full_us;                   /* time in which all did */
};
void env_state_read(struct env_state *out, const char *root);

/* Sets after - before: os_steal_ns, os_throttled_* and os_psi_* of the sample. */
void env_state_sample(const struct env_state *before, const struct env_state *after, struct sample *s);

#endif
