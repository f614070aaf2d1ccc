/* realloc.c: vectors that grow, one element at a time until they are full, by CPython's rule for lists or
 * geometrically, and start again when they reach the largest size. An operation is one realloc (or the free
 * and malloc of a new start). How many reallocs had to move the block is noted: it is the allocator's doing
 * and no part of the checksum. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                        \
    P(S, COUNT, vectors, "1000", "1-10M", "vectors that a thread grows")                    \
    P(S, RANGE, size, "16-8192", "1-1G", "bytes of a new vector, and the most it grows to") \
    P(S, CHOICE, growth, "list", "list|half|double",                                        \
      "a full vector grows: as CPython's lists, by half, or twofold")                       \
    P(S, COUNT, ops, "4M", "1-100G", "operations (a malloc, realloc or free each), over all threads")
PARAM_STRUCT(realloc_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_realloc = {
    .name = "realloc",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(realloc_params, PARAMS),
    .summary = "vectors that grow: in place or moved (workload.moved of workload.reallocs); not "
               "shrinking",
    .small = {"vectors=50,ops=20k"},
};

#else

#include "slots.h"

enum { GROWTH_LIST, GROWTH_HALF, GROWTH_DOUBLE };
#define REALLOC_ELEMENT_BYTES 8

struct realloc_count {
    uint64_t calls, moved;
};

static int realloc_setup(struct workload_sample *s)
{
    const struct realloc_params *p = s->params;
    int err = slots_setup(s, p->vectors);
    struct realloc_count *counts = workload_scratch(s->threads * sizeof *counts);
    if (err || !counts)
        return err ? err : message_set(s->message, -ENOMEM, "realloc: no memory for its tables");
    for (unsigned i = 0; i < s->threads; i++) {
        slots_of(&s->thread[i])->share = block_share(p->ops, s->threads, i);
        slots_of(&s->thread[i])->more = &counts[i];
    }
    return 0;
}

/* The size after one append to a full vector of `size` bytes. */
static uint64_t realloc_grown(uint64_t size, uint64_t growth)
{
    uint64_t n = size / REALLOC_ELEMENT_BYTES + 1;
    switch (growth) {
    case GROWTH_LIST: /* listobject.c, list_resize: an eighth more and a little, in fours */
        n = (n + (n >> 3) + 6) & ~(uint64_t)3;
        break;
    case GROWTH_HALF:
        n += n / 2;
        break;
    default:
        n *= 2;
    }
    return n * REALLOC_ELEMENT_BYTES;
}

static void realloc_run(struct workload_thread *t)
{
    const struct realloc_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    struct realloc_count *count = own->more;
    uint64_t calls = 0, moved = 0;
    block_begin(&own->account);
    while (own->account.ops < own->share) {
        uint64_t bits = rng_next(&own->rng);
        struct block *b = &own->slot[rng_scale((uint32_t)bits, own->count)];
        uint64_t size = b->at ? realloc_grown(b->size, p->growth) : 0;
        if (!b->at) {
            block_new(&own->account, b, (uint32_t)p->size.lo, (uint32_t)(bits >> 32));
        } else if (size > p->size.hi) {
            slots_drop(own, b, OP_FREE);
        } else {
            const unsigned char *was = b->at;
            calls++;
            if (!block_resize(&own->account, b, (uint32_t)size))
                continue;
            moved += b->at != was;
        }
    }
    block_end(&own->account);
    count->calls = calls;
    count->moved = moved;
}

static void realloc_finish(struct workload_sample *s)
{
    struct realloc_count sum = {0, 0};
    for (unsigned i = 0; i < s->threads; i++) {
        const struct realloc_count *c = slots_of(&s->thread[i])->more;
        sum.calls += c->calls;
        sum.moved += c->moved;
    }
    s->note(s, "workload.reallocs", sum.calls);
    s->note(s, "workload.moved", sum.moved);
}

const struct workload workload_realloc = {
    .setup = realloc_setup,
    .prepare = slots_prepare,
    .run = realloc_run,
    .drain = slots_drain,
    .live = slots_live,
    .finish = realloc_finish,
};

#endif
