/* sh6.c: each thread makes a batch and frees it, in the three orders of sh.h in turn. */
#include "workloads/about.h"
#include "sh.h"

#ifdef HG_ABOUT

const struct workload_info workload_info_sh6 = {
    .name = "sh6",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(sh_params, SH_PARAMS),
    .summary = "batches freed in order, in reverse, from both ends: caches of recent frees; nothing "
               "lives long",
    .small = {"batch=60,ops=10k"},
};

#else

static int sh6_setup(struct workload_sample *s)
{
    const struct sh_params *p = s->params;
    int err = slots_setup(s, p->batch);
    for (unsigned i = 0; !err && i < s->threads; i++)
        slots_of(&s->thread[i])->share = block_share(p->ops / 2, s->threads, i);
    return err;
}

static void sh6_run(struct workload_thread *t)
{
    const struct sh_params *p = t->sample->params;
    struct slots *own = slots_of(t);
    unsigned order = 0;
    block_begin(&own->account);
    for (uint64_t left = own->share; left;) {
        uint32_t n = left < p->batch ? (uint32_t)left : (uint32_t)p->batch;
        sh_fill(own, own->slot, n, &p->size);
        sh_empty(own, own->slot, n, order++ % SH_ORDERS, OP_FREE);
        left -= n;
    }
    block_end(&own->account);
}

const struct workload workload_sh6 = {
    .setup = sh6_setup,
    .prepare = slots_prepare,
    .run = sh6_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
