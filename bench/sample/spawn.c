/* spawn.c: see spawn.h. The loop is one poll over the workers' pipes with a time-out at the next reading of
 * their memory. With several processes a phase is reached when all have reached it; only then are they
 * answered. */
#include "parts.h"

#include "bench/host/library.h"
#include "bench/host/paths.h"
#include "bench/host/sha256.h"

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
__attribute__((format(printf, 3, 4))) static void spawn_status(struct spawn *s, enum sample_status status,
                                                               const char *format, ...)
{
    if (s->status != SAMPLE_UNKNOWN)
        return;
    va_list args;
    va_start(args, format);
    s->status = status;
    vsnprintf(s->reason, sizeof s->reason, format, args);
    va_end(args);
}

/* --- what a worker sends --------------------------------------------------------------------------------- */

/* "phase NAME LIVE_REQUESTED LIVE_USABLE" */
static void spawn_phase(struct spawn *s, struct spawn_worker *c, const char *line)
{
    char name[16];
    unsigned long long requested, usable;
    if (sscanf(line, "phase %15s %llu %llu", name, &requested, &usable) == 3 && c->phase + 1 < PHASES &&
        strcmp(name, spawn_phase_names[c->phase + 1]) == 0) {
        c->phase++;
        c->live_requested = requested;
        c->live_usable = usable;
    } else {
        spawn_status(s, SAMPLE_PROTOCOL, "the worker sent '%.60s' out of order", line);
    }
}

/* "fail STATUS REASON" */
static void spawn_fail(struct spawn *s, char *line)
{
    char *word = line + 5, *reason = strchr(word, ' ');
    if (reason)
        *reason++ = '\0';
    enum sample_status status = sample_status_of(word);
    if (status == SAMPLE_UNKNOWN || status == SAMPLE_OK)
        spawn_status(s, SAMPLE_PROTOCOL, "the worker sent 'fail %.60s', which is no status", word);
    else
        spawn_status(s, status, "%s", reason ? reason : "");
}

static void spawn_line(struct spawn *s, struct spawn_worker *c, char *line)
{
    struct message why;
    char head[64];
    snprintf(head, sizeof head, "%s", line);
    if (++c->lines > PROTOCOL_LINES_MAX) {
        spawn_status(s, SAMPLE_PROTOCOL, "the worker sent more than %d lines", PROTOCOL_LINES_MAX);
    } else if (strncmp(line, "set ", 4) == 0) {
        if (sample_take(c->said ? c->said : s->sample, line + 4, &why) != 0)
            spawn_status(s, SAMPLE_PROTOCOL, "%s", why.text);
    } else if (strncmp(line, "hist ", 5) == 0) {
        if (!combine_hist(&s->combine, line + 5))
            spawn_status(s, SAMPLE_PROTOCOL, "the worker sent '%s', which is no histogram of the schema",
                         head);
    } else if (strncmp(line, "phase ", 6) == 0) {
        spawn_phase(s, c, line);
    } else if (strncmp(line, "fail ", 5) == 0) {
        spawn_fail(s, line);
    } else {
        spawn_status(s, SAMPLE_PROTOCOL, "the worker sent '%s', which is not of the protocol", head);
    }
}

static void spawn_read_say(struct spawn *s, struct spawn_worker *c)
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
            spawn_status(s, SAMPLE_PROTOCOL, "the worker sent a line of more than %d bytes",
                         PROTOCOL_LINE_MAX);
            c->line_bytes = 0;
        }
    }
}

static void spawn_read_errors(struct spawn_worker *c)
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
    for (unsigned i = 0; i < s->workers; i++)
        for (unsigned t = 0; t < s->cell->threads; t++) {
            struct gauge_thread *g = &s->worker[i].gauge->thread[t];
            *live += atomic_load_explicit(&g->live_bytes, memory_order_relaxed);
            *allocated += atomic_load_explicit(&g->allocated_bytes, memory_order_relaxed);
        }
}

static struct watch_memory spawn_exact(const struct spawn *s)
{
    struct watch_memory sum = {0}, one;
    for (unsigned i = 0; i < s->workers; i++)
        if (watch_exact(s->worker[i].pid, &one)) {
            sum.rss_bytes += one.rss_bytes;
            sum.pss_bytes += one.pss_bytes;
            sum.lazy_free_bytes += one.lazy_free_bytes;
            sum.anon_huge_bytes += one.anon_huge_bytes;
        }
    return sum;
}

static uint64_t spawn_rss(const struct spawn *s)
{
    uint64_t sum = 0, one;
    for (unsigned i = 0; i < s->workers; i++)
        if (watch_statm(s->worker[i].statm, &one))
            sum += one;
    return sum;
}

/* A worker that looks into its heap has memory of its own for it just now, which is none of the
 * workload's. */
static bool spawn_walks(const struct spawn *s)
{
    for (unsigned i = 0; i < s->workers; i++)
        if (atomic_load_explicit(&s->worker[i].gauge->walking, memory_order_seq_cst))
            return true;
    return false;
}

/* A point of the timeline when one is due, or always, and then exact; once all is freed every one is exact: the
 * worker has nothing else to do. */
static void spawn_observe(struct spawn *s, bool always)
{
    struct watch_timeline *w = s->phase < PHASE_PEAK ? &s->measure.timeline : &s->measure.after;
    if (s->phase < PHASE_BASELINE || s->phase > PHASE_DRAINED ||
        (s->phase == PHASE_DRAINED && !s->settling) || spawn_walks(s) ||
        (!always && os_now_ns() < w->next_ns))
        return;
    struct watch_memory memory = {0};
    if (always || s->phase == PHASE_DRAINED)
        memory = spawn_exact(s);
    else
        memory.rss_bytes = spawn_rss(s);
    struct watch_point point = {.rss_bytes = memory.rss_bytes,
                                .lazy_free_bytes = memory.lazy_free_bytes,
                                .anon_huge_bytes = memory.anon_huge_bytes};
    spawn_sum_gauges(s, &point.live_bytes, &point.allocated_bytes);
    if (spawn_walks(s)) /* it began meanwhile */
        return;
    s->measure.timeline.stopped_ns =
        atomic_load_explicit(&s->worker[0].gauge->stopped_ns, memory_order_relaxed);
    watch_add(w, point, always);
    if (s->settings->memory_limit && memory.rss_bytes > s->settings->memory_limit)
        spawn_status(s, SAMPLE_OOM, "more than its limit of %llu MiB resident (--memory-limit)",
                     (unsigned long long)(s->settings->memory_limit >> 20));
}

static void spawn_answer(struct spawn *s)
{
    for (unsigned i = 0; i < s->workers; i++)
        if (write(s->worker[i].go, "g", 1) != 1)
            spawn_status(s, SAMPLE_CRASHED, "the worker went away");
}

static struct measure_phase spawn_read_phase(const struct spawn *s)
{
    struct measure_phase p = {.seen = true, .memory = spawn_exact(s)};
    for (unsigned i = 0; i < s->workers; i++) {
        p.live_requested += s->worker[i].live_requested;
        p.live_usable += s->worker[i].live_usable;
    }
    return p;
}

/* The kernel's high-water marks; those of a census have its walks in them. */
static void spawn_read_marks(struct spawn *s)
{
    bool walked = (s->settings->census && s->cell->rc) || s->settings->heap_snapshot[0];
    uint64_t hwm;
    for (unsigned i = 0; i < s->workers && !walked; i++)
        if (watch_high_water(s->worker[i].pid, &hwm))
            s->measure.vm_hwm_bytes += hwm;
}

/* One look, the last point of the timeline of the measured phase and the first of what comes after it. */
static void spawn_observe_end(struct spawn *s)
{
    struct watch_point point = {.rss_bytes = s->measure.peak.memory.rss_bytes,
                                .lazy_free_bytes = s->measure.peak.memory.lazy_free_bytes,
                                .anon_huge_bytes = s->measure.peak.memory.anon_huge_bytes};
    spawn_sum_gauges(s, &point.live_bytes, &point.allocated_bytes);
    watch_add(&s->measure.timeline, point, true);
    watch_start(&s->measure.after, SPAWN_STEP_NS);
    s->measure.after.next_ns += SPAWN_STEP_NS;
}

/* All workers stand at the next phase: read what belongs to it, then let them go. */
static void spawn_reach(struct spawn *s)
{
    struct env_state after;
    s->phase = s->worker[0].phase;
    switch (s->phase) {
    case PHASE_BASELINE:
        s->measure.baseline = spawn_read_phase(s);
        /* What loading took and gave back is none of the workload's; of several processes each has its mark at
         * another time. */
        s->measure.hwm_of_one = watch_high_water_reset(s->worker[0].pid) && s->workers == 1;
        watch_start(&s->measure.timeline, SPAWN_STEP_NS);
        break;
    case PHASE_BEGIN:
        s->measure.begin = spawn_read_phase(s);
        spawn_observe(s, true);
        env_state_read(&s->before, "");
        break;
    case PHASE_PEAK:
        s->measure.peak = spawn_read_phase(s);
        spawn_read_marks(s);
        spawn_observe_end(s);
        env_state_read(&after, "");
        if (s->timed)
            env_state_sample(&s->before, &after, s->sample);
        break;
    case PHASE_DRAINED:
        s->drained_ns = os_now_ns();
        s->measure.drained_ns = s->drained_ns - s->measure.after.start_ns;
        s->settling = s->settings->settle != 0;
        if (s->settling) {
            spawn_observe(s, true);
            return; /* answered when memory has been watched long enough */
        }
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
        s->measure.rss_100ms_bytes = spawn_exact(s).rss_bytes;
    if (since >= 1000000000u && s->measure.rss_1s_bytes == MEASURE_UNKNOWN)
        s->measure.rss_1s_bytes = spawn_exact(s).rss_bytes;
    if (since < s->settings->settle)
        return;
    s->measure.settled = (struct measure_phase){.seen = true, .memory = spawn_exact(s)};
    spawn_observe(s, true);
    s->settling = false;
    spawn_answer(s);
}

/* --- the loop ------------------------------------------------------------------------------------------- */

static int spawn_wait_ms(const struct spawn *s)
{
    uint64_t now = os_now_ns(), next = now + 100000000u;
    if (s->phase >= PHASE_BASELINE && s->phase < PHASE_PEAK)
        next = s->measure.timeline.next_ns;
    else if (s->phase == PHASE_PEAK || s->settling)
        next = s->measure.after.next_ns;
    if (s->settling) {
        uint64_t since = now - s->drained_ns, end = s->settings->settle;
        uint64_t until = s->drained_ns + (since < 100000000u && end > 100000000u ? 100000000u : end);
        next = until < next ? until : next;
    }
    uint64_t ms = next > now ? (next - now + 999999) / 1000000 : 0;
    return ms > 100 ? 100 : (int)ms;
}

static void spawn_reap(struct spawn *s, struct spawn_worker *c)
{
    if (c->ended || waitpid(c->pid, &c->wait_status, WNOHANG) != c->pid)
        return;
    c->ended = true;
    spawn_read_say(s, c);
    spawn_read_errors(c);
    while (c->tail_bytes && c->tail[c->tail_bytes - 1] == '\n') /* it ends a reason */
        c->tail[--c->tail_bytes] = '\0';
    if (WIFSIGNALED(c->wait_status)) {
        int sig = WTERMSIG(c->wait_status);
        const char *name = sigabbrev_np(sig);
        spawn_status(s, SAMPLE_CRASHED, "killed by SIG%s (%s) after phase %s%s%s", name ? name : "?",
                     strsignal(sig), spawn_phase_names[c->phase], c->tail_bytes ? ": " : "", c->tail);
    } else if (WEXITSTATUS(c->wait_status) != 0 || c->phase != PHASE_EXIT) {
        spawn_status(s, SAMPLE_CRASHED, "the worker exited with status %d after phase %s%s%s",
                     WEXITSTATUS(c->wait_status), spawn_phase_names[c->phase], c->tail_bytes ? ": " : "",
                     c->tail);
    }
}

static bool spawn_all(const struct spawn *s, enum spawn_phase phase)
{
    for (unsigned i = 0; i < s->workers; i++)
        if (s->worker[i].phase != phase)
            return false;
    return true;
}

static bool spawn_all_ended(const struct spawn *s)
{
    for (unsigned i = 0; i < s->workers; i++)
        if (!s->worker[i].ended)
            return false;
    return true;
}

static void spawn_kill(struct spawn *s)
{
    for (unsigned i = 0; i < s->workers; i++) {
        struct spawn_worker *c = &s->worker[i];
        if (!c->ended && c->pid > 0) {
            kill(c->pid, SIGKILL);
            waitpid(c->pid, &c->wait_status, 0);
            c->ended = true;
        }
    }
}

static void spawn_loop(struct spawn *s)
{
    while (!spawn_all_ended(s) && s->status == SAMPLE_UNKNOWN && !spawn_interrupted) {
        struct pollfd fds[2 * CELL_PROCESSES_MAX];
        for (unsigned i = 0; i < s->workers; i++) {
            fds[2 * i] = (struct pollfd){s->worker[i].ended ? -1 : s->worker[i].say, POLLIN, 0};
            fds[2 * i + 1] = (struct pollfd){s->worker[i].ended ? -1 : s->worker[i].errors, POLLIN, 0};
        }
        poll(fds, 2 * s->workers, spawn_wait_ms(s));
        bool hung_up = false;
        for (unsigned i = 0; i < s->workers; i++) {
            if (fds[2 * i].revents & POLLIN)
                spawn_read_say(s, &s->worker[i]);
            if (fds[2 * i + 1].revents & POLLIN)
                spawn_read_errors(&s->worker[i]);
            hung_up |= (fds[2 * i].revents & POLLHUP) != 0;
        }
        if (s->phase + 1 < PHASES && spawn_all(s, s->phase + 1))
            spawn_reach(s);
        else
            spawn_observe(s, false);
        if (s->settling)
            spawn_settle(s);
        for (unsigned i = 0; i < s->workers; i++)
            spawn_reap(s, &s->worker[i]);
        if (hung_up && !spawn_all_ended(s))
            poll(NULL, 0, 1); /* its pipe is closed but it is not reaped yet */
        uint64_t run_ns = os_now_ns() - s->started_ns;
        if (s->settings->timeout && run_ns > s->settings->timeout + s->settings->settle)
            spawn_status(s, SAMPLE_TIMEOUT, "not done after %.0f s, in phase %s (--timeout)",
                         (double)s->settings->timeout / 1e9, spawn_phase_names[s->phase]);
    }
    spawn_kill(s);
}

/* --- the sample ----------------------------------------------------------------------------------------- */

static int spawn_combine(struct spawn *s)
{
    struct sample *said[CELL_PROCESSES_MAX];
    for (unsigned i = 1; i < s->workers; i++)
        said[i - 1] = s->worker[i].said;
    int err = s->workers > 1 ? combine_samples(&s->combine, s->sample, said, s->workers - 1) : 0;
    combine_free(&s->combine);
    return err;
}

/* Nothing that grew is an empty list. */
static void spawn_complete_census(struct spawn *s)
{
    struct record *parts = sample_has(s->sample, census_objects) ? sample_parts(s->sample) : NULL;
    if (parts && !record_has(parts, schema_rows[KEY_census_growth].path))
        record_set_integers(parts, schema_rows[KEY_census_growth].path, NULL, 0);
}

/* What is known when all workers have ended. 0 or -ENOMEM. */
static int spawn_finish(struct spawn *s)
{
    char digest[SHA256_HEX];
    struct sample *sample = s->sample;
    int err = spawn_combine(s);
    if (!err && s->timed)
        err = measure_sample(&s->measure, sample);
    if (!err && sample_has(sample, library_path) && sha256_file(sample->library_path, digest) == 0)
        err = sample_set_text(sample, library_sha256, digest);
    spawn_complete_census(s);
    sample_set(sample, status, s->status == SAMPLE_UNKNOWN ? SAMPLE_OK : s->status);
    if (!err && sample->status != SAMPLE_OK)
        err = sample_set_text(sample, reason, s->reason);
    return err;
}

static void spawn_end(struct spawn *s)
{
    for (unsigned i = 0; i < s->workers; i++) {
        struct spawn_worker *c = &s->worker[i];
        int fds[] = {c->say, c->go, c->errors, c->statm, c->page};
        for (unsigned j = 0; j < sizeof fds / sizeof *fds; j++)
            if (fds[j] > 0)
                close(fds[j]);
        if (c->gauge)
            os_unmap_file(c->gauge, sizeof(struct gauge));
        if (c->said)
            sample_clear(c->said);
        free(c->said);
    }
}

uint64_t spawn_memory_limit(uint64_t asked_bytes)
{
    return asked_bytes ? asked_bytes
                       : (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 4 * 3;
}

int spawn_sample(const struct cell *cell, uint64_t seed, const struct settings *settings,
                 struct sample *sample, struct message *m)
{
    static struct spawn spawn; /* large, and one sample runs at a time */
    struct spawn *s = &spawn;
    memset(s, 0, sizeof *s);
    s->cell = cell;
    s->settings = settings;
    s->timed = !settings->oracle && !settings->every_call;
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
            spawn_status(s, SAMPLE_WRONG_LIBRARY, "%s", why.text);
    }
    if (s->status == SAMPLE_UNKNOWN) {
        s->started_ns = os_now_ns();
        for (; s->workers < cell->processes && !err; s->workers++) {
            err = spawn_start(s, s->workers, worker, seed, m);
            if (s->workers && !err && !(s->worker[s->workers].said = calloc(1, sizeof(struct sample))))
                err = message_set(m, -ENOMEM, "no memory");
        }
        if (!err)
            spawn_loop(s);
        spawn_kill(s);
    }
    if (spawn_finish(s) && !err)
        err = message_set(m, -ENOMEM, "no memory for a sample");
    spawn_end(s);
    return err ? err : spawn_interrupted ? -EINTR : 0;
}
