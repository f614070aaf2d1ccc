/* scout.h: reads a window of a trace ahead of the loader, when several workers replay it: how many calls it
 * has, which of their blocks more than one worker touches, and how much memory each worker's words take.
 *
 * A window is as many calls as fit into the memory that there is for them; most traces are one. What a window
 * touches of a block is known by the number of its first touch in the window (an allocation is one), which the
 * loader counts in the same way. */
#ifndef HG_WORKLOADS_TRACE_REPLAY_SCOUT_H
#define HG_WORKLOADS_TRACE_REPLAY_SCOUT_H

#include "list.h"

#include "workloads/trace/format/hgt.h"

/* A reader that can be looked into for the next operation without taking it: calls; with `events` idle times, too;
 * with `alive` births and ends as well, also the birth of a thread of which the recording has none, before its first
 * call. Thread 0 has neither. */
struct source {
    bool events;
    uint8_t *alive;  /* [HGT_THREADS_MAX], of the owner, or NULL */
    bool birth_made; /* op is a birth that the recording has not, and `call` comes after it */
    struct hgt_op call;
    struct hgt_reader in;
    struct hgt_op op;
    int got;
    bool is_open, peeked;
};

int source_open(struct source *s, const char *path, struct message *m);
int source_rewind(struct source *s, struct message *m);
void source_close(struct source *s);

int source_event(struct source *s, struct message *m);

/* The next one is in s->op: 1, 0 at the end, -errno. source_take() makes it the one before. */
static inline int source_peek(struct source *s, struct message *m)
{
    if (!s->peeked)
        s->got = s->events ? source_event(s, m) : hgt_next(&s->in, &s->op, m);
    s->peeked = true;
    return s->got;
}

static inline void source_take(struct source *s)
{
    s->peeked = false;
}

struct scout {
    struct source from;
    unsigned workers;
    struct replay_list seen;   /* by id: struct seen */
    struct replay_list shared; /* by first touch in the window: uint8_t */
    uint32_t window;           /* its number; from 1 */
    uint64_t calls;            /* and events */
    uint64_t *words, *others;  /* by worker: room for so many at most */
    bool last;                 /* the trace ends with it */
};

/* The next window, of at most so many bytes of words and others, and one call at least. epochs: each call may
 * have a word more. 0 or -errno. */
int scout_window(struct scout *s, uint64_t bytes, bool epochs, struct message *m);

#endif
