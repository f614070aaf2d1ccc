/* inherited.c: see inherited.h. */
#include "inherited.h"

#include <stdlib.h>
#include <string.h>

#define INHERITED_MAX 64u /* variables: more are not shown */

struct inherited {
    char *text[INHERITED_MAX];
    size_t count;
};

static void add(struct inherited *in, const char *name, const char *value)
{
    char *text = NULL;
    if (in->count == INHERITED_MAX || asprintf(&text, "%s=%s", name, value) < 0)
        return;
    for (size_t i = 0; i < in->count; i++)
        if (strcmp(in->text[i], text) == 0) {
            free(text);
            return;
        }
    in->text[in->count++] = text;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *join(struct inherited *in)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    qsort(in->text, in->count, sizeof *in->text, by_text);
    for (size_t i = 0; i < in->count; i++) {
        if (f)
            fprintf(f, "%s%s", i ? ", " : "", in->text[i]);
        free(in->text[i]);
    }
    if (f && fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}

/* Those under key, without what braces set and without LD_PRELOAD, which is made from the spec. */
static void add_all(struct inherited *in, const struct record *r, const char *key, const char *set)
{
    char path[512];
    const char **names = record_keys(r, key);
    for (size_t i = 0; names && names[i]; i++) {
        if (set && snprintf(path, sizeof path, "%s.%s", set, names[i]) < (int)sizeof path &&
            record_has(r, path))
            continue;
        if (strcmp(names[i], "LD_PRELOAD") == 0 ||
            snprintf(path, sizeof path, "%s.%s", key, names[i]) >= (int)sizeof path)
            continue;
        const char *value = record_text(r, path);
        if (value)
            add(in, names[i], value);
    }
    free(names);
}

char *report_inherited(const struct report_data *d)
{
    struct inherited in = {.count = 0};
    for (size_t c = 0; c < d->cells; c++)
        for (size_t i = 0; i < d->cell[c].samples + d->cell[c].oracles; i++) {
            const struct record *parts = d->cell[c].sample[i].sample->parts;
            if (parts)
                add_all(&in, parts, schema_rows[KEY_environment_allocator_variables].path,
                        schema_rows[KEY_cell_env].path);
        }
    return join(&in);
}

char *report_inherited_of_run(const struct record *run)
{
    static const char key[] = "environment.allocator_variables";
    struct inherited in = {.count = 0};
    if (!record_has(run, key))
        return NULL;
    add_all(&in, run, key, NULL);
    return join(&in);
}
