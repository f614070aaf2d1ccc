/* pauses.c: the log of a worker's pauses, and what is reported of it: pauses{}, gc.cost_*, gc.share,
 * timeline.gc_*. A pause goes to a table of the thread that paused, mapped beforehand: counts, times and
 * percentiles cover all of them; MMU, BMU, the timeline and the file of --pauses the first PAUSE_LOG_MAX of
 * each thread (pauses.dropped: how many more there were).
 *
 * Waits for the GIL, for locks and for the end of a stopped world are pauses of their thread; utilisation is
 * computed for each thread and the least of them and their mean are reported (Cheng & Blelloch, PLDI'01).
 *
 * The explicit cost of a collector is what lower-bound overhead subtracts (Cai et al., ISPASS'22). In wall
 * time: pauses in which the whole program stands still, whole; those of one thread beside others that run,
 * divided by the number of threads. In processor time: what the pausing threads did in them (a stop is
 * waiting, not work), their wall time times the part of the time in which threads were not waiting that they
 * had a processor for: reading a thread's own processor clock at every pause would cost more than a small
 * pause does. */
#include "worker.h"
#include "file_kinds.h"
#include "pause_log.h"

#include <string.h>
#include <unistd.h>

#define TIMELINE_MAX 1000 /* collections in the timeline: the longest */

static struct {
    struct pause_log *log; /* [threads] */
    unsigned threads;
    bool on; /* in the measured phase; changes while the threads wait at a barrier */
    struct worker_file *file;
} pauses;

static void pauses_note(void *arg, const struct pause *p)
{
    (void)arg;
    if (pauses.on)
        pause_log_note(&pauses.log[p->thread < pauses.threads ? p->thread : 0], p);
}

pause_sink *pauses_open(const struct worker_cell *cell)
{
    pauses.threads = cell->threads;
    pauses.log = workload_scratch(cell->threads * sizeof *pauses.log);
    if (!pauses.log)
        say_fail("oom", "no memory for the log of pauses");
    if (!cell->settings.pauses[0])
        return pauses_note;
    pauses.file = worker_file_open(cell->settings.pauses, &pauses_kind);
    for (unsigned i = 0; i < cell->threads; i++)
        if (!(pauses.log[i].whole = workload_scratch(PAUSE_LOG_MAX * sizeof *pauses.log[i].whole)))
            say_fail("oom", "no memory for the log of pauses");
    return pauses_note;
}

void pauses_begin(void)
{
    pauses.on = true;
}

void pauses_end(void)
{
    pauses.on = false;
}

/* --- the report ----------------------------------------------------------------------------------------- */

/* All threads' into the first one's: histograms and sums. */
static void pauses_merge(void)
{
    struct pause_log *all = &pauses.log[0];
    for (unsigned i = 1; i < pauses.threads; i++) {
        const struct pause_log *log = &pauses.log[i];
        hist_merge(&all->all, &log->all);
        for (unsigned c = 0; c < PAUSE_CAUSES; c++) {
            hist_merge(&all->cause[c].ns, &log->cause[c].ns);
            all->cause[c].examined += log->cause[c].examined;
            all->cause[c].freed += log->cause[c].freed;
            all->cause[c].freed_bytes += log->cause[c].freed_bytes;
        }
        for (unsigned k = 0; k < 2; k++) {
            all->collector_ns[k] += log->collector_ns[k];
            all->cascade_ns[k] += log->cascade_ns[k];
        }
        all->dropped += log->dropped;
    }
}

static bool pauses_is_waiting(unsigned cause)
{
    return cause == PAUSE_STOP || cause == PAUSE_GIL_WAIT || cause == PAUSE_LOCK_WAIT ||
           cause == PAUSE_STOPPED;
}

static void pauses_say_causes(const struct pause_log *all)
{
    char key[128], prefix[96];
    for (unsigned c = 0; c < PAUSE_CAUSES; c++) {
        const struct pause_log_cause *of = &all->cause[c];
        const char *name = pause_cause_names[c];
        if (!hist_count(&of->ns))
            continue;
        say_integer(SAY_KEY(key, "pauses.by_cause.%s.count", name), hist_count(&of->ns));
        say_integer(SAY_KEY(key, "pauses.by_cause.%s.total_ns", name), of->ns.sum_ns);
        say_distribution(SAY_KEY(prefix, "pauses.by_cause.%s", name), "ns", &of->ns,
                         HIST_P50 | HIST_P99 | HIST_MAX);
        if (pauses_is_waiting(c))
            continue; /* no objects */
        say_integer(SAY_KEY(key, "pauses.by_cause.%s.examined", name), of->examined);
        say_integer(SAY_KEY(key, "pauses.by_cause.%s.freed", name), of->freed);
        say_integer(SAY_KEY(key, "pauses.by_cause.%s.freed_bytes", name), of->freed_bytes);
    }
}

static void pauses_say_cost(const struct pause_log *all, const struct pauses_run *run)
{
    double collector = (double)all->collector_ns[1] + (double)all->collector_ns[0] / pauses.threads;
    double cascades = (double)all->cascade_ns[1] + (double)all->cascade_ns[0] / pauses.threads;
    uint64_t work = all->collector_ns[0] + all->collector_ns[1] + all->cascade_ns[0] + all->cascade_ns[1] -
                    all->cause[PAUSE_STOP].ns.sum_ns;
    double ready = (double)run->threads_ns, wall = (double)(run->work_end_ns - run->start_ns);
    for (unsigned c = 0; c < PAUSE_CAUSES; c++)
        ready -= pauses_is_waiting(c) ? (double)all->cause[c].ns.sum_ns : 0;
    double ran = (double)run->cpu_ns < ready ? (double)run->cpu_ns / ready : 1;
    say_integer(SAY(gc_cost_wall_ns), (uint64_t)(collector + cascades));
    say_integer(SAY(gc_cost_cpu_ns), (uint64_t)((double)work * ran));
    if (wall > 0)
        say_real(SAY(gc_share), collector / wall);
}

/* Orders the pauses of each thread, joins and cuts them: what needs them as they were noted comes before. */
static void pauses_say_utilisation(uint64_t start_ns, uint64_t end_ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } windows[] = {{"1ms", 1000000},     {"2ms", 2000000},   {"5ms", 5000000},     {"10ms", 10000000},
                   {"20ms", 20000000},   {"50ms", 50000000}, {"100ms", 100000000}, {"200ms", 200000000},
                   {"500ms", 500000000}, {"1s", 1000000000}};
    enum { WINDOWS = sizeof windows / sizeof *windows };
    size_t scratch_bytes = MMU_SCRATCH_BYTES(PAUSE_LOG_MAX);
    void *scratch = workload_scratch(scratch_bytes);
    double least[WINDOWS], bounded[WINDOWS], mean[WINDOWS] = {0};
    char key[64];
    if (!scratch || end_ns <= start_ns)
        return;
    for (unsigned w = 0; w < WINDOWS; w++)
        least[w] = bounded[w] = 1;
    for (unsigned i = 0; i < pauses.threads; i++) {
        struct mmu m;
        mmu_init(&m, pauses.log[i].pause, pauses.log[i].count, start_ns, end_ns, scratch);
        for (unsigned w = 0; w < WINDOWS; w++) {
            double at = mmu_at(&m, windows[w].ns), bound = mmu_bounded_at(&m, windows[w].ns);
            least[w] = at < least[w] ? at : least[w];
            bounded[w] = bound < bounded[w] ? bound : bounded[w];
            mean[w] += at / pauses.threads;
        }
    }
    for (unsigned w = 0; w < WINDOWS && windows[w].ns <= end_ns - start_ns; w++) {
        say_real(SAY_KEY(key, "pauses.mmu.%s", windows[w].name), least[w]);
        say_real(SAY_KEY(key, "pauses.bmu.%s", windows[w].name), bounded[w]);
        say_real(SAY_KEY(key, "pauses.mmu_mean.%s", windows[w].name), mean[w]);
    }
    os_unmap(&os_harness, scratch, scratch_bytes);
}

/* The longest collections, in the order of their beginning. Times are the clock's own: the front, which has
 * the same one, counts from the beginning of its timeline. */
static void pauses_say_timeline(void)
{
    static struct hist ns;
    static struct mmu_pause longest[TIMELINE_MAX];
    const struct pause_log *log = pauses.log;
    size_t n = 0;
    char key[64];
    for (unsigned c = PAUSE_YOUNG; c <= PAUSE_INCREMENT; c++)
        hist_merge(&ns, &log[0].cause[c].ns);
    uint64_t count = hist_count(&ns), over_ns = 0;
    if (count > TIMELINE_MAX) {
        over_ns = hist_quantile_ns(&ns, (uint32_t)(1000000 - 1000000ull * TIMELINE_MAX / count));
        over_ns = over_ns < ns.max_ns ? over_ns : ns.max_ns - (ns.max_ns > 0);
    }
    for (unsigned i = 0; i < pauses.threads; i++)
        for (size_t k = 0; k < log[i].count && n < TIMELINE_MAX; k++) {
            struct mmu_pause p = log[i].pause[k];
            if (log[i].cause_of[k] > PAUSE_INCREMENT ||
                (count > TIMELINE_MAX && p.end_ns - p.start_ns <= over_ns))
                continue;
            size_t at = n++;
            for (; at > 0 && longest[at - 1].start_ns > p.start_ns; at--)
                longest[at] = longest[at - 1];
            longest[at] = p;
        }
    for (size_t k = 0; k < n; k++)
        say_integer(SAY_KEY(key, "timeline.gc_t_ns.%zu", k), longest[k].start_ns);
    for (size_t k = 0; k < n; k++)
        say_integer(SAY_KEY(key, "timeline.gc_ns.%zu", k), longest[k].end_ns - longest[k].start_ns);
}

/* The file: a line a pause, a thread after the other, times from the beginning of the measured phase. */
static void pauses_write(uint64_t start_ns)
{
    static const char head[] = "thread,cause,start_ns,end_ns,examined,freed,freed_bytes\n";
    char line[256];
    worker_file_put(pauses.file, head, sizeof head - 1);
    for (unsigned i = 0; i < pauses.threads; i++)
        for (size_t k = 0; k < pauses.log[i].count; k++) {
            const struct pause *p = &pauses.log[i].whole[k];
            int n = snprintf(line, sizeof line, "%u,%s,%lld,%lld,%llu,%llu,%llu\n", p->thread,
                             pause_cause_names[p->cause], (long long)(p->start_ns - start_ns),
                             (long long)(p->end_ns - start_ns), (unsigned long long)p->examined,
                             (unsigned long long)p->freed, (unsigned long long)p->freed_bytes);
            worker_file_put(pauses.file, line, (size_t)n);
        }
    worker_file_close(pauses.file);
    pauses.file = NULL;
}

void pauses_report(const struct pauses_run *run)
{
    pauses_merge();
    const struct pause_log *all = &pauses.log[0];
    say_integer(SAY(pauses_count), hist_count(&all->all));
    say_integer(SAY(pauses_total_ns), all->all.sum_ns);
    if (all->dropped)
        say_integer(SAY(pauses_dropped), all->dropped);
    say_distribution("pauses", "ns", &all->all, HIST_P50 | HIST_P99 | HIST_P99_9 | HIST_MAX);
    pauses_say_causes(all);
    pauses_say_cost(all, run);
    pauses_say_timeline();
    if (pauses.file)
        pauses_write(run->start_ns);
    pauses_say_utilisation(run->start_ns, run->end_ns);
}
