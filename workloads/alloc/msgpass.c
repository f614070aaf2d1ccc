/* msgpass.c: messages through a chain of threads: a producer allocates, a proxy reads each message and passes
 * it on, a consumer frees it (the pattern of snmalloc's msgpass). At most `outstanding` messages wait at each
 * hop. Threads form chains of three; of a rest of two one produces and one consumes; a single one does all in
 * turn. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                            \
    P(S, RANGE, size, "48-128", "1-1G", "message sizes in bytes")               \
    P(S, COUNT, outstanding, "4096", "1-10M", "messages under way at each hop") \
    P(S, COUNT, ops, "10M", "1-100G", "operations (a malloc or a free each), over all threads")
PARAM_STRUCT(msgpass_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_msgpass = {
    .name = "msgpass",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(msgpass_params, PARAMS),
    .summary = "messages through producer, proxy and consumer: remote frees under a bound; a slow "
               "hop hides the allocator behind it",
    .small = {"outstanding=200,ops=10k"},
};

#else

#include "ring.h"
#include "slots.h"

#define MSGPASS_BATCH 64 /* messages that move at once */

struct msgpass_chain {
    struct ring first, second; /* second only with a proxy */
    uint64_t messages, seed;
    unsigned length; /* 1, 2 or 3 threads */
};

static int msgpass_setup(struct workload_sample *s)
{
    const struct msgpass_params *p = s->params;
    unsigned chains = (s->threads + 2) / 3;
    struct msgpass_chain *chain = workload_scratch(chains * sizeof *chain);
    int err = slots_setup(s, 0);
    uint64_t places = (p->outstanding + MSGPASS_BATCH - 1) / MSGPASS_BATCH;
    if (err)
        return err;
    for (unsigned i = 0; i < chains; i++) {
        if (!chain || !ring_open(&chain[i].first, (uint32_t)places, MSGPASS_BATCH) ||
            !ring_open(&chain[i].second, (uint32_t)places, MSGPASS_BATCH))
            return message_set(s->message, -ENOMEM, "msgpass: no memory for %llu messages under way",
                               (unsigned long long)p->outstanding);
        chain[i].messages = block_share(p->ops / 2, chains, i);
        chain[i].seed = s->thread[3 * i].seed;
        chain[i].length = s->threads - 3 * i < 3 ? s->threads - 3 * i : 3;
    }
    for (unsigned i = 0; i < s->threads; i++)
        slots_of(&s->thread[i])->more = &chain[i / 3];
    return 0;
}

static void msgpass_produce(struct slots *own, struct msgpass_chain *c, const struct msgpass_params *p,
                            uint32_t n)
{
    struct block *batch = ring_fill_begin(&c->first);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t bits = rng_next(&own->rng);
        block_new(&own->account, &batch[i], block_size(&p->size, (uint32_t)bits), (uint32_t)(bits >> 32));
    }
    ring_fill_end(&c->first, n);
}

/* Reads each message and hands it on: the block's cache line visits a third thread. */
static uint32_t msgpass_forward(struct slots *own, struct msgpass_chain *c)
{
    uint32_t n;
    struct block *in = ring_empty_begin(&c->first, &n, true), *out = ring_fill_begin(&c->second);
    for (uint32_t i = 0; i < n; i++) {
        block_verify(&own->account, &in[i]);
        out[i] = in[i];
    }
    ring_empty_end(&c->first);
    ring_fill_end(&c->second, n);
    return n;
}

static uint32_t msgpass_consume(struct slots *own, struct ring *from, enum op_kind kind)
{
    uint32_t n;
    struct block *batch = ring_empty_begin(from, &n, true);
    for (uint32_t i = 0; i < n; i++)
        slots_drop(own, &batch[i], kind);
    ring_empty_end(from);
    return n;
}

static void msgpass_prepare(struct workload_thread *t)
{
    struct slots *own = slots_of(t);
    slots_prepare(t);
    rng_seed(&own->rng, ((struct msgpass_chain *)own->more)->seed);
}

static void msgpass_run(struct workload_thread *t)
{
    const struct msgpass_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    struct msgpass_chain *c = own->more;
    unsigned part = t->index % 3;
    struct ring *last = c->length == 3 ? &c->second : &c->first;
    block_begin(&own->account);
    for (uint64_t left = c->messages; left;) {
        uint32_t n = left < MSGPASS_BATCH ? (uint32_t)left : MSGPASS_BATCH;
        if (part == 0)
            msgpass_produce(own, c, p, n);
        if (c->length == 3 && part == 1)
            n = msgpass_forward(own, c);
        if (part == c->length - 1)
            n = msgpass_consume(own, last, c->length == 1 ? OP_FREE : OP_FREE_REMOTE);
        left -= n;
    }
    block_end(&own->account);
}

static void msgpass_live(struct workload_sample *s, workload_visit *visit, void *arg)
{
    for (unsigned i = 0; i < s->threads; i += 3) {
        struct msgpass_chain *c = slots_of(&s->thread[i])->more;
        ring_visit(&c->first, visit, arg);
        ring_visit(&c->second, visit, arg);
    }
}

const struct workload workload_msgpass = {
    .setup = msgpass_setup,
    .prepare = msgpass_prepare,
    .run = msgpass_run,
    .drain = slots_drain,
    .live = msgpass_live,
};

#endif
