/* hgo_child.c: see hgo_child.h. */
#include "hgo_child.h"
#include "hgo_golden.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void emit_line(void *arg, const char *line)
{
    FILE *to = arg;
    fputs(line, to);
    putc('\n', to);
}

void hgo_run_child(hgo_script_run *run, const struct text *script, struct text *out)
{
    int ends[2];
    fflush(stdout);
    if (pipe(ends))
        abort();
    pid_t child = fork();
    if (child < 0)
        abort();
    if (child == 0) {
        close(ends[0]);
        FILE *to = fdopen(ends[1], "w");
        struct objscript s;
        struct message m = {""};
        if (!to)
            _exit(1);
        if (objscript_parse(&s, script->data, script->bytes, "script", &m) || run(&s, emit_line, to, &m))
            fprintf(to, "error %s\n", m.text);
        fflush(to);
        _exit(0);
    }
    close(ends[1]);
    char buf[1 << 16];
    out->bytes = 0;
    text_add(out, "%s", "");
    for (ssize_t n; (n = read(ends[0], buf, sizeof buf)) != 0;) {
        if (n < 0 && errno != EINTR)
            abort();
        if (n > 0)
            text_add(out, "%.*s", (int)n, buf);
    }
    close(ends[0]);
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        text_add(out, "killed by signal %d\n", WTERMSIG(status));
    else if (WEXITSTATUS(status))
        text_add(out, "exit status %d\n", WEXITSTATUS(status));
}

static unsigned long long fnv1a(const char *data, size_t bytes)
{
    unsigned long long hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ (unsigned char)data[i]) * 0x100000001b3u;
    return hash;
}

struct hgo_golden hgo_golden_of(hgo_script_run *run, uint64_t seed, unsigned operations, struct text *out)
{
    struct text script = {0};
    hgo_generate(&script, seed, operations);
    hgo_run_child(run, &script, out);
    struct hgo_golden g = {.seed = seed,
                           .operations = operations,
                           .script = fnv1a(script.data, script.bytes),
                           .stats = fnv1a(out->data, out->bytes),
                           .last = out->data};
    for (const char *at = out->data; *at; at += strcspn(at, "\n") + 1, g.lines++)
        g.last = at;
    free(script.data);
    return g;
}
