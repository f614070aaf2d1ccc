/* cell.c: see cell.h. */
#include "cell.h"
#include "worker.h"

#include <string.h>

static struct message cell_message;

static _Noreturn void cell_bad(const char *text)
{
    say_fail("not-applicable", text);
}

static void cell_set_workload(struct worker_cell *cell)
{
    const char *text = cell->settings.workload;
    char name[128], owner[160];
    size_t n = strcspn(text, ":");
    snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), text);
    enum workload_level wanted = cell->settings.level ? LEVEL_OBJECT : LEVEL_ALLOC;
    for (size_t i = 0; workload_list[i]; i++)
        if (strcmp(workload_list[i]->name, name) == 0 && workload_list[i]->level == wanted) {
            cell->workload = workload_list[i];
            cell->workload_index = i;
        }
    if (!cell->workload)
        cell_bad("no such workload in this worker");
    snprintf(owner, sizeof owner, "workload %s", name);
    if (param_parse(cell->workload->params, cell->workload_params, owner, text[n] ? text + n + 1 : "",
                    &cell_message))
        cell_bad(cell_message.text);
}

static void cell_set_gc(struct worker_cell *cell)
{
    const char *text = cell->settings.gc;
    char owner[160];
    size_t n = strcspn(text, ":");
    for (const struct collector_info *c = collector_list; c->name; c++)
        if (strlen(c->name) == n && strncmp(c->name, text, n) == 0)
            cell->gc = c;
    if (!cell->gc)
        cell_bad("no such collector in this worker");
    snprintf(owner, sizeof owner, "collector %s", cell->gc->name);
    if (param_parse(cell->gc->params, cell->gc_params, owner, text[n] ? text + n + 1 : "", &cell_message))
        cell_bad(cell_message.text);
}

static void cell_set_rc(struct worker_cell *cell)
{
    const char *text = cell->settings.rc;
    size_t n = strcspn(text, ":");
    for (const struct policy_info *p = policy_list; p->name; p++)
        if (strlen(p->name) == n && strncmp(p->name, text, n) == 0)
            cell->rc = p;
    if (!cell->rc)
        cell_bad("no such refcount policy");
    if (param_parse(cell->rc->params, cell->rc_params, "refcount policy " HG_RC_NAME,
                    text[n] ? text + n + 1 : "", &cell_message))
        cell_bad(cell_message.text);
    if (strcmp(policy_worker(cell->rc, cell->rc_params), HG_RC_NAME) != 0)
        cell_bad("this worker is of another refcount policy");
}

/* One whole number from least to most. */
static unsigned cell_number(const char *text, const char *name, unsigned least, unsigned most)
{
    uint64_t n;
    if (param_number(text, 1000, &n) != 0 || n < least || n > most) {
        message_set(&cell_message, 0, "a worker: '%.40s' is not a number from %u to %u for '%s'", text, least,
                    most, name);
        cell_bad(cell_message.text);
    }
    return (unsigned)n;
}

static void cell_set_cpus(struct worker_cell *cell)
{
    char word[16];
    for (const char *at = cell->settings.cpus; *at;) {
        size_t n = strcspn(at, ",");
        if (cell->cpus == WORKER_CPUS_MAX)
            cell_bad("a worker: too many processors");
        snprintf(word, sizeof word, "%.*s", (int)n, at);
        cell->cpu[cell->cpus++] = (int)cell_number(word, "cpus", 0, 1u << 20);
        at += n + (at[n] == ',');
    }
}

void worker_cell_read(struct worker_cell *cell, char *const *argv)
{
    const struct settings *s = &cell->settings;
    if (settings_read_arguments(&cell->settings, argv, &cell_message) ||
        spec_parse(&cell->alloc, s->alloc, &cell_message))
        cell_bad(cell_message.text);
    cell->threads = cell_number(s->threads, "threads", 1, GAUGE_THREADS_MAX);
    cell->processes = cell_number(s->processes, "processes", 1, GAUGE_THREADS_MAX);
    cell->process = (unsigned)s->process;
    if (cell->process >= cell->processes)
        cell_bad("a worker: process is not one of processes");
    cell->node = s->node[0] ? (int)cell_number(s->node, "node", 0, WORKER_NODES_MAX - 1) : -1;
    cell_set_cpus(cell);
    if (s->rc[0])
        cell_set_rc(cell);
    if (s->gc[0])
        cell_set_gc(cell);
    cell_set_workload(cell);
}

uint64_t worker_planned_ops(const struct worker_cell *cell, const struct workload_sample *s)
{
    for (const struct param *row = cell->workload->params; row->name && !s->planned_ops; row++)
        if (strcmp(row->name, "ops") == 0)
            return *(const uint64_t *)(const void *)(cell->workload_params + row->offset);
    return s->planned_ops;
}
