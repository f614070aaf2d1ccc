/* churn.c: random-slot replacement over a live set: the steady state of a program whose blocks die at random
 * ages. Each step frees the block of a random slot and puts a new one of a random size in its place. Threads
 * have slots of their own, so no free is remote. An operation is one malloc or one free.
 *
 * Slot and size come from a counter that is mixed (SplitMix64): the stream needs one register and no chain
 * between steps, so that the harness stays out of the allocator's way. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                            \
    P(S, COUNT, live, "100k", "1-100M", "blocks held live, over all threads")                   \
    P(S, RANGE, size, "16-512", "1-1G", "block sizes in bytes")                                 \
    P(S, CHOICE, dist, "uniform", "uniform|log", "how sizes are drawn")                         \
    P(S, COUNT, ops, "10M", "1-100G", "operations (a malloc or a free each), over all threads") \
    P(S, CHOICE, touch, "first", "none|first|page|all", "which bytes of a new block are written")
PARAM_STRUCT(alloc_churn_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_alloc_churn = {
    .name = "churn",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(alloc_churn_params, PARAMS),
    .summary = "random-slot replace over a live set: speed and fragmentation of a steady state; no "
               "remote frees",
    .small = {"live=1000,ops=20k"},
};

#else

#include "alloc/base/rng.h"
#include "touch.h"
#include "workloads/workload.h"
#include "alloc/base/compiler.h"

#include <errno.h>
#include <math.h>

#define CHURN_SIZES        4096 /* quantiles of the size distribution */

/* A slot is one word, so that the table of 100,000 of them stays in a second-level cache and out of the
 * way of the blocks: | tag 4 | size 12 | address 48 |. The size is an index of sizes[]; an address of a
 * user's on Linux has 47 bits (48 on aarch64). 0 is an empty slot. */
typedef uint64_t churn_slot;
#define CHURN_ADDRESS_BITS 48

static inline unsigned char *churn_block(churn_slot slot)
{
    return (unsigned char *)(uintptr_t)(slot & ((1ull << CHURN_ADDRESS_BITS) - 1));
}

static inline unsigned churn_code(churn_slot slot)
{
    return (slot >> CHURN_ADDRESS_BITS) % CHURN_SIZES;
}

static inline uint8_t churn_tag(churn_slot slot)
{
    return (uint8_t)(slot >> 60);
}

struct churn_thread {
    churn_slot *slot;
    uint32_t slots;
    uint64_t steps; /* replacements to do */
    uint64_t live_bytes, allocated_bytes;
    uint64_t counter;
};

struct churn {
    struct churn_thread *thread;
    uint32_t sizes[CHURN_SIZES];
};

enum { DIST_UNIFORM, DIST_LOG };

static void churn_make_sizes(uint32_t *sizes, const struct alloc_churn_params *p)
{
    double lo = (double)p->size.lo, span = (double)(p->size.hi - p->size.lo + 1);
    double ratio = (double)p->size.hi / lo;
    for (unsigned i = 0; i < CHURN_SIZES; i++)
        sizes[i] = (uint32_t)(p->dist == DIST_LOG ? lo * pow(ratio, (i + 0.5) / CHURN_SIZES)
                                                  : lo + span * i / CHURN_SIZES);
}

static int churn_setup(struct workload_sample *s)
{
    const struct alloc_churn_params *p = s->params;
    if (p->live < s->threads)
        return message_set(s->message, -EINVAL,
                           "churn: live=%llu is less than one block for each of %u threads",
                           (unsigned long long)p->live, s->threads);
    struct churn *c = workload_scratch(sizeof *c);
    if (!c || !(c->thread = workload_scratch(s->threads * sizeof *c->thread)))
        return message_set(s->message, -ENOMEM, "churn: no memory for its tables");
    churn_make_sizes(c->sizes, p);
    for (unsigned i = 0; i < s->threads; i++) {
        struct churn_thread *t = &c->thread[i];
        t->slots = (uint32_t)(p->live / s->threads + (i < p->live % s->threads));
        t->steps = p->ops / 2 / s->threads;
        t->slot = workload_scratch(t->slots * sizeof *t->slot);
        if (!t->slot)
            return message_set(s->message, -ENOMEM, "churn: no memory for %u slots", t->slots);
        s->thread[i].state = t;
    }
    s->state = c;
    return 0;
}

static noinline churn_slot churn_failed(struct workload_thread *t)
{
    t->failed_allocs++;
    return 0;
}

/* The new block's word; its first bytes get the tag. */
static inline churn_slot churn_put(struct workload_thread *t, void *block, uint32_t size, uint64_t bits,
                                   uint64_t touch)
{
    if (unlikely(!block))
        return churn_failed(t);
    touch_block(block, size, touch, (uint8_t)(bits >> 12 & 15));
    return (uintptr_t)block | (bits & 0xffff) << CHURN_ADDRESS_BITS;
}

static void churn_prepare(struct workload_thread *t)
{
    struct churn *c = t->sample->state;
    struct churn_thread *own = t->state;
    const struct alloc_churn_params *p = t->sample->params;
    for (uint32_t i = 0; i < own->slots; i++) {
        uint64_t bits = rng_mix(t->seed + own->counter++);
        uint32_t size = c->sizes[bits % CHURN_SIZES];
        own->slot[i] = churn_put(t, t->alloc->malloc(t->alloc->ctx, size), size, bits, p->touch);
        own->live_bytes += size;
    }
    own->allocated_bytes = own->live_bytes;
    gauge_publish(t->gauge, own->live_bytes, own->allocated_bytes, 0);
}

/* Replacements between two looks at how much is live: of few blocks they can change a percent of it. */
static unsigned churn_batch(const struct churn_thread *own)
{
    return own->slots >= GAUGE_BATCH * GAUGE_BATCH ? GAUGE_BATCH : 1 + own->slots / GAUGE_BATCH;
}

/* The measured loop. touch and check are constants, so each call of this is a loop of its own. */
static always_inline void churn_loop(struct workload_thread *t, uint64_t touch, bool check)
{
    struct churn_thread *own = t->state;
    const uint32_t *sizes = ((struct churn *)t->sample->state)->sizes;
    const struct alloc a = *t->alloc;
    uint64_t counter = t->seed + own->counter, left = own->steps, sum = 0, faults = 0;
    uint64_t live = own->live_bytes, allocated = own->allocated_bytes, done = 0;
    uint64_t look_at = allocated;
    uint32_t until = t->until_latency;
    unsigned most = churn_batch(own);
    while (left) {
        unsigned batch = left < most ? (unsigned)left : most;
        for (unsigned i = 0; i < batch; i++) {
            uint64_t bits = rng_mix(counter++);
            churn_slot *slot = &own->slot[rng_scale((uint32_t)(bits >> 32), own->slots)];
            uint32_t size = sizes[bits % CHURN_SIZES], old_size = sizes[churn_code(*slot)];
            unsigned char *old = churn_block(*slot);
            if (check && old)
                faults += *old != churn_tag(*slot);
            sum += old_size ^ bits;
            live += size - (uint64_t)old_size;
            allocated += size;
            void *block;
            if (unlikely(--until == 0)) {
                uint64_t t0 = os_now_ns();
                a.free(a.ctx, old);
                uint64_t t1 = os_now_ns();
                block = a.malloc(a.ctx, size);
                uint64_t t2 = os_now_ns();
                t->sample->latency(t, OP_FREE, t1 - t0);
                t->sample->latency(t, OP_MALLOC, t2 - t1);
                until = t->sample->latency_every;
            } else {
                a.free(a.ctx, old);
                block = a.malloc(a.ctx, size);
            }
            *slot = churn_put(t, block, size, bits, touch);
        }
        left -= batch;
        done += 2 * batch;
        gauge_publish(t->gauge, live, allocated, done);
        if (unlikely(allocated >= look_at))
            look_at = workload_look(t, live, allocated);
    }
    own->live_bytes = live;
    own->allocated_bytes = allocated;
    t->until_latency = until;
    t->ops += done;
    t->checksum += sum;
    t->faults += faults;
}

static void churn_run(struct workload_thread *t)
{
    const struct alloc_churn_params *p = t->sample->params;
    bool check = p->touch != TOUCH_NONE && !(t->sample->alloc_flags & ALLOC_ALIASES);
    if (p->touch == TOUCH_FIRST && check)
        churn_loop(t, TOUCH_FIRST, true);
    else if (p->touch == TOUCH_FIRST)
        churn_loop(t, TOUCH_FIRST, false);
    else
        churn_loop(t, p->touch, check);
}

static void churn_drain(struct workload_thread *t)
{
    struct churn_thread *own = t->state;
    const uint32_t *sizes = ((struct churn *)t->sample->state)->sizes;
    for (uint32_t i = 0; i < own->slots; i++) {
        t->checksum += sizes[churn_code(own->slot[i])];
        t->alloc->free(t->alloc->ctx, churn_block(own->slot[i]));
        own->slot[i] = 0;
    }
    gauge_publish(t->gauge, 0, own->allocated_bytes, t->ops);
}

static void churn_live(struct workload_sample *s, workload_visit *visit, void *arg)
{
    struct churn *c = s->state;
    for (unsigned i = 0; i < s->threads; i++)
        for (uint32_t j = 0; j < c->thread[i].slots; j++)
            if (c->thread[i].slot[j])
                visit(arg, churn_block(c->thread[i].slot[j]), c->sizes[churn_code(c->thread[i].slot[j])]);
}

const struct workload workload_alloc_churn = {
    .setup = churn_setup,
    .prepare = churn_prepare,
    .run = churn_run,
    .drain = churn_drain,
    .live = churn_live,
};

#endif
