/* data.c: see data.h. Grouping; comparisons are in compare.c. */
#include "data.h"

#include "style.h"
#include "bench/result/config.h"
#include "gc/about.h"
#include "gc/python.h"
#include "workloads/about.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- names ---------------------------------------------------------------------------------------------- */

#define PARAMS (schema_rows[KEY_cell_params].path)

/* A parameter of the sample as text, "" when it is neither a number nor text. */
static void param_text(const struct sample *s, const char *name, char *out, size_t size)
{
    char key[256];
    double number;
    snprintf(key, sizeof key, "%s.%s", PARAMS, name);
    const char *text = record_text(s->parts, key);
    if (text)
        snprintf(out, size, "%s", text);
    else if (record_number(s->parts, key, &number))
        snprintf(out, size, "%.15g", number);
    else
        snprintf(out, size, "%s", "");
}

static const struct param *params_of(const struct sample *s)
{
    const char *workload = sample_text_or(s, cell_workload, ""), *rc = sample_text_or(s, cell_rc, "none");
    enum workload_level level = strcmp(rc, "none") == 0 ? LEVEL_ALLOC : LEVEL_OBJECT;
    for (size_t i = 0; workload_list[i]; i++)
        if (workload_list[i]->level == level && strcmp(workload_list[i]->name, workload) == 0)
            return workload_list[i]->params;
    return NULL;
}

/* Whether the value, as text, is what the parameter has when it is not given. */
static bool is_default(const struct param *table, const char *name, const char *value)
{
    for (const struct param *row = table; row && row->name; row++) {
        if (strcmp(row->name, name) != 0)
            continue;
        uint64_t n;
        char number[32];
        if (strcmp(row->fallback, value) == 0)
            return true;
        unsigned thousand = row->type == PARAM_BYTES ? 1024 : 1000;
        if (row->type == PARAM_NS ? param_duration(row->fallback, &n)
                                  : param_number(row->fallback, thousand, &n))
            return false;
        snprintf(number, sizeof number, "%llu", (unsigned long long)n);
        return strcmp(number, value) == 0;
    }
    return false;
}

/* 50000 as "50k", as people write it. Only whole multiples: nothing is rounded. */
static void shorten_number(const struct param *table, const char *name, char *value, size_t size)
{
    static const char suffix[] = " kMG";
    const struct param *row = table;
    while (row && row->name && strcmp(row->name, name) != 0)
        row++;
    if (!row || !row->name || (row->type != PARAM_COUNT && row->type != PARAM_BYTES))
        return;
    uint64_t thousand = row->type == PARAM_BYTES ? 1024 : 1000, n;
    unsigned u = 0;
    if (param_number(value, (unsigned)thousand, &n))
        return;
    for (; u < 3 && n && n % thousand == 0; u++)
        n /= thousand;
    if (u)
        snprintf(value, size, "%llu%c", (unsigned long long)n, suffix[u]);
}

/* "churn:live=1k": with all parameters it tells works apart, with those that are not defaults people read it.
 * A file is shown without its folder. */
static char *work_text(const struct sample *s, bool all)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    const char **names = s->parts ? record_keys(s->parts, PARAMS) : NULL;
    const struct param *table = params_of(s);
    if (!f) {
        free(names);
        return NULL;
    }
    fputs(sample_text_or(s, cell_workload, "?"), f);
    char separator = ':';
    for (size_t i = 0; names && names[i]; i++) {
        char value[2048];
        param_text(s, names[i], value, sizeof value);
        if (!all && is_default(table, names[i], value))
            continue;
        if (!all)
            shorten_number(table, names[i], value, sizeof value);
        const char *slash = all ? NULL : strrchr(value, '/');
        if (!all && strcmp(names[i], "file") == 0)
            fprintf(f, "%c%s", separator, slash ? slash + 1 : value);
        else
            fprintf(f, "%c%s=%s", separator, names[i], value);
        separator = ',';
    }
    if (!names || !names[0]) {
        const char *params = s->parts ? record_text(s->parts, PARAMS) : NULL;
        if (params && *params)
            fprintf(f, ":%s", params);
    }
    if (all)
        fprintf(f, "|%s|%s", sample_text_or(s, cell_place, ""),
                sample_text_or(s, cell_rc, "none")[0] == 'n' ? "a" : "o");
    free(names);
    if (fclose(f)) {
        free(text);
        return NULL;
    }
    return text;
}

/* "generational" of "generational:version=3.11": parameters that are the default are left out. */
static void put_collector(FILE *f, const char *gc)
{
    size_t name = strcspn(gc, ":");
    const struct collector_info *info = collector_list;
    while (info->name && (strlen(info->name) != name || memcmp(info->name, gc, name) != 0))
        info++;
    fwrite(gc, 1, name, f);
    char separator = ':';
    for (const char *at = gc + name; *at;) {
        const char *word = at + 1;
        size_t size = strcspn(word, ","), key = strcspn(word, "=,");
        char k[64] = "", v[256] = "";
        if (key < size && key < sizeof k && size - key - 1 < sizeof v) {
            memcpy(k, word, key);
            memcpy(v, word + key + 1, size - key - 1);
        }
        if (!*k || !is_default(info->params, k, v)) {
            fprintf(f, "%c%.*s", separator, (int)size, word);
            separator = ',';
        }
        at = word + size;
    }
}

/* Those of the axes that are not NULL, with blanks between; of: whose threads and processes are told, too,
 * unless NULL. */
static char *label_text(const char *alloc, const char *rc, const char *gc, const char *python,
                        const char *thp, const struct report_cell *of)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    if (python && !*python)
        python = NULL;
    bool alone = !alloc && !rc; /* "none" by itself would say nothing */
    fprintf(f, "%s%s%s%s%s", alloc ? alloc : "", alloc && rc ? " " : "", rc ? rc : "",
            gc && (alloc || rc) ? " " : "", gc && alone ? "gc " : "");
    if (gc)
        put_collector(f, gc);
    if (python)
        fprintf(f, "%spython=%s", alloc || rc || gc ? " " : "", python);
    if (thp)
        fprintf(f, "%sthp=%s", alloc || rc || gc || python ? " " : "", thp);
    if (of)
        fprintf(f, "%s%lldx%lld", alloc || rc || gc || python || thp ? " " : "", (long long)of->threads,
                (long long)of->processes);
    if (fclose(f)) {
        free(text);
        return NULL;
    }
    return text;
}

/* --- grouping ------------------------------------------------------------------------------------------- */

/* One sample with the words it is ordered by. */
struct entry {
    const struct sample *sample;
    char *family; /* owned */
    int64_t threads, processes, group, block, position;
    enum { ENTRY_TIMED, ENTRY_ORACLE, ENTRY_TAILS } kind;
    bool together; /* its group holds other numbers of threads or processes, too */
    const char *alloc, *name, *rc, *gc, *python, *thp;
};

static int compare_integers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_works(const struct entry *x, const struct entry *y)
{
    int c = strcmp(x->family, y->family);
    if (!c)
        c = compare_integers(y->together, x->together);
    if (!c && !x->together)
        c = compare_integers(x->processes, y->processes);
    if (!c && !x->together)
        c = compare_integers(x->threads, y->threads);
    return c ? c : compare_integers(x->group, y->group);
}

static int compare_cells(const struct entry *x, const struct entry *y)
{
    int c =
        compare_integers((int64_t)report_style_of(x->alloc).order, (int64_t)report_style_of(y->alloc).order);
    if (!c)
        c = strcmp(x->alloc, y->alloc);
    if (!c)
        c = strcmp(x->rc, y->rc);
    if (!c)
        c = strcmp(x->gc, y->gc);
    if (!c)
        c = strcmp(x->python, y->python);
    if (!c)
        c = strcmp(x->thp, y->thp);
    if (!c)
        c = compare_integers(x->processes, y->processes);
    return c ? c : compare_integers(x->threads, y->threads);
}

static int by_place(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = compare_works(x, y);
    if (!c)
        c = compare_cells(x, y);
    if (!c)
        c = compare_integers(x->kind, y->kind);
    if (!c)
        c = compare_integers(x->block, y->block);
    return c ? c : compare_integers(x->position, y->position);
}

static void add_sample(struct report_cell *c, const struct entry *e)
{
    enum sample_status status = sample_or(e->sample, status, SAMPLE_UNKNOWN);
    bool ok = status == SAMPLE_OK;
    c->sample[report_all(c)] = (struct report_sample){e->sample, e->block, e->position, ok};
    c->samples += e->kind == ENTRY_TIMED;
    c->oracles += e->kind == ENTRY_ORACLE;
    c->tails += e->kind == ENTRY_TAILS;
    c->ok += ok && e->kind == ENTRY_TIMED;
    c->failed += !ok;
    if (!ok && !c->status) {
        c->status = sample_status_words[status];
        c->reason = sample_text_or(e->sample, reason, "");
    }
}

static int add_work(struct report_data *d, const struct entry *e)
{
    struct report_work *w = &d->work[d->works];
    w->name = work_text(e->sample, false);
    w->family = strdup(e->family);
    w->workload = sample_text_or(e->sample, cell_workload, "?");
    w->place = sample_text_or(e->sample, cell_place, "none");
    w->threads = e->together ? 0 : e->threads;
    w->processes = e->together ? 0 : e->processes;
    w->first = d->cells;
    d->works++;
    return w->name && w->family ? 0 : -ENOMEM;
}

/* NULL where nothing was set. */
static const char *set_thp(const struct report_cell *c)
{
    return strcmp(c->thp, "inherit") == 0 ? NULL : c->thp;
}

static int add_cell(struct report_data *d, const struct entry *e, size_t room)
{
    struct report_cell *c = &d->cell[d->cells++];
    c->id = sample_text_or(e->sample, cell_id, "");
    c->alloc = e->alloc;
    c->name = e->name;
    c->thp = e->thp;
    c->python = e->python;
    c->rc = e->rc;
    c->gc = e->gc;
    c->threads = e->threads;
    c->processes = e->processes;
    bool object = strcmp(e->rc, "none") != 0;
    c->label = label_text(e->name, object ? e->rc : NULL, object ? e->gc : NULL, e->python, set_thp(c),
                          e->together ? c : NULL);
    c->work = d->works - 1;
    c->sample = calloc(room, sizeof *c->sample);
    d->work[c->work].cells++;
    return c->label && c->sample ? 0 : -ENOMEM;
}

/* Whether the policy and the collector are its CPython's own, which the version says. */
static bool is_its_pythons(const struct report_cell *c)
{
    const struct python_rules *python = python_find(c->python);
    return python && strcmp(python->rc, c->rc) == 0 && strcmp(python->gc, c->gc) == 0;
}

/* A row shows the axes in which the work's cells differ; the heading says the others. */
static int shorten_labels(struct report_data *d, struct report_work *w)
{
    struct report_cell *c = &d->cell[w->first];
    bool object = strcmp(c->rc, "none") != 0 && !is_its_pythons(c), alloc = false, rc = false, gc = false,
         thp = false, python = false;
    for (size_t i = 1; i < w->cells; i++) {
        alloc = alloc || strcmp(c[i].alloc, c->alloc) != 0;
        bool own = is_its_pythons(c) && is_its_pythons(&c[i]);
        rc = rc || (!own && strcmp(c[i].rc, c->rc) != 0);
        gc = gc || (!own && strcmp(c[i].gc, c->gc) != 0);
        thp = thp || strcmp(c[i].thp, c->thp) != 0;
        python = python || strcmp(c[i].python, c->python) != 0;
    }
    alloc = alloc || (!rc && !gc && !thp && !python && w->threads);
    int err = 0;
    for (size_t i = 0; i < w->cells; i++) {
        c[i].shown =
            label_text(alloc ? c[i].name : NULL, rc ? c[i].rc : NULL, gc ? c[i].gc : NULL,
                       python ? c[i].python : NULL, thp ? c[i].thp : NULL, w->threads ? NULL : &c[i]);
        if (!c[i].shown)
            err = -ENOMEM;
    }
    w->common = label_text(alloc ? NULL : c->name, rc || !object ? NULL : c->rc, gc || !object ? NULL : c->gc,
                           python ? NULL : c->python, thp ? NULL : set_thp(c), NULL);
    return w->common ? err : -ENOMEM;
}

#define POLICIES_MAX 64u /* told apart: more than any picture has colours for */

static void number_policies(struct report_data *d)
{
    const struct report_cell *known[POLICIES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < d->cells; i++) {
        struct report_cell *c = &d->cell[i];
        while (c->policy < n &&
               (strcmp(known[c->policy]->rc, c->rc) != 0 || strcmp(known[c->policy]->gc, c->gc) != 0))
            c->policy++;
        if (c->policy == n && n < POLICIES_MAX)
            known[n++] = c;
    }
}

static size_t count_blocks(const struct report_cell *c)
{
    size_t blocks = 0;
    for (size_t i = 0; i < c->samples; i++)
        blocks += i == 0 || c->sample[i].block != c->sample[i - 1].block;
    return blocks;
}

static int group_entries(struct report_data *d, const struct entry *e, size_t n)
{
    int err = 0;
    d->work = calloc(n ? n : 1, sizeof *d->work);
    d->cell = calloc(n ? n : 1, sizeof *d->cell);
    if (!d->work || !d->cell)
        return -ENOMEM;
    for (size_t i = 0; !err && i < n; i++) {
        bool new_work = i == 0 || compare_works(&e[i - 1], &e[i]) != 0;
        if (new_work)
            err = add_work(d, &e[i]);
        if (!err && (new_work || compare_cells(&e[i - 1], &e[i]) != 0)) {
            size_t room = 1;
            while (i + room < n && compare_works(&e[i], &e[i + room]) == 0 &&
                   compare_cells(&e[i], &e[i + room]) == 0)
                room++;
            err = add_cell(d, &e[i], room);
        }
        if (!err)
            add_sample(&d->cell[d->cells - 1], &e[i]);
    }
    for (size_t w = 0; !err && w < d->works; w++)
        err = shorten_labels(d, &d->work[w]);
    if (!err)
        number_policies(d);
    return err;
}

static int by_group(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = strcmp(x->family, y->family);
    return c ? c : compare_integers(x->group, y->group);
}

/* A group of a plan that holds several numbers of threads or processes compares them (parallel = ...). */
static void find_together(struct entry *e, size_t n)
{
    qsort(e, n, sizeof *e, by_group);
    for (size_t first = 0, end; first < n; first = end) {
        bool together = false;
        for (end = first + 1; end < n && by_group(&e[first], &e[end]) == 0; end++)
            together |= e[end].threads != e[first].threads || e[end].processes != e[first].processes;
        for (size_t i = first; i < end; i++)
            e[i].together = together && sample_has(e[i].sample, group);
    }
}

int report_data_make(struct report_data *out, struct sample *const *sample, size_t samples)
{
    memset(out, 0, sizeof *out);
    struct entry *e = calloc(samples ? samples : 1, sizeof *e);
    int err = e ? 0 : -ENOMEM;
    for (size_t i = 0; !err && i < samples; i++) {
        const struct sample *s = sample[i];
        e[i] = (struct entry){.sample = s,
                              .family = work_text(s, true),
                              .threads = sample_or(s, cell_threads, 1),
                              .processes = sample_or(s, cell_processes, 1),
                              .group = sample_or(s, group, 0),
                              .block = sample_or(s, block, 0),
                              .position = sample_or(s, position, 0),
                              .kind = sample_or(s, oracle, false)  ? ENTRY_ORACLE
                                      : sample_or(s, tails, false) ? ENTRY_TAILS
                                                                   : ENTRY_TIMED,
                              .alloc = sample_text_or(s, cell_alloc, "?"),
                              .name = sample_text_or(s, cell_name, sample_text_or(s, cell_alloc, "?")),
                              .python = sample_text_or(s, cell_python, ""),
                              .thp = sample_text_or(s, cell_thp, "inherit"),
                              .rc = sample_text_or(s, cell_rc, "none"),
                              .gc = sample_text_or(s, cell_gc, "none")};
        err = e[i].family ? 0 : -ENOMEM;
    }
    if (!err) {
        find_together(e, samples);
        qsort(e, samples, sizeof *e, by_place);
        err = group_entries(out, e, samples);
        for (size_t c = 0; c < out->cells; c++) {
            size_t blocks = count_blocks(&out->cell[c]);
            out->blocks = blocks > out->blocks ? blocks : out->blocks;
            out->samples += out->cell[c].samples;
            out->ok += out->cell[c].ok;
        }
    }
    for (size_t i = 0; e && i < samples; i++)
        free(e[i].family);
    free(e);
    if (err)
        report_data_free(out);
    return err;
}

void report_data_plan(struct report_data *d, size_t samples, size_t blocks)
{
    d->planned = samples;
    d->taken = 0;
    for (size_t i = 0; i < d->cells; i++) {
        const struct report_cell *c = &d->cell[i];
        bool refused = report_all(c) == 1 &&
                       sample_or(c->sample[0].sample, status, SAMPLE_UNKNOWN) == SAMPLE_NOT_APPLICABLE;
        d->taken += refused ? blocks : report_all(c);
    }
}

bool report_same_configuration(const struct report_cell *a, const struct report_cell *b)
{
    return strcmp(a->alloc, b->alloc) == 0 && strcmp(a->rc, b->rc) == 0 && strcmp(a->gc, b->gc) == 0 &&
           strcmp(a->thp, b->thp) == 0 && strcmp(a->python, b->python) == 0;
}

bool report_is_floor(const struct report_cell *c)
{
    return config_has_spec(c->alloc, "null") || config_has_spec(c->alloc, "bump");
}

void report_data_free(struct report_data *d)
{
    for (size_t i = 0; i < d->works; i++) {
        free(d->work[i].name);
        free(d->work[i].family);
        free(d->work[i].common);
    }
    for (size_t i = 0; i < d->cells; i++) {
        free(d->cell[i].label);
        free(d->cell[i].shown);
        free(d->cell[i].sample);
    }
    free(d->work);
    free(d->cell);
    memset(d, 0, sizeof *d);
}

bool report_first_of_name(const struct report_data *d, const struct report_cell *c)
{
    if (strcmp(c->name, c->alloc) == 0)
        return false;
    for (const struct report_cell *at = d->cell; at < c; at++)
        if (strcmp(at->name, c->name) == 0 && strcmp(at->alloc, c->alloc) == 0)
            return false;
    return true;
}

/* --- figures of a cell ---------------------------------------------------------------------------------- */

/* Told by the oracle's samples, where a cell has any. */
static bool of_oracle(const struct report_metric *metric)
{
    return strncmp(metric->path, "gc.uncollected", 14) == 0;
}

double report_value(const struct report_sample *s, const struct report_metric *metric)
{
    double value;
    return s->ok && sample_number(s->sample, metric->key, &value) ? value : NAN;
}

struct report_range report_range_of(const struct report_cell *c, const struct report_metric *metric)
{
    bool timed = !c->tails || strncmp(metric->path, "latency.", 8) != 0;
    if (of_oracle(metric) && c->oracles)
        return (struct report_range){c->samples, c->samples + c->oracles};
    for (size_t i = 0; i < c->samples && !timed; i++)
        timed = isfinite(report_value(&c->sample[i], metric));
    return timed ? (struct report_range){0, c->samples}
                 : (struct report_range){c->samples + c->oracles, report_all(c)};
}

double report_median(const struct report_cell *c, const struct report_metric *metric)
{
    struct report_range range = report_range_of(c, metric);
    double *v = calloc(range.end ? range.end : 1, sizeof *v), median = NAN;
    size_t n = 0;
    for (size_t i = range.first; v && i < range.end; i++) {
        v[n] = report_value(&c->sample[i], metric);
        n += isfinite(v[n]) ? 1 : 0;
    }
    if (v)
        median = stats_median(v, n);
    free(v);
    return median;
}

double report_maximum(const struct report_cell *c, const struct report_metric *metric)
{
    struct report_range range = report_range_of(c, metric);
    double most = NAN;
    for (size_t i = range.first; i < range.end; i++)
        most = fmax(most, report_value(&c->sample[i], metric)); /* fmax leaves a NaN out */
    return most;
}
