/* run.c: heapgauge run: the cells of one workload, from the command line. */
#include "cmd.h"
#include "bench/worker/file_kinds.h"
#include "bench/report/census.h"
#include "bench/report/heapmap.h"
#include "bench/report/table.h"
#include "bench/sample/session.h"
#include "bench/stat/stats.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

const struct param *cmd_run_options(void)
{
    return settings_table(IN_RUN);
}

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
static int run_can_write_all(struct settings *o, struct message *m)
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
static bool run_could_not_write(const struct settings *o, const struct session *s, struct message *m)
{
    const char *reason = s->samples ? sample_text_or(s->sample[0], reason, NULL) : NULL;
    if ((!o->heapmap[0] && !o->pauses[0] && !o->heap_snapshot[0]) || !reason ||
        strncmp(reason, "cannot write ", 13) != 0)
        return false;
    message_set(m, -EIO, "%.900s", reason);
    return true;
}

/* The A/A arm costs a sample a block: where nobody asked for it, it is there once it can have an interval. */
static int run_baseline(struct plan *plan, const char *text, uint64_t samples, struct message *m)
{
    struct baseline b;
    char there[400];
    int err = baseline_parse(&b, text, "--baseline", m);
    if (err)
        return err;
    bool names = baseline_names(&b);
    plan->baseline_once = !names && samples < STATS_MIN;
    if (plan_mark_baseline(plan, 0, names ? &b : NULL) || !names)
        return 0;
    return message_set(m, -EINVAL, "--baseline: '%.200s' is no configuration of this run; there are: %s",
                       text, plan_labels(plan, 0, there, sizeof there));
}

static int run_plan(struct plan *plan, struct settings *o, const struct place *places, struct message *m)
{
    int err = plan_add(plan, o, false, places, m);
    if (!err)
        err = run_baseline(plan, o->baseline, o->samples, m);
    bool object = plan->cells && plan->cell[0].cell.gc;
    if (!err && (o->census || o->heap_snapshot[0]) && !object)
        err = message_set(m, -EINVAL,
                          "--%s looks at objects: workload %s needs a refcount policy for that, --rc gil for "
                          "example",
                          o->census ? "census" : "heap-snapshot", plan->cell[0].cell.workload->name);
    if (!err && (o->heapmap[0] || o->heap_snapshot[0]) &&
        (plan->cells > 1 || o->samples > 1 || (plan->cell[0].baseline && !plan->baseline_once) ||
         plan->cell[0].cell.processes > 1))
        err = message_set(m, -EINVAL,
                          "--%s shows one heap: one cell (allocator, policy, collector, number of threads), "
                          "one process, one sample",
                          o->heapmap[0] ? "heapmap" : "heap-snapshot");
    if (!err && o->pauses[0] &&
        (plan->cells > 1 || o->samples > 1 || (plan->cell[0].baseline && !plan->baseline_once) ||
         plan->cell[0].cell.processes > 1 || !object))
        err = message_set(m, -EINVAL,
                          "--pauses logs one runtime: an object workload (--rc), one allocator, policy, "
                          "collector and number of threads, one process, one sample");
    if (!err && o->oracle && !object)
        err = message_set(m, -EINVAL,
                          "--oracle counts dead objects: it needs an object workload, --rc gil for example");
    if (!err)
        err = run_can_write_all(o, m);
    if (!err)
        settings_copy(plan->settings[0], o, IN_WORKER, 0);
    return err ? err : plan_order(plan, (unsigned)o->samples, o->seed, 0, 1);
}

int cmd_run(const struct command *self, int argc, char **argv)
{
    static struct settings o;
    static struct message m;
    struct plan plan = {0};
    struct place *place = NULL;
    settings_defaults(&o, IN_RUN);
    int positional, err = option_parse(self, &o, argc, argv, &positional, &m);
    if (err)
        return err > 0 ? EXIT_DONE : option_refuse(&m);
    if (positional) {
        message_set(&m, 0, "run: '%s' is not an option (see heapgauge run --help)", argv[0]);
        return option_refuse(&m);
    }
    o.quiet |= o.json && !isatty(2);
    o.memory_limit = spawn_memory_limit(o.memory_limit);
    snprintf(plan.name, sizeof plan.name, "run");
    err = place_open(&place, &m);
    if (!err)
        err = run_plan(&plan, &o, place, &m);
    struct session s = {
        .plan = &plan,
        .settings = &o,
        .settle_always = true,
    };
    session_new_id(s.run_id, sizeof s.run_id);
    if (!err && o.out[0]) {
        struct record *run = session_describe(&s, "run", o.baseline[0] ? o.baseline : NULL);
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
            report_table(stdout, s.sample, s.samples, o.baseline, plan.samples, plan.blocks);
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
        /* The map itself is written; without gnuplot there is no picture, and a message. */
        if (report_heapmap(o.heapmap, plan.cell[0].cell.config.name, picture, sizeof picture, &m) == 0)
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
