/* heap.c: what a thread has: refill, the thread and remote caches, drain. Who has which heap: thread.c. See
 * pools.h.
 *
 * Accounting of a heap, in weights: out = what is not at home of its own pages; live = drain_below + slack;
 * cached = out - live. Others' pushes are counted in `returned` and settled when the thread comes by. The
 * figures steer policy alone; a race that books a batch to the wrong heap is harmless. */
#include "pools.h"
#include "alloc/base/assert.h"
#include "alloc/base/compiler.h"

#include <string.h>

static int64_t heap_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* --- stacks of pages ----------------------------------------------------------------------------------- */

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

/* Frees the runs of pages that have all blocks at home, by the one who may take from h. */
static void heap_sweep(struct pools_heap *h)
{
    struct pools *in = h->in;
    atomic_store_explicit(&h->all_home_bytes, 0, memory_order_relaxed);
    for (unsigned c = 0; c < POOLS_CLASSES; c++) {
        struct pools_page *page = h->fresh[c], *next;
        h->fresh[c] = NULL; /* before the page may go: a fork may come between */
        if (page && !pools_page_yield(page) && !pools_page_retire(in, page))
            h->fresh[c] = page;
        if (!atomic_load_explicit(&h->avail[c], memory_order_relaxed))
            continue;
        page = atomic_exchange_explicit(&h->avail[c], NULL, memory_order_acquire); /* pairs with heap_list */
        for (; page; page = next) {
            next = page->next;
            if (!pools_page_yield(page) && !pools_page_retire(in, page))
                pools_page_list(page);
        }
    }
}

/* --- sending blocks home -------------------------------------------------------------------------------- */

/* Our push has brought the last block of a listed page of so many bytes home to another heap. The page may be
 * gone by now. An abandoned heap has nobody to sweep it but us; if another is at the abandoned ones now, the
 * next push will do it. */
static void heap_all_home(struct pools *in, struct pools_heap *owner, size_t bytes)
{
    int64_t sum = atomic_fetch_add_explicit(&owner->all_home_bytes, (int64_t)bytes, memory_order_relaxed) +
                  (int64_t)bytes;
    if (atomic_load_explicit(&owner->state, memory_order_relaxed) != POOLS_HEAP_ABANDONED ||
        sum < heap_max(POOLS_KEEP / 8, atomic_load_explicit(&owner->held, memory_order_relaxed) / 8))
        return;
    if (mutex_trylock(&in->heaps.lock)) {
        if (atomic_load_explicit(&owner->state, memory_order_relaxed) == POOLS_HEAP_ABANDONED)
            heap_sweep(owner);
        mutex_unlock(&in->heaps.lock);
    }
}

/* Brings a chain of count blocks home, and does what follows. self is NULL for a thread without a heap. */
static void heap_push(struct pools *in, struct pools_heap *self, struct pools_page *page, void *head,
                      void *tail, unsigned count)
{
    size_t bytes = page->slices * POOLS_SLICE; /* afterwards the page may be gone */
    struct pools_push push = pools_page_push(self, page, head, tail, count);
    switch (push.result) {
    case POOLS_PUSH_DONE:
        break;
    case POOLS_PUSH_ALL_HOME:
        heap_all_home(in, push.owner, bytes);
        break;
    case POOLS_PUSH_IDLE_OWNER:
        pools_page_purge(in, page, push.carved);
        break;
    case POOLS_PUSH_ALL_GONE:
        pools_page_free(in, page, push.carved);
        break;
    }
}

static void heap_remote_send(struct pools_heap *h, struct pools_remote *o)
{
    struct pools_page *page = o->page;
    o->page = NULL;
    heap_push(h->in, h, page, o->head, o->tail, o->count - o->left);
}

static void heap_remote_send_all(struct pools_heap *h)
{
    for (struct pools_remote *o = h->remote; o < h->remote + POOLS_REMOTE_PAGES; o++)
        if (o->page)
            heap_remote_send(h, o);
}

/* Begins to gather for a page. */
static noinline void heap_remote_open(struct pools_heap *h, struct pools_remote *o, struct pools_page *page,
                                      void *p)
{
    if (o->page)
        heap_remote_send(h, o);
    /* Relaxed: a hint of how many are out. */
    uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed);
    unsigned count = (pools_word_carved(w) - pools_word_home(w)) / 2;
    if (count > POOLS_REMOTE_BYTES / page->block_bytes)
        count = POOLS_REMOTE_BYTES / page->block_bytes;
    if (count <= 1)
        heap_push(h->in, h, page, p, p, 1);
    else
        *o = (struct pools_remote){page, p, p, count, count - 1};
}

static inline struct pools_remote *heap_remote_of(struct pools_heap *h, const struct pools_page *page)
{
    uintptr_t key = (uintptr_t)page;
    return &h->remote[((key >> 8) + (key >> 22) * 5) % POOLS_REMOTE_PAGES];
}

static inline void heap_remote_add(struct pools_heap *h, struct pools_page *page, void *p)
{
    struct pools_remote *o = heap_remote_of(h, page);
    if (o->page == page) {
        *(void **)p = o->head;
        o->head = p;
        hg_seed(pools_remote_tail, o->tail = p);
        if (--o->left == 0)
            heap_remote_send(h, o);
    } else {
        heap_remote_open(h, o, page, p);
    }
}

/* --- others' blocks ------------------------------------------------------------------------------------ */

/* `count` blocks of class c were drawn from pages of the heap's own: as many of others' may be kept for
 * them. */
static void heap_adopt_earn(struct pools_heap *h, unsigned c, unsigned count)
{
    struct pools_adopted *s = &h->adopted[c];
    size_t bytes = pools_class_bytes(c);
    uint32_t most = bytes < POOLS_ADOPT_MIN ? 0 : (uint32_t)(POOLS_ADOPT_BYTES / bytes);
    if (s->count + s->room + count > most)
        s->room = most > s->count ? most - s->count : 0;
    else
        s->room += count;
}

/* What was adopted becomes the local list, which is empty. These blocks are live on their owners' books: they
 * are paid for here and now, as those of the local list will be booked to us as they are given out. */
static bool heap_adopted_use(struct pools_heap *h, unsigned c)
{
    struct pools_adopted *s = &h->adopted[c];
    if (!s->head)
        return false;
    h->local[c].head = s->head;
    h->drain_below -= (int64_t)h->local[c].weight * s->count;
    s->room += s->count;
    s->head = NULL;
    s->count = 0;
    return true;
}

/* Sends a chain of cached blocks home. booked: those of others were paid for by heap_adopted_use. */
static void heap_send_home(struct pools_heap *h, void *p, bool booked)
{
    for (void *next; p; p = next) {
        next = *(void **)p;
        uint32_t m = pools_map_of(p);
        if (booked && m >> 16 != h->id)
            h->drain_below += h->local[pools_map_class(m)].weight;
        heap_remote_add(h, pools_page_of(p, m), p);
    }
}

/* Everything that the heap caches. */
static void heap_flush(struct pools_heap *h)
{
    for (unsigned c = 0; c < POOLS_CLASSES; c++) {
        void *local = h->local[c].head, *adopted = h->adopted[c].head;
        h->local[c].head = NULL;
        h->adopted[c] = (struct pools_adopted){0};
        heap_send_home(h, local, true);
        heap_send_home(h, adopted, false);
    }
    heap_remote_send_all(h);
}

/* Books what others brought home. */
static void heap_settle(struct pools_heap *h)
{
    if (atomic_load_explicit(&h->returned, memory_order_relaxed)) {
        int64_t r = atomic_exchange_explicit(&h->returned, 0, memory_order_relaxed);
        h->drain_below -= r;
        h->out -= r;
    }
}

/* The sum is below 0 while the local lists hold many of others' blocks, which are paid for. */
static int64_t heap_live(const struct pools_heap *h)
{
    return heap_max(h->drain_below + h->slack, 0);
}

static void heap_set_slack(struct pools_heap *h, int64_t slack)
{
    h->drain_below += h->slack - slack;
    h->slack = slack;
}

/* --- what holds ---------------------------------------------------------------------------------------- */

/* The blocks of a list of h's are of class c, and so many at most. */
static bool heap_list_is_valid(const void *list, unsigned c, uint64_t most)
{
    for (const void *p = list; p; p = *(void *const *)p)
        if (pools_map_class(pools_map_of(p)) != c || most-- == 0)
            return false;
    return true;
}

/* Of others' blocks: as many as are counted, and no more than may be. */
static bool heap_adopted_is_valid(const struct pools_adopted *a, unsigned c)
{
    uint32_t n = 0;
    for (const void *p = a->head; p && n <= a->count; p = *(void *const *)p)
        n++;
    size_t most = pools_class_bytes(c) < POOLS_ADOPT_MIN ? 0 : POOLS_ADOPT_BYTES / pools_class_bytes(c);
    return n == a->count && a->count + a->room <= most && heap_list_is_valid(a->head, c, n);
}

/* The last block of the chain is its tail, and all are of the page. */
static bool heap_remote_is_valid(const struct pools_remote *o)
{
    const void *p = o->head, *last = NULL;
    if (!o->page)
        return true;
    if (!o->left || o->left >= o->count)
        return false;
    for (uint32_t n = o->count - o->left; n; n--, last = p, p = *(void *const *)p)
        if (pools_page_of(p, pools_map_of(p)) != o->page)
            return false;
        else if (n == 1)
            return p == o->tail;
    return last == o->tail;
}

bool pools_heap_is_valid(const struct pools_heap *h)
{
    uint64_t most = atomic_load_explicit(&h->in->account.mapped_bytes, memory_order_relaxed) / 16;
    for (unsigned c = 0; c < POOLS_CLASSES; c++)
        if (!heap_list_is_valid(h->local[c].head, c, most) || !heap_adopted_is_valid(&h->adopted[c], c) ||
            h->local[c].weight != pools_weight(c) || (h->fresh[c] && h->fresh[c]->class_ != c))
            return false;
    for (unsigned i = 0; i < POOLS_REMOTE_PAGES; i++)
        if (!heap_remote_is_valid(&h->remote[i]))
            return false;
    return true;
}

/* In strict builds the heap is looked through where its caches go home anyway: what that costs is then of the
 * order of the work itself. A refill, one for each 4 KiB, would look through all caches each time. */
void pools_heap_drain(struct pools_heap *h)
{
    hg_assert_whole(pools_heap_is_valid(h));
    heap_settle(h);
    if (atomic_load_explicit(&h->held, memory_order_relaxed) <= 2 * POOLS_KEEP) {
        heap_set_slack(h, heap_live(h) + POOLS_KEEP); /* not again before the next refill looks */
    } else {
        heap_flush(h);
        heap_sweep(h);
        heap_set_slack(h, heap_max(heap_live(h) / 2, 4096));
    }
}

/* The thread misses what others purged, as it looked idle: they wait longer now. */
#define HEAP_IDLE_BYTES_MAX (1024 * POOLS_KEEP)

static void heap_missed(struct pools_heap *h)
{
    reuse_wait_longer(&h->idle_wait, POOLS_IDLE_BYTES, HEAP_IDLE_BYTES_MAX, os_now_ns());
}

/* --- refill -------------------------------------------------------------------------------------------- */

/* Gives out the first block of a chain and keeps the rest. */
static void *heap_accept(struct pools_heap *h, unsigned c, struct pools_chain chain, bool *zero)
{
    struct pools_local *local = &h->local[c];
    void *p = chain.head;
    local->head = chain.zero ? NULL : *(void **)p;
    h->out += (int64_t)local->weight * (chain.count - chain.remote);
    h->drain_below -= (int64_t)local->weight * chain.remote;
    h->slack += local->weight;
    heap_adopt_earn(h, c, chain.count);
    *zero = chain.zero;
    return p;
}

static void *heap_serve_fresh(struct pools_heap *h, unsigned c, bool *zero)
{
    struct pools_page *page = h->fresh[c];
    if (pools_page_yield(page)) {
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
    if (pools_page_yield(page))
        return NULL;
    uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed);
    struct pools_chain chain;
    if (!pools_word_carved(w))
        heap_missed(h);
    if (pools_word_carved(w) == page->capacity) {
        chain = pools_page_take(page, false);
        if (chain.listed) /* purged since we looked */
            pools_page_list(page);
    } else if (!h->fresh[c]) {
        h->fresh[c] = page;
        return heap_serve_fresh(h, c, zero);
    } else if (pools_page_retire(h->in, page)) {
        return NULL;
    } else {
        /* Partly carved, of an abandoned heap or purged, and we have one to carve: take, or carve, and put
         * it back. */
        chain = pools_word_home(w) ? pools_page_take(page, true) : pools_page_carve(page, true);
        if (chain.listed)
            pools_page_list(page);
    }
    return chain.count ? heap_accept(h, c, chain, zero) : NULL;
}

/* A page with free blocks of an abandoned heap becomes ours, when the thread cache of its class is empty. */
static struct pools_page *heap_reclaim(struct pools_heap *h, unsigned c)
{
    struct pools *in = h->in;
    if (!atomic_load_explicit(&in->heaps.abandoned_count, memory_order_relaxed))
        return NULL;
    struct pools_page *page = NULL;
    mutex_lock(&in->heaps.lock);
    for (struct pools_heap *d = in->heaps.abandoned; d && !page; d = d->abandoned_next) {
        while ((page = heap_pop(d, c)) && pools_page_yield(page))
            ;
        if (!page)
            continue;
        uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed);
        int64_t out =
            (int64_t)pools_weight(c) * (pools_word_carved(w) - pools_word_home(w) + pools_word_remote(w));
        int64_t bytes = (int64_t)pools_word_carved(w) * page->block_bytes;
        d->out -= out;
        d->drain_below -= out;
        h->out += out;
        h->drain_below += out;
        const struct pools_remote *o = heap_remote_of(h, page);
        if (o->page == page) /* on its old owner's books live, on ours cached */
            h->drain_below -= (int64_t)pools_weight(c) * (o->count - o->left);
        atomic_fetch_sub_explicit(&d->held, bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&h->held, bytes, memory_order_relaxed);
        /* Relaxed: a push looks at the owner after our take has cleared LISTED with release. */
        atomic_store_explicit(&page->owner, h, memory_order_relaxed);
        pools_run_map(page->start, page->slices, h->id, c);
    }
    mutex_unlock(&in->heaps.lock);
    return page;
}

void *pools_heap_refill(struct pools_heap *h, unsigned c, bool *zero)
{
    struct pools_page *page;
    void *p;
    hg_assert(!h->local[c].head);
    if (heap_adopted_use(h, c)) {
        struct pools_local *local = &h->local[c];
        p = local->head;
        local->head = *(void **)p;
        h->slack += local->weight;
        *zero = false;
        return p;
    }
    heap_settle(h);
    int64_t live = heap_live(h), held = atomic_load_explicit(&h->held, memory_order_relaxed);
    if (h->slack > live / 4 * 3)
        heap_set_slack(h, heap_max(live / 2, 4096));
    if (atomic_load_explicit(&h->all_home_bytes, memory_order_relaxed) > heap_max(POOLS_KEEP, held / 4))
        heap_sweep(h);
    for (;;) {
        while ((page = heap_pop(h, c)))
            if ((p = heap_serve_listed(h, page, c, zero)))
                return p;
        if (h->fresh[c] && (p = heap_serve_fresh(h, c, zero)))
            return p;
        /* Before more memory: what our thread caches hold, if it is much (the program turns to other
         * sizes), then what ended threads left. */
        if (h->out - live > heap_max(POOLS_KEEP, h->out / 4)) {
            heap_flush(h);
            heap_sweep(h);
            h->out = live; /* exact, but for races in the booking: never flush twice for the same */
        } else if ((page = heap_reclaim(h, c))) {
            if ((p = heap_serve_listed(h, page, c, zero)))
                return p;
        } else if (!h->fresh[c]) {
            if (!(h->fresh[c] = pools_page_new(h->in, h, c)))
                return NULL;
        }
    }
}

void pools_heap_empty(struct pools_heap *h)
{
    hg_assert_whole(pools_heap_is_valid(h));
    heap_flush(h);
    for (unsigned c = 0; c < POOLS_CLASSES; c++) {
        struct pools_page *page = h->fresh[c];
        h->fresh[c] = NULL;
        if (page && !pools_page_yield(page))
            pools_page_list(page);
    }
    heap_settle(h);
    heap_sweep(h);
}

void pools_heap_send(struct pools_heap *h, struct pools_page *page, void *p)
{
    heap_remote_add(h, page, p);
}

void pools_heap_push_one(struct pools *in, struct pools_page *page, void *p)
{
    heap_push(in, NULL, page, p, p, 1);
}

void pools_heaps_close(struct pools *in)
{
    for (struct pools_heap *h = atomic_load_explicit(&in->heaps.all, memory_order_acquire); h;
         h = h->all_next) {
        for (unsigned c = 0; c < POOLS_CLASSES; c++) {
            h->local[c].head = NULL;
            h->adopted[c] = (struct pools_adopted){0};
            h->fresh[c] = NULL;
            atomic_store_explicit(&h->avail[c], NULL, memory_order_relaxed);
        }
        memset(h->remote, 0, sizeof h->remote);
        h->slack = h->drain_below = h->out = 0;
        atomic_store_explicit(&h->returned, 0, memory_order_relaxed);
        atomic_store_explicit(&h->held, 0, memory_order_relaxed);
        atomic_store_explicit(&h->all_home_bytes, 0, memory_order_relaxed);
        atomic_store_explicit(&h->idle_wait.bytes, 0, memory_order_relaxed);
    }
}
