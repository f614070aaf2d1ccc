/* main.c: the front. One verb a file (cmd_*.c), all of them in cmd.h. */
#include "cmd.h"
#include "manual.h"

#include "alloc/base/file_out.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define COMMAND_ROW(ident, name, usage, summary) \
    {name, usage, summary, cmd_##ident##_options, cmd_##ident, commands},
static const struct command commands[] = {COMMANDS(COMMAND_ROW){0}};
#define COMMAND_COUNT (sizeof commands / sizeof *commands - 1)

static void main_help(FILE *out)
{
    fprintf(
        out,
        "heapgauge measures how memory is managed: allocators, reference counting,\ncycle collectors.\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(out, "  heapgauge %-10s ", commands[i].name);
        option_wrap(commands[i].summary, 23, out);
    }
    fputc('\n', out);
    option_wrap(
        "heapgauge VERB --help prints the options of a verb. Exit status: 0 done; 1 a comparison or a check "
        "failed; 2 usage or bad input; 3 done, but some cells failed; 130 interrupted.",
        0, out);
}

int main(int argc, char **argv)
{
    file_out_signals(true);
    if (argc < 2) {
        main_help(stderr);
        return EXIT_BAD_INPUT;
    }
    static char help[] = "--help";
    bool asks = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0;
    if (asks && argc < 3) {
        main_help(stdout);
        return EXIT_DONE;
    }
    if (asks && strcmp(argv[2], "--man") == 0) { /* for make docs/heapgauge.1 */
        manual_options(commands, stdout);
        return EXIT_DONE;
    }
    if (asks) { /* help VERB is VERB --help */
        argv[1] = argv[2];
        argv[2] = help;
        argv[argc = 3] = NULL;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("heapgauge %s (%s build)\n", HG_VERSION, HG_MODE);
        return EXIT_DONE;
    }
    const char *names[COMMAND_COUNT];
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        names[i] = commands[i].name;
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(&commands[i], argc - 1, argv + 1);
    }
    const char *near = param_nearest(argv[1], names, COMMAND_COUNT);
    fprintf(stderr, "heapgauge: no verb '%s'%s%s%s (see heapgauge --help)\n", argv[1],
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return EXIT_BAD_INPUT;
}
