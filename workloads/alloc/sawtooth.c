/* sawtooth.c: grow, drain, grow, drain; the last drain is the harness's, which then watches what goes back to
 * the system. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                      \
    P(S, BYTES, live, "64M", "4k-1024G", "bytes at the top of a tooth, over all threads") \
    P(S, RANGE, size, "16-2048", "1-1G", "block sizes in bytes")                          \
    P(S, COUNT, teeth, "4", "1-1M", "how often it grows")
PARAM_STRUCT(sawtooth_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_sawtooth = {
    .name = "sawtooth",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(sawtooth_params, PARAMS),
    .summary = "grow, drain, grow: what goes back to the system after the last drain, and what "
               "regrowth costs; not a steady state",
    .small = {"live=400k,teeth=3"},
};

#else

#include "fragment.h"

static int sawtooth_setup(struct workload_sample *s)
{
    const struct sawtooth_params *p = s->params;
    return fragment_setup(s, p->live, (p->size.lo + p->size.hi) / 2 ? (p->size.lo + p->size.hi) / 2 : 1);
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
    .setup = sawtooth_setup,
    .prepare = slots_prepare,
    .run = sawtooth_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
