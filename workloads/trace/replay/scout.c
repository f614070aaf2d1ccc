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
    s->peeked = false;
    return err;
}

int source_rewind(struct source *s, struct message *m)
{
    s->peeked = false;
    return hgt_rewind(&s->in, m);
}

void source_close(struct source *s)
{
    if (s->is_open)
        hgt_close(&s->in);
    s->is_open = false;
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
        int fits = scout_call(s, &s->from.op, epochs, s->calls ? bytes - taken : UINT64_MAX, &took);
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
