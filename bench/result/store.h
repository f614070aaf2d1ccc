/* store.h: records (store.c) and run folders (store_run.c). store.c is the only file that includes the JSON
 * library (jansson); all others see dotted keys: "memory.peak_rss_bytes", "gc.generations.0.collected",
 * "stats.3" (a number is an index of an array).
 *
 * A run folder holds run.json and samples.jsonl (DESIGN: one object a line, appended whole and fsynced). What
 * cannot be measured is null, never 0. Input is never trusted: a torn last line is dropped with a warning,
 * any other bad line is an error that names file and line. Functions return 0 or -errno with a message. */
#ifndef HG_BENCH_RESULT_STORE_H
#define HG_BENCH_RESULT_STORE_H

#include "alloc/base/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define STORE_SCHEMA 1

struct record; /* one JSON object: a sample, or run.json */

struct record *record_new(void); /* {} */
struct record *
record_new_sample(void); /* every key of a sample, each null: the schema in results/SCHEMA.md */
void record_free(struct record *r);

/* Set under a dotted key; objects and arrays on the way are made. -EINVAL when the key is not of
 * [A-Za-z0-9_.] words, is deeper than 8, an index jumps over a gap or is over 100000, or something on the way
 * is a leaf. */
int record_set_integer(struct record *r, const char *key, int64_t value);
int record_set_real(struct record *r, const char *key, double value); /* a NaN or infinity becomes null */
int record_set_text(struct record *r, const char *key, const char *value); /* invalid UTF-8 becomes '?' */
int record_set_bool(struct record *r, const char *key, bool value);
int record_set_null(struct record *r, const char *key);
void record_remove(struct record *r, const char *key); /* a key of the record itself */
int record_set_reals(struct record *r, const char *key, const double *values, size_t count);
int record_set_integers(struct record *r, const char *key, const uint64_t *values, size_t count);
int record_set_record(struct record *r, const char *key, const struct record *value); /* a deep copy */

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

int record_write(const struct record *r, FILE *out); /* one line, keys in order */
/* The same as a text to free(), of *size bytes with the newline, without a NUL; NULL when out of memory. */
char *record_format(const struct record *r, bool indented, size_t *size);
struct record *record_parse(const char *text, size_t size, const char *file, unsigned line,
                            struct message *m);

struct store; /* a run folder opened for writing */
/* Creates the folder with run.json (written to a temporary name, fsynced, renamed). -EEXIST when it holds a
 * run already. */
int store_create(struct store **out, const char *dir, const struct record *run, struct message *m);
/* Opens an existing one to go on (a torn last line is cut off, and the message then says so; else it is
 * empty). One process at a time: -EBUSY. */
int store_open(struct store **out, const char *dir, struct message *m);
int store_append(struct store *s, const struct record *sample, struct message *m);
void store_close(struct store *s);

struct store_run { /* a run folder read whole */
    char dir[4096];
    struct record *run;
    struct record **sample;
    size_t samples;
    bool torn; /* the last line was dropped */
};
int store_load(struct store_run *out, const char *dir, struct message *m);
void store_unload(struct store_run *run);

/* Writes text to a file, by file_out.h. */
int store_write_file(const char *path, const char *text, size_t size, struct message *m);

#endif
