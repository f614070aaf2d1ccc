/* phase_shift.c: each phase fills the live size with larger blocks than the last, after a random few per
 * cent of the blocks survived (Powers et al., "Mesh", PLDI 2019). */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                      \
    P(S, BYTES, live, "64M", "4k-1024G", "bytes that each phase fills, over all threads") \
    P(S, BYTES, size, "240", "1-1G", "block size of the first phase")                     \
    P(S, REAL, factor, "2.05", "0.01-100", "from one phase's size to the next's")         \
    P(S, COUNT, phases, "4", "1-1000", "phases")                                          \
    P(S, REAL, survive, "0.05", "0-1", "part of the blocks that outlive their phase")
PARAM_STRUCT(phase_shift_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_phase_shift = {
    .name = "phase-shift",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(phase_shift_params, PARAMS),
    .summary = "sizes change while a few blocks survive: pages held by little; not speed",
    .small = {"live=400k,phases=4"},
};

#else

#include "fragment.h"

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
    return fragment_setup(s, p->live, smallest < 1 ? 1 : (uint64_t)smallest);
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
    .setup = phase_shift_setup,
    .prepare = slots_prepare,
    .run = phase_shift_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
