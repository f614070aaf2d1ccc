/* suite.c: heapgauge suite: a file of cells, in randomised blocks, into a run folder. */
#include "cmd.h"
#include "bench/host/paths.h"
#include "bench/host/env.h"
#include "bench/report/census.h"
#include "bench/report/inherited.h"
#include "bench/report/table.h"
#include "bench/sample/session.h"
#include "bench/plan/suite.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const struct param *cmd_suite_options(void)
{
    return settings_table(IN_SUITE_VERB);
}

static int suite_shard(const char *text, unsigned *shard, unsigned *shards, struct message *m)
{
    char rest;
    if (sscanf(text, "%u/%u%c", shard, shards, &rest) != 2 || *shard < 1 || *shard > *shards ||
        *shards > 100000)
        return message_set(m, -EINVAL, "--shard: '%.60s' is not i/n with i from 1 to n", text);
    --*shard;
    return 0;
}

/* results/2026-11-21-host, with -2, -3 ... behind it where that is taken. */
static int suite_default_out(char *out, size_t size, struct message *m)
{
    char host[256] = "host", date[32];
    time_t now = time(NULL);
    struct tm t;
    struct stat st;
    gethostname(host, sizeof host - 1);
    localtime_r(&now, &t);
    strftime(date, sizeof date, "%Y-%m-%d", &t);
    if (mkdir("results", 0777) != 0 && errno != EEXIST)
        return message_set(m, -errno, "cannot make the folder results here: %s (give --out DIR)",
                           strerror(errno));
    for (unsigned i = 1; i < 10000; i++) {
        if (i == 1)
            snprintf(out, size, "results/%s-%s", date, host);
        else
            snprintf(out, size, "results/%s-%s-%u", date, host, i);
        if (stat(out, &st) != 0)
            return 0;
    }
    return message_set(m, -EEXIST, "results/%s-%s and its successors exist: give --out DIR", date, host);
}

static int suite_path(const char *name, char *path, size_t size, struct message *m)
{
    struct stat st;
    size_t n = strlen(name);
    if (strchr(name, '/') || (n > 4 && strcmp(name + n - 4, ".ini") == 0)) {
        snprintf(path, size, "%s", name);
        return stat(path, &st) == 0
                   ? 0
                   : message_set(m, -errno, "cannot read suite %s: %s", path, strerror(errno));
    }
    if (paths_suite(name, path, size, m) == 0)
        return 0;
    return message_set(
        m, -ENOENT, "no suite '%.100s' (heapgauge list suites prints them; a file is named with .ini)", name);
}

/* The workers of both sessions are to inherit the same. */
static int suite_same_variables(const struct record *run, const char *dir, struct message *m)
{
    struct record *now = record_new();
    if (now)
        env_record_variables(now, "environment");
    char *was = report_inherited_of_run(run), *is = now ? report_inherited_of_run(now) : NULL;
    int err = 0;
    if (was && is && strcmp(was, is) != 0)
        err = message_set(
            m, -EINVAL,
            "%s: its workers inherited other variables than they would now: %.300s then, %.300s now: "
            "it cannot be resumed with them",
            dir, *was ? was : "none", *is ? is : "none");
    free(was);
    free(is);
    record_free(now);
    return err;
}

/* What a sample's figures or the plan depend on is as it was; limits of time and memory may be others. */
static int suite_same_settings(struct session *s, const struct record *run, const char *dir,
                               struct message *m)
{
    static const char *const fixed[] = {
        "blocks",           "settings.shard", "settings.settle_ns", "settings.settle_load",
        "settings.latency", "settings.tails", "settings.oracle"};
    struct record *now = session_describe(s, s->plan->name, NULL);
    if (!now)
        return message_set(m, -ENOMEM, "no memory");
    int err = 0;
    for (size_t i = 0; !err && i < sizeof fixed / sizeof *fixed; i++) {
        int64_t was, is;
        const char *said = record_text(run, fixed[i]), *says = record_text(now, fixed[i]);
        const char *name = strchr(fixed[i], '.') ? strchr(fixed[i], '.') + 1 : fixed[i];
        if (said && says && strcmp(said, says) != 0)
            err = message_set(m, -EINVAL, "%s was run with %s = %s, not %s: it cannot be resumed with that",
                              dir, name, said, says);
        else if (record_integer(run, fixed[i], &was) && record_integer(now, fixed[i], &is) && was != is)
            err =
                message_set(m, -EINVAL, "%s was run with %s = %lld, not %lld: it cannot be resumed with that",
                            dir, name, (long long)was, (long long)is);
    }
    record_free(now);
    return err;
}

/* Opens the folder to go on with, and refuses one that is of another suite, seed, number of blocks or
 * settings: its cells would not fit, or its figures not belong together. */
static int suite_resume(struct session *s, struct run *done, const char *dir, struct message *m)
{
    int64_t seed, cells;
    int err = run_load(done, dir, false, m);
    if (err)
        return err;
    const char *suite = record_text(done->run, "suite"), *id = record_text(done->run, "run_id");
    if (!suite || strcmp(suite, s->plan->name) != 0 || !record_integer(done->run, "seed", &seed) ||
        (uint64_t)seed != s->plan->seed || !record_integer(done->run, "cells", &cells) ||
        cells != s->plan->cells)
        return message_set(
            m, -EINVAL,
            "%s is not a run of suite %s with seed %llu and %u cells: it cannot be resumed with it", dir,
            s->plan->name, (unsigned long long)s->plan->seed, s->plan->cells);
    if ((err = suite_same_settings(s, done->run, dir, m)) || (err = suite_same_variables(done->run, dir, m)))
        return err;
    snprintf(s->run_id, sizeof s->run_id, "%s", id ? id : "");
    s->done = done;
    return run_open(&s->store, dir, m);
}

static int suite_table(const char *dir, const char *baseline, struct message *m)
{
    struct run run;
    int err = run_load(&run, dir, false, m);
    if (err)
        return err;
    report_table(stdout, run.sample, run.samples, baseline, run_planned(&run, "samples_planned"),
                 run_planned(&run, "blocks"));
    report_census(stdout, run.sample, run.samples);
    run_unload(&run);
    return 0;
}

static int suite_prepare(struct suite *suite, struct session *s, struct run *done, const struct settings *o,
                         const char *name, const struct place *places, char *out, size_t out_size,
                         struct message *m)
{
    char path[PATH_MAX];
    unsigned shard = 0, shards = 1;
    int err = suite_shard(o->shard, &shard, &shards, m);
    if (!err)
        err = suite_path(name, path, sizeof path, m);
    if (!err)
        err = suite_read(suite, path, o, places, m);
    if (err)
        return err;
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    snprintf(suite->plan.name, sizeof suite->plan.name, "%.*s", (int)strcspn(base, "."), base);
    unsigned blocks = o->blocks ? (unsigned)o->blocks : o->quick ? 2 : (unsigned)suite->settings.blocks;
    if (plan_order(&suite->plan, blocks, o->seed, shard, shards) != 0)
        return message_set(m, -ENOMEM, "no memory for the plan");
    s->plan = &suite->plan;
    s->settings = &suite->settings;
    if (o->resume[0]) {
        snprintf(out, out_size, "%s", o->resume);
        return suite_resume(s, done, out, m);
    }
    session_new_id(s->run_id, sizeof s->run_id);
    snprintf(out, out_size, "%s", o->out);
    if (!out[0] && (err = suite_default_out(out, out_size, m)))
        return err;
    const char *baseline = suite->settings.baseline;
    struct record *run = session_describe(s, suite->plan.name, baseline[0] ? baseline : NULL);
    err = run ? run_create(&s->store, out, run, m) : message_set(m, -ENOMEM, "no memory");
    record_free(run);
    return err;
}

int cmd_suite(const struct command *self, int argc, char **argv)
{
    static struct settings o;
    static struct suite suite;
    struct message m;
    struct place *place = NULL;
    struct run done = {0};
    char out[PATH_MAX] = "";
    settings_defaults(&o, IN_SUITE_VERB);
    int positional, err = option_parse(self, &o, argc, argv, &positional, &m);
    if (err)
        return err > 0 ? EXIT_DONE : option_refuse(&m);
    if (positional != 1) {
        message_set(&m, 0, "suite takes one NAME or FILE.ini (heapgauge list suites prints the names)");
        return option_refuse(&m);
    }
    struct session s = {.settings = &o};
    o.memory_limit = spawn_memory_limit(o.memory_limit);
    err = place_open(&place, &m);
    if (!err)
        err = suite_prepare(&suite, &s, &done, &o, argv[0], place, out, sizeof out, &m);
    int status = EXIT_DONE;
    if (err) {
        status = option_refuse(&m);
    } else {
        if (suite.left_out[0])
            fprintf(stderr, "skipped (no --trace FILE.hgt): %s\n", suite.left_out);
        err = session_run(&s, &m);
        run_close(s.store);
        if (err) {
            option_refuse(&m);
            status = EXIT_SOME_CELLS;
        } else {
            status = s.interrupted ? EXIT_INTERRUPTED : s.failed ? EXIT_SOME_CELLS : EXIT_DONE;
        }
        if (!o.json && suite_table(out, suite.settings.baseline, &m) != 0)
            option_refuse(&m);
        fprintf(stderr, s.interrupted ? "interrupted: go on with --resume %s\n" : "the run is in %s\n", out);
    }
    session_free(&s);
    run_unload(&done);
    plan_free(&suite.plan);
    place_close(place);
    return status;
}
