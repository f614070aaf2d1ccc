/* spool.c: makes an .hgt of what the recorder wrote. Threads' words are merged by the order that spool.h
 * explains, and addresses become ids. The spool may end anywhere: the program may have been killed.
 *
 * A merge of the streams of the threads that are alive by a heap of their heads, keyed by (2 * clock, + 1 for
 * a free); a thread that holds the least key stays on top. A thread's number in the trace is taken at its
 * birth and given back at its end, so that there are no more of them than threads alive at once. */
#include "tool.h"

#include "alloc/base/os.h"
#include "workloads/trace/format/spool.h"
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- one thread's words ---- */

struct part { /* a MARK and what follows it in its segment */
    uint32_t thread, part;
    const uint64_t *at, *end;
    uint64_t clock;
};

struct event {
    enum spool_kind kind;          /* MALLOC CALLOC FREE REALLOC_FROM REALLOC_TO ALIGNED FAILED GAP, */
                                   /* MARK for a birth, EXIT for an end */
    uint64_t address, size, align; /* align: of ALIGNED alone */
};

struct stream {
    const struct part *part, *parts_end; /* of this thread */
    uint32_t number;                     /* of the thread in the trace */
    bool born, exits, ended;
    uint64_t exit_key;
    const uint64_t *at;
    uint64_t last, clock, key;
    struct event head;
    bool moving; /* between REALLOC_FROM and REALLOC_TO */
    uint64_t moved_address;
    uint32_t moved_id;
    bool moved_known;
    bool damaged;
};

static int part_order(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    if (x->thread != y->thread)
        return x->thread < y->thread ? -1 : 1;
    return x->part < y->part ? -1 : x->part > y->part;
}

static bool stream_event(struct stream *s, enum spool_kind kind, uint64_t key)
{
    s->head = (struct event){.kind = kind};
    s->key = key > s->key ? key : s->key;
    return true;
}

/* After the last word: the thread's end, when it is known to have come. */
static bool stream_end(struct stream *s)
{
    if (!s->exits || s->ended)
        return false;
    s->ended = true;
    return stream_event(s, SPOOL_EXIT, s->exit_key);
}

/* Reads the next event into s->head; false at the thread's end. A word that makes no sense ends its part. */
static bool stream_next(struct stream *s)
{
    if (!s->born) {
        s->born = true;
        return stream_event(s, SPOOL_MARK, s->part->clock * 2);
    }
    for (;;) {
        while (!s->at || s->at >= s->part->end || *s->at == 0) {
            const struct part *next = s->at ? s->part + 1 : s->part;
            if (next >= s->parts_end)
                return stream_end(s);
            s->part = next;
            s->at = next->at;
            s->last = 0;
            s->clock = next->clock;
        }
        uint64_t word = *s->at++;
        enum spool_kind kind = (enum spool_kind)(word & 7);
        if (kind == SPOOL_SEQUENCE) {
            s->clock = word >> 3;
            continue;
        }
        struct event *e = &s->head;
        e->kind = kind;
        if (kind == SPOOL_LONG) {
            unsigned words = (unsigned)(word >> 8) & 255;
            e->kind = (enum spool_kind)(word >> 3 & 31);
            if (words < 1 || e->kind == SPOOL_MARK || words > SPOOL_LONG_MAX ||
                words > (size_t)(s->part->end - s->at)) {
                s->damaged = true;
                s->at = s->part->end;
                continue;
            }
            bool addressed = e->kind != SPOOL_FAILED && e->kind != SPOOL_GAP;
            if (e->kind == SPOOL_EXIT) {
                s->exits = true;
                s->exit_key = *s->at * 2 + 1;
                s->at += words;
                continue;
            }
            e->address = addressed ? s->at[0] : 0;
            e->size = !addressed ? s->at[0] : words > 1 ? s->at[1] : 0;
            e->align = words > 2 ? s->at[2] : 0;
            s->at += words;
            if (addressed)
                s->last = e->address;
        } else {
            e->address = s->last + (uint64_t)((int64_t)word >> (3 + SPOOL_SIZE_BITS)) * 16;
            e->size = word >> 3 & SPOOL_SIZE_MAX;
            s->last = e->address;
        }
        bool gives = e->kind == SPOOL_FREE || e->kind == SPOOL_REALLOC_FROM;
        uint64_t key = s->clock * 2 + gives;
        if (gives)
            s->clock += e->size & SPOOL_TICK;
        /* A thread's own order stands: what it did at an earlier number, it did before. */
        s->key = key > s->key ? key : s->key;
        return true;
    }
}

/* ---- the spool ---- */

struct spool {
    const struct spool_header *h;
    const uint8_t *data;
    size_t bytes;
    struct part *part;
    size_t parts;
    size_t *first;         /* of each thread, its first part, in the order of their births */
    size_t threads, begun; /* threads; those of them that the merge has come to */
    struct stream **heap;  /* of those that have more to say */
    uint32_t heap_count, heap_room;
    struct number_pool {
        uint32_t free[HGT_THREADS_MAX], count; /* of ended threads, the last one on top */
        uint32_t next;                         /* that never was */
    } * numbers;
    uint64_t stop_key; /* what is after it is left out */
    bool stopped;      /* here: all that follows is left out */
    struct tool_places places;
};

/* Words of a LONG, itself included; 1 for others; never beyond the end. */
static size_t word_length(const uint64_t *at, const uint64_t *end)
{
    size_t words = (*at & 7) == SPOOL_LONG ? 1 + (size_t)(*at >> 8 & 255) : 1, left = (size_t)(end - at);
    return words < left ? words : left;
}

static int spool_parts(struct spool *s)
{
    size_t room = 0;
    for (size_t offset = SPOOL_HEADER_BYTES; offset + SPOOL_SEGMENT_BYTES <= s->bytes;
         offset += SPOOL_SEGMENT_BYTES) {
        const uint64_t *at = (const uint64_t *)(const void *)(s->data + offset);
        const uint64_t *end = at + SPOOL_SEGMENT_WORDS;
        struct part *open = NULL;
        for (; at < end && *at; at += word_length(at, end)) {
            if ((*at & 7) != SPOOL_LONG || (*at >> 3 & 31) != SPOOL_MARK)
                continue;
            if (end - at < 4)
                break;
            if (s->parts == room) {
                room = room ? room * 2 : 256;
                struct part *more = realloc(s->part, room * sizeof *more);
                if (!more)
                    return -ENOMEM;
                if (open)
                    open = more + (open - s->part);
                s->part = more;
            }
            if (open)
                open->end = at;
            open = &s->part[s->parts++];
            *open = (struct part){(uint32_t)at[1], (uint32_t)at[2], at + 4, end, at[3]};
        }
    }
    if (s->parts)
        qsort(s->part, s->parts, sizeof *s->part, part_order);
    return 0;
}

static int birth_order(const void *a, const void *b, void *parts)
{
    const struct part *x = (const struct part *)parts + *(const size_t *)a,
                      *y = (const struct part *)parts + *(const size_t *)b;
    if (x->clock != y->clock)
        return x->clock < y->clock ? -1 : 1;
    return x->thread < y->thread ? -1 : x->thread > y->thread;
}

static int spool_threads(struct spool *s)
{
    for (size_t i = 0; i < s->parts; i++)
        s->threads += i == 0 || s->part[i].thread != s->part[i - 1].thread;
    s->first = calloc(s->threads + 1, sizeof *s->first);
    if (!s->first)
        return -ENOMEM;
    for (size_t i = 0, n = 0; i < s->parts; i++)
        if (i == 0 || s->part[i].thread != s->part[i - 1].thread)
            s->first[n++] = i;
    if (s->threads)
        qsort_r(s->first, s->threads, sizeof *s->first, birth_order, s->part);
    return 0;
}

static int spool_open(struct spool *s, const char *path, struct message *m)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int err = errno ? -errno : -EIO;
        if (fd >= 0)
            close(fd);
        return message_set(m, err, "cannot read %s: %s", path, strerror(-err));
    }
    /* The file is longer, by a hole. */
    struct spool_header h = {0};
    s->bytes = (size_t)st.st_size;
    if (pread(fd, &h, sizeof h, 0) == sizeof h && h.segments < s->bytes / SPOOL_SEGMENT_BYTES)
        s->bytes = SPOOL_HEADER_BYTES + (size_t)h.segments * SPOOL_SEGMENT_BYTES;
    s->data = s->bytes >= SPOOL_HEADER_BYTES ? os_map_file(fd, s->bytes, false) : NULL;
    close(fd);
    s->h = (const struct spool_header *)(const void *)s->data;
    if (!s->h || s->h->magic != SPOOL_MAGIC || s->h->segment_bytes != SPOOL_SEGMENT_BYTES)
        return message_set(m, -EBADMSG, "%s: at byte 0: not a recording", path);
    int err = spool_parts(s);
    if (!err)
        err = spool_threads(s);
    s->numbers = calloc(1, sizeof *s->numbers);
    s->stop_key = s->h->stop_errno ? s->h->stop_clock * 2 + 1 : UINT64_MAX;
    return err || !s->numbers ? message_set(m, -ENOMEM, "%s: no memory to read it", path) : 0;
}

static void spool_close(struct spool *s)
{
    if (s->data)
        os_unmap_file((void *)s->data, s->bytes);
    free(s->part);
    free(s->first);
    for (uint32_t i = 0; i < s->heap_count; i++)
        free(s->heap[i]);
    free(s->heap);
    free(s->numbers);
    tool_places_free(&s->places);
}

static bool stream_before(const struct stream *a, const struct stream *b)
{
    return a->key != b->key ? a->key < b->key : a->part->thread < b->part->thread;
}

static void heap_swap(struct spool *s, uint32_t a, uint32_t b)
{
    struct stream *t = s->heap[a];
    s->heap[a] = s->heap[b];
    s->heap[b] = t;
}

static void heap_down(struct spool *s, uint32_t i)
{
    for (;;) {
        uint32_t least = i;
        for (uint32_t child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < s->heap_count && stream_before(s->heap[child], s->heap[least]))
                least = child;
        if (least == i)
            return;
        heap_swap(s, i, least);
        i = least;
    }
}

/* The thread that comes next in the order of births, with its birth as its head. */
static int heap_begin(struct spool *s)
{
    if (s->heap_count == s->heap_room) {
        uint32_t room = s->heap_room ? s->heap_room * 2 : 64;
        struct stream **more = realloc(s->heap, room * sizeof(struct stream *));
        if (!more)
            return -ENOMEM;
        s->heap = more;
        s->heap_room = room;
    }
    struct stream *t = calloc(1, sizeof *t);
    if (!t)
        return -ENOMEM;
    t->part = t->parts_end = &s->part[s->first[s->begun++]];
    while (t->parts_end < s->part + s->parts && t->parts_end->thread == t->part->thread)
        t->parts_end++;
    stream_next(t);
    uint32_t i = s->heap_count++;
    s->heap[i] = t;
    for (; i > 0 && stream_before(s->heap[i], s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap_swap(s, i, (i - 1) / 2);
    return 0;
}

/* ---- events to operations ---- */

static int write_block(struct spool *s, struct hgt_writer *w, const struct event *e, struct hgt_op *op,
                       struct tool_spool *out)
{
    /* Handed out while we think it live: its free was not seen (in a signal handler, or by a stopped
     * recorder). */
    uint32_t stale = tool_places_take(&s->places, e->address);
    int err = 0;
    if (stale != TOOL_PLACE_NONE) {
        struct hgt_op gone = {.kind = HGT_FREE, .thread = op->thread, .id = stale};
        out->conflicts++;
        err = hgt_write_op(w, &gone);
    }
    if (!err)
        err = hgt_write_op(w, op);
    return err ? err : tool_places_put(&s->places, e->address, op->id, &stale);
}

/* The process's first thread is there from the beginning; the others are born. */
static int write_birth(struct spool *s, struct stream *from, struct hgt_writer *w, struct tool_spool *out)
{
    struct number_pool *n = s->numbers;
    if (n->count == 0 && n->next == HGT_THREADS_MAX) {
        out->stop_errno = TOOL_STOP_THREADS;
        s->stopped = true;
        return 0;
    }
    from->number = n->count ? n->free[--n->count] : n->next++;
    out->threads++;
    struct hgt_op op = {.event = HGT_BIRTH, .thread = from->number};
    return from->part->thread == 0 ? 0 : hgt_write_op(w, &op);
}

static int write_end(struct spool *s, const struct stream *from, struct hgt_writer *w)
{
    struct hgt_op op = {.event = HGT_END, .thread = from->number};
    s->numbers->free[s->numbers->count++] = from->number;
    /* The first thread has no birth: when it called nothing, it never was. */
    int err = hgt_write_op(w, &op);
    return err == -ESRCH ? 0 : err;
}

static int write_event(struct spool *s, struct stream *from, struct hgt_writer *w, struct tool_spool *out)
{
    const struct event *e = &from->head;
    struct hgt_op op = {.thread = from->number, .size = e->size};
    uint32_t stale;
    if (e->size > HGT_SIZE_MAX && e->kind != SPOOL_FAILED)
        return -EBADMSG;
    switch (e->kind) {
    case SPOOL_MALLOC:
    case SPOOL_CALLOC:
    case SPOOL_ALIGNED:
        op.kind = e->kind == SPOOL_MALLOC ? HGT_MALLOC : e->kind == SPOOL_CALLOC ? HGT_CALLOC : HGT_ALIGNED;
        if (op.kind == HGT_ALIGNED) {
            op.align = e->align;
            if (op.align == 0 || (op.align & (op.align - 1)) || op.align > HGT_ALIGN_MAX)
                op.kind = HGT_MALLOC; /* memalign rounds such a wish up as it likes */
        }
        return write_block(s, w, e, &op, out);
    case SPOOL_FREE:
        op.kind = HGT_FREE;
        op.size = 0;
        op.id = tool_places_take(&s->places, e->address);
        if (op.id == TOOL_PLACE_NONE) {
            out->unmatched++;
            return 0;
        }
        return hgt_write_op(w, &op);
    case SPOOL_REALLOC_FROM:
        from->moving = true;
        from->moved_address = e->address;
        from->moved_id = tool_places_take(&s->places, e->address);
        from->moved_known = from->moved_id != TOOL_PLACE_NONE;
        out->unmatched += !from->moved_known;
        return 0;
    case SPOOL_REALLOC_TO: {
        bool known = from->moving && from->moved_known;
        from->moving = false;
        op.id = from->moved_id;
        op.kind = !known ? HGT_MALLOC : e->address ? HGT_REALLOC : HGT_FREE;
        if (!known && !e->address)
            return 0;
        if (op.kind == HGT_FREE) {
            op.size = 0;
            return hgt_write_op(w, &op);
        }
        return write_block(s, w, e, &op, out);
    }
    case SPOOL_FAILED:
        out->failed++;
        if (from->moving && from->moved_known) { /* the block stays where it was */
            from->moving = false;
            return tool_places_put(&s->places, from->moved_address, from->moved_id, &stale);
        }
        from->moving = false;
        return 0;
    case SPOOL_MARK:
        return write_birth(s, from, w, out);
    case SPOOL_EXIT:
        return write_end(s, from, w);
    case SPOOL_GAP:
        op.event = HGT_GAP;
        op.size = e->size / 1000 < HGT_GAP_MAX ? e->size / 1000 : HGT_GAP_MAX;
        return hgt_write_op(w, &op);
    case SPOOL_END:
    case SPOOL_LONG:
    case SPOOL_SEQUENCE:
        break;
    }
    return -EBADMSG;
}

static int merge(struct spool *s, struct hgt_writer *w, struct tool_spool *out)
{
    while (s->heap_count || s->begun < s->threads) {
        while (s->begun < s->threads &&
               (!s->heap_count || s->part[s->first[s->begun]].clock * 2 <= s->heap[0]->key)) {
            int err = heap_begin(s);
            if (err)
                return err;
        }
        struct stream *least = s->heap[0];
        enum spool_kind kind = least->head.kind;
        int err = 0;
        if (s->stopped || least->key > s->stop_key)
            out->dropped +=
                kind != SPOOL_REALLOC_FROM && kind != SPOOL_MARK && kind != SPOOL_EXIT && kind != SPOOL_GAP;
        else
            err = write_event(s, least, w, out);
        if (err)
            return err;
        if (!stream_next(least)) {
            free(least);
            s->heap[0] = s->heap[--s->heap_count];
        }
        if (s->heap_count > 1)
            heap_down(s, 0);
    }
    return 0;
}

static void describe(const struct spool *s, const char *how, struct tool_meta *meta, struct tool_spool *out)
{
    char date[64] = "", command[4096] = "";
    time_t seconds = (time_t)(s->h->start_ns / 1000000000u);
    struct tm tm;
    if (gmtime_r(&seconds, &tm))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &tm);
    size_t n = s->h->command_bytes < sizeof s->h->command ? s->h->command_bytes : sizeof s->h->command;
    memcpy(command, s->h->command, n);
    while (n > 0 && command[n - 1] == '\0')
        n--;
    for (size_t i = 0; i < n; i++)
        if (command[i] == '\0')
            command[i] = ' ';
    snprintf(out->program, sizeof out->program, "%.*s", (int)sizeof out->program - 1, s->h->program);
    tool_meta_add(meta, "source", "recorded");
    tool_meta_add(meta, "program", "%s", out->program);
    tool_meta_add(meta, "command", "%s", command);
    tool_meta_add(meta, "date", "%s", date);
    tool_meta_add(meta, "pid", "%u", s->h->pid);
    tool_meta_add(meta, "end", "%s", how);
    if (s->h->stop_errno)
        tool_meta_add(meta, "stopped", "%s", tool_stop_text(s->h->stop_errno));
    if (s->h->forked)
        tool_meta_add(meta, "forked", "1");
}

int tool_spool_convert(const char *path, const char *how, struct file_out *f, struct tool_spool *out,
                       struct message *m)
{
    struct spool s = {.places = tool_places_make()};
    struct hgt_writer w = {.fd = f->fd};
    static struct tool_meta meta; /* large; one conversion at a time */
    *out = (struct tool_spool){0};
    meta.bytes = 0;
    int err = spool_open(&s, path, m);
    if (err || !s.h) {
        spool_close(&s);
        return err;
    }
    out->dropped = s.h->dropped;
    out->stop_errno = s.h->stop_errno;
    out->forked = s.h->forked;
    out->python_calls = s.h->python_calls;
    out->confined_forks = s.h->confined_forks;
    describe(&s, how, &meta, out);
    err = hgt_write_open(&w, f->fd, meta.text, meta.bytes);
    if (!err)
        err = merge(&s, &w, out);
    bool stopped_here = out->stop_errno && !s.h->stop_errno;
    if (!err && (out->unmatched || out->conflicts || out->failed || out->dropped || out->python_calls ||
                 stopped_here)) {
        struct tool_meta *counts = &meta;
        counts->bytes = 0;
        if (stopped_here)
            tool_meta_add(counts, "stopped", "%s", tool_stop_text(out->stop_errno));
        tool_meta_add(counts, "unmatched", "%llu", (unsigned long long)out->unmatched);
        tool_meta_add(counts, "conflicts", "%llu", (unsigned long long)out->conflicts);
        tool_meta_add(counts, "failed", "%llu", (unsigned long long)out->failed);
        tool_meta_add(counts, "dropped", "%llu", (unsigned long long)out->dropped);
        if (out->python_calls)
            tool_meta_add(counts, "python_objects_unseen", "%llu", (unsigned long long)out->python_calls);
        err = hgt_write_meta(&w, counts->text, counts->bytes);
    }
    if (!err)
        err = hgt_write_end(&w);
    out->ops = w.ids.ops;
    hgt_write_close(&w);
    spool_close(&s);
    if (err == -EBADMSG)
        return message_set(m, err, "%s: the recording is damaged", path);
    if (err == -ENOMEM)
        return message_set(m, err, "%s: no memory to sort it", path);
    return err ? message_set(m, err, "cannot write %s: %s", f->path, strerror(-err)) : 0;
}

const char *tool_stop_text(uint32_t stop_errno)
{
    if (stop_errno == EPERM)
        return "it put itself under a seccomp filter, and used up the room that was made ready before";
    return stop_errno == TOOL_STOP_THREADS ? "more than 65536 threads were alive at once"
                                           : strerror((int)stop_errno);
}

bool tool_spool_is(const char *path)
{
    uint64_t magic = 0;
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false; /* a pipe would lose what is read here */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is = fd >= 0 && read(fd, &magic, sizeof magic) == sizeof magic && magic == SPOOL_MAGIC;
    if (fd >= 0)
        close(fd);
    return is;
}
