/* schema.h: every key of a sample, a row each: the one place where its name, type, unit, meaning, when it is
 * null and what several processes make of it are written. From the rows come struct sample (sample.h), what
 * is taken from a worker's line and from a file, combine.c's rules, the metrics of `heapgauge compare` and
 * the report, the columns of summary.csv and the tables of results/SCHEMA.md (`heapgauge list --schema`).
 * A new key is a row here, and the line that sets it.
 *
 *   K(id, path, TYPE, UNIT, RULE, PLACE, SENSE, name, title, null_when, doc)
 *     id      the path with '_' for '.': the field of struct sample, KEY_id
 *     TYPE    INT REAL BOOL TEXT STATUS; INTS: an array of integers; TREE: JSON of a form of its own, which
 *             is kept as it is; GROUP: no value, null where nothing below it is known
 *     UNIT    COUNT NS BYTES RATIO SHARE RATE; NONE is no figure
 *     RULE    of several processes: FIRST SUM MEAN LEAST MOST; QUANTILE: of all values together, from whole
 *             histograms; ALL: the sum, null unless each has it; WHOLE: made anew from what others became;
 *             FRONT: the front's own, no worker may set it
 *     PLACE   ALWAYS written, null when not known; NESTED: the same where its object is there; ADDED: left
 *             out when not known; LETTER: from the worker to the front alone, in no record. _CSV: with a
 *             column in summary.csv
 *     SENSE   what more of it is: see schema_senses
 *     name    as --metric takes it beside the path; "": by the path alone
 *     title   of a metric; "": the path
 *   F(...) is K of a family: keys that differ in one word. After the path comes its pattern, under which
 *   SCHEMA.md has them all. */
#ifndef HG_BENCH_RESULT_SCHEMA_H
#define HG_BENCH_RESULT_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define SCHEMA_NUMBER 1 /* of run.json and samples */

/* clang-format off */

/* Why a sample has no figures: X(id, word, doc). */
#define SCHEMA_STATUSES(X)                                                                                             \
    X(OK,             "ok",             "all went well")                                                               \
    X(CRASHED,        "crashed",        "a worker ended by a signal or with a status (records of old say `crash`)")    \
    X(TIMEOUT,        "timeout",        "longer than `--timeout`")                                                     \
    X(OOM,            "oom",            "more than `--memory-limit`, or an allocation failed")                         \
    X(WRONG_LIBRARY,  "wrong-library",  "malloc is not served by the library that was asked for")                      \
    X(NOT_APPLICABLE, "not-applicable", "the combination cannot work")                                                 \
    X(CHECK_FAILED,   "check-failed",   "the work came out wrong: contents, checksum, objects left")                   \
    X(PROTOCOL,       "protocol",       "a worker sent a line that is not of the protocol, or a key not of this schema")

#define SCHEMA_WHAT(K, F)                                                                                              \
    K(schema, "schema", INT, NONE, FRONT, ALWAYS, LESS, "", "", "", "1")                                               \
    K(run_id, "run_id", TEXT, NONE, FRONT, ALWAYS, LESS, "", "", "", "as in run.json")                                 \
    K(cell_id, "cell_id", TEXT, NONE, FRONT, ALWAYS, LESS, "", "", "",                                                 \
      "16 hex digits, from the text of all axes: the same cell has the same id in every run")                          \
    K(block, "block", INT, NONE, FRONT, ALWAYS, LESS, "", "", "", "from 0")                                            \
    K(position, "position", INT, NONE, FRONT, ALWAYS, LESS, "", "", "",                                                \
      "place in the block's shuffled order; samples of one cell in one block differ in it "                            \
      "(the baseline runs twice: the A/A arm)")                                                                        \
    K(seed, "seed", INT, NONE, FRONT, ALWAYS, LESS, "", "", "",                                                        \
      "of this sample's work: the same for all cells of a group in a block")                                           \
    K(oracle, "oracle", BOOL, NONE, FRONT, ADDED, LESS, "", "", "not an oracle sample",                                \
      "true: an oracle sample (`--oracle N`, `oracle = N` of a suite). It runs after the blocks, as block `blocks`, "  \
      "does block 0's work, and has `gc.uncollected_*` alone: its times, memory and pauses are null")                  \
    K(tails, "tails", BOOL, NONE, FRONT, ADDED, LESS, "", "", "another sample",                                        \
      "true: the sample in which every operation is timed (`--tails`, `tails` of a suite). It runs after the blocks, " \
      "as block `blocks`, does block 0's work, and has `ops`, `checksum` and `latency` alone")                         \
    K(baseline, "baseline", BOOL, NONE, FRONT, ADDED, LESS, "", "", "another configuration",                           \
      "true: of the configuration that the others of its group are compared with")                                     \
    K(group, "group", INT, NONE, FRONT, ADDED, LESS, "", "", "",                                                       \
      "cells of one group are compared with one another")                                                              \
    K(status, "status", STATUS, NONE, FRONT, ALWAYS, LESS, "", "", "",                                                 \
      "see below; figures of a sample that is not `ok` are in no table")                                               \
    K(reason, "reason", TEXT, NONE, FRONT, ALWAYS, LESS, "", "", "status is ok", "one sentence")                       \
    K(cell_workload, "cell.workload", TEXT, NONE, FRONT, ALWAYS, LESS, "", "", "", "its name")                         \
    K(cell_params, "cell.params", TREE, NONE, FRONT, ALWAYS, LESS, "", "", "the workload has none",                    \
      "every parameter of the workload with its value (sizes in bytes, durations in ns)")                              \
    K(cell_alloc, "cell.alloc", TEXT, NONE, FRONT, ALWAYS, LESS, "", "", "",                                           \
      "the configuration, as on the command line with its braces (variables by name)")                                 \
    K(cell_name, "cell.name", TEXT, NONE, FRONT, ALWAYS, LESS, "", "", "",                                             \
      "what tables call `cell.alloc`: `as=NAME`, else itself with its values cut short")                               \
    K(cell_env, "cell.env", TREE, NONE, FRONT, ALWAYS, LESS, "", "", "the braces set none",                            \
      "the variables that the configuration's braces set, with their values")                                          \
    K(cell_rc, "cell.rc", TEXT, NONE, FRONT, ALWAYS, LESS, "", "", "",                                                 \
      "as on the command line; `none` at allocator level")                                                             \
    K(cell_gc, "cell.gc", TEXT, NONE, FRONT, ALWAYS, LESS, "", "", "",                                                 \
      "as on the command line; `none` at allocator level")                                                             \
    K(cell_threads, "cell.threads", INT, NONE, FRONT, ALWAYS, LESS, "", "", "", "threads of each process")             \
    K(cell_processes, "cell.processes", INT, NONE, FRONT, ALWAYS, LESS, "", "", "",                                    \
      "several processes are one sample: see \"Several processes\"")                                                   \
    K(cell_place, "cell.place", TEXT, NONE, FRONT, ALWAYS, LESS, "", "", "", "binding, as on the command line")        \
    K(cell_python, "cell.python", TEXT, NONE, FRONT, ALWAYS, LESS, "", "", "none was given: the rules of 3.11",         \
      "the CPython that the runtime is")                                                                               \
    K(cell_thp, "cell.thp", TEXT, NONE, FRONT, ALWAYS, LESS, "", "", "",                                               \
      "transparent huge pages: `never`, `madvise`, `always`; `inherit`: as heapgauge itself has them")                 \
    K(environment_allocator_variables, "environment.allocator_variables", TREE, NONE, FRONT, ALWAYS, LESS, "", "",     \
      "there were none",                                                                                               \
      "what an allocator may have read in the worker: inherited variables, those of `cell.env`, LD_PRELOAD")

/* Of one kind of operation; p99name and p99title: of its metric with a short name. */
#define SCHEMA_LATENCY(F, op, place, p99name, p99title)                                                                \
    F(latency_##op##_count, "latency." #op ".count", "latency.OP.count", INT, COUNT, SUM, ADDED, LESS, "", "",         \
      "the workload times none", "timed operations: one in `--latency`; in a sample of `tails`, all")                  \
    F(latency_##op##_p50_ns, "latency." #op ".p50_ns", "latency.OP.p50_ns", INT, NS, QUANTILE, place, SLOWER,          \
      "", "", "fewer than 10 timed operations lie beyond it", "from a histogram of 3 digits. The reading of the clock is in it")\
    F(latency_##op##_p90_ns, "latency." #op ".p90_ns", "latency.OP.p90_ns", INT, NS, QUANTILE, NESTED, SLOWER,         \
      "", "", "fewer than 10 timed operations lie beyond it", "the same")                                              \
    F(latency_##op##_p99_ns, "latency." #op ".p99_ns", "latency.OP.p99_ns", INT, NS, QUANTILE, place, SLOWER,          \
      p99name, p99title, "fewer than 10 timed operations lie beyond it", "the same")                                   \
    F(latency_##op##_p99_9_ns, "latency." #op ".p99_9_ns", "latency.OP.p99_9_ns", INT, NS, QUANTILE, place, SLOWER,    \
      "", "", "fewer than 10 timed operations lie beyond it", "the same")                                              \
    F(latency_##op##_p99_99_ns, "latency." #op ".p99_99_ns", "latency.OP.p99_99_ns", INT, NS, QUANTILE, NESTED, SLOWER,\
      "", "", "fewer than 10 timed operations lie beyond it", "the same")                                              \
    F(latency_##op##_p99_999_ns, "latency." #op ".p99_999_ns", "latency.OP.p99_999_ns", INT, NS, QUANTILE, NESTED, SLOWER,\
      "", "", "fewer than 10 timed operations lie beyond it", "the same")                                              \
    F(latency_##op##_max_ns, "latency." #op ".max_ns", "latency.OP.max_ns", INT, NS, MOST, place, SLOWER, "", "",      \
      "not every operation was timed", "exact")                                                                        \
    F(latency_##op##_control_p50_ns, "latency." #op ".control_p50_ns", "latency.OP.control_p50_ns", INT, NS, MOST,     \
      ADDED, SLOWER, "", "", "the workload times none",                                                                \
      "the same reading around nothing: never subtracted; figures near it are the clock's")

#define SCHEMA_COUNTER(F, what, name, title)                                                                           \
    F(counters_##what, "counters." #what, "counters.EVENT", INT, COUNT, ALL, ADDED, FEWER, name, title,                \
      "the kernel offers none (often in virtual machines)", "user mode, measured phase")

#define SCHEMA_WORK(K, F)                                                                                              \
    K(ops, "ops", INT, COUNT, SUM, ALWAYS, LESS, "", "", "not ok",                                                     \
      "operations of the measured phase. Object workloads divide their work over all threads of all processes; at "    \
      "allocator level every process does all of it")                                                                  \
    K(wall_ns, "wall_ns", INT, NS, WHOLE, ALWAYS_CSV, SLOWER, "wall", "wall time", "not ok",                           \
      "of the measured phase; several processes: from the first one's begin to the last one's end")                    \
    K(cpu_ns, "cpu_ns", INT, NS, SUM, ALWAYS_CSV, SLOWER, "cpu", "processor time", "not ok",                           \
      "of all threads in the measured phase")                                                                          \
    K(ops_per_s, "ops_per_s", REAL, RATE, WHOLE, ALWAYS_CSV, FASTER, "throughput", "throughput", "not ok",             \
      "ops / wall")                                                                                                                       \
    K(checksum, "checksum", TEXT, NONE, WHOLE, ALWAYS, LESS, "", "", "not ok",                                         \
      "of the work, 16 hex digits: equal for every backend, policy and collector, else `check-failed`; several "       \
      "processes: the sum modulo 2^64, which at object level is that of as many threads")                              \
    K(latency, "latency", GROUP, NONE, FIRST, ALWAYS, LESS, "", "", "the workload times none",                         \
      "timed operations: OP is `malloc calloc realloc free free_remote request`; "                                     \
      "`request_metered_100ms request_metered_full`: every request of `request` as if requests had arrived evenly "    \
      "over the 100 ms around it, or over the run; not with `rate` (there `request` counts from when each was due), "  \
      "nor over 4 M requests")                                                                                         \
    SCHEMA_LATENCY(F, malloc, NESTED, "malloc-p99", "99th percentile of malloc")                                       \
    SCHEMA_LATENCY(F, calloc, NESTED, "", "")                                                                          \
    SCHEMA_LATENCY(F, realloc, NESTED, "", "")                                                                         \
    SCHEMA_LATENCY(F, free, NESTED, "free-p99", "99th percentile of free")                                             \
    SCHEMA_LATENCY(F, free_remote, NESTED, "", "")                                                                     \
    SCHEMA_LATENCY(F, request, NESTED_CSV, "", "")                                                                     \
    SCHEMA_LATENCY(F, request_metered_100ms, NESTED_CSV, "", "")                                                       \
    SCHEMA_LATENCY(F, request_metered_full, NESTED_CSV, "", "")                                                        \
    K(counters, "counters", GROUP, NONE, FIRST, ALWAYS, LESS, "", "",                                                  \
      "the kernel offers none (often in virtual machines)",                                                            \
      "EVENT is `cycles instructions cache_misses dtlb_misses`")                                                       \
    SCHEMA_COUNTER(F, cycles, "", "")                                                                                  \
    SCHEMA_COUNTER(F, instructions, "instructions", "instructions")                                                    \
    SCHEMA_COUNTER(F, cache_misses, "", "")                                                                            \
    SCHEMA_COUNTER(F, dtlb_misses, "", "")                                                                             \
    K(stats, "stats", TREE, NONE, FIRST, ALWAYS, LESS, "", "", "no script", "lines of an object script's `stat`")      \
    K(workload_reallocs, "workload.reallocs", INT, COUNT, FIRST, ADDED, LESS, "", "", "not `realloc`", "calls")        \
    K(workload_moved, "workload.moved", INT, COUNT, FIRST, ADDED, LESS, "", "", "not `realloc`",                       \
      "of them, how many moved the block")                                                                             \
    K(objects_finalised, "objects.finalised", INT, COUNT, SUM, ADDED, LESS, "", "", "no finalizers",                   \
      "finalizers that ran")                                                                                           \
    K(objects_brought_back, "objects.brought_back", INT, COUNT, SUM, ADDED, LESS, "", "", "no finalizers",             \
      "objects that their finalizer resurrected")                                                                      \
    K(objects_callbacks, "objects.callbacks", INT, COUNT, SUM, ADDED, LESS, "", "", "no weak references",              \
      "callbacks of weak references that ran")                                                                         \
    K(prefork, "prefork", GROUP, NONE, FIRST, ADDED, LESS, "", "", "the workload forks no workers",                    \
      "pages of a parent that its forked workers copy")                                                                \
    K(prefork_workers, "prefork.workers", INT, COUNT, FIRST, ADDED, LESS, "", "", "",                                  \
      "workers forked for each cause")                                                                                 \
    K(prefork_read_private_bytes, "prefork.read_private_bytes", INT, BYTES, MEAN, ADDED_CSV, LARGER, "", "", "no worker reads",       \
      "a worker's private memory after the fork, by reading every record once: counts are written")                    \
    K(prefork_collect_private_bytes, "prefork.collect_private_bytes", INT, BYTES, MEAN, ADDED_CSV, LARGER, "", "", "no worker collects", \
      "a worker's private memory after the fork, by full collections: what they write on objects")                   \
    K(prefork_churn_private_bytes, "prefork.churn_private_bytes", INT, BYTES, MEAN, ADDED_CSV, LARGER, "", "", "no worker makes objects",     \
      "a worker's private memory after the fork, by making and dropping objects")                                      \
    K(trace_threads, "trace.threads", INT, COUNT, FIRST, ADDED, LESS, "", "", "no recording", "threads recorded")      \
    K(trace_peak_live_bytes, "trace.peak_live_bytes", INT, BYTES, FIRST, ADDED, LARGER, "", "", "no recording",        \
      "exact greatest live bytes of the recording")                                                                    \
    K(replay_peak_live_recorded_bytes, "replay.peak_live_recorded_bytes", INT, BYTES, FIRST, ADDED, LARGER, "", "",    \
      "no recording", "most L of the recording, to the byte")                                                          \
    K(replay_peak_live_replayed_bytes, "replay.peak_live_replayed_bytes", INT, BYTES, FRONT, ADDED, LARGER, "", "",    \
      "no recording", "most L of the replay that was read: by the workers where they meet, all at rest, and by the "   \
      "front every few milliseconds, of workers that run; of several processes their sum")                             \
    K(replay_order, "replay.order", TEXT, NONE, FIRST, ADDED, LESS, "", "", "no recording",                            \
      "what is kept of the recording's order: `strict`: all of it (one worker, or `order=strict`); `live`: L, within " \
      "1/16 of its peak; `free`: each thread's own calls and those on one block, no more: memory{} but the baseline, " \
      "fragmentation{} and timeline{} are null")                                                                       \
    K(replay_threads_started, "replay.threads_started", INT, COUNT, FIRST, ADDED, LESS, "", "",                        \
      "not `threads=recorded`", "threads that the replay started, one for each birth in the recording")                \
    K(replay_idle_ns, "replay.idle_ns", INT, NS, FIRST, ADDED, LESS, "", "", "not `gaps=1`",                           \
      "spent waiting in the recording's idle times; the clock stands: it is no part of wall_ns")                              \
    K(trace_path, "trace.path", TEXT, NONE, FIRST, ADDED, LESS, "", "", "no recording", "its file")                    \
    K(trace_blocks, "trace.blocks", INT, COUNT, FIRST, ADDED, LESS, "", "", "no `trace(...)`", "blocks held")          \
    K(trace_current_bytes, "trace.current_bytes", INT, BYTES, FIRST, ADDED, LARGER, "", "", "no `trace(...)`",         \
      "bytes held")                                                                                                    \
    K(trace_peak_bytes, "trace.peak_bytes", INT, BYTES, FIRST, ADDED, LARGER, "", "", "no `trace(...)`",               \
      "most bytes held")                                                                                               \
    K(trace_own_bytes, "trace.own_bytes", INT, BYTES, FIRST, ADDED, LARGER, "", "", "no `trace(...)`",                 \
      "what the tracer itself takes")                                                                                  \
    K(trace_places, "trace.places", INT, COUNT, FIRST, ADDED, LESS, "", "", "no `trace(...)`", "call sites")           \
    K(trace_sites, "trace.sites", TREE, NONE, FIRST, ADDED, LESS, "", "", "no `trace(...)`",                           \
      "what is held, by call site")                                                                                    \
    K(debug_live_blocks, "debug.live_blocks", INT, COUNT, FIRST, ADDED, LESS, "", "", "no `debug(...)`",               \
      "blocks that it watches")                                                                                        \
    K(debug_quarantine_blocks, "debug.quarantine_blocks", INT, COUNT, FIRST, ADDED, LESS, "", "", "no `debug(...)`",   \
      "freed blocks that it holds back")                                                                               \
    K(debug_quarantine_bytes, "debug.quarantine_bytes", INT, BYTES, FIRST, ADDED, LARGER, "", "", "no `debug(...)`",   \
      "their bytes")                                                                                                   \
    K(debug_table_bytes, "debug.table_bytes", INT, BYTES, FIRST, ADDED, LARGER, "", "", "no `debug(...)`",             \
      "its own tables")

#define SCHEMA_CAUSE(F, cause)                                                                                         \
    F(pauses_by_cause_##cause##_count, "pauses.by_cause." #cause ".count", "pauses.by_cause.CAUSE.count", INT, COUNT,  \
      SUM, ADDED, LESS, "", "", "", "of this cause")                                                                   \
    F(pauses_by_cause_##cause##_total_ns, "pauses.by_cause." #cause ".total_ns", "pauses.by_cause.CAUSE.total_ns",     \
      INT, NS, SUM, ADDED, LONGER, "", "", "", "the same")                                                             \
    F(pauses_by_cause_##cause##_p50_ns, "pauses.by_cause." #cause ".p50_ns", "pauses.by_cause.CAUSE.p50_ns", INT, NS,  \
      QUANTILE, ADDED, LONGER, "", "", "", "the same")                                                                 \
    F(pauses_by_cause_##cause##_p99_ns, "pauses.by_cause." #cause ".p99_ns", "pauses.by_cause.CAUSE.p99_ns", INT, NS,  \
      QUANTILE, ADDED, LONGER, "", "", "", "the same")                                                                 \
    F(pauses_by_cause_##cause##_max_ns, "pauses.by_cause." #cause ".max_ns", "pauses.by_cause.CAUSE.max_ns", INT, NS,  \
      MOST, ADDED, LONGER, "", "", "", "the same")                                                                     \
    F(pauses_by_cause_##cause##_examined, "pauses.by_cause." #cause ".examined", "pauses.by_cause.CAUSE.examined",     \
      INT, COUNT, SUM, ADDED, LESS, "", "", "`stop` and waits", "objects looked at")                                   \
    F(pauses_by_cause_##cause##_freed, "pauses.by_cause." #cause ".freed", "pauses.by_cause.CAUSE.freed", INT, COUNT,  \
      SUM, ADDED, LESS, "", "", "`stop` and waits", "objects freed")                                                   \
    F(pauses_by_cause_##cause##_freed_bytes, "pauses.by_cause." #cause ".freed_bytes",                                 \
      "pauses.by_cause.CAUSE.freed_bytes", INT, BYTES, SUM, ADDED, LARGER, "", "", "`stop` and waits", "their bytes")

#define SCHEMA_UTILISED(F, what, window, RULE, PLACE, name, title, doc)                                                \
    F(pauses_##what##_##window, "pauses." #what "." #window, "pauses." #what ".WINDOW", REAL, RATIO, RULE, PLACE,      \
      BETTER, name, title, "the measured phase is shorter", doc)
#define SCHEMA_UTILISATION(F, what, RULE, PLACE, CSV, name, title, doc)                                                \
    SCHEMA_UTILISED(F, what, 1ms, RULE, CSV, "", "", doc)                                                              \
    SCHEMA_UTILISED(F, what, 2ms, RULE, PLACE, "", "", doc)                                                            \
    SCHEMA_UTILISED(F, what, 5ms, RULE, PLACE, "", "", doc)                                                            \
    SCHEMA_UTILISED(F, what, 10ms, RULE, CSV, name, title, doc)                                                        \
    SCHEMA_UTILISED(F, what, 20ms, RULE, PLACE, "", "", doc)                                                           \
    SCHEMA_UTILISED(F, what, 50ms, RULE, PLACE, "", "", doc)                                                           \
    SCHEMA_UTILISED(F, what, 100ms, RULE, CSV, "", "", doc)                                                            \
    SCHEMA_UTILISED(F, what, 200ms, RULE, PLACE, "", "", doc)                                                          \
    SCHEMA_UTILISED(F, what, 500ms, RULE, PLACE, "", "", doc)                                                          \
    SCHEMA_UTILISED(F, what, 1s, RULE, PLACE, "", "", doc)

#define SCHEMA_GENERATION(F, n)                                                                                        \
    F(gc_generations_##n##_collections, "gc.generations." #n ".collections", "gc.generations.N.collections", INT,      \
      COUNT, SUM, ADDED, LESS, "", "", "", "of generation N, 0 is the youngest; in the measured phase")                \
    F(gc_generations_##n##_collected, "gc.generations." #n ".collected", "gc.generations.N.collected", INT, COUNT,     \
      SUM, ADDED, LESS, "", "", "", "objects freed by them")                                                           \
    F(gc_generations_##n##_uncollectable, "gc.generations." #n ".uncollectable", "gc.generations.N.uncollectable",     \
      INT, COUNT, SUM, ADDED, LESS, "", "", "", "objects that could not be freed")

#define SCHEMA_RUNTIME(K, F)                                                                                           \
    K(pauses_count, "pauses.count", INT, COUNT, SUM, ALWAYS_CSV, LESS, "", "", "",                                     \
      "all pauses of all threads, in the measured phase")                                                              \
    K(pauses_total_ns, "pauses.total_ns", INT, NS, SUM, ALWAYS_CSV, LONGER, "total-pause", "time in pauses", "",       \
      "the same")                                                                                                      \
    K(pauses_p50_ns, "pauses.p50_ns", INT, NS, QUANTILE, ALWAYS_CSV, LONGER, "", "", "no pause", "the same")           \
    K(pauses_p99_ns, "pauses.p99_ns", INT, NS, QUANTILE, ALWAYS_CSV, LONGER, "p99-pause",                              \
      "99th percentile of pauses", "no pause", "the same")                                                             \
    K(pauses_p99_9_ns, "pauses.p99_9_ns", INT, NS, QUANTILE, ALWAYS_CSV, LONGER, "p99.9-pause",                        \
      "99.9th percentile of pauses", "no pause", "the same")                                                           \
    K(pauses_max_ns, "pauses.max_ns", INT, NS, MOST, ALWAYS_CSV, LONGER, "max-pause", "longest pause", "no pause",     \
      "the same")                                                                                                      \
    K(pauses_by_cause, "pauses.by_cause", GROUP, NONE, FIRST, ALWAYS, LESS, "", "", "no pause",                        \
      "CAUSE: `young middle full increment` (collections), `stop` (time to the safepoints), `reclaim` (a collector "   \
      "frees while other threads run), `cascade` (a decref that freed for 100 us or more); waits: "                    \
      "`gil_wait lock_wait stopped` (for the end of another thread's stop)")                                           \
    SCHEMA_CAUSE(F, young) SCHEMA_CAUSE(F, middle) SCHEMA_CAUSE(F, full) SCHEMA_CAUSE(F, increment)                    \
    SCHEMA_CAUSE(F, stop) SCHEMA_CAUSE(F, reclaim) SCHEMA_CAUSE(F, cascade) SCHEMA_CAUSE(F, gil_wait)                  \
    SCHEMA_CAUSE(F, lock_wait) SCHEMA_CAUSE(F, stopped)                                                                \
    SCHEMA_UTILISATION(F, mmu, LEAST, ALWAYS, ALWAYS_CSV, "mmu-10ms", "least utilisation of any 10 ms",                \
      "least share of any window of that length in which the mutator ran; the worst thread. WINDOW: "                  \
      "`1ms 2ms 5ms 10ms 20ms 50ms 100ms 200ms 500ms 1s`")                                                             \
    SCHEMA_UTILISATION(F, bmu, LEAST, ALWAYS, ALWAYS, "", "", "the least of `mmu` over all windows at least so long")  \
    SCHEMA_UTILISATION(F, mmu_mean, MEAN, ADDED, ADDED, "", "", "the mean over threads")                               \
    K(pauses_dropped, "pauses.dropped", INT, COUNT, SUM, ADDED, LESS, "", "", "none",                                  \
      "pauses that the log had no room for: each thread keeps its first 50,000 for `mmu`, `bmu`, the timeline and "    \
      "`--pauses`; the other figures have all")                                                                        \
    K(gc_generations, "gc.generations", GROUP, NONE, FIRST, ALWAYS, LESS, "", "", "the collector has none",            \
      "an array, youngest first; like all of `gc`, in the measured phase")                                             \
    SCHEMA_GENERATION(F, 0) SCHEMA_GENERATION(F, 1) SCHEMA_GENERATION(F, 2)                                            \
    K(gc_examined, "gc.examined", INT, COUNT, SUM, ALWAYS, LESS, "", "", "", "objects looked at")                      \
    K(gc_freed_by_gc, "gc.freed_by_gc", INT, COUNT, SUM, ALWAYS, LESS, "", "", "", "objects the collector freed")      \
    K(gc_references, "gc.references", INT, COUNT, SUM, ALWAYS_CSV, FEWER, "", "", "",                                  \
      "references followed (once each, whatever the passes)")                                                          \
    K(gc_marked, "gc.marked", INT, COUNT, SUM, ADDED, LESS, "", "", "the collector marks none", "objects marked")      \
    K(gc_cycles, "gc.cycles", INT, COUNT, SUM, ADDED, LESS, "", "", "not `pep848`", "collections run")                 \
    K(gc_find, "gc.find", TEXT, NONE, FIRST, ADDED, LESS, "", "", "not `stw`",                                         \
      "how `stw` found its objects: `walk` over the allocator's heap of containers, or `registry`")                    \
    K(gc_allocated, "gc.allocated", INT, COUNT, SUM, ALWAYS_CSV, LESS, "", "", "",                                     \
      "container objects taken from the allocator, as a collector's own count: those from a free list are not in it")  \
    K(gc_references_per_object, "gc.references_per_object", REAL, RATIO, WHOLE, ALWAYS_CSV, FEWER, "references",       \
      "references followed for each container allocated", "", "references / allocated")                                \
    K(gc_cost_wall_ns, "gc.cost_wall_ns", INT, NS, MEAN, ALWAYS_CSV, LONGER, "", "", "",                               \
      "explicit cost: pauses of `young` to `reclaim` and `cascade`. Those in which one thread alone stands still "     \
      "count for 1/threads. One process that stands still leaves the others running")                                  \
    K(gc_cost_cpu_ns, "gc.cost_cpu_ns", INT, NS, SUM, ALWAYS_CSV, LONGER, "", "", "",                                  \
      "the same in processor time, without `stop`: an estimate, the pauses' time times the part of their ready time "  \
      "for which the threads had a processor")                                                                         \
    K(gc_share, "gc.share", REAL, SHARE, MEAN, ALWAYS_CSV, LESS, "gc-share", "share of wall time in the collector",    \
      "", "`cost_wall_ns` without cascades / `wall_ns`")                                                               \
    K(gc_uncollected_peak, "gc.uncollected_peak", INT, COUNT, FIRST, ALWAYS_CSV, LESS, "uncollected",                  \
      "most uncollected garbage", "no oracle sample",                                                                  \
      "most garbage (unreachable from the roots and not freed) of all walks, in objects; peaks of several processes "  \
      "are of different moments")                                                                                      \
    K(gc_uncollected_peak_bytes, "gc.uncollected_peak_bytes", INT, BYTES, FIRST, ALWAYS_CSV, LESS,                     \
      "uncollected-bytes", "most uncollected garbage", "no oracle sample", "the same in bytes")                        \
    K(gc_uncollected_mean, "gc.uncollected_mean", REAL, COUNT, FIRST, ALWAYS_CSV, LESS, "", "", "no oracle sample",    \
      "mean over the walks, in objects")                                                                               \
    K(gc_uncollected_samples, "gc.uncollected_samples", INT, COUNT, FIRST, ALWAYS, LESS, "", "", "no oracle sample",   \
      "how many walks there were")                                                                                     \
    K(gc_reclaim, "gc.reclaim", GROUP, NONE, FIRST, ALWAYS, LESS, "", "", "the workload marks no dead cycles",         \
      "dead cycles that were marked (`cycles`: one in `--latency`)")                                                   \
    K(gc_reclaim_count, "gc.reclaim.count", INT, COUNT, SUM, ADDED_CSV, LESS, "", "", "", "freed in the measured phase")\
    K(gc_reclaim_waiting, "gc.reclaim.waiting", INT, COUNT, SUM, ADDED_CSV, LESS, "", "", "", "not freed by its end")  \
    K(gc_reclaim_p50_ns, "gc.reclaim.p50_ns", INT, NS, QUANTILE, ADDED_CSV, LONGER, "reclaim",                         \
      "median time to reclaim a dead cycle", "none freed",                                                             \
      "of the freed ones: from the moment it became unreachable to its dealloc")                                       \
    K(gc_reclaim_p99_ns, "gc.reclaim.p99_ns", INT, NS, QUANTILE, ADDED_CSV, LONGER, "", "", "none freed", "the same")  \
    K(gc_reclaim_max_ns, "gc.reclaim.max_ns", INT, NS, MOST, ADDED_CSV, LONGER, "max-reclaim",                         \
      "longest time to reclaim a dead cycle", "none freed", "the same")                                                \
    K(gc_reclaim_p50_objects, "gc.reclaim.p50_objects", INT, COUNT, QUANTILE, ADDED_CSV, LESS, "", "", "none freed",   \
      "the same in container objects allocated meanwhile, by all threads")                                             \
    K(gc_reclaim_max_objects, "gc.reclaim.max_objects", INT, COUNT, MOST, ADDED_CSV, LESS, "", "", "none freed",       \
      "the same")                                                                                                      \
    K(gc_live_objects, "gc.live_objects", INT, COUNT, SUM, ALWAYS, LESS, "", "", "",                                   \
      "alive at the end, before the drain")                                                                            \
    K(gil_switches, "gil.switches", INT, COUNT, SUM, ALWAYS, LESS, "", "", "no GIL", "hand-overs")                     \
    K(gil_wait_p99_ns, "gil.wait_p99_ns", INT, NS, MOST, ALWAYS, LONGER, "", "", "no GIL", "time to get it")           \
    K(gil_forced, "gil.forced", INT, COUNT, SUM, ALWAYS, LESS, "", "", "no GIL",                                       \
      "hand-overs that the interval forced")                                                                           \
    K(gil_waits, "gil.waits", INT, COUNT, SUM, ADDED, LESS, "", "", "no GIL", "times a thread waited")                 \
    K(gil_wait_total_ns, "gil.wait_total_ns", INT, NS, SUM, ADDED, LONGER, "", "", "no GIL", "time to get it")         \
    K(lock_acquisitions, "lock.acquisitions", INT, COUNT, SUM, ALWAYS, LESS, "", "", "no locks",                       \
      "mutexes that guard the contents of objects, in the measured phase; under a GIL or at allocator level that of "  \
      "`locked()`, up to the peak")                                                                                    \
    K(lock_contended, "lock.contended", INT, COUNT, SUM, ALWAYS, LESS, "", "", "no locks", "not had at once")          \
    K(lock_wait_p99_ns, "lock.wait_p99_ns", INT, NS, MOST, ALWAYS, LONGER, "", "", "no locks", "time to get one")      \
    K(lock_wait_total_ns, "lock.wait_total_ns", INT, NS, SUM, ADDED, LONGER, "", "", "no locks", "time to get them")   \
    K(lock_count_contended, "lock.count_contended", INT, COUNT, SUM, ADDED, LESS, "", "", "not `objlock`",             \
      "locks around an object's count, which are not in the figures above: not had at once (the times they were are "  \
      "not counted)")                                                                                                  \
    K(lock_count_wait_total_ns, "lock.count_wait_total_ns", INT, NS, SUM, ADDED, LONGER, "", "", "not `objlock`",      \
      "time to get them")                                                                                              \
    K(stop_count, "stop.count", INT, COUNT, SUM, ADDED, LESS, "", "", "the policy never stops the world",              \
      "stop-the-world, from the request to the last thread's safepoint")                                               \
    K(stop_total_ns, "stop.total_ns", INT, NS, SUM, ADDED, LONGER, "", "", "the same", "the same")                     \
    K(stop_max_ns, "stop.max_ns", INT, NS, MOST, ADDED, LONGER, "", "", "the same", "the same")                        \
    K(intern_hits, "intern.hits", INT, COUNT, SUM, ADDED, LESS, "", "", "nothing was interned",                        \
      "of the table of interned strings")                                                                              \
    K(intern_misses, "intern.misses", INT, COUNT, SUM, ADDED, LESS, "", "", "nothing was interned", "the same")

#define SCHEMA_CENSUS(K, F)                                                                                            \
    K(census, "census", GROUP, NONE, FIRST, ALWAYS, LESS, "", "", "without `--census`, and at allocator level",        \
      "what lay in the heap")                                                                                          \
    K(census_objects, "census.objects", INT, COUNT, FIRST, ADDED, LESS, "", "", "",                                    \
      "objects that are alive: containers, what they hold, what roots hold")                                           \
    K(census_bytes, "census.bytes", INT, BYTES, FIRST, ADDED, LARGER, "", "", "",                                      \
      "with the tables that objects own and the collector's header")                                                   \
    K(census_types, "census.types", TREE, NONE, FIRST, ADDED, LESS, "", "", "",                                        \
      "an array of `type count bytes`, most bytes first; at most 32: the last of more is `(others)`")                  \
    K(census_growth, "census.growth", TREE, NONE, FIRST, ADDED, LESS, "", "", "",                                      \
      "the same, of what a type grew by since the measured phase began; empty when none did")                          \
    K(census_leak, "census.leak", TEXT, NONE, FIRST, NESTED, LESS, "", "", "nothing grew",                             \
      "one sentence: the type that grew most (instances of classes before plain values) and the root that holds most " \
      "of it")

#define SCHEMA_MEMORY(K, F)                                                                                            \
    K(memory_baseline_rss_bytes, "memory.baseline_rss_bytes", INT, BYTES, FRONT, ALWAYS_CSV, LARGER, "", "",           \
      "not reached", "resident before the workload's first allocation: program, tables of the harness")                \
    K(memory_heap_peak_bytes, "memory.heap_peak_bytes", INT, BYTES, FRONT, ALWAYS_CSV, LARGER, "heap-peak",            \
      "heap peak: resident above the baseline", "not reached",                                                         \
      "most M: `memory.peak_rss_bytes` less `memory.baseline_rss_bytes`, the headline of memory. The program, the "    \
      "tables of the harness and a decoded recording are not in it. Records without the key: the difference is "       \
      "taken when they are read")                                                                                      \
    K(memory_peak_rss_bytes, "memory.peak_rss_bytes", INT, BYTES, FRONT, ALWAYS_CSV, LARGER, "peak-rss",               \
      "peak resident memory, whole process", "not reached",                                                            \
      "most resident, whole process, of all readings; several processes: the sum, in which pages that they share "     \
      "(program and libraries) count each time")                                                                       \
    K(memory_vm_hwm_bytes, "memory.vm_hwm_bytes", INT, BYTES, FRONT, ALWAYS_CSV, LARGER, "", "",                       \
      "with `--census`, `--heap-snapshot`",                                                                            \
      "the kernel's own high-water mark, from the baseline to the end of the measured phase")                          \
    K(memory_pss_bytes, "memory.pss_bytes", INT, BYTES, FRONT, ALWAYS, LARGER, "", "", "the kernel does not say",      \
      "proportional set size at the barrier after the measured phase, of all processes: what they share is counted "   \
      "once")                                                                                                          \
    K(memory_peak_live_requested_bytes, "memory.peak_live_requested_bytes", INT, BYTES, FRONT, ALWAYS_CSV, LARGER, "", \
      "", "the workload cannot tell", "most L")                                                                        \
    K(memory_peak_live_usable_bytes, "memory.peak_live_usable_bytes", INT, BYTES, FRONT, ALWAYS_CSV, LARGER, "", "",   \
      "the backend cannot tell, or L is largest between two barriers, where blocks cannot be walked",                  \
      "U at the moment of `memory.peak_live_requested_bytes`")                                                         \
    K(memory_held_bytes, "memory.held_bytes", INT, BYTES, FRONT, ALWAYS_CSV, LARGER, "held",                           \
      "memory held by the allocator", "the backend cannot tell",                                                       \
      "mapped by the backend at the barrier after the measured phase")                                                 \
    K(memory_run_end, "memory.run_end", GROUP, NONE, FRONT, ALWAYS, LESS, "", "", "not reached",                       \
      "at the barrier after the measured phase, all of one moment: what `internal`, `external` and `residency` are of")\
    K(memory_run_end_live_requested_bytes, "memory.run_end.live_requested_bytes", INT, BYTES, FRONT, NESTED, LARGER,   \
      "", "", "nothing is live, or the workload cannot tell", "L")                                                     \
    K(memory_run_end_live_usable_bytes, "memory.run_end.live_usable_bytes", INT, BYTES, FRONT, NESTED, LARGER, "", "", \
      "the backend cannot tell", "U")                                                                                  \
    K(memory_run_end_heap_bytes, "memory.run_end.heap_bytes", INT, BYTES, FRONT, NESTED, LARGER, "", "", "", "M")      \
    K(memory_run_end_lazy_free_bytes, "memory.run_end.lazy_free_bytes", INT, BYTES, FRONT, NESTED, LARGER, "", "", "", \
      "of it, given back with MADV_FREE and not yet taken by the kernel (LazyFree)")                                   \
    K(memory_run_end_anon_huge_bytes, "memory.run_end.anon_huge_bytes", INT, BYTES, FRONT, NESTED, LARGER, "", "", "", \
      "of the whole process, in transparent huge pages (AnonHugePages)")                                               \
    K(memory_settle_end, "memory.settle_end", GROUP, NONE, FRONT, ALWAYS, LESS, "", "", "not waited for",              \
      "at the end of `--settle`, when all has long been freed")                                                        \
    K(memory_settle_end_heap_bytes, "memory.settle_end.heap_bytes", INT, BYTES, FRONT, NESTED, LARGER, "settled",      \
      "memory kept after the load", "", "M")                                                                           \
    K(memory_settle_end_lazy_free_bytes, "memory.settle_end.lazy_free_bytes", INT, BYTES, FRONT, NESTED, LARGER, "",   \
      "", "", "of it, given back with MADV_FREE and not yet taken by the kernel (LazyFree)")                           \
    K(memory_settle_end_anon_huge_bytes, "memory.settle_end.anon_huge_bytes", INT, BYTES, FRONT, NESTED, LARGER, "",   \
      "", "", "of the whole process, in transparent huge pages (AnonHugePages)")                                       \
    K(fragmentation_internal, "fragmentation.internal", REAL, RATIO, FRONT, ALWAYS_CSV, WORSE, "", "",                 \
      "L under 1 MiB (all of `fragmentation`), or U unknown", "1 - L/U")                                               \
    K(fragmentation_external, "fragmentation.external", REAL, RATIO, FRONT, ALWAYS_CSV, WORSE, "external",             \
      "active pages over live blocks", "A unknown (system and preloaded libraries)", "A/U")                            \
    K(fragmentation_residency, "fragmentation.residency", REAL, RATIO, FRONT, ALWAYS_CSV, WORSE, "", "", "A unknown",  \
      "M/A: under 1 where pages were not touched, over 1 where memory is kept that is not active")                     \
    K(fragmentation_jw1, "fragmentation.jw1", REAL, RATIO, FRONT, ALWAYS_CSV, WORSE, "", "", "",                       \
      "mean over time of M/L (Johnstone & Wilson, ISMM'98)")                                                           \
    K(fragmentation_jw2, "fragmentation.jw2", REAL, RATIO, FRONT, ALWAYS_CSV, WORSE, "", "", "",                       \
      "M/L when L is largest, read by the worker itself (docs/method.md); on a plateau a matter of luck")              \
    K(fragmentation_jw3, "fragmentation.jw3", REAL, RATIO, FRONT, ALWAYS_CSV, WORSE, "", "", "", "M/L when M is largest")\
    K(fragmentation_jw4, "fragmentation.jw4", REAL, RATIO, FRONT, ALWAYS_CSV, WORSE, "heap-live",      \
      "heap peak over live peak (JW4)", "", "largest M / largest L: heap peak over live peak, the headline")           \
    K(fragmentation_return_to_os_100ms, "fragmentation.return_to_os_100ms", REAL, RATIO, FRONT, ALWAYS_CSV, WORSE, "", \
      "", "not waited for (`--settle`; suites wait in block 0)",                                                       \
      "M after the drain and that long a wait, over the largest M: 0 is \"all given back\"")                           \
    K(fragmentation_return_to_os_1s, "fragmentation.return_to_os_1s", REAL, RATIO, FRONT, ALWAYS_CSV, WORSE, "", "",   \
      "not waited for", "the same")                                                                                    \
    K(fragmentation_return_to_os_end, "fragmentation.return_to_os_end", REAL, RATIO, FRONT, ALWAYS_CSV, WORSE, "", "", \
      "not waited for", "the same at the end of `--settle`, however long that is")                                     \
    K(fragmentation_return_to_os_end_less_lazy, "fragmentation.return_to_os_end_less_lazy", REAL, RATIO, FRONT,        \
      ALWAYS_CSV, WORSE, "", "", "not waited for",                                                                     \
      "the same without what was given back with MADV_FREE and stays resident until the kernel needs it")              \
    K(fragmentation_contiguity, "fragmentation.contiguity", REAL, RATIO, FRONT, ALWAYS, WORSE, "", "",                 \
      "not a backend of ours", "1 - largest free run / all free")                                                      \
    K(timeline_t_ns, "timeline.t_ns", INTS, NS, FRONT, ALWAYS, LESS, "", "", "not reached",                            \
      "time since the worker was ready; `timeline.*` are arrays of one length")                                        \
    K(timeline_rss_bytes, "timeline.rss_bytes", INTS, BYTES, FRONT, ALWAYS, LESS, "", "", "not reached", "resident")   \
    K(timeline_live_bytes, "timeline.live_bytes", INTS, BYTES, FRONT, ALWAYS, LESS, "", "", "not reached", "L")        \
    K(timeline_allocated_bytes, "timeline.allocated_bytes", INTS, BYTES, FRONT, ALWAYS, LESS, "", "", "not reached",   \
      "bytes requested so far, which is the same axis for fast and slow")                                              \
    K(timeline_run_end_ns, "timeline.run_end_ns", INT, NS, FRONT, ALWAYS, LESS, "", "", "not reached",                 \
      "on the axis of `t_ns`: the measured phase has ended; behind it lie drain and settle")                           \
    K(timeline_drained_ns, "timeline.drained_ns", INT, NS, FRONT, ALWAYS, LESS, "", "", "not reached",                 \
      "all has been freed; behind it lies the settle")                                                                 \
    K(timeline_settle_t_ns, "timeline.settle_t_ns", INTS, NS, FRONT, ALWAYS, LESS, "", "", "not reached",              \
      "the points of `t_ns` from `drained_ns` on, of which the next two are")                                          \
    K(timeline_settle_lazy_free_bytes, "timeline.settle_lazy_free_bytes", INTS, BYTES, FRONT, ALWAYS, LESS, "", "",    \
      "not reached", "of what is resident, given back with MADV_FREE")                                                 \
    K(timeline_settle_anon_huge_bytes, "timeline.settle_anon_huge_bytes", INTS, BYTES, FRONT, ALWAYS, LESS, "", "",    \
      "not reached", "of what is resident, in transparent huge pages")                                                 \
    K(timeline_gc_t_ns, "timeline.gc_t_ns", INTS, NS, FIRST, ALWAYS, LESS, "", "", "no collection",                    \
      "beginning of collections (on the axis of `t_ns`); of more than 1000 the longest")                               \
    K(timeline_gc_ns, "timeline.gc_ns", INTS, NS, FIRST, ALWAYS, LESS, "", "", "no collection", "their length")        \
    K(os_minor_faults, "os.minor_faults", INT, COUNT, SUM, ALWAYS_CSV, FEWER, "faults", "minor page faults", "",       \
      "of the measured phase, all processes")                                                                          \
    K(os_major_faults, "os.major_faults", INT, COUNT, SUM, ALWAYS, FEWER, "", "", "", "the same")                      \
    K(os_voluntary_switches, "os.voluntary_switches", INT, COUNT, SUM, ALWAYS, FEWER, "", "", "", "the same")          \
    K(os_involuntary_switches, "os.involuntary_switches", INT, COUNT, SUM, ALWAYS_CSV, FEWER, "", "", "", "the same")  \
    K(os_steal_ns, "os.steal_ns", INT, NS, FRONT, ALWAYS, LESS, "", "", "the kernel does not say",                     \
      "stolen from this machine's processors during the sample")                                                       \
    K(os_throttled_ns, "os.throttled_ns", INT, NS, FRONT, ALWAYS, LESS, "", "", "no limit", "of the control group")    \
    K(os_throttled_periods, "os.throttled_periods", INT, COUNT, FRONT, ALWAYS, LESS, "", "", "no limit", "the same")   \
    K(os_psi_cpu_ns, "os.psi_cpu_ns", INT, NS, FRONT, ALWAYS, LESS, "", "", "no /proc/pressure",                       \
      "pressure of the system during the sample: some task waited for a processor")                                    \
    K(os_psi_memory_ns, "os.psi_memory_ns", INT, NS, FRONT, ALWAYS, LESS, "", "", "no /proc/pressure", "for memory")   \
    K(os_psi_memory_full_ns, "os.psi_memory_full_ns", INT, NS, FRONT, ALWAYS, LESS, "", "", "no /proc/pressure",       \
      "all tasks waited for memory")                                                                                   \
    K(os_psi_io_ns, "os.psi_io_ns", INT, NS, FRONT, ALWAYS, LESS, "", "", "no /proc/pressure", "for a disk")           \
    K(library_path, "library.path", TEXT, NONE, FIRST, ALWAYS, LESS, "", "", "not reached",                            \
      "what serves malloc in the worker")                                                                              \
    K(library_version, "library.version", TEXT, NONE, FIRST, ALWAYS, LESS, "", "", "not known", "the same")            \
    K(library_sha256, "library.sha256", TEXT, NONE, FRONT, ALWAYS, LESS, "", "", "not reached", "of its file")         \
    K(library_resolved_by, "library.resolved_by", TEXT, NONE, FIRST, ALWAYS, LESS, "", "", "not reached",              \
      "how that was found")                                                                                            \
    K(heap, "heap", TREE, NONE, FIRST, ALWAYS, LESS, "", "", "the backend cannot be looked into",                      \
      "the backend looked into at the peak, or at the end of a trace: see \"heap\"")

/* What a worker sends for the front to reckon with. */
#define SCHEMA_LETTERS(K, F)                                                                                           \
    K(probe_start_ns, "probe.start_ns", INT, NS, LEAST, LETTER, LESS, "", "", "", "the measured phase began")          \
    K(probe_end_ns, "probe.end_ns", INT, NS, MOST, LETTER, LESS, "", "", "", "it ended")                               \
    K(probe_most_live_bytes, "probe.most_live.bytes", INT, BYTES, FIRST, LETTER, LESS, "", "", "",                     \
      "most L, where the workload knows it")                                                                           \
    K(probe_most_live_rss_bytes, "probe.most_live.rss_bytes", INT, BYTES, FIRST, LETTER, LESS, "", "", "",             \
      "resident right after the call at which L is that")                                                              \
    K(probe_epochs_most_live_bytes, "probe.epochs_most_live_bytes", INT, BYTES, FIRST, LETTER, LESS, "", "", "",       \
      "most L where the workers of a replay met")                                                                      \
    K(probe_peak_mapped, "probe.peak.mapped", INT, BYTES, SUM, LETTER, LESS, "", "", "", "at the peak: mapped")        \
    K(probe_peak_active, "probe.peak.active", INT, BYTES, SUM, LETTER, LESS, "", "", "", "A")                          \
    K(probe_peak_largest_free, "probe.peak.largest_free", INT, BYTES, MOST, LETTER, LESS, "", "", "",                  \
      "largest free run")                                                                                              \
    K(probe_peak_total_free, "probe.peak.total_free", INT, BYTES, SUM, LETTER, LESS, "", "", "", "all free")

/* In the order in which they are written. S(macro, title) is a table of SCHEMA.md. */
#define SCHEMA_SECTIONS(S)                                                                                             \
    S(SCHEMA_WHAT, "what")                                                                                             \
    S(SCHEMA_WORK, "work")                                                                                             \
    S(SCHEMA_RUNTIME, "runtime")                                                                                       \
    S(SCHEMA_CENSUS, "census")                                                                                         \
    S(SCHEMA_MEMORY, "memory")                                                                                         \
    S(SCHEMA_LETTERS, "letters")
#define SCHEMA(K, F)                                                                                                   \
    SCHEMA_WHAT(K, F) SCHEMA_WORK(K, F) SCHEMA_RUNTIME(K, F) SCHEMA_CENSUS(K, F) SCHEMA_MEMORY(K, F) SCHEMA_LETTERS(K, F)

/* clang-format on */

#define SCHEMA_K_ENUM(id, ...) KEY_##id,
enum schema_key { SCHEMA(SCHEMA_K_ENUM, SCHEMA_K_ENUM) SCHEMA_KEYS };

#define SCHEMA_X_STATUS(id, ...) SAMPLE_##id,
enum sample_status { SAMPLE_UNKNOWN, SCHEMA_STATUSES(SCHEMA_X_STATUS) SAMPLE_STATUSES };

enum schema_type {
    VALUE_INT,
    VALUE_REAL,
    VALUE_BOOL,
    VALUE_TEXT,
    VALUE_STATUS,
    VALUE_INTS,
    VALUE_TREE,
    VALUE_GROUP
};
enum schema_unit { UNIT_NONE, UNIT_COUNT, UNIT_NS, UNIT_BYTES, UNIT_RATIO, UNIT_SHARE, UNIT_RATE };
enum schema_rule {
    RULE_FRONT,
    RULE_FIRST,
    RULE_SUM,
    RULE_MEAN,
    RULE_LEAST,
    RULE_MOST,
    RULE_QUANTILE,
    RULE_ALL,
    RULE_WHOLE
};
enum schema_place {
    PLACE_ALWAYS = 1,
    PLACE_NESTED = 2,
    PLACE_ADDED = 4,
    PLACE_LETTER = 8,
    PLACE_CSV = 16,
    PLACE_ALWAYS_CSV = PLACE_ALWAYS | PLACE_CSV,
    PLACE_NESTED_CSV = PLACE_NESTED | PLACE_CSV,
    PLACE_ADDED_CSV = PLACE_ADDED | PLACE_CSV
};
enum schema_sense {
    SENSE_LESS,
    SENSE_FASTER,
    SENSE_SLOWER,
    SENSE_LARGER,
    SENSE_WORSE,
    SENSE_BETTER,
    SENSE_LONGER,
    SENSE_FEWER,
    SENSES
};

struct schema_row {
    const char *path, *pattern; /* pattern: of a family; NULL: not of one */
    enum schema_type type;
    enum schema_unit unit;
    enum schema_rule rule;
    unsigned place;
    enum schema_sense sense;
    const char *name, *title, *null_when, *doc;
    size_t offset; /* in struct sample, of types that have a field */
};
extern const struct schema_row schema_rows[SCHEMA_KEYS];

/* What more of a figure is: whether it is better, and a verdict's words. */
extern const struct schema_sense_words {
    bool more_is_better;
    const char *higher, *lower;
} schema_senses[SENSES];

extern const char *const sample_status_words[SAMPLE_STATUSES];
/* SAMPLE_UNKNOWN when it is none. Takes the words of old records too. */
enum sample_status sample_status_of(const char *word);

/* The key of that path, of `length` characters; SCHEMA_KEYS when there is none. */
enum schema_key schema_find(const char *path, size_t length);
/* Whether the key has numbers: what a metric can be. */
bool schema_is_figure(enum schema_key key);
/* The tables of results/SCHEMA.md, each between "<!-- schema: NAME -->" and "<!-- end -->". 0 or -1. */
int schema_print(FILE *out);

#endif
