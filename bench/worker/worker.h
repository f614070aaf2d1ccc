/* worker.h: the parts of a worker. A worker runs one sample and exits: main.c sets it up, cell.c reads its
 * cell, phases.c has its threads and their phases, say.c writes to the front, probe.c measures, peak.c reads
 * what is resident when most is live, metered.c
 * asks what requests would have waited, proof.c proves which library serves malloc, object.c opens the
 * runtime for object-level workloads, pauses.c logs its pauses, oracle.c finds its garbage, census.c looks
 * into its heap. None of them calls malloc: the heap is the sample's own. */
#ifndef HG_BENCH_WORKER_WORKER_H
#define HG_BENCH_WORKER_WORKER_H

#include "cell.h"

#include "alloc/alloc.h"
#include "alloc/base/file_out.h"
#include "alloc/spec.h"
#include "gc/about.h"
#include "gc/runtime.h"
#include "workloads/about.h"
#include "bench/result/schema.h"
#include "workloads/workload.h"

/* say.c. Each line goes out by one write; a front that is gone ends the worker. */
void say_integer(const char *key, uint64_t value);
void say_real(const char *key, double value);
void say_text(const char *key, const char *value);
/* PREFIX.p50_UNIT and so on for each of the points (HIST_P50 | ... | HIST_MAX); the whole histogram for the
 * front, when several processes make the sample. Nothing of an empty one. */
struct hist;
void say_distribution(const char *prefix, const char *unit, const struct hist *h, unsigned points);
void say_whole_distributions(void); /* from here on: there are several processes */
/* Announces a phase and waits for the front's answer; meanwhile, when there is one, calls `every` each so many
 * ms. */
void say_phase(const char *name, uint64_t live_requested, uint64_t live_usable);
void say_phase_busy(const char *name, int ms, void (*every)(void));
/* What say_fail calls before it reports. */
void say_before_fail(void (*call)(void));
/* Reports why the sample is not ok and exits. status is one of the sample's. */
_Noreturn void say_fail(const char *status, const char *reason);
extern const struct alloc_sink say_sink;
#define SAY_KEY(buf, ...) (snprintf(buf, sizeof buf, __VA_ARGS__), buf)
/* The path of a key of the schema, by the name of its field: one that is not there does not compile. Paths
 * that are put together (latency.OP.count) the front looks up, and refuses the sample. */
#define SAY(id) (schema_rows[KEY_##id].path)

/* proof.c: writes library{}; fails the sample as wrong-library when malloc is not served by what was asked
 * for. */
void proof_of_library(const struct worker_cell *cell);

/* probe.c: clocks, latency, pauses, rusage. */
void probe_open(const struct worker_cell *cell, struct workload_sample *s, struct gauge *gauge);
void probe_begin(void); /* main thread, all others waiting */
void probe_end(void);
uint64_t probe_stopped_ns(void); /* of the measured phase, in which its clock stood (workload.h) */
uint64_t probe_report(void);     /* but latencies; returns cpu_ns */
void probe_report_latencies(const struct workload_sample *s);

/* Of sampled calls, a percentile with HIST_BEYOND of them beyond it; the maximum where every call was timed. */
void say_latency(const char *op, const struct hist *h, bool every_call);

/* peak.c: gives the sample its look() and most_live(). Around run, by the main thread, all others waiting; what
 * is live when it begins. */
void peak_open(const struct worker_cell *cell, struct workload_sample *s);
void peak_begin(uint64_t live_bytes);
void peak_end(void);
uint64_t peak_reading_ns(unsigned thread); /* of its measured phase: none of the workload's */
void peak_report(void);

/* metered.c: gives the sample its request(). */
void metered_open(const struct worker_cell *cell, struct workload_sample *s);
void metered_report(const struct worker_cell *cell);

/* file.c. A file that cannot be opened or written ends the sample. */
struct worker_file;
struct worker_file *worker_file_open(const char *path, const struct file_kind *kind);
void worker_file_put(struct worker_file *f, const char *text, size_t n);
void worker_file_flush(struct worker_file *f);
void worker_file_close(struct worker_file *f);
void worker_files_open(void); /* from here on, a sample that fails removes what is not whole */

/* heapmap.c; nothing is done when the cell asks for no map. */
void heapmap_open(const struct worker_cell *cell, const struct alloc *a);
void heapmap_write(const struct alloc *a, const char *phase, uint64_t t_ns);

/* census.c. At the barrier before the phase `when` (begin, peak, drained) is announced; without a runtime
 * nothing. */
#define CENSUS_ROWS 32 /* of each list in a record: the rows of more types are summed up in the last */
void census_at(struct runtime *r, const struct worker_cell *cell, struct gauge *gauge, const char *when);
void census_report(const struct worker_cell *cell); /* census{} */

/* object.c */
struct runtime *object_open(const struct worker_cell *cell, struct workload_sample *s);
void object_thread_begin(struct runtime *r,
                         unsigned index); /* attaches before a thread's phase; main is thread 0 */
void object_thread_end(struct runtime *r, unsigned index);
/* Main thread, all others waiting. The end reports the runtime's counters of the measured phase. */
void object_begin_measured(const struct worker_cell *cell, struct workload_sample *s);
void object_end_measured(const struct workload_sample *s);
/* Compares the objects alive with what the workload means to keep, and closes the runtime. */
void object_close(struct runtime *r, const struct worker_cell *cell, struct workload_sample *s);

/* pauses.c: the log, on between begin and end; report comes last. */
pause_sink *pauses_open(const struct worker_cell *cell);
void pauses_begin(void);
void pauses_end(void);
struct pauses_run {
    uint64_t start_ns, end_ns; /* of the measured phase: first begin, last end */
    uint64_t work_end_ns;      /* the last end without the readings of peak.c */
    uint64_t threads_ns;       /* the sum of its threads' times */
    uint64_t cpu_ns;
};
void pauses_report(const struct pauses_run *run);

/* bind.c: this thread to the processor that the cell has for thread `index`; all memory of this thread and
 * those that it starts to one NUMA node, before anything of the sample is touched. What cannot be bound
 * ends the sample. */
void worker_bind(const struct worker_cell *cell, unsigned index);
void worker_bind_memory(const struct worker_cell *cell);

/* phases.c, in this order, by the main thread. */
void phases_open(const struct worker_cell *cell, struct workload_sample *s, struct gauge *gauge);
void phases_start_threads(void);
void phases_run(void);
struct pauses_run phases_end(void); /* waits for the threads; the times of the measured phase, cpu_ns is 0 */

/* oracle.c: walks between begin and end. */
void oracle_begin(const struct worker_cell *cell, struct workload_sample *s);
void oracle_watch(void *arg);
void oracle_end(void);
void oracle_report(void);

#endif
