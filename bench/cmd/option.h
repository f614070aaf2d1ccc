/* option.h: a verb's options, from the same rows that describe parameters (alloc/base/param.h). A field
 * `fail_above` is the option --fail-above; a FLAG takes no value; "--name value" and "--name=value" are the
 * same; "--" ends options. */
#ifndef HG_BENCH_CMD_OPTION_H
#define HG_BENCH_CMD_OPTION_H

#include "alloc/base/param.h"

#include <stdio.h>

struct command {
    const char *name, *usage, *summary;
    const struct param *(*options)(void);
    int (*run)(const struct command *self, int argc,
               char **argv);     /* argv[0] is the verb; returns the exit status */
    const struct command *verbs; /* all of them, ended by one without a name */
};

enum {
    EXIT_DONE = 0,
    EXIT_CHECK_FAILED = 1,
    EXIT_BAD_INPUT = 2,
    EXIT_SOME_CELLS = 3,
    EXIT_INTERRUPTED = 130
};

/* An option's name as it is written, without the dashes. */
void option_name(const struct param *row, char *out, size_t size);

/* What it does, its choices and its default. */
void option_describe(const struct param *row, char *out, size_t size);

/* Text in lines of at most 80 columns; the cursor stands at column indent, where every line begins. */
void option_wrap(const char *text, unsigned indent, FILE *out);

/* --help: the usage of the verb and every option. */
void option_help(const struct command *command, FILE *out);

/* Defaults of the verb's options, then argv[1..]. What is not an option is left, in order, in
 * argv[0 .. *positional_count - 1].
 * 0; -EINVAL with a message; 1 when --help was asked for and printed. */
int option_parse(const struct command *command, void *out, int argc, char **argv, int *positional_count,
                 struct message *m);

/* Prints "heapgauge: MESSAGE" on standard error and returns EXIT_BAD_INPUT. */
int option_refuse(const struct message *m);

#endif
