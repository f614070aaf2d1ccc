/* walk.c: what the backend reports of itself, at quiescence: no thread is in a call. Threads may end
 * meanwhile: what they give up then waits for walk_lock. stats, report and walk include the second heap. */
#include "pools.h"
#include "alloc/base/compiler.h"
#include "alloc/base/assert.h"

#include <string.h>

/* Calls f for every block in a thread cache or a remote cache. */
static void walk_cached(struct pools *in, void (*f)(void *arg, void *block), void *arg)
{
    /* Acquire: pairs with the birth of a heap. */
    for (struct pools_heap *h = atomic_load_explicit(&in->heaps.all, memory_order_acquire); h;
         h = h->all_next) {
        for (unsigned c = 0; c < POOLS_CLASSES; c++) {
            for (void *p = h->local[c].head; p; p = *(void **)p)
                f(arg, p);
            for (void *p = h->adopted[c].head; p; p = *(void **)p)
                f(arg, p);
        }
        for (unsigned i = 0; i < POOLS_REMOTE_PAGES; i++) {
            void *p = h->remote[i].page ? h->remote[i].head : NULL;
            for (unsigned n = h->remote[i].count - h->remote[i].left; p && n; n--, p = *(void **)p)
                f(arg, p);
        }
    }
}

static struct pools_page *walk_page_of(const void *p)
{
    return pools_page_of(p, pools_map_of(p));
}

static void walk_count_cached(void *arg, void *block)
{
    (void)arg;
    walk_page_of(block)->cached++;
}

/* Fills `cached` of every page. */
static void walk_mark(struct pools *in)
{
    for (struct pools_segment *s = in->spans.all; s; s = s->all_next)
        for (unsigned i = POOLS_HEADER_SLICES; i < POOLS_SLICES; i++)
            s->page[i].cached = 0;
    walk_cached(in, walk_count_cached, NULL);
}

static unsigned walk_live(struct pools_page *page)
{
    if (page->class_ == POOLS_CLASS_LARGE)
        return 1;
    uint64_t w = atomic_load_explicit(&page->word, memory_order_acquire); /* pairs with pushes */
    hg_assert(pools_page_is_valid(page));
    hg_assert(pools_word_home(w) + page->cached <= pools_word_carved(w)); /* the conservation law */
    return pools_word_carved(w) - pools_word_home(w) - page->cached;
}

/* Every slice is free or of exactly one run, and each page keeps its law. After walk_mark. */
static bool walk_segment_is_valid(struct pools_segment *s)
{
    unsigned used = 0;
    for (unsigned i = POOLS_HEADER_SLICES; i < POOLS_SLICES;) {
        struct pools_page *page = &s->page[i];
        if (!page->live) {
            if (!(s->free[i / 64] >> (i % 64) & 1))
                return false;
            i++;
            continue;
        }
        for (unsigned end = i + page->slices; i < end; i++, used++)
            if (i >= POOLS_SLICES || s->free[i / 64] >> (i % 64) & 1)
                return false;
        if (page->class_ == POOLS_CLASS_LARGE)
            continue;
        uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed);
        if (!pools_page_list_is_valid(page) || pools_word_home(w) + page->cached > pools_word_carved(w))
            return false;
    }
    return used == POOLS_SLICES - POOLS_HEADER_SLICES - s->free_count;
}

/* What is mapped: segments, huge mappings live and kept, and heap records, so many to a mapping. */
static bool walk_mapped_adds_up(struct pools *in, uint64_t heaps)
{
    size_t page = os_page_bytes();
    uint64_t chunks = (heaps + POOLS_HEAPS_AT_ONCE - 1) / POOLS_HEAPS_AT_ONCE;
    uint64_t chunk = (sizeof(struct pools_heap) * POOLS_HEAPS_AT_ONCE + page - 1) / page * page;
    uint64_t bytes = in->spans.segments * POOLS_SEGMENT + in->huge.cached_bytes + chunks * chunk;
    for (const struct pools_segment *s = in->huge.blocks; s; s = s->huge_next)
        bytes += s->huge_bytes;
    for (const struct pools_aligned *a = in->huge.aligned; a; a = a->next)
        bytes += (a->bytes + page - 1) / page * page;
    return bytes == atomic_load_explicit(&in->account.mapped_bytes, memory_order_relaxed);
}

bool pools_is_valid(struct pools *in)
{
    uint64_t heaps = 0, abandoned = 0;
    if (!pools_spans_are_valid(in) || !pools_huge_is_valid(in))
        return false;
    if (in->forked)
        return true;
    for (struct pools_heap *h = atomic_load_explicit(&in->heaps.all, memory_order_acquire); h;
         h = h->all_next) {
        heaps++;
        if (!pools_heap_is_valid(h) || h->in != in)
            return false;
    }
    for (struct pools_heap *h = in->heaps.abandoned; h && abandoned <= heaps; h = h->abandoned_next)
        abandoned++;
    if (abandoned != atomic_load_explicit(&in->heaps.abandoned_count, memory_order_relaxed))
        return false;
    walk_mark(in);
    for (struct pools_segment *s = in->spans.all; s; s = s->all_next)
        if (!walk_segment_is_valid(s))
            return false;
    return walk_mapped_adds_up(in, heaps);
}

struct walk_totals {
    uint64_t active_bytes, live_bytes, live_blocks, free_run_bytes, largest_run_bytes;
    uint64_t pages, pages_with_live, blocks_home, blocks_cached, large, mapped_bytes;
};

static void walk_add_totals(struct pools *in, struct walk_totals *t)
{
    mutex_lock(&in->heaps.walk_lock);
    hg_assert_whole(pools_is_valid(in));
    walk_mark(in);
    for (struct pools_segment *s = in->spans.all; s; s = s->all_next) {
        t->free_run_bytes += s->free_count * POOLS_SLICE;
        if (s->largest * POOLS_SLICE > t->largest_run_bytes)
            t->largest_run_bytes = s->largest * POOLS_SLICE;
        for (unsigned i = POOLS_HEADER_SLICES; i < POOLS_SLICES; i++) {
            struct pools_page *page = &s->page[i];
            if (!page->live)
                continue;
            unsigned live = walk_live(page);
            t->live_blocks += live;
            t->live_bytes += (uint64_t)live * page->block_bytes;
            if (live)
                t->active_bytes += page->slices * POOLS_SLICE;
            if (page->class_ == POOLS_CLASS_LARGE) {
                t->large++;
                continue;
            }
            t->pages++;
            t->pages_with_live += live > 0;
            t->blocks_cached += page->cached;
            t->blocks_home += pools_word_home(atomic_load_explicit(&page->word, memory_order_relaxed));
        }
    }
    mutex_unlock(&in->heaps.walk_lock);
    t->active_bytes += in->huge.bytes;
    t->live_bytes += in->huge.bytes;
    t->live_blocks += in->huge.count;
    t->mapped_bytes += atomic_load_explicit(&in->account.mapped_bytes, memory_order_relaxed);
}

static struct walk_totals walk_totals(struct pools *in)
{
    struct walk_totals t = {0};
    for (; in; in = in->second)
        walk_add_totals(in, &t);
    return t;
}

void pools_stats(void *ctx, struct alloc_stats *out)
{
    struct pools *in = ctx;
    struct walk_totals t = walk_totals(in);
    *out = (struct alloc_stats){
        .mapped_bytes = t.mapped_bytes,
        .active_bytes = t.active_bytes,
        .live_usable_bytes = t.live_bytes,
        .largest_free_bytes = t.largest_run_bytes,
        .total_free_bytes = t.free_run_bytes,
    };
}

/* Pages are neither made nor given up while the lock is held; their words are atomic. A block that a thread keeps
 * for itself is not at home, and counts. */
void pools_usage(void *ctx, struct alloc_usage *out)
{
    struct pools *in = ctx;
    mutex_lock(&in->spans.lock);
    for (const struct pools_segment *s = in->spans.all; s; s = s->all_next)
        for (unsigned i = POOLS_HEADER_SLICES; i < POOLS_SLICES; i++) {
            const struct pools_page *page = &s->page[i];
            if (!page->live)
                continue;
            uint64_t w = atomic_load_explicit(&page->word, memory_order_relaxed);
            unsigned carved = pools_word_carved(w), home = pools_word_home(w);
            unsigned away = page->class_ == POOLS_CLASS_LARGE ? 1 : carved > home ? carved - home : 0;
            out->used_bytes += (uint64_t)away * page->block_bytes;
        }
    mutex_unlock(&in->spans.lock);
    mutex_lock(&in->huge.lock);
    out->huge_bytes = in->huge.bytes;
    out->huge_count = in->huge.count;
    mutex_unlock(&in->huge.lock);
    out->used_bytes += out->huge_bytes;
    out->mapped_bytes = atomic_load_explicit(&in->account.mapped_bytes, memory_order_relaxed);
}

bool pools_trim(void *ctx)
{
    bool spans = pools_spans_trim(ctx), huge = pools_huge_trim(ctx);
    return spans || huge;
}

void pools_report(void *ctx, const struct alloc_sink *sink)
{
    struct walk_totals t = walk_totals(ctx);
    struct {
        uint64_t heaps, abandoned, segments, adopted, remote_cached, huge, huge_bytes, huge_cached, dirty,
            purged, purges, maps, unmaps;
    } sum = {0};
    for (struct pools *in = ctx; in; in = in->second) {
        for (struct pools_heap *h = atomic_load_explicit(&in->heaps.all, memory_order_acquire); h;
             h = h->all_next) {
            sum.heaps++;
            for (unsigned c = 0; c < POOLS_CLASSES; c++)
                sum.adopted += h->adopted[c].count;
            for (unsigned i = 0; i < POOLS_REMOTE_PAGES; i++)
                sum.remote_cached += h->remote[i].page ? h->remote[i].count - h->remote[i].left : 0;
        }
        sum.abandoned += atomic_load_explicit(&in->heaps.abandoned_count, memory_order_relaxed);
        sum.segments += in->spans.segments;
        sum.huge += in->huge.count;
        sum.huge_bytes += in->huge.bytes;
        sum.huge_cached += in->huge.cached_bytes;
        sum.dirty += in->spans.dirty_slices * POOLS_SLICE;
        sum.purged += in->spans.purged_bytes;
        sum.purges += in->spans.purge_calls;
        sum.maps += atomic_load_explicit(&in->account.map_calls, memory_order_relaxed);
        sum.unmaps += atomic_load_explicit(&in->account.unmap_calls, memory_order_relaxed);
    }
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {
        {"heap.heaps", sum.heaps},
        {"heap.heaps_abandoned", sum.abandoned},
        {"heap.segments", sum.segments},
        {"heap.pages", t.pages},
        {"heap.pages_with_live", t.pages_with_live},
        {"heap.blocks_live", t.live_blocks},
        {"heap.blocks_home", t.blocks_home},
        {"heap.blocks_cached", t.blocks_cached},
        {"heap.blocks_adopted", sum.adopted},
        {"heap.blocks_remote_cached", sum.remote_cached},
        {"heap.large_blocks", t.large},
        {"heap.huge_blocks", sum.huge},
        {"heap.huge_bytes", sum.huge_bytes},
        {"heap.huge_cached_bytes", sum.huge_cached},
        {"heap.free_dirty_bytes", sum.dirty},
        {"heap.free_bytes", t.free_run_bytes},
        {"heap.purged_bytes", sum.purged},
        {"heap.purge_calls", sum.purges},
        {"heap.mapped_bytes", t.mapped_bytes},
        {"heap.map_calls", sum.maps},
        {"heap.unmap_calls", sum.unmaps},
    };
    for (size_t i = 0; i < array_length(rows); i++)
        sink->integer(sink->arg, rows[i].key, rows[i].value);
}

/* One bit for 16 bytes of a segment: a free block begins here. A walk through blocks has such bits for every
 * segment: each cached block is met once, wherever it lies. */
#define WALK_BITS (POOLS_SEGMENT / 16 / 64)

static void walk_set_free(void *arg, void *block)
{
    (void)arg;
    size_t bit = ((uintptr_t)block & (POOLS_SEGMENT - 1)) / 16;
    pools_segment_of(block)->walk_bits[bit / 64] |= (uint64_t)1 << (bit % 64);
}

/* 0 and the bytes mapped at *bits, or -ENOMEM. */
static int walk_bits_open(struct pools *in, uint64_t **bits, size_t *bytes)
{
    size_t segments = 0;
    for (struct pools_segment *s = in->spans.all; s; s = s->all_next)
        segments++;
    *bytes = segments * WALK_BITS * sizeof **bits;
    if (!segments)
        return 0;
    if (!(*bits = os_map(&os_harness, *bytes, 0, 0)))
        return -ENOMEM;
    for (struct pools_segment *s = in->spans.all; s; s = s->all_next)
        s->walk_bits = *bits + --segments * WALK_BITS;
    walk_cached(in, walk_set_free, NULL);
    return 0;
}

static int walk_blocks(const struct pools_segment *s, struct pools_page *page,
                       int (*visit)(void *arg, const struct alloc_piece *piece), void *arg)
{
    if (page->class_ == POOLS_CLASS_LARGE)
        return visit(arg, &(struct alloc_piece){ALLOC_BLOCK, page->start, page->block_bytes, 0, 1, 1, 0});
    uint64_t w = atomic_load_explicit(&page->word, memory_order_acquire); /* pairs with pushes */
    if (pools_word_head(w))
        for (void *p = page->start + ((size_t)(pools_word_head(w) - 1) << 4); p; p = *(void **)p)
            walk_set_free(NULL, p);
    size_t bit = ((uintptr_t)page->start & (POOLS_SEGMENT - 1)) / 16, step = page->block_bytes / 16;
    unsigned carved = pools_word_carved(w);
    struct alloc_piece piece = {ALLOC_BLOCK, page->start, page->block_bytes, 0, 0, 1, 0};
    for (unsigned i = 0; i < page->capacity; i++, bit += step) {
        piece.used = i < carved && !(s->walk_bits[bit / 64] >> (bit % 64) & 1);
        int stop = visit(arg, &piece);
        if (stop)
            return stop;
        piece.address = (const char *)piece.address + page->block_bytes;
    }
    return 0;
}

static int walk_segments(struct pools *in, int (*visit)(void *arg, const struct alloc_piece *piece),
                         void *arg, bool blocks)
{
    int stop = 0;
    for (struct pools_segment *s = in->spans.all; s && !stop; s = s->all_next) {
        stop = visit(arg, &(struct alloc_piece){ALLOC_ARENA, s, POOLS_SEGMENT, 0, 0, 0,
                                                POOLS_HEADER_SLICES * POOLS_SLICE});
        for (unsigned i = POOLS_HEADER_SLICES; i < POOLS_SLICES && !stop; i++) {
            struct pools_page *page = &s->page[i];
            if (!page->live)
                continue;
            size_t bytes = page->slices * POOLS_SLICE;
            stop = visit(
                arg, &(struct alloc_piece){ALLOC_POOL, page->start, bytes, page->block_bytes, walk_live(page),
                                           page->capacity,
                                           (uint32_t)(bytes - (size_t)page->capacity * page->block_bytes)});
            if (!stop && blocks)
                stop = walk_blocks(s, page, visit, arg);
        }
    }
    return stop;
}

static int walk_huge(struct pools *in, int (*visit)(void *arg, const struct alloc_piece *piece), void *arg,
                     bool blocks)
{
    int stop = 0;
    for (struct pools_segment *s = in->huge.blocks; s && !stop; s = s->huge_next) {
        stop = visit(arg,
                     &(struct alloc_piece){ALLOC_ARENA, s, s->huge_bytes, 0, 0, 0, (uint32_t)s->huge_offset});
        char *p = (char *)s + s->huge_offset;
        size_t bytes = s->huge_bytes - s->huge_offset;
        if (!stop)
            stop = visit(arg, &(struct alloc_piece){ALLOC_POOL, p, bytes, bytes, 1, 1, 0});
        if (!stop && blocks)
            stop = visit(arg, &(struct alloc_piece){ALLOC_BLOCK, p, bytes, 0, 1, 1, 0});
    }
    return stop;
}

/* Arenas are segments and huge mappings; pools are pages, and runs of one large block. */
int pools_walk(void *ctx, int (*visit)(void *arg, const struct alloc_piece *piece), void *arg, bool blocks)
{
    int stop = 0;
    for (struct pools *in = ctx; in && !stop; in = in->second) {
        uint64_t *bits = NULL;
        size_t bytes = 0;
        mutex_lock(&in->heaps.walk_lock);
        hg_assert_whole(pools_is_valid(in));
        walk_mark(in);
        stop = blocks ? walk_bits_open(in, &bits, &bytes) : 0;
        stop = stop ? stop : walk_segments(in, visit, arg, blocks);
        stop = stop ? stop : walk_huge(in, visit, arg, blocks);
        if (bits)
            os_unmap(&os_harness, bits, bytes);
        mutex_unlock(&in->heaps.walk_lock);
    }
    return stop;
}
