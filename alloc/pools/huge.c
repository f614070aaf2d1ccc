/* huge.c: blocks over 1 MiB, and those of stricter alignment than a slice, each with a mapping of its own.
 *
 *   +0               the first page of a struct pools_segment: in, lists, map
 *   +huge_offset     the block: 4096, or its alignment
 *
 * The mapping is aligned to a segment, so that free() finds the map as for any other block. A block aligned
 * to a segment or more would lie where the header should: it has a record behind it instead, in a list that
 * is searched, and free() takes that way for every pointer at a segment's start.
 *
 * Freed mappings are kept for the next request, which takes the one that fits best: a smaller one is grown, a
 * larger one serves whole if what is spare in it may be kept, else it is cut. What is kept, in the cache or
 * spare in blocks, is resident, so it may not be much: an eighth of what is live and 12 MiB, and what was
 * given back too soon (reuse.h). (One block of 10 MiB that comes and goes unkept is 2,500 page faults each
 * time: a sixth of the time of mstress.) */
#include "pools.h"

#include "alloc/base/assert.h"

#include <stdlib.h>
#include <string.h>

static size_t huge_round(size_t bytes)
{
    size_t page = os_page_bytes();
    return (bytes + page - 1) & ~(page - 1);
}

static void huge_link(struct pools *in, struct pools_segment *s)
{
    s->huge_prev = NULL;
    s->huge_next = in->huge.blocks;
    if (in->huge.blocks)
        in->huge.blocks->huge_prev = s;
    in->huge.blocks = s;
    in->huge.bytes += s->huge_bytes;
    hg_seed(pools_huge_bytes, in->huge.bytes += 4096);
    in->huge.spare_bytes += s->huge_spare;
    in->huge.count++;
}

static void huge_unlink(struct pools *in, struct pools_segment *s)
{
    if (s->huge_prev)
        s->huge_prev->huge_next = s->huge_next;
    else
        in->huge.blocks = s->huge_next;
    if (s->huge_next)
        s->huge_next->huge_prev = s->huge_prev;
    in->huge.bytes -= s->huge_bytes;
    in->huge.spare_bytes -= s->huge_spare;
    in->huge.count--;
}

static void *huge_aligned_alloc(struct pools *in, size_t size, size_t align, bool *zero)
{
    size_t usable = huge_round(size), bytes = usable + sizeof(struct pools_aligned);
    char *p = os_map(&in->account, bytes, align, 0);
    if (!p) {
        errno = ENOMEM;
        return NULL;
    }
    struct pools_aligned *a = (struct pools_aligned *)(p + usable);
    a->block = p;
    a->usable = usable;
    a->bytes = bytes;
    mutex_lock(&in->huge.lock);
    a->next = in->huge.aligned;
    in->huge.aligned = a;
    in->huge.bytes += bytes;
    in->huge.count++;
    mutex_unlock(&in->huge.lock);
    *zero = true;
    return p;
}

/* The link that leads to the record of the block at p. With huge.lock. */
static struct pools_aligned **huge_aligned_find(struct pools *in, const void *p)
{
    struct pools_aligned **link = &in->huge.aligned;
    while (*link && (*link)->block != p)
        link = &(*link)->next;
    return link;
}

size_t pools_aligned_usable(struct pools *in, const void *p)
{
    mutex_lock(&in->huge.lock);
    struct pools_aligned *a = *huge_aligned_find(in, p);
    size_t usable = a ? a->usable : 0;
    mutex_unlock(&in->huge.lock);
    return usable;
}

void pools_aligned_free(struct pools *in, void *p)
{
    mutex_lock(&in->huge.lock);
    struct pools_aligned **link = huge_aligned_find(in, p), *a = *link;
    if (!a)
        abort(); /* not a block of ours */
    size_t bytes = a->bytes;
    *link = a->next;
    in->huge.bytes -= bytes;
    in->huge.count--;
    mutex_unlock(&in->huge.lock);
    os_unmap(&in->account, p, bytes);
}

/* What may be kept; what was given back too soon counts up to a quarter of what is live. With huge.lock. */
static uint64_t huge_budget(struct pools *in)
{
    struct reuse *r = &in->huge.reuse;
    if (!reuse_is_empty(r))
        reuse_decay(r, os_now_ns());
    reuse_limit(r, in->huge.bytes / 4);
    return 12 * (uint64_t)POOLS_KEEP + in->huge.bytes / 8 + r->reused;
}

static uint64_t huge_kept(const struct pools *in)
{
    return in->huge.cached_bytes + in->huge.spare_bytes;
}

/* A kept mapping: the smallest that is large enough, else the largest, which will be grown; *target is the
 * size that it is to have. With huge.lock. */
static struct pools_segment *huge_cache_take(struct pools *in, size_t bytes, size_t *target)
{
    size_t best = POOLS_HUGE_KEPT;
    for (size_t i = 0; i < POOLS_HUGE_KEPT; i++) {
        size_t n = in->huge.cache[i].bytes, b = best < POOLS_HUGE_KEPT ? in->huge.cache[best].bytes : 0;
        if (n && (n >= bytes ? b < bytes || n < b : b < bytes && n > b))
            best = i;
    }
    size_t have = best < POOLS_HUGE_KEPT ? in->huge.cache[best].bytes : 0;
    if (have < bytes)
        reuse_ask(&in->huge.reuse, bytes - have);
    if (!have)
        return NULL;
    in->huge.cached_bytes -= have;
    in->huge.cache[best].bytes = 0;
    *target = bytes;
    if (have > bytes) {
        /* Half of the budget at most lies idle in blocks: the other half is to be had by all. */
        uint64_t most = huge_budget(in) / 2, spare = in->huge.spare_bytes;
        uint64_t room = most > spare ? most - spare : 0;
        *target = have - bytes <= room ? have : bytes + (size_t)(room & ~(uint64_t)(os_page_bytes() - 1));
        reuse_give_back(&in->huge.reuse, have - *target);
    }
    return in->huge.cache[best].s;
}

/* Brings a kept mapping to its new size. */
static struct pools_segment *huge_fit(struct pools *in, struct pools_segment *s, size_t bytes)
{
    if (s->huge_bytes == bytes)
        return s;
    struct pools_segment *fit = os_remap_aligned(&in->account, s, s->huge_bytes, bytes, POOLS_SEGMENT);
    if (fit)
        fit->huge_bytes = bytes;
    else
        os_unmap(&in->account, s, s->huge_bytes);
    return fit;
}

bool pools_huge_is_valid(const struct pools *in)
{
    uint64_t bytes = 0, count = 0, spare = 0, cached = 0;
    for (const struct pools_segment *s = in->huge.blocks, *prev = NULL; s; prev = s, s = s->huge_next) {
        if (s->huge_prev != prev || s->huge_spare >= s->huge_bytes || s->huge_offset >= s->huge_bytes)
            return false;
        bytes += s->huge_bytes;
        spare += s->huge_spare;
        count++;
    }
    for (const struct pools_aligned *a = in->huge.aligned; a; a = a->next) {
        if ((uintptr_t)a->block & (POOLS_SEGMENT - 1))
            return false;
        bytes += a->bytes;
        count++;
    }
    for (size_t i = 0; i < POOLS_HUGE_KEPT; i++)
        cached += in->huge.cache[i].bytes;
    return bytes == in->huge.bytes && count == in->huge.count && spare == in->huge.spare_bytes &&
           cached == in->huge.cached_bytes && reuse_is_valid(&in->huge.reuse);
}

void *pools_huge_alloc(struct pools *in, size_t size, size_t align, bool *zero)
{
    if (align >= POOLS_SEGMENT)
        return huge_aligned_alloc(in, size, align, zero);
    size_t offset = align > os_page_bytes() ? align : os_page_bytes();
    size_t bytes = huge_round(offset + size);
    mutex_lock(&in->huge.lock);
    size_t target = bytes;
    struct pools_segment *s = offset == os_page_bytes() ? huge_cache_take(in, bytes, &target) : NULL;
    mutex_unlock(&in->huge.lock);
    if (s)
        s = huge_fit(in, s, target);
    *zero = !s;
    if (!s) {
        s = os_map(&in->account, bytes, POOLS_SEGMENT, 0);
        if (!s) {
            errno = ENOMEM;
            return NULL;
        }
        s->in = in;
        s->huge_bytes = bytes;
        s->huge_offset = offset;
        atomic_store_explicit(&s->map[offset >> POOLS_SLICE_SHIFT], POOLS_CLASS_HUGE, memory_order_relaxed);
    }
    s->huge_spare = s->huge_bytes - bytes;
    mutex_lock(&in->huge.lock);
    huge_link(in, s);
    mutex_unlock(&in->huge.lock);
    return (char *)s + offset;
}

void pools_huge_free(struct pools *in, void *p)
{
    struct pools_segment *s = pools_segment_of(p);
    struct {
        struct pools_segment *s;
        size_t bytes;
    } gone[POOLS_HUGE_KEPT + 1];
    size_t n = 0, bytes = s->huge_bytes;
    mutex_lock(&in->huge.lock);
    hg_assert_whole(pools_huge_is_valid(in));
    huge_unlink(in, s);
    uint64_t budget = huge_budget(in); /* of what is still live */
    size_t place = POOLS_HUGE_KEPT;
    for (size_t i = 0; i < POOLS_HUGE_KEPT; i++) {
        if (in->huge.cache[i].bytes && huge_kept(in) > budget) {
            gone[n].s = in->huge.cache[i].s;
            gone[n++].bytes = in->huge.cache[i].bytes;
            in->huge.cached_bytes -= in->huge.cache[i].bytes;
            in->huge.cache[i].bytes = 0;
        }
        if (!in->huge.cache[i].bytes)
            place = i;
    }
    if (place < POOLS_HUGE_KEPT && s->huge_offset == os_page_bytes() && huge_kept(in) + bytes <= budget) {
        in->huge.cache[place].s = s;
        in->huge.cache[place].bytes = bytes;
        in->huge.cached_bytes += bytes;
    } else {
        gone[n].s = s;
        gone[n++].bytes = bytes;
    }
    for (size_t i = 0; i < n; i++)
        reuse_give_back(&in->huge.reuse, gone[i].bytes);
    mutex_unlock(&in->huge.lock);
    hg_seed(pools_leak_mapping, n = 0);
    while (n-- > 0)
        os_unmap(&in->account, gone[n].s, gone[n].bytes);
}

bool pools_huge_trim(struct pools *in)
{
    struct {
        struct pools_segment *s;
        size_t bytes;
    } gone[POOLS_HUGE_KEPT];
    size_t n = 0;
    mutex_lock(&in->huge.lock);
    for (size_t i = 0; i < POOLS_HUGE_KEPT; i++) {
        if (!in->huge.cache[i].bytes)
            continue;
        gone[n].s = in->huge.cache[i].s;
        gone[n++].bytes = in->huge.cache[i].bytes;
        reuse_give_back(&in->huge.reuse, in->huge.cache[i].bytes);
        in->huge.cache[i].bytes = 0;
    }
    in->huge.cached_bytes = 0;
    mutex_unlock(&in->huge.lock);
    for (size_t i = 0; i < n; i++)
        os_unmap(&in->account, gone[i].s, gone[i].bytes);
    return n > 0;
}

void *pools_huge_realloc(struct pools *in, void *p, size_t size)
{
    struct pools_segment *s = pools_segment_of(p);
    size_t offset = s->huge_offset, old = s->huge_bytes, bytes = huge_round(offset + size);
    mutex_lock(&in->huge.lock);
    huge_unlink(in, s);
    if (bytes <= old && old - bytes <= s->huge_spare) { /* it grows into what is spare */
        s->huge_spare = old - bytes;
        huge_link(in, s);
        mutex_unlock(&in->huge.lock);
        return p;
    }
    mutex_unlock(&in->huge.lock);
    struct pools_segment *moved = os_remap_aligned(&in->account, s, old, bytes, POOLS_SEGMENT);
    if (moved) {
        s = moved;
        s->huge_bytes = bytes;
        s->huge_spare = 0;
    }
    mutex_lock(&in->huge.lock);
    huge_link(in, s);
    mutex_unlock(&in->huge.lock);
    if (!moved)
        errno = ENOMEM;
    return moved ? (char *)s + offset : NULL;
}

size_t pools_huge_usable(const void *p)
{
    const struct pools_segment *s = pools_segment_of(p);
    return s->huge_bytes - s->huge_offset;
}

void pools_huge_close(struct pools *in)
{
    for (struct pools_segment *s = in->huge.blocks, *next; s; s = next) {
        next = s->huge_next;
        os_unmap(&in->account, s, s->huge_bytes);
    }
    for (struct pools_aligned *a = in->huge.aligned, *next; a; a = next) {
        next = a->next;
        os_unmap(&in->account, a->block, a->bytes);
    }
    for (size_t i = 0; i < POOLS_HUGE_KEPT; i++)
        if (in->huge.cache[i].bytes)
            os_unmap(&in->account, in->huge.cache[i].s, in->huge.cache[i].bytes);
    memset(in->huge.cache, 0, sizeof in->huge.cache);
    in->huge.blocks = NULL;
    in->huge.aligned = NULL;
    in->huge.bytes = in->huge.count = in->huge.cached_bytes = in->huge.spare_bytes = 0;
    in->huge.reuse = (struct reuse){0};
}
