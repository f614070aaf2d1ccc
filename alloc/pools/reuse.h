/* reuse.h: was memory given back to the OS too soon? Memory that is given back and asked for again within
 * REUSE_PERIOD_NS would better have been kept: a program that grows and shrinks faster than that pays a fault
 * for each page, each time. What was asked for again is remembered, its user keeps that much more from then
 * on, and it decays by half in each period.
 *
 * struct reuse is of memory whose user holds a lock. struct reuse_wait is of memory that others give back for
 * an owner who looks idle; it has one writer, the owner, and is read by all. Neither takes a lock, reads the
 * clock or calls anything: who uses them passes the time.
 *
 * Reference: jemalloc's decay.[ch], whose curve is a sigmoid over ten seconds; here it is by halves. */
#ifndef HG_ALLOC_POOLS_REUSE_H
#define HG_ALLOC_POOLS_REUSE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define REUSE_PERIOD_NS ((uint64_t)1000000000)

struct reuse {
    /* Given back in this period and not asked for again since, in the user's unit. Only as much can have been
     * given back too soon: demand beyond it is growth. */
    uint64_t given_back;

    /* Asked for again soon after it was given back: what the user keeps beyond its budget. Bounded by the
     * user (reuse_limit), halved in each period. */
    uint64_t reused;

    /* When the period began. */
    uint64_t since_ns;
};

/* n was given back to the OS. */
void reuse_give_back(struct reuse *r, uint64_t n);
/* n is asked for that was not at hand: as much of it as was given back counts as reused. */
void reuse_ask(struct reuse *r, uint64_t n);
/* No more than that counts. */
void reuse_limit(struct reuse *r, uint64_t most);
/* true when a period is over and a new one begins. */
bool reuse_decay(struct reuse *r, uint64_t now_ns);
/* Conservation: of what was given back, at most all is asked for again: nothing is below 0. */
bool reuse_is_valid(const struct reuse *r);

/* Nothing to decay: the clock need not be read. */
static inline bool reuse_is_empty(const struct reuse *r)
{
    return !r->given_back && !r->reused;
}

struct reuse_wait {
    /* Others wait until the owner has left so much unused, as long as its last miss is not a period ago. */
    _Atomic int64_t bytes;

    /* When the owner last missed memory that others had given back for it. */
    _Atomic uint64_t missed_ns;
};

/* By the owner: it misses such memory. The next wait is twice as long, at least 2 * first and at most about
 * twice `most`. */
void reuse_wait_longer(struct reuse_wait *w, int64_t first, int64_t most, uint64_t now_ns);

/* By anyone. Relaxed: figures for policy. Kept apart, so that the clock is read only when the first is
 * false. */
static inline bool reuse_wait_exceeded(struct reuse_wait *w, int64_t unused_bytes)
{
    return unused_bytes > atomic_load_explicit(&w->bytes, memory_order_relaxed);
}
static inline bool reuse_wait_expired(struct reuse_wait *w, uint64_t now_ns)
{
    return now_ns - atomic_load_explicit(&w->missed_ns, memory_order_relaxed) > REUSE_PERIOD_NS;
}

#endif
