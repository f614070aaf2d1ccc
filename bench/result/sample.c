/* sample.c: see sample.h. */
#include "sample.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INTEGERS_MAX 100000u

static void *field_of(const struct sample *s, enum schema_key key)
{
    return (char *)(uintptr_t)s + schema_rows[key].offset;
}

int64_t *sample_int(const struct sample *s, enum schema_key key)
{
    return field_of(s, key);
}

double *sample_real(const struct sample *s, enum schema_key key)
{
    return field_of(s, key);
}

const struct sample_integers *sample_ints(const struct sample *s, enum schema_key key)
{
    return field_of(s, key);
}

int sample_put_text(struct sample *s, enum schema_key key, char **field, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(*field);
    *field = copy;
    sample_learn(s, key);
    return 0;
}

int sample_push(struct sample *s, enum schema_key key, int64_t value)
{
    struct sample_integers *a = field_of(s, key);
    if (a->count >= INTEGERS_MAX)
        return -E2BIG;
    if ((a->count & (a->count - 1)) == 0) { /* full: it doubles */
        int64_t *grown = realloc(a->value, (a->count ? 2 * a->count : 1) * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        a->value = grown;
    }
    a->value[a->count++] = value;
    sample_learn(s, key);
    return 0;
}

bool sample_number(const struct sample *s, enum schema_key key, double *out)
{
    if (key >= SCHEMA_KEYS || !sample_knows(s, key) || !schema_is_figure(key))
        return false;
    *out = schema_rows[key].type == VALUE_INT ? (double)*sample_int(s, key) : *sample_real(s, key);
    return true;
}

struct record *sample_parts(struct sample *s)
{
    if (!s->parts)
        s->parts = record_new();
    return s->parts;
}

void sample_clear(struct sample *s)
{
    for (enum schema_key key = 0; key < SCHEMA_KEYS; key++) {
        if (schema_rows[key].type == VALUE_TEXT)
            free(*(char **)field_of(s, key));
        else if (schema_rows[key].type == VALUE_INTS)
            free(sample_ints(s, key)->value);
    }
    record_free(s->parts);
    memset(s, 0, sizeof *s);
}

/* --- a worker's line ----------------------------------------------------------------------------------- */

/* VALUE of a line, taken apart. */
static bool word_value(char *word, struct record_value *v)
{
    size_t n = strlen(word);
    char *end;
    if (word[0] == '"') {
        if (n < 2 || word[n - 1] != '"')
            return false;
        word[n - 1] = '\0';
        *v = (struct record_value){.kind = RECORD_TEXT, .text = word + 1};
        return true;
    }
    bool digits = n > 0 && strspn(word, "0123456789") == n;
    errno = 0;
    unsigned long long integer = strtoull(word, &end, 10);
    if (digits && (errno || integer > INT64_MAX))
        return false;
    *v = (struct record_value){.kind = RECORD_INTEGER, .integer = (int64_t)integer};
    if (digits)
        return true;
    *v = (struct record_value){.kind = RECORD_REAL, .real = strtod(word, &end)};
    return end > word && *end == '\0';
}

/* The key of which path is an item or a part: "timeline.gc_ns.3", "heap.classes.0.size". */
static enum schema_key container_of(const char *path)
{
    for (size_t n = strlen(path); n > 0; n--) {
        enum schema_key key = path[n] == '.' ? schema_find(path, n) : SCHEMA_KEYS;
        if (key < SCHEMA_KEYS)
            return key;
    }
    return SCHEMA_KEYS;
}

/* What is wrong with it; NULL: nothing. */
static const char *take_scalar(struct sample *s, enum schema_key key, const struct record_value *v)
{
    switch (schema_rows[key].type) {
    case VALUE_INT:
        if (v->kind != RECORD_INTEGER)
            return "not an integer below 2^63";
        *sample_int(s, key) = v->integer;
        break;
    case VALUE_REAL:
        if (v->kind == RECORD_TEXT)
            return "not a number";
        *sample_real(s, key) = v->kind == RECORD_INTEGER ? (double)v->integer : v->real;
        if (!isfinite(*sample_real(s, key)))
            return NULL; /* not known */
        break;
    case VALUE_TEXT:
        if (v->kind != RECORD_TEXT)
            return "not a \"text\"";
        return sample_put_text(s, key, field_of(s, key), v->text) ? "no memory" : NULL;
    default:
        return "no value of its own";
    }
    sample_learn(s, key);
    return NULL;
}

static const char *take_part(struct sample *s, const char *path, const struct record_value *v)
{
    struct record *parts = sample_parts(s);
    int err = !parts                      ? -ENOMEM
              : v->kind == RECORD_TEXT    ? record_set_text(parts, path, v->text)
              : v->kind == RECORD_INTEGER ? record_set_integer(parts, path, v->integer)
                                          : record_set_real(parts, path, v->real);
    return err == -ENOMEM ? "no memory" : err ? "a path that cannot be" : NULL;
}

static const char *take_item(struct sample *s, enum schema_key key, const char *item,
                             const struct record_value *v)
{
    char *end;
    unsigned long long index = strtoull(item, &end, 10);
    if (*item < '0' || *item > '9' || *end || index != sample_ints(s, key)->count)
        return "not the next place of its array";
    if (v->kind != RECORD_INTEGER)
        return "not an integer below 2^63";
    return sample_push(s, key, v->integer) ? "no room in its array" : NULL;
}

static const char *take(struct sample *s, const char *path, char *word)
{
    struct record_value v;
    enum schema_key key = schema_find(path, strlen(path)), whole = container_of(path);
    bool part = key == SCHEMA_KEYS && whole < SCHEMA_KEYS &&
                (schema_rows[whole].type == VALUE_TREE || schema_rows[whole].type == VALUE_INTS);
    if (part)
        key = whole;
    if (key == SCHEMA_KEYS)
        return "no such key in the schema";
    if (schema_rows[key].rule == RULE_FRONT)
        return "the key is not a worker's";
    if (!word || !word_value(word, &v))
        return "not an integer below 2^63, a real or a \"text\"";
    if (!part)
        return take_scalar(s, key, &v);
    if (schema_rows[key].type == VALUE_TREE)
        return take_part(s, path, &v);
    return take_item(s, key, path + strlen(schema_rows[key].path) + 1, &v);
}

int sample_take(struct sample *s, char *text, struct message *m)
{
    char line[160];
    snprintf(line, sizeof line, "%s", text);
    char *value = strchr(text, ' ');
    if (value)
        *value++ = '\0';
    const char *wrong = take(s, text, value);
    return wrong ? message_set(m, -EPROTO, "the worker sent 'set %s': %s", line, wrong) : 0;
}

/* --- writing ------------------------------------------------------------------------------------------- */

static void put_value(struct record *r, const struct sample *s, enum schema_key key)
{
    const char *path = schema_rows[key].path;
    const struct sample_integers *a;
    switch (schema_rows[key].type) {
    case VALUE_INT:
        record_set_integer(r, path, *sample_int(s, key));
        break;
    case VALUE_REAL:
        record_set_real(r, path, *sample_real(s, key));
        break;
    case VALUE_BOOL:
        record_set_bool(r, path, *(const bool *)field_of(s, key));
        break;
    case VALUE_TEXT:
        record_set_text(r, path, *(char *const *)field_of(s, key));
        break;
    case VALUE_STATUS:
        record_set_text(r, path, sample_status_words[s->status]);
        break;
    case VALUE_INTS:
        a = sample_ints(s, key);
        record_set_integers(r, path, a->value, a->count);
        break;
    default:
        record_share(r, path, s->parts);
    }
}

/* Whether the object that the key lies in is there. */
static bool has_parent(const struct record *r, const char *path)
{
    char parent[128];
    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(path, '.') - path), path);
    const char **keys = record_keys(r, parent);
    bool object = keys && keys[0];
    free(keys);
    return object;
}

char *sample_format(const struct sample *s, size_t *size)
{
    struct record *r = record_new();
    for (enum schema_key key = 0; r && key < SCHEMA_KEYS; key++) {
        const struct schema_row *row = &schema_rows[key];
        bool known = row->type == VALUE_TREE ? s->parts && record_has(s->parts, row->path)
                                             : row->type != VALUE_GROUP && sample_knows(s, key);
        if (row->place & PLACE_LETTER)
            continue;
        if (known)
            put_value(r, s, key);
        else if (row->place & PLACE_ALWAYS || (row->place & PLACE_NESTED && has_parent(r, row->path)))
            record_set_null(r, row->path);
    }
    char *line = r ? record_format(r, false, size) : NULL;
    record_free(r);
    return line;
}

/* --- reading ------------------------------------------------------------------------------------------- */

/* A count above 2^63 is written as a real. */
static bool integer_of(const struct record_value *v, int64_t *out)
{
    if (v->kind == RECORD_INTEGER)
        *out = v->integer;
    else if (v->kind == RECORD_REAL)
        *out = v->real >= 0x1p63 ? INT64_MAX : v->real <= -0x1p63 ? INT64_MIN : llround(v->real);
    return v->kind == RECORD_INTEGER || v->kind == RECORD_REAL;
}

struct reading {
    struct sample *sample;
    bool figures;
};

static int read_integers(struct sample *s, enum schema_key key, const struct record_value *v)
{
    struct record_value item;
    int64_t value;
    int err = 0;
    if (v->kind != RECORD_ARRAY)
        return 0;
    sample_learn(s, key);
    for (size_t i = 0; !err && record_value_item(v, i, &item) && integer_of(&item, &value); i++)
        err = sample_push(s, key, value);
    return err == -E2BIG ? 0 : err;
}

static int read_part(const struct reading *r, enum schema_key key, const char *path,
                     const struct record_value *v)
{
    if (r->figures && key != KEY_cell_params)
        return 0;
    struct record *parts = sample_parts(r->sample);
    return parts ? record_set_value(parts, path, v) : -ENOMEM;
}

static int read_value(void *arg, const char *path, size_t length, const struct record_value *v)
{
    const struct reading *r = arg;
    struct sample *s = r->sample;
    bool container = v->kind == RECORD_ARRAY || v->kind == RECORD_OBJECT, known = false;
    enum schema_key key = v->kind == RECORD_NULL ? SCHEMA_KEYS : schema_find(path, length);
    if (key == SCHEMA_KEYS || schema_rows[key].place & PLACE_LETTER)
        return container;
    switch (schema_rows[key].type) {
    case VALUE_INT:
        known = integer_of(v, sample_int(s, key));
        break;
    case VALUE_REAL:
        known = v->kind == RECORD_INTEGER || v->kind == RECORD_REAL;
        *sample_real(s, key) = v->kind == RECORD_INTEGER ? (double)v->integer : v->real;
        break;
    case VALUE_BOOL:
        known = v->kind == RECORD_BOOL;
        *(bool *)field_of(s, key) = v->truth;
        break;
    case VALUE_TEXT:
        return v->kind == RECORD_TEXT ? sample_put_text(s, key, field_of(s, key), v->text) : 0;
    case VALUE_STATUS:
        s->status = v->kind == RECORD_TEXT ? sample_status_of(v->text) : SAMPLE_UNKNOWN;
        known = s->status != SAMPLE_UNKNOWN; /* one of a later version: not known, and so not ok */
        break;
    case VALUE_INTS:
        return r->figures ? 0 : read_integers(s, key, v);
    case VALUE_TREE:
        return read_part(r, key, path, v);
    case VALUE_GROUP:
        return container;
    }
    if (known)
        sample_learn(s, key);
    return 0;
}

/* Of a record from before the key: the two that it is made of are there. */
static void read_heap_peak(struct sample *s)
{
    if (!sample_has(s, memory_heap_peak_bytes) && sample_has(s, memory_peak_rss_bytes) &&
        sample_has(s, memory_baseline_rss_bytes) && s->memory_peak_rss_bytes >= s->memory_baseline_rss_bytes)
        sample_set(s, memory_heap_peak_bytes, s->memory_peak_rss_bytes - s->memory_baseline_rss_bytes);
}

int sample_read(struct sample *s, const char *text, size_t size, bool figures, const char *file,
                unsigned line, struct message *m)
{
    struct record *r = record_parse(text, size, file, line, m);
    if (!r)
        return -EINVAL;
    struct reading reading = {s, figures};
    int err = record_walk(r, read_value, &reading);
    record_free(r);
    read_heap_peak(s);
    return err ? message_set(m, err, "%s:%u: no memory for the sample", file, line) : 0;
}
