/* spawn.c: see spawn.h. The loop is one poll over the workers' pipes with a time-out at the next reading of
 * their memory. With several processes a phase is reached when all have reached it; only then are they
 * answered. */
#include "parts.h"

#include "bench/host/library.h"
#include "bench/host/paths.h"
#include "bench/stat/sha256.h"

#include "alloc/base/os.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPAWN_STEP_NS 4000000u /* first step of the timeline; it doubles as a sample grows long */

volatile sig_atomic_t spawn_interrupted;

static const char *const spawn_phase_names[PHASES] = {"start", "baseline", "begin",
                                                      "peak",  "drained",  "exit"};

/* The first word wins: what comes after a failure is its consequence. */
__attribute__((format(printf, 3, 4))) static void spawn_status(struct spawn *s, const char *status,
                                                               const char *format, ...)
{
    if (s->status[0])
        return;
    va_list args;
    va_start(args, format);
    snprintf(s->status, sizeof s->status, "%s", status);
    vsnprintf(s->reason, sizeof s->reason, format, args);
    va_end(args);
}

/* --- what a worker says --------------------------------------------------------------------------------- */

static void spawn_set(struct record *into, char *text)
{
    char *value = strchr(text, ' ');
    if (!value)
        return;
    *value++ = '\0';
    char *end;
    size_t n = strlen(value);
    if (value[0] == '"' && n >= 2 && value[n - 1] == '"') {
        value[n - 1] = '\0';
        record_set_text(into, text, value + 1);
        return;
    }
    errno = 0;
    unsigned long long u = strtoull(value, &end, 10);
    if (*end == '\0' && errno == 0 && u <= INT64_MAX)
        record_set_integer(into, text, (int64_t)u);
    else
        record_set_real(into, text, strtod(value, &end));
}

static void spawn_line(struct spawn *s, struct spawn_child *c, char *line)
{
    if (++c->lines > PROTOCOL_LINES_MAX) {
        spawn_status(s, "crash", "the worker said more than %d lines", PROTOCOL_LINES_MAX);
        return;
    }
    if (strncmp(line, "set ", 4) == 0) {
        spawn_set(c->said ? c->said : s->sample, line + 4);
    } else if (strncmp(line, "hist ", 5) == 0) {
        if (!combine_hist(&s->combine, line + 5))
            spawn_status(s, "crash", "the worker said a histogram that is none");
    } else if (strncmp(line, "phase ", 6) == 0) {
        char name[16];
        unsigned long long requested, usable;
        if (sscanf(line + 6, "%15s %llu %llu", name, &requested, &usable) == 3 && c->phase + 1 < PHASES &&
            strcmp(name, spawn_phase_names[c->phase + 1]) == 0) {
            c->phase++;
            c->live_requested = requested;
            c->live_usable = usable;
        } else {
            spawn_status(s, "crash", "the worker said '%.60s' out of order", line);
        }
    } else if (strncmp(line, "fail ", 5) == 0) {
        char *reason = strchr(line + 5, ' ');
        if (reason)
            *reason++ = '\0';
        spawn_status(s, line + 5, "%s", reason ? reason : "");
    } else {
        spawn_status(s, "crash", "the worker said '%.60s', which is not of the protocol", line);
    }
}

static void spawn_read_say(struct spawn *s, struct spawn_child *c)
{
    for (;;) {
        ssize_t n = read(c->say, c->line + c->line_bytes, PROTOCOL_LINE_MAX - c->line_bytes);
        if (n <= 0)
            return;
        c->line_bytes += (size_t)n;
        char *start = c->line, *end;
        while ((end = memchr(start, '\n', c->line_bytes - (size_t)(start - c->line)))) {
            *end = '\0';
            spawn_line(s, c, start);
            start = end + 1;
        }
        c->line_bytes -= (size_t)(start - c->line);
        memmove(c->line, start, c->line_bytes);
        if (c->line_bytes == PROTOCOL_LINE_MAX) {
            spawn_status(s, "crash", "the worker said a line of more than %d bytes", PROTOCOL_LINE_MAX);
            c->line_bytes = 0;
        }
    }
}

static void spawn_read_errors(struct spawn_child *c)
{
    char chunk[4096];
    ssize_t n;
    while ((n = read(c->errors, chunk, sizeof chunk)) > 0) {
        size_t take = (size_t)n < SPAWN_STDERR_MAX ? (size_t)n : SPAWN_STDERR_MAX;
        if (c->tail_bytes + take > SPAWN_STDERR_MAX) {
            size_t drop = c->tail_bytes + take - SPAWN_STDERR_MAX;
            memmove(c->tail, c->tail + drop, c->tail_bytes - drop);
            c->tail_bytes -= drop;
        }
        memcpy(c->tail + c->tail_bytes, chunk + ((size_t)n - take), take);
        c->tail_bytes += take;
    }
    c->tail[c->tail_bytes] = '\0';
}

/* --- readings ------------------------------------------------------------------------------------------- */

static void spawn_sum_gauges(const struct spawn *s, uint64_t *live, uint64_t *allocated)
{
    *live = *allocated = 0;
    for (unsigned i = 0; i < s->children; i++)
        for (unsigned t = 0; t < s->cell->threads; t++) {
            struct gauge_thread *g = &s->child[i].gauge->thread[t];
            *live += atomic_load_explicit(&g->live_bytes, memory_order_relaxed);
            *allocated += atomic_load_explicit(&g->allocated_bytes, memory_order_relaxed);
        }
}

static uint64_t spawn_rss(const struct spawn *s, bool exact)
{
    uint64_t sum = 0, one;
    for (unsigned i = 0; i < s->children; i++)
        if (exact ? watch_exact(s->child[i].pid, &one) : watch_statm(s->child[i].statm, &one))
            sum += one;
    return sum;
}

/* A worker that looks into its heap has memory of its own for it just now, which is none of the
 * workload's. */
static bool spawn_walks(const struct spawn *s)
{
    for (unsigned i = 0; i < s->children; i++)
        if (atomic_load_explicit(&s->child[i].gauge->walking, memory_order_seq_cst))
            return true;
    return false;
}

static void spawn_observe(struct spawn *s, bool always)
{
    if (s->phase < PHASE_BASELINE || s->phase > PHASE_PEAK)
        return;
    if (spawn_walks(s))
        return;
    uint64_t live, allocated, rss = spawn_rss(s, always);
    spawn_sum_gauges(s, &live, &allocated);
    if (spawn_walks(s)) /* it began meanwhile */
        return;
    watch_add(&s->measure.timeline, rss, live, allocated, always);
    if (s->limits->memory_bytes && rss > s->limits->memory_bytes)
        spawn_status(s, "oom", "more than its limit of %llu MiB resident (--memory-limit)",
                     (unsigned long long)(s->limits->memory_bytes >> 20));
}

static void spawn_answer(struct spawn *s)
{
    for (unsigned i = 0; i < s->children; i++)
        if (write(s->child[i].go, "g", 1) != 1)
            spawn_status(s, "crash", "the worker went away");
}

static struct measure_phase spawn_read_phase(const struct spawn *s)
{
    struct measure_phase p = {.seen = true, .rss_bytes = spawn_rss(s, true)};
    for (unsigned i = 0; i < s->children; i++) {
        p.live_requested += s->child[i].live_requested;
        p.live_usable += s->child[i].live_usable;
    }
    return p;
}

/* All children stand at the next phase: read what belongs to it, then let them go. */
static void spawn_reach(struct spawn *s)
{
    struct env_state after;
    s->phase = s->child[0].phase;
    switch (s->phase) {
    case PHASE_BASELINE:
        s->measure.baseline = spawn_read_phase(s);
        watch_start(&s->measure.timeline, SPAWN_STEP_NS);
        break;
    case PHASE_BEGIN:
        s->measure.begin = spawn_read_phase(s);
        spawn_observe(s, true);
        env_state_read(&s->before, "");
        break;
    case PHASE_PEAK:
        s->measure.peak = spawn_read_phase(s);
        for (unsigned i = 0; i < s->children; i++) {
            uint64_t pss;
            if (watch_proportional(s->child[i].pid, &pss))
                s->measure.pss_bytes += pss;
        }
        spawn_observe(s, true);
        env_state_read(&after, "");
        if (!s->limits->oracle)
            env_state_record(&s->before, &after, s->sample, "os");
        break;
    case PHASE_DRAINED:
        for (unsigned i = 0; i < s->children; i++) {
            uint64_t hwm;
            /* The kernel's mark has the walks of a census in it. */
            if (!s->cell->census && !s->limits->heap_snapshot && watch_high_water(s->child[i].pid, &hwm))
                s->measure.vm_hwm_bytes += hwm;
        }
        s->drained_ns = os_now_ns();
        s->settling = s->limits->settle_ns != 0;
        if (s->settling)
            return; /* answered when memory has been watched long enough */
        break;
    case PHASE_START:
    case PHASE_EXIT:
    case PHASES:
        break;
    }
    spawn_answer(s);
}

static void spawn_settle(struct spawn *s)
{
    uint64_t since = os_now_ns() - s->drained_ns;
    if (since >= 100000000u && s->measure.rss_100ms_bytes == MEASURE_UNKNOWN)
        s->measure.rss_100ms_bytes = spawn_rss(s, true);
    if (since < s->limits->settle_ns)
        return;
    if (s->limits->settle_ns >= 1000000000u)
        s->measure.rss_1s_bytes = spawn_rss(s, true);
    s->settling = false;
    spawn_answer(s);
}

/* --- the loop ------------------------------------------------------------------------------------------- */

static int spawn_wait_ms(const struct spawn *s)
{
    if (s->settling) {
        uint64_t since = os_now_ns() - s->drained_ns;
        uint64_t until = since < 100000000u ? 100000000u : s->limits->settle_ns;
        return until > since ? (int)((until - since + 999999) / 1000000) : 0;
    }
    if (s->phase >= PHASE_BASELINE && s->phase < PHASE_PEAK) {
        uint64_t now = os_now_ns(), next = s->measure.timeline.next_ns;
        uint64_t ms = next > now ? (next - now + 999999) / 1000000 : 0;
        return ms > 100 ? 100 : (int)ms;
    }
    return 100;
}

static void spawn_reap(struct spawn *s, struct spawn_child *c)
{
    if (c->ended || waitpid(c->pid, &c->wait_status, WNOHANG) != c->pid)
        return;
    c->ended = true;
    spawn_read_say(s, c);
    spawn_read_errors(c);
    if (WIFSIGNALED(c->wait_status)) {
        int sig = WTERMSIG(c->wait_status);
        const char *name = sigabbrev_np(sig);
        spawn_status(s, "crash", "killed by SIG%s (%s) after phase %s%s%s", name ? name : "?", strsignal(sig),
                     spawn_phase_names[c->phase], c->tail_bytes ? ": " : "", c->tail);
    } else if (WEXITSTATUS(c->wait_status) != 0 || c->phase != PHASE_EXIT) {
        spawn_status(s, "crash", "the worker exited with status %d after phase %s%s%s",
                     WEXITSTATUS(c->wait_status), spawn_phase_names[c->phase], c->tail_bytes ? ": " : "",
                     c->tail);
    }
}

static bool spawn_all(const struct spawn *s, enum spawn_phase phase)
{
    for (unsigned i = 0; i < s->children; i++)
        if (s->child[i].phase != phase)
            return false;
    return true;
}

static bool spawn_all_ended(const struct spawn *s)
{
    for (unsigned i = 0; i < s->children; i++)
        if (!s->child[i].ended)
            return false;
    return true;
}

static void spawn_kill(struct spawn *s)
{
    for (unsigned i = 0; i < s->children; i++) {
        struct spawn_child *c = &s->child[i];
        if (!c->ended && c->pid > 0) {
            kill(c->pid, SIGKILL);
            waitpid(c->pid, &c->wait_status, 0);
            c->ended = true;
        }
    }
}

static void spawn_loop(struct spawn *s)
{
    while (!spawn_all_ended(s) && !s->status[0] && !spawn_interrupted) {
        struct pollfd fds[2 * CELL_PROCESSES_MAX];
        for (unsigned i = 0; i < s->children; i++) {
            fds[2 * i] = (struct pollfd){s->child[i].ended ? -1 : s->child[i].say, POLLIN, 0};
            fds[2 * i + 1] = (struct pollfd){s->child[i].ended ? -1 : s->child[i].errors, POLLIN, 0};
        }
        poll(fds, 2 * s->children, spawn_wait_ms(s));
        bool hung_up = false;
        for (unsigned i = 0; i < s->children; i++) {
            if (fds[2 * i].revents & POLLIN)
                spawn_read_say(s, &s->child[i]);
            if (fds[2 * i + 1].revents & POLLIN)
                spawn_read_errors(&s->child[i]);
            hung_up |= (fds[2 * i].revents & POLLHUP) != 0;
        }
        if (s->phase + 1 < PHASES && spawn_all(s, s->phase + 1))
            spawn_reach(s);
        else
            spawn_observe(s, false);
        if (s->settling)
            spawn_settle(s);
        for (unsigned i = 0; i < s->children; i++)
            spawn_reap(s, &s->child[i]);
        if (hung_up && !spawn_all_ended(s))
            poll(NULL, 0, 1); /* its pipe is closed but it is not reaped yet */
        uint64_t run_ns = os_now_ns() - s->started_ns;
        if (s->limits->timeout_ns && run_ns > s->limits->timeout_ns)
            spawn_status(s, "timeout", "not done after %.0f s, in phase %s (--timeout)",
                         (double)s->limits->timeout_ns / 1e9, spawn_phase_names[s->phase]);
    }
    spawn_kill(s);
}

/* --- the sample ----------------------------------------------------------------------------------------- */

static void spawn_combine(struct spawn *s)
{
    struct record *said[CELL_PROCESSES_MAX];
    for (unsigned i = 1; i < s->children; i++)
        said[i - 1] = s->child[i].said;
    if (s->children > 1)
        combine_records(&s->combine, s->sample, said, s->children - 1);
    combine_free(&s->combine);
}

/* A census is said as far as there is something to say: nothing that grew is an empty list, no leak a
 * null. */
static void spawn_complete_census(struct spawn *s)
{
    if (!record_has(s->sample, "census.objects"))
        return;
    if (!record_has(s->sample, "census.growth"))
        record_set_integers(s->sample, "census.growth", NULL, 0);
    if (!record_has(s->sample, "census.leak"))
        record_set_null(s->sample, "census.leak");
}

static void spawn_library_digest(struct spawn *s)
{
    const char *path = record_text(s->sample, "library.path");
    char digest[SHA256_HEX];
    if (path && sha256_file(path, digest) == 0)
        record_set_text(s->sample, "library.sha256", digest);
}

static void spawn_end(struct spawn *s)
{
    for (unsigned i = 0; i < s->children; i++) {
        struct spawn_child *c = &s->child[i];
        int fds[] = {c->say, c->go, c->errors, c->statm, c->page};
        for (unsigned j = 0; j < sizeof fds / sizeof *fds; j++)
            if (fds[j] > 0)
                close(fds[j]);
        if (c->gauge)
            os_unmap_file(c->gauge, sizeof(struct gauge));
        record_free(c->said);
    }
}

int spawn_sample(const struct cell *cell, uint64_t seed, const struct spawn_limits *limits,
                 struct record *sample, struct message *m)
{
    static struct spawn spawn; /* large, and one sample runs at a time */
    struct spawn *s = &spawn;
    memset(s, 0, sizeof *s);
    s->cell = cell;
    s->limits = limits;
    s->sample = sample;
    s->measure.rss_100ms_bytes = s->measure.rss_1s_bytes = MEASURE_UNKNOWN;
    char worker[PATH_MAX], name[64];
    snprintf(name, sizeof name, "heapgauge-worker-%s",
             cell->rc ? policy_worker(cell->rc, cell->rc_params) : "gil");
    int err = paths_program(name, worker, sizeof worker, m);
    if (err)
        return err;
    if (cell->alloc.library[0]) {
        struct message why;
        if (library_resolve(cell->alloc.library, s->library, sizeof s->library, &why) != 0)
            spawn_status(s, "wrong-library", "%s", why.text);
    }
    if (!s->status[0]) {
        s->started_ns = os_now_ns();
        for (; s->children < cell->processes && !err; s->children++) {
            err = spawn_start(s, s->children, worker, seed, m);
            if (s->children && !err && !(s->child[s->children].said = record_new()))
                err = message_set(m, -ENOMEM, "no memory");
        }
        if (!err)
            spawn_loop(s);
        spawn_kill(s);
    }
    spawn_combine(s);
    if (limits->oracle)
        record_remove(sample, "probe");
    else
        measure_record(&s->measure, sample);
    spawn_library_digest(s);
    spawn_complete_census(s);
    record_set_text(sample, "status", s->status[0] ? s->status : "ok");
    if (s->status[0])
        record_set_text(sample, "reason", s->reason);
    spawn_end(s);
    return err ? err : spawn_interrupted ? -EINTR : 0;
}
