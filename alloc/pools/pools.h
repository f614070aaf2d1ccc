/* pools.h: how the parts of the `pools` backend work together, and what they call of each other. The
 * structures and what holds of each: types.h. A file calls those below it in this list, and none above:
 *
 *   pools.c     the calls, and the fast paths whole
 *   thread.c              which thread has which heap; fork
 *   heap.c      heap      what one thread has: a thread cache for each class (a local and an adopted list), a
 *                         remote cache, the stacks of its pages with free blocks
 *   page.c      page      a run cut into blocks of one size class: 64 KiB, 256 KiB or 1 MiB
 *   span.c      segment   4 MiB, aligned to 4 MiB, from os_map: slices of 16 KiB, two of them its header
 *               run       consecutive slices of one segment: a page, or one large block (128 KiB to 1 MiB)
 *   huge.c      huge      a block over 1 MiB, with a mapping of its own
 *   reuse.c               what was given back to the OS too soon
 *   instance.c            the instances' data
 *   walk.c                figures and walks, validity of the whole: reads all of these
 *
 * Where a block is, and the conservation law. A block that was carved from its page is in one of three
 * places: with the program (live), in a thread cache or a remote cache of some heap (cached), or on its
 * page's own list (home).
 *      carved = live + cached + home        for every page, at every moment
 * `home` and `carved` are fields of one 64-bit atomic word, so that the thread whose push makes home ==
 * carved knows, alone, that the page has no block left anywhere else.
 *
 * The fast paths touch no page. malloc pops the local list of the class, free pushes on it: last in, first
 * out, over all pages of the thread, so that what was freed last, and is in the processor's cache, is used
 * next. A block whose page another heap owns takes one of two ways:
 *   swap   A thread that has drawn blocks of the class from pages of its own may adopt as many of others' (at
 *          most POOLS_ADOPT_BYTES), which become its local list when that is empty. Threads that hand blocks
 *          to each other and ask for as many thus live on what they get, without a word between them, and the
 *          lines of a block move once a turn, not twice; a thread that only frees has earned no room.
 *   home   All else goes to the remote cache, is gathered there by page, and goes home in batches, to be used
 *          again by the heap that owns its page. So do all blocks under a cache line, so that threads do not
 *          come to share lines (Hoard's passive false sharing); of larger ones, at most the ends are shared.
 * The owner's id in the segment's map is therefore policy: reading an old one, or that of two heaps with the
 * same 16 bits, sends a block a longer way and breaks nothing.
 *
 * A page's list is a Treiber stack: any thread pushes a chain by compare-and-swap, only one thread may take,
 * and takes all. Push and take-all have no ABA problem: a push needs of the old head that it is the head.
 * LISTED marks who may take:
 *   LISTED clear   the page is in no stack. The push that sets LISTED puts it on its owner's stack of that
 *                  class; the push that brings every block home instead frees the run. (This is the notice to
 *                  the owner of a full page: mimalloc's delayed free.)
 *   LISTED set     the page is on its owner's stack, or is the owner's `fresh` page: the owner may take.
 *   PURGING        (with home = carved = 0) a thread that is not the owner gives the memory back to the OS,
 *                  as the owner looks idle. If the owner meets it, it clears LISTED and drops the page: then
 *                  that thread frees the run.
 * A heap's stacks are pushed by all and popped by one thread: its own, or for an abandoned heap, any thread
 * that holds heaps.lock. Heap records are never unmapped, so an owner pointer is always good.
 *
 * Memory goes back without further calls. A heap keeps `slack`, the weight it may free before its caches go
 * home: half of what is live. As a program drains, its caches go home at each halving, and pages whose blocks
 * are all home again are freed as runs; freed runs stay resident up to an eighth of what is in use (and 1
 * MiB, and what was given back too soon, 8 MiB of it when nothing is in use: reuse.h), beyond that they are
 * purged by the thread that freed them. A heap of at most 2 MiB keeps all.
 *
 * References: Leijen, Zorn, de Moura, "Mimalloc: free list sharding in action" (ISMM'19): lists by page,
 * delayed free, abandoned heaps; Lietar et al., "snmalloc: a message passing allocator" (ISMM'19): remote
 * frees leave in batches; Berger et al., "Hoard" (ASPLOS'00): bounded blow-up, false sharing; Aigner et
 * al., "scalloc" (OOPSLA'15): spans whose frees are lock-free and eager return; Ghemawat and Menage,
 * "TCMalloc": thread caches by class, others' blocks among them. We differ from mimalloc in that free does
 * not push on the page, from TCMalloc in that blocks have a home, to which all go that are more than a
 * thread's own demand. */
#ifndef HG_ALLOC_POOLS_POOLS_H
#define HG_ALLOC_POOLS_POOLS_H

#include "alloc/alloc.h"
#include "types.h"

#include <errno.h>

/* --- span.c: runs of slices. Any thread; takes spans.lock ----------------------------------------------- */

/* slices 1..64, beginning at a multiple of align slices (a power of two up to 64). Beyond
 * *touched slices it was never written. NULL with ENOMEM. The map is not filled. */
void *pools_run_alloc(struct pools *in, unsigned slices, unsigned align, unsigned *touched);
/* Gives the last `slices - keep` slices back, all with keep 0; up to the slice `touched` they have been
 * written. */
void pools_run_free(struct pools *in, void *run, unsigned slices, unsigned keep, unsigned touched);
/* Gives all free slices that were written to the OS; false when there were none. */
bool pools_spans_trim(struct pools *in);
/* Takes the slices after the run into it, if they are free. */
bool pools_run_extend(struct pools *in, void *run, unsigned slices, unsigned want);
/* Fills the map for a run: id 0 for one without an owner. */
void pools_run_map(void *run, unsigned slices, uint32_t id, unsigned class_);
void pools_spans_close(struct pools *in);
/* The law of types.h, with spans.lock. */
bool pools_segment_is_valid(const struct pools_segment *s);
/* All segments, and the sums. With spans.lock. */
bool pools_spans_are_valid(const struct pools *in);

/* --- page.c: the word of a page ------------------------------------------------------------------------- */

/* What a take or a carve brought: a chain of count blocks ended by NULL. */
struct pools_chain {
    void *head;
    unsigned count;
    bool zero;       /* one block that was never written */
    unsigned remote; /* of count */
    bool listed;     /* the page is still LISTED: the caller keeps it or puts it back */
};

/* What a push did, and what the caller has to do: it may look at the page after ALL_GONE and IDLE_OWNER
 * alone. */
enum pools_push_result {
    POOLS_PUSH_DONE,       /* nothing */
    POOLS_PUSH_ALL_HOME,   /* a listed page of another's has all its blocks at home: its owner should know */
    POOLS_PUSH_IDLE_OWNER, /* the same, and the owner looks idle: pools_page_purge */
    POOLS_PUSH_ALL_GONE,   /* all blocks are at home of a page in no stack: it is the caller's to free */
};
struct pools_push {
    enum pools_push_result result;
    unsigned carved; /* of the page, until now */
    struct pools_heap *owner;
};

struct pools_page *pools_page_new(struct pools *in, struct pools_heap *owner, unsigned class_);
/* A page that nobody else can know of any more, with so many blocks carved. */
void pools_page_free(struct pools *in, struct pools_page *page, unsigned carved);
/* Brings a chain of count blocks home. self is the caller's heap, or NULL. */
struct pools_push pools_page_push(struct pools_heap *self, struct pools_page *page, void *head, void *tail,
                                  unsigned count);
/* After POOLS_PUSH_IDLE_OWNER: gives the memory back, then the page to its owner, or the run if the owner
 * dropped it. */
void pools_page_purge(struct pools *in, struct pools_page *page, unsigned carved);
/* Puts a page on its owner's stack: by the one who set LISTED, or who may take. */
void pools_page_list(struct pools_page *page);
/* By the one who may take, of a page that it popped or holds as fresh: */
struct pools_chain pools_page_take(struct pools_page *page, bool keep_listed);
struct pools_chain pools_page_carve(struct pools_page *page, bool keep_listed);
/* Makes the page's run free if every block is at home. false: it is not. */
bool pools_page_retire(struct pools *in, struct pools_page *page);
/* True when the page is PURGING: then LISTED is cleared, and the page is left to the thread that purges
 * it. */
bool pools_page_yield(struct pools_page *page);
/* The word alone, at any time. */
bool pools_page_is_valid(struct pools_page *page);
/* The word and the list. By the one who may take, while nobody pushes. */
bool pools_page_list_is_valid(struct pools_page *page);

/* --- heap.c --------------------------------------------------------------------------------------------- */

/* A block of the class when the local list is empty. *zero when it was never written. NULL with ENOMEM. */
void *pools_heap_refill(struct pools_heap *h, unsigned class_, bool *zero);
/* A block of another's page, or of one taken over, goes to the remote cache. */
void pools_heap_send(struct pools_heap *h, struct pools_page *page, void *p);
/* A block goes home at once: of a thread that has no heap. */
void pools_heap_push_one(struct pools *in, struct pools_page *page, void *p);
/* Everything goes home, before the heap is abandoned. */
void pools_heap_empty(struct pools_heap *h);
/* slack has run out. */
void pools_heap_drain(struct pools_heap *h);
/* Empties every heap without looking at its pages: the instance is being closed. */
void pools_heaps_close(struct pools *in);
/* The thread and remote caches: counts, classes, room. By its thread, or at quiescence. */
bool pools_heap_is_valid(const struct pools_heap *h);

/* --- thread.c ------------------------------------------------------------------------------------------- */

/* A block of the class when the thread's local list is empty. *zero when it was never written. NULL with
 * ENOMEM. */
void *pools_refill(struct pools *in, unsigned class_, bool *zero);
/* At the first opening, not the first call: of handlers around fork() those registered first are the last to
 * prepare and the first to go on, so that a program's, registered later, may allocate. */
void pools_hooks(void);
/* A block of a page that is not the thread's own, or of a thread without a heap. */
void pools_free_remote(struct pools *in, void *p, uint32_t m);

/* --- huge.c: mapped blocks. Any thread; takes huge.lock ------------------------------------------------- */

void *pools_huge_alloc(struct pools *in, size_t size, size_t align, bool *zero);
void pools_huge_free(struct pools *in, void *p);
/* In place or by moving page tables; NULL with ENOMEM leaves the block. */
void *pools_huge_realloc(struct pools *in, void *p, size_t size);
size_t pools_huge_usable(const void *p);
/* Blocks at a segment's start. usable 0: not one of ours. */
size_t pools_aligned_usable(struct pools *in, const void *p);
void pools_aligned_free(struct pools *in, void *p);
/* Gives the mappings that are kept for the next request to the OS; false when there were none. */
bool pools_huge_trim(struct pools *in);
void pools_huge_close(struct pools *in);
/* The sums of types.h. With huge.lock. */
bool pools_huge_is_valid(const struct pools *in);

/* --- walk.c --------------------------------------------------------------------------------------------- */

void pools_stats(void *ctx, struct alloc_stats *out);
void pools_usage(void *ctx, struct alloc_usage *out);
bool pools_trim(void *ctx);
void pools_report(void *ctx, const struct alloc_sink *sink);
int pools_walk(void *ctx, int (*visit)(void *arg, const struct alloc_piece *piece), void *arg, bool blocks);
/* The whole instance: spans, huge blocks, every page and heap, and the law carved = live + cached + home. At
 * quiescence, with heaps.walk_lock. */
bool pools_is_valid(struct pools *in);

#endif
