/* calls.c: see calls.h. */
#include "calls.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int calls_bad(const struct calls *c, const char *format, ...)
{
    char what[640];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return message_set(c->m, -EINVAL, "%s: line %llu: %s", c->source->name,
                       (unsigned long long)c->source->line, what);
}

const char *calls_shown(struct line word)
{
    static char out[2][64];
    static unsigned turn;
    char *text = out[turn++ & 1];
    size_t n = 0, room = sizeof out[0] - 4;
    for (; n < room && word.at < word.end; word.at++)
        text[n++] = isprint((unsigned char)*word.at) ? *word.at : '?';
    strcpy(text + n, word.at < word.end ? "..." : "");
    return text;
}

static int no_memory(const struct calls *c)
{
    return message_set(c->m, -ENOMEM, "%s: line %llu: no memory for what is live", c->source->name,
                       (unsigned long long)c->source->line);
}

int calls_open(struct calls *c, struct source *source, struct file_out *out, const char *meta,
               size_t meta_bytes, struct message *m)
{
    *c = (struct calls){.source = source, .out = out, .m = m};
    c->tids = ptrmap_make(sizeof(struct ptrmap_pair), &os_harness);
    int err = hgt_write_open(&c->writer, out->fd, meta, meta_bytes);
    if (err)
        return message_set(m, err, "cannot write %s: %s", out->path, strerror(-err));
    struct calls_thread first = {0};
    return calls_new_space(c, &first);
}

void calls_close(struct calls *c)
{
    hgt_write_close(&c->writer);
    ptrmap_close(&c->tids);
    for (uint32_t i = 0; i < c->spaces; i++)
        ptrmap_close(&c->space[i]);
    free(c->space);
    free(c->thread);
    free(c->ended);
}

static int grow_threads(struct calls *c)
{
    uint32_t room = c->threads_room ? c->threads_room * 2 : 64;
    struct calls_thread *more = realloc(c->thread, room * sizeof *more);
    if (!more)
        return no_memory(c);
    c->thread = more;
    uint32_t *more_ended = realloc(c->ended, room * sizeof *more_ended);
    if (!more_ended)
        return no_memory(c);
    c->ended = more_ended;
    c->threads_room = room;
    return 0;
}

/* A number that no living thread has. */
static int take_number_of_thread(struct calls *c, uint64_t tid, uint32_t *number)
{
    if (c->ended_count) {
        *number = c->ended[--c->ended_count];
        return 0;
    }
    if (c->threads == HGT_THREADS_MAX)
        return calls_bad(c, "thread %llu is one more than the %u that a trace holds at once",
                         (unsigned long long)tid, HGT_THREADS_MAX);
    int err = c->threads == c->threads_room ? grow_threads(c) : 0;
    if (!err)
        *number = c->threads++;
    return err;
}

int calls_thread(struct calls *c, uint64_t tid, struct calls_thread **out)
{
    const struct ptrmap_pair *known = ptrmap_find(&c->tids, tid);
    struct hgt_op birth = {.event = HGT_BIRTH};
    if (known) {
        *out = &c->thread[known->value];
        return 0;
    }
    int err = take_number_of_thread(c, tid, &birth.thread);
    if (err)
        return err;
    struct ptrmap_pair *added = ptrmap_add(&c->tids, tid);
    if (!added)
        return no_memory(c);
    added->value = birth.thread;
    *out = &c->thread[birth.thread];
    **out = (struct calls_thread){.tid = tid, .number = birth.thread};
    return c->births && birth.thread > 0 ? calls_write(c, &birth) : 0;
}

int calls_thread_end(struct calls *c, uint64_t tid)
{
    struct ptrmap_pair *known = ptrmap_find(&c->tids, tid);
    if (!known)
        return 0;
    struct hgt_op end = {.event = HGT_END, .thread = (uint32_t)known->value};
    ptrmap_remove(&c->tids, known, false);
    if (!c->births || !c->thread[end.thread].is_there)
        return 0;
    c->ended[c->ended_count++] = end.thread;
    return calls_write(c, &end);
}

int calls_new_space(struct calls *c, struct calls_thread *t)
{
    if (c->spaces == CALLS_SPACES_MAX)
        return calls_bad(c, "more than %u processes", CALLS_SPACES_MAX);
    if ((c->spaces & (c->spaces - 1)) == 0) { /* room is the next power of two */
        struct ptrmap *more = realloc(c->space, (c->spaces ? c->spaces * 2 : 1) * sizeof *more);
        if (!more)
            return no_memory(c);
        c->space = more;
    }
    c->space[c->spaces] = ptrmap_make(sizeof(struct ptrmap_pair), &os_harness);
    t->space = c->spaces++;
    t->own_space = true;
    return 0;
}

int calls_write(struct calls *c, struct hgt_op *op)
{
    int err = hgt_write_op(&c->writer, op);
    if (!err) {
        c->ops += op->event == HGT_CALL;
        c->thread[op->thread].is_there = true;
        return 0;
    }
    if (err == -ENOMEM)
        return no_memory(c);
    if (err == -EOVERFLOW)
        return calls_bad(c, "more than %u blocks are live", HGT_IDS_MAX);
    return message_set(c->m, err, "cannot write %s: %s", c->out->path, strerror(-err));
}

/* Which block lives at the address; it is taken out. False: none that was seen. */
static bool take_block(struct calls *c, const struct calls_thread *t, uint64_t address, uint32_t *id)
{
    struct ptrmap *space = &c->space[t->space];
    struct ptrmap_pair *e = ptrmap_find(space, address);
    if (!e)
        return false;
    *id = (uint32_t)e->value;
    ptrmap_remove(space, e, false);
    return true;
}

static int put_block(struct calls *c, const struct calls_thread *t, uint64_t address, uint32_t id)
{
    struct ptrmap_pair *e = ptrmap_add(&c->space[t->space], address);
    if (!e)
        return no_memory(c);
    e->value = id;
    return 0;
}

/* What is thought to live there was freed unseen. */
static int clear_place(struct calls *c, const struct calls_thread *t, uint64_t address)
{
    struct hgt_op gone = {.kind = HGT_FREE, .thread = t->number};
    if (!take_block(c, t, address, &gone.id))
        return 0;
    c->conflicts++;
    return calls_write(c, &gone);
}

int calls_allocate(struct calls *c, const struct calls_thread *t, enum hgt_kind kind, uint64_t address,
                   uint64_t size, uint64_t align)
{
    struct hgt_op op = {.kind = kind, .thread = t->number, .size = size, .align = align};
    if (!address) {
        c->failed++;
        return 0;
    }
    if (size > HGT_SIZE_MAX)
        return calls_bad(c, "a block of %llu bytes: a trace holds sizes up to %llu", (unsigned long long)size,
                         (unsigned long long)HGT_SIZE_MAX);
    if (kind == HGT_ALIGNED && (align == 0 || (align & (align - 1)) || align > HGT_ALIGN_MAX))
        op.kind = HGT_MALLOC; /* as the recorder: what memalign makes of it is its own */
    if (op.kind != HGT_ALIGNED)
        op.align = 0;
    int err = clear_place(c, t, address);
    if (!err)
        err = calls_write(c, &op);
    return err ? err : put_block(c, t, address, op.id);
}

int calls_free(struct calls *c, const struct calls_thread *t, uint64_t address)
{
    struct hgt_op op = {.kind = HGT_FREE, .thread = t->number};
    if (!address)
        return 0;
    if (!take_block(c, t, address, &op.id)) {
        c->unmatched++;
        return 0;
    }
    return calls_write(c, &op);
}

void calls_realloc_from(struct calls *c, const struct calls_thread *t, uint64_t from,
                        struct calls_moving *moving)
{
    *moving = (struct calls_moving){.from = from};
    moving->known = from && take_block(c, t, from, &moving->id);
    c->unmatched += from && !moving->known;
}

int calls_realloc_stays(struct calls *c, const struct calls_thread *t, const struct calls_moving *moving)
{
    if (!moving->known)
        return 0;
    int err = clear_place(c, t, moving->from);
    return err ? err : put_block(c, t, moving->from, moving->id);
}

int calls_realloc_to(struct calls *c, const struct calls_thread *t, const struct calls_moving *moving,
                     uint64_t to, uint64_t size)
{
    if (!moving->known && (to || size || !moving->from))
        return calls_allocate(c, t, HGT_MALLOC, to, size, 0);
    if (!moving->known)
        return 0; /* realloc(p, 0) of an unknown block: its free */
    struct hgt_op op = {.kind = HGT_REALLOC, .thread = t->number, .id = moving->id, .size = size};
    if (!to && size) {
        c->failed++;
        return calls_realloc_stays(c, t, moving);
    }
    if (!to) {
        op.kind = HGT_FREE;
        return calls_write(c, &op);
    }
    if (size > HGT_SIZE_MAX)
        return calls_bad(c, "a block of %llu bytes: a trace holds sizes up to %llu", (unsigned long long)size,
                         (unsigned long long)HGT_SIZE_MAX);
    int err = clear_place(c, t, to);
    if (!err)
        err = calls_write(c, &op);
    return err ? err : put_block(c, t, to, moving->id);
}

int calls_realloc(struct calls *c, const struct calls_thread *t, uint64_t from, uint64_t to, uint64_t size)
{
    struct calls_moving moving;
    calls_realloc_from(c, t, from, &moving);
    return calls_realloc_to(c, t, &moving, to, size);
}
