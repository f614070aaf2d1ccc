/* pools.c: the calls. The fast paths are here whole; everything else is behind a call that is not inlined.
 *
 * The first instance that is open has calls of its own, which know its heap's place in thread-local storage
 * and do not look at ctx; the others find it by ctx. */
#include "pools.h"
#include "alloc/base/compiler.h"

#include <string.h>

static void *pools_no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

/* Over POOLS_CLASS_MAX, or aligned beyond what a class gives. align is at least 1. */
static noinline void *pools_big(struct pools *in, size_t size, size_t align, bool *zero)
{
    if (size > PTRDIFF_MAX)
        return pools_no_memory();
    if (size > POOLS_LARGE_MAX || align > POOLS_LARGE_MAX)
        return pools_huge_alloc(in, size, align, zero);
    unsigned slices = (unsigned)((size + POOLS_SLICE - 1) >> POOLS_SLICE_SHIFT);
    unsigned touched;
    char *p = pools_run_alloc(in, slices, align > POOLS_SLICE ? (unsigned)(align >> POOLS_SLICE_SHIFT) : 1,
                              &touched);
    if (!p)
        return NULL;
    *zero = !touched;
    struct pools_page *page = &pools_segment_of(p)->page[pools_slice_of(p)];
    page->start = p;
    page->block_bytes = (uint32_t)(slices * POOLS_SLICE);
    page->capacity = 1;
    page->class_ = POOLS_CLASS_LARGE;
    page->slices = (uint8_t)slices;
    page->live = true;
    pools_run_map(p, slices, 0, POOLS_CLASS_LARGE);
    return p;
}

static noinline void *pools_malloc_slow(struct pools *in, unsigned class_)
{
    bool zero;
    return pools_refill(in, class_, &zero);
}

static inline void *pools_malloc_class(struct pools *in, struct pools_heap *h, unsigned class_)
{
    struct pools_local *local = &h->local[class_];
    void **p = local->head;
    if (!likely(p))
        return pools_malloc_slow(in, class_);
    local->head = *p;
    __builtin_prefetch(
        local->head, 1); /* after a refill the chain is cold: the next pop will read and its user write it */
    h->slack += local->weight;
    return p;
}

static noinline void *pools_malloc_over(struct pools *in, struct pools_heap *h, size_t size)
{
    bool zero;
    if (size <= POOLS_CLASS_MAX)
        return pools_malloc_class(in, h, pools_class_compute(size));
    return pools_big(in, size, 1, &zero);
}

static inline void *pools_malloc_in(struct pools *in, struct pools_heap *h, size_t size)
{
    if (likely(size <= POOLS_TABLE_MAX))
        return pools_malloc_class(in, h, pools_class_table[(size + 15) >> 4]);
    return pools_malloc_over(in, h, size);
}

/* Not of the thread's own heap. */
static noinline void pools_free_slow(struct pools *in, void *p, uint32_t m)
{
    unsigned c = pools_map_class(m);
    if (c < POOLS_CLASSES)
        pools_free_remote(in, p, m);
    else if (c == POOLS_CLASS_LARGE)
        pools_run_free(in, p, pools_page_of(p, m)->slices, 0, POOLS_SLICES);
    else
        pools_huge_free(in, p);
}

static noinline void pools_free_start(struct pools *in, void *p)
{
    if (p)
        pools_aligned_free(in, p);
}

static inline void pools_free_in(struct pools *in, struct pools_heap *h, void *p)
{
    if (!likely((uintptr_t)p & (POOLS_SEGMENT - 1))) { /* NULL, or a block aligned to a segment */
        pools_free_start(in, p);
        return;
    }
    uint32_t m = pools_map_of(p);
    if (!likely(m >> 16 == h->id)) {
        pools_free_slow(in, p, m);
        return;
    }
    struct pools_local *local = &h->local[pools_map_class(m)];
    *(void **)p = local->head;
    local->head = p;
    if (!likely((h->slack -= local->weight) >= 0))
        pools_heap_drain(h);
}

static size_t pools_usable_in(struct pools *in, const void *p)
{
    if (!((uintptr_t)p & (POOLS_SEGMENT - 1)))
        return p ? pools_aligned_usable(in, p) : 0;
    uint32_t m = pools_map_of(p);
    unsigned c = pools_map_class(m);
    if (c < POOLS_CLASSES)
        return pools_class_bytes(c);
    return c == POOLS_CLASS_LARGE ? pools_page_of(p, m)->block_bytes : pools_huge_usable(p);
}

static inline void *pools_calloc_in(struct pools *in, struct pools_heap *h, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return pools_no_memory();
    if (likely(bytes <= POOLS_TABLE_MAX)) {
        void *p = pools_malloc_class(in, h, pools_class_table[(bytes + 15) >> 4]);
        return p ? memset(p, 0, bytes) : NULL;
    }
    bool zero = false;
    void *p;
    if (bytes <= POOLS_CLASS_MAX) {
        unsigned c = pools_class_compute(bytes);
        p = h->local[c].head ? pools_malloc_class(in, h, c) : pools_refill(in, c, &zero);
    } else {
        p = pools_big(in, bytes, 1, &zero);
    }
    if (p && !zero)
        memset(p, 0, bytes);
    return p;
}

/* The same block with another size, if it can stay where it is (or be moved by its page tables). */
static void *pools_realloc_in_place(struct pools *in, void *p, size_t old, size_t size)
{
    if (!((uintptr_t)p & (POOLS_SEGMENT - 1)))
        return size <= old && size > old / 2 ? p : NULL;
    uint32_t m = pools_map_of(p);
    unsigned c = pools_map_class(m);
    if (c < POOLS_CLASSES) /* a block stays while more than half of it is used */
        return size <= old && size > old / 2 ? p : NULL;
    if (c == POOLS_CLASS_HUGE)
        return size > POOLS_LARGE_MAX ? pools_huge_realloc(in, p, size) : NULL;
    if (size <= POOLS_CLASS_MAX || size > POOLS_LARGE_MAX)
        return NULL;
    unsigned have = (unsigned)(old >> POOLS_SLICE_SHIFT);
    unsigned want = (unsigned)((size + POOLS_SLICE - 1) >> POOLS_SLICE_SHIFT);
    if (want < have) {
        pools_run_free(in, p, have, want, have);
    } else if (want > have) {
        if (!pools_run_extend(in, p, have, want))
            return NULL;
        /* The new slices' map leads to where the run begins. */
        pools_run_map(p, want, 0, POOLS_CLASS_LARGE);
    }
    return p;
}

static noinline void *pools_realloc_in(struct pools *in, struct pools_heap *h, void *p, size_t size)
{
    if (!p)
        return pools_malloc_in(in, h, size);
    if (size > PTRDIFF_MAX)
        return pools_no_memory();
    if (!size)
        size = 1;
    size_t old = pools_usable_in(in, p);
    void *q = pools_realloc_in_place(in, p, old, size);
    if (q)
        return q;
    q = pools_malloc_in(in, h, size);
    if (!q)
        return size <= old ? p : NULL; /* a smaller block needs no memory: the old one serves */
    memcpy(q, p, old < size ? old : size);
    pools_free_in(in, pools_tls[in->slot], p);
    return q;
}

static noinline void *pools_aligned_in(struct pools *in, size_t align, size_t size)
{
    if (size > PTRDIFF_MAX || align > PTRDIFF_MAX / 4)
        return pools_no_memory();
    if (align <= POOLS_SLICE && size <= POOLS_CLASS_MAX) {
        /* Pages begin at a slice: in a class whose size is a multiple of align every block is aligned. */
        unsigned c = pools_class_of(size > align ? size : align);
        while (c < POOLS_CLASSES && pools_class_bytes(c) % align)
            c++;
        if (c < POOLS_CLASSES)
            return pools_malloc_class(in, pools_tls[in->slot], c);
    }
    bool zero;
    return pools_big(in, size ? size : 1, align, &zero);
}

/* --- the table ------------------------------------------------------------------------------------------ */

#define POOLS_CALLS(name, IN, SLOT)                                   \
    static void *name##_malloc(void *ctx, size_t size)                \
    {                                                                 \
        (void)ctx;                                                    \
        struct pools *in = (IN);                                      \
        return pools_malloc_in(in, pools_tls[SLOT], size);            \
    }                                                                 \
    static void *name##_calloc(void *ctx, size_t count, size_t size)  \
    {                                                                 \
        (void)ctx;                                                    \
        struct pools *in = (IN);                                      \
        return pools_calloc_in(in, pools_tls[SLOT], count, size);     \
    }                                                                 \
    static void *name##_realloc(void *ctx, void *p, size_t size)      \
    {                                                                 \
        (void)ctx;                                                    \
        struct pools *in = (IN);                                      \
        return pools_realloc_in(in, pools_tls[SLOT], p, size);        \
    }                                                                 \
    static void name##_free(void *ctx, void *p)                       \
    {                                                                 \
        (void)ctx;                                                    \
        struct pools *in = (IN);                                      \
        pools_free_in(in, pools_tls[SLOT], p);                        \
    }                                                                 \
    static void *name##_aligned(void *ctx, size_t align, size_t size) \
    {                                                                 \
        (void)ctx;                                                    \
        return pools_aligned_in((IN), align, size);                   \
    }                                                                 \
    static size_t name##_usable(void *ctx, const void *p)             \
    {                                                                 \
        (void)ctx;                                                    \
        return pools_usable_in((IN), p);                              \
    }

POOLS_CALLS(pools_first, &pools_instances[0], 0)
POOLS_CALLS(pools_other, (struct pools *)ctx, in->slot)

static struct mutex pools_open_lock;

static int pools_open(struct alloc *a, const void *params, const struct alloc *inner, struct message *m)
{
    (void)params;
    (void)inner;
    unsigned slot = 0;
    pools_hooks();
    mutex_lock(&pools_open_lock);
    while (slot < POOLS_INSTANCES && pools_instances[slot].open)
        slot++;
    if (slot < POOLS_INSTANCES)
        pools_instances[slot].open = true;
    mutex_unlock(&pools_open_lock);
    if (slot == POOLS_INSTANCES)
        return message_set(m, -EBUSY, "pools: %u heaps are open, and no more can be", POOLS_INSTANCES);
    struct pools *in = &pools_instances[slot];
    if (slot == 0)
        *a = (struct alloc){in,
                            pools_first_malloc,
                            pools_first_calloc,
                            pools_first_realloc,
                            pools_first_free,
                            pools_first_aligned,
                            pools_first_usable,
                            NULL};
    else
        *a = (struct alloc){in,
                            pools_other_malloc,
                            pools_other_calloc,
                            pools_other_realloc,
                            pools_other_free,
                            pools_other_aligned,
                            pools_other_usable,
                            NULL};
    return 0;
}

static int pools_second(struct alloc *a, const struct alloc *first, struct message *m)
{
    struct pools *in = first->ctx;
    if (in->second || in->first)
        return message_set(m, -EBUSY, "pools: this one has a second heap already");
    int err = pools_open(a, NULL, NULL, m);
    if (err)
        return err;
    a->backend = first->backend;
    in->second = a->ctx;
    in->second->first = in;
    return 0;
}

/* What stays is the heap records, some 6 KiB for each thread that there ever was at once: threads that live
 * on point to theirs. */
static void pools_close(struct alloc *a)
{
    struct pools *in = a->ctx;
    if (in->first)
        in->first->second = NULL;
    in->first = NULL;
    pools_heaps_close(in);
    pools_huge_close(in);
    pools_spans_close(in);
    mutex_lock(&pools_open_lock);
    in->open = false;
    mutex_unlock(&pools_open_lock);
}

const struct backend backend_pools = {
    .name = "pools",
    .flags = ALLOC_THREADS | ALLOC_MAPS,
    .params = PARAM_TABLE(param_none, PARAM_NONE),
    .summary = "size-class pages owned by a thread, lock-free remote frees",
    .open = pools_open,
    .close = pools_close,
    .stats = pools_stats,
    .usage = pools_usage,
    .trim = pools_trim,
    .report = pools_report,
    .walk = pools_walk,
    .second = pools_second,
};
