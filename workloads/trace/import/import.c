/* import.c: recognises a form, and runs its importer over the lines. See import.h. */
#include "import.h"

#include "alloc/base/compiler.h"
#include "words.h"
#include "workloads/trace/tool/tool.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define IMPORTER_ADDRESS(name) &importer_##name,
static const struct importer *const importers[] = {IMPORTERS(IMPORTER_ADDRESS)};

/* The next line of the head, without its end; false at the end of the head. */
static bool head_line(struct line *head, struct line *line)
{
    if (head->at == head->end)
        return false;
    const char *stop = memchr(head->at, '\n', line_bytes(head));
    *line = (struct line){head->at, stop ? stop : head->end};
    head->at = stop ? stop + 1 : head->end;
    if (line->end > line->at && line->end[-1] == '\r')
        line->end--;
    return true;
}

/* In the table's order: the strictest first, each over the whole head, for a program's own output may stand
 * between the lines. */
static const struct importer *recognise(struct line head)
{
    for (size_t i = 0; i < array_length(importers); i++) {
        struct line rest = head, line;
        while (head_line(&rest, &line))
            if (line.at < line.end && *line.at != '#' && importers[i]->claims(line))
                return importers[i];
    }
    return NULL;
}

/* The first line that is neither empty nor a comment, and its number. */
static bool first_line(struct line head, struct line *line, unsigned *number)
{
    for (*number = 1; head_line(&head, line); ++*number) {
        skip_blanks(line);
        if (line->at < line->end && *line->at != '#')
            return true;
    }
    return false;
}

/* The text form, ours and malloc-lab's, begins with an operation, a thread or a number that stands alone. */
static bool is_text(struct line head)
{
    struct line line;
    unsigned number;
    uint64_t value;
    if (!first_line(head, &line, &number))
        return true; /* nothing, or comments: a trace of no operation */
    if (memchr(line.at, '\0', line_bytes(&line)))
        return line_bytes(&line) > 1 && strchr("acrAf@", *line.at) &&
               *line.at; /* its reader names the byte */
    struct line word = take_word(&line);
    if (line_bytes(&word) == 1 && strchr("acrAfw", *word.at))
        return true;
    if (*word.at == '@' && line_bytes(&word) > 1)
        return true;
    skip_blanks(&line);
    if (line_bytes(&word) == 1 && strchr("+-", *word.at) && line.at == line.end)
        return true; /* of the first thread; mtrace has an address after it */
    return take_decimal(&word, &value) && word.at == word.end && line.at == line.end;
}

static int not_known(const char *name, struct line head, struct message *m)
{
    char forms[256];
    size_t n = 0;
    for (size_t i = 0; i < array_length(importers); i++)
        n += (size_t)snprintf(forms + n, sizeof forms - n, "%s%s", i ? ", " : "", importers[i]->name);
    struct line line = {0};
    unsigned number;
    first_line(head, &line, &number);
    if (memchr(head.at, '\0', line_bytes(&head)))
        return message_set(
            m, -EINVAL,
            "%s: not text, and no packed form that is known: import takes the text form (.rep too), "
            "%s, and those packed by zstd",
            name, forms);
    return message_set(
        m, -EINVAL,
        "%s: line %u: '%s' is not an operation of a form that is known: import takes the text form "
        "(a c r A f + - w; .rep too), %s, and those packed by zstd",
        name, number, calls_shown(take_word(&line)), forms);
}

static void describe(struct tool_meta *meta, const char *source, const char *name)
{
    char date[64] = "";
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &tm);
    meta->bytes = 0;
    tool_meta_add(meta, "source", "%s", source);
    tool_meta_add(meta, "program", "%s", name);
    tool_meta_add(meta, "date", "%s", date);
}

static int write_counts(struct calls *c, struct tool_meta *meta)
{
    int err = 0;
    if (c->unmatched || c->conflicts || c->failed || c->dropped) {
        meta->bytes = 0;
        tool_meta_add(meta, "unmatched", "%llu", (unsigned long long)c->unmatched);
        tool_meta_add(meta, "conflicts", "%llu", (unsigned long long)c->conflicts);
        tool_meta_add(meta, "failed", "%llu", (unsigned long long)c->failed);
        tool_meta_add(meta, "dropped", "%llu", (unsigned long long)c->dropped);
        err = hgt_write_meta(&c->writer, meta->text, meta->bytes);
    }
    if (!err)
        err = hgt_write_end(&c->writer);
    return err ? message_set(c->m, err, "cannot write %s: %s", c->out->path, strerror(-err)) : 0;
}

static int import_lines(const struct importer *form, struct source *s, struct file_out *f,
                        struct message *warning, struct message *m)
{
    static struct tool_meta meta; /* large; one import at a time */
    struct calls c;
    struct line line;
    describe(&meta, form->name, s->name);
    int err = calls_open(&c, s, f, meta.text, meta.bytes, m), got = 1;
    void *state = err ? NULL : form->open();
    c.births = form->ends;
    if (!err && !state)
        err = message_set(m, -ENOMEM, "no memory to import %s", s->name);
    while (!err && (got = source_line(s, &line, m)) == 1)
        err = form->line(state, &c, line);
    if (got < 0)
        err = got;
    c.dropped += s->torn;
    if (!err && s->torn)
        message_set(warning, 0, "%s: line %llu has no end: it is left out as cut off", s->name,
                    (unsigned long long)s->line);
    if (state) {
        int closed = form->close(state, &c, warning);
        err = err ? err : closed;
    }
    if (!err && c.ops == 0)
        err = message_set(m, -EINVAL, "%s: %s, but no call of malloc or its kin in it that succeeded: %s",
                          s->name, form->name, form->hint);
    if (!err)
        err = write_counts(&c, &meta);
    calls_close(&c);
    return err;
}

static int import_text(struct source *s, struct file_out *f, struct message *m)
{
    FILE *in = source_stream(s);
    if (!in)
        return message_set(m, -ENOMEM, "cannot read %s: %s", s->name, strerror(ENOMEM));
    int err = tool_text_import(s->name, in, f, m);
    fclose(in);
    return err && s->error.text[0] ? message_set(m, err, "%s", s->error.text) : err;
}

int import_file(const char *path, bool partial, struct file_out *f, struct message *warning,
                struct message *m)
{
    struct source s;
    struct line head = {0};
    warning->text[0] = '\0';
    int err = source_open(&s, path, partial, m);
    if (!err)
        err = source_head(&s, &head, m);
    if (!err && import_refused(s.name, head, m))
        err = -EINVAL;
    if (!err) {
        const struct importer *form = recognise(head);
        if (form)
            err = import_lines(form, &s, f, warning, m);
        else if (is_text(head))
            err = import_text(&s, f, m);
        else
            err = not_known(s.name, head, m);
    }
    if (!err && s.damage.text[0])
        message_set(warning, 0, "%s; the part before it is written", s.damage.text);
    else if (!err && head.at == head.end)
        message_set(warning, 0, "%s is empty: a trace of 0 calls is written", s.name);
    source_close(&s);
    return err;
}
