/* settings.c: see settings.h. */
#include "settings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct setting {
    struct param row;
    const char *suite_fallback;
    unsigned where;
};

#define SETTINGS_ROW(name, T, fallback, suite_fallback, range, where, help)                           \
    {{#name, PARAM_##T, fallback, range, help, offsetof(struct settings, name), sizeof(param_c_##T)}, \
     suite_fallback,                                                                                  \
     where},
static const struct setting settings_rows[] = {SETTINGS(SETTINGS_ROW)};
#define SETTINGS_COUNT (sizeof settings_rows / sizeof *settings_rows)

#define SETTINGS_IN_SUITE_FILE (IN_SUITE | IN_SECTION)
#define SETTINGS_PLACES        8

/* Of each place (bit 0, 1, ...), and one of all rows for each column of defaults; made when first used. */
static struct param settings_tables[SETTINGS_PLACES][SETTINGS_COUNT + 1];

static const struct param *settings_select(unsigned place, unsigned where, bool of_suite)
{
    struct param *table = settings_tables[place];
    size_t n = 0;
    if (table[0].name)
        return table;
    for (size_t i = 0; i < SETTINGS_COUNT; i++)
        if (settings_rows[i].where & where) {
            table[n] = settings_rows[i].row;
            if (of_suite)
                table[n].fallback = settings_rows[i].suite_fallback;
            n++;
        }
    return table;
}

const struct param *settings_table(unsigned where)
{
    return settings_select((unsigned)__builtin_ctz(where), where, where & SETTINGS_IN_SUITE_FILE);
}

void settings_defaults(struct settings *s, unsigned where)
{
    bool of_suite = where & SETTINGS_IN_SUITE_FILE;
    param_defaults(settings_select(SETTINGS_PLACES - 2 + of_suite, ~0u, of_suite), s);
}

void settings_copy(struct settings *to, const struct settings *from, unsigned in, unsigned except)
{
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting *k = &settings_rows[i];
        if (k->where & in && !(k->where & except))
            memcpy((char *)to + k->row.offset, (const char *)from + k->row.offset, k->row.size);
    }
}

int settings_write_arguments(struct settings_arguments *out, const struct settings *s, struct message *m)
{
    size_t used = 0;
    unsigned n = 1;
    for (const struct param *row = settings_table(IN_WORKER); row->name; row++) {
        char *word = out->text + used;
        size_t room = sizeof out->text - used;
        size_t name = (size_t)snprintf(word, room, "%s=", row->name);
        int value = name < room ? param_print(row, s, word + name, room - name) : 0;
        size_t bytes = name + (size_t)value + 1;
        if (bytes > room || n > SETTINGS_ARGUMENTS_MAX)
            return message_set(m, -E2BIG, "the arguments of a worker are too long");
        if (!value)
            continue;
        out->argv[n++] = word;
        used += bytes;
    }
    out->argv[n] = NULL;
    return 0;
}

int settings_read_arguments(struct settings *s, char *const *argv, struct message *m)
{
    const struct param *table = settings_table(IN_WORKER);
    settings_defaults(s, IN_WORKER);
    for (unsigned i = 1; argv[i]; i++) {
        char name[64];
        const char *value = strchr(argv[i], '=');
        if (!value || (size_t)(value - argv[i]) >= sizeof name)
            return message_set(m, -EINVAL, "the argument of a worker is not NAME=VALUE: '%.100s'", argv[i]);
        snprintf(name, sizeof name, "%.*s", (int)(value - argv[i]), argv[i]);
        int err = param_set(table, s, "a worker", name, value + 1, m);
        if (err)
            return err;
    }
    return 0;
}
