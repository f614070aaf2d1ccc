/* page.c: the word of a page: pushes by any thread, takes and carving by one. See pools.h for LISTED and
 * PURGING. */
#include "pools.h"
#include "alloc/base/assert.h"

static void *page_block(const struct pools_page *page, unsigned head)
{
    return head ? page->start + ((size_t)(head - 1) << 4) : NULL;
}

static void **page_next(void *block)
{
    return block;
}

bool pools_page_is_valid(struct pools_page *page)
{
    uint64_t w = atomic_load_explicit(&page->word, memory_order_acquire); /* pairs with pushes */
    unsigned home = pools_word_home(w), carved = pools_word_carved(w), head = pools_word_head(w);
    if (home > carved || carved > page->capacity || pools_word_remote(w) > home || (home == 0) != (head == 0))
        return false;
    if (w & POOLS_PURGING)
        return carved == 0;
    return head == 0 || ((size_t)(head - 1) << 4) % page->block_bytes == 0;
}

/* Every block of the chain lies where a block of the page begins, and there are count of them. */
static bool page_chain_is_valid(const struct pools_page *page, void *head, unsigned count)
{
    unsigned n = 0;
    for (void *p = head; p; p = *page_next(p), n++) {
        size_t offset = (size_t)((char *)p - page->start);
        if (n == count || offset / page->block_bytes >= page->capacity || offset % page->block_bytes)
            return false;
    }
    return n == count;
}

bool pools_page_list_is_valid(struct pools_page *page)
{
    uint64_t w = atomic_load_explicit(&page->word, memory_order_acquire); /* pairs with pushes */
    return pools_page_is_valid(page) &&
           page_chain_is_valid(page, page_block(page, pools_word_head(w)), pools_word_home(w));
}

struct pools_page *pools_page_new(struct pools *in, struct pools_heap *owner, unsigned class_)
{
    unsigned slices = pools_class_slices(class_);
    unsigned touched;
    char *run = pools_run_alloc(in, slices, 1, &touched);
    if (!run)
        return NULL;
    struct pools_page *page = &pools_segment_of(run)->page[pools_slice_of(run)];
    page->start = run;
    page->block_bytes = (uint32_t)pools_class_bytes(class_);
    page->capacity = (uint16_t)(slices * POOLS_SLICE / page->block_bytes);
    page->class_ = (uint8_t)class_;
    page->slices = (uint8_t)slices;
    page->touched = (uint8_t)touched;
    page->next = NULL;
    /* Relaxed: nobody else knows the page before a block of it is handed out. */
    atomic_store_explicit(&page->owner, owner, memory_order_relaxed);
    atomic_store_explicit(&page->word, POOLS_LISTED, memory_order_relaxed);
    pools_run_map(run, slices, owner->id, class_);
    page->live = true;
    return page;
}

/* Books bytes that the owner's pages carve, or are rid of. Relaxed: a figure for policy. */
static void page_hold(struct pools_page *page, int64_t bytes)
{
    struct pools_heap *owner = atomic_load_explicit(&page->owner, memory_order_relaxed);
    atomic_fetch_add_explicit(&owner->held, bytes, memory_order_relaxed);
}

void pools_page_free(struct pools *in, struct pools_page *page, unsigned carved)
{
    size_t bytes = (size_t)carved * page->block_bytes;
    unsigned touched = (unsigned)((bytes + POOLS_SLICE - 1) >> POOLS_SLICE_SHIFT);
    page_hold(page, -(int64_t)bytes);
    pools_run_free(in, page->start, page->slices, 0, touched > page->touched ? touched : page->touched);
}

void pools_page_purge(struct pools *in, struct pools_page *page, unsigned carved)
{
    page_hold(page, -(int64_t)carved * page->block_bytes);
    os_purge(&in->account, page->start, page->slices * POOLS_SLICE, false);
    page->touched = 0;
    uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed), to;
    do
        to = w & POOLS_LISTED;
    /* Release: touched, and the purge itself, before the owner carves. Acquire: the owner's dropping of
     * it. */
    while (!atomic_compare_exchange_weak_explicit(&page->word, &w, to, memory_order_acq_rel,
                                                  memory_order_relaxed));
    if (!to)
        pools_page_free(in, page, 0);
}

void pools_page_list(struct pools_page *page)
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

/* Others have brought home so much since the owner last looked that its thread must be taken to be idle. A
 * thread that takes its turn only now and then looks so between two: see heap_missed(). */
static bool page_owner_is_idle(struct pools_heap *owner)
{
    int64_t bytes = atomic_load_explicit(&owner->all_home_bytes, memory_order_relaxed);
    int64_t part = atomic_load_explicit(&owner->held, memory_order_relaxed) / 4;
    if (bytes <= (part > POOLS_IDLE_BYTES ? part : POOLS_IDLE_BYTES) ||
        atomic_load_explicit(&owner->state, memory_order_relaxed) != POOLS_HEAP_LIVE)
        return false;
    return reuse_wait_exceeded(&owner->idle_wait, bytes) ||
           reuse_wait_expired(&owner->idle_wait, os_now_ns());
}

struct pools_push pools_page_push(struct pools_heap *self, struct pools_page *page, void *head, void *tail,
                                  unsigned count)
{
    hg_assert(pools_page_is_valid(page));
    unsigned first = (unsigned)(((size_t)((char *)head - page->start) >> 4) + 1);
    int64_t weight = (int64_t)pools_weight(page->class_);
    struct pools_push push = {.result = POOLS_PUSH_DONE};
    uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed), to;
    unsigned remote;
    bool all_home;
    /* With our blocks in, a listed page may have all at home and its owner free its run at once: after the
     * exchange the page is ours to look at only if it was not LISTED before, or is PURGING. */
    do {
        push.owner = atomic_load_explicit(&page->owner, memory_order_relaxed);
        push.carved = pools_word_carved(w);
        unsigned home = pools_word_home(w) + count;
        hg_assert(home <= push.carved);
        all_home = home == push.carved;
        *page_next(tail) = page_block(page, pools_word_head(w));
        remote = pools_word_remote(w) + (push.owner != self ? count : 0);
        to = pools_word(first, home, push.carved, POOLS_LISTED | (uint64_t)remote << 50);
        hg_seed(pools_home_count, to -= pools_word(0, home > 1, 0, 0));
        if (all_home && !(w & POOLS_LISTED))
            to = 0;
        else if (all_home && push.owner != self && page_owner_is_idle(push.owner))
            to = POOLS_LISTED | POOLS_PURGING;
        /* Release: the chain's links, for the take. Acquire: the owner as it was when LISTED was last
         * cleared, and, when the page is freed or purged here, the other pushers' writes to its blocks. */
    } while (!atomic_compare_exchange_weak_explicit(&page->word, &w, to, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (push.owner == self)
        self->out -= weight * count;
    if (remote && (!to || to & POOLS_PURGING)) /* relaxed: a figure for policy */
        atomic_fetch_add_explicit(&push.owner->returned, weight * remote, memory_order_relaxed);
    if (!to)
        push.result = POOLS_PUSH_ALL_GONE;
    else if (to & POOLS_PURGING)
        push.result = POOLS_PUSH_IDLE_OWNER;
    else if (!(w & POOLS_LISTED))
        pools_page_list(page);
    else if (all_home && push.owner != self)
        push.result = POOLS_PUSH_ALL_HOME;
    return push;
}

/* A page on which PURGING has appeared is no longer the caller's: nothing comes of it, and it is not
 * listed. */
static const struct pools_chain page_nothing = {0};

struct pools_chain pools_page_take(struct pools_page *page, bool keep_listed)
{
    uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed), to;
    bool listed;
    hg_assert(pools_page_is_valid(page));
    do {
        listed = keep_listed || pools_word_carved(w) < page->capacity;
        to = w & POOLS_PURGING ? w & ~POOLS_LISTED
                               : pools_word(0, 0, pools_word_carved(w), listed ? POOLS_LISTED : 0);
        /* Acquire: the links and contents of what was pushed. Release: an owner set by us before, for the
         * push that finds LISTED clear. */
    } while (!atomic_compare_exchange_weak_explicit(&page->word, &w, to, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (w & POOLS_PURGING)
        return page_nothing;
    struct pools_chain chain = {page_block(page, pools_word_head(w)), pools_word_home(w), false,
                                pools_word_remote(w), listed};
    hg_assert(page_chain_is_valid(page, chain.head, chain.count));
    return chain;
}

struct pools_chain pools_page_carve(struct pools_page *page, bool keep_listed)
{
    uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed), to;
    unsigned carved, n;
    bool listed;
    hg_assert(pools_page_is_valid(page));
    do {
        carved = pools_word_carved(w);
        n = 4096 / page->block_bytes ? 4096 / page->block_bytes : 1;
        if (n > page->capacity - carved)
            n = page->capacity - carved;
        listed = keep_listed || carved + n < page->capacity || pools_word_home(w);
        to = w & POOLS_PURGING
                 ? w & ~POOLS_LISTED
                 : pools_word(pools_word_head(w), pools_word_home(w), carved + n,
                              (w & ~(POOLS_LISTED - 1) & ~POOLS_LISTED) | (listed ? POOLS_LISTED : 0));
        /* Release as in take. Acquire: of one who purged the page (PURGING) before us. */
    } while (!atomic_compare_exchange_weak_explicit(&page->word, &w, to, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (w & POOLS_PURGING)
        return page_nothing;
    char *first = page->start + (size_t)carved * page->block_bytes;
    page_hold(page, (int64_t)n * page->block_bytes);
    if (n == 1 && (size_t)(first - page->start) >= page->touched * POOLS_SLICE)
        return (struct pools_chain){first, n, true, 0, listed};
    char *p = first;
    for (unsigned i = 1; i < n; i++, p += page->block_bytes)
        *page_next(p) = p + page->block_bytes;
    *page_next(p) = NULL;
    return (struct pools_chain){first, n, false, 0, listed};
}

bool pools_page_yield(struct pools_page *page)
{
    uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed);
    while (w & POOLS_PURGING) /* release, acquire: pairs with the end of pools_page_purge */
        if (atomic_compare_exchange_weak_explicit(&page->word, &w, w & ~POOLS_LISTED, memory_order_acq_rel,
                                                  memory_order_relaxed))
            return true;
    return false;
}

bool pools_page_retire(struct pools *in, struct pools_page *page)
{
    uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed);
    do {
        if (w & POOLS_PURGING || pools_word_home(w) != pools_word_carved(w))
            return false;
        /* Acquire: all that others wrote to its blocks comes before the run's next use. */
    } while (!atomic_compare_exchange_weak_explicit(&page->word, &w, 0, memory_order_acq_rel,
                                                    memory_order_relaxed));
    struct pools_heap *owner = atomic_load_explicit(&page->owner, memory_order_relaxed);
    int64_t remote = (int64_t)pools_weight(page->class_) * pools_word_remote(w);
    owner->out -= remote;
    owner->drain_below -= remote;
    pools_page_free(in, page, pools_word_carved(w));
    return true;
}
