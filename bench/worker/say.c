/* say.c: a worker's half of protocol.h. */
#include "worker.h"
#include "bench/stat/hist.h"
#include "protocol.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static void say_line(char *line, int n)
{
    if (n < 0 || n >= PROTOCOL_LINE_MAX) {
        line[PROTOCOL_LINE_MAX - 1] = '\n';
        n = PROTOCOL_LINE_MAX;
    }
    for (int at = 0; at < n;) {
        ssize_t done = write(HG_FD_SAY, line + at, (size_t)(n - at));
        if (done < 0 && errno != EINTR)
            _exit(EXIT_FAILURE_TO_SAY);
        if (done > 0)
            at += (int)done;
    }
}

void say_integer(const char *key, uint64_t value)
{
    char line[PROTOCOL_LINE_MAX];
    say_line(line, snprintf(line, sizeof line, "set %s %llu\n", key, (unsigned long long)value));
}

void say_real(const char *key, double value)
{
    char line[PROTOCOL_LINE_MAX];
    say_line(line, snprintf(line, sizeof line, "set %s %.17e\n", key, value));
}

void say_text(const char *key, const char *value)
{
    char line[PROTOCOL_LINE_MAX], clean[PROTOCOL_LINE_MAX / 2];
    size_t n = 0;
    for (; value[n] && n + 1 < sizeof clean; n++)
        clean[n] = value[n] == '\n' || value[n] == '"' ? ' ' : value[n];
    clean[n] = '\0';
    say_line(line, snprintf(line, sizeof line, "set %s \"%s\"\n", key, clean));
}

static bool say_whole;

void say_whole_distributions(void)
{
    say_whole = true;
}

static void say_histogram(const char *prefix, const char *unit, const struct hist *h)
{
    char line[PROTOCOL_LINE_MAX];
    for (unsigned i = 0; i < HIST_COUNTS;) {
        int n = snprintf(line, sizeof line, "hist %s %s %llu", prefix, unit, (unsigned long long)h->max_ns);
        for (; i < HIST_COUNTS && n < PROTOCOL_LINE_MAX - 64; i++)
            if (h->counts[i])
                n += snprintf(line + n, sizeof line - (size_t)n, " %u:%llu", i,
                              (unsigned long long)h->counts[i]);
        line[n++] = '\n';
        say_line(line, n);
    }
}

void say_distribution(const char *prefix, const char *unit, const struct hist *h, unsigned points)
{
    char key[160];
    if (!hist_count(h))
        return;
    for (unsigned i = 0; i < HIST_POINTS; i++)
        if (points >> i & 1)
            say_integer(SAY_KEY(key, "%s.%s_%s", prefix, hist_points[i].name, unit),
                        hist_quantile_ns(h, hist_points[i].ppm));
    if (points & HIST_MAX)
        say_integer(SAY_KEY(key, "%s.max_%s", prefix, unit), h->max_ns);
    if (say_whole)
        say_histogram(prefix, unit, h);
}

static void say_phase_name(const char *name, uint64_t live_requested, uint64_t live_usable)
{
    char line[PROTOCOL_LINE_MAX];
    say_line(line, snprintf(line, sizeof line, "phase %s %llu %llu\n", name,
                            (unsigned long long)live_requested, (unsigned long long)live_usable));
}

static void say_await(void)
{
    char go;
    ssize_t n;
    do
        n = read(HG_FD_GO, &go, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        _exit(EXIT_FAILURE_TO_SAY);
}

void say_phase(const char *name, uint64_t live_requested, uint64_t live_usable)
{
    say_phase_name(name, live_requested, live_usable);
    say_await();
}

void say_phase_busy(const char *name, int ms, void (*every)(void))
{
    struct pollfd go = {HG_FD_GO, POLLIN, 0};
    say_phase_name(name, 0, 0);
    while (poll(&go, 1, ms) == 0)
        every();
    say_await();
}

static void (*say_first)(void);

void say_before_fail(void (*call)(void))
{
    say_first = call;
}

void say_fail(const char *status, const char *reason)
{
    char line[PROTOCOL_LINE_MAX];
    if (say_first)
        say_first();
    say_line(line, snprintf(line, sizeof line, "fail %s %.3000s\n", status, reason));
    _exit(0);
}

static void say_sink_integer(void *arg, const char *key, uint64_t value)
{
    (void)arg;
    say_integer(key, value);
}

static void say_sink_text(void *arg, const char *key, const char *value)
{
    (void)arg;
    say_text(key, value);
}

const struct alloc_sink say_sink = {.arg = NULL, .integer = say_sink_integer, .text = say_sink_text};
