/* suite.c: see suite.h. The INI syntax is inih's; what the words mean is ours. */
#include "suite.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#define SUITE_OPTIONS(P, S)                                                           \
    P(S, TEXT, title, "", "", "what the suite is for")                                \
    P(S, COUNT, blocks, "6", "1-1000", "how often every cell is run")                 \
    P(S, TEXT, baseline, "system", "", "what the others are compared with")           \
    P(S, NS, settle, "100ms", "0s-60s", "how long memory is watched after the drain") \
    P(S, COUNT, oracle, "0", "0-100k",                                                \
      "an extra sample of each object cell with so many exact counts of its garbage")
PARAM_STRUCT(suite_options, SUITE_OPTIONS)
static const struct param *const suite_table = PARAM_TABLE(suite_options, SUITE_OPTIONS);

#define SECTION_OPTIONS(P, S)                                                                     \
    P(S, TEXT, workload, "", "", "NAME:param=value,...")                                          \
    P(S, TEXT, alloc, "system", "", "a list of allocators")                                       \
    P(S, TEXT, rc, "", "", "a list of refcount policies")                                         \
    P(S, TEXT, gc, "", "", "a list of collectors")                                                \
    P(S, TEXT, threads, "1", "", "a list of numbers")                                             \
    P(S, TEXT, processes, "1", "", "a list of numbers")                                           \
    P(S, TEXT, parallel, "", "", "1x1, 2x1, 1x2: threads x processes, compared with one another") \
    P(S, FLAG, census, "0", "", "what lay in the heap")                                           \
    P(S, TEXT, place, "none", "", "binding")                                                      \
    P(S, TEXT, baseline, "", "", "what the others are compared with")
PARAM_STRUCT(section_options, SECTION_OPTIONS)
static const struct param *const section_table = PARAM_TABLE(section_options, SECTION_OPTIONS);

struct suite_reader {
    struct suite *suite;
    const char *path, *trace;
    const struct place *places;
    struct message *m;
    char section[128];
    int section_line, line; /* line: of the file, counted where it is read */
    bool too_long;
    char last_name[64];
    bool in_suite;
    struct suite_options options;
    struct section_options words;
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
    if (!r->trace)
        return 1;
    if (snprintf(text, sizeof text, "%.*s%s%s", (int)(at - r->words.workload), r->words.workload, r->trace,
                 at + 7) >= (int)sizeof text)
        return message_set(r->m, -EINVAL, "section [%s]: the trace's path is too long", r->section);
    memcpy(r->words.workload, text, sizeof text);
    return 0;
}

/* Every cell of the section that has just ended. */
static int suite_section_cells(struct suite_reader *r)
{
    struct section_options *w = &r->words;
    int err = suite_put_trace(r);
    if (err > 0) {
        size_t n = strlen(r->suite->left_out), room = sizeof r->suite->left_out - n;
        snprintf(r->suite->left_out + n, room, "%s[%s]", n ? " " : "", r->section);
        return 0;
    }
    if (err)
        return err;
    struct plan_axes axes = {.workload = w->workload,
                             .alloc = w->alloc,
                             .rc = w->rc,
                             .gc = w->gc,
                             .threads = w->threads,
                             .processes = w->processes,
                             .parallel = w->parallel,
                             .place = w->place,
                             .baseline = w->baseline[0] ? w->baseline : r->options.baseline,
                             .census = w->census,
                             .dashes = "",
                             .keep_refused = true};
    return plan_add(&r->suite->plan, &axes, r->places, r->m);
}

static int suite_end_section(struct suite_reader *r)
{
    if (!r->section[0] || r->in_suite)
        return 1;
    int err = suite_section_cells(r);
    return err ? suite_wrong(r, r->section_line, err) : 1;
}

/* A line that goes on from the one before it ("alloc = a, b" and below it "  c, d") comes as the same name
 * again: it is added behind a comma. */
static int suite_continue(struct suite_reader *r, const char *name, const char *value, char *joined,
                          size_t size)
{
    const struct param *table = r->in_suite ? suite_table : section_table;
    const void *values = r->in_suite ? (const void *)&r->options : (const void *)&r->words;
    char before[sizeof(param_c_TEXT) + 1];
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
    char joined[sizeof(param_c_TEXT)];
    if (r->err) /* inih goes on after the first wrong line; the first is the one to tell */
        return 0;
    if (strcmp(section, r->section) != 0) {
        if (!suite_end_section(r))
            return 0;
        snprintf(r->section, sizeof r->section, "%s", section);
        r->section_line = line;
        r->last_name[0] = '\0';
        r->in_suite = strcmp(section, "suite") == 0;
        param_defaults(section_table, &r->words);
        if (!section[0]) {
            message_set(r->m, 0, "'%.60s' stands before the first [section]", name);
            return suite_wrong(r, line, -EINVAL);
        }
    }
    char owner[160];
    snprintf(owner, sizeof owner, "section [%.100s]", r->section);
    if (strcmp(name, r->last_name) == 0 && suite_continue(r, name, value, joined, sizeof joined))
        value = joined;
    snprintf(r->last_name, sizeof r->last_name, "%s", name);
    int err = r->in_suite ? param_set(suite_table, &r->options, owner, name, value, r->m)
                          : param_set(section_table, &r->words, owner, name, value, r->m);
    return err ? suite_wrong(r, line, err) : 1;
}

/* Reads a line for inih, and counts it: the library as it is packaged tells no line numbers. */
static char *suite_read_line(char *buf, int size, void *arg)
{
    struct suite_file *file = arg;
    char *line = fgets(buf, size, file->stream);
    if (!line)
        return NULL;
    file->reader->line++;
    size_t n = strlen(line);
    if (n + 1 == (size_t)size && line[n - 1] != '\n') {
        file->reader->too_long = true;
        return NULL;
    }
    return line;
}

int suite_read(struct suite *suite, const char *path, const char *trace, const struct place *places,
               struct message *m)
{
    static struct suite_reader reader;
    memset(suite, 0, sizeof *suite);
    memset(&reader, 0, sizeof reader);
    struct suite_reader *r = &reader;
    r->suite = suite;
    r->path = path;
    r->trace = trace;
    r->places = places;
    r->m = m;
    param_defaults(suite_table, &r->options);
    struct suite_file file = {r, fopen(path, "re")};
    if (!file.stream)
        return message_set(m, -errno, "cannot read %s: %s", path, strerror(errno));
    int line = ini_parse_stream(suite_read_line, &file, suite_on_value, r);
    fclose(file.stream);
    if (r->err)
        return r->err;
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
    snprintf(suite->title, sizeof suite->title, "%.500s", r->options.title);
    snprintf(suite->baseline, sizeof suite->baseline, "%.250s", r->options.baseline);
    suite->blocks = (unsigned)r->options.blocks;
    suite->settle_ns = r->options.settle;
    suite->plan.oracle = r->options.oracle;
    return 0;
}
