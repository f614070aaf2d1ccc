/* record.c: see record.h. The only file that includes the JSON library, which bounds the nesting of what it
 * reads. */
#include "record.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_INDEX_MAX 100000u
#define RECORD_KEY_MAX   512u
#define RECORD_KEY_DEPTH 8u
#define RECORD_DUMP      (JSON_COMPACT | JSON_REAL_PRECISION(17))

struct record {
    json_t *root;
    int err; /* of the first value that could not be set */
};

/* --- records ---------------------------------------------------------------------------------------------
 */

static struct record *record_wrap(json_t *root)
{
    struct record *r = root ? malloc(sizeof *r) : NULL;
    if (!r) {
        json_decref(root);
        return NULL;
    }
    *r = (struct record){root, 0};
    return r;
}

struct record *record_new(void)
{
    return record_wrap(json_object());
}

void record_free(struct record *r)
{
    if (r) {
        json_decref(r->root);
        free(r);
    }
}

/* A key taken apart. Words point into text. */
struct key {
    char text[RECORD_KEY_MAX];
    const char *word[RECORD_KEY_DEPTH];
    unsigned words;
};

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static int key_split(struct key *k, const char *key)
{
    size_t size = strlen(key);
    if (size == 0 || size >= sizeof k->text)
        return -EINVAL;
    memcpy(k->text, key, size + 1);
    k->words = 0;
    for (char *p = k->text;; p++) {
        if (k->words == RECORD_KEY_DEPTH || !word_char(*p))
            return -EINVAL;
        k->word[k->words++] = p;
        while (word_char(*p))
            p++;
        if (*p == 0)
            return 0;
        if (*p != '.')
            return -EINVAL;
        *p = 0;
    }
}

/* An index is a word of digits alone; false when it is none. Over the bound it is RECORD_INDEX_MAX. */
static bool word_index(const char *word, size_t *index)
{
    size_t n = 0;
    for (const char *p = word; *p; p++) {
        if (*p < '0' || *p > '9')
            return false;
        n = n < RECORD_INDEX_MAX ? n * 10 + (size_t)(*p - '0') : RECORD_INDEX_MAX;
    }
    *index = n < RECORD_INDEX_MAX ? n : RECORD_INDEX_MAX;
    return true;
}

/* Puts value (whose reference it takes, whatever happens) at word in the container. */
static int json_put(json_t *container, const char *word, json_t *value)
{
    size_t index;
    if (!value)
        return -ENOMEM;
    if (json_is_object(container) && !word_index(word, &index))
        return json_object_set_new(container, word, value) ? -ENOMEM : 0;
    if (json_is_array(container) && word_index(word, &index) && index < RECORD_INDEX_MAX &&
        index <= json_array_size(container)) {
        int failed = index < json_array_size(container) ? json_array_set_new(container, index, value)
                                                        : json_array_append_new(container, value);
        return failed ? -ENOMEM : 0;
    }
    json_decref(value);
    return -EINVAL;
}

static json_t *json_at(const json_t *container, const char *word)
{
    size_t index;
    if (json_is_object(container))
        return json_object_get(container, word);
    if (json_is_array(container) && word_index(word, &index))
        return json_array_get(container, index);
    return NULL;
}

/* Whether the containers that the key still lacks can be made: an array made on the way begins at 0. Looked
 * at before anything is made, so that a refused key leaves nothing behind. */
static bool key_can_be_made(const json_t *at, const struct key *k)
{
    unsigned i = 0;
    while (i + 1 < k->words && at && !json_is_null(at))
        at = json_at(at, k->word[i++]);
    for (; i < k->words && (!at || json_is_null(at)); i++) {
        size_t index;
        if (word_index(k->word[i], &index) && index != 0)
            return false;
    }
    return true;
}

/* Takes the value's reference. A null on the way is nothing yet, and becomes what the next word needs. */
static int record_put(struct record *r, const char *key, json_t *value)
{
    struct key k;
    int err = value ? key_split(&k, key) : -ENOMEM;
    json_t *at = r->root;
    if (!err && !key_can_be_made(at, &k))
        err = -EINVAL;
    for (unsigned i = 0; !err && i + 1 < k.words; i++) {
        size_t index;
        json_t *next = json_at(at, k.word[i]);
        if (!next || json_is_null(next)) {
            err = json_put(at, k.word[i], word_index(k.word[i + 1], &index) ? json_array() : json_object());
            next = err ? NULL : json_at(at, k.word[i]);
        }
        at = next;
    }
    if (err) {
        json_decref(value);
        return err;
    }
    return json_put(at, k.word[k.words - 1], value);
}

static int record_set(struct record *r, const char *key, json_t *value)
{
    int err = record_put(r, key, value);
    if (!r->err)
        r->err = err;
    return err;
}

int record_set_integer(struct record *r, const char *key, int64_t value)
{
    return record_set(r, key, json_integer(value));
}

static json_t *json_real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

int record_set_real(struct record *r, const char *key, double value)
{
    return record_set(r, key, json_real_or_null(value));
}

/* Bytes of the UTF-8 sequence at p, 0 when it is not a valid one (RFC 3629: no overlong forms, no
 * surrogates). p ends in a NUL, which is no continuation byte. */
static unsigned utf8_length(const unsigned char *p)
{
    if (p[0] < 0x80)
        return 1;
    unsigned more = p[0] >= 0xc2 && p[0] < 0xe0   ? 1
                    : (p[0] & 0xf0) == 0xe0       ? 2
                    : p[0] >= 0xf0 && p[0] < 0xf5 ? 3
                                                  : 0;
    for (unsigned i = 1; i <= more; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return more ? more + 1 : 0;
}

int record_set_text(struct record *r, const char *key, const char *value)
{
    char *clean = strdup(value);
    if (!clean)
        return record_set(r, key, NULL);
    for (char *p = clean; *p;) {
        unsigned n = utf8_length((unsigned char *)p);
        if (n == 0)
            *p = '?';
        p += n ? n : 1;
    }
    int err = record_set(r, key, json_string(clean));
    free(clean);
    return err;
}

int record_set_bool(struct record *r, const char *key, bool value)
{
    return record_set(r, key, json_boolean(value));
}

int record_set_null(struct record *r, const char *key)
{
    return record_set(r, key, json_null());
}

int record_set_object(struct record *r, const char *key)
{
    return record_set(r, key, json_object());
}

int record_set_integers(struct record *r, const char *key, const int64_t *values, size_t count)
{
    json_t *array = json_array();
    int failed = !array;
    for (size_t i = 0; !failed && i < count; i++)
        failed = json_array_append_new(array, json_integer(values[i]));
    if (failed) {
        json_decref(array);
        array = NULL;
    }
    return record_set(r, key, array);
}

static const json_t *record_at(const struct record *r, const char *key)
{
    struct key k;
    const json_t *at = r->root;
    if (*key == 0)
        return at;
    if (key_split(&k, key))
        return NULL;
    for (unsigned i = 0; at && i < k.words; i++)
        at = json_at(at, k.word[i]);
    return at;
}

int record_share(struct record *r, const char *key, const struct record *from)
{
    json_t *value = (json_t *)(uintptr_t)record_at(from, key);
    return value ? record_set(r, key, json_incref(value)) : 0;
}

bool record_number(const struct record *r, const char *key, double *out)
{
    const json_t *v = record_at(r, key);
    if (!json_is_number(v))
        return false;
    *out = json_number_value(v);
    return true;
}

bool record_integer(const struct record *r, const char *key, int64_t *out)
{
    const json_t *v = record_at(r, key);
    if (!json_is_integer(v))
        return false;
    *out = json_integer_value(v);
    return true;
}

const char *record_text(const struct record *r, const char *key)
{
    return json_string_value(record_at(r, key));
}

bool record_is_true(const struct record *r, const char *key)
{
    return json_is_true(record_at(r, key));
}

bool record_has(const struct record *r, const char *key)
{
    return record_at(r, key) != NULL;
}

size_t record_array_size(const struct record *r, const char *key)
{
    return json_array_size(record_at(r, key));
}

const char **record_keys(const struct record *r, const char *key)
{
    json_t *object = (json_t *)(uintptr_t)record_at(r, key); /* jansson's iterators take no const */
    const char **keys = calloc(json_object_size(object) + 1, sizeof *keys), *name;
    json_t *value;
    size_t n = 0;
    if (keys && json_is_object(object))
        json_object_foreach(object, name, value) keys[n++] = name;
    return keys;
}

/* --- going over all ------------------------------------------------------------------------------------ */

static struct record_value value_of(json_t *v)
{
    struct record_value out = {.node = v};
    switch (json_typeof(v)) {
    case JSON_NULL:
        out.kind = RECORD_NULL;
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        out.kind = RECORD_BOOL;
        out.truth = json_is_true(v);
        break;
    case JSON_INTEGER:
        out.kind = RECORD_INTEGER;
        out.integer = json_integer_value(v);
        break;
    case JSON_REAL:
        out.kind = RECORD_REAL;
        out.real = json_real_value(v);
        break;
    case JSON_STRING:
        out.kind = RECORD_TEXT;
        out.text = json_string_value(v);
        break;
    case JSON_ARRAY:
        out.kind = RECORD_ARRAY;
        out.size = json_array_size(v);
        break;
    default:
        out.kind = RECORD_OBJECT;
        out.size = json_object_size(v);
    }
    return out;
}

struct walk {
    record_visitor *visit;
    void *arg;
    char path[RECORD_KEY_MAX];
};

static int walk_below(struct walk *w, json_t *container, size_t length);

static int walk_at(struct walk *w, json_t *v, size_t length)
{
    struct record_value value = value_of(v);
    int way = w->visit(w->arg, w->path, length, &value);
    if (way <= 0 || value.kind < RECORD_ARRAY)
        return way < 0 ? way : 0;
    return walk_below(w, v, length);
}

static int walk_below(struct walk *w, json_t *container, size_t length)
{
    const char *name;
    json_t *value;
    size_t i, start = length ? length + 1 : 0;
    int err = 0;
    if (start)
        w->path[length] = '.';
    if (json_is_array(container)) {
        json_array_foreach(container, i, value)
        {
            size_t room = sizeof w->path - start, n = (size_t)snprintf(w->path + start, room, "%zu", i);
            if (!err && n < room)
                err = walk_at(w, value, start + n);
        }
        return err;
    }
    json_object_foreach(container, name, value)
    {
        size_t n = strlen(name);
        if (err || start + n >= sizeof w->path)
            continue;
        memcpy(w->path + start, name, n + 1);
        err = walk_at(w, value, start + n);
    }
    return err;
}

int record_walk(const struct record *r, record_visitor *visit, void *arg)
{
    struct walk w = {.visit = visit, .arg = arg};
    return walk_below(&w, r->root, 0);
}

bool record_value_item(const struct record_value *v, size_t i, struct record_value *out)
{
    json_t *item = json_array_get(v->node, i);
    if (item)
        *out = value_of(item);
    return item != NULL;
}

int record_set_value(struct record *r, const char *key, const struct record_value *v)
{
    return record_set(r, key, json_incref((json_t *)(uintptr_t)v->node));
}

int record_write(const struct record *r, FILE *out)
{
    if (r->err)
        return r->err;
    if (json_dumpf(r->root, out, RECORD_DUMP) || fputc('\n', out) == EOF)
        return errno ? -errno : -EIO;
    return 0;
}

char *record_format(const struct record *r, bool indented, size_t *size)
{
    char *text = r->err
                     ? NULL
                     : json_dumps(r->root, indented ? JSON_INDENT(1) | JSON_REAL_PRECISION(17) : RECORD_DUMP);
    if (text) {
        *size = strlen(text) + 1;
        text[*size - 1] = '\n'; /* in place of the NUL */
    }
    return text;
}

struct record *record_parse(const char *text, size_t size, const char *file, unsigned line, struct message *m)
{
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(root)) { /* which NULL is not */
        struct record *r = record_wrap(root);
        if (!r)
            message_set(m, -ENOMEM, "%s:%u: out of memory", file, line);
        return r;
    }
    if (root)
        message_set(m, -EINVAL, "%s:%u: not an object", file, line);
    else
        message_set(m, -EINVAL, "%s:%u: %s (column %d)", file, line, error.text, error.column);
    json_decref(root);
    return NULL;
}
