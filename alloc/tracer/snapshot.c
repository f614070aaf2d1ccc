/* snapshot.c: snapshots of a trace(): taken, written, read. See tracer.h.
 *
 * The file: text, one fact a line.
 *     heapgauge-snapshot 1
 *     bytes CURRENT PEAK
 *     site BLOCKS BYTES TOTAL_BLOCKS TOTAL_BYTES FRAME...        return addresses in hexadecimal, innermost
 *     first
 *     maps                                                       then the lines of /proc/PID/maps
 *     end                                                        a file without it was cut off */
#include "tracer.h"

#include "callsite.h"
#include "alloc/base/os.h"
#include "alloc/base/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Not malloc: a snapshot is also taken in a worker, whose heap is what is measured. */
static struct trace_site *trace_sites_new(size_t count)
{
    return os_map(&os_harness, (count ? count : 1) * sizeof(struct trace_site), 0, 0);
}

int trace_snapshot_take(struct trace_snapshot *out, const struct alloc *a)
{
    uint32_t limit = callsite_limit();
    *out = (struct trace_snapshot){.site = trace_sites_new(limit), .room = limit};
    if (!out->site)
        return -ENOMEM;
    for (uint32_t id = 0; id < limit; id++) {
        struct trace_sums sums;
        trace_sum(a, id, &sums);
        if (!sums.total_blocks && !sums.blocks)
            continue;
        const struct callsite *c = callsite_get(id);
        out->site[out->sites++] = (struct trace_site){.frame = c ? c->frame : NULL,
                                                      .frames = c ? c->frames : 0,
                                                      .blocks = sums.blocks,
                                                      .bytes = sums.bytes,
                                                      .total_blocks = sums.total_blocks,
                                                      .total_bytes = sums.total_bytes};
    }
    trace_totals(a, &out->current_bytes, &out->peak_bytes);
    return 0;
}

void trace_snapshot_free(struct trace_snapshot *s)
{
    if (s->site)
        os_unmap(&os_harness, s->site, (s->room ? s->room : 1) * sizeof *s->site);
    free(s->frames);
    symbols_close(s->symbols);
    *s = (struct trace_snapshot){0};
}

/* --- writing -------------------------------------------------------------------------------------------- */

const struct file_kind trace_snapshot_kind = {"a snapshot of a trace()", {"heapgauge-snapshot "}};

struct trace_writer {
    struct file_out *file;
    int err;
    size_t used;
    char buffer[8192];
};

static void trace_writer_flush(struct trace_writer *w)
{
    if (!w->err)
        w->err = file_out_write(w->file, w->buffer, w->used);
    w->used = 0;
}

__attribute__((format(printf, 2, 3))) static void trace_writer_print(struct trace_writer *w,
                                                                     const char *format, ...)
{
    if (sizeof w->buffer - w->used < 256) /* no single print is longer */
        trace_writer_flush(w);
    va_list args;
    va_start(args, format);
    w->used += (size_t)vsnprintf(w->buffer + w->used, sizeof w->buffer - w->used, format, args);
    va_end(args);
}

static void trace_writer_maps(struct trace_writer *w)
{
    int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (maps < 0)
        return;
    for (;;) {
        if (w->used == sizeof w->buffer)
            trace_writer_flush(w);
        ssize_t n = read(maps, w->buffer + w->used, sizeof w->buffer - w->used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        w->used += (size_t)n;
    }
    close(maps);
}

int trace_snapshot_write(const struct alloc *a, struct file_out *file)
{
    struct trace_snapshot s;
    int err = trace_snapshot_take(&s, a);
    if (err)
        return err;
    struct trace_writer w = {.file = file};
    trace_writer_print(&w, "heapgauge-snapshot 1\nbytes %" PRIu64 " %" PRIu64 "\n", s.current_bytes,
                       s.peak_bytes);
    for (size_t i = 0; i < s.sites; i++) {
        const struct trace_site *t = &s.site[i];
        trace_writer_print(&w, "site %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, t->blocks, t->bytes,
                           t->total_blocks, t->total_bytes);
        for (unsigned f = 0; f < t->frames; f++)
            trace_writer_print(&w, " %" PRIxPTR, (uintptr_t)t->frame[f]);
        trace_writer_print(&w, "\n");
    }
    trace_writer_print(&w, "maps\n");
    trace_writer_maps(&w);
    trace_writer_print(&w, "end\n");
    trace_writer_flush(&w);
    trace_snapshot_free(&s);
    return w.err;
}

/* --- reading -------------------------------------------------------------------------------------------- */

struct trace_reader {
    FILE *in;
    const char *file;
    struct message *m;
    unsigned number; /* of the line */
    char *line;
    size_t line_room;
    size_t frames, frames_room;
    struct trace_site *site; /* malloc'd; frame is an index into frames until all are read */
    size_t site_room;
    FILE *maps;
};

static int trace_bad(struct trace_reader *r, const char *what)
{
    return message_set(r->m, -EINVAL, "%s:%u: %s", r->file, r->number, what);
}

/* The next line without its end; false at the end of the file. */
static bool trace_next(struct trace_reader *r)
{
    ssize_t n = getline(&r->line, &r->line_room, r->in);
    if (n <= 0)
        return false;
    r->number++;
    if (r->line[n - 1] == '\n')
        r->line[n - 1] = '\0';
    return true;
}

/* A number at *at, and past it. */
static bool trace_number(const char **at, int base, uint64_t *out)
{
    while (**at == ' ')
        (*at)++;
    if (!strchr("0123456789abcdef", **at) || !**at)
        return false;
    char *end;
    errno = 0;
    *out = strtoull(*at, &end, base);
    bool good = errno == 0 && end != *at && (*end == ' ' || *end == '\0');
    *at = end;
    return good;
}

static int trace_read_site(struct trace_reader *r, struct trace_snapshot *s, const char *at)
{
    if (s->sites == r->site_room) {
        size_t room = r->site_room ? r->site_room * 2 : 256;
        struct trace_site *wide = realloc(r->site, room * sizeof *wide);
        if (!wide)
            return message_set(r->m, -ENOMEM, "%s: no memory for its sites", r->file);
        r->site = wide;
        r->site_room = room;
    }
    struct trace_site t = {.frame = (void *const *)r->frames};
    uint64_t *field[] = {&t.blocks, &t.bytes, &t.total_blocks, &t.total_bytes}, address;
    for (size_t i = 0; i < 4; i++)
        if (!trace_number(&at, 10, field[i]))
            return trace_bad(r, "a site needs four numbers: blocks, bytes, total blocks, total bytes");
    while (*at) {
        if (t.frames == CALLSITE_FRAMES_MAX)
            return trace_bad(r, "a site has more than 64 frames");
        if (!trace_number(&at, 16, &address))
            return trace_bad(r, "a frame is not a hexadecimal address");
        if (r->frames == r->frames_room) {
            size_t room = r->frames_room ? r->frames_room * 2 : 1024;
            void **wide = realloc(s->frames, room * sizeof *wide);
            if (!wide)
                return message_set(r->m, -ENOMEM, "%s: no memory for its sites", r->file);
            s->frames = wide;
            r->frames_room = room;
        }
        s->frames[r->frames++] = (void *)(uintptr_t)address;
        t.frames++;
    }
    r->site[s->sites++] = t;
    return 0;
}

static int trace_read_lines(struct trace_reader *r, struct trace_snapshot *s)
{
    if (!trace_next(r) || strcmp(r->line, "heapgauge-snapshot 1") != 0)
        return trace_bad(r, "not a snapshot (\"heapgauge-snapshot 1\" is its first line)");
    const char *at;
    if (!trace_next(r) || strncmp(r->line, "bytes ", 6) != 0 ||
        (at = r->line + 6, !trace_number(&at, 10, &s->current_bytes)) ||
        !trace_number(&at, 10, &s->peak_bytes) || *at)
        return trace_bad(r, "the second line of a snapshot is \"bytes CURRENT PEAK\"");
    for (;;) {
        if (!trace_next(r))
            return trace_bad(r, "the snapshot was cut off (it has no \"maps\")");
        if (strcmp(r->line, "maps") == 0)
            break;
        if (strncmp(r->line, "site ", 5) != 0)
            return trace_bad(r, "neither \"site\" nor \"maps\"");
        int err = trace_read_site(r, s, r->line + 5);
        if (err)
            return err;
    }
    for (;;) {
        if (!trace_next(r))
            return trace_bad(r, "the snapshot was cut off (it has no \"end\")");
        if (strcmp(r->line, "end") == 0)
            return 0;
        fprintf(r->maps, "%s\n", r->line);
    }
}

int trace_snapshot_read(struct trace_snapshot *out, FILE *in, const char *file, struct message *m)
{
    struct trace_reader r = {.in = in, .file = file, .m = m};
    char *text = NULL;
    size_t size = 0;
    *out = (struct trace_snapshot){0};
    r.maps = open_memstream(&text, &size);
    if (!r.maps)
        return message_set(m, -ENOMEM, "%s: no memory", file);
    int err = trace_read_lines(&r, out);
    fclose(r.maps);
    if (!err) {
        out->site = trace_sites_new(out->sites);
        out->room = out->sites;
        if (!out->site)
            err = message_set(m, -ENOMEM, "%s: no memory for its sites", file);
    }
    for (size_t i = 0; !err && i < out->sites; i++) {
        out->site[i] = r.site[i];
        out->site[i].frame = out->frames + (uintptr_t)r.site[i].frame;
    }
    FILE *maps = !err && size ? fmemopen(text, size, "r") : NULL;
    if (!err && (!maps || symbols_of_maps(&out->symbols, maps) != 0))
        err = message_set(m, -EINVAL, "%s: its memory map cannot be read", file);
    if (maps)
        fclose(maps);
    free(text);
    free(r.site);
    free(r.line);
    if (err)
        trace_snapshot_free(out);
    return err;
}

/* --- the report of a sample ----------------------------------------------------------------------------- */

#define TRACE_REPORT_SITES  20
#define TRACE_REPORT_FRAMES 16

/* "OBJECT+0xOFFSET ...": what the front needs to find function and line; libdw's memory stays out of the
 * worker. */
static void trace_report_frames(const struct trace_site *t, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (unsigned f = 0; f < t->frames && f < TRACE_REPORT_FRAMES && n < size; f++) {
        const char *object;
        uintptr_t offset;
        symbol_object(t->frame[f], &object, &offset);
        int wrote =
            snprintf(out + n, size - n, "%s%s+0x%" PRIxPTR, f ? " " : "", object ? object : "?", offset);
        if (wrote < 0 || (size_t)wrote >= size - n) {
            out[n] = '\0';
            return;
        }
        n += (size_t)wrote;
    }
}

/* Chosen largest first, by live bytes and then by bytes ever. */
static int trace_report_order(const void *a, const void *b)
{
    const struct trace_site *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    if (x->total_bytes != y->total_bytes)
        return x->total_bytes < y->total_bytes ? 1 : -1;
    return 0;
}

void trace_report(void *ctx, const struct alloc_sink *sink)
{
    const struct alloc a = {.ctx = ctx};
    struct trace_snapshot s;
    if (trace_snapshot_take(&s, &a) != 0)
        return;
    uint64_t blocks = 0;
    for (size_t i = 0; i < s.sites; i++)
        blocks += s.site[i].blocks;
    sink->integer(sink->arg, "trace.current_bytes", s.current_bytes);
    sink->integer(sink->arg, "trace.peak_bytes", s.peak_bytes);
    sink->integer(sink->arg, "trace.blocks", blocks);
    sink->integer(sink->arg, "trace.places", s.sites);
    sink->integer(sink->arg, "trace.own_bytes", trace_memory_bytes(&a) + blocks * 16);
    for (size_t i = 0; i < s.sites && i < TRACE_REPORT_SITES; i++) {
        for (size_t j = i + 1; j < s.sites; j++)
            if (trace_report_order(&s.site[i], &s.site[j]) > 0) {
                struct trace_site swap = s.site[i];
                s.site[i] = s.site[j];
                s.site[j] = swap;
            }
        const struct {
            const char *name;
            uint64_t value;
        } figure[] = {{"bytes", s.site[i].bytes},
                      {"blocks", s.site[i].blocks},
                      {"total_bytes", s.site[i].total_bytes},
                      {"total_blocks", s.site[i].total_blocks}};
        char key[64], frames[2048];
        for (size_t f = 0; f < array_length(figure); f++) {
            snprintf(key, sizeof key, "trace.sites.%zu.%s", i, figure[f].name);
            sink->integer(sink->arg, key, figure[f].value);
        }
        if (!sink->text)
            continue;
        snprintf(key, sizeof key, "trace.sites.%zu.frames", i);
        trace_report_frames(&s.site[i], frames, sizeof frames);
        sink->text(sink->arg, key, frames);
    }
    trace_snapshot_free(&s);
}
