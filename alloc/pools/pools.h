/* pools.h: the parts of the `pools` backend and what holds between them.
 *
 *   segment   4 MiB, aligned to 4 MiB, from os_map; slices of 16 KiB; the first two are its header   span.c
 *   run       consecutive slices of one segment: a page, or one large block (128 KiB to 1 MiB)         span.c
 *   page      a run cut into blocks of one size class: 64 KiB, 256 KiB or 1 MiB                        page.c
 *   heap      what one thread has: a bin and a stash a class, an outbox, the stacks of pages with free blocks
 *   heap.c
 *   huge      a block over 1 MiB, with a mapping of its own                                            huge.c
 *
 *   segment:  +0       struct pools_segment: lists, bitmaps of slices
 *             +.....   map[256]    a word a slice: owner id 16 | back 8 | class 8, all that free() reads
 *             +.....   page[256]   a record for each slice that begins a page
 *             +32 KiB  slices 2..255
 *
 * Where a block is, and the conservation law. A block that was carved from its page is in one of four places:
 * with the program (live), in a bin, a stash or an outbox of some heap (cached), or on its page's own list
 * (home).
 *      carved = live + cached + home        for every page, at every moment
 * `home` and `carved` are fields of one 64-bit atomic word, so that the thread whose push makes home ==
 * carved knows, alone, that the page has no block left anywhere else.
 *
 * The fast paths touch no page. malloc pops the bin of the class, free pushes on it: last in, first out, over
 * all pages of the thread, so that what was freed last, and is in cache, is used next. A block whose page
 * another heap owns takes one of two ways:
 *   swap   A thread that has drawn blocks of the class from pages of its own may keep as many of others' in
 *          its stash (at most POOLS_STASH_BYTES), which becomes its bin when that is empty. Threads that hand
 *          blocks to each other and ask for as many thus live on what they get, without a word between them,
 *          and the lines of a block move once a turn, not twice; a thread that only frees has earned no room.
 *   home   All else goes to the outbox, is gathered there by page, and goes home in batches, to be used again
 *          by the heap that owns its page. So do all blocks under a cache line, so that threads do not come
 *          to share lines (Hoard's passive false sharing); of larger ones, at most the ends are shared.
 * The owner's id in the segment's map is therefore policy: reading an old one, or that of two heaps with the
 * same 16 bits, sends a block a longer way and breaks nothing.
 *
 * A page's list is a Treiber stack: any thread pushes a chain by compare-and-swap, only one thread may take,
 * and takes all. Push and take-all have no ABA problem: a push needs of the old head that it is the head.
 * Who may take is told by LISTED:
 *   LISTED clear   the page is in no stack. The push that sets LISTED puts it on its owner's stack of that
 *                  class; the push that brings every block home instead frees the run. (This is the notice to
 *                  the owner of a full page: mimalloc's delayed free.)
 *   LISTED set     the page is on its owner's stack, or is the owner's `fresh` page: the owner may take.
 *   BUSY           (with home = carved = 0) a thread that is not the owner gives the memory back to the OS.
 *                  If the owner meets it, it clears LISTED and drops the page: then that thread frees the
 *                  run.
 * A heap's stacks are pushed by all and popped by one thread: its own, or for a heap whose thread is gone,
 * any thread that holds the instance's dead_lock. Heap records are never unmapped, so an owner pointer is
 * always good.
 *
 * Memory goes back without further calls. A heap keeps `slack`, the weight it may free before its caches are
 * sent home: half of what is live. As a program drains, its caches go home at each halving, and
 * pages that are whole again are freed as runs; freed runs stay resident up to an eighth of what is in use
 * (and 1 MiB, and what was missed lately, 8 MiB of it when nothing is in use), beyond that they are purged by
 * the thread that freed them. A heap of at most 2 MiB keeps all.
 *
 * References: Leijen, Zorn, de Moura, "Mimalloc: free list sharding in action" (ISMM'19): lists by page,
 * delayed free; Lietar et al., "snmalloc: a message passing allocator" (ISMM'19): remote frees leave in
 * batches; Berger et al., "Hoard" (ASPLOS'00): bounded blow-up, false sharing; Aigner et al., "scalloc"
 * (OOPSLA'15): spans whose frees are lock-free and eager return; Ghemawat and Menage, "TCMalloc": per-thread
 * lists by class, others' blocks among them. We differ from mimalloc in that free does not push on the page,
 * from TCMalloc in that blocks have a home, to which all go that are more than a thread's own demand. */
#ifndef HG_ALLOC_POOLS_POOLS_H
#define HG_ALLOC_POOLS_POOLS_H

#include "alloc/alloc.h"
#include "alloc/base/os.h"
#include "size_class.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define POOLS_INSTANCES     8u
#define POOLS_SEGMENT       ((size_t)4 << 20)
#define POOLS_SLICES        256u
#define POOLS_HEADER_SLICES 2u
#define POOLS_LARGE_MAX     ((size_t)1 << 20)  /* the largest run; above, a mapping of its own */
#define POOLS_OUTBOX        64u                /* pages that an outbox gathers for at once */
#define POOLS_OUTBOX_BYTES  ((size_t)4 << 10)  /* for one page before they go */
#define POOLS_STASH_MIN     ((size_t)64)       /* a cache line: smaller blocks of others always go home */
#define POOLS_STASH_BYTES   ((size_t)64 << 10) /* of others' blocks of a class: a page of the small ones */
/* bytes that a heap, and the instance, hold without a reason */
#define POOLS_KEEP ((int64_t)1 << 20)
#define POOLS_BREATH \
    ((uint64_t)8 << 20) /* and as much again if it was missed lately, however little is live */
#define POOLS_REGRET_NS ((uint64_t)1000000000) /* lately: within a second */

#define POOLS_CLASS_LARGE 254u
#define POOLS_CLASS_HUGE  255u
/* of the heap a thread has before its first call; 0 is of runs without one */
#define POOLS_ID_NONE 0xffffu

struct pools;
struct pools_heap;
struct pools_segment;

/* A page's word: head 20 | home 14 | carved 14 | flags 2 | remote 14. head is 1 + offset/16 of the first block of
 * the list in the page, 0 when it is empty; remote says how many at home were brought by others than the owner,
 * which the owner books when it takes them: so a remote push writes to the page and, at most, to a stack. */
#define POOLS_LISTED ((uint64_t)1 << 48)
#define POOLS_BUSY   ((uint64_t)1 << 49)

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

struct pools_bin {
    void *head;
    uint32_t weight; /* of one block: its size and a part for the page that it may keep from being freed */
    uint32_t unused_;
};

/* Others' blocks that the thread freed and will use itself. Those in the stash are on their owner's books as
 * live; those that the stash made a bin were booked as given out to the program, see heap_stash_use. */
struct pools_stash {
    void *head;
    uint32_t count;
    uint32_t room; /* for so many more */
};

struct pools_outbox {
    struct pools_page *page;
    void *head, *tail;
    uint32_t count; /* goes at so many: at most half of what the page has out, so that none waits for us */
    uint32_t left;  /* until then */
};

enum pools_heap_state { POOLS_HEAP_LIVE, POOLS_HEAP_DEAD };

struct pools_heap {
    /* Of its thread alone. live weight = low + slack. */
    int64_t slack;
    uint32_t id;
    struct pools_bin bin[POOLS_CLASSES];
    int64_t low;
    int64_t out; /* weight of its pages' blocks that are not at home: live and cached */
    struct pools *in;
    struct pools_page *fresh[POOLS_CLASSES]; /* being carved; LISTED, in no stack */
    struct pools_stash stash[POOLS_CLASSES];
    struct pools_outbox outbox[POOLS_OUTBOX];
    /* Written by all. */
    _Alignas(
        64) _Atomic int64_t returned; /* weight of pages that others made whole and freed, to be booked */
    _Atomic int64_t held;             /* bytes carved of its pages: what they keep resident */
    _Atomic int64_t whole;            /* bytes of listed pages that others made whole since the last sweep */
    _Atomic int64_t asleep;           /* `whole` beyond which the thread is taken to be idle */
    _Atomic uint64_t missed_ns;       /* when it last missed memory that was purged for that */
    _Atomic int state;
    _Alignas(64) _Atomic(struct pools_page *) avail[POOLS_CLASSES];
    /* Under dead_lock. */
    _Alignas(64) struct pools_heap *all_next; /* grows only */
    struct pools_heap *dead_next;
};

/* One open backend. Instances are static: a heap stays with its thread when the instance is closed, and is
 * empty. */
struct pools {
    unsigned slot;
    bool open;
    struct pools *beside, *first; /* the heap opened beside this one; the one that this was opened beside */
    struct os_account account;

    pthread_mutex_t walk_lock; /* a walk, against threads that end: before dead_lock */
    pthread_mutex_t dead_lock; /* before span_lock */
    _Atomic(struct pools_heap *) heaps;
    struct pools_heap *dead;
    _Atomic unsigned dead_count;
    char *heap_chunk; /* where the next heap records come from */
    size_t heap_chunk_left;
    uint32_t next_id;

    pthread_mutex_t span_lock;
    struct pools_segment *bucket[9]; /* by log2 of the largest free run */
    struct pools_segment *all, *dirty, **dirty_tail;
    uint64_t segments, empty_segments;
    uint64_t active_slices, dirty_slices;
    uint64_t purged_bytes, purge_calls;
    uint64_t purged_lately, regretted_slices, peak_slices, regret_ns; /* see span.c */

    pthread_mutex_t huge_lock;
    struct pools_segment *huge;
    uint64_t huge_bytes, huge_count;
    struct {
        struct pools_segment *s;
        size_t bytes;
    } huge_cache[16];
    uint64_t huge_cached_bytes, huge_spare_bytes;
    uint64_t huge_regret, huge_gone_lately, huge_regret_ns; /* see huge.c */
    struct pools_aligned *aligned; /* blocks aligned to a segment or more, which have no header before them */
    _Atomic uint64_t aligned_count;
};

extern struct pools pools_instances[POOLS_INSTANCES];
extern const uint8_t pools_class_table[POOLS_TABLE_MAX / 16 + 1];
extern struct pools_heap pools_heap_none; /* all bins empty; never written */
extern _Thread_local struct pools_heap *pools_tls[POOLS_INSTANCES];

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

/* --- span.c: runs of slices. Any thread; takes span_lock.
 * --------------------------------------------------- */

/* slices 1..64, beginning at a multiple of align slices (a power of two up to 64). Beyond
 * *touched slices it was never written. NULL with ENOMEM. The map is not filled. */
void *pools_run_alloc(struct pools *in, unsigned slices, unsigned align, unsigned *touched);
/* Gives the last `slices - keep` slices back, all with keep 0; up to the slice `touched` they have been
 * written. */
void pools_run_free(struct pools *in, void *run, unsigned slices, unsigned keep, unsigned touched);
/* Takes the slices after the run into it, if they are free. */
bool pools_run_extend(struct pools *in, void *run, unsigned slices, unsigned want);
/* Fills the map for a run: id 0 for one without an owner. */
void pools_run_map(void *run, unsigned slices, uint32_t id, unsigned class_);
void pools_spans_close(struct pools *in);

/* --- page.c: the word of a page
 * ------------------------------------------------------------------------------ */

/* What a take or a carve brought: a chain of count blocks ended by NULL. */
struct pools_chain {
    void *head;
    unsigned count;
    bool zero;       /* one block that was never written */
    unsigned remote; /* of count */
    bool listed;     /* the page is still LISTED: the caller keeps it or puts it back */
};

struct pools_page *pools_page_new(struct pools *in, struct pools_heap *owner, unsigned class_);
/* A page that nobody else can know of any more, with so many blocks carved. */
void pools_page_free(struct pools *in, struct pools_page *page, unsigned carved);
/* Brings a chain of count blocks home. self is the caller's heap, or NULL. */
void pools_page_push(struct pools *in, struct pools_heap *self, struct pools_page *page, void *head,
                     void *tail, unsigned count);
/* By the one who may take, of a page that it popped or holds as fresh: */
struct pools_chain pools_page_take(struct pools_page *page, bool keep_listed);
struct pools_chain pools_page_carve(struct pools_page *page, bool keep_listed);
/* Makes the page's run free if every block is at home. false: it is not. */
bool pools_page_retire(struct pools *in, struct pools_page *page);
/* True when the page is BUSY: then LISTED is cleared and the page is no longer the caller's. */
bool pools_page_lost(struct pools_page *page);
bool pools_page_is_valid(struct pools_page *page);

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

/* --- heap.c
 * -------------------------------------------------------------------------------------------------- */

uint32_t pools_weight(unsigned class_);
/* A block of the class when the thread's bin is empty. *zero when it was never written. NULL with ENOMEM. */
void *pools_refill(struct pools *in, unsigned class_, bool *zero);
/* slack has run out. */
void pools_heap_drain(struct pools_heap *h);
/* A block of a page that is not the thread's own, or of a thread without a heap. */
void pools_free_remote(struct pools *in, void *p, uint32_t m);
/* Puts a page on its owner's stack: by the push that set LISTED. */
void pools_heap_list(struct pools_page *page);
/* Another thread's push has made a listed page of so many bytes whole. The page may be gone by now. */
void pools_heap_whole(struct pools *in, struct pools_heap *owner, size_t bytes);
/* Others have brought home so much since the owner last looked that its thread must be taken to be idle. */
bool pools_heap_asleep(struct pools_heap *owner);
/* Empties every heap without looking at its pages: the instance is being closed. */
void pools_heaps_close(struct pools *in);

/* --- huge.c: mapped blocks
 * ----------------------------------------------------------------------------------- */

void *pools_huge_alloc(struct pools *in, size_t size, size_t align, bool *zero);
void pools_huge_free(struct pools *in, void *p);
/* In place or by moving page tables; NULL with ENOMEM leaves the block. */
void *pools_huge_realloc(struct pools *in, void *p, size_t size);
size_t pools_huge_usable(const void *p);
/* Blocks at a segment's start. usable 0: not one of ours. */
size_t pools_aligned_usable(struct pools *in, const void *p);
void pools_aligned_free(struct pools *in, void *p);
void pools_huge_close(struct pools *in);

/* --- walk.c
 * -------------------------------------------------------------------------------------------------- */

void pools_stats(void *ctx, struct alloc_stats *out);
void pools_report(void *ctx, const struct alloc_sink *sink);
int pools_walk(void *ctx, int (*visit)(void *arg, const struct alloc_piece *piece), void *arg, bool blocks);

#endif
