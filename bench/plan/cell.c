/* cell.c: see cell.h. */
#include "cell.h"
#include "bench/host/library.h"

#include <errno.h>
#include <string.h>

static int cell_unknown(const char *what, const char *word, const char *const *names, size_t n,
                        struct message *m)
{
    char all[700] = "";
    const char *near = param_nearest(word, names, n);
    for (size_t i = 0; i < n && strlen(all) + strlen(names[i]) + 2 < sizeof all; i++)
        strcat(strcat(all, i ? " " : ""), names[i]);
    if (near)
        return message_set(m, -EINVAL, "no %s '%s'; did you mean '%s'? (there are: %s)", what, word, near,
                           all);
    return message_set(m, -EINVAL, "no %s '%s' (there are: %s)", what, word, all);
}

/* Takes "NAME:PARAMS" apart; rest is what follows the colon, or NULL. */
static int cell_name(const char *text, const char *what, char *name, size_t size, const char **rest,
                     struct message *m)
{
    size_t n = strcspn(text, ":");
    *rest = NULL;
    if (n == 0 || n >= size)
        return message_set(m, -EINVAL, "a %s's name is missing in '%.100s'", what, text);
    memcpy(name, text, n);
    name[n] = '\0';
    *rest = text[n] ? text + n + 1 : NULL;
    return 0;
}

/* NAME:k=v,... with every parameter of the table. */
static int cell_canonical(char *out, size_t size, const char *name, const struct param *table,
                          const void *params, struct message *m)
{
    size_t n = (size_t)snprintf(out, size, "%s", name);
    for (const struct param *row = table; row->name; row++) {
        char value[sizeof(param_c_TEXT) + 1];
        param_print(row, params, value, sizeof value);
        if (!value[0])
            continue;
        n += (size_t)snprintf(out + n, n < size ? size - n : 0, "%s%s=%s", strchr(out, ':') ? "," : ":",
                              row->name, value);
        if (n >= size)
            return message_set(m, -EINVAL, "%s: its parameters are too long", name);
    }
    return 0;
}

static int cell_set_workload(struct cell *cell, const char *text, struct message *m)
{
    char name[128], owner[160];
    const char *rest = NULL;
    int err = cell_name(text, "workload", name, sizeof name, &rest, m);
    if (err)
        return err;
    enum workload_level wanted = cell->rc ? LEVEL_OBJECT : LEVEL_ALLOC;
    const struct workload_info *other = NULL;
    const char *names[256];
    size_t n = 0;
    for (size_t i = 0; workload_list[i] && n < 256; i++) {
        const struct workload_info *w = workload_list[i];
        names[n++] = w->name;
        if (strcmp(w->name, name) != 0)
            continue;
        if (w->level == wanted)
            cell->workload = w;
        else
            other = w;
    }
    if (!cell->workload && !other)
        return cell_unknown("workload", name, names, n, m);
    if (!cell->workload && cell->rc)
        return message_set(m, -EINVAL, "workload %s works at allocator level: it takes --rc none, not %s",
                           name, cell->rc->name);
    if (!cell->workload)
        return message_set(m, -EINVAL,
                           "workload %s works on objects: give it a refcount policy, --rc gil for example",
                           name);
    snprintf(owner, sizeof owner, "workload %s", name);
    if (rest && !*rest)
        return message_set(m, -EINVAL, "%s: nothing follows the colon", owner);
    err = param_parse(cell->workload->params, cell->workload_params, owner, rest, m);
    if (!err && cell->workload->check)
        err = cell->workload->check(cell->workload_params, m);
    return err ? err
               : cell_canonical(cell->workload_text, sizeof cell->workload_text, name, cell->workload->params,
                                cell->workload_params, m);
}

static bool cell_object_only(const char *text)
{
    bool object = false;
    size_t n = strcspn(text, ":");
    for (size_t i = 0; workload_list[i]; i++) {
        const struct workload_info *w = workload_list[i];
        if (strlen(w->name) == n && strncmp(w->name, text, n) == 0) {
            if (w->level == LEVEL_ALLOC)
                return false;
            object = true;
        }
    }
    return object;
}

/* The policy comes before the workload, as it decides the level. */
static int cell_set_rc(struct cell *cell, const char *text, const char *workload, struct message *m)
{
    char name[128], owner[160];
    const char *names[64] = {"none"}, *rest = NULL;
    size_t n = 1;
    if (!text || !*text) /* a workload that exists on objects alone takes the GIL, all others none */
        text = cell->python ? cell->python->rc : cell_object_only(workload) ? "gil" : "none";
    int err = cell_name(text, "refcount policy", name, sizeof name, &rest, m);
    if (err)
        return err;
    for (const struct policy_info *p = policy_list; p->name && n < 64; p++) {
        names[n++] = p->name;
        if (strcmp(p->name, name) == 0)
            cell->rc = p;
    }
    if (!cell->rc)
        return strcmp(text, "none") == 0 ? 0 : cell_unknown("refcount policy", name, names, n, m);
    snprintf(owner, sizeof owner, "refcount policy %s", name);
    snprintf(cell->rc_words, sizeof cell->rc_words, "%s", text);
    err = param_parse(cell->rc->params, cell->rc_params, owner, rest, m);
    return err ? err
               : cell_canonical(cell->rc_text, sizeof cell->rc_text, name, cell->rc->params, cell->rc_params,
                                m);
}

static int cell_set_gc(struct cell *cell, const char *text, struct message *m)
{
    char name[128], owner[160];
    const char *names[64], *rest = NULL;
    size_t n = 0;
    if (!text || !*text) /* the collector that belongs to the policy, where there is one */
        text = cell->python                               ? cell->python->gc
               : cell->rc && cell->rc->flags & RC_TRACING ? "tracing"
               : cell->rc && cell->rc->flags & RC_GIL     ? "generational"
               : cell->rc                                 ? "stw"
                                                          : "none";
    int err = cell_name(text, "collector", name, sizeof name, &rest, m);
    if (err)
        return err;
    for (const struct collector_info *c = collector_list; c->name && n < 64; c++) {
        names[n++] = c->name;
        if (strcmp(c->name, name) == 0)
            cell->gc = c;
    }
    if (!cell->gc)
        return cell_unknown("collector", name, names, n, m);
    snprintf(owner, sizeof owner, "collector %s", name);
    snprintf(cell->gc_words, sizeof cell->gc_words, "%s", text);
    err = param_parse(cell->gc->params, cell->gc_params, owner, rest, m);
    if (!err)
        err = collector_check(cell->gc, cell->gc_params, m);
    return err ? err
               : cell_canonical(cell->gc_text, sizeof cell->gc_text, name, cell->gc->params, cell->gc_params,
                                m);
}

static int cell_set_python(struct cell *cell, const char *word, struct message *m)
{
    const char *names[16];
    size_t n = 0;
    for (const struct python_rules *p = python_list; p->name && n < 16; p++)
        names[n++] = p->name;
    if (word && *word && !(cell->python = python_find(word)))
        return cell_unknown("version of CPython", word, names, n, m);
    return 0;
}

/* What that CPython does not have, with what it has. */
static int cell_check_python(const struct cell *cell, struct message *m)
{
    const struct python_rules *python = cell->python;
    if (!python)
        return 0;
    if (!cell->rc)
        return message_set(m, -ENOTSUP,
                           "--python %s is for objects: take an object workload, or --rc %s with this one",
                           python->name, python->rc);
    size_t rc = strcspn(python->rc, ":");
    if (strlen(cell->rc->name) != rc || memcmp(cell->rc->name, python->rc, rc) != 0)
        return message_set(m, -ENOTSUP, "CPython %s has rc=%s, not %s", python->name, python->rc,
                           cell->rc->name);
    if (!python_has_collector(python, cell->gc->name))
        return message_set(m, -ENOTSUP, "CPython %s has gc=%s, not %s", python->name, python->collectors,
                           cell->gc->name);
    return 0;
}

/* A library's name that means nothing is refused; one that is only missing here becomes a wrong-library
 * cell. */
static int cell_check_library(const struct cell *cell, struct message *m)
{
    char path[4096];
    if (!cell->alloc.library[0] || library_resolve(cell->alloc.library, path, sizeof path, m) != -EINVAL)
        return 0;
    return -EINVAL;
}

/* What cannot work together, with what would. */
static int cell_check(const struct cell *cell, struct message *m)
{
    const char *alloc = cell->alloc.text, *rc = cell->rc ? cell->rc->name : "none";
    bool gil = cell->rc && cell->rc->flags & RC_GIL;
    if (cell->threads > 1 && cell->workload->flags & WORKLOAD_ONE_THREAD)
        return message_set(m, -ENOTSUP, "workload %s works with one thread, not %u", cell->workload->name,
                           cell->threads);
    if (cell->threads > 1 && !gil && !(cell->alloc.flags & ALLOC_THREADS))
        return message_set(m, -ENOTSUP, "%s has no lock, so %u threads need rc=gil or locked(%s)", alloc,
                           cell->threads, alloc);
    if (cell->workload->level == LEVEL_OBJECT && cell->alloc.flags & ALLOC_ALIASES)
        return message_set(
            m, -ENOTSUP,
            "%s hands out the same memory again and again: no object can live in it; bump is the "
            "floor for objects",
            alloc);
    bool tracing = cell->rc && cell->rc->flags & RC_TRACING;
    if (cell->gc && cell->gc->flags & GC_NEEDS_TRACING && !tracing)
        return message_set(m, -ENOTSUP,
                           "collector %s works where nothing is counted: it needs rc=tracing, not %s",
                           cell->gc->name, rc);
    if (cell->gc && tracing && cell->gc->flags & ~(unsigned)GC_NEEDS_TRACING)
        return message_set(m, -ENOTSUP,
                           "collector %s works with counts: with rc=tracing take tracing or none",
                           cell->gc->name);
    if (cell->gc && cell->gc->flags & GC_NEEDS_GIL && !gil)
        return message_set(m, -ENOTSUP,
                           "collector %s keeps lists that need the GIL: with rc=%s take none or stw",
                           cell->gc->name, rc);
    if (cell->gc && cell->gc->flags & GC_NEEDS_NOGIL && gil)
        return message_set(
            m, -ENOTSUP, "collector %s stops threads that run at once: it needs rc=atomic, objlock or biased",
            cell->gc->name);
    return 0;
}

static int cell_set_thp(struct cell *cell, const char *word, struct message *m)
{
    cell->thp = word && *word ? thp_of(word) : THP_INHERIT;
    return cell->thp < THPS ? 0 : cell_unknown("setting of huge pages", word, thp_words, THPS, m);
}

int cell_make(struct cell *cell, const struct cell_words *words, const struct place *places,
              struct message *m)
{
    memset(cell, 0, sizeof *cell);
    if (!words->workload || !*words->workload)
        return message_set(m, -EINVAL,
                           "which workload? give --workload NAME (heapgauge list workloads prints them)");
    cell->threads = words->threads ? words->threads : 1;
    cell->processes = words->processes ? words->processes : 1;
    if (cell->threads > CELL_THREADS_MAX || cell->processes > CELL_PROCESSES_MAX ||
        cell->threads * cell->processes > CELL_THREADS_MAX)
        return message_set(m, -EINVAL, "at most %d processes and %d threads in all", CELL_PROCESSES_MAX,
                           CELL_THREADS_MAX);
    snprintf(cell->place, sizeof cell->place, "%s", words->place && *words->place ? words->place : "none");
    int err = place_plan(places, cell->place, cell->threads * cell->processes, &cell->plan, m);
    if (!err)
        err = cell_set_thp(cell, words->thp, m);
    if (!err)
        err = cell_set_python(cell, words->python, m);
    if (!err)
        err = cell_set_rc(cell, words->rc, words->workload, m);
    if (!err)
        err = cell_set_workload(cell, words->workload, m);
    if (!err)
        err = config_parse(&cell->config, words->alloc && *words->alloc ? words->alloc : "system", m);
    if (!err)
        err = spec_parse(&cell->alloc, cell->config.spec, m);
    if (!err)
        err = cell_check_library(cell, m);
    if (!err && cell->rc)
        err = cell_set_gc(cell, words->gc, m);
    else if (!err && words->gc && *words->gc && strcmp(words->gc, "none") != 0)
        err = message_set(
            m, -EINVAL, "a collector works on objects: --gc %s needs a refcount policy, --rc gil for example",
            words->gc);
    if (err)
        return err;
    char text[16000];
    snprintf(text, sizeof text, "%s|%s|%s|%s|%u|%u|%s", cell->workload_text, cell->config.text,
             cell->rc ? cell->rc_text : "none", cell->gc ? cell->gc_text : "none", cell->threads,
             cell->processes, cell->place);
    if (cell->python)
        snprintf(text + strlen(text), sizeof text - strlen(text), "|python=%s", cell->python->name);
    if (cell->thp != THP_INHERIT) /* the id of a cell from before this axis is the same still */
        snprintf(text + strlen(text), sizeof text - strlen(text), "|thp=%s", thp_words[cell->thp]);
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    snprintf(cell->id, sizeof cell->id, "%016llx", (unsigned long long)hash);
    err = cell_check_python(cell, m);
    return err ? err : cell_check(cell, m);
}

int cell_thp(struct cell *cell, const struct thp_machine *machine, struct message *m)
{
    return thp_plan(&cell->thp_plan, cell->thp, machine, cell->config.name, cell->alloc.flags & ALLOC_MAPS,
                    m);
}

struct baseline_axes cell_axes(const struct cell *cell)
{
    return (struct baseline_axes){.alloc = cell->config.text,
                                  .name = cell->config.name,
                                  .rc = cell->rc ? cell->rc_words : "none",
                                  .gc = cell->gc ? cell->gc_words : "none",
                                  .python = cell->python ? cell->python->name : "",
                                  .thp = thp_words[cell->thp],
                                  .threads = cell->threads,
                                  .processes = cell->processes};
}

static int cell_sample_config(const struct config *c, struct sample *sample)
{
    char key[128];
    int err = sample_set_text(sample, cell_alloc, c->text);
    if (!err)
        err = sample_set_text(sample, cell_name, c->name);
    for (unsigned i = 0; i < c->variables && !err; i++) {
        const char *variable = config_variable(c, i), *value = strchr(variable, '=') + 1;
        snprintf(key, sizeof key, "%s.%.*s", schema_rows[KEY_cell_env].path, (int)(value - variable - 1),
                 variable);
        err = record_set_text(sample->parts, key, value);
    }
    return err;
}

static int cell_sample_params(const struct param *table, const void *params, struct record *parts)
{
    char key[128], value[sizeof(param_c_TEXT) + 1];
    int err = 0;
    for (const struct param *row = table; row->name && !err; row++) {
        snprintf(key, sizeof key, "%s.%s", schema_rows[KEY_cell_params].path, row->name);
        const char *field = (const char *)params + row->offset;
        switch (row->type) {
        case PARAM_COUNT:
        case PARAM_BYTES:
        case PARAM_NS:
        case PARAM_FLAG:
            err = record_set_integer(parts, key, *(const int64_t *)field);
            break;
        case PARAM_REAL:
            err = record_set_real(parts, key, *(const double *)field);
            break;
        case PARAM_RANGE:
        case PARAM_CHOICE:
        case PARAM_TEXT:
            param_print(row, params, value, sizeof value);
            err = record_set_text(parts, key, value);
        }
    }
    return err;
}

int cell_sample(const struct cell *cell, struct sample *sample)
{
    struct record *parts = sample_parts(sample);
    sample_set(sample, cell_threads, cell->threads);
    sample_set(sample, cell_processes, cell->processes);
    int err = parts ? cell_sample_params(cell->workload->params, cell->workload_params, parts) : -ENOMEM;
    if (!err)
        err = sample_set_text(sample, cell_id, cell->id);
    if (!err)
        err = sample_set_text(sample, cell_workload, cell->workload->name);
    if (!err)
        err = cell_sample_config(&cell->config, sample);
    if (!err)
        err = sample_set_text(sample, cell_rc, cell->rc ? cell->rc_words : "none");
    if (!err)
        err = sample_set_text(sample, cell_gc, cell->gc ? cell->gc_words : "none");
    if (!err)
        err = sample_set_text(sample, cell_thp, thp_words[cell->thp]);
    if (!err && cell->python)
        err = sample_set_text(sample, cell_python, cell->python->name);
    return err ? err : sample_set_text(sample, cell_place, cell->place);
}

void cell_label(const struct cell *cell, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "%s", cell->config.name);
    if (cell->rc && n < size)
        n += (size_t)snprintf(out + n, size - n, " %s %s", cell->rc_words, cell->gc_words);
    if (cell->python && n < size)
        n += (size_t)snprintf(out + n, size - n, " python=%s", cell->python->name);
    if (cell->thp != THP_INHERIT && n < size)
        n += (size_t)snprintf(out + n, size - n, " thp=%s", thp_words[cell->thp]);
    if (n < size && cell->processes == 1)
        snprintf(out + n, size - n, " x%u", cell->threads);
    else if (n < size)
        snprintf(out + n, size - n, " %ux%u", cell->threads, cell->processes);
}
