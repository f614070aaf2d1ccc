/* run.c: heapgauge run: the cells of one workload, from the command line. */
#include "cmd.h"
#include "bench/worker/file_kinds.h"
#include "bench/report/census.h"
#include "bench/report/heapmap.h"
#include "bench/report/table.h"
#include "bench/sample/session.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define RUN_OPTIONS(P, S)                                                                           \
    P(S, TEXT, workload, "", "", "NAME or NAME:param=value,... (heapgauge list workloads)")         \
    P(S, TEXT, alloc, "system", "", "allocators, with commas between (heapgauge list allocs)")      \
    P(S, TEXT, rc, "", "", "refcount policies for object workloads (heapgauge list rc)")            \
    P(S, TEXT, gc, "", "", "cycle collector, with parameters (heapgauge list gc)")                  \
    P(S, TEXT, threads, "1", "", "threads, or a list: 1,2,4")                                       \
    P(S, TEXT, processes, "1", "", "processes side by side, or a list")                             \
    P(S, TEXT, parallel, "", "",                                                                    \
      "in the place of both: threads x processes, beside one another: 1x1,2x1,1x2")                 \
    P(S, TEXT, place, "none", "", "binding: none compact cores scatter numa:N")                     \
    P(S, COUNT, samples, "1", "1-10000",                                                            \
      "samples of each cell, in randomised blocks; 6 or more give an interval")                     \
    P(S, COUNT, seed, "1", "0-4G", "same seed, same work")                                          \
    P(S, TEXT, out, "", "", "folder for the run; it must not hold one yet")                         \
    P(S, FLAG, json, "0", "", "print the samples themselves, one object a line")                    \
    P(S, NS, timeout, "300s", "1ms-24000s", "limit of one sample")                                  \
    P(S, BYTES, memory_limit, "0", "",                                                              \
      "resident memory of one sample; 0 takes three quarters of the machine's")                     \
    P(S, NS, settle, "1s", "0s-60s",                                                                \
      "how long memory is watched after the drain: 100ms, 1s; 0s does not wait")                    \
    P(S, COUNT, latency, "1009", "0-1G", "time one operation in so many; 0 times none")             \
    P(S, TEXT, heapmap, "", "", "file for a map of the heap at each phase, of one cell and sample") \
    P(S, TEXT, pauses, "", "", "file for every pause, as CSV, of one cell and sample")              \
    P(S, COUNT, oracle, "0", "0-100k",                                                              \
      "an extra sample of each object cell with so many exact counts of its garbage, and no times") \
    P(S, FLAG, census, "0", "",                                                                     \
      "what lies in the heap at the peak by type, and what grew (object workloads)")                \
    P(S, TEXT, heap_snapshot, "", "",                                                               \
      "FILE.begin, FILE.peak, FILE.drained for heapgauge heap, of one cell and sample")             \
    P(S, FLAG, quiet, "0", "", "no progress on standard error")
PARAM_STRUCT(run_options, RUN_OPTIONS)
static const struct param *const run_table = PARAM_TABLE(run_options, RUN_OPTIONS);

/* A file that the worker will write, or none: found out before any work. */
static int run_can_write(char *path, size_t size, const char *ending, const struct file_kind *kind,
                         struct message *m)
{
    char name[FILE_OUT_PATH], given[FILE_OUT_PATH];
    if (!path[0])
        return 0;
    snprintf(name, sizeof name, "%s%s", path, file_out_in_place(path) ? "" : ending);
    int err = file_out_check(name, kind, m);
    snprintf(given, sizeof given, "%s", path);
    return err ? err : file_out_for_child(given, path, size, m);
}

/* The worker's files, if any. Their names become the ones that a worker finds them by. */
static int run_can_write_all(struct run_options *o, struct message *m)
{
    static const char *const endings[] = {".begin", ".peak", ".drained"};
    int err = run_can_write(o->pauses, sizeof o->pauses, "", &pauses_kind, m);
    if (!err)
        err = run_can_write(o->heapmap, sizeof o->heapmap, "", &heapmap_kind, m);
    for (unsigned i = 0; !err && i < 3; i++)
        err = run_can_write(o->heap_snapshot, sizeof o->heap_snapshot, endings[i], &heap_snapshot_kind, m);
    return err;
}

/* A worker that could not write its file: bad input as anywhere else, not a cell that failed. */
static bool run_could_not_write(const struct run_options *o, const struct session *s, struct message *m)
{
    const char *reason = s->samples ? sample_text_or(s->sample[0], reason, NULL) : NULL;
    if ((!o->heapmap[0] && !o->pauses[0] && !o->heap_snapshot[0]) || !reason ||
        strncmp(reason, "cannot write ", 13) != 0)
        return false;
    message_set(m, -EIO, "%.900s", reason);
    return true;
}

static int run_plan(struct plan *plan, struct run_options *o, const struct place *places, struct message *m)
{
    struct plan_axes axes = {.workload = o->workload,
                             .alloc = o->alloc,
                             .rc = o->rc,
                             .gc = o->gc,
                             .threads = o->threads,
                             .processes = o->processes,
                             .parallel = o->parallel,
                             .place = o->place,
                             .census = o->census,
                             .dashes = "--"};
    int err = plan_add(plan, &axes, places, m);
    bool object = plan->cells && plan->cell[0].cell.gc;
    if (!err && (o->census || o->heap_snapshot[0]) && !object)
        err = message_set(m, -EINVAL,
                          "--%s looks at objects: workload %s needs a refcount policy for that, --rc gil for "
                          "example",
                          o->census ? "census" : "heap-snapshot", plan->cell[0].cell.workload->name);
    if (!err && (o->heapmap[0] || o->heap_snapshot[0]) &&
        (plan->cells > 1 || o->samples > 1 || plan->cell[0].cell.processes > 1))
        err = message_set(m, -EINVAL,
                          "--%s shows one heap: one cell (allocator, policy, collector, number of threads), "
                          "one process, one sample",
                          o->heapmap[0] ? "heapmap" : "heap-snapshot");
    if (!err && o->pauses[0] &&
        (plan->cells > 1 || o->samples > 1 || plan->cell[0].cell.processes > 1 || !object))
        err = message_set(m, -EINVAL,
                          "--pauses logs one runtime: an object workload (--rc), one allocator, policy, "
                          "collector and number of threads, one process, one sample");
    if (!err && o->oracle && !object)
        err = message_set(m, -EINVAL,
                          "--oracle counts dead objects: it needs an object workload, --rc gil for example");
    if (!err)
        err = run_can_write_all(o, m);
    plan->oracle = o->oracle;
    return err ? err : plan_order(plan, (unsigned)o->samples, o->seed, 0, 1);
}

int cmd_run(const struct command *self, int argc, char **argv)
{
    static struct run_options o;
    static struct message m;
    struct plan plan = {0};
    struct place *place = NULL;
    int positional, err = option_parse(self, run_table, &o, argc, argv, &positional, &m);
    if (err)
        return err > 0 ? EXIT_DONE : option_refuse(&m);
    if (positional) {
        message_set(&m, 0, "run: '%s' is not an option (see heapgauge run --help)", argv[0]);
        return option_refuse(&m);
    }
    snprintf(plan.name, sizeof plan.name, "run");
    err = place_open(&place, &m);
    if (!err)
        err = run_plan(&plan, &o, place, &m);
    struct session s = {
        .plan = &plan,
        .limits = {.timeout_ns = o.timeout,
                   .memory_bytes = session_memory_limit(o.memory_limit),
                   .latency_every = (uint32_t)o.latency,
                   .heapmap = o.heapmap[0] ? o.heapmap : NULL,
                   .pauses = o.pauses[0] ? o.pauses : NULL,
                   .heap_snapshot = o.heap_snapshot[0] ? o.heap_snapshot : NULL},
        .settle_ns = o.settle,
        .settle_always = true,
        .json = o.json,
        .quiet = o.quiet || (o.json && !isatty(2)),
    };
    session_new_id(s.run_id, sizeof s.run_id);
    if (!err && o.out[0]) {
        struct record *run = session_describe(&s, "run", NULL);
        err = run ? run_create(&s.store, o.out, run, &m) : message_set(&m, -ENOMEM, "no memory");
        record_free(run);
    }
    int status = EXIT_DONE;
    if (err) {
        status = option_refuse(&m);
    } else {
        err = session_run(&s, &m);
        if (err) {
            option_refuse(&m);
            status = EXIT_SOME_CELLS;
        } else {
            status = s.interrupted ? EXIT_INTERRUPTED : s.failed ? EXIT_SOME_CELLS : EXIT_DONE;
        }
        if (run_could_not_write(&o, &s, &m))
            status = option_refuse(&m);
        if (!o.json)
            report_table(stdout, s.sample, s.samples, NULL);
        if (!o.json)
            report_census(stdout, s.sample, s.samples);
    }
    if (o.heap_snapshot[0] && status == EXIT_DONE && !file_out_in_place(o.heap_snapshot))
        fprintf(stderr,
                "the heap's snapshots are in %s.begin, .peak and .drained (heapgauge heap asks them)\n",
                o.heap_snapshot);
    if (o.pauses[0] && s.samples && sample_has(s.sample[0], pauses_dropped))
        fprintf(stderr, "%lld pauses had no room in %s\n", (long long)s.sample[0]->pauses_dropped, o.pauses);
    char picture[8192];
    if (o.heapmap[0] && status == EXIT_DONE && !file_out_in_place(o.heapmap) && s.samples == 1 &&
        s.sample[0]->status == SAMPLE_OK) {
        /* The map itself is written; without gnuplot there is no picture, and it is said. */
        if (report_heapmap(o.heapmap, plan.cell[0].cell.alloc.text, picture, sizeof picture, &m) == 0)
            fprintf(stderr, "the heap map is in %s, drawn in %s\n", o.heapmap, picture);
        else
            option_refuse(&m);
    }
    run_close(s.store);
    session_free(&s);
    plan_free(&plan);
    place_close(place);
    return status;
}
