/* epoch.h: how the workers of a replay meet between epochs (cut.h). One epoch is open at a time. Whoever has a
 * part in it takes itself off `running` when that is done; the last one closes the epoch: all are at rest then,
 * what is live is known to the byte, and that is where memory is read at the recording's peak. Then it opens the
 * next one. Who has no part in an epoch neither waits for it nor is waited for.
 *
 * Epochs 0 .. count - 1 of a window are the trace's; in epoch `count` all meet: the next window is loaded when
 * they have, or the trace begins again, for which each worker frees there what it leaves. Numbers go on from window
 * to window and may wrap: they are compared by their difference, which is small.
 *
 * Waiting: at first in a loop, for a time that grows where it was enough and shrinks where it was not (with more
 * workers than processors it soon is next to nothing), then asleep in the kernel. A sleeper is woken for its own
 * epoch alone, by the low bits of its number. */
#ifndef HG_WORKLOADS_TRACE_REPLAY_EPOCH_H
#define HG_WORKLOADS_TRACE_REPLAY_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

struct workload_sample;

struct epochs {
    /* Made by the loader. */
    bool meet;              /* or nobody waits for anybody here */
    uint32_t count;         /* of the window, without the one in which all meet */
    uint32_t first_workers; /* with a part in epoch 0 */
    uint32_t peak;          /* at whose end most is live; of the first round; UINT32_MAX: none */
    unsigned workers;
    void (*turn)(struct workload_sample *s); /* all have met; NULL: the same window again */

    _Alignas(128) _Atomic uint32_t open;
    _Atomic uint32_t asleep;
    _Alignas(128) _Atomic uint32_t running; /* workers in the open epoch that are not done */
    _Atomic uint64_t live_bytes;            /* of all, at the end of their last part */
    /* Written by who closes an epoch. */
    uint32_t base; /* epoch 0 of this window */
    bool peak_read;
    uint64_t most_live_bytes; /* at any end of an epoch */
};

/* Before the run. */
void epochs_begin(struct epochs *e);
/* A worker's part of the open epoch is done, and has changed live bytes by so much; next_workers have a part in
 * the one that follows. Does not wait. */
void epoch_end(struct epochs *e, struct workload_sample *s, uint64_t live_change, uint32_t next_workers);
/* Until the epoch is open. spins: of the calling worker, kept from call to call. */
void epoch_await(struct epochs *e, uint32_t epoch, uint32_t *spins);

#endif
