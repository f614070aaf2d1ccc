/* heap.c: what a thread has: refill, outbox, drain, birth and death, fork. See pools.h.
 *
 * Accounting of a heap, in weights: out = what is not at home of its own pages; live = low + slack;
 * cached = out - live. Others' pushes are counted in `returned` and settled when the thread comes by. The
 * figures steer policy alone; a race that books a batch to the wrong heap is harmless. */
#include "pools.h"
#include "alloc/base/compiler.h"

#include <string.h>

static pthread_key_t heap_key;
static bool heap_key_made;
static pthread_once_t heap_hooks_once = PTHREAD_ONCE_INIT;
/* Set by the destructor: calls after it find no heap of the thread's own and must not make one to leak. */
static _Thread_local bool heap_exited;

uint32_t pools_weight(unsigned class_)
{
    return (uint32_t)pools_class_bytes(class_) + 240;
}

static int64_t heap_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* --- stacks of pages -------------------------------------------------------------------------------------
 */

void pools_heap_list(struct pools_page *page)
{
    struct pools_heap *h = atomic_load_explicit(&page->owner, memory_order_relaxed);
    _Atomic(struct pools_page *) *stack = &h->avail[page->class_];
    struct pools_page *head = atomic_load_explicit(stack, memory_order_relaxed);
    do
        page->next = head;
    while (!atomic_compare_exchange_weak_explicit(stack, &head, page,
                                                  memory_order_release, /* pairs with heap_pop */
                                                  memory_order_relaxed));
}

/* By the one who may take from h. No ABA: a page leaves the stack by this alone. */
static struct pools_page *heap_pop(struct pools_heap *h, unsigned c)
{
    struct pools_page *page = atomic_load_explicit(&h->avail[c], memory_order_acquire);
    while (page && !atomic_compare_exchange_weak_explicit(&h->avail[c], &page, page->next,
                                                          memory_order_acquire, /* pairs with heap_list */
                                                          memory_order_acquire))
        ;
    return page;
}

/* Frees the runs of whole pages, by the one who may take from h. */
static void heap_sweep(struct pools_heap *h)
{
    struct pools *in = h->in;
    atomic_store_explicit(&h->whole, 0, memory_order_relaxed);
    for (unsigned c = 0; c < POOLS_CLASSES; c++) {
        struct pools_page *page = h->fresh[c], *next;
        h->fresh[c] = NULL; /* before the page may go: a fork may come between */
        if (page && !pools_page_lost(page) && !pools_page_retire(in, page))
            h->fresh[c] = page;
        if (!atomic_load_explicit(&h->avail[c], memory_order_relaxed))
            continue;
        page = atomic_exchange_explicit(&h->avail[c], NULL, memory_order_acquire); /* pairs with heap_list */
        for (; page; page = next) {
            next = page->next;
            if (!pools_page_lost(page) && !pools_page_retire(in, page))
                pools_heap_list(page);
        }
    }
}

/* --- sending blocks home ---------------------------------------------------------------------------------
 */

static void heap_outbox_send(struct pools_heap *h, struct pools_outbox *o)
{
    struct pools_page *page = o->page;
    o->page = NULL;
    pools_page_push(h->in, h, page, o->head, o->tail, o->count - o->left);
}

static void heap_outbox_send_all(struct pools_heap *h)
{
    for (struct pools_outbox *o = h->outbox; o < h->outbox + POOLS_OUTBOX; o++)
        if (o->page)
            heap_outbox_send(h, o);
}

/* Begins to gather for a page. */
static noinline void heap_outbox_open(struct pools_heap *h, struct pools_outbox *o, struct pools_page *page,
                                      void *p)
{
    if (o->page)
        heap_outbox_send(h, o);
    /* Relaxed: a hint of how many are out. */
    uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed);
    unsigned count = (pools_word_carved(w) - pools_word_home(w)) / 2;
    if (count > POOLS_OUTBOX_BYTES / page->block_bytes)
        count = POOLS_OUTBOX_BYTES / page->block_bytes;
    if (count <= 1)
        pools_page_push(h->in, h, page, p, p, 1);
    else
        *o = (struct pools_outbox){page, p, p, count, count - 1};
}

static inline struct pools_outbox *heap_outbox_of(struct pools_heap *h, const struct pools_page *page)
{
    uintptr_t key = (uintptr_t)page;
    return &h->outbox[((key >> 8) + (key >> 22) * 5) % POOLS_OUTBOX];
}

static inline void heap_outbox_add(struct pools_heap *h, struct pools_page *page, void *p)
{
    struct pools_outbox *o = heap_outbox_of(h, page);
    if (o->page == page) {
        *(void **)p = o->head;
        o->head = p;
        if (--o->left == 0)
            heap_outbox_send(h, o);
    } else {
        heap_outbox_open(h, o, page, p);
    }
}

/* --- others' blocks ------------------------------------------------------------------------------------- */

/* `count` blocks of class c were drawn from pages of the heap's own: as many of others' may be kept for
 * them. */
static void heap_stash_earn(struct pools_heap *h, unsigned c, unsigned count)
{
    struct pools_stash *s = &h->stash[c];
    size_t bytes = pools_class_bytes(c);
    uint32_t most = bytes < POOLS_STASH_MIN ? 0 : (uint32_t)(POOLS_STASH_BYTES / bytes);
    if (s->count + s->room + count > most)
        s->room = most > s->count ? most - s->count : 0;
    else
        s->room += count;
}

/* The stash becomes the bin, which is empty. Its blocks are live on their owners' books: here they are paid
 * for now, as the bin's blocks will be booked to us as they are given out. */
static bool heap_stash_use(struct pools_heap *h, unsigned c)
{
    struct pools_stash *s = &h->stash[c];
    if (!s->head)
        return false;
    h->bin[c].head = s->head;
    h->low -= (int64_t)h->bin[c].weight * s->count;
    s->room += s->count;
    s->head = NULL;
    s->count = 0;
    return true;
}

/* Sends a chain of cached blocks home. booked: those of others were paid for by heap_stash_use. */
static void heap_send_home(struct pools_heap *h, void *p, bool booked)
{
    for (void *next; p; p = next) {
        next = *(void **)p;
        uint32_t m = pools_map_of(p);
        if (booked && m >> 16 != h->id)
            h->low += h->bin[pools_map_class(m)].weight;
        heap_outbox_add(h, pools_page_of(p, m), p);
    }
}

/* Everything that the heap caches. */
static void heap_flush(struct pools_heap *h)
{
    for (unsigned c = 0; c < POOLS_CLASSES; c++) {
        void *bin = h->bin[c].head, *stash = h->stash[c].head;
        h->bin[c].head = NULL;
        h->stash[c] = (struct pools_stash){0};
        heap_send_home(h, bin, true);
        heap_send_home(h, stash, false);
    }
    heap_outbox_send_all(h);
}

/* Books what others brought home. */
static void heap_settle(struct pools_heap *h)
{
    if (atomic_load_explicit(&h->returned, memory_order_relaxed)) {
        int64_t r = atomic_exchange_explicit(&h->returned, 0, memory_order_relaxed);
        h->low -= r;
        h->out -= r;
    }
}

/* The sum is below 0 while the bins hold many of others' blocks, which are paid for. */
static int64_t heap_live(const struct pools_heap *h)
{
    return heap_max(h->low + h->slack, 0);
}

static void heap_set_slack(struct pools_heap *h, int64_t slack)
{
    h->low += h->slack - slack;
    h->slack = slack;
}

void pools_heap_drain(struct pools_heap *h)
{
    heap_settle(h);
    if (atomic_load_explicit(&h->held, memory_order_relaxed) <= 2 * POOLS_KEEP) {
        heap_set_slack(h, heap_live(h) + POOLS_KEEP); /* not again before the next refill looks */
    } else {
        heap_flush(h);
        heap_sweep(h);
        heap_set_slack(h, heap_max(heap_live(h) / 2, 4096));
    }
}

/* A thread that takes its turn only now and then looks idle between two. When it misses what was purged,
 * others wait for twice as much before they do it again, for POOLS_REGRET_NS. */
#define HEAP_ASLEEP     (4 * POOLS_KEEP)
#define HEAP_ASLEEP_MAX (1024 * POOLS_KEEP)

static void heap_missed(struct pools_heap *h)
{
    int64_t asleep = atomic_load_explicit(&h->asleep, memory_order_relaxed);
    if (asleep < HEAP_ASLEEP_MAX)
        atomic_store_explicit(&h->asleep, 2 * heap_max(asleep, HEAP_ASLEEP), memory_order_relaxed);
    atomic_store_explicit(&h->missed_ns, os_now_ns(), memory_order_relaxed);
}

bool pools_heap_asleep(struct pools_heap *owner)
{
    int64_t whole = atomic_load_explicit(&owner->whole, memory_order_relaxed);
    if (whole <= heap_max(HEAP_ASLEEP, atomic_load_explicit(&owner->held, memory_order_relaxed) / 4) ||
        atomic_load_explicit(&owner->state, memory_order_relaxed) != POOLS_HEAP_LIVE)
        return false;
    return whole > atomic_load_explicit(&owner->asleep, memory_order_relaxed) ||
           os_now_ns() - atomic_load_explicit(&owner->missed_ns, memory_order_relaxed) > POOLS_REGRET_NS;
}

void pools_heap_whole(struct pools *in, struct pools_heap *owner, size_t bytes)
{
    int64_t whole =
        atomic_fetch_add_explicit(&owner->whole, (int64_t)bytes, memory_order_relaxed) + (int64_t)bytes;
    if (atomic_load_explicit(&owner->state, memory_order_relaxed) != POOLS_HEAP_DEAD ||
        whole < heap_max(POOLS_KEEP / 8, atomic_load_explicit(&owner->held, memory_order_relaxed) / 8))
        return;
    /* A dead heap has nobody to sweep it. If another is at the dead ones now, the next push will do it. */
    if (pthread_mutex_trylock(&in->dead_lock) == 0) {
        if (atomic_load_explicit(&owner->state, memory_order_relaxed) == POOLS_HEAP_DEAD)
            heap_sweep(owner);
        pthread_mutex_unlock(&in->dead_lock);
    }
}

/* --- refill ----------------------------------------------------------------------------------------------
 */

/* Gives out the first block of a chain and keeps the rest. */
static void *heap_accept(struct pools_heap *h, unsigned c, struct pools_chain chain, bool *zero)
{
    struct pools_bin *bin = &h->bin[c];
    void *p = chain.head;
    bin->head = chain.zero ? NULL : *(void **)p;
    h->out += (int64_t)bin->weight * (chain.count - chain.remote);
    h->low -= (int64_t)bin->weight * chain.remote;
    h->slack += bin->weight;
    heap_stash_earn(h, c, chain.count);
    *zero = chain.zero;
    return p;
}

static void *heap_serve_fresh(struct pools_heap *h, unsigned c, bool *zero)
{
    struct pools_page *page = h->fresh[c];
    if (pools_page_lost(page)) {
        h->fresh[c] = NULL;
        return NULL;
    }
    uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed);
    bool full = pools_word_carved(w) == page->capacity;
    struct pools_chain chain;
    if (full || pools_word_home(w)) /* what was used before, before what was never touched */
        chain = pools_page_take(page, false);
    else
        chain = pools_page_carve(page, false);
    if (!chain.listed)
        h->fresh[c] = NULL;
    return chain.count ? heap_accept(h, c, chain, zero) : NULL;
}

/* Of a page that was popped. */
static void *heap_serve_listed(struct pools_heap *h, struct pools_page *page, unsigned c, bool *zero)
{
    if (pools_page_lost(page))
        return NULL;
    uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed);
    struct pools_chain chain;
    if (!pools_word_carved(w))
        heap_missed(h);
    if (pools_word_carved(w) == page->capacity) {
        chain = pools_page_take(page, false);
        if (chain.listed) /* purged since we looked */
            pools_heap_list(page);
    } else if (!h->fresh[c]) {
        h->fresh[c] = page;
        return heap_serve_fresh(h, c, zero);
    } else if (pools_page_retire(h->in, page)) {
        return NULL;
    } else {
        /* Partly carved, of a dead heap or purged, and we have one to carve: take, or carve, and put it back.
         */
        chain = pools_word_home(w) ? pools_page_take(page, true) : pools_page_carve(page, true);
        if (chain.listed)
            pools_heap_list(page);
    }
    return chain.count ? heap_accept(h, c, chain, zero) : NULL;
}

/* A page with free blocks of a dead heap becomes ours, when both bin and stash of its class are empty. */
static struct pools_page *heap_steal(struct pools_heap *h, unsigned c)
{
    struct pools *in = h->in;
    if (!atomic_load_explicit(&in->dead_count, memory_order_relaxed))
        return NULL;
    struct pools_page *page = NULL;
    pthread_mutex_lock(&in->dead_lock);
    for (struct pools_heap *d = in->dead; d && !page; d = d->dead_next) {
        while ((page = heap_pop(d, c)) && pools_page_lost(page))
            ;
        if (!page)
            continue;
        uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed);
        int64_t out =
            (int64_t)pools_weight(c) * (pools_word_carved(w) - pools_word_home(w) + pools_word_remote(w));
        int64_t bytes = (int64_t)pools_word_carved(w) * page->block_bytes;
        d->out -= out;
        d->low -= out;
        h->out += out;
        h->low += out;
        const struct pools_outbox *o = heap_outbox_of(h, page);
        if (o->page == page) /* on its old owner's books live, on ours cached */
            h->low -= (int64_t)pools_weight(c) * (o->count - o->left);
        atomic_fetch_sub_explicit(&d->held, bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&h->held, bytes, memory_order_relaxed);
        /* Relaxed: a push looks at the owner after our take has cleared LISTED with release. */
        atomic_store_explicit(&page->owner, h, memory_order_relaxed);
        pools_run_map(page->start, page->slices, h->id, c);
    }
    pthread_mutex_unlock(&in->dead_lock);
    return page;
}

static void *heap_refill(struct pools_heap *h, unsigned c, bool *zero)
{
    struct pools_page *page;
    void *p;
    if (heap_stash_use(h, c)) {
        struct pools_bin *bin = &h->bin[c];
        p = bin->head;
        bin->head = *(void **)p;
        h->slack += bin->weight;
        *zero = false;
        return p;
    }
    heap_settle(h);
    int64_t live = heap_live(h), held = atomic_load_explicit(&h->held, memory_order_relaxed);
    if (h->slack > live / 4 * 3)
        heap_set_slack(h, heap_max(live / 2, 4096));
    if (atomic_load_explicit(&h->whole, memory_order_relaxed) > heap_max(POOLS_KEEP, held / 4))
        heap_sweep(h);
    for (;;) {
        while ((page = heap_pop(h, c)))
            if ((p = heap_serve_listed(h, page, c, zero)))
                return p;
        if (h->fresh[c] && (p = heap_serve_fresh(h, c, zero)))
            return p;
        /* Before more memory: what lies in our bins, if it is much (the program turns to other sizes), then
         * what dead threads left. */
        if (h->out - live > heap_max(POOLS_KEEP, h->out / 4)) {
            heap_flush(h);
            heap_sweep(h);
            h->out = live; /* exact, but for races in the booking: never flush twice for the same */
        } else if ((page = heap_steal(h, c))) {
            if ((p = heap_serve_listed(h, page, c, zero)))
                return p;
        } else if (!h->fresh[c]) {
            if (!(h->fresh[c] = pools_page_new(h->in, h, c)))
                return NULL;
        }
    }
}

/* --- birth and death -------------------------------------------------------------------------------------
 */

static struct pools_heap *heap_acquire(struct pools *in)
{
    pthread_mutex_lock(&in->dead_lock);
    struct pools_heap *h = in->dead;
    if (h) {
        in->dead = h->dead_next;
        atomic_fetch_sub_explicit(&in->dead_count, 1, memory_order_relaxed);
        atomic_store_explicit(&h->state, POOLS_HEAP_LIVE, memory_order_relaxed);
    } else {
        if (in->heap_chunk_left < sizeof *h) {
            size_t bytes = sizeof *h * 12;
            char *chunk = os_map(&in->account, bytes, 0, 0);
            if (!chunk) {
                pthread_mutex_unlock(&in->dead_lock);
                errno = ENOMEM;
                return NULL;
            }
            in->heap_chunk = chunk;
            in->heap_chunk_left = bytes;
        }
        h = (struct pools_heap *)in->heap_chunk;
        in->heap_chunk += sizeof *h;
        in->heap_chunk_left -= sizeof *h;
        h->in = in;
        h->id = in->next_id = in->next_id % (POOLS_ID_NONE - 1) + 1;
        for (unsigned c = 0; c < POOLS_CLASSES; c++)
            h->bin[c].weight = pools_weight(c);
        h->all_next = atomic_load_explicit(&in->heaps, memory_order_relaxed);
        atomic_store_explicit(&in->heaps, h, memory_order_release); /* pairs with walks */
    }
    pthread_mutex_unlock(&in->dead_lock);
    return h;
}

static void heap_bury(struct pools_heap *h)
{
    struct pools *in = h->in;
    atomic_store_explicit(&h->state, POOLS_HEAP_DEAD, memory_order_relaxed);
    h->dead_next = in->dead;
    in->dead = h;
    atomic_fetch_add_explicit(&in->dead_count, 1, memory_order_relaxed);
}

static void heap_release(struct pools_heap *h)
{
    pthread_mutex_lock(&h->in->walk_lock);
    heap_flush(h);
    for (unsigned c = 0; c < POOLS_CLASSES; c++) {
        struct pools_page *page = h->fresh[c];
        h->fresh[c] = NULL;
        if (page && !pools_page_lost(page))
            pools_heap_list(page);
    }
    heap_settle(h);
    heap_sweep(h);
    pthread_mutex_lock(&h->in->dead_lock);
    heap_bury(h);
    pthread_mutex_unlock(&h->in->dead_lock);
    pthread_mutex_unlock(&h->in->walk_lock);
}

static void heap_thread_exit(void *unused)
{
    (void)unused;
    heap_exited = true;
    for (unsigned i = 0; i < POOLS_INSTANCES; i++) {
        struct pools_heap *h = pools_tls[i];
        pools_tls[i] = &pools_heap_none;
        if (h != &pools_heap_none)
            heap_release(h);
    }
}

/* Fork. The child has one thread; the other heaps are taken over as dead ones. What their threads had in bins
 * and outboxes is lost, as a bin may have been half way through a change; pages are consistent at any moment.
 */
static void heap_fork_prepare(void)
{
    for (unsigned i = 0; i < POOLS_INSTANCES; i++) {
        pthread_mutex_lock(&pools_instances[i].walk_lock);
        pthread_mutex_lock(&pools_instances[i].dead_lock);
        pthread_mutex_lock(&pools_instances[i].huge_lock);
        pthread_mutex_lock(&pools_instances[i].span_lock);
    }
}

static void heap_fork_done(void)
{
    for (unsigned i = POOLS_INSTANCES; i-- > 0;) {
        pthread_mutex_unlock(&pools_instances[i].span_lock);
        pthread_mutex_unlock(&pools_instances[i].huge_lock);
        pthread_mutex_unlock(&pools_instances[i].dead_lock);
        pthread_mutex_unlock(&pools_instances[i].walk_lock);
    }
}

static void heap_fork_child(void)
{
    for (unsigned i = 0; i < POOLS_INSTANCES; i++) {
        struct pools *in = &pools_instances[i];
        for (struct pools_heap *h = atomic_load_explicit(&in->heaps, memory_order_relaxed); h;
             h = h->all_next) {
            if (h == pools_tls[i] || atomic_load_explicit(&h->state, memory_order_relaxed) == POOLS_HEAP_DEAD)
                continue;
            for (unsigned c = 0; c < POOLS_CLASSES; c++) {
                struct pools_page *page = h->fresh[c];
                h->bin[c].head = NULL;
                h->stash[c] = (struct pools_stash){0};
                h->fresh[c] = NULL;
                /* Not LISTED: its thread was just letting go of it. */
                if (page && atomic_load_explicit(&page->word, memory_order_relaxed) & POOLS_LISTED)
                    pools_heap_list(page);
            }
            memset(h->outbox, 0, sizeof h->outbox);
            heap_bury(h);
        }
    }
    heap_fork_done();
}

static void heap_hooks(void)
{
    heap_key_made = pthread_key_create(&heap_key, heap_thread_exit) == 0;
    pthread_atfork(heap_fork_prepare, heap_fork_done, heap_fork_child);
}

/* The thread's heap, made when it has none; NULL when there is no memory for one, or the thread is exiting.
 */
static struct pools_heap *heap_of_thread(struct pools *in)
{
    struct pools_heap *h = pools_tls[in->slot];
    if (h != &pools_heap_none)
        return h;
    if (heap_exited || !(h = heap_acquire(in)))
        return NULL;
    /* First our own state, then the C library: it may call malloc for its own tables. */
    pools_tls[in->slot] = h;
    pthread_once(&heap_hooks_once, heap_hooks);
    if (heap_key_made)
        pthread_setspecific(heap_key, h);
    return h;
}

void *pools_refill(struct pools *in, unsigned class_, bool *zero)
{
    struct pools_heap *h = heap_of_thread(in);
    if (h)
        return heap_refill(h, class_, zero);
    if (!heap_exited || !(h = heap_acquire(in)))
        return NULL;
    /* After the thread's end: one block of a heap that is borrowed for it. */
    void *p = heap_refill(h, class_, zero);
    heap_release(h);
    return p;
}

static noinline void heap_free_first(struct pools *in, void *p, uint32_t m)
{
    struct pools_page *page = pools_page_of(p, m);
    struct pools_heap *h = heap_of_thread(in);
    if (h &&
        m >> 16 == h->id) /* taken over from the thread that made the block: then it is live on our books */
        h->slack -= h->bin[pools_map_class(m)].weight;
    if (h)
        heap_outbox_add(h, page, p);
    else
        pools_page_push(in, NULL, page, p, p, 1);
}

void pools_free_remote(struct pools *in, void *p, uint32_t m)
{
    struct pools_heap *h = pools_tls[in->slot];
    struct pools_stash *s = &h->stash[pools_map_class(m)];
    if (s->room) {
        *(void **)p = s->head;
        s->head = p;
        s->count++;
        s->room--;
    } else if (h != &pools_heap_none) {
        heap_outbox_add(h, pools_page_of(p, m), p);
    } else {
        heap_free_first(in, p, m);
    }
}

void pools_heaps_close(struct pools *in)
{
    for (struct pools_heap *h = atomic_load_explicit(&in->heaps, memory_order_acquire); h; h = h->all_next) {
        for (unsigned c = 0; c < POOLS_CLASSES; c++) {
            h->bin[c].head = NULL;
            h->stash[c] = (struct pools_stash){0};
            h->fresh[c] = NULL;
            atomic_store_explicit(&h->avail[c], NULL, memory_order_relaxed);
        }
        memset(h->outbox, 0, sizeof h->outbox);
        h->slack = h->low = h->out = 0;
        atomic_store_explicit(&h->returned, 0, memory_order_relaxed);
        atomic_store_explicit(&h->held, 0, memory_order_relaxed);
        atomic_store_explicit(&h->whole, 0, memory_order_relaxed);
        atomic_store_explicit(&h->asleep, 0, memory_order_relaxed);
    }
}
