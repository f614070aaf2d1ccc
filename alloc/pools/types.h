/* types.h: every structure of the `pools` backend, each with what holds of it. How they work together:
 * pools.h.
 *
 *   segment   +0       struct pools_segment: lists, bitmaps of slices
 *             +.....   map[256]    a word a slice: owner id 16 | back 8 | class 8, all that free() reads
 *             +.....   page[256]   a record for each slice that begins a page
 *             +32 KiB  slices 2..255
 *
 * Locks, in the order in which they are taken: heaps.walk_lock, heaps.lock, huge.lock, spans.lock. */
#ifndef HG_ALLOC_POOLS_TYPES_H
#define HG_ALLOC_POOLS_TYPES_H

#include "alloc/base/mutex.h"
#include "alloc/base/os.h"
#include "reuse.h"
#include "size_class.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOLS_INSTANCES     8u
#define POOLS_SEGMENT       ((size_t)4 << 20)
#define POOLS_SLICES        256u
#define POOLS_HEADER_SLICES 2u
#define POOLS_LARGE_MAX     ((size_t)1 << 20)  /* the largest run; above, a mapping of its own */
#define POOLS_REMOTE_PAGES  64u                /* pages that a remote cache gathers for at once */
#define POOLS_REMOTE_BYTES  ((size_t)4 << 10)  /* for one page before they go */
#define POOLS_ADOPT_MIN     ((size_t)64)       /* a cache line: smaller blocks of others always go home */
#define POOLS_ADOPT_BYTES   ((size_t)64 << 10) /* of others' blocks of a class: a page of the small ones */
#define POOLS_HUGE_KEPT     16u                /* freed huge mappings that are kept */
#define POOLS_HEAPS_AT_ONCE 12u                /* heap records to a mapping */
/* bytes that a heap, and the instance, hold without a reason */
#define POOLS_KEEP ((int64_t)1 << 20)
/* and so much if it was given back too soon, however little is live */
#define POOLS_REUSE_SLACK ((uint64_t)8 << 20)
/* of an owner's listed pages to which others have brought the last block, before it can look idle */
#define POOLS_IDLE_BYTES (4 * POOLS_KEEP)

#define POOLS_CLASS_LARGE 254u
#define POOLS_CLASS_HUGE  255u
/* of the heap a thread has before its first call; 0 is of runs without one */
#define POOLS_ID_NONE 0xffffu

struct pools;
struct pools_heap;
struct pools_segment;

/* A page's word, one 64-bit atomic:
 *
 *   | remote 14 | flags 2 | carved 14 | home 14 | head 20 |
 *
 * head is 1 + offset/16 of the first block of the list in the page, 0 when it is empty; remote counts
 * those at home that were brought by others than the owner, which the owner books when it takes them: so a
 * remote push writes to the page and, at most, to a stack. */
#define POOLS_LISTED  ((uint64_t)1 << 48)
#define POOLS_PURGING ((uint64_t)1 << 49)

static inline uint64_t pools_word(uint64_t head, unsigned home, unsigned carved, uint64_t flags)
{
    return head | (uint64_t)home << 20 | (uint64_t)carved << 34 | flags;
}
static inline unsigned pools_word_head(uint64_t w)
{
    return (unsigned)(w & 0xfffff);
}
static inline unsigned pools_word_home(uint64_t w)
{
    return (unsigned)(w >> 20) & 0x3fff;
}
static inline unsigned pools_word_remote(uint64_t w)
{
    return (unsigned)(w >> 50);
}
static inline unsigned pools_word_carved(uint64_t w)
{
    return (unsigned)(w >> 34) & 0x3fff;
}

/* Conservation: carved = live + cached + home, so home <= carved <= capacity; the list in the page has home
 * blocks, each at a multiple of block_bytes; remote <= home; while PURGING, carved = 0. */
struct pools_page {
    _Atomic uint64_t word;
    _Atomic(struct pools_heap *) owner; /* changes only while LISTED, by the one who may take */
    struct pools_page *next;            /* in the owner's stack */
    char *start;
    uint32_t block_bytes;
    uint16_t capacity;      /* blocks that fit */
    uint8_t class_, slices; /* a run of at most 64 slices */
    uint8_t touched;        /* slices from the start that may have been written before the page was made */
    bool live;              /* the record describes a run in use; for walks, at quiescence */
    uint32_t cached;        /* used by walks alone */
} __attribute__((aligned(64)));

/* Conservation: the slices after the header are free or of exactly one run; free_count and dirty_count are
 * the bits set, dirty is a subset of free, largest is the longest run of free bits. With spans.lock. */
struct pools_segment {
    struct pools *in;
    struct pools_segment *next, **link;        /* in its bucket */
    struct pools_segment *all_next, *all_prev; /* of the instance */
    struct pools_segment *dirty_next, **dirty_link;
    uint64_t free[POOLS_SLICES / 64];  /* slices of no run */
    uint64_t dirty[POOLS_SLICES / 64]; /* free slices that have been written since the OS gave them */
    unsigned free_count, dirty_count, largest;
    uint64_t *walk_bits; /* used by walks alone */
    /* of a huge block's mapping (in no list above): */
    size_t huge_bytes, huge_offset, huge_spare; /* spare: at its end, beyond what was asked for */
    struct pools_segment *huge_next, *huge_prev;
    bool huge_zero;
    _Atomic uint32_t map[POOLS_SLICES];
    struct pools_page page[POOLS_SLICES];
};
_Static_assert(sizeof(struct pools_segment) <= POOLS_HEADER_SLICES * POOLS_SLICE, "the header fits");

/* The thread cache of a class is two lists: the local one, which malloc pops and free pushes, and the adopted
 * one. All blocks are of the class, and of this instance. */
struct pools_local {
    void *head;
    uint32_t weight; /* of one block, see pools_weight() */
    uint32_t unused_;
};

/* Others' blocks that the thread freed and will use itself: head leads to `count` of them, and count +
 * room is at most POOLS_ADOPT_BYTES' worth. Those here are on their owner's books as live; those that the
 * local list took over were booked as given out to the program, see heap_adopted_use. */
struct pools_adopted {
    void *head;
    uint32_t count;
    uint32_t room; /* for so many more */
};

/* The remote cache: blocks on their way home, gathered by page. A place holds count - left blocks of `page`,
 * none when page is NULL; left >= 1 between calls. */
struct pools_remote {
    struct pools_page *page;
    void *head, *tail;
    uint32_t count; /* goes at so many: at most half of what the page has out, so that none waits for us */
    uint32_t left;  /* until then */
};

enum pools_heap_state { POOLS_HEAP_LIVE, POOLS_HEAP_ABANDONED };

/* What one thread has. Accounting, in weights: live = drain_below + slack; out - live is cached. Over all
 * heaps, at quiescence: the sum of live less `returned` is what the program holds, what is adopted and
 * what is in remote caches for others' pages (tests/unit/pools_threads.c). */
struct pools_heap {
    /* Of its thread alone. */
    int64_t slack; /* the weight it may free before its caches go home */
    uint32_t id;
    struct pools_local local[POOLS_CLASSES];
    int64_t drain_below; /* the live weight at which slack is 0 */
    int64_t out;         /* weight of its pages' blocks that are not at home: live and cached */
    struct pools *in;
    struct pools_page *fresh[POOLS_CLASSES]; /* being carved; LISTED, in no stack */
    struct pools_adopted adopted[POOLS_CLASSES];
    struct pools_remote remote[POOLS_REMOTE_PAGES];
    /* Written by all. */
    _Alignas(
        64) _Atomic int64_t returned; /* weight of pages that others brought home and freed, to be booked */
    _Atomic int64_t held;             /* bytes carved of its pages: what they keep resident */
    _Atomic int64_t
        all_home_bytes; /* of listed pages to which others brought the last block, since the last sweep */
    struct reuse_wait idle_wait; /* how many of these before its thread is taken to be idle */
    _Atomic int state;
    _Alignas(64) _Atomic(struct pools_page *) avail[POOLS_CLASSES];
    /* With heaps.lock. */
    _Alignas(64) struct pools_heap *all_next; /* grows only */
    struct pools_heap *abandoned_next;
};

/* The heaps of an instance. Each is some thread's, or abandoned: the list of these has abandoned_count. */
struct pools_heaps {
    struct mutex walk_lock; /* a walk, against threads that end */
    struct mutex lock;      /* of what follows, and of abandoned heaps' stacks */
    _Atomic(struct pools_heap *) all;
    struct pools_heap *abandoned;
    _Atomic unsigned abandoned_count;
    char *chunk; /* where the next heap records come from */
    size_t chunk_left;
    uint32_t next_id;
};

/* The segments of an instance. Conservation: segments x 254 slices = active + the free_count of all; dirty is
 * the sum of dirty_count; empty_segments have no slice in use. (While a purge has let the lock go, the slices
 * that it purges are booked as active.) */
struct pools_spans {
    struct mutex lock;
    struct pools_segment *bucket[9]; /* by log2 of the largest free run */
    struct pools_segment *all, *dirty, **dirty_tail;
    uint64_t segments, empty_segments;
    uint64_t active_slices, dirty_slices;
    uint64_t purged_bytes, purge_calls;
    uint64_t peak_slices; /* active at the most since the last period of reuse began */
    struct reuse reuse;   /* of slices */
};

/* Behind a block that begins at a segment. */
struct pools_aligned {
    struct pools_aligned *next;
    char *block;
    size_t usable, bytes;
};

/* Mapped blocks. Conservation: bytes and count are the sums over blocks and aligned, spare_bytes over blocks,
 * cached_bytes over cache. */
struct pools_huge {
    struct mutex lock;
    struct pools_segment *blocks;
    uint64_t bytes, count;
    struct {
        struct pools_segment *s;
        size_t bytes; /* 0: the place is free */
    } cache[POOLS_HUGE_KEPT];
    uint64_t cached_bytes, spare_bytes;
    struct reuse reuse;            /* of bytes */
    struct pools_aligned *aligned; /* blocks aligned to a segment or more, which have no header before them */
};

/* One open backend. Instances are static: a heap stays with its thread when the instance is closed, and is
 * empty. Conservation: what the account has mapped is the segments, the huge mappings (live and kept) and the
 * chunks of heap records. */
struct pools {
    unsigned slot;
    bool open;
    /* In a child of fork(): what other threads were about to do is lost, and sums need not add up. */
    bool forked;
    struct pools *second, *first; /* the second heap opened of this one; the one that this is the second of */
    struct os_account account;
    struct pools_heaps heaps;
    struct pools_spans spans;
    struct pools_huge huge;
};

extern struct pools pools_instances[POOLS_INSTANCES];
extern const uint8_t pools_class_table[POOLS_TABLE_MAX / 16 + 1];
extern struct pools_heap pools_heap_none; /* all lists empty; never written */
/* In a program the place is known when it is linked: without the attribute, each call loads it first. */
#ifdef HG_PIC
extern _Thread_local struct pools_heap *pools_tls[POOLS_INSTANCES];
#else
extern _Thread_local struct pools_heap *pools_tls[POOLS_INSTANCES] __attribute__((tls_model("local-exec")));
#endif

static inline unsigned pools_class_of(size_t size)
{
    return size <= POOLS_TABLE_MAX ? pools_class_table[(size + 15) >> 4] : pools_class_compute(size);
}

static inline struct pools_segment *pools_segment_of(const void *p)
{
    return (struct pools_segment *)((uintptr_t)p & ~(POOLS_SEGMENT - 1));
}

static inline unsigned pools_slice_of(const void *p)
{
    return (unsigned)(((uintptr_t)p & (POOLS_SEGMENT - 1)) >> POOLS_SLICE_SHIFT);
}

/* Relaxed: the word was written before the block was handed out, and the program's own way of passing the
 * block orders that; what changes later is the owner id, which is policy. */
static inline uint32_t pools_map_of(const void *p)
{
    return atomic_load_explicit(&pools_segment_of(p)->map[pools_slice_of(p)], memory_order_relaxed);
}

static inline unsigned pools_map_class(uint32_t m)
{
    return m & 0xff;
}

static inline struct pools_page *pools_page_of(const void *p, uint32_t m)
{
    return &pools_segment_of(p)->page[pools_slice_of(p) - ((m >> 8) & 0xff)];
}

#endif
