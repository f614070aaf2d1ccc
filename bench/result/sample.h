/* sample.h: one sample: a field a row of schema.h, and which of them are known. A key that is not in the
 * schema does not compile. What is not known is written as null and reads as not known, never as 0.
 *
 * Trees (TYPE TREE) lie under their own paths in `parts`, a JSON object that the sample owns; use record.h on
 * it. Texts and arrays are the sample's, too. A sample of zeros is empty; sample_clear frees all. */
#ifndef HG_BENCH_RESULT_SAMPLE_H
#define HG_BENCH_RESULT_SAMPLE_H

#include "record.h"
#include "schema.h"

struct sample_integers {
    int64_t *value;
    size_t count;
};

#define SAMPLE_FIELD_INT(id)    int64_t id;
#define SAMPLE_FIELD_REAL(id)   double id;
#define SAMPLE_FIELD_BOOL(id)   bool id;
#define SAMPLE_FIELD_TEXT(id)   char *id;
#define SAMPLE_FIELD_STATUS(id) enum sample_status id;
#define SAMPLE_FIELD_INTS(id)   struct sample_integers id;
#define SAMPLE_FIELD_TREE(id)
#define SAMPLE_FIELD_GROUP(id)
#define SAMPLE_FIELD_K(id, path, TYPE, ...)          SAMPLE_FIELD_##TYPE(id)
#define SAMPLE_FIELD_F(id, path, pattern, TYPE, ...) SAMPLE_FIELD_##TYPE(id)

struct sample {
    SCHEMA(SAMPLE_FIELD_K, SAMPLE_FIELD_F)
    struct record *parts; /* NULL: none */
    uint64_t known[(SCHEMA_KEYS + 63) / 64];
};

static inline bool sample_knows(const struct sample *s, enum schema_key key)
{
    return s->known[key / 64] >> (key % 64) & 1;
}

static inline void sample_learn(struct sample *s, enum schema_key key)
{
    s->known[key / 64] |= UINT64_C(1) << (key % 64);
}

static inline void sample_forget(struct sample *s, enum schema_key key)
{
    s->known[key / 64] &= ~(UINT64_C(1) << (key % 64));
}

/* By the field's name: whether it is known; sets it (INT, REAL, BOOL, STATUS); sets a TEXT, copied, 0 or
 * -ENOMEM; the text, or what is given for one that is not known; the number. */
#define sample_has(s, id)                sample_knows(s, KEY_##id)
#define sample_set(s, id, v)             ((s)->id = (v), sample_learn(s, KEY_##id))
#define sample_set_text(s, id, text)     sample_put_text(s, KEY_##id, &(s)->id, text)
#define sample_text_or(s, id, otherwise) (sample_has(s, id) ? (s)->id : (otherwise))
#define sample_or(s, id, otherwise)      (sample_has(s, id) ? (s)->id : (otherwise))

int sample_put_text(struct sample *s, enum schema_key key, char **field, const char *text);
/* Appends to an INTS; 0, -ENOMEM, or -E2BIG behind 100,000. */
int sample_push(struct sample *s, enum schema_key key, int64_t value);
/* The figure as a number; false when it is not known or has no numbers. */
bool sample_number(const struct sample *s, enum schema_key key, double *out);
/* The field of an INT or INTS, of a REAL: for what goes over rows. */
int64_t *sample_int(const struct sample *s, enum schema_key key);
double *sample_real(const struct sample *s, enum schema_key key);
const struct sample_integers *sample_ints(const struct sample *s, enum schema_key key);
/* The sample's trees, made when there are none; NULL: out of memory. */
struct record *sample_parts(struct sample *s);
void sample_clear(struct sample *s);

/* A worker's line behind "set ": PATH VALUE, where VALUE is an integer, a real or "text" (a NaN or infinity
 * is not known). 0, or -EPROTO with a message: an unknown key, one of the front's, a value of another type, a
 * place in an array that jumps. The text is changed. */
int sample_take(struct sample *s, char *text, struct message *m);

/* The one that writes: a line of JSON with its newline, *size bytes, to free(). NULL: out of memory. */
char *sample_format(const struct sample *s, size_t *size);
/* The one that reads, into an empty sample: a line of JSON, else -EINVAL with a message. Keys that are not in
 * the schema (of another version) and values of another type (from elsewhere) are not known then. figures:
 * arrays and trees are left out, too, but for cell.params. */
int sample_read(struct sample *s, const char *text, size_t size, bool figures, const char *file,
                unsigned line, struct message *m);

#endif
