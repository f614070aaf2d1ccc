/* list.c: heapgauge list: what there is, from the same tables that parse the command line. */
#include "cmd.h"
#include "bench/host/library.h"
#include "bench/host/paths.h"
#include "bench/result/record.h"
#include "bench/result/schema.h"

#include "alloc/list.h"
#include "gc/about.h"
#include "workloads/about.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_OPTIONS(P, S)                             \
    P(S, FLAG, json, "0", "", "print one JSON object") \
    P(S, FLAG, schema, "0", "", "every key of a sample, as the tables of results/SCHEMA.md")
PARAM_STRUCT(list_options, LIST_OPTIONS)

const struct param *cmd_list_options(void)
{
    static const struct param table[] = PARAM_ROWS(list_options, LIST_OPTIONS);
    return table;
}

static const char *const list_topics[] = {"allocs", "workloads", "rc", "gc", "suites", "plots"};
#define LIST_TOPICS (sizeof list_topics / sizeof *list_topics)

struct list_out {
    struct record *json; /* NULL: text */
    const char *topic;
    unsigned index;
};

/* One thing under the topic: name, summary, its parameters, what it needs. */
static void list_row(struct list_out *out, const char *name, const char *level, const char *summary,
                     const struct param *params, const char *needs)
{
    char key[256];
    if (!out->json) {
        printf("  %-16s %s%s%s%s%s\n", name, level ? level : "", level ? ": " : "", summary,
               needs[0] ? "; " : "", needs);
        for (const struct param *p = params; p && p->name; p++)
            printf("    %-14s %s%s%s (%s%s%s)\n", p->name, p->help, p->fallback[0] ? ", default " : "",
                   p->fallback, param_type_name(p->type), p->range[0] ? " " : "", p->range);
        return;
    }
    unsigned i = out->index++;
#define LIST_KEY(field) (snprintf(key, sizeof key, "%s.%u." field, out->topic, i), key)
    record_set_text(out->json, LIST_KEY("name"), name);
    if (level)
        record_set_text(out->json, LIST_KEY("level"), level);
    record_set_text(out->json, LIST_KEY("summary"), summary);
    if (needs[0])
        record_set_text(out->json, LIST_KEY("needs"), needs);
    unsigned j = 0;
    for (const struct param *p = params; p && p->name; p++, j++) {
        const char *field[][2] = {{"name", p->name},
                                  {"type", param_type_name(p->type)},
                                  {"default", p->fallback},
                                  {"range", p->range},
                                  {"help", p->help}};
        for (size_t f = 0; f < sizeof field / sizeof *field; f++) {
            snprintf(key, sizeof key, "%s.%u.params.%u.%s", out->topic, i, j, field[f][0]);
            record_set_text(out->json, key, field[f][1]);
        }
    }
}

/* The libraries that the short names find here. */
static void list_libraries(struct list_out *out, const char *backend)
{
    for (const char *const *library = library_names; *library; library++) {
        char name[64], path[4096];
        struct message m;
        snprintf(name, sizeof name, "%s:%s", backend, *library);
        if (library_resolve(*library, path, sizeof path, &m) == 0)
            list_row(out, name, NULL, path, NULL, "");
    }
}

static void list_allocs(struct list_out *out)
{
    for (const struct backend *const *at = backend_list; *at; at++) {
        const struct backend *b = *at;
        list_row(out, b->name, NULL, b->summary, b->params,
                 b->flags & ALLOC_WRAPPER   ? "wraps another: name(inner)"
                 : b->flags & ALLOC_THREADS ? ""
                                            : "no lock: one thread, rc=gil or locked()");
        if (b->flags & ALLOC_LIBRARY)
            list_libraries(out, b->name);
    }
    if (!out->json)
        printf("braces behind any of them set variables of its workers and its name in tables:\n"
               "system{GLIBC_TUNABLES=glibc.malloc.arena_max=2,as=two}\n");
}

static void list_workloads(struct list_out *out)
{
    for (size_t i = 0; workload_list[i]; i++) {
        const struct workload_info *w = workload_list[i];
        list_row(out, w->name, w->level == LEVEL_OBJECT ? "object" : "alloc", w->summary, w->params,
                 w->flags & WORKLOAD_ONE_THREAD ? "one thread" : "");
    }
}

static void list_rc(struct list_out *out)
{
    list_row(out, "none", NULL, "allocator level: no objects", NULL, "");
    for (const struct policy_info *p = policy_list; p->name; p++)
        list_row(out, p->name, NULL, p->summary, p->params, "");
}

static void list_gc(struct list_out *out)
{
    for (const struct collector_info *c = collector_list; c->name; c++)
        list_row(out, c->name, NULL, c->summary, c->params,
                 c->flags & GC_NEEDS_GIL       ? "rc=gil"
                 : c->flags & GC_NEEDS_NOGIL   ? "rc=atomic, objlock or biased"
                 : c->flags & GC_NEEDS_TRACING ? "rc=tracing"
                                               : "");
}

static int list_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The files of a folder that end in ending, by name. */
static void list_files(struct list_out *out, const char *folder, const char *ending, const char *summary)
{
    char *names[256];
    size_t count = 0;
    DIR *d = opendir(folder);
    struct dirent *e;
    while (d && (e = readdir(d)) && count < 256) {
        size_t n = strlen(e->d_name), k = strlen(ending);
        if (n > k && strcmp(e->d_name + n - k, ending) == 0 && (names[count] = strndup(e->d_name, n - k)))
            count++;
    }
    if (d)
        closedir(d);
    qsort(names, count, sizeof *names, list_compare);
    for (size_t i = 0; i < count; i++) {
        list_row(out, names[i], NULL, summary, NULL, "");
        free(names[i]);
    }
}

static void list_suites(struct list_out *out)
{
    char folder[4096];
    if (paths_suites(folder, sizeof folder, NULL) == 0)
        list_files(out, folder, ".ini", "heapgauge suite runs it");
}

static void list_plots(struct list_out *out)
{
    char folder[4096];
    if (paths_plots(folder, sizeof folder, NULL) == 0)
        list_files(out, folder, ".gp", "heapgauge report draws it where the run has its figures");
}

int cmd_list(const struct command *self, int argc, char **argv)
{
    static void (*const make[LIST_TOPICS])(struct list_out *) = {list_allocs, list_workloads, list_rc,
                                                                 list_gc,     list_suites,    list_plots};
    struct list_options o;
    struct message m;
    int positional, err = option_parse(self, &o, argc, argv, &positional, &m);
    if (err)
        return err > 0 ? EXIT_DONE : option_refuse(&m);
    if (o.schema && (positional || o.json)) {
        message_set(&m, 0, "list: --schema stands alone");
        return option_refuse(&m);
    }
    if (o.schema)
        return schema_print(stdout) ? EXIT_BAD_INPUT : EXIT_DONE;
    for (int i = 0; i < positional; i++) {
        bool known = false;
        for (size_t t = 0; t < LIST_TOPICS; t++)
            known |= strcmp(argv[i], list_topics[t]) == 0;
        if (!known) {
            const char *near = param_nearest(argv[i], list_topics, LIST_TOPICS);
            message_set(&m, 0, "list: no topic '%s'%s%s%s (there are: allocs workloads rc gc suites plots)",
                        argv[i], near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
            return option_refuse(&m);
        }
    }
    struct list_out out = {.json = o.json ? record_new() : NULL};
    for (size_t t = 0; t < LIST_TOPICS; t++) {
        bool wanted = positional == 0;
        for (int i = 0; i < positional; i++)
            wanted |= strcmp(argv[i], list_topics[t]) == 0;
        if (!wanted)
            continue;
        out.topic = list_topics[t];
        out.index = 0;
        if (!out.json)
            printf("%s\n", list_topics[t]);
        make[t](&out);
    }
    if (out.json) {
        record_write(out.json, stdout);
        record_free(out.json);
    }
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_BAD_INPUT;
}
