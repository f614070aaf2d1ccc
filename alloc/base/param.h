/* param.h: the one option table. A backend, a collector, a workload and the command line describe their
 * parameters as rows of {name, type, default, range, help}; the same rows parse "live=100k,size=16-512",
 * make --help, suite files, `list --json` and the echo in results.
 *
 * A list is an X-macro over P(S, TYPE, name, default, range, help), from which PARAM_STRUCT makes a struct
 * with typed fields and PARAM_TABLE the rows. S is the struct's name. Text is taken apart in param.c alone.
 *
 *   #define CHURN_PARAMS(P, S) P(S, COUNT, live, "100k", "1-100M", "blocks held live") \
 *                              P(S, RANGE, size, "16-512", "1-1G", "block sizes in bytes")
 *   PARAM_STRUCT(churn_params, CHURN_PARAMS)
 *
 * Sizes take k/M/G as powers of 1024 for BYTES and RANGE and of 1000 for COUNT; NS takes ns/us/ms/s/m/h. */
#ifndef HG_ALLOC_BASE_PARAM_H
#define HG_ALLOC_BASE_PARAM_H

#include "message.h"

#include <stddef.h>
#include <stdint.h>

enum param_type {
    PARAM_COUNT,
    PARAM_BYTES,
    PARAM_RANGE,
    PARAM_NS,
    PARAM_REAL,
    PARAM_CHOICE,
    PARAM_FLAG,
    PARAM_TEXT,
    PARAM_WORDS = PARAM_TEXT /* a text that may be long */
};

struct param_range {
    uint64_t lo, hi; /* inclusive */
};

typedef uint64_t param_c_COUNT, param_c_BYTES, param_c_NS, param_c_CHOICE, param_c_FLAG;
typedef struct param_range param_c_RANGE;
typedef double param_c_REAL;
typedef char param_c_TEXT[1024];
typedef char param_c_WORDS[8192];

struct param {
    const char *name;
    enum param_type type;
    const char *fallback; /* the default, in the syntax a user writes */
    const char
        *range; /* "1-100M", "3.9|3.10" for a CHOICE (its value is the index), "" where all is allowed */
    const char *help;
    size_t offset; /* of the field in the parameter struct */
    size_t size;   /* of the field, in bytes */
};

#define PARAM_FIELD(S, T, name, fallback, range, help) param_c_##T name;
#define PARAM_ROW(S, T, name, fallback, range, help) \
    {#name, PARAM_##T, fallback, range, help, offsetof(struct S, name), sizeof(param_c_##T)},
#define PARAM_STRUCT(S, LIST) \
    struct S {                \
        LIST(PARAM_FIELD, S)  \
        char param_end_;      \
    };
#define PARAM_END                                \
    {                                            \
        NULL, PARAM_FLAG, NULL, NULL, NULL, 0, 0 \
    }
#define PARAM_ROWS(S, LIST)          \
    {                                \
        LIST(PARAM_ROW, S) PARAM_END \
    }
#define PARAM_TABLE(S, LIST) ((const struct param[])PARAM_ROWS(S, LIST))
/* Of what takes none. */
#define PARAM_NONE(P, S)
PARAM_STRUCT(param_none, PARAM_NONE)

#define PARAM_STRUCT_MAX 4096 /* bytes: room for any parameter struct */

/* Fills every field of out from its default. Tables are constants of ours: a default that does not parse
 * aborts. */
void param_defaults(const struct param *table, void *out);

/* Sets one parameter from text. owner is what the message calls the thing ("workload churn").
 * -EINVAL with a message that names the word, the range and the nearest valid name. */
int param_set(const struct param *table, void *out, const char *owner, const char *name, const char *value,
              struct message *m);

/* Defaults, then "k=v,k=v" (may be NULL or empty). */
int param_parse(const struct param *table, void *out, const char *owner, const char *text, struct message *m);

/* Writes the field's value as a user would write it; returns what snprintf returns. */
int param_print(const struct param *row, const void *values, char *buf, size_t size);

const char *param_type_name(enum param_type type);

/* Number with unit: "100k", "1.5M" (thousand = 1000 or 1024), "5ms". 0, or -EINVAL when not one, or too
 * large. */
int param_number(const char *text, unsigned thousand, uint64_t *out);
int param_duration(const char *text, uint64_t *ns);

/* The name of the list that is nearest to what was written, by edit distance, or NULL when none is near. */
const char *param_nearest(const char *word, const char *const *names, size_t count);

#endif
