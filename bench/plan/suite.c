/* suite.c: see suite.h. The INI syntax is inih's; what the words mean is ours. */
#include "suite.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

struct suite_reader {
    struct suite *suite;
    const char *path;
    const struct place *places;
    struct message *m;
    char section[128];
    int section_line, line; /* line: of the file, counted where it is read */
    int baseline_line;      /* of [suite]'s baseline */
    bool too_long, has_nul;
    char last_name[64];
    bool in_suite;
    const char *given_baseline;         /* by the command line: goes before all others where it is there */
    struct settings words;              /* of the section */
    bool own_baseline;                  /* which the section itself gives; else [suite]'s, of which: */
    bool baseline_used, baseline_found; /* a section has none of its own; one has that configuration */
    int err;
};

struct suite_file {
    struct suite_reader *reader;
    FILE *stream;
};

static int suite_wrong(struct suite_reader *r, int line, int err)
{
    char why[sizeof r->m->text];
    snprintf(why, sizeof why, "%s", r->m->text);
    r->err = message_set(r->m, err, "%s:%d: %.800s", r->path, line, why);
    return 0; /* inih: stop */
}

/* "@trace@" becomes the path that was given. 1: the section needs one and there is none. */
static int suite_put_trace(struct suite_reader *r)
{
    char *at = strstr(r->words.workload, "@trace@"), text[sizeof r->words.workload];
    if (!at)
        return 0;
    const char *trace = r->suite->settings.trace;
    if (!trace[0])
        return 1;
    if (snprintf(text, sizeof text, "%.*s%s%s", (int)(at - r->words.workload), r->words.workload, trace,
                 at + 7) >= (int)sizeof text)
        return message_set(r->m, -EINVAL, "section [%s]: the path of the recording is too long", r->section);
    memcpy(r->words.workload, text, sizeof text);
    return 0;
}

static int suite_no_such(struct suite_reader *r, const char *baseline, unsigned first)
{
    char there[400];
    return message_set(r->m, -EINVAL, "baseline '%.200s' is no configuration here; there are: %s", baseline,
                       plan_labels(&r->suite->plan, first, there, sizeof there));
}

/* Of the section's cells, those from `first` on. The command line's or [suite]'s baseline need not be in
 * every section. */
static int suite_section_baseline(struct suite_reader *r, unsigned first)
{
    struct baseline b, given;
    struct plan *plan = &r->suite->plan;
    int err = baseline_parse(&b, r->words.baseline, "baseline", r->m);
    if (!err)
        err = baseline_parse(&given, r->given_baseline, "--baseline", r->m);
    if (err)
        return err;
    if (baseline_names(&given)) {
        r->baseline_used = true;
        if (plan_has_baseline(plan, first, &given)) {
            plan_mark_baseline(plan, first, &given);
            r->baseline_found = true;
            return 0;
        }
    }
    bool names = baseline_names(&b), all = !baseline_names(&given) && !r->own_baseline;
    unsigned named = plan_mark_baseline(plan, first, names ? &b : NULL);
    if (names && r->own_baseline && !named)
        return suite_no_such(r, r->words.baseline, first);
    r->baseline_used |= names && all;
    r->baseline_found |= named && all;
    return 0;
}

/* Every cell of the section that has just ended. */
static int suite_section_cells(struct suite_reader *r)
{
    int err = suite_put_trace(r);
    if (err > 0) {
        size_t n = strlen(r->suite->left_out), room = sizeof r->suite->left_out - n;
        snprintf(r->suite->left_out + n, room, "%s[%s]", n ? " " : "", r->section);
        return 0;
    }
    unsigned first = r->suite->plan.cells;
    if (!err)
        err = plan_add(&r->suite->plan, &r->words, true, r->places, r->m);
    return err ? err : suite_section_baseline(r, first);
}

static int suite_end_section(struct suite_reader *r)
{
    if (!r->section[0] || r->in_suite)
        return 1;
    int err = suite_section_cells(r);
    return err ? suite_wrong(r, r->section_line, err) : 1;
}

static struct settings *suite_target(struct suite_reader *r, const struct param **table)
{
    *table = settings_table(r->in_suite ? IN_SUITE : IN_SECTION);
    return r->in_suite ? &r->suite->settings : &r->words;
}

/* A line that goes on from the one before it ("alloc = a, b" and below it "  c, d") comes as the same name
 * again: it is added behind a comma. */
static int suite_continue(struct suite_reader *r, const char *name, const char *value, char *joined,
                          size_t size)
{
    const struct param *table;
    const struct settings *values = suite_target(r, &table);
    char before[sizeof(param_c_WORDS)];
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0) {
            param_print(table, values, before, sizeof before);
            size_t n = strlen(before);
            return snprintf(joined, size, "%s%s%s", before, n && before[n - 1] == ',' ? "" : ",", value) <
                   (int)size;
        }
    return 0;
}

static int suite_on_value(void *arg, const char *section, const char *name, const char *value)
{
    struct suite_reader *r = arg;
    int line = r->line;
    char joined[sizeof(param_c_WORDS)];
    if (r->err) /* inih goes on after the first wrong line; the first is the one to report */
        return 0;
    if (!section[0]) {
        message_set(r->m, 0, "'%.60s' stands before the first [section]", name);
        return suite_wrong(r, line, -EINVAL);
    }
    if (strcmp(section, r->section) != 0) {
        if (!suite_end_section(r))
            return 0;
        snprintf(r->section, sizeof r->section, "%s", section);
        r->section_line = line;
        r->last_name[0] = '\0';
        r->in_suite = strcmp(section, "suite") == 0;
        settings_defaults(&r->words, IN_SECTION);
        r->own_baseline = false;
        settings_copy(&r->words, &r->suite->settings, IN_SUITE, 0);
    }
    char owner[160];
    snprintf(owner, sizeof owner, "section [%.100s]", r->section);
    if (strcmp(name, r->last_name) == 0 && suite_continue(r, name, value, joined, sizeof joined))
        value = joined;
    snprintf(r->last_name, sizeof r->last_name, "%s", name);
    if (r->in_suite && strcmp(name, "baseline") == 0)
        r->baseline_line = line;
    r->own_baseline |= !r->in_suite && strcmp(name, "baseline") == 0;
    const struct param *table;
    struct settings *values = suite_target(r, &table);
    int err = param_set(table, values, owner, name, value, r->m);
    if (!err && r->in_suite && !values->blocks)
        err = message_set(r->m, -EINVAL, "%s: blocks takes a number from 1: 0 would run nothing", owner);
    return err ? suite_wrong(r, line, err) : 1;
}

/* Reads a line for inih, and counts it: the library as it is packaged gives no line numbers. */
static char *suite_read_line(char *buf, int size, void *arg)
{
    struct suite_file *file = arg;
    char *line = fgets(buf, size, file->stream);
    if (!line)
        return NULL;
    file->reader->line++;
    size_t n = strlen(line);
    if (n + 1 < (size_t)size && (!n || line[n - 1] != '\n') && !feof(file->stream)) {
        file->reader->has_nul = true; /* what stands behind it would be taken for nothing */
        return NULL;
    }
    if (n + 1 == (size_t)size && line[n - 1] != '\n') {
        file->reader->too_long = true;
        return NULL;
    }
    return line;
}

int suite_read(struct suite *suite, const char *path, const struct settings *given,
               const struct place *places, struct message *m)
{
    static struct suite_reader reader;
    memset(suite, 0, sizeof *suite);
    memset(&reader, 0, sizeof reader);
    struct suite_reader *r = &reader;
    r->suite = suite;
    r->path = path;
    r->places = places;
    r->m = m;
    r->given_baseline = given->baseline;
    settings_defaults(&suite->settings, IN_SUITE);
    settings_copy(&suite->settings, given, IN_SUITE_VERB, IN_SUITE);
    struct baseline named;
    int wrong = baseline_parse(&named, given->baseline, "--baseline", m);
    if (wrong)
        return wrong;
    struct suite_file file = {r, fopen(path, "re")};
    if (!file.stream)
        return message_set(m, -errno, "cannot read %s: %s", path, strerror(errno));
    int line = ini_parse_stream(suite_read_line, &file, suite_on_value, r);
    fclose(file.stream);
    if (r->err)
        return r->err;
    if (r->has_nul)
        return message_set(m, -EINVAL, "%s:%d: the line holds a NUL character", path, r->line);
    if (r->too_long)
        return message_set(m, -EINVAL, "%s:%d: the line is too long: go on in the next one, indented", path,
                           r->line);
    if (line != 0)
        return message_set(m, -EINVAL, "%s:%d: neither a [section] nor name = value", path,
                           line > 0 ? line : r->line);
    if (!suite_end_section(r))
        return r->err;
    if (!suite->plan.cells)
        return message_set(m, -EINVAL, "%s has no cells: it needs a [section] with workload = ...", path);
    if (given->baseline[0])
        memcpy(suite->settings.baseline, given->baseline, sizeof suite->settings.baseline);
    if (r->baseline_used && !r->baseline_found) {
        suite_no_such(r, suite->settings.baseline, 0);
        if (!given->baseline[0])
            suite_wrong(r, r->baseline_line, -EINVAL);
        return -EINVAL;
    }
    /* A [suite] below its sections sets what is the whole run's all the same. */
    for (unsigned i = 0; i < suite->plan.additions; i++)
        settings_copy(suite->plan.settings[i], &suite->settings, IN_SUITE | IN_SUITE_VERB, IN_SECTION);
    return 0;
}
