/* store.c: records: JSON objects under dotted keys. See store.h; run folders are in store_run.c. The only
 * file that includes the JSON library, which bounds the nesting of what it reads. */
#include "store.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STORE_INDEX_MAX 100000u
#define STORE_KEY_MAX   512u
#define STORE_KEY_DEPTH 8u
#define STORE_DUMP      (JSON_COMPACT | JSON_REAL_PRECISION(17))

struct record {
    json_t *root;
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
    r->root = root;
    return r;
}

struct record *record_new(void)
{
    return record_wrap(json_object());
}

/* Every key of a sample, in the order in which it is written (results/SCHEMA.md describes them). */
static const char *const sample_keys[] = {
    "schema",
    "run_id",
    "cell_id",
    "block",
    "position",
    "seed",
    "status",
    "reason",
    "cell.workload",
    "cell.params",
    "cell.alloc",
    "cell.rc",
    "cell.gc",
    "cell.threads",
    "cell.processes",
    "cell.place",
    "ops",
    "wall_ns",
    "cpu_ns",
    "ops_per_s",
    "checksum",
    "latency",
    "pauses.count",
    "pauses.total_ns",
    "pauses.p50_ns",
    "pauses.p99_ns",
    "pauses.p99_9_ns",
    "pauses.max_ns",
    "pauses.by_cause",
    "pauses.mmu.1ms",
    "pauses.mmu.2ms",
    "pauses.mmu.5ms",
    "pauses.mmu.10ms",
    "pauses.mmu.20ms",
    "pauses.mmu.50ms",
    "pauses.mmu.100ms",
    "pauses.mmu.200ms",
    "pauses.mmu.500ms",
    "pauses.mmu.1s",
    "pauses.bmu.1ms",
    "pauses.bmu.2ms",
    "pauses.bmu.5ms",
    "pauses.bmu.10ms",
    "pauses.bmu.20ms",
    "pauses.bmu.50ms",
    "pauses.bmu.100ms",
    "pauses.bmu.200ms",
    "pauses.bmu.500ms",
    "pauses.bmu.1s",
    "gc.generations",
    "gc.examined",
    "gc.freed_by_gc",
    "gc.freed_by_rc",
    "gc.references",
    "gc.allocated",
    "gc.references_per_object",
    "gc.cost_wall_ns",
    "gc.cost_cpu_ns",
    "gc.share",
    "gc.uncollected_peak",
    "gc.uncollected_peak_bytes",
    "gc.uncollected_mean",
    "gc.uncollected_samples",
    "gc.reclaim",
    "gc.live_objects",
    "gil.switches",
    "gil.wait_p99_ns",
    "gil.forced",
    "lock.acquisitions",
    "lock.contended",
    "lock.wait_p99_ns",
    "census",
    "memory.baseline_rss_bytes",
    "memory.peak_rss_bytes",
    "memory.vm_hwm_bytes",
    "memory.pss_bytes",
    "memory.peak_live_requested_bytes",
    "memory.peak_live_usable_bytes",
    "memory.held_bytes",
    "fragmentation.internal",
    "fragmentation.external",
    "fragmentation.residency",
    "fragmentation.jw1",
    "fragmentation.jw2",
    "fragmentation.jw3",
    "fragmentation.jw4",
    "fragmentation.return_to_os_100ms",
    "fragmentation.return_to_os_1s",
    "fragmentation.contiguity",
    "timeline.t_ns",
    "timeline.rss_bytes",
    "timeline.live_bytes",
    "timeline.allocated_bytes",
    "timeline.gc_t_ns",
    "timeline.gc_ns",
    "os.minor_faults",
    "os.major_faults",
    "os.voluntary_switches",
    "os.involuntary_switches",
    "os.steal_ns",
    "os.throttled_ns",
    "os.throttled_periods",
    "os.psi_cpu_ns",
    "os.psi_memory_ns",
    "os.psi_memory_full_ns",
    "os.psi_io_ns",
    "counters",
    "library.path",
    "library.version",
    "library.sha256",
    "library.resolved_by",
    "stats",
    "heap",
};

struct record *record_new_sample(void)
{
    struct record *r = record_new();
    for (size_t i = 0; r && i < sizeof sample_keys / sizeof *sample_keys; i++) {
        if (record_set_null(r, sample_keys[i])) {
            record_free(r);
            r = NULL;
        }
    }
    return r;
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
    char text[STORE_KEY_MAX];
    const char *word[STORE_KEY_DEPTH];
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
        if (k->words == STORE_KEY_DEPTH || !word_char(*p))
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

/* An index is a word of digits alone; false when it is none. Over the bound it is STORE_INDEX_MAX. */
static bool word_index(const char *word, size_t *index)
{
    size_t n = 0;
    for (const char *p = word; *p; p++) {
        if (*p < '0' || *p > '9')
            return false;
        n = n < STORE_INDEX_MAX ? n * 10 + (size_t)(*p - '0') : STORE_INDEX_MAX;
    }
    *index = n < STORE_INDEX_MAX ? n : STORE_INDEX_MAX;
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
    if (json_is_array(container) && word_index(word, &index) && index < STORE_INDEX_MAX &&
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
static int record_set(struct record *r, const char *key, json_t *value)
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

int record_set_integer(struct record *r, const char *key, int64_t value)
{
    return record_set(r, key, json_integer(value));
}

static json_t *json_real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *json_unsigned(uint64_t value)
{
    return value <= INT64_MAX ? json_integer((json_int_t)value) : json_real((double)value);
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
        return -ENOMEM;
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

int record_set_reals(struct record *r, const char *key, const double *values, size_t count)
{
    json_t *array = json_array();
    int failed = !array;
    for (size_t i = 0; !failed && i < count; i++)
        failed = json_array_append_new(array, json_real_or_null(values[i]));
    if (failed) {
        json_decref(array);
        return -ENOMEM;
    }
    return record_set(r, key, array);
}

int record_set_integers(struct record *r, const char *key, const uint64_t *values, size_t count)
{
    json_t *array = json_array();
    int failed = !array;
    for (size_t i = 0; !failed && i < count; i++)
        failed = json_array_append_new(array, json_unsigned(values[i]));
    if (failed) {
        json_decref(array);
        return -ENOMEM;
    }
    return record_set(r, key, array);
}

void record_remove(struct record *r, const char *key)
{
    json_object_del(r->root, key);
}

int record_set_record(struct record *r, const char *key, const struct record *value)
{
    return record_set(r, key, json_deep_copy(value->root));
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

int record_write(const struct record *r, FILE *out)
{
    if (json_dumpf(r->root, out, STORE_DUMP) || fputc('\n', out) == EOF)
        return errno ? -errno : -EIO;
    return 0;
}

char *record_format(const struct record *r, bool indented, size_t *size)
{
    char *text = json_dumps(r->root, indented ? JSON_INDENT(1) | JSON_REAL_PRECISION(17) : STORE_DUMP);
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
