/* alloc_churn.c: random-slot replacement over a live set: the steady state of a program whose blocks die at random ages.
 * Each step frees the block of a random slot and puts a new one of a random size in its place. Threads have slots of
 * their own, so no free is remote. An operation is one malloc or one free.
 *
 * Slot and size come from a counter that is mixed (SplitMix64): the stream needs one register and no chain
 * between steps, so that the harness stays out of the allocator's way. */
#include "list.h"
#include "rng.h"
#include "workload.h"

#include "touch.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define CHURN_SIZES 4096 /* quantiles of a size distribution that is not uniform */

struct churn_slot {
    unsigned char *block;
    uint32_t size, tag;
};

struct churn_thread {
    struct churn_slot *slot;
    uint32_t slots;
    uint64_t steps; /* replacements to do */
    uint64_t live_bytes, allocated_bytes;
    uint64_t counter;
};

struct churn {
    struct churn_thread *thread;
    uint32_t *sizes; /* [CHURN_SIZES], unless uniform */
};

enum { DIST_UNIFORM, DIST_LOG };

static int churn_setup(struct workload_sample *s)
{
    const struct alloc_churn_params *p = s->params;
    if (p->size.hi > UINT32_MAX || p->live / s->threads > UINT32_MAX)
        return message_set(s->message, -EINVAL, "churn: at most 4G blocks of at most 4G bytes a thread");
    if (p->live < s->threads)
        return message_set(s->message, -EINVAL,
                           "churn: live=%llu is less than one block for each of %u threads",
                           (unsigned long long)p->live, s->threads);
    struct churn *c = workload_scratch(sizeof *c);
    if (!c || !(c->thread = workload_scratch(s->threads * sizeof *c->thread)))
        return message_set(s->message, -ENOMEM, "churn: no memory for its tables");
    if (p->dist == DIST_LOG) {
        if (!(c->sizes = workload_scratch(CHURN_SIZES * sizeof *c->sizes)))
            return message_set(s->message, -ENOMEM, "churn: no memory for its tables");
        double ratio = (double)p->size.hi / (double)p->size.lo;
        for (unsigned i = 0; i < CHURN_SIZES; i++)
            c->sizes[i] = (uint32_t)((double)p->size.lo * pow(ratio, (i + 0.5) / CHURN_SIZES));
    }
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

static inline uint32_t churn_size(const struct alloc_churn_params *p, const uint32_t *sizes, uint64_t bits)
{
    return sizes ? sizes[(bits >> 20) % CHURN_SIZES]
                 : (uint32_t)(p->size.lo + rng_scale((uint32_t)bits, p->size.hi - p->size.lo + 1));
}

static __attribute__((noinline)) void churn_failed(struct workload_thread *t, struct churn_slot *slot)
{
    t->failed_allocs++;
    slot->size = 0;
    slot->tag = 0;
}

static inline void churn_put(struct workload_thread *t, struct churn_slot *slot, void *block, uint32_t size,
                             uint64_t bits, uint64_t touch)
{
    slot->block = block;
    slot->size = size;
    slot->tag = (uint8_t)(bits >> 8);
    if (__builtin_expect(!block, 0))
        churn_failed(t, slot);
    else
        touch_block(block, size, touch, (uint8_t)slot->tag);
}

static void churn_prepare(struct workload_thread *t)
{
    struct churn *c = t->sample->state;
    struct churn_thread *own = t->state;
    const struct alloc_churn_params *p = t->sample->params;
    for (uint32_t i = 0; i < own->slots; i++) {
        uint64_t bits = rng_mix(t->seed + own->counter++);
        uint32_t size = churn_size(p, c->sizes, bits);
        churn_put(t, &own->slot[i], t->alloc->malloc(t->alloc->ctx, size), size, bits, p->touch);
        own->live_bytes += own->slot[i].size;
    }
    own->allocated_bytes = own->live_bytes;
    gauge_publish(t->gauge, own->live_bytes, own->allocated_bytes, 0);
}

/* The measured loop. check and sized are constants, so each call of this is a loop of its own. */
static inline __attribute__((always_inline)) void churn_loop(struct workload_thread *t, const uint32_t *sizes,
                                                             uint64_t touch, bool check)
{
    struct churn_thread *own = t->state;
    const struct alloc_churn_params *p = t->sample->params;
    const struct alloc a = *t->alloc;
    uint64_t counter = t->seed + own->counter, left = own->steps, sum = 0, faults = 0;
    uint64_t live = own->live_bytes, allocated = own->allocated_bytes, done = 0;
    uint32_t until = t->until_latency;
    while (left) {
        unsigned batch = left < GAUGE_BATCH ? (unsigned)left : GAUGE_BATCH;
        for (unsigned i = 0; i < batch; i++) {
            uint64_t bits = rng_mix(counter++);
            struct churn_slot *slot = &own->slot[rng_scale((uint32_t)(bits >> 32), own->slots)];
            uint32_t size = churn_size(p, sizes, bits);
            if (check && slot->block)
                faults += *slot->block != (uint8_t)slot->tag;
            sum += slot->size ^ bits;
            live += size - (uint64_t)slot->size;
            allocated += size;
            void *block;
            if (__builtin_expect(--until == 0, 0)) {
                uint64_t t0 = os_now_ns();
                a.free(a.ctx, slot->block);
                uint64_t t1 = os_now_ns();
                block = a.malloc(a.ctx, size);
                uint64_t t2 = os_now_ns();
                t->sample->latency(t, OP_FREE, t1 - t0);
                t->sample->latency(t, OP_MALLOC, t2 - t1);
                until = t->sample->latency_every;
            } else {
                a.free(a.ctx, slot->block);
                block = a.malloc(a.ctx, size);
            }
            churn_put(t, slot, block, size, bits, touch);
        }
        left -= batch;
        done += 2 * batch;
        gauge_publish(t->gauge, live, allocated, done);
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
    struct churn *c = t->sample->state;
    const struct alloc_churn_params *p = t->sample->params;
    bool check = p->touch != TOUCH_NONE && !(t->sample->alloc_flags & ALLOC_ALIASES);
    if (!c->sizes && p->touch == TOUCH_FIRST && check)
        churn_loop(t, NULL, TOUCH_FIRST, true);
    else if (!c->sizes && p->touch == TOUCH_FIRST)
        churn_loop(t, NULL, TOUCH_FIRST, false);
    else
        churn_loop(t, c->sizes, p->touch, check);
}

static void churn_drain(struct workload_thread *t)
{
    struct churn_thread *own = t->state;
    for (uint32_t i = 0; i < own->slots; i++) {
        t->checksum += own->slot[i].size;
        t->alloc->free(t->alloc->ctx, own->slot[i].block);
        own->slot[i].block = NULL;
    }
    gauge_publish(t->gauge, 0, own->allocated_bytes, t->ops);
}

static void churn_live(struct workload_sample *s, workload_visit *visit, void *arg)
{
    struct churn *c = s->state;
    for (unsigned i = 0; i < s->threads; i++)
        for (uint32_t j = 0; j < c->thread[i].slots; j++)
            if (c->thread[i].slot[j].block)
                visit(arg, c->thread[i].slot[j].block, c->thread[i].slot[j].size);
}

const struct workload workload_alloc_churn = {
    .name = "churn",
    .setup = churn_setup,
    .prepare = churn_prepare,
    .run = churn_run,
    .drain = churn_drain,
    .live = churn_live,
};
