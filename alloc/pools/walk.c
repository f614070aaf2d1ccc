/* walk.c: what the backend tells of itself, at quiescence: no thread is in a call. */
#include "pools.h"

#include <string.h>

/* Calls f for every block in a bin, a stash or an outbox. */
static void walk_cached(struct pools *in, void (*f)(void *arg, void *block), void *arg)
{
    /* Acquire: pairs with the birth of a heap. */
    for (struct pools_heap *h = atomic_load_explicit(&in->heaps, memory_order_acquire); h; h = h->all_next) {
        for (unsigned c = 0; c < POOLS_CLASSES; c++) {
            for (void *p = h->bin[c].head; p; p = *(void **)p)
                f(arg, p);
            for (void *p = h->stash[c].head; p; p = *(void **)p)
                f(arg, p);
        }
        for (unsigned i = 0; i < POOLS_OUTBOX; i++) {
            void *p = h->outbox[i].page ? h->outbox[i].head : NULL;
            for (unsigned n = h->outbox[i].count - h->outbox[i].left; p && n; n--, p = *(void **)p)
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
    for (struct pools_segment *s = in->all; s; s = s->all_next)
        for (unsigned i = POOLS_HEADER_SLICES; i < POOLS_SLICES; i++)
            s->page[i].cached = 0;
    walk_cached(in, walk_count_cached, NULL);
}

static unsigned walk_live(struct pools_page *page)
{
    if (page->class_ == POOLS_CLASS_LARGE)
        return 1;
    uint64_t w = atomic_load_explicit(&page->word, memory_order_acquire); /* pairs with pushes */
    pools_assert(pools_page_is_valid(page));
    pools_assert(pools_word_home(w) + page->cached <= pools_word_carved(w)); /* the conservation law */
    return pools_word_carved(w) - pools_word_home(w) - page->cached;
}

struct walk_totals {
    uint64_t active_bytes, live_bytes, live_blocks, free_run_bytes, largest_run_bytes;
    uint64_t pages, pages_with_live, blocks_home, blocks_cached, large;
};

static struct walk_totals walk_totals(struct pools *in)
{
    struct walk_totals t = {0};
    walk_mark(in);
    for (struct pools_segment *s = in->all; s; s = s->all_next) {
        t.free_run_bytes += s->free_count * POOLS_SLICE;
        if (s->largest * POOLS_SLICE > t.largest_run_bytes)
            t.largest_run_bytes = s->largest * POOLS_SLICE;
        for (unsigned i = POOLS_HEADER_SLICES; i < POOLS_SLICES; i++) {
            struct pools_page *page = &s->page[i];
            if (!page->live)
                continue;
            unsigned live = walk_live(page);
            t.live_blocks += live;
            t.live_bytes += (uint64_t)live * page->block_bytes;
            if (live)
                t.active_bytes += page->slices * POOLS_SLICE;
            if (page->class_ == POOLS_CLASS_LARGE) {
                t.large++;
                continue;
            }
            t.pages++;
            t.pages_with_live += live > 0;
            t.blocks_cached += page->cached;
            t.blocks_home += pools_word_home(atomic_load_explicit(&page->word, memory_order_relaxed));
        }
    }
    t.active_bytes += in->huge_bytes;
    t.live_bytes += in->huge_bytes;
    t.live_blocks += in->huge_count;
    return t;
}

void pools_stats(void *ctx, struct alloc_stats *out)
{
    struct pools *in = ctx;
    struct walk_totals t = walk_totals(in);
    *out = (struct alloc_stats){
        .mapped_bytes = atomic_load_explicit(&in->account.mapped_bytes, memory_order_relaxed),
        .active_bytes = t.active_bytes,
        .live_usable_bytes = t.live_bytes,
        .largest_free_bytes = t.largest_run_bytes,
        .total_free_bytes = t.free_run_bytes,
    };
}

void pools_report(void *ctx, const struct alloc_sink *sink)
{
    struct pools *in = ctx;
    struct walk_totals t = walk_totals(in);
    uint64_t heaps = 0, stashed = 0, outbox = 0;
    for (struct pools_heap *h = atomic_load_explicit(&in->heaps, memory_order_acquire); h; h = h->all_next) {
        heaps++;
        for (unsigned c = 0; c < POOLS_CLASSES; c++)
            stashed += h->stash[c].count;
        for (unsigned i = 0; i < POOLS_OUTBOX; i++)
            outbox += h->outbox[i].page ? h->outbox[i].count - h->outbox[i].left : 0;
    }
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {
        {"heap.heaps", heaps},
        {"heap.heaps_abandoned", atomic_load_explicit(&in->dead_count, memory_order_relaxed)},
        {"heap.segments", in->segments},
        {"heap.pages", t.pages},
        {"heap.pages_with_live", t.pages_with_live},
        {"heap.blocks_live", t.live_blocks},
        {"heap.blocks_home", t.blocks_home},
        {"heap.blocks_cached", t.blocks_cached},
        {"heap.blocks_stashed", stashed},
        {"heap.blocks_outbox", outbox},
        {"heap.large_blocks", t.large},
        {"heap.huge_blocks", in->huge_count},
        {"heap.huge_bytes", in->huge_bytes},
        {"heap.huge_cached_bytes", in->huge_cached_bytes},
        {"heap.free_dirty_bytes", in->dirty_slices * POOLS_SLICE},
        {"heap.free_bytes", t.free_run_bytes},
        {"heap.purged_bytes", in->purged_bytes},
        {"heap.purge_calls", in->purge_calls},
        {"heap.mapped_bytes", atomic_load_explicit(&in->account.mapped_bytes, memory_order_relaxed)},
        {"heap.map_calls", atomic_load_explicit(&in->account.map_calls, memory_order_relaxed)},
        {"heap.unmap_calls", atomic_load_explicit(&in->account.unmap_calls, memory_order_relaxed)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        sink->integer(sink->arg, rows[i].key, rows[i].value);
}

/* One bit for 16 bytes of a segment: a free block begins here. */
#define WALK_BITS (POOLS_SEGMENT / 16 / 64)

struct walk_free {
    struct pools_segment *segment;
    uint64_t bits[WALK_BITS];
};

static void walk_set_free(void *arg, void *block)
{
    struct walk_free *f = arg;
    if (pools_segment_of(block) != f->segment)
        return;
    size_t bit = ((uintptr_t)block & (POOLS_SEGMENT - 1)) / 16;
    f->bits[bit / 64] |= (uint64_t)1 << (bit % 64);
}

static int walk_blocks(struct pools_page *page, struct walk_free *f,
                       int (*visit)(void *arg, const struct alloc_piece *piece), void *arg)
{
    if (page->class_ == POOLS_CLASS_LARGE)
        return visit(arg, &(struct alloc_piece){ALLOC_BLOCK, page->start, page->block_bytes, 0, 1, 1, 0});
    uint64_t w = atomic_load_explicit(&page->word, memory_order_acquire); /* pairs with pushes */
    if (pools_word_head(w))
        for (void *p = page->start + ((size_t)(pools_word_head(w) - 1) << 4); p; p = *(void **)p)
            walk_set_free(f, p);
    for (unsigned i = 0; i < page->capacity; i++) {
        char *p = page->start + (size_t)i * page->block_bytes;
        size_t bit = ((uintptr_t)p & (POOLS_SEGMENT - 1)) / 16;
        bool used = i < pools_word_carved(w) && !(f->bits[bit / 64] >> (bit % 64) & 1);
        int stop = visit(arg, &(struct alloc_piece){ALLOC_BLOCK, p, page->block_bytes, 0, used, 1, 0});
        if (stop)
            return stop;
    }
    return 0;
}

/* Arenas are segments and huge mappings; pools are pages, and runs of one large block. */
int pools_walk(void *ctx, int (*visit)(void *arg, const struct alloc_piece *piece), void *arg, bool blocks)
{
    struct pools *in = ctx;
    struct walk_free *f = NULL;
    if (blocks && !(f = os_map(&os_harness, sizeof *f, 0, 0)))
        return -ENOMEM;
    walk_mark(in);
    int stop = 0;
    for (struct pools_segment *s = in->all; s && !stop; s = s->all_next) {
        stop = visit(arg, &(struct alloc_piece){ALLOC_ARENA, s, POOLS_SEGMENT, 0, 0, 0,
                                                POOLS_HEADER_SLICES * POOLS_SLICE});
        if (f) {
            memset(f->bits, 0, sizeof f->bits);
            f->segment = s;
            walk_cached(in, walk_set_free, f);
        }
        for (unsigned i = POOLS_HEADER_SLICES; i < POOLS_SLICES && !stop; i++) {
            struct pools_page *page = &s->page[i];
            if (!page->live)
                continue;
            size_t bytes = page->slices * POOLS_SLICE;
            stop = visit(
                arg, &(struct alloc_piece){ALLOC_POOL, page->start, bytes, page->block_bytes, walk_live(page),
                                           page->capacity,
                                           (uint32_t)(bytes - (size_t)page->capacity * page->block_bytes)});
            if (!stop && f)
                stop = walk_blocks(page, f, visit, arg);
        }
    }
    for (struct pools_segment *s = in->huge; s && !stop; s = s->huge_next) {
        stop = visit(arg,
                     &(struct alloc_piece){ALLOC_ARENA, s, s->huge_bytes, 0, 0, 0, (uint32_t)s->huge_offset});
        char *p = (char *)s + s->huge_offset;
        size_t bytes = s->huge_bytes - s->huge_offset;
        if (!stop)
            stop = visit(arg, &(struct alloc_piece){ALLOC_POOL, p, bytes, bytes, 1, 1, 0});
        if (!stop && f)
            stop = visit(arg, &(struct alloc_piece){ALLOC_BLOCK, p, bytes, 0, 1, 1, 0});
    }
    if (f)
        os_unmap(&os_harness, f, sizeof *f);
    return stop;
}
