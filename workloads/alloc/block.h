/* block.h: a workload's hold on one block, and a thread's account of all it asked for: the steps that
 * allocator-level workloads share. Each step is one call of the backend; every GAUGE_BATCH steps the account
 * is published in the gauge; one step in latency_every is timed.
 *
 * Contents: a block's tag is written into its first byte, the first byte of each page and its last byte,
 * never beyond; before a free the first and last are checked (not on backends whose blocks overlap). Nothing
 * is ever read out of a block but its tag: a workload's links live in its own tables, so that every workload
 * also runs on the null floor.
 *
 * An account belongs to one thread at a time; whoever hands it on synchronises. */
#ifndef HG_WORKLOADS_ALLOC_BLOCK_H
#define HG_WORKLOADS_ALLOC_BLOCK_H

#include "alloc/base/rng.h"
#include "workloads/workload.h"
#include "alloc/base/compiler.h"

#include <string.h>

#define BLOCK_PAGE_BYTES 4096

struct block {
    unsigned char *at; /* NULL: empty */
    uint32_t size;     /* requested */
    uint32_t tag;      /* its low byte is what the block holds */
};

struct block_account {
    struct workload_thread *t;
    struct alloc a;         /* a copy, so that the calls need no second load */
    uint32_t until_publish; /* steps */
    bool check;             /* contents mean something */
    bool measured;          /* in run: steps count and are timed */
    uint64_t live_bytes;    /* wraps below 0 when others' blocks are freed: the sum over threads is right */
    uint64_t allocated_bytes, look_at; /* look_at: allocated bytes at which to call the sample's look */
    uint64_t ops;
};

static inline void block_open(struct block_account *c, struct workload_thread *t)
{
    *c = (struct block_account){.t = t,
                                .a = *t->alloc,
                                .until_publish = GAUGE_BATCH,
                                .check = !(t->sample->alloc_flags & ALLOC_ALIASES)};
}

static inline void block_publish(struct block_account *c)
{
    c->until_publish = GAUGE_BATCH;
    gauge_publish(c->t->gauge, c->live_bytes, c->allocated_bytes, c->ops);
}

static noinline void block_look(struct block_account *c)
{
    c->look_at = workload_look(c->t, c->live_bytes, c->allocated_bytes);
}

/* Around run. */
static inline void block_begin(struct block_account *c)
{
    c->measured = true;
    c->ops = 0;
}

static inline void block_end(struct block_account *c)
{
    c->measured = false;
    c->t->ops += c->ops;
    block_publish(c);
}

static inline void block_step(struct block_account *c)
{
    c->ops += c->measured;
    if (unlikely(--c->until_publish == 0))
        block_publish(c);
}

static inline bool block_due(struct block_account *c)
{
    return c->measured && latency_due(c->t);
}

static inline void block_mark(const struct block *b)
{
    unsigned char tag = (unsigned char)b->tag;
    for (size_t i = 0; i < b->size; i += BLOCK_PAGE_BYTES)
        b->at[i] = tag;
    if (b->size)
        b->at[b->size - 1] = tag;
}

static inline void block_verify(struct block_account *c, const struct block *b)
{
    unsigned char tag = (unsigned char)b->tag;
    if (c->check && b->at && b->size)
        c->t->faults += b->at[0] != tag || b->at[b->size - 1] != tag;
}

/* What every backend must agree on: folded over the blocks that are freed. */
static inline uint64_t block_sum(const struct block *b)
{
    return rng_mix((uint64_t)b->size << 32 | b->tag);
}

/* Takes up a block that some call of the backend gave (or did not give) and marks it. */
static inline bool block_take(struct block_account *c, struct block *b, void *at, uint32_t size, uint32_t tag)
{
    *b = (struct block){at, size, tag};
    c->allocated_bytes += size;
    block_step(c);
    if (unlikely(!at)) {
        c->t->failed_allocs++;
        return false;
    }
    c->live_bytes += size;
    block_mark(b);
    if (unlikely(c->allocated_bytes >= c->look_at))
        block_look(c);
    return true;
}

static inline bool block_new(struct block_account *c, struct block *b, uint32_t size, uint32_t tag)
{
    void *at;
    if (unlikely(block_due(c))) {
        uint64_t begin = os_now_ns();
        at = c->a.malloc(c->a.ctx, size);
        c->t->sample->latency(c->t, OP_MALLOC, os_now_ns() - begin);
    } else {
        at = c->a.malloc(c->a.ctx, size);
    }
    return block_take(c, b, at, size, tag);
}

/* Frees and empties b. kind: OP_FREE, or OP_FREE_REMOTE when another thread made it. */
static inline void block_drop(struct block_account *c, struct block *b, enum op_kind kind)
{
    block_verify(c, b);
    if (b->at)
        c->live_bytes -= b->size;
    if (unlikely(block_due(c))) {
        uint64_t begin = os_now_ns();
        c->a.free(c->a.ctx, b->at);
        c->t->sample->latency(c->t, kind, os_now_ns() - begin);
    } else {
        c->a.free(c->a.ctx, b->at);
    }
    b->at = NULL;
    block_step(c);
}

/* The size of b changes, its contents stay; a failure leaves it as it was. */
static inline bool block_resize(struct block_account *c, struct block *b, uint32_t size)
{
    void *at;
    block_verify(c, b);
    if (unlikely(block_due(c))) {
        uint64_t begin = os_now_ns();
        at = c->a.realloc(c->a.ctx, b->at, size);
        c->t->sample->latency(c->t, OP_REALLOC, os_now_ns() - begin);
    } else {
        at = c->a.realloc(c->a.ctx, b->at, size);
    }
    block_step(c);
    if (unlikely(!at)) {
        c->t->failed_allocs++;
        return false;
    }
    if (c->check && size && b->size) /* what moved must have kept its first byte */
        c->t->faults += *(unsigned char *)at != (unsigned char)b->tag;
    c->live_bytes += (uint64_t)size - b->size;
    c->allocated_bytes += size;
    b->at = at;
    b->size = size;
    block_mark(b);
    if (unlikely(c->allocated_bytes >= c->look_at))
        block_look(c);
    return true;
}

/* A size drawn from an inclusive range by 32 random bits. */
static inline uint32_t block_size(const struct param_range *range, uint32_t bits)
{
    return (uint32_t)(range->lo + rng_scale(bits, range->hi - range->lo + 1));
}

/* Share of thread `index` when `total` things are dealt out to `threads`. */
static inline uint64_t block_share(uint64_t total, unsigned threads, unsigned index)
{
    return total / threads + (index < total % threads);
}

static inline void block_visit(const struct block *b, size_t count, workload_visit *visit, void *arg)
{
    for (size_t i = 0; i < count; i++)
        if (b[i].at)
            visit(arg, b[i].at, b[i].size);
}

#endif
