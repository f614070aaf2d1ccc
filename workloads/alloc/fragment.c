/* fragment.c: adversaries of memory, not of speed. All run on a table that is a thread's share of a live size
 * in bytes.
 *
 * blowup (Berger et al., ASPLOS 2000): a constant live set moves through the threads one after another: each
 * frees, one by one, what the thread before made and makes its own. Compare peak memory with that of one
 * thread. robson (Robson, JACM 1974; Johnstone & Wilson, ISMM'98): fill, free every other block, double the
 * size, and again: the holes are always half of what is asked next.
 * phase-shift (Powers et al., "Mesh", PLDI 2019): each phase fills the live size with larger blocks than the
 * last, after a random few per cent of the blocks survived.
 * sawtooth: grow, drain, grow, drain; the last drain is the harness's, which then watches what goes back to
 * the system. */
#include "workloads/list.h"
#include "slots.h"

static int fragment_setup(struct workload_sample *s, uint64_t live_bytes, uint64_t size, uint64_t extra)
{
    uint64_t share = live_bytes / s->threads / size;
    int err = slots_setup(s, (share ? share : 1) + extra);
    for (unsigned i = 0; !err && i < s->threads; i++)
        slots_of(&s->thread[i])->share = live_bytes / s->threads;
    return err;
}

/* --- blowup --------------------------------------------------------------------------------------------- */

struct blowup_shared {
    pthread_barrier_t barrier;
};

static int blowup_setup(struct workload_sample *s)
{
    const struct blowup_params *p = s->params;
    struct blowup_shared *shared = workload_scratch(sizeof *shared);
    if (!shared || pthread_barrier_init(&shared->barrier, NULL, s->threads) != 0)
        return message_set(s->message, -ENOMEM, "blowup: no memory for its tables");
    /* one table, that of thread 0, goes round: sized for the smallest blocks */
    int err = slots_setup(s, 0);
    if (err)
        return err;
    struct slots *first = slots_of(&s->thread[0]);
    first->count = p->live / ((p->size.lo + p->size.hi) / 2);
    first->count += !first->count;
    first->slot = workload_scratch(first->count * sizeof *first->slot);
    if (!first->slot)
        return message_set(s->message, -ENOMEM, "blowup: no memory for a table of %llu blocks",
                           (unsigned long long)first->count);
    for (unsigned i = 0; i < s->threads; i++)
        slots_of(&s->thread[i])->more = shared;
    return 0;
}

static void blowup_run(struct workload_thread *t)
{
    const struct blowup_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    struct slots *table =
        slots_of(&t->sample->thread[0]); /* one thread at a time works on it; the barrier orders them */
    struct blowup_shared *shared = own->more;
    unsigned threads = t->sample->threads;
    struct rng sizes; /* of the round, whoever has it: the same trace for any number of threads */
    block_begin(&own->account);
    for (uint64_t round = 0; round < p->rounds; round++) {
        if (round % threads == t->index) {
            rng_seed(&sizes, t->sample->seed + round);
            for (uint64_t i = 0; i < table->count; i++) {
                uint64_t bits = rng_next(&sizes);
                slots_drop(own, &table->slot[i], threads == 1 ? OP_FREE : OP_FREE_REMOTE);
                block_new(&own->account, &table->slot[i], block_size(&p->size, (uint32_t)bits),
                          (uint32_t)(bits >> 32));
            }
        }
        if (threads > 1)
            pthread_barrier_wait(&shared->barrier);
    }
    block_end(&own->account);
}

const struct workload workload_blowup = {
    .name = "blowup",
    .setup = blowup_setup,
    .prepare = slots_prepare,
    .run = blowup_run,
    .drain = slots_drain,
    .live = slots_live,
};

/* --- robson --------------------------------------------------------------------------------------------- */

static int robson_setup(struct workload_sample *s)
{
    const struct robson_params *p = s->params;
    return fragment_setup(s, p->live, p->size.lo, 0);
}

/* Drops every other block of the first n and closes the table up. Returns how many are left. */
static uint64_t robson_thin(struct slots *own, uint64_t n, uint64_t *bytes)
{
    uint64_t kept = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (i % 2) {
            struct block b = own->slot[i];
            own->slot[i].at = NULL;
            own->slot[kept++] = b;
        } else {
            *bytes -= own->slot[i].size;
            slots_drop(own, &own->slot[i], OP_FREE);
        }
    }
    return kept;
}

static void robson_run(struct workload_thread *t)
{
    const struct robson_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    block_begin(&own->account);
    for (uint64_t round = 0; round < p->rounds; round++) {
        uint64_t n = 0, bytes = 0;
        slots_drain(t); /* what the round before left */
        for (uint64_t size = p->size.lo; size <= p->size.hi; size *= 2) {
            n = robson_thin(own, n, &bytes);
            for (; bytes + size <= own->share && n < own->count; n++, bytes += size)
                block_new(&own->account, &own->slot[n], (uint32_t)size, (uint32_t)(n + round));
        }
    }
    block_end(&own->account);
}

const struct workload workload_robson = {
    .name = "robson",
    .setup = robson_setup,
    .prepare = slots_prepare,
    .run = robson_run,
    .drain = slots_drain,
    .live = slots_live,
};

/* --- phase-shift ---------------------------------------------------------------------------------------- */

static int phase_shift_setup(struct workload_sample *s)
{
    const struct phase_shift_params *p = s->params;
    double largest = (double)p->size;
    for (uint64_t i = 1; i < p->phases; i++)
        largest *= p->factor;
    if (largest > 1e9)
        return message_set(s->message, -EINVAL,
                           "phase-shift: %llu phases from %llu bytes by %g end over 1 GB a block",
                           (unsigned long long)p->phases, (unsigned long long)p->size, p->factor);
    double smallest = p->factor < 1 ? largest : (double)p->size;
    return fragment_setup(s, p->live, smallest < 1 ? 1 : (uint64_t)smallest, 0);
}

static void phase_shift_run(struct workload_thread *t)
{
    const struct phase_shift_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    uint32_t survive = (uint32_t)(p->survive * (double)UINT32_MAX);
    double exact = (double)p->size;
    uint64_t n = 0, bytes = 0;
    block_begin(&own->account);
    for (uint64_t phase = 0; phase < p->phases; phase++, exact *= p->factor) {
        uint64_t kept = 0, size = exact < 1 ? 1 : (uint64_t)exact;
        for (uint64_t i = 0; i < n; i++) {
            struct block b = own->slot[i];
            if ((uint32_t)rng_next(&own->rng) < survive) {
                own->slot[i].at = NULL;
                own->slot[kept++] = b;
            } else {
                bytes -= b.size;
                slots_drop(own, &own->slot[i], OP_FREE);
            }
        }
        for (n = kept; bytes + size <= own->share && n < own->count; n++, bytes += size)
            block_new(&own->account, &own->slot[n], (uint32_t)size, (uint32_t)(n + phase));
    }
    block_end(&own->account);
}

const struct workload workload_phase_shift = {
    .name = "phase-shift",
    .setup = phase_shift_setup,
    .prepare = slots_prepare,
    .run = phase_shift_run,
    .drain = slots_drain,
    .live = slots_live,
};

/* --- sawtooth ------------------------------------------------------------------------------------------- */

static int sawtooth_setup(struct workload_sample *s)
{
    const struct sawtooth_params *p = s->params;
    return fragment_setup(s, p->live, (p->size.lo + p->size.hi) / 2 ? (p->size.lo + p->size.hi) / 2 : 1, 0);
}

static void sawtooth_run(struct workload_thread *t)
{
    const struct sawtooth_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    block_begin(&own->account);
    for (uint64_t tooth = 0; tooth < p->teeth; tooth++) {
        slots_drain(t);
        for (uint64_t i = 0; i < own->count; i++) {
            uint64_t bits = rng_next(&own->rng);
            block_new(&own->account, &own->slot[i], block_size(&p->size, (uint32_t)bits),
                      (uint32_t)(bits >> 32));
        }
    }
    block_end(&own->account);
}

const struct workload workload_sawtooth = {
    .name = "sawtooth",
    .setup = sawtooth_setup,
    .prepare = slots_prepare,
    .run = sawtooth_run,
    .drain = slots_drain,
    .live = slots_live,
};
