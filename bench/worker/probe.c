/* probe.c: what a worker measures of itself: wall and processor time of the measured phase, page faults and
 * switches, sampled latencies, hardware counters where the kernel offers them. All tables are mapped and
 * pre-faulted before the baseline; in the measured phase nothing here allocates or locks. */
#include "worker.h"
#include "bench/stat/hist.h"

#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROBE_CONTROL_ROUNDS 20001

enum { COUNTER_CYCLES, COUNTER_INSTRUCTIONS, COUNTER_CACHE_MISSES, COUNTER_DTLB_MISSES, COUNTERS };
static const struct {
    enum schema_key key;
    uint32_t type;
    uint64_t config;
} probe_counters[COUNTERS] = {
    {KEY_counters_cycles, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {KEY_counters_instructions, PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {KEY_counters_cache_misses, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {KEY_counters_dtlb_misses, PERF_TYPE_HW_CACHE,
     PERF_COUNT_HW_CACHE_DTLB | PERF_COUNT_HW_CACHE_OP_READ << 8 | PERF_COUNT_HW_CACHE_RESULT_MISS << 16},
};

static struct {
    struct hist *latency; /* [threads][OP_KINDS] */
    unsigned threads;
    uint64_t cpu_ns, control_p50_ns;
    struct gauge *gauge;
    uint64_t stop_ns, stop_cpu_ns, stopped_ns;
    struct rusage usage, stop_usage;
    int counter[COUNTERS];
    uint64_t count[COUNTERS];
} probe;

static uint64_t probe_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void probe_latency(struct workload_thread *t, enum op_kind op, uint64_t ns)
{
    hist_record(&probe.latency[t->index * OP_KINDS + op], ns);
}

static void probe_count(unsigned long request)
{
    for (unsigned i = 0; i < COUNTERS; i++)
        if (probe.counter[i] >= 0)
            ioctl(probe.counter[i], request, 0);
}

static void probe_add_usage(struct rusage *to, const struct rusage *more, const struct rusage *less)
{
    to->ru_minflt += more->ru_minflt - less->ru_minflt;
    to->ru_majflt += more->ru_majflt - less->ru_majflt;
    to->ru_nvcsw += more->ru_nvcsw - less->ru_nvcsw;
    to->ru_nivcsw += more->ru_nivcsw - less->ru_nivcsw;
}

/* What passes while the clock stands goes on top of what was at the beginning, and so out of the figures. */
static void probe_clock(struct workload_sample *s, bool runs)
{
    (void)s;
    if (!runs) {
        atomic_store_explicit(&probe.gauge->walking, 1, memory_order_seq_cst);
        probe_count(PERF_EVENT_IOC_DISABLE);
        getrusage(RUSAGE_SELF, &probe.stop_usage);
        probe.stop_cpu_ns = probe_cpu_ns();
        probe.stop_ns = os_now_ns();
        return;
    }
    struct rusage now;
    probe.stopped_ns += os_now_ns() - probe.stop_ns;
    probe.cpu_ns += probe_cpu_ns() - probe.stop_cpu_ns;
    getrusage(RUSAGE_SELF, &now);
    probe_add_usage(&probe.usage, &now, &probe.stop_usage);
    probe_count(PERF_EVENT_IOC_ENABLE);
    atomic_store_explicit(&probe.gauge->stopped_ns, probe.stopped_ns, memory_order_relaxed);
    atomic_store_explicit(&probe.gauge->walking, 0, memory_order_seq_cst);
}

uint64_t probe_stopped_ns(void)
{
    return probe.stopped_ns;
}

static int probe_counter_open(unsigned i)
{
    struct perf_event_attr attr = {
        .type = probe_counters[i].type,
        .size = sizeof attr,
        .config = probe_counters[i].config,
        .disabled = 1,
        .inherit = 1,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void probe_open(const struct worker_cell *cell, struct workload_sample *s, struct gauge *gauge)
{
    probe.gauge = gauge;
    s->clock = probe_clock;
    probe.threads = cell->threads;
    probe.latency = workload_scratch((size_t)cell->threads * OP_KINDS * sizeof *probe.latency);
    if (!probe.latency)
        say_fail("oom", "no memory for the latency histograms");
    s->latency = probe_latency;
    s->latency_every = cell->settings.latency ? (uint32_t)cell->settings.latency : UINT32_MAX;
    /* The control: what timing nothing costs, recorded as the same histogram would. */
    struct hist *control = &probe.latency[0];
    for (unsigned i = 0; i < PROBE_CONTROL_ROUNDS; i++) {
        uint64_t t0 = os_now_ns(), t1 = os_now_ns();
        hist_record(control, t1 - t0);
    }
    probe.control_p50_ns = hist_quantile_ns(control, 500000);
    hist_clear(control);
    for (unsigned i = 0; i < COUNTERS; i++)
        probe.counter[i] = probe_counter_open(i);
}

void probe_begin(void)
{
    getrusage(RUSAGE_SELF, &probe.usage);
    probe_count(PERF_EVENT_IOC_ENABLE);
    probe.cpu_ns = probe_cpu_ns();
}

void probe_end(void)
{
    probe.cpu_ns = probe_cpu_ns() - probe.cpu_ns;
    struct rusage begin = probe.usage, end;
    for (unsigned i = 0; i < COUNTERS; i++)
        if (probe.counter[i] >= 0) {
            ioctl(probe.counter[i], PERF_EVENT_IOC_DISABLE, 0);
            if (read(probe.counter[i], &probe.count[i], sizeof probe.count[i]) != sizeof probe.count[i])
                probe.counter[i] = -1;
        }
    getrusage(RUSAGE_SELF, &end);
    probe.usage = (struct rusage){.ru_minflt = 0};
    probe_add_usage(&probe.usage, &end, &begin);
}

void say_latency(const char *op, const struct hist *h, bool every_call)
{
    char prefix[96], key[128];
    if (hist_count(h) == 0)
        return;
    say_integer(SAY_KEY(key, "latency.%s.count", op), hist_count(h));
    say_distribution(SAY_KEY(prefix, "latency.%s", op), "ns", h,
                     hist_points_known(h) | (every_call ? HIST_MAX : 0));
    say_integer(SAY_KEY(key, "latency.%s.control_p50_ns", op), probe.control_p50_ns);
}

void probe_report_latencies(const struct workload_sample *s)
{
    for (unsigned op = 0; op < OP_KINDS; op++) {
        struct hist *all = &probe.latency[op]; /* thread 0's takes in the others' */
        for (unsigned i = 1; i < probe.threads; i++)
            hist_merge(all, &probe.latency[i * OP_KINDS + op]);
        say_latency(op_names[op], all, s->latency_every == 1 || s->workload->times_all >> op & 1);
    }
}

uint64_t probe_report(void)
{
    for (unsigned i = 0; i < probe.threads; i++) {
        uint64_t reading_ns = peak_reading_ns(i);
        probe.cpu_ns -= reading_ns < probe.cpu_ns ? reading_ns : probe.cpu_ns;
    }
    say_integer(SAY(cpu_ns), probe.cpu_ns);
    peak_report();
    say_integer(SAY(os_minor_faults), (uint64_t)probe.usage.ru_minflt);
    say_integer(SAY(os_major_faults), (uint64_t)probe.usage.ru_majflt);
    say_integer(SAY(os_voluntary_switches), (uint64_t)probe.usage.ru_nvcsw);
    say_integer(SAY(os_involuntary_switches), (uint64_t)probe.usage.ru_nivcsw);
    for (unsigned i = 0; i < COUNTERS; i++)
        if (probe.counter[i] >= 0)
            say_integer(schema_rows[probe_counters[i].key].path, probe.count[i]);
    return probe.cpu_ns;
}
