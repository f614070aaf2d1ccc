/* objtrace.c: one object script (.hgo) is one sample: its steps are the measured phase, its stat lines go
 * to stats[] of the sample. The checksum is that of the stat lines that every collector must agree on: none,
 * as counts differ between collectors; so it is the number of steps. */
#include "workloads/about.h"

#define PARAMS(P, S) P(S, TEXT, file, "", "", "the .hgo script")
PARAM_STRUCT(objtrace_params, PARAMS)

#ifdef HG_ABOUT

#include "objscript.h"

#include <errno.h>

static int objtrace_check(const void *params, struct message *m)
{
    const struct objtrace_params *p = params;
    return *p->file ? objscript_check(p->file, m)
                    : message_set(m, -EINVAL, "workload objtrace needs a script: objtrace:file=F.hgo");
}

const struct workload_info workload_info_objtrace = {
    .name = "objtrace",
    .level = LEVEL_OBJECT,
    .flags = WORKLOAD_ONE_THREAD,
    .params = PARAM_TABLE(objtrace_params, PARAMS),
    .summary = "an object script (.hgo) step for step: what the collector decides, not how fast",
    .check = objtrace_check,
};

#else

#include "objrun.h"
#include "gc/runtime.h"
#include "workloads/workload.h"

#include <errno.h>
#include <string.h>

static struct {
    struct objscript script;
    struct objrun run;
    char *line; /* stat lines, each ends with 0 */
    size_t line_bytes, line_room;
    struct message message; /* of a step that failed */
    int err;
} self;

static int objtrace_setup(struct workload_sample *s)
{
    const struct objtrace_params *p = s->params;
    if (!*p->file)
        return message_set(s->message, -EINVAL, "workload objtrace needs a script: file=F.hgo");
    int err = objscript_read(&self.script, p->file, s->message);
    if (err)
        return err;
    s->planned_ops = self.script.step_count;
    self.line_room = (size_t)self.script.stat_count * OBJSCRIPT_STAT_MAX + 1;
    self.line = workload_scratch(self.line_room);
    if (!self.line) {
        objscript_close(&self.script);
        return message_set(s->message, -ENOMEM, "%s: no memory for its stat lines", p->file);
    }
    return 0;
}

static void objtrace_prepare(struct workload_thread *t)
{
    self.err = objrun_open(&self.run, t->sample->runtime, &self.script, &self.message);
}

static void keep_line(void *arg, const char *line)
{
    (void)arg;
    size_t bytes = strlen(line) + 1;
    memcpy(self.line + self.line_bytes, line, bytes);
    self.line_bytes += bytes;
}

static void objtrace_run(struct workload_thread *t)
{
    while (!self.err && self.run.next < self.script.step_count) {
        self.err = objrun_steps(&self.run, GAUGE_BATCH, keep_line, NULL, &self.message);
        t->ops = self.run.next;
        uint64_t live, allocated;
        runtime_thread_bytes(&live, &allocated);
        gauge_publish(t->gauge, live, allocated, t->ops);
    }
    t->checksum = self.run.next;
    t->failed_allocs += self.err == -ENOMEM;
}

/* Each node comes back to life once at most, so this ends. */
static void objtrace_drain(struct workload_thread *t)
{
    struct runtime *r = t->sample->runtime;
    gc_unfreeze(r);
    while (objrun_drop(&self.run) + gc_collect(r, 2) > 0)
        ;
    objrun_close(&self.run);
}

/* What objscript_check could not know before. */
static int objtrace_verify(struct workload_sample *s)
{
    return self.err ? message_set(s->message, self.err, "%s", self.message.text) : 0;
}

static void objtrace_finish(struct workload_sample *s)
{
    unsigned i = 0;
    for (const char *line = self.line; line < self.line + self.line_bytes; line += strlen(line) + 1) {
        char key[32];
        snprintf(key, sizeof key, "stats.%u", i++);
        s->note_text(s, key, line);
    }
    os_unmap(&os_harness, self.line, self.line_room);
    objscript_close(&self.script);
}

const struct workload workload_objtrace = {
    .setup = objtrace_setup,
    .prepare = objtrace_prepare,
    .run = objtrace_run,
    .drain = objtrace_drain,
    .verify = objtrace_verify,
    .finish = objtrace_finish,
};

#endif
