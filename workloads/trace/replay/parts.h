/* parts.h: puts the ends of epochs into the workers' words, while a window of the trace is loaded. A worker's
 * part of an epoch ends with an EPOCH word, which says in which epoch its next part is and how many workers have
 * a part in the epoch after it; both are known only later and filled in then. */
#ifndef HG_WORKLOADS_TRACE_REPLAY_PARTS_H
#define HG_WORKLOADS_TRACE_REPLAY_PARTS_H

#include "replay.h"

struct part_worker {
    uint64_t *last; /* the EPOCH word that lacks the number of the next part; NULL: none yet */
    uint32_t epoch; /* + 1: in which it has a part already */
};

struct parts {
    struct replay *r;
    struct cut cut;
    struct part_worker *worker; /* [workers] */
    uint32_t *now, nows;        /* workers with a part in the epoch, and how many */
    uint64_t **before;          /* EPOCH words that lack the number of workers in this one */
    uint32_t befores;
    bool of_events;   /* the epoch is one of births, ends and gaps */
    uint64_t nowhere; /* the last word of a worker that has ended */
    void *tables;
    size_t tables_bytes;
};

/* 0 or -ENOMEM. */
int parts_open(struct parts *p, struct replay *r, enum replay_order order);
void parts_close(struct parts *p);
/* A window begins: its epochs are numbered from 0. */
void parts_begin(struct parts *p);
/* The next call is this worker's and changes live bytes by so much. 0 or -errno. */
int parts_call(struct parts *p, unsigned worker, int64_t change);
/* Births, ends and gaps: in an epoch of their own, in which worker 0 alone has a part. */
int parts_event(struct parts *p);
/* In it: a thread begins, whose first word waits for its first part (the number is filled in); one ends, whose last
 * word comes in this epoch. */
void parts_birth(struct parts *p, unsigned worker, uint64_t *word);
void parts_death(struct parts *p, unsigned worker);
/* The window ends. */
int parts_end(struct parts *p);
/* The same for one worker, once its words are there: an epoch up to where most is live, if that is in the
 * window (peak_words of them; 0: it is not), and one from there on. */
int parts_of_one(struct parts *p, uint64_t peak_words);

#endif
