/* spool.h: what the recorder writes while a program runs, and tool/spool.c makes an .hgt of afterwards. It is
 * made for speed in the program and for being whole at any moment: a program killed between two instructions
 * loses nothing that it has recorded, because every word goes straight into a shared mapping of the file.
 *
 *   offset 0            struct spool_header, one page
 *   offset 4096         segment 0, SPOOL_SEGMENT_BYTES
 *   ...                 segment i, at 4096 + i * SPOOL_SEGMENT_BYTES; after the last the file may go on as a hole
 *
 * A segment is 64-bit words in the machine's order. It begins with a MARK that names whose words follow; when
 * a thread ends, the rest of its segment goes to another thread, which writes a MARK of its own. A word of 0
 * ends a segment. The low three bits of a word are its kind:
 *
 *   63         20 19        3 2    0
 *   | delta (44) | size (17) | kind |     MALLOC CALLOC FREE REALLOC_FROM REALLOC_TO: delta is the signed
 *                                         distance of the address from the thread's last one, in units of
 *                                         16 bytes; size is what was asked for (MALLOC CALLOC REALLOC_TO),
 *                                         or SPOOL_TICK or 0
 *   |     sequence (61)      | kind |     SEQUENCE: the thread's clock from here on
 *   63   16 15      8 7      3 2    0
 *   | unused | words | sub    |   6  |     LONG: sub is the operation's kind, `words` words of payload follow
 *
 * LONG payloads: {address, size} for an operation that does not fit a word, {address, size, alignment} for
 * ALIGNED, {size} for FAILED, {thread, part, sequence} for MARK (the last address is 0 after it), {sequence}
 * for EXIT, {nanoseconds} for GAP.
 *
 * Threads are numbered as they begin, each with a number of its own. Part 0 is a thread's birth; what follows
 * counts the clock up for it. EXIT counts it up too, like a free: the thread is ending, but what it calls
 * after that (destructors of others, the C library's own clearing up) is still its own; its end is after
 * the last of its words. A thread without an EXIT was there at the end, or left without the C library's
 * knowledge. GAP stands before the first call after a time in which no thread called anything.
 *
 * Order between threads. One counter G. A free (and the giving up of the old address by realloc) takes G++
 * before the real free; an allocation reads G after the real one. So when a block is freed as number k and
 * its memory is then handed out again, that allocation reads at least k+1; and a block allocated at k is
 * freed as k or later. Sorting by 2k for allocations and 2k+1 for frees gives an order that could have
 * happened, with each thread's own kept. While the C library knows of one thread alone, frees do not count G
 * up (no SPOOL_TICK); a thread that begins does. A thread's clock after a free that ticked is the free's
 * number plus one; SEQUENCE is written when it differs. */
#ifndef HG_WORKLOADS_TRACE_FORMAT_SPOOL_H
#define HG_WORKLOADS_TRACE_FORMAT_SPOOL_H

#include <stdint.h>

#define SPOOL_MAGIC         0x314c4f4f50534748u /* "HGSPOOL1" */
#define SPOOL_HEADER_BYTES  4096u
#define SPOOL_SEGMENT_BYTES (256u << 10)
#define SPOOL_SEGMENT_WORDS (SPOOL_SEGMENT_BYTES / 8)

enum spool_kind {
    SPOOL_END,
    SPOOL_MALLOC,
    SPOOL_CALLOC,
    SPOOL_FREE,
    SPOOL_REALLOC_FROM, /* the old address is given up ... */
    SPOOL_REALLOC_TO,   /* ... and this is what came of it; nothing of the thread's own stands between them */
    SPOOL_LONG,
    SPOOL_SEQUENCE,
    /* only as the sub-kind of a LONG: */
    SPOOL_ALIGNED,
    SPOOL_FAILED, /* an allocation that returned NULL; after a REALLOC_FROM it leaves the block as it was */
    SPOOL_MARK,
    SPOOL_EXIT,
    SPOOL_GAP,
};

#define SPOOL_SIZE_BITS  17
#define SPOOL_SIZE_MAX   ((1u << SPOOL_SIZE_BITS) - 1)
#define SPOOL_DELTA_BITS 44 /* any two addresses of 47 bits */
#define SPOOL_TICK       1u
#define SPOOL_LONG_MAX   3 /* words of payload */

struct spool_header {
    uint64_t magic;
    uint32_t segment_bytes, pid;
    uint64_t start_ns; /* CLOCK_REALTIME */
    uint64_t segments; /* in use (atomic); the last of them are empty when the disk is full */
    uint64_t
        /* calls not recorded after a stop, or made inside the recorder by a signal handler (atomic) */
        dropped;
    uint64_t stop_clock;     /* where: what other threads wrote after it is left out */
    uint32_t stop_errno;     /* why recording stopped before the program did; 0 = it did not (atomic) */
    uint32_t forked;         /* 1: begun in a fork, with blocks that the parent allocated */
    uint32_t confined_forks; /* not recorded though they should be: made under a seccomp filter (atomic) */
    uint64_t python_calls;   /* that CPython itself served: python.c (atomic) */
    char program[1024];      /* /proc/self/exe */
    uint32_t command_bytes;
    char command[2048]; /* argv, each ending with a NUL, cut at command_bytes */
    uint64_t recording; /* SPOOL_ENV_RECORDING */
};

_Static_assert(sizeof(struct spool_header) <= SPOOL_HEADER_BYTES, "the header fits its page");

/* What processes that are not recorded have in common with those that are: a page in memory that heapgauge reads
 * at the end. All are atomic. */
struct spool_tally {
    uint64_t processes; /* with the recorder in them, but not to be recorded, and calls */
    uint64_t calls;     /* of theirs; up to SPOOL_TALLY_STEP of a thread may be missing */
    uint64_t execs;     /* programs that recorded processes started, and ... */
    uint64_t begun;     /* ... programs to be recorded that came to begin, the first one included */
};
#define SPOOL_TALLY_STEP 64

/* Environment of a recorded program. The spool of process P's nth image is BASE.P.n. */
#define SPOOL_ENV_BASE      "HEAPGAUGE_RECORD"          /* absolute */
#define SPOOL_ENV_PID       "HEAPGAUGE_RECORD_PID"      /* the process to record */
#define SPOOL_ENV_CHILDREN  "HEAPGAUGE_RECORD_CHILDREN" /* "1": its descendants as well */
#define SPOOL_ENV_TALLY     "HEAPGAUGE_RECORD_TALLY"    /* a path to the struct spool_tally */
#define SPOOL_ENV_RECORDING "HEAPGAUGE_RECORD_ID"       /* which run of `record` it is a part of */
#define SPOOL_ENV_GAPS      "HEAPGAUGE_RECORD_GAPS"     /* nanoseconds: longer idle times are written */

#endif
