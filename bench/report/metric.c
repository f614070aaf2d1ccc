/* metric.c: see metric.h. */
#include "metric.h"

#include "alloc/base/param.h"

#include <errno.h>
#include <string.h>

const struct report_metric *report_metric_of(enum schema_key key)
{
    static struct report_metric
        metrics[SCHEMA_KEYS]; /* each made when it is asked for first; one thread asks */
    if (key >= SCHEMA_KEYS || !schema_is_figure(key))
        return NULL;
    const struct schema_row *row = &schema_rows[key];
    const struct schema_sense_words *sense = &schema_senses[row->sense];
    if (!metrics[key].path)
        metrics[key] = (struct report_metric){key,
                                              row->unit,
                                              row->name[0] ? row->name : row->path,
                                              row->path,
                                              row->title[0] ? row->title : row->path,
                                              sense->more_is_better,
                                              sense->higher,
                                              sense->lower};
    return &metrics[key];
}

const struct report_metric *report_metric_at(const char *prefix, const char *last)
{
    char path[128];
    int n = snprintf(path, sizeof path, "%s.%s", prefix, last);
    return n < (int)sizeof path ? report_metric_of(schema_find(path, (size_t)n)) : NULL;
}

const struct report_metric *report_metric_find(const char *word, struct message *m)
{
    const char *names[SCHEMA_KEYS];
    size_t n = 0;
    const struct report_metric *found = report_metric_of(schema_find(word, strlen(word)));
    if (strcmp(word, "fragmentation") == 0) /* as heap-live was called */
        found = report_metric_of(KEY_fragmentation_jw4);
    for (enum schema_key key = 0; key < SCHEMA_KEYS && !found; key++) {
        const char *name = schema_rows[key].name;
        if (!name[0])
            continue;
        if (strcmp(name, word) == 0)
            found = report_metric_of(key);
        names[n++] = name;
    }
    if (found && !(schema_rows[found->key].place & PLACE_LETTER))
        return found;
    const char *near = param_nearest(word, names, n);
    message_set(m, -EINVAL, "--metric: no metric '%.100s'%s%s%s (there are: %s; or a sample's key)", word,
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", report_metric_names());
    return NULL;
}

const char *report_metric_names(void)
{
    static char names[1024];
    size_t n = 0;
    if (names[0])
        return names;
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++)
        for (const char *c = schema_rows[key].name; *c && n + 2 < sizeof names; c++) {
            if (c == schema_rows[key].name && n)
                names[n++] = ' ';
            names[n++] = *c;
        }
    return names;
}
