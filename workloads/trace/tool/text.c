/* text.c: the text form of a trace. One operation a line, words apart by blanks:
 *
 *   a ID SIZE | c ID SIZE | r ID SIZE | A ID ALIGN SIZE | f ID      before it @T for a thread other than 0
 *   + | -      before it @T: the thread begins, ends          w MICROSECONDS      nothing is called so long
 *
 * An @T that stands alone on its line is for the line after it. Empty lines and lines that begin with # are
 * passed over. Four lines of one number each at the beginning (the header of malloc-lab's .rep files) are
 * skipped. An id is any number that is not in use; export writes the ids that the .hgt keeps, so that export,
 * import, export is the same text. */
#include "tool.h"
#include "alloc/base/ptrmap.h"
#include "alloc/base/compiler.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <time.h>

#define LINE_MAX_BYTES   256
#define WORDS_MAX        6
#define REP_HEADER_LINES 4

struct text {
    const char *path;
    FILE *in;
    unsigned long line;
    char buf[LINE_MAX_BYTES];
    char *word[WORDS_MAX];
    unsigned words;
    unsigned header_lines;
    bool begun;          /* an operation was seen */
    bool thread_pending; /* an @T alone on the line before */
    uint32_t thread;
    struct ptrmap ids; /* ids of the text to ids of the .hgt */
};

#define BAD(t, m, ...) text_bad(t, m, __VA_ARGS__)

__attribute__((format(printf, 3, 4))) static int text_bad(const struct text *t, struct message *m,
                                                          const char *format, ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return message_set(m, -EINVAL, "%s: line %lu: %s", t->path, t->line, what);
}

/* Control characters of a foreign file do not reach the terminal. */
static const char *shown(const char *word)
{
    static char out[48];
    size_t n = 0;
    for (; n < sizeof out - 4 && word[n]; n++)
        out[n] = isprint((unsigned char)word[n]) ? word[n] : '?';
    strcpy(out + n, word[n] ? "..." : "");
    return out;
}

static bool number(const char *word, uint64_t *out)
{
    char *end;
    if (!isdigit((unsigned char)*word))
        return false;
    errno = 0;
    *out = strtoull(word, &end, 10);
    return *end == '\0' && errno == 0;
}

/* Reads a line and splits it into words: 1, 0 at the end, -errno. Lines without words are passed over. */
static int text_line(struct text *t, struct message *m)
{
    for (;;) {
        size_t n = 0;
        int c, first = 0;
        t->line++;
        while ((c = getc_unlocked(t->in)) != EOF && c != '\n') {
            if (!first && !isspace(c))
                first = c;
            if (n == sizeof t->buf - 1 && first != '#')
                return BAD(t, m, "longer than %d characters", LINE_MAX_BYTES - 1);
            if (c == '\0')
                return BAD(t, m, "a NUL byte: this is not text");
            if (n < sizeof t->buf - 1)
                t->buf[n++] = (char)c;
        }
        if (c == EOF && ferror(t->in))
            return message_set(m, -EIO, "cannot read %s: %s", t->path, strerror(errno));
        if (c == EOF && n == 0)
            return 0;
        t->buf[n] = '\0';
        if (first == 0 || first == '#')
            continue;
        t->words = 0;
        for (char *at = t->buf; *at;) {
            while (isspace((unsigned char)*at))
                *at++ = '\0';
            if (!*at)
                break;
            if (t->words == WORDS_MAX)
                return BAD(t, m, "'%s' is too much: an operation has at most %d words", shown(at),
                           WORDS_MAX - 1);
            t->word[t->words++] = at;
            while (*at && !isspace((unsigned char)*at))
                at++;
        }
        return 1;
    }
}

static int text_size(const struct text *t, const char *word, uint64_t *out, struct message *m)
{
    if (!number(word, out) || *out > HGT_SIZE_MAX)
        return BAD(t, m, "'%s' is not a size: it takes 0 to %llu", shown(word),
                   (unsigned long long)HGT_SIZE_MAX);
    return 0;
}

static int text_live(struct text *t, uint64_t id, uint32_t hgt_id)
{
    struct ptrmap_pair *e = ptrmap_add(&t->ids, id);
    if (!e)
        return -ENOMEM;
    e->value = hgt_id;
    return 0;
}

/* What the writer refused of a thread, in the text's words; other errors are passed on. */
static int text_thread(struct text *t, int err, const struct hgt_op *op, struct message *m)
{
    if (err == -EEXIST)
        return BAD(t, m, "birth of thread %u, which is alive already", op->thread);
    if (err == -ESRCH)
        return BAD(t, m,
                   op->event == HGT_END ? "end of thread %u, which is not alive"
                                        : "a call of thread %u, which has ended",
                   op->thread);
    return err;
}

/* -EINVAL comes with a message; other errors are of writing. */
static int text_apply(struct text *t, struct hgt_writer *w, struct hgt_op *op, uint64_t id, struct message *m)
{
    struct ptrmap_pair *e = ptrmap_find(&t->ids, id);
    bool gives = op->kind == HGT_FREE || op->kind == HGT_REALLOC;
    if (gives && !e)
        return BAD(t, m, "%s of id %llu, which is not live", hgt_kind_names[op->kind],
                   (unsigned long long)id);
    if (!gives && e)
        return BAD(t, m, "%s of id %llu, which is live already", hgt_kind_names[op->kind],
                   (unsigned long long)id);
    if (e)
        op->id = (uint32_t)e->value;
    int err = text_thread(t, hgt_write_op(w, op), op, m);
    if (!err && op->kind == HGT_FREE)
        ptrmap_remove(&t->ids, e, false);
    if (!err && !gives)
        err = text_live(t, id, op->id);
    return err;
}

/* A birth, an end or a gap: `verb` is its word. */
static int text_event(struct text *t, struct hgt_writer *w, unsigned at, struct message *m)
{
    const char *verb = t->word[at];
    struct hgt_op op = {.thread = t->thread,
                        .event = *verb == '+'   ? HGT_BIRTH
                                 : *verb == '-' ? HGT_END
                                                : HGT_GAP};
    if (op.event == HGT_GAP && at)
        return BAD(t, m, "'%s' before a w: a gap is of all threads", shown(t->word[0]));
    if (t->words - at != (op.event == HGT_GAP ? 2u : 1u))
        return BAD(t, m, "'%s' has %u words after it; the form is %s", verb, t->words - at - 1,
                   op.event == HGT_GAP     ? "w MICROSECONDS"
                   : op.event == HGT_BIRTH ? "@T +"
                                           : "@T -");
    if (op.event == HGT_GAP && (!number(t->word[at + 1], &op.size) || op.size > HGT_GAP_MAX))
        return BAD(t, m, "'%s' is not a time: it takes 0 to %llu microseconds", shown(t->word[at + 1]),
                   (unsigned long long)HGT_GAP_MAX);
    return text_thread(t, hgt_write_op(w, &op), &op, m);
}

/* The words of one line from `at` on: an operation. */
static int text_op(struct text *t, struct hgt_writer *w, unsigned at, struct message *m)
{
    static const struct {
        char letter;
        enum hgt_kind kind;
        unsigned words;
        const char *shape;
    } forms[] = {{'a', HGT_MALLOC, 3, "a ID SIZE"},
                 {'c', HGT_CALLOC, 3, "c ID SIZE"},
                 {'r', HGT_REALLOC, 3, "r ID SIZE"},
                 {'A', HGT_ALIGNED, 4, "A ID ALIGN SIZE"},
                 {'f', HGT_FREE, 2, "f ID"}};
    const char *verb = at < t->words ? t->word[at] : "";
    char **arg = &t->word[at + 1];
    if (verb[0] && strchr("+-w", verb[0]) && !verb[1])
        return text_event(t, w, at, m);
    for (size_t i = 0; i < array_length(forms); i++) {
        if (verb[0] != forms[i].letter || verb[1])
            continue;
        if (t->words - at != forms[i].words)
            return BAD(t, m, "'%s' has %u words after it; the form is %s", verb, t->words - at - 1,
                       forms[i].shape);
        struct hgt_op op = {.kind = forms[i].kind, .thread = t->thread};
        uint64_t id;
        if (!number(arg[0], &id))
            return BAD(t, m, "'%s' is not an id: it takes a whole number", shown(arg[0]));
        if (op.kind == HGT_ALIGNED && (!number(arg[1], &op.align) || op.align == 0 ||
                                       (op.align & (op.align - 1)) || op.align > HGT_ALIGN_MAX))
            return BAD(t, m, "'%s' is not an alignment: it takes powers of two up to %llu", shown(arg[1]),
                       (unsigned long long)HGT_ALIGN_MAX);
        if (op.kind != HGT_FREE) {
            int err = text_size(t, arg[forms[i].words - 2], &op.size, m);
            if (err)
                return err;
        }
        return text_apply(t, w, &op, id, m);
    }
    return BAD(t, m, "'%s' is not an operation: it takes a, c, r, A, f, +, - or w", shown(verb));
}

static int text_parse_line(struct text *t, struct hgt_writer *w, struct message *m)
{
    uint64_t value;
    unsigned at = 0;
    if (!t->begun && t->words == 1 && number(t->word[0], &value)) {
        if (++t->header_lines > REP_HEADER_LINES)
            return BAD(t, m, "'%s' is a fifth line of one number: a header has %d", shown(t->word[0]),
                       REP_HEADER_LINES);
        return 0;
    }
    if (!t->begun && t->header_lines && t->header_lines != REP_HEADER_LINES)
        return BAD(t, m, "'%s' follows %u lines of one number: a header has %d", shown(t->word[0]),
                   t->header_lines, REP_HEADER_LINES);
    t->begun = true;
    const char *first = t->words ? t->word[0] : ""; /* text_line gives at least one */
    if (first[0] == '@') {
        if (!number(t->word[0] + 1, &value) || value >= HGT_THREADS_MAX)
            return BAD(t, m, "'%s' is not a thread: it takes @0 to @%u", shown(t->word[0]),
                       HGT_THREADS_MAX - 1);
        t->thread = (uint32_t)value;
        t->thread_pending = t->words == 1;
        if (t->thread_pending)
            return 0;
        at = 1;
    } else if (!t->thread_pending) {
        t->thread = 0;
    }
    t->thread_pending = false;
    return text_op(t, w, at, m);
}

int tool_text_import(const char *name, FILE *in, struct file_out *f, struct message *m)
{
    static struct tool_meta meta;
    struct text t = {.path = name, .in = in, .ids = ptrmap_make(sizeof(struct ptrmap_pair), &os_harness)};
    struct hgt_writer w = {.fd = f->fd};
    char date[64] = "";
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &tm);
    meta.bytes = 0;
    tool_meta_add(&meta, "source", "text");
    tool_meta_add(&meta, "program", "%s", t.path);
    tool_meta_add(&meta, "date", "%s", date);
    int err = hgt_write_open(&w, f->fd, meta.text, meta.bytes), got = 0;
    while (!err && (got = text_line(&t, m)) == 1) {
        err = text_parse_line(&t, &w, m);
        if (err == -EINVAL)
            got = err;
    }
    if (!err && got == 0 && t.thread_pending)
        got = err = BAD(&t, m, "the file ends after '@%u'", t.thread);
    if (!err && !got)
        err = hgt_write_end(&w);
    hgt_write_close(&w);
    ptrmap_close(&t.ids);
    if (got < 0)
        return got;
    return err ? message_set(m, err, "cannot write %s: %s", f->path, strerror(-err)) : 0;
}

int tool_text_export(struct hgt_reader *r, struct file_out *f, struct message *m)
{
    struct hgt_op op;
    int got, fd = dup(f->fd);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "we");
    if (!out) {
        int err = -errno;
        if (fd >= 0)
            close(fd);
        return message_set(m, err, "cannot write %s: %s", f->name, strerror(-err));
    }
    while ((got = hgt_next_event(r, &op, m)) == 1) {
        if (op.event == HGT_GAP) {
            fprintf(out, "w %llu\n", (unsigned long long)op.size);
            continue;
        }
        if (op.thread)
            fprintf(out, "@%u ", op.thread);
        if (op.event != HGT_CALL)
            fprintf(out, op.event == HGT_BIRTH ? "+\n" : "-\n");
        switch (op.kind) {
        case HGT_MALLOC:
        case HGT_CALLOC:
        case HGT_REALLOC:
            fprintf(out, "%c %u %llu\n",
                    op.kind == HGT_MALLOC   ? 'a'
                    : op.kind == HGT_CALLOC ? 'c'
                                            : 'r',
                    op.id, (unsigned long long)op.size);
            break;
        case HGT_ALIGNED:
            fprintf(out, "A %u %llu %llu\n", op.id, (unsigned long long)op.align,
                    (unsigned long long)op.size);
            break;
        case HGT_FREE:
            fprintf(out, "f %u\n", op.id);
            break;
        case HGT_KINDS:
            break;
        }
        if (ferror(out))
            break;
    }
    int failed = ferror(out) ? errno : 0;
    if (fclose(out) != 0 && !failed)
        failed = errno;
    if (got < 0)
        return got;
    return failed ? message_set(m, -failed, "cannot write %s: %s", f->name, strerror(failed)) : 0;
}
