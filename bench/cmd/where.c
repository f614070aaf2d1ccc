/* where.c: heapgauge where PID: what is at addresses of a live process. Return addresses are read from
 * standard input, a hexadecimal number a line; each is answered at once by a line of three fields with tabs
 * between, empty where unknown:
 *
 *   function  file  line
 *
 * The shim starts it for what debug() reports (alloc/shim/symbol.c), and people may. */
#include "cmd.h"

#include "alloc/tracer/symbol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

PARAM_STRUCT(where_options, PARAM_NONE)

const struct param *cmd_where_options(void)
{
    static const struct param table[] = PARAM_ROWS(where_options, PARAM_NONE);
    return table;
}

static int where_open(struct symbols **out, const char *pid, struct message *m)
{
    char path[64];
    if (!*pid || pid[strspn(pid, "0123456789")] || strlen(pid) > 10)
        return message_set(m, -EINVAL, "'%.40s' is not the number of a process", pid);
    snprintf(path, sizeof path, "/proc/%s/maps", pid);
    FILE *maps = fopen(path, "re");
    if (!maps)
        return message_set(m, -errno, "cannot read %s: %s", path, strerror(errno));
    int err = symbols_of_maps(out, maps);
    fclose(maps);
    return err ? message_set(m, err, "cannot make sense of %s: %s", path, strerror(-err)) : 0;
}

static const char *where_text(const char *text)
{
    return text ? text : "";
}

static int where_answer(struct symbols *symbols, struct message *m)
{
    char line[64];
    for (unsigned number = 1; fgets(line, sizeof line, stdin); number++) {
        char *end;
        unsigned long long address = strtoull(line, &end, 16);
        if (end == line || *end != '\n')
            return message_set(m, -EINVAL, "line %u: not an address: %.*s", number, (int)strcspn(line, "\n"),
                               line);
        struct symbol s;
        symbols_find(symbols, (const void *)(uintptr_t)address, &s); /* NOLINT(performance-no-int-to-ptr) */
        printf("%s\t%s\t", where_text(s.function), where_text(s.file));
        if (s.line)
            printf("%u", s.line);
        putchar('\n');
        fflush(stdout);
    }
    return 0;
}

int cmd_where(const struct command *self, int argc, char **argv)
{
    struct where_options o;
    struct symbols *symbols;
    struct message m;
    int words, err = option_parse(self, &o, argc, argv, &words, &m);
    if (err)
        return err > 0 ? EXIT_DONE : option_refuse(&m);
    if (words != 1) {
        message_set(&m, -EINVAL, "usage: heapgauge %s %s", self->name, self->usage);
        return option_refuse(&m);
    }
    err = where_open(&symbols, argv[0], &m);
    if (!err) {
        err = where_answer(symbols, &m);
        symbols_close(symbols);
    }
    return err ? option_refuse(&m) : EXIT_DONE;
}
