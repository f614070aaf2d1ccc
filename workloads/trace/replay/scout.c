/* scout.c: see scout.h. */
#include "scout.h"

#include "replay.h"

#include <errno.h>
#include <string.h>

struct seen { /* a block in the window */
    uint32_t window;
    uint32_t worker; /* the first that touched it */
    uint32_t touch;  /* number of that */
    uint32_t calls;  /* on it, in the window */
};

int source_open(struct source *s, const char *path, struct message *m)
{
    int err = hgt_open(&s->in, path, false, m);
    s->is_open = !err;
    s->peeked = s->birth_made = false;
    return err;
}

int source_rewind(struct source *s, struct message *m)
{
    s->peeked = s->birth_made = false;
    if (s->alive)
        memset(s->alive, 0, HGT_THREADS_MAX);
    return hgt_rewind(&s->in, m);
}

void source_close(struct source *s)
{
    if (s->is_open)
        hgt_close(&s->in);
    s->is_open = false;
}

int source_event(struct source *s, struct message *m)
{
    if (s->birth_made) {
        s->birth_made = false;
        s->op = s->call;
        return 1;
    }
    for (;;) {
        int got = hgt_next_event(&s->in, &s->op, m);
        const struct hgt_op *op = &s->op;
        if (got != 1 || op->event == HGT_GAP || (op->event == HGT_CALL && (!s->alive || op->thread == 0)))
            return got;
        if (!s->alive || op->thread == 0)
            continue;
        uint8_t *alive = &s->alive[op->thread], was = *alive;
        *alive = op->event != HGT_END;
        if (op->event == HGT_CALL && !was) {
            s->call = s->op;
            s->birth_made = true;
            s->op = (struct hgt_op){.event = HGT_BIRTH, .thread = s->call.thread};
        }
        if (op->event != HGT_END || was)
            return 1;
    }
}

/* An event has a word of worker 0's and the end of its epoch, and one of its own thread's. */
static int scout_event(struct scout *s, const struct hgt_op *op, uint64_t room, uint64_t *took)
{
    *took = 3 * sizeof(uint64_t);
    if (*took > room)
        return 0;
    s->words[0] += 2;
    s->words[op->thread]++;
    return 1;
}

/* What it takes to take the call into the window; done when that is not more than `room` bytes. 1; 0: no room;
 * -ENOMEM. */
static int scout_call(struct scout *s, const struct hgt_op *op, bool epochs, uint64_t room, uint64_t *took)
{
    bool birth = op->kind != HGT_FREE && op->kind != HGT_REALLOC;
    unsigned worker = op->thread % s->workers;
    struct seen *b = op->id < s->seen.count ? replay_list_item(&s->seen, op->id) : NULL;
    bool first = birth || b->window != s->window;
    uint8_t *shared = first ? NULL : replay_list_item(&s->shared, b->touch);
    bool passes = !first && !*shared && b->worker != worker;
    uint64_t words = 1 + (op->kind == HGT_REALLOC) + epochs;
    bool other = passes || (!first && *shared) || op->kind == HGT_ALIGNED || op->size > UINT32_MAX ||
                 op->size_then > UINT32_MAX;
    uint64_t others_before = passes ? b->calls : 0; /* that had fitted into words */
    *took = words * sizeof(uint64_t) + (others_before + other) * sizeof(struct replay_other);
    if (*took > room)
        return 0;
    if (passes) {
        *shared = 1;
        s->others[b->worker] += others_before;
    }
    if (first) {
        struct seen new = {s->window, worker, (uint32_t)s->shared.count, 0};
        int err = replay_list_add(&s->shared, &(uint8_t){0});
        if (!err && !b)
            err = replay_list_add(&s->seen, &new);
        if (err)
            return err;
        b = replay_list_item(&s->seen, op->id);
        *b = new;
    }
    b->calls++;
    s->words[worker] += words;
    s->others[worker] += other;
    return 1;
}

int scout_window(struct scout *s, uint64_t bytes, bool epochs, struct message *m)
{
    uint64_t taken = 0, took;
    int got;
    s->window++;
    s->calls = 0;
    s->shared.count = 0;
    for (unsigned i = 0; i < s->workers; i++) {
        s->words[i] = 1; /* the end of an epoch that no call of the window made */
        s->others[i] = 0;
    }
    while ((got = source_peek(&s->from, m)) == 1) {
        uint64_t room = s->calls ? bytes - taken : UINT64_MAX;
        int fits = s->from.op.event == HGT_CALL ? scout_call(s, &s->from.op, epochs, room, &took)
                                                : scout_event(s, &s->from.op, room, &took);
        if (fits <= 0) {
            s->last = false;
            return fits;
        }
        source_take(&s->from);
        s->calls++;
        taken = taken + took < bytes ? taken + took : bytes;
    }
    s->last = true;
    return got;
}
