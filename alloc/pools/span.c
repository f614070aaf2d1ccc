/* span.c: segments, and runs of slices in them. See pools.h.
 *
 * All under spans.lock; system calls that give memory back are made outside it, with the slices marked as in
 * use. A segment is in the bucket of the log2 of its largest free run, in no bucket when it is full. A run is
 * taken from the fullest segments that can serve it, lowest slices first, written slices before untouched
 * ones.
 *
 * Free slices that have been written (dirty) stay resident up to an eighth of the slices in use,
 * POOLS_KEEP and what was purged too soon before; the free that exceeds it purges down to SPAN_STEP below it,
 * the segment that has been dirty longest first. One empty segment is kept, others are unmapped when nothing
 * dirty is in them. */
#include "pools.h"
#include "alloc/base/assert.h"

#include <string.h>

static unsigned span_log2(unsigned n)
{
    return 31u - (unsigned)__builtin_clz(n);
}

/* The first position >= from whose bit is `value`, or POOLS_SLICES. */
static unsigned span_next(const uint64_t *bits, unsigned from, bool value)
{
    while (from < POOLS_SLICES) {
        uint64_t w = (value ? bits[from / 64] : ~bits[from / 64]) >> (from % 64);
        if (w)
            return from + (unsigned)__builtin_ctzll(w);
        from = (from / 64 + 1) * 64;
    }
    return POOLS_SLICES;
}

static void span_set(uint64_t *bits, unsigned first, unsigned n, bool value)
{
    for (unsigned i = first; i < first + n;) {
        unsigned here = 64 - i % 64;
        if (here > first + n - i)
            here = first + n - i;
        uint64_t mask = (here == 64 ? ~(uint64_t)0 : ((uint64_t)1 << here) - 1) << (i % 64);
        if (value)
            bits[i / 64] |= mask;
        else
            bits[i / 64] &= ~mask;
        i += here;
    }
}

static unsigned span_count(const uint64_t *bits, unsigned first, unsigned n)
{
    unsigned count = 0;
    for (unsigned i = span_next(bits, first, true); i < first + n;) {
        unsigned end = span_next(bits, i, false);
        count += (end < first + n ? end : first + n) - i;
        i = span_next(bits, end, true);
    }
    return count;
}

/* The first run of n bits that begins at a multiple of align, or 0 (slice 0 is never free). */
static unsigned span_find(const uint64_t *bits, unsigned n, unsigned align)
{
    for (unsigned i = span_next(bits, 0, true); i < POOLS_SLICES;) {
        unsigned end = span_next(bits, i, false), at = (i + align - 1) & ~(align - 1);
        if (at + n <= end)
            return at;
        i = span_next(bits, end, true);
    }
    return 0;
}

static void span_unlist(struct pools_segment *s)
{
    if (s->link) {
        *s->link = s->next;
        if (s->next)
            s->next->link = s->link;
        s->link = NULL;
    }
}

/* The longest run of free slices. */
static unsigned span_largest(const struct pools_segment *s)
{
    unsigned largest = 0;
    for (unsigned i = span_next(s->free, 0, true); i < POOLS_SLICES;) {
        unsigned end = span_next(s->free, i, false);
        if (end - i > largest)
            largest = end - i;
        i = span_next(s->free, end, true);
    }
    return largest;
}

/* Puts the segment into the bucket that its free slices ask for. */
static void span_relist(struct pools *in, struct pools_segment *s)
{
    unsigned largest = span_largest(s);
    if (s->link && s->largest && largest && span_log2(largest) == span_log2(s->largest)) {
        s->largest = largest;
        return;
    }
    span_unlist(s);
    s->largest = largest;
    if (!largest)
        return;
    struct pools_segment **bucket = &in->spans.bucket[span_log2(largest)];
    s->next = *bucket;
    s->link = bucket;
    if (s->next)
        s->next->link = &s->next;
    *bucket = s;
}

static void span_dirty_unlist(struct pools *in, struct pools_segment *s)
{
    if (!s->dirty_link)
        return;
    *s->dirty_link = s->dirty_next;
    if (s->dirty_next)
        s->dirty_next->dirty_link = s->dirty_link;
    else
        in->spans.dirty_tail = s->dirty_link;
    s->dirty_link = NULL;
}

/* Counts dirty slices anew and keeps the segment's place in the list of dirty ones, oldest first. */
static void span_dirty_update(struct pools *in, struct pools_segment *s, int change)
{
    s->dirty_count += (unsigned)change;
    in->spans.dirty_slices += (uint64_t)(int64_t)change;
    if (!s->dirty_count) {
        span_dirty_unlist(in, s);
    } else if (!s->dirty_link) {
        s->dirty_next = NULL;
        s->dirty_link = in->spans.dirty_tail;
        *in->spans.dirty_tail = s;
        in->spans.dirty_tail = &s->dirty_next;
    }
}

/* Many small blocks over many segments miss the TLB on nearly every free: then huge pages are asked for. Not
 * before so many segments are mapped, and only while pages are dense: a huge page that is touched here and
 * there would be resident whole. With spans.lock. */
#define SPAN_SMALL_SEGMENTS 3

static bool span_wants_huge_pages(const struct pools *in)
{
    if (in->spans.segments < SPAN_SMALL_SEGMENTS)
        return false;
    int64_t held = 0;
    /* Acquire: pairs with the birth of a heap. */
    for (struct pools_heap *h = atomic_load_explicit(&in->heaps.all, memory_order_acquire); h;
         h = h->all_next)
        held += atomic_load_explicit(&h->held, memory_order_relaxed);
    return held >= (int64_t)(in->spans.segments * (POOLS_SEGMENT / 4 * 3));
}

static struct pools_segment *span_segment_new(struct pools *in)
{
    unsigned flags = span_wants_huge_pages(in) ? OS_THP : 0;
    struct pools_segment *s = os_map(&in->account, POOLS_SEGMENT, POOLS_SEGMENT, flags);
    if (!s) {
        errno = ENOMEM;
        return NULL;
    }
    s->in = in;
    s->free_count = POOLS_SLICES - POOLS_HEADER_SLICES;
    span_set(s->free, POOLS_HEADER_SLICES, s->free_count, true);
    s->all_next = in->spans.all;
    if (in->spans.all)
        in->spans.all->all_prev = s;
    in->spans.all = s;
    in->spans.segments++;
    in->spans.empty_segments++;
    span_relist(in, s);
    return s;
}

/* Takes the segment out of every list; the caller unmaps it, outside the lock. */
static void span_segment_remove(struct pools *in, struct pools_segment *s)
{
    span_unlist(s);
    span_dirty_update(in, s, -(int)s->dirty_count);
    if (s->all_prev)
        s->all_prev->all_next = s->all_next;
    else
        in->spans.all = s->all_next;
    if (s->all_next)
        s->all_next->all_prev = s->all_prev;
    in->spans.segments--;
    in->spans.empty_segments--;
}

static void span_use(struct pools *in, struct pools_segment *s, unsigned first, unsigned n)
{
    if (s->free_count == POOLS_SLICES - POOLS_HEADER_SLICES)
        in->spans.empty_segments--;
    unsigned dirty = span_count(s->dirty, first, n);
    span_set(s->free, first, n, false);
    span_set(s->dirty, first, n, false);
    s->free_count -= n;
    hg_seed(pools_free_count, s->free_count--);
    in->spans.active_slices += n;
    if (dirty)
        span_dirty_update(in, s, -(int)dirty);
    span_relist(in, s);
}

/* The first `dirty` of the n slices have been written. */
static void span_unuse(struct pools *in, struct pools_segment *s, unsigned first, unsigned n, unsigned dirty)
{
    hg_assert(span_count(s->free, first, n) == 0);
    span_set(s->free, first, n, true);
    s->free_count += n;
    in->spans.active_slices -= n;
    hg_seed(pools_active_slices, in->spans.active_slices++);
    if (dirty) {
        span_set(s->dirty, first, dirty, true);
        span_dirty_update(in, s, (int)dirty);
    }
    if (s->free_count == POOLS_SLICES - POOLS_HEADER_SLICES)
        in->spans.empty_segments++;
    span_relist(in, s);
}

/* --- what holds ----------------------------------------------------------------------------------------- */

bool pools_segment_is_valid(const struct pools_segment *s)
{
    unsigned free = span_count(s->free, 0, POOLS_SLICES), dirty = span_count(s->dirty, 0, POOLS_SLICES);
    for (unsigned i = 0; i < POOLS_SLICES / 64; i++)
        if (s->dirty[i] & ~s->free[i])
            return false;
    return span_next(s->free, 0, true) >= POOLS_HEADER_SLICES && free == s->free_count &&
           dirty == s->dirty_count && span_largest(s) == s->largest && !s->dirty_link == !dirty &&
           !s->link == !s->largest;
}

bool pools_spans_are_valid(const struct pools *in)
{
    uint64_t segments = 0, empty = 0, dirty = 0, free = 0;
    for (const struct pools_segment *s = in->spans.all; s; s = s->all_next) {
        if (!pools_segment_is_valid(s) || s->in != in)
            return false;
        segments++;
        empty += s->free_count == POOLS_SLICES - POOLS_HEADER_SLICES;
        free += s->free_count;
        dirty += s->dirty_count;
    }
    return segments == in->spans.segments && empty == in->spans.empty_segments &&
           dirty == in->spans.dirty_slices &&
           free + in->spans.active_slices == segments * (POOLS_SLICES - POOLS_HEADER_SLICES) &&
           reuse_is_valid(&in->spans.reuse);
}

/* --- giving memory back --------------------------------------------------------------------------------- */

/* A purge leaves so many slices less than the budget allows, so that the next is not due at once. No more: a
 * program that grows and shrinks asks for the rest again. */
#define SPAN_STEP (POOLS_KEEP / 2 / POOLS_SLICE)

/* What was purged too soon counts up to half of what is in use and POOLS_REUSE_SLACK: a program that
 * drains for good gives the rest back at once, without a call that would come later. */
static uint64_t span_budget(const struct pools *in)
{
    uint64_t most = POOLS_REUSE_SLACK / POOLS_SLICE + in->spans.active_slices / 2;
    uint64_t reused = in->spans.reuse.reused;
    return (uint64_t)POOLS_KEEP / POOLS_SLICE + in->spans.active_slices / 8 + (reused < most ? reused : most);
}

/* With spans.lock, which it lets go meanwhile: purges up to `need` dirty slices of the segment that is dirty
 * longest, from its end; an empty segment of no more is unmapped, unless it is the only one. */
static void span_purge_some(struct pools *in, uint64_t need)
{
    struct pools_segment *s = in->spans.dirty;
    if (s->free_count == POOLS_SLICES - POOLS_HEADER_SLICES && in->spans.empty_segments > 1 &&
        s->dirty_count <= need) {
        reuse_give_back(&in->spans.reuse, s->dirty_count);
        span_segment_remove(in, s);
        mutex_unlock(&in->spans.lock);
        os_unmap(&in->account, s, POOLS_SEGMENT);
        mutex_lock(&in->spans.lock);
        return;
    }
    struct {
        unsigned first, n;
    } runs[POOLS_SLICES / 2];
    unsigned count = 0, total = 0;
    for (unsigned i = span_next(s->dirty, 0, true); i < POOLS_SLICES;) {
        unsigned end = span_next(s->dirty, i, false);
        runs[count].first = i;
        runs[count++].n = end - i;
        i = span_next(s->dirty, end, true);
    }
    unsigned from = count;
    while (from > 0 && total < need)
        total += runs[--from].n;
    for (unsigned i = from; i < count; i++)
        span_use(in, s, runs[i].first, runs[i].n);
    mutex_unlock(&in->spans.lock);
    for (unsigned i = from; i < count; i++)
        os_purge(&in->account, (char *)s + (size_t)runs[i].first * POOLS_SLICE,
                 (size_t)runs[i].n * POOLS_SLICE, false);
    mutex_lock(&in->spans.lock);
    in->spans.purged_bytes += total * POOLS_SLICE;
    in->spans.purge_calls += count - from;
    reuse_give_back(&in->spans.reuse, total);
    for (unsigned i = from; i < count; i++)
        span_unuse(in, s, runs[i].first, runs[i].n, 0);
}

/* With spans.lock, as above. */
static void span_trim(struct pools *in)
{
    hg_assert_whole(pools_spans_are_valid(in));
    if (reuse_decay(&in->spans.reuse, os_now_ns()))
        in->spans.peak_slices = in->spans.active_slices;
    for (uint64_t keep; in->spans.dirty && in->spans.dirty_slices > (keep = span_budget(in) - SPAN_STEP);)
        span_purge_some(in, in->spans.dirty_slices - keep);
    /* Clean empty segments cost a header each. Those that are not empty can be among them: bounded tries. */
    unsigned tries = 16;
    for (struct pools_segment *s = in->spans.bucket[7]; s && in->spans.empty_segments > 1 && tries--;
         s = s->next)
        if (s->free_count == POOLS_SLICES - POOLS_HEADER_SLICES && !s->dirty_count) {
            span_segment_remove(in, s);
            mutex_unlock(&in->spans.lock);
            os_unmap(&in->account, s, POOLS_SEGMENT);
            mutex_lock(&in->spans.lock);
            return;
        }
}

bool pools_spans_trim(struct pools *in)
{
    mutex_lock(&in->spans.lock);
    uint64_t left = in->spans.dirty_slices; /* others may make more meanwhile */
    bool any = left > 0;
    while (in->spans.dirty && left) {
        uint64_t n = in->spans.dirty->dirty_count;
        n = n < left ? n : left;
        span_purge_some(in, n);
        left -= n;
    }
    mutex_unlock(&in->spans.lock);
    return any;
}

void pools_run_free(struct pools *in, void *run, unsigned slices, unsigned keep, unsigned touched)
{
    struct pools_segment *s = pools_segment_of(run);
    unsigned first = pools_slice_of(run);
    if (touched > slices)
        touched = slices;
    mutex_lock(&in->spans.lock);
    if (keep) {
        s->page[first].slices = (uint8_t)keep;
        s->page[first].block_bytes = (uint32_t)(keep * POOLS_SLICE);
    } else {
        s->page[first].live = false;
    }
    span_unuse(in, s, first + keep, slices - keep, touched > keep ? touched - keep : 0);
    if (in->spans.dirty_slices > span_budget(in) || in->spans.empty_segments > 2)
        span_trim(in);
    mutex_unlock(&in->spans.lock);
}

void *pools_run_alloc(struct pools *in, unsigned slices, unsigned align, unsigned *touched)
{
    unsigned wide = slices + align - 1; /* a free run of so many serves, wherever it begins */
    mutex_lock(&in->spans.lock);
    struct pools_segment *s = NULL;
    /* In the bucket of its own log2 a segment may or may not fit: a few are tried. Above, all do. */
    unsigned b = span_log2(wide), tries = 8;
    for (struct pools_segment *t = in->spans.bucket[b]; t && tries-- && !s; t = t->next)
        if (t->largest >= wide)
            s = t;
    while (!s && ++b < 8)
        s = in->spans.bucket[b];
    if (!s)
        s = span_segment_new(in);
    if (!s) {
        mutex_unlock(&in->spans.lock);
        return NULL;
    }
    unsigned first = s->dirty_count >= slices ? span_find(s->dirty, slices, align) : 0;
    if (!first)
        first = span_find(s->free, slices, align);
    hg_assert(first >= POOLS_HEADER_SLICES);
    *touched = 0;
    for (unsigned i = span_next(s->dirty, first, true); i < first + slices;
         i = span_next(s->dirty, i + 1, true))
        *touched = i + 1 - first;
    if (in->spans.reuse.given_back && *touched < slices) {
        reuse_ask(&in->spans.reuse, slices - *touched);
        reuse_limit(&in->spans.reuse, in->spans.peak_slices);
    }
    span_use(in, s, first, slices);
    if (in->spans.active_slices > in->spans.peak_slices)
        in->spans.peak_slices = in->spans.active_slices;
    mutex_unlock(&in->spans.lock);
    return (char *)s + (size_t)first * POOLS_SLICE;
}

bool pools_run_extend(struct pools *in, void *run, unsigned slices, unsigned want)
{
    struct pools_segment *s = pools_segment_of(run);
    unsigned first = pools_slice_of(run), more = want - slices;
    if (first + want > POOLS_SLICES)
        return false;
    mutex_lock(&in->spans.lock);
    bool fits = span_count(s->free, first + slices, more) == more;
    if (fits) {
        span_use(in, s, first + slices, more);
        s->page[first].slices = (uint8_t)want;
        s->page[first].block_bytes = (uint32_t)(want * POOLS_SLICE);
    }
    mutex_unlock(&in->spans.lock);
    return fits;
}

void pools_run_map(void *run, unsigned slices, uint32_t id, unsigned class_)
{
    struct pools_segment *s = pools_segment_of(run);
    unsigned first = pools_slice_of(run);
    for (unsigned i = 0; i < slices; i++)
        atomic_store_explicit(&s->map[first + i], id << 16 | i << 8 | class_, memory_order_relaxed);
}

void pools_spans_close(struct pools *in)
{
    for (struct pools_segment *s = in->spans.all, *next; s; s = next) {
        next = s->all_next;
        os_unmap(&in->account, s, POOLS_SEGMENT);
    }
    in->spans.all = in->spans.dirty = NULL;
    in->spans.dirty_tail = &in->spans.dirty;
    memset(in->spans.bucket, 0, sizeof in->spans.bucket);
    in->spans.segments = in->spans.empty_segments = in->spans.active_slices = in->spans.dirty_slices = 0;
    in->spans.purged_bytes = in->spans.purge_calls = 0;
    in->spans.peak_slices = 0;
    in->spans.reuse = (struct reuse){0};
}
