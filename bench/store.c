/* store.c: see store.h. The only file that includes the JSON library.
 *
 * samples.jsonl is only ever appended to, one whole line a write, by one process at a time (flock); what a
 * write could not finish is cut off again. A reader takes lines that end in a newline. Limits on what is
 * read: a line of 16 MiB, a run of 1 GiB and a million samples; the JSON library bounds the nesting. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_LINE_MAX    (16u << 20)
#define STORE_FILE_MAX    (1u << 30)
#define STORE_SAMPLES_MAX 1000000u
#define STORE_INDEX_MAX   100000u
#define STORE_KEY_MAX     512u
#define STORE_KEY_DEPTH   8u
#define STORE_DUMP        (JSON_COMPACT | JSON_REAL_PRECISION(17))

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
    "pauses.mmu.10ms",
    "pauses.mmu.100ms",
    "pauses.bmu.1ms",
    "pauses.bmu.10ms",
    "pauses.bmu.100ms",
    "gc.generations",
    "gc.examined",
    "gc.freed_by_gc",
    "gc.freed_by_rc",
    "gc.uncollected_peak",
    "gc.live_objects",
    "gil.switches",
    "gil.wait_p99_ns",
    "gil.forced",
    "lock.acquisitions",
    "lock.contended",
    "lock.wait_p99_ns",
    "memory.baseline_rss_bytes",
    "memory.peak_rss_bytes",
    "memory.vm_hwm_bytes",
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

/* Whether the containers that the key still lacks can be made: an array made on the way begins at 0. Looked at before anything
 * is made, so that a refused key leaves nothing behind. */
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

struct record *record_parse(const char *text, size_t size, const char *file, unsigned line, struct message *m)
{
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (root && json_is_object(root)) {
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

/* --- files -----------------------------------------------------------------------------------------------
 */

static int write_all(int fd, const char *text, size_t size)
{
    while (size) {
        ssize_t n = write(fd, text, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? -errno : -EIO;
        text += n;
        size -= (size_t)n;
    }
    return 0;
}

/* The folder's own entry for a new name is safe only after its fsync. Some file systems cannot: not an error.
 */
static void sync_folder_of(const char *path)
{
    char dir[4096];
    const char *slash = strrchr(path, '/');
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

int store_write_file(const char *path, const char *text, size_t size, struct message *m)
{
    char temporary[4096 + 32];
    snprintf(temporary, sizeof temporary, "%.4096s.%ld.tmp", path, (long)getpid());
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return message_set(m, -errno, "cannot write %s: %s", path, strerror(errno));
    int err = write_all(fd, text, size);
    if (!err && fsync(fd))
        err = -errno;
    if (close(fd) && !err)
        err = -errno;
    if (!err && rename(temporary, path))
        err = -errno;
    if (err) {
        unlink(temporary);
        return message_set(m, err, "cannot write %s: %s", path, strerror(-err));
    }
    sync_folder_of(path);
    return 0;
}

static int make_folders(const char *dir)
{
    char path[4096];
    if (strlen(dir) >= sizeof path)
        return -ENAMETOOLONG;
    strcpy(path, dir);
    for (char *p = path + 1;; p++) {
        char c = *p;
        if (c != '/' && c != 0)
            continue;
        *p = 0;
        if (mkdir(path, 0777) && errno != EEXIST)
            return -errno;
        *p = c;
        if (c == 0)
            break;
    }
    struct stat st;
    return stat(dir, &st) ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

/* Reads a regular file whole into a NUL-ended buffer. */
static int read_file(const char *path, size_t max, char **text, size_t *size, struct message *m)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0)
        return message_set(m, -errno, "cannot read %s: %s", path, strerror(errno));
    int err = fstat(fd, &st) ? -errno : 0;
    if (!err && !S_ISREG(st.st_mode))
        err = -EINVAL;
    if (!err && (uint64_t)st.st_size > max)
        err = -EFBIG;
    char *buf = err ? NULL : malloc((size_t)st.st_size + 1);
    if (!err && !buf)
        err = -ENOMEM;
    size_t have = 0;
    while (!err && have < (size_t)st.st_size) {
        ssize_t n = read(fd, buf + have, (size_t)st.st_size - have);
        if (n < 0 && errno != EINTR)
            err = -errno;
        else if (n == 0)
            break; /* became shorter: what is there is what there is */
        else if (n > 0)
            have += (size_t)n;
    }
    close(fd);
    if (err) {
        free(buf);
        return message_set(m, err, "cannot read %s: %s", path,
                           err == -EINVAL ? "not a regular file" : strerror(-err));
    }
    buf[have] = 0;
    *text = buf;
    *size = have;
    return 0;
}

static int path_in(char out[4096], const char *dir, const char *name, struct message *m)
{
    if (snprintf(out, 4096, "%s/%s", dir, name) >= 4096)
        return message_set(m, -ENAMETOOLONG, "the folder's name is too long");
    return 0;
}

static struct record *run_read(const char *dir, struct message *m, int *err)
{
    char path[4096], *text = NULL;
    size_t size = 0;
    struct record *run = NULL;
    *err = path_in(path, dir, "run.json", m);
    if (!*err)
        *err = read_file(path, STORE_LINE_MAX, &text, &size, m);
    if (*err == -ENOENT)
        message_set(m, *err, "%s is not a results folder: it has no run.json", dir);
    if (*err)
        return NULL;
    run = record_parse(text, size, path, 1, m);
    free(text);
    int64_t schema = 0;
    if (!run) {
        *err = -EINVAL;
    } else if (!record_integer(run, "schema", &schema) || schema < 1 || schema > STORE_SCHEMA) {
        *err =
            message_set(m, -EPROTONOSUPPORT, "%s: schema %lld is not one that this program reads (1 to %d)",
                        path, (long long)schema, STORE_SCHEMA);
        record_free(run);
        run = NULL;
    }
    return run;
}

/* --- a run folder ----------------------------------------------------------------------------------------
 */

struct store {
    int fd;
    off_t size; /* bytes of whole lines */
    char path[4096];
};

static int store_lock(struct store *s, int flags, struct message *m)
{
    s->fd = open(s->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0666);
    if (s->fd < 0)
        return message_set(m, -errno, "cannot open %s: %s", s->path, strerror(errno));
    struct stat st;
    if (fstat(s->fd, &st))
        return message_set(m, -errno, "cannot read %s: %s", s->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return message_set(m, -EINVAL, "%s is not a regular file", s->path);
    if (flock(s->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return message_set(m, -EBUSY, "%s is being written by another process", s->path);
    s->size = st.st_size;
    return 0;
}

static struct store *store_new(void)
{
    struct store *s = calloc(1, sizeof *s);
    if (s)
        s->fd = -1;
    return s;
}

int store_create(struct store **out, const char *dir, const struct record *run, struct message *m)
{
    struct store *s = store_new();
    char path[4096], *text = NULL;
    *out = NULL;
    if (!s)
        return message_set(m, -ENOMEM, "out of memory");
    int err = path_in(path, dir, "run.json", m);
    if (!err)
        err = path_in(s->path, dir, "samples.jsonl", m);
    if (!err && (err = make_folders(dir)))
        message_set(m, err, "cannot make the folder %s: %s", dir, strerror(-err));
    if (!err && access(path, F_OK) == 0)
        err = message_set(m, -EEXIST, "%s holds a run already", dir);
    if (!err)
        err = store_lock(s, O_CREAT, m);
    if (!err && s->size > 0)
        err = message_set(m, -EEXIST, "%s holds samples already", dir);
    if (!err && !(text = json_dumps(run->root, JSON_INDENT(1) | JSON_REAL_PRECISION(17))))
        err = message_set(m, -ENOMEM, "out of memory");
    if (!err) {
        size_t size = strlen(text);
        text[size] = '\n'; /* in place of the NUL */
        err = store_write_file(path, text, size + 1, m);
    }
    free(text);
    if (err) {
        store_close(s);
        return err;
    }
    *out = s;
    return 0;
}

/* Where the last whole line ends. */
static int store_whole_bytes(int fd, off_t size, off_t *whole)
{
    char buf[65536];
    off_t end = size;
    while (end > 0) {
        off_t start = end > (off_t)sizeof buf ? end - (off_t)sizeof buf : 0;
        ssize_t n = pread(fd, buf, (size_t)(end - start), start);
        if (n != end - start)
            return n < 0 ? -errno : -EIO;
        for (ssize_t i = n; i-- > 0;) {
            if (buf[i] == '\n') {
                *whole = start + i + 1;
                return 0;
            }
        }
        end = start;
    }
    *whole = 0;
    return 0;
}

int store_open(struct store **out, const char *dir, struct message *m)
{
    struct store *s = store_new();
    off_t whole = 0;
    int err;
    *out = NULL;
    if (!s)
        return message_set(m, -ENOMEM, "out of memory");
    message_set(m, 0, "%s", "");
    record_free(run_read(dir, m, &err));
    if (!err)
        err = path_in(s->path, dir, "samples.jsonl", m);
    if (!err)
        err = store_lock(s, 0, m);
    if (!err && (err = store_whole_bytes(s->fd, s->size, &whole)))
        message_set(m, err, "cannot read %s: %s", s->path, strerror(-err));
    if (!err && whole < s->size) {
        if (ftruncate(s->fd, whole))
            err =
                message_set(m, -errno, "cannot cut the torn last line off %s: %s", s->path, strerror(errno));
        else
            message_set(m, 0, "%s: a torn last line was cut off", s->path);
        s->size = whole;
    }
    if (err) {
        store_close(s);
        return err;
    }
    *out = s;
    return 0;
}

int store_append(struct store *s, const struct record *sample, struct message *m)
{
    char *line = json_dumps(sample->root, STORE_DUMP);
    if (!line)
        return message_set(m, -ENOMEM, "out of memory");
    size_t size = strlen(line);
    line[size] = '\n'; /* in place of the NUL */
    int err = size < STORE_LINE_MAX ? write_all(s->fd, line, size + 1) : -EFBIG;
    free(line);
    if (!err && fdatasync(s->fd))
        err = -errno;
    if (err) {
        if (ftruncate(s->fd, s->size))
            return message_set(m, err, "cannot write %s: %s; its last line is torn", s->path, strerror(-err));
        return message_set(m, err, "cannot write %s: %s", s->path, strerror(-err));
    }
    s->size += (off_t)size + 1;
    return 0;
}

void store_close(struct store *s)
{
    if (s) {
        if (s->fd >= 0)
            close(s->fd);
        free(s);
    }
}

static int store_load_samples(struct store_run *run, const char *path, char *text, size_t size,
                              struct message *m)
{
    size_t room = 0;
    unsigned number = 0;
    for (char *line = text, *end; line < text + size; line = end + 1) {
        number++;
        end = memchr(line, '\n', (size_t)(text + size - line));
        if (!end) {
            run->torn = true;
            return 0;
        }
        if (end == line)
            continue;
        if (end - line > (ptrdiff_t)STORE_LINE_MAX)
            return message_set(m, -EFBIG, "%s:%u: the line is longer than %u MiB", path, number,
                               STORE_LINE_MAX >> 20);
        if (run->samples == STORE_SAMPLES_MAX)
            return message_set(m, -EFBIG, "%s:%u: more than %u samples", path, number, STORE_SAMPLES_MAX);
        if (run->samples == room) {
            room = room ? 2 * room : 64;
            struct record **grown = realloc(run->sample, room * sizeof(struct record *));
            if (!grown)
                return message_set(m, -ENOMEM, "out of memory");
            run->sample = grown;
        }
        struct record *r = record_parse(line, (size_t)(end - line), path, number, m);
        if (!r)
            return -EINVAL;
        run->sample[run->samples++] = r;
    }
    return 0;
}

int store_load(struct store_run *out, const char *dir, struct message *m)
{
    char path[4096], *text = NULL;
    size_t size = 0;
    int err;
    memset(out, 0, sizeof *out);
    if (snprintf(out->dir, sizeof out->dir, "%s", dir) >= (int)sizeof out->dir)
        return message_set(m, -ENAMETOOLONG, "the folder's name is too long");
    out->run = run_read(dir, m, &err);
    if (!err)
        err = path_in(path, dir, "samples.jsonl", m);
    if (!err)
        err = read_file(path, STORE_FILE_MAX, &text, &size, m);
    if (!err)
        err = store_load_samples(out, path, text, size, m);
    free(text);
    if (err)
        store_unload(out);
    return err;
}

void store_unload(struct store_run *run)
{
    for (size_t i = 0; i < run->samples; i++)
        record_free(run->sample[i]);
    free(run->sample);
    record_free(run->run);
    memset(run, 0, sizeof *run);
}
