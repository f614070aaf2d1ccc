/* replay.h: a trace as the replayer holds it: a list of words for each worker thread, decoded and faulted in
 * before the clock starts, or window by window while it stands (load.h).
 *
 * The trace's threads are dealt out to the sample's: thread t of the trace is replayed by worker t mod
 * threads, in the trace's order. With one worker that is the trace's whole order; with as many as the trace
 * has, each has its own.
 *
 * A block that one worker alone touches has a slot of that worker's, whose number is in the word itself. A
 * block that is passed between workers has a slot of its own for the window, with a step count: the
 * operation that is step k waits until k stands there and then stores k + 1 (its free stores 0). So a free
 * waits for its malloc, whatever the speeds.
 *
 * In the orders `live` and `strict` the trace is cut into epochs besides (cut.h); epoch.h has how workers meet
 * between them. A worker's part of an epoch ends with an EPOCH word, if it has a part.
 *
 * With threads=recorded the workers are the recording's threads (lives.h), and births, ends and idle times are
 * LIFE words: BEGIN and END the thread's own, the others the sample's thread's, which is worker 0. gaps=1 needs no
 * such threads.
 *
 * No deadlock: take the earliest operation in the trace's order that is not done. All operations of earlier
 * epochs are done, so their workers have come, or come without waiting, to the words that end them, and its
 * epoch opens; all operations before it on its block are done, so its step is there; and its worker has
 * nothing before it to do. It never waits for good.
 *
 *   63   61 60       32 31              0
 *   | kind  | slot     | size             |   MALLOC CALLOC FREE (size: of the block); REALLOC (the new size;
 *                                            the next word is the old one)
 *   | OTHER | 0        | index into others |   what does not fit: shared, aligned, or 4 GiB and more
 *   | EPOCH | workers  | epoch            |   the worker's part of an epoch ends here; its next part is in
 *                                            `epoch`; so many workers have a part in the one that follows
 *   | LIFE  | what     | number           |   what: an enum replay_life in the low bits of the slot; the number
 *                                            (its high part in the slot's other bits) is explained there */
#ifndef HG_WORKLOADS_TRACE_REPLAY_REPLAY_H
#define HG_WORKLOADS_TRACE_REPLAY_REPLAY_H

#include "cut.h"
#include "epoch.h"
#include "list.h"
#include "lives.h"

#include "alloc/base/param.h"
#include "workloads/workload.h"
#include "workloads/trace/format/hgt.h"

#define REPLAY_PARAMS(P, S)                                                                               \
    P(S, TEXT, file, "", "", "the .hgt file")                                                             \
    P(S, CHOICE, touch, "page", "none|first|page|all", "which bytes of a new block are written")          \
    P(S, FLAG, verify, "0", "", "fill every block with a pattern and check it before its free")           \
    P(S, COUNT, repeat, "1", "1-1M", "how often the trace is replayed in one sample")                     \
    P(S, CHOICE, order, "live", "live|strict|free",                                                       \
      "what several workers keep: its live memory; its one order; nothing, and no memory figures")        \
    P(S, CHOICE, threads, "sample", "sample|recorded",                                                    \
      "who replays: the sample's workers, or a thread for each of the recording, with its birth and end") \
    P(S, FLAG, gaps, "0", "", "wait where the recording has an idle time (record --gaps)")
PARAM_STRUCT(replay_params, REPLAY_PARAMS)

enum replay_kind {
    REPLAY_MALLOC,
    REPLAY_CALLOC,
    REPLAY_REALLOC,
    REPLAY_FREE,
    REPLAY_OTHER,
    REPLAY_EPOCH,
    REPLAY_LIFE
};
enum replay_life {
    LIFE_START, /* a worker; above LIFE_WORKER_BITS, where its words begin */
    LIFE_JOIN,  /* a worker */
    LIFE_GAP,   /* microseconds */
    LIFE_BEGIN, /* the epoch of its first part, or of its end */
    LIFE_END
};
#define LIFE_BITS        3
#define LIFE_WORKER_BITS 16
enum { THREADS_SAMPLE, THREADS_RECORDED }; /* as the parameter `threads` has them */
/* By enum hgt_kind. */
#define REPLAY_KINDS                                                                            \
    [HGT_MALLOC] = REPLAY_MALLOC, [HGT_CALLOC] = REPLAY_CALLOC, [HGT_REALLOC] = REPLAY_REALLOC, \
    [HGT_FREE] = REPLAY_FREE, [HGT_ALIGNED] = REPLAY_OTHER
#define REPLAY_KIND_SHIFT 61
#define REPLAY_SLOT_SHIFT 32
#define REPLAY_SLOTS_MAX  (1u << 29)
#define REPLAY_NOT_SHARED UINT32_MAX

struct replay_loader;

struct replay_shared {
    void *block;
    _Atomic uint32_t step;
};

struct replay_other {
    uint64_t size, size_then;
    uint32_t slot;   /* a worker's own, when not shared */
    uint32_t shared; /* index into the shared slots, or REPLAY_NOT_SHARED */
    uint32_t step;
    uint8_t kind; /* enum hgt_kind */
    uint8_t align_log2;
    bool remote; /* another worker allocated the block */
};

struct replay_worker {
    /* Of the window: */
    struct replay_list words;  /* uint64_t, in memory of the loader's, as others are */
    struct replay_list others; /* struct replay_other */
    uint64_t calls;            /* operations in words: a realloc is one */
    uint32_t first_epoch;      /* in which it has a part; epochs.count: none */
    /* Frees of what the trace never frees; none before its last window. */
    struct replay_other *left;
    uint64_t left_count;
    void **slot;
    uint32_t slots, slots_room;
    struct replay_list dead_now, dead_later; /* uint32_t: slots to use again; for the loader */
    uint64_t live_bytes, allocated_bytes;
};

struct replay {
    struct replay_worker *worker; /* [threads] */
    unsigned workers;
    struct replay_shared *shared;
    struct replay_list shared_list; /* what `shared` is, as it grows */
    struct replay_list left;        /* of all workers */
    bool check_contents;
    bool windowed, last_window;
    bool broken; /* a window could not be loaded: the run is over, the sample check-failed */
    enum replay_order order;
    uint64_t repeat;
    uint32_t trace_threads;
    uint64_t peak_live_bytes; /* of the trace, in its own order */
    uint64_t moved_faults;    /* contents found changed when a block was given another slot */
    struct epochs epochs;
    struct lives *lives; /* NULL: the workers are the sample's threads */
    bool gaps;
    uint64_t idle_ns; /* waited in gaps */
    struct replay_loader *loader;
};

/* Words and others of a window. With the tables beside them a replay takes less than 300 MB of the harness's
 * memory, whatever the length of the trace, as long as its live blocks are few. */
#define REPLAY_WINDOW_BYTES (UINT64_C(128) << 20)

/* The workload's setup, with windows of so many bytes. */
int replay_setup_windows(struct workload_sample *s, uint64_t window_bytes);

/* Conservation, at a barrier: what is live is what the trace never frees, in bytes, each in a place of its own
 * worker's or a shared one; or nothing is, before the run and after the drain, and those places are empty. (A
 * call that failed leaves its place empty, but counts its bytes.) */
bool replay_is_valid(const struct replay *r);

#endif
