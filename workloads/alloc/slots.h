/* slots.h: a thread's own table of blocks with its account and its random stream: the state that most
 * allocator-level workloads need. setup makes one for each thread, prepare opens it, drain frees what is
 * left, live visits it. */
#ifndef HG_WORKLOADS_ALLOC_SLOTS_H
#define HG_WORKLOADS_ALLOC_SLOTS_H

#include "block.h"

#include <errno.h>

struct slots {
    _Alignas(128) struct block_account account;
    struct block *slot; /* [count]; empty ones have at == NULL */
    uint64_t count;
    struct rng rng;
    uint64_t share; /* of the work: the workload's own meaning */
    void *more;     /* the workload's own */
};

static inline struct slots *slots_of(struct workload_thread *t)
{
    return t->state;
}

/* `each` slots for every thread; s->state becomes the array of them. */
static inline int slots_setup(struct workload_sample *s, uint64_t each)
{
    struct slots *all = workload_scratch(s->threads * sizeof *all);
    if (!all)
        return message_set(s->message, -ENOMEM, "%s: no memory for its tables", s->name);
    s->state = all;
    for (unsigned i = 0; i < s->threads; i++) {
        all[i].count = each;
        if (each && (each > SIZE_MAX / sizeof(struct block) ||
                     !(all[i].slot = workload_scratch(each * sizeof(struct block)))))
            return message_set(s->message, -ENOMEM, "%s: no memory for a table of %llu blocks", s->name,
                               (unsigned long long)each);
        s->thread[i].state = &all[i];
    }
    return 0;
}

/* Slots for so many live blocks in all, and shares of the steps that make so many operations: a step is a
 * free and an allocation. */
static inline int slots_setup_live(struct workload_sample *s, uint64_t live, uint64_t ops)
{
    int err = slots_setup(s, live / s->threads ? live / s->threads : 1);
    for (unsigned i = 0; !err && i < s->threads; i++)
        slots_of(&s->thread[i])->share = block_share(ops / 2, s->threads, i);
    return err;
}

static inline void slots_prepare(struct workload_thread *t)
{
    struct slots *own = slots_of(t);
    block_open(&own->account, t);
    rng_seed(&own->rng, t->seed);
    block_publish(&own->account);
}

/* Frees b if it holds anything and folds it into the checksum. */
static inline void slots_drop(struct slots *own, struct block *b, enum op_kind kind)
{
    if (!b->at)
        return;
    own->account.t->checksum += block_sum(b);
    block_drop(&own->account, b, kind);
}

static inline void slots_drain(struct workload_thread *t)
{
    struct slots *own = slots_of(t);
    for (uint64_t i = 0; i < own->count; i++)
        slots_drop(own, &own->slot[i], OP_FREE);
    block_publish(&own->account);
}

static inline void slots_live(struct workload_sample *s, workload_visit *visit, void *arg)
{
    struct slots *all = s->state;
    for (unsigned i = 0; i < s->threads; i++)
        block_visit(all[i].slot, all[i].count, visit, arg);
}

#endif
