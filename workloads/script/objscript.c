/* objscript.c: the parser of objscript.h. Two passes over the text: the first counts lines and words, so that
 * the tables are mapped once at their upper bound; the second fills them and checks every word. */
#include "objscript.h"
#include "alloc/base/os.h"
#include "alloc/base/param.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OP_WORD(ident, word, arguments) word,
const char *const objscript_words[OBJSCRIPT_OP_COUNT] = {OBJSCRIPT_OPS(OP_WORD)};
#define OP_ARGUMENTS(ident, word, arguments) arguments,
static const char *const op_arguments[OBJSCRIPT_OP_COUNT] = {OBJSCRIPT_OPS(OP_ARGUMENTS)};

/* Where the parser stands: a line of the text, taken apart into words. */
struct reader {
    struct objscript *s;
    struct message *m;
    const char *at, *end; /* what is left of the line */
    uint32_t line;
    uint32_t item_count;
    size_t key_bytes;
    bool seen_version, seen_roots;
};

struct word {
    const char *text;
    size_t bytes;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Prints a word for a message: cut to what fits a sentence, anything unprintable as '?'. */
static const char *word_shown(struct word w, char *buf, size_t size)
{
    size_t n = 0;
    for (; n < w.bytes && n < size - 4; n++)
        buf[n] = (unsigned char)w.text[n] < 0x20 || (unsigned char)w.text[n] > 0x7e ? '?' : w.text[n];
    strcpy(buf + n, n < w.bytes ? "..." : "");
    return buf;
}

#define SHOWN_MAX 64
#define FAIL(r, w, format, ...)                                                           \
    message_set((r)->m, -EINVAL, "%s:%" PRIu32 ": '%s' " format, (r)->s->name, (r)->line, \
                word_shown(w, (char[SHOWN_MAX]){0}, SHOWN_MAX), ##__VA_ARGS__)

static bool next_word(struct reader *r, struct word *w)
{
    while (r->at < r->end && is_blank(*r->at))
        r->at++;
    w->text = r->at;
    while (r->at < r->end && !is_blank(*r->at))
        r->at++;
    w->bytes = (size_t)(r->at - w->text);
    return w->bytes > 0;
}

/* Copies a word out to end it with 0; the longest number that makes sense is short. */
static bool word_copy(struct word w, char *buf, size_t size)
{
    if (w.bytes >= size || memchr(w.text, 0, w.bytes))
        return false;
    memcpy(buf, w.text, w.bytes);
    buf[w.bytes] = 0;
    return true;
}

static int read_integer(struct reader *r, struct word w, const char *what, int64_t lo, int64_t hi,
                        int64_t *out)
{
    char buf[64], *rest;
    bool fits = word_copy(w, buf, sizeof buf);
    errno = 0;
    long long v = fits ? strtoll(buf, &rest, 10) : 0;
    if (!fits || *rest || rest == buf || !strchr("-0123456789", buf[0]))
        return FAIL(r, w, "is not a whole number (%s)", what);
    if (errno || v < lo || v > hi)
        return FAIL(r, w, "is out of range: %s is %" PRId64 " to %" PRId64, what, lo, hi);
    *out = v;
    return 0;
}

static int read_real(struct reader *r, struct word w, double *out)
{
    char buf[512], *rest;
    if (!word_copy(w, buf, sizeof buf) || (*out = strtod(buf, &rest), *rest || rest == buf))
        return FAIL(r, w, "is not a number");
    return 0;
}

static int read_root(struct reader *r, struct word w, uint32_t *out)
{
    int64_t v;
    if (!r->seen_roots)
        return FAIL(r, w, "names a root before the line 'roots N'");
    int err = r->s->roots ? read_integer(r, w, "a root", 0, (int64_t)r->s->roots - 1, &v)
                          : FAIL(r, w, "is out of range: the table has no roots");
    if (!err)
        *out = (uint32_t)v;
    return err;
}

static int read_key(struct reader *r, struct word w, uint32_t *first)
{
    if (w.bytes > OBJSCRIPT_KEY_MAX)
        return FAIL(r, w, "is too long for a key (at most %u characters)", OBJSCRIPT_KEY_MAX);
    for (size_t i = 0; i < w.bytes; i++)
        if ((unsigned char)w.text[i] <= 0x20 || (unsigned char)w.text[i] > 0x7e)
            return FAIL(r, w, "is not a key of printable ASCII characters");
    *first = (uint32_t)r->key_bytes;
    memcpy(r->s->keys + r->key_bytes, w.text, w.bytes);
    r->key_bytes += w.bytes;
    r->s->keys[r->key_bytes++] = 0;
    return 0;
}

static int read_argument(struct reader *r, struct objscript_step *step, char kind, struct word w)
{
    int64_t v = 0;
    int err = 0;
    switch (kind) {
    case 'r':
        return read_root(r, w, &step->root);
    case 's':
    case 't':
        return read_root(r, w, &step->other);
    case '*':
        err = read_root(r, w, &r->s->items[r->item_count]);
        r->item_count++;
        step->number++;
        return err;
    case 'k':
        return read_key(r, w, &step->first);
    case 'f':
        return read_real(r, w, &step->value.real);
    case 'v':
        return read_integer(r, w, "an int", INT64_MIN, INT64_MAX, &step->value.integer);
    case 'g':
        err = read_integer(r, w, "a generation", 0, 2, &v);
        break;
    case 'i':
        err = read_integer(r, w, "an index", 0, INT32_MAX, &v);
        break;
    case 'n':
        err = step->op == OBJSCRIPT_NODE ? read_integer(r, w, "a number of slots", 0, OBJSCRIPT_SLOTS_MAX, &v)
                                         : read_integer(r, w, "a length", 0, OBJSCRIPT_STR_MAX, &v);
        break;
    default:
        return FAIL(r, w, "cannot be read");
    }
    step->number = (uint32_t)v;
    return err;
}

static int read_thresholds(struct reader *r, struct objscript_step *step, struct word op)
{
    for (unsigned i = 0; i < 3; i++) {
        struct word w;
        int64_t v;
        if (!next_word(r, &w))
            return FAIL(r, op, "needs three thresholds");
        int err = read_integer(r, w, "a threshold", 0, OBJSCRIPT_THRESH_MAX, &v);
        if (err)
            return err;
        step->value.threshold[i] = (int32_t)v;
    }
    return 0;
}

static int read_step(struct reader *r, struct word op)
{
    char buf[32];
    bool fits = word_copy(op, buf, sizeof buf);
    unsigned k = 0;
    while (k < OBJSCRIPT_OP_COUNT && !(fits && strcmp(buf, objscript_words[k]) == 0))
        k++;
    if (k == OBJSCRIPT_OP_COUNT) {
        const char *near = fits ? param_nearest(buf, objscript_words, OBJSCRIPT_OP_COUNT) : NULL;
        return near ? FAIL(r, op, "is not an operation; did you mean '%s'?", near)
                    : FAIL(r, op, "is not an operation");
    }
    struct objscript_step *step = &r->s->step[r->s->step_count];
    *step = (struct objscript_step){.op = k,
                                    .line = r->line,
                                    .root = OBJSCRIPT_NO_ROOT,
                                    .other = OBJSCRIPT_NO_ROOT,
                                    .first = r->item_count};
    struct word w;
    int err = 0;
    for (const char *a = op_arguments[k]; *a && !err; a++) {
        if (*a == '3') {
            err = read_thresholds(r, step, op);
        } else if (*a == '*') {
            while (!err && next_word(r, &w))
                err = read_argument(r, step, *a, w);
        } else if (next_word(r, &w)) {
            err = read_argument(r, step, *a, w);
        } else if (*a != 't') {
            err = FAIL(r, op, "needs more words on its line");
        }
    }
    if (err)
        return err;
    r->s->step_count++;
    r->s->stat_count += k == OBJSCRIPT_STAT;
    return 0;
}

static int read_roots(struct reader *r, struct word op)
{
    struct word w;
    int64_t v;
    if (r->seen_roots)
        return FAIL(r, op, "may stand once only");
    if (!next_word(r, &w))
        return FAIL(r, op, "needs a number");
    int err = read_integer(r, w, "the number of roots", 0, OBJSCRIPT_ROOTS_MAX, &v);
    if (err)
        return err;
    r->s->roots = (uint32_t)v;
    r->seen_roots = true;
    return 0;
}

static int read_version(struct reader *r, struct word op)
{
    struct word w = {"", 0};
    if (op.bytes != 3 || memcmp(op.text, "hgo", 3) != 0)
        return FAIL(r, op, "is not the version line: a script begins with 'hgo 1'");
    if (!next_word(r, &w) || w.bytes != 1 || *w.text != '1')
        return FAIL(r, w, "is not a version of .hgo that is known (1)");
    r->seen_version = true;
    return 0;
}

static int read_line(struct reader *r)
{
    struct word op, extra;
    if (!next_word(r, &op))
        return 0;
    int err = !r->seen_version                                    ? read_version(r, op)
              : op.bytes == 5 && memcmp(op.text, "roots", 5) == 0 ? read_roots(r, op)
                                                                  : read_step(r, op);
    if (!err && next_word(r, &extra))
        return FAIL(r, extra, "is one word too many");
    return err;
}

static void *map_table(struct objscript *s, unsigned which, size_t count, size_t each)
{
    s->map_bytes[which] = (count + 1) * each;
    s->map[which] = os_map(&os_harness, s->map_bytes[which], 0, 0);
    return s->map[which];
}

int objscript_parse(struct objscript *s, const char *text, size_t bytes, const char *name, struct message *m)
{
    *s = (struct objscript){.name = name};
    if (bytes > OBJSCRIPT_BYTES_MAX)
        return message_set(m, -EFBIG, "%s: longer than %zu bytes", name, OBJSCRIPT_BYTES_MAX);
    size_t lines = 1, words = 0;
    for (size_t i = 0; i < bytes; i++) {
        lines += text[i] == '\n';
        words +=
            !is_blank(text[i]) && text[i] != '\n' && (i == 0 || is_blank(text[i - 1]) || text[i - 1] == '\n');
    }
    s->step = map_table(s, 0, lines, sizeof *s->step);
    s->items = map_table(s, 1, words, sizeof *s->items);
    s->keys = map_table(s, 2, bytes + words, 1);
    if (!s->step || !s->items || !s->keys) {
        objscript_close(s);
        return message_set(m, -ENOMEM, "%s: no memory for %zu lines", name, lines);
    }
    struct reader r = {.s = s, .m = m};
    int err = 0;
    for (const char *at = text, *end = text + bytes; at < end && !err;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        /* a comment begins at a # that begins a word */
        const char *mark = at;
        while (mark < stop && !(*mark == '#' && (mark == at || is_blank(mark[-1]))))
            mark++;
        r.line++;
        r.at = at;
        r.end = mark;
        err = read_line(&r);
        at = newline ? newline + 1 : end;
    }
    if (!err && !r.seen_version)
        err = message_set(m, -EINVAL,
                          "%s:%" PRIu32 ": '' is not the version line: a script begins with 'hgo 1'", name,
                          r.line ? r.line : 1);
    if (err)
        objscript_close(s);
    return err;
}

/* The whole file, which may be a pipe: *out is mapped with *room bytes. */
static int read_whole(const char *path, char **out, size_t *bytes, size_t *room, struct message *m)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return message_set(m, -errno, "%s: %s", path, strerror(errno));
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(fd);
        return message_set(m, -EISDIR, "%s: is a folder, not an object script", path);
    }
    int err = 0;
    *bytes = 0;
    *room = 1 << 16;
    *out = os_map(&os_harness, *room, 0, 0);
    while (*out) {
        ssize_t n = read(fd, *out + *bytes, *room - *bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            err = message_set(m, -errno, "%s: %s", path, strerror(errno));
        if (n <= 0)
            break;
        *bytes += (size_t)n;
        if (*bytes == *room && *room > OBJSCRIPT_BYTES_MAX) {
            err = message_set(m, -EFBIG, "%s: longer than %zu bytes", path, OBJSCRIPT_BYTES_MAX);
            break;
        }
        if (*bytes == *room) {
            char *more = os_remap(&os_harness, *out, *room, *room * 2);
            if (!more) {
                err = message_set(m, -ENOMEM, "%s: no memory to read it", path);
                break;
            }
            *out = more;
            *room *= 2;
        }
    }
    close(fd);
    if (!*out)
        return message_set(m, -ENOMEM, "%s: no memory to read it", path);
    if (err)
        os_unmap(&os_harness, *out, *room);
    return err;
}

int objscript_read(struct objscript *s, const char *path, struct message *m)
{
    char *text = NULL;
    size_t bytes = 0, room = 0;
    *s = (struct objscript){.name = path};
    int err = read_whole(path, &text, &bytes, &room, m);
    if (err)
        return err;
    err = objscript_parse(s, text, bytes, path, m);
    os_unmap(&os_harness, text, room);
    return err;
}

void objscript_close(struct objscript *s)
{
    for (unsigned i = 0; i < 3; i++)
        if (s->map[i])
            os_unmap(&os_harness, s->map[i], s->map_bytes[i]);
    *s = (struct objscript){0};
}

int objscript_print(const struct objscript *s, const struct objscript_step *step, char *buf, size_t size)
{
    size_t n = 0;
#define PUT(...) (n += (size_t)snprintf(n < size ? buf + n : NULL, n < size ? size - n : 0, __VA_ARGS__))
    PUT("%s", objscript_words[step->op]);
    for (const char *a = op_arguments[step->op]; *a; a++) {
        switch (*a) {
        case 'r':
            PUT(" %" PRIu32, step->root);
            break;
        case 's':
            PUT(" %" PRIu32, step->other);
            break;
        case 't':
            if (step->other != OBJSCRIPT_NO_ROOT)
                PUT(" %" PRIu32, step->other);
            break;
        case '*':
            for (uint32_t i = 0; i < step->number; i++)
                PUT(" %" PRIu32, s->items[step->first + i]);
            break;
        case 'k':
            PUT(" %s", s->keys + step->first);
            break;
        case 'v':
            PUT(" %" PRId64, step->value.integer);
            break;
        case 'f':
            PUT(" %.17g", step->value.real);
            break;
        case '3':
            PUT(" %d %d %d", step->value.threshold[0], step->value.threshold[1], step->value.threshold[2]);
            break;
        default:
            PUT(" %" PRIu32, step->number);
        }
    }
    PUT("\n");
#undef PUT
    return (int)n;
}

int objscript_fault(const struct objscript *s, const struct objscript_step *step, struct message *m,
                    uint32_t root, const char *holds, const char *needs)
{
    return message_set(m, -EINVAL, "%s:%" PRIu32 ": root '%" PRIu32 "' holds %s, %s needs %s", s->name,
                       step->line, root, holds, objscript_words[step->op], needs);
}

int objscript_fault_index(const struct objscript *s, const struct objscript_step *step, struct message *m,
                          uint64_t length)
{
    return message_set(m, -EINVAL, "%s:%" PRIu32 ": index '%" PRIu32 "' is past the end (length %" PRIu64 ")",
                       s->name, step->line, step->number, length);
}

int objscript_fault_key(const struct objscript *s, const struct objscript_step *step, struct message *m)
{
    return message_set(m, -EINVAL, "%s:%" PRIu32 ": key '%s' is not in the dict of root '%" PRIu32 "'",
                       s->name, step->line, s->keys + step->first, step->root);
}

int objscript_stat_print(const struct objscript_stat *t, char *buf, size_t size)
{
#define THREE     "%" PRIu64 ",%" PRIu64 ",%" PRIu64
#define OF(field) t->field[0], t->field[1], t->field[2]
    return snprintf(buf, size,
                    "counts=%ld,%ld,%ld collections=" THREE " collected=" THREE " uncollectable=" THREE
                    " finalised=%" PRIu64 " callbacks=%" PRIu64 " tracked=list:%" PRIu64 ",dict:%" PRIu64
                    ",tuple:%" PRIu64 ",node:%" PRIu64 ",weak:%" PRIu64,
                    OF(counts), OF(collections), OF(collected), OF(uncollectable), t->finalised, t->callbacks,
                    t->tracked_list, t->tracked_dict, t->tracked_tuple, t->tracked_node, t->tracked_weak);
#undef OF
#undef THREE
}
