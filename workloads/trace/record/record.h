/* record.h: between the recorder's parts. record.c holds the functions that stand in place of the C library's,
 * cxx.c C++'s operators, python.c counts CPython's own, spool.c the thread states, segments, forks and ends. A thread writes only its own state, without
 * locks. */
#ifndef HG_WORKLOADS_TRACE_RECORD_RECORD_H
#define HG_WORKLOADS_TRACE_RECORD_RECORD_H

#include "workloads/trace/format/spool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* A thread's state lies in memory that the kernel zeroes in a forked child (MADV_WIPEONFORK), however the
 * fork is made: at == end == NULL then sends the child's first call to record_slow() before it can write into
 * the file that is its parent's. In a vfork child memory is the parent's own, and so is what it allocates. */
struct record_thread {
    uint64_t *at, *end; /* the next word, and the end, of its segment */
    uint64_t *segment;  /* the start of it, to be unmapped */
    uintptr_t last;     /* the last address written */
    uint64_t clock;     /* the sequence number that a reader of the file assumes */
    uint32_t busy;      /* RECORD_INSIDE and RECORD_TIMED; 0: the short way is open */
    uint32_t exits;     /* rounds of thread-exit destructors that have passed */
    struct record_thread *next_free;
    uint64_t used; /* 0 after a fork */
};

#define RECORD_INSIDE 1u /* a signal handler that allocates finds its thread inside the recorder */
#define RECORD_TIMED  2u /* idle times are recorded: every call goes by record_slow(), which reads the clock */

extern __thread struct record_thread *record_self;
extern _Atomic uint64_t record_clock;

/* Whether this process is one that is recorded, as far as is known. */
bool record_wanted(void);

/* A thread that pthread_create() made begins, before it does anything. */
void record_born(void);

/* Anything that is not one word in a segment with room. size is SPOOL_TICK for a free that ticked. */
void record_slow(enum spool_kind kind, const void *p, size_t size, size_t align, uint64_t clock);

/* Small objects that CPython served from its own allocator, for python.c. */
void record_python(unsigned calls);

/* For cxx.c: after an allocation, which may have failed, and before a block is given up. */
void record_new(const void *p, size_t size);
void record_new_aligned(const void *p, size_t align, size_t size);
void record_delete(const void *p);

/* Between begin and end nothing of the calling thread's is recorded; hits are the words that would have been,
 * since the last question or the beginning. So one finds out whether a function that is next in line comes back
 * to us. */
void record_probe_begin(void);
unsigned record_probe_hits(void);
void record_probe_end(void);

#endif
