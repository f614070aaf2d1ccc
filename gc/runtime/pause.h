/* pause.h: a stretch of time in which threads could not touch objects, reported once, when it ends. */
#ifndef HG_GC_RUNTIME_PAUSE_H
#define HG_GC_RUNTIME_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

enum pause_cause {
    PAUSE_YOUNG,
    PAUSE_MIDDLE,
    PAUSE_FULL,
    PAUSE_INCREMENT,
    PAUSE_STOP,    /* the way to the safepoints, apart from what is done there */
    PAUSE_RECLAIM, /* a collector frees what it found while other threads run: of its own thread alone */
    PAUSE_CASCADE,
    PAUSE_GIL_WAIT,
    PAUSE_LOCK_WAIT,
    PAUSE_STOPPED, /* the thread stood still because another stopped the world */
    PAUSE_CAUSES
};
extern const char *const pause_cause_names[PAUSE_CAUSES];

struct pause {
    unsigned thread;
    enum pause_cause cause;
    bool of_all;               /* no thread touched objects meanwhile, not this one alone */
    uint64_t start_ns, end_ns; /* os_now_ns() */
    uint64_t examined, freed, freed_bytes;
};

/* Runs on the thread that paused, outside the measured allocator; must not allocate. */
typedef void pause_sink(void *arg, const struct pause *p);

#endif
