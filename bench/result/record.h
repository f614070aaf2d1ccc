/* record.h: JSON objects under dotted keys: "environment.cpu.model", "comparisons.0.ci.1", "sites.3" (a
 * number is an index of an array). For what has no schema of its own; samples have (sample.h). record.c is
 * the only file that includes the JSON library (jansson). Functions return 0 or -errno, with a message where
 * they take one. */
#ifndef HG_BENCH_RESULT_RECORD_H
#define HG_BENCH_RESULT_RECORD_H

#include "alloc/base/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct record; /* one JSON object: run.json, a comparison, the trees of a sample */

struct record *record_new(void); /* {} */
void record_free(struct record *r);

/* Set under a dotted key; objects and arrays on the way are made. -EINVAL when the key is not of
 * [A-Za-z0-9_.] words, is deeper than 8, an index jumps over a gap or is over 100000, or something on the way
 * is a leaf. The record keeps the first error: it is not written then, so that callers that set many need
 * not look at each. */
int record_set_integer(struct record *r, const char *key, int64_t value);
int record_set_real(struct record *r, const char *key, double value); /* a NaN or infinity becomes null */
int record_set_text(struct record *r, const char *key, const char *value); /* invalid UTF-8 becomes '?' */
int record_set_bool(struct record *r, const char *key, bool value);
int record_set_null(struct record *r, const char *key);
int record_set_object(struct record *r, const char *key); /* {} */
int record_set_integers(struct record *r, const char *key, const int64_t *values, size_t count);
/* What `from` has under the key, under the same key; both have it then. Nothing when it has none. */
int record_share(struct record *r, const char *key, const struct record *from);

/* Get: false or NULL when absent, null or of another type. Texts belong to the record. */
bool record_number(const struct record *r, const char *key, double *out);
bool record_integer(const struct record *r, const char *key, int64_t *out);
const char *record_text(const struct record *r, const char *key);
bool record_is_true(const struct record *r, const char *key);
bool record_has(const struct record *r, const char *key);          /* there, be it null */
size_t record_array_size(const struct record *r, const char *key); /* 0 when it is not an array */
/* Keys of the object under key ("" = the record itself), in order; a NULL-ended array to free() (keys belong
 * to the record). */
const char **record_keys(const struct record *r, const char *key);

/* Calls visit for every value, with its path (NUL-ended, of `length` characters). It returns above 0 to go on
 * below an object or array, 0 to leave out what is below, -errno to end the walk, which then returns it. */
enum record_kind {
    RECORD_NULL,
    RECORD_BOOL,
    RECORD_INTEGER,
    RECORD_REAL,
    RECORD_TEXT,
    RECORD_ARRAY,
    RECORD_OBJECT
};
struct record_value {
    enum record_kind kind;
    bool truth;
    int64_t integer;
    double real;
    const char *text;
    size_t size; /* of an object or array */
    const void *node;
};
typedef int record_visitor(void *arg, const char *path, size_t length, const struct record_value *v);
int record_walk(const struct record *r, record_visitor *visit, void *arg);
bool record_value_item(const struct record_value *array, size_t i, struct record_value *out);
int record_set_value(struct record *r, const char *key, const struct record_value *v); /* shared */

/* One line, keys in order. 0, or what could not be set or written. */
int record_write(const struct record *r, FILE *out);
/* The same as a text to free(), of *size bytes with the newline, without a NUL; NULL when out of memory
 * or when something could not be set. */
char *record_format(const struct record *r, bool indented, size_t *size);
struct record *record_parse(const char *text, size_t size, const char *file, unsigned line,
                            struct message *m);

#endif
