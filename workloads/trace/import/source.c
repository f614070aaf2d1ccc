/* source.c: see source.h. */
#define _GNU_SOURCE 1
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define ZSTD_FRAME          0xfd2fb528u /* RFC 8878, 3.1.1 */
#define ZSTD_SKIPPABLE      0x184d2a50u /* 3.1.2: the last four bits are free */
#define ZSTD_SKIPPABLE_MASK 0xfffffff0u

static ssize_t read_some(int fd, void *into, size_t bytes)
{
    ssize_t n;
    do
        n = read(fd, into, bytes);
    while (n < 0 && errno == EINTR);
    return n;
}

static int source_fail(struct source *s, int err, const char *what)
{
    return message_set(&s->error, err, "cannot read %s: %s", s->name, what);
}

/* Unpacks into the room behind `end`: bytes, 0 at the end, -errno. */
static ssize_t unpack_some(struct source *s)
{
    ZSTD_outBuffer out = {s->buf + s->end, SOURCE_BYTES - s->end, 0};
    while (out.pos == 0) {
        if (s->packed_at == s->packed_end && !s->packed_ended) {
            ssize_t n = read_some(s->fd, s->packed, s->packed_bytes);
            if (n < 0)
                return source_fail(s, -errno, strerror(errno));
            s->packed_at = 0;
            s->packed_end = (size_t)n;
            s->packed_ended = n == 0;
        }
        ZSTD_inBuffer in = {s->packed, s->packed_end, s->packed_at};
        if (s->packed_ended && !s->in_frame)
            return 0;
        size_t left = ZSTD_decompressStream(s->zstd, &out, &in);
        if (ZSTD_isError(left))
            return message_set(&s->error, -EBADMSG, "%s: damaged zstd data: %s", s->name,
                               ZSTD_getErrorName(left));
        s->in_frame = left != 0;
        if (out.pos == 0 && s->packed_ended && in.pos == in.size && s->in_frame) {
            message_set(&s->damage, 0, "%s ends in the middle of its zstd data: it was cut off", s->name);
            if (s->partial)
                return 0;
            return message_set(&s->error, -EBADMSG, "%s (--partial takes what is there)", s->damage.text);
        }
        s->packed_at = in.pos;
    }
    return (ssize_t)out.pos;
}

/* Makes the buffer's contents more: 1, 0 when there is no more, -errno. The buffer must not be full. */
static int source_more(struct source *s)
{
    if (s->error.text[0])
        return -EIO;
    if (s->ended)
        return 0;
    if (s->at > 0) {
        memmove(s->buf, s->buf + s->at, s->end - s->at);
        s->end -= s->at;
        s->at = 0;
    }
    ssize_t n = s->zstd ? unpack_some(s) : read_some(s->fd, s->buf + s->end, SOURCE_BYTES - s->end);
    if (n < 0)
        return s->error.text[0] ? (int)n : source_fail(s, -errno, strerror(errno));
    s->ended = n == 0;
    s->end += (size_t)n;
    return n > 0;
}

static int source_error(const struct source *s, int err, struct message *m)
{
    return message_set(m, err, "%s", s->error.text);
}

/* What was read becomes the packed input when it begins as zstd's does. */
static int source_unpack(struct source *s)
{
    uint32_t magic;
    if (s->end < sizeof magic)
        return 0;
    memcpy(&magic, s->buf, sizeof magic);
    if (magic != ZSTD_FRAME && (magic & ZSTD_SKIPPABLE_MASK) != ZSTD_SKIPPABLE)
        return 0;
    s->packed_bytes = SOURCE_BYTES;
    s->packed = (uint8_t *)s->buf;
    s->packed_end = s->end;
    s->buf = malloc(SOURCE_BYTES);
    s->zstd = ZSTD_createDCtx();
    if (!s->buf || !s->zstd)
        return source_fail(s, -ENOMEM, strerror(ENOMEM));
    s->end = 0;
    s->packed_ended = s->ended;
    s->ended = false;
    return 0;
}

int source_open(struct source *s, const char *path, bool partial, struct message *m)
{
    bool input = strcmp(path, "-") == 0;
    *s = (struct source){.name = input ? "standard input" : path, .partial = partial};
    s->fd = input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    s->buf = s->fd < 0 ? NULL : malloc(SOURCE_BYTES);
    if (!s->buf)
        return message_set(m, -errno, "cannot read %s: %s", path, strerror(errno));
    int got;
    do
        got = source_more(s);
    while (got == 1 && s->end < sizeof(uint32_t));
    if (got >= 0)
        got = source_unpack(s);
    return got < 0 ? source_error(s, got, m) : 0;
}

void source_close(struct source *s)
{
    free(s->buf);
    free(s->packed);
    ZSTD_freeDCtx(s->zstd);
    if (s->fd > STDIN_FILENO)
        close(s->fd);
}

int source_head(struct source *s, struct line *head, struct message *m)
{
    int got = 1;
    while (got == 1 && s->end - s->at < SOURCE_HEAD)
        got = source_more(s);
    if (got < 0)
        return source_error(s, got, m);
    size_t bytes = s->end - s->at;
    *head = (struct line){s->buf + s->at, s->buf + s->at + (bytes < SOURCE_HEAD ? bytes : SOURCE_HEAD)};
    return 0;
}

/* Passes over the rest of a line that is longer than the buffer; its beginning, of SOURCE_LINE_MAX bytes, is
 * moved to the buffer's own beginning and stays. */
static int source_skip_line(struct source *s)
{
    for (;;) {
        s->at = 0;
        s->end = SOURCE_LINE_MAX;
        int got = source_more(s);
        if (got <= 0)
            return got;
        const char *stop = memchr(s->buf + SOURCE_LINE_MAX, '\n', s->end - SOURCE_LINE_MAX);
        if (stop) {
            s->at = (size_t)(stop - s->buf) + 1;
            return 1;
        }
    }
}

int source_line(struct source *s, struct line *line, struct message *m)
{
    size_t looked = 0;
    s->line++;
    s->cut_line = false;
    for (;;) {
        const char *from = s->buf + s->at;
        const char *stop = memchr(from + looked, '\n', s->end - s->at - looked);
        if (stop) {
            *line = (struct line){from, stop};
            s->at = (size_t)(stop - s->buf) + 1;
            break;
        }
        looked = s->end - s->at;
        int got;
        if (looked == SOURCE_BYTES) { /* then at is 0 */
            *line = (struct line){s->buf, s->buf + SOURCE_LINE_MAX};
            got = source_skip_line(s);
            if (got == 1)
                break;
            looked = 1; /* cut off at the end of the file */
        } else {
            got = source_more(s);
        }
        if (got < 0)
            return source_error(s, got, m);
        if (got == 0) {
            s->torn = looked > 0;
            s->at = s->end;
            return 0;
        }
    }
    if ((size_t)(line->end - line->at) > SOURCE_LINE_MAX)
        line->end = line->at + SOURCE_LINE_MAX;
    s->cut_line = (size_t)(line->end - line->at) == SOURCE_LINE_MAX;
    if (memchr(line->at, '\0', (size_t)(line->end - line->at)))
        return message_set(m, -EINVAL, "%s: line %llu: a NUL byte: this is not text", s->name,
                           (unsigned long long)s->line);
    if (line->end > line->at && line->end[-1] == '\r')
        line->end--;
    return 1;
}

static ssize_t stream_read(void *cookie, char *into, size_t bytes)
{
    struct source *s = cookie;
    if (s->at == s->end) {
        int got = source_more(s);
        if (got < 0) {
            errno = EIO;
            return -1;
        }
    }
    size_t n = s->end - s->at < bytes ? s->end - s->at : bytes;
    memcpy(into, s->buf + s->at, n);
    s->at += n;
    return (ssize_t)n;
}

FILE *source_stream(struct source *s)
{
    return fopencookie(s, "r", (cookie_io_functions_t){.read = stream_read});
}
