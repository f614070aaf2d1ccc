/* option.c: see option.h. */
#include "option.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

void option_name(const struct param *row, char *out, size_t size)
{
    snprintf(out, size, "%s", row->name);
    for (char *c = out; *c; c++)
        if (*c == '_')
            *c = '-';
}

void option_describe(const struct param *row, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "%s", row->help);
    if (row->type == PARAM_CHOICE && n < size)
        n += (size_t)snprintf(out + n, size - n, ": %s", row->range);
    if (row->type != PARAM_FLAG && row->fallback[0] && n < size)
        snprintf(out + n, size - n, " (default %s)", row->fallback);
}

#define OPTION_COLUMNS 80
#define OPTION_INDENT  27

void option_wrap(const char *text, unsigned indent, FILE *out)
{
    size_t column = indent;
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, " ");
        if (column > indent && column + 1 + n > OPTION_COLUMNS) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (at != text) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)n, at);
        column += n;
        at += n + strspn(at + n, " ");
    }
    fputc('\n', out);
}

void option_help(const struct command *command, FILE *out)
{
    fprintf(out, "heapgauge %s %s\n\n", command->name, command->usage);
    option_wrap(command->summary, 0, out);
    const struct param *table = command->options();
    for (const struct param *row = table; row->name; row++) {
        char name[64], left[128], text[2048];
        option_name(row, name, sizeof name);
        if (row->type == PARAM_FLAG)
            snprintf(left, sizeof left, "--%s", name);
        else
            snprintf(left, sizeof left, "--%s %s", name, param_type_name(row->type));
        option_describe(row, text, sizeof text);
        fprintf(out, "%s  %-24s ", row == table ? "\n" : "", left);
        option_wrap(text, OPTION_INDENT, out);
    }
}

static int option_unknown(const struct command *command, const struct param *table, const char *word,
                          struct message *m)
{
    static char text[64][64];
    const char *names[64];
    size_t n = 0;
    for (; n < 64 && table[n].name; n++) {
        option_name(&table[n], text[n], sizeof text[n]);
        names[n] = text[n];
    }
    const char *near = param_nearest(word, names, n);
    return message_set(m, -EINVAL, "%s has no option --%s%s%s%s (see heapgauge %s --help)", command->name,
                       word, near ? "; did you mean --" : "", near ? near : "", near ? "?" : "",
                       command->name);
}

int option_parse(const struct command *command, void *out, int argc, char **argv, int *positional_count,
                 struct message *m)
{
    const struct param *table = command->options();
    static char set[] = "1";
    int positional = 0;
    bool options = true;
    param_defaults(table, out);
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (!options || strncmp(word, "--", 2) != 0) {
            if (options && word[0] == '-' && word[1] == 'h' && !word[2]) {
                option_help(command, stdout);
                return 1;
            }
            if (options && word[0] == '-' && word[1])
                return message_set(
                    m, -EINVAL,
                    "%s: '%s' is not an option: options are written --name (see heapgauge %s --help)",
                    command->name, word, command->name);
            argv[positional++] = word;
            continue;
        }
        if (!word[2]) {
            options = false;
            continue;
        }
        if (strcmp(word, "--help") == 0) {
            option_help(command, stdout);
            return 1;
        }
        char name[64], owner[80];
        size_t n = strcspn(word + 2, "=");
        char *value = word[2 + n] == '=' ? word + 2 + n + 1 : NULL;
        if (n >= sizeof name)
            return message_set(m, -EINVAL, "%s has no option '%.80s...'", command->name, word);
        const struct param *row = table;
        for (; row->name; row++) {
            option_name(row, name, sizeof name);
            if (strlen(name) == n && strncmp(name, word + 2, n) == 0)
                break;
        }
        if (!row->name) {
            snprintf(name, sizeof name, "%.*s", (int)n, word + 2);
            return option_unknown(command, table, name, m);
        }
        if (row->type == PARAM_FLAG && !value)
            value = set;
        if (!value)
            value = argv[++i];
        if (!value || !*value) /* an empty one is a shell variable that is not set */
            return message_set(m, -EINVAL, "%s: --%s needs a value", command->name, name);
        snprintf(owner, sizeof owner, "--%s", name);
        int err = param_set(table, out, owner, row->name, value, m);
        if (err)
            return err;
    }
    argv[positional] = NULL;
    *positional_count = positional;
    return 0;
}

int option_refuse(const struct message *m)
{
    fprintf(stderr, "heapgauge: %s\n", m->text);
    return EXIT_BAD_INPUT;
}
