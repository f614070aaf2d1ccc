/* larson.c: a server whose worker threads come and go (Larson & Krishnan, "Memory allocation for long-running
 * server applications", ISMM'98). A thread replaces the blocks of random slots; after `handover` replacements
 * it ends and a successor goes on with its slots, so that the blocks it frees at first were made by a thread
 * that is no more ("bleeding").
 *
 * A harness thread does the first stretch itself, then starts one successor after another and waits for each.
 * The random stream goes from thread to thread with the slots. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                            \
    P(S, COUNT, slots, "5000", "1-10M", "blocks a thread holds")                                \
    P(S, RANGE, size, "8-1000", "1-1G", "block sizes in bytes")                                 \
    P(S, COUNT, ops, "10M", "1-100G", "operations (a malloc or a free each), over all threads") \
    P(S, COUNT, handover, "500k", "1-1G", "replacements after which a thread gives its slots to a successor")
PARAM_STRUCT(larson_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_larson = {
    .name = "larson",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(larson_params, PARAMS),
    .summary = "a server's threads that hand their blocks to successors: frees of dead threads' "
               "blocks; not the cost of thread starts",
    .small = {"slots=100,ops=12k,handover=1k"},
};

#else

#include "block.h"
#include "successor.h"

#include <errno.h>

struct larson_line { /* one harness thread and its successors */
    _Alignas(64) struct block_account account;
    struct block *slot;
    uint32_t slots;
    uint64_t steps;      /* replacements still to do */
    uint64_t generation; /* threads so far: a block's maker is in its tag */
    struct rng rng;
    void *stack;
    const struct larson_params *params;
};

static int larson_setup(struct workload_sample *s)
{
    const struct larson_params *p = s->params;
    struct larson_line *line = workload_scratch(s->threads * sizeof *line);
    if (!line)
        return message_set(s->message, -ENOMEM, "larson: no memory for its tables");
    for (unsigned i = 0; i < s->threads; i++) {
        struct larson_line *l = &line[i];
        l->slots = (uint32_t)p->slots;
        l->steps = block_share(p->ops / 2, s->threads, i);
        l->slot = workload_scratch(l->slots * sizeof *l->slot);
        l->stack = workload_scratch(SUCCESSOR_STACK_BYTES);
        l->params = p;
        if (!l->slot || !l->stack)
            return message_set(s->message, -ENOMEM, "larson: no memory for %u slots", l->slots);
        s->thread[i].state = l;
    }
    s->state = line;
    return 0;
}

/* The low byte of a tag is content, the rest is which thread of the line made the block. */
static inline uint32_t larson_tag(const struct larson_line *l, uint64_t bits)
{
    return (uint32_t)l->generation << 8 | (uint8_t)(bits >> 56);
}

static void larson_prepare(struct workload_thread *t)
{
    struct larson_line *l = t->state;
    block_open(&l->account, t);
    rng_seed(&l->rng, t->seed);
    for (uint32_t i = 0; i < l->slots; i++) {
        uint64_t bits = rng_next(&l->rng);
        block_new(&l->account, &l->slot[i], block_size(&l->params->size, (uint32_t)bits),
                  larson_tag(l, bits));
    }
    block_publish(&l->account);
}

static void *larson_stretch(void *arg)
{
    struct larson_line *l = arg;
    struct block_account *c = &l->account;
    uint64_t n = l->steps < l->params->handover ? l->steps : l->params->handover;
    uint32_t made_by = (uint32_t)l->generation & 0xffffff;
    l->steps -= n;
    for (; n; n--) {
        uint64_t bits = rng_next(&l->rng);
        struct block *b = &l->slot[rng_scale((uint32_t)(bits >> 32), l->slots)];
        c->t->checksum += block_sum(b);
        block_drop(c, b, b->tag >> 8 == made_by ? OP_FREE : OP_FREE_REMOTE);
        block_new(c, b, block_size(&l->params->size, (uint32_t)bits), larson_tag(l, bits));
    }
    l->generation++;
    return NULL;
}

static void larson_run(struct workload_thread *t)
{
    struct larson_line *l = t->state;
    block_begin(&l->account);
    larson_stretch(l);
    while (l->steps)
        if (!successor_run(l->stack, larson_stretch, l))
            t->failed_allocs++;
    block_end(&l->account);
}

static void larson_drain(struct workload_thread *t)
{
    struct larson_line *l = t->state;
    for (uint32_t i = 0; i < l->slots; i++) {
        t->checksum += block_sum(&l->slot[i]);
        block_drop(&l->account, &l->slot[i], OP_FREE_REMOTE);
    }
    block_publish(&l->account);
}

static void larson_live(struct workload_sample *s, workload_visit *visit, void *arg)
{
    struct larson_line *line = s->state;
    for (unsigned i = 0; i < s->threads; i++)
        block_visit(line[i].slot, line[i].slots, visit, arg);
}

const struct workload workload_larson = {
    .setup = larson_setup,
    .prepare = larson_prepare,
    .run = larson_run,
    .drain = larson_drain,
    .live = larson_live,
};

#endif
