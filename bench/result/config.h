/* config.h: a configuration of an allocator as users write it: a spec (alloc/spec.h) and, in one pair of
 * braces behind it or behind what it wraps, the variables of its workers' environment and its name in tables:
 *
 *   preload:jemalloc{MALLOC_CONF=dirty_decay_ms:0,as=eager}
 *   preload:jemalloc{MALLOC_CONF="dirty_decay_ms:0,narenas:2"}
 *   locked(system{GLIBC_TUNABLES=glibc.malloc.arena_max=2})
 *
 * A value goes from its first '=' to the next comma or brace. One that holds a comma, a brace, a blank or a
 * quote stands in double quotes, within which \" is a quote and \\ a backslash. Blanks around words do not
 * count. An empty value sets the variable to nothing. `as` and `name` mean the same.
 *
 * LD_PRELOAD is refused (it is how a spec's library gets before the worker), and so is HEAPGAUGE_*: a worker
 * takes those from the front alone. Pure text: whether the spec exists is for spec_parse to find. */
#ifndef HG_BENCH_RESULT_CONFIG_H
#define HG_BENCH_RESULT_CONFIG_H

#include "alloc/base/message.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_TEXT_MAX      4096
#define CONFIG_VARIABLES_MAX 16
#define CONFIG_VALUE_MAX     1023 /* characters */
#define CONFIG_NAME_MAX      32   /* of as=NAME */

struct config {
    char spec[1024];            /* without the braces and blanks */
    char text[CONFIG_TEXT_MAX]; /* the one way to write it: variables by name, quotes where they are needed */
    char name[1088];            /* what tables call it: as=NAME, else the spec and its values, cut short */
    bool named;                 /* by as= */
    unsigned variables;
    uint16_t at[CONFIG_VARIABLES_MAX]; /* of each in store */
    char store[CONFIG_TEXT_MAX];       /* "NAME=VALUE", as an environment has it, by name */
};

/* 0, or -EINVAL with a message that names the word and what would do. */
int config_parse(struct config *c, const char *text, struct message *m);

/* Of one without as=: makes it the nth (2, 3, ...) of the same in a list. It gets a name of its own,
 * "jemalloc-2", as if as= gave it, so that both are measured. */
void config_number(struct config *c, unsigned n);

/* The ith variable, "NAME=VALUE". */
const char *config_variable(const struct config *c, unsigned i);

/* Sets them in this process's environment, for a program that takes its place. 0 or -ENOMEM. */
int config_set_environment(const struct config *c);

/* Whether a configuration's text has this spec, whatever its braces hold. */
bool config_has_spec(const char *text, const char *spec);
/* The same where the braces hold at most a name: it is the allocator as everyone has it. */
bool config_is_plain(const char *text, const char *spec);

/* Whether it is a variable (NAME or NAME=VALUE) that allocators are known to read. */
bool config_is_known(const char *variable);

#endif
