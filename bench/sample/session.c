/* session.c: see session.h. */
#include "session.h"

#include "bench/host/env.h"
#include "bench/plan/echo.h"

#include "alloc/base/os.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static void session_on_signal(int sig)
{
    (void)sig;
    spawn_interrupted = 1;
}

void session_new_id(char *out, size_t size)
{
    time_t now = time(NULL);
    struct tm t;
    unsigned random = 0;
    gmtime_r(&now, &t);
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (unsigned)os_now_ns();
    snprintf(out, size, "%04d%02d%02d-%02d%02d%02d-%06x", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
             t.tm_hour, t.tm_min, t.tm_sec, random & 0xffffff);
}

struct record *session_describe(const struct session *s, const char *suite, const char *baseline)
{
    struct record *r = record_new();
    char date[64];
    time_t now = time(NULL);
    struct tm t;
    if (!r)
        return NULL;
    gmtime_r(&now, &t);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &t);
    record_set_integer(r, "schema", SCHEMA_NUMBER);
    record_set_text(r, "run_id", s->run_id);
    record_set_text(r, "date", date);
    record_set_text(r, "suite", suite);
    if (baseline)
        record_set_text(r, "baseline", baseline);
    else
        record_set_null(r, "baseline");
    record_set_integer(r, "seed", (int64_t)s->plan->seed);
    record_set_integer(r, "blocks", s->plan->blocks);
    record_set_integer(r, "cells", s->plan->cells);
    record_set_integer(r, "samples_planned", (int64_t)s->plan->samples);
    echo_settings(s->settings, r);
    record_set_text(r, "version", HG_VERSION);
    env_record(r, "environment");
    return r;
}

/* Was this very sample run by the session that is resumed? */
static bool session_is_done(const struct session *s, const struct plan_sample *p, const struct cell *cell)
{
    if (!s->done)
        return false;
    for (size_t i = 0; i < s->done->samples; i++) {
        const struct sample *d = s->done->sample[i];
        if (strcmp(sample_text_or(d, cell_id, ""), cell->id) == 0 && sample_or(d, block, -1) == p->block &&
            sample_or(d, position, -1) == p->position)
            return true;
    }
    return false;
}

static void session_progress(const struct session *s, size_t index, const struct plan_sample *p,
                             uint64_t started_ns, size_t run)
{
    if (s->settings->quiet)
        return;
    char label[256];
    const struct cell *cell = &s->plan->cell[p->cell].cell;
    cell_label(cell, label, sizeof label);
    if (!isatty(2)) {
        fprintf(stderr, "%zu/%zu block %u %s %s\n", index + 1, s->plan->samples, p->block,
                cell->workload->name, label);
        return;
    }
    double elapsed = (double)(os_now_ns() - started_ns) / 1e9;
    double left = run ? elapsed / (double)run * (double)(s->plan->samples - index) : 0;
    fprintf(stderr, "\r\033[K%zu/%zu  block %u/%u  %s %.40s", index + 1, s->plan->samples, p->block + 1,
            s->plan->blocks, cell->workload->name, label);
    if (run)
        fprintf(stderr, "  %.0f s left", left);
    fflush(stderr);
}

static int session_begin_sample(const struct session *s, const struct plan_sample *p, struct sample *sample)
{
    const struct plan_cell *cell = &s->plan->cell[p->cell];
    sample_set(sample, schema, SCHEMA_NUMBER);
    sample_set(sample, block, p->block);
    sample_set(sample, position, p->position);
    sample_set(sample, seed, (int64_t)p->seed);
    sample_set(sample, group, cell->group);
    if (p->oracle)
        sample_set(sample, oracle, true);
    if (p->tails)
        sample_set(sample, tails, true);
    if (cell->baseline)
        sample_set(sample, baseline, true);
    int err = sample_set_text(sample, run_id, s->run_id);
    return err ? err : cell_sample(&cell->cell, sample);
}

/* How many threads of all processes did the work of a sample; it is divided over them. */
static int64_t session_workers(const struct sample *sample)
{
    return sample->cell_threads * sample->cell_processes;
}

/* A sample whose checksum differs from the others' of its group in its block did other work: it is
 * check-failed. The first ok one of the group and block is what is expected. Work is divided otherwise over
 * another number of workers. */
static int session_check(const struct session *s, struct sample *sample)
{
    if (sample->status != SAMPLE_OK || !sample_has(sample, checksum))
        return 0;
    for (size_t i = 0; i < s->samples; i++) {
        const struct sample *other = s->sample[i];
        if (other->status != SAMPLE_OK || !sample_has(other, checksum) || other->group != sample->group ||
            other->block != sample->block || session_workers(other) != session_workers(sample))
            continue;
        if (strcmp(other->checksum, sample->checksum) == 0)
            return 0;
        char reason[512];
        bool object = strcmp(other->cell_rc, "none") != 0;
        snprintf(reason, sizeof reason, "checksum %s, but %s%s%s did the same work with %s", sample->checksum,
                 sample_text_or(other, cell_name, "?"), object ? " " : "", object ? other->cell_rc : "",
                 other->checksum);
        sample_set(sample, status, SAMPLE_CHECK_FAILED);
        return sample_set_text(sample, reason, reason);
    }
    return 0;
}

static int session_keep(struct session *s, struct sample *sample, struct message *m)
{
    s->sample[s->samples++] = sample;
    if (sample->status != SAMPLE_OK && sample->status != SAMPLE_NOT_APPLICABLE)
        s->failed++;
    if (!s->settings->json && !s->store)
        return 0;
    size_t size = 0;
    char *line = sample_format(sample, &size);
    int err = line ? 0 : message_set(m, -ENOMEM, "no memory for a sample");
    if (!err && s->settings->json && (fwrite(line, 1, size, stdout) != size || fflush(stdout) != 0))
        err = message_set(m, errno ? -errno : -EIO, "cannot write to standard output: %s", strerror(errno));
    if (!err && s->store)
        err = run_append(s->store, line, size, m);
    free(line);
    return err;
}

/* A clock that is read twice an operation spoils every other figure. */
static void session_keep_latencies(struct sample *sample)
{
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++)
        if (schema_rows[key].unit != UNIT_NONE && schema_is_figure(key) && key != KEY_ops &&
            strncmp(schema_rows[key].path, "latency.", 8) != 0)
            sample_forget(sample, key);
}

static int session_sample(struct session *s, size_t index, struct message *m)
{
    const struct plan_sample *p = &s->plan->sample[index];
    const struct plan_cell *cell = &s->plan->cell[p->cell];
    static struct settings settings;
    settings = *cell->settings;
    bool extra = p->oracle || p->tails;
    if (extra || (p->block > 0 && !s->settle_always))
        settings.settle = 0;
    if (extra)
        settings.pauses[0] = settings.heapmap[0] = settings.heap_snapshot[0] = '\0';
    if (!p->oracle)
        settings.oracle = 0;
    if (p->tails) {
        settings.latency = settings.every_call = 1;
        settings.census = 0;
    }
    struct sample *sample = calloc(1, sizeof *sample);
    if (!sample)
        return message_set(m, -ENOMEM, "no memory for a sample");
    int err = session_begin_sample(s, p, sample), full = err;
    if (!full && cell->refused[0]) {
        sample_set(sample, status, SAMPLE_NOT_APPLICABLE);
        full = sample_set_text(sample, reason, cell->refused);
    } else if (!full) {
        err = spawn_sample(&cell->cell, p->seed, &settings, sample, m);
        if (p->tails)
            session_keep_latencies(sample);
        full = session_check(s, sample);
    }
    if (full)
        err = message_set(m, full, "no memory for a sample");
    if (err) {
        sample_clear(sample);
        free(sample);
        return err;
    }
    return session_keep(s, sample, m);
}

int session_run(struct session *s, struct message *m)
{
    struct sigaction on = {.sa_handler = session_on_signal}, old_int, old_term;
    sigaction(SIGINT, &on, &old_int);
    sigaction(SIGTERM, &on, &old_term);
    uint64_t started = os_now_ns();
    size_t run = 0;
    int err = 0;
    s->sample = calloc(s->plan->samples ? s->plan->samples : 1, sizeof *s->sample);
    if (!s->sample)
        err = message_set(m, -ENOMEM, "no memory for %zu samples", s->plan->samples);
    for (size_t i = 0; i < s->plan->samples && !err && !spawn_interrupted; i++) {
        const struct plan_cell *cell = &s->plan->cell[s->plan->sample[i].cell];
        if (session_is_done(s, &s->plan->sample[i], &cell->cell))
            continue;
        if (cell->refused[0] && s->plan->sample[i].block > 0)
            continue; /* reported once */
        session_progress(s, i, &s->plan->sample[i], started, run);
        err = session_sample(s, i, m);
        run++;
    }
    if (!s->settings->quiet && isatty(2))
        fprintf(stderr, "\r\033[K");
    s->interrupted = spawn_interrupted != 0;
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    return err == -EINTR ? 0 : err;
}

void session_free(struct session *s)
{
    for (size_t i = 0; i < s->samples; i++) {
        sample_clear(s->sample[i]);
        free(s->sample[i]);
    }
    free(s->sample);
    s->sample = NULL;
    s->samples = 0;
}
