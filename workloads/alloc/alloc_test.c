/* alloc_test.c: a random slot is freed when it is full and filled when it is empty; some slots are chosen
 * far more often than others (80 % of the choices fall on 20 % of the slots, and so on inside those), most
 * blocks are small (each class of sizes half as likely as the one below it), and every byte of a block is
 * written. Pattern: node-dcpp's alloc-test, as the field's suites run it. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                       \
    P(S, COUNT, slots, "262144", "1-100M", "slots, over all threads; about half are full") \
    P(S, COUNT, ops, "10M", "1-100G", "operations (a malloc or a free each), over all threads")
PARAM_STRUCT(alloc_test_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_alloc_test = {
    .name = "alloc-test",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(alloc_test_params, PARAMS),
    .summary = "a few hot slots, mostly small blocks, every byte written: locality of what is used "
               "again; no remote frees",
    .small = {"slots=900,ops=20k"},
};

#else

#include "slots.h"

#define TEST_SHIFT_MIN 3 /* classes of 8 .. 1024 bytes */
#define TEST_CLASSES   7

static int test_setup(struct workload_sample *s)
{
    const struct alloc_test_params *p = s->params;
    int err = slots_setup(s, p->slots / s->threads ? p->slots / s->threads : 1);
    for (unsigned i = 0; !err && i < s->threads; i++)
        slots_of(&s->thread[i])->share = block_share(p->ops, s->threads, i);
    return err;
}

/* Class c has weight 2^-c; inside it sizes are even. */
static uint32_t test_size(uint64_t bits)
{
    unsigned class = (unsigned)__builtin_ctz((unsigned)(bits & 63) | 64);
    uint32_t base = 1u << (TEST_SHIFT_MIN + class);
    return base + (uint32_t)rng_scale((uint32_t)(bits >> 32), base);
}

/* Four times: with 205/256 go on in the first fifth of what is left, else take any of the rest. Integers
 * alone, so that every machine chooses the same. */
static uint64_t test_slot(uint64_t bits, uint64_t slots)
{
    for (unsigned level = 0; level < 4 && slots >= 5; level++, bits >>= 8) {
        if ((bits & 255) >= 205)
            return slots / 5 + rng_scale((uint32_t)(bits >> 8), slots - slots / 5);
        slots /= 5;
    }
    return rng_scale((uint32_t)bits, slots);
}

static void test_prepare(struct workload_thread *t)
{
    slots_prepare(t);
    struct slots *own = slots_of(t);
    for (uint64_t i = 0; i < own->count; i += 2)
        block_new(&own->account, &own->slot[i], test_size(rng_next(&own->rng)), (uint32_t)i);
    block_publish(&own->account);
}

static void test_run(struct workload_thread *t)
{
    struct slots *own = slots_of(t);
    block_begin(&own->account);
    for (uint64_t i = 0; i < own->share; i++) {
        uint64_t bits = rng_next(&own->rng);
        struct block *b = &own->slot[test_slot(rng_next(&own->rng), own->count)];
        if (b->at)
            slots_drop(own, b, OP_FREE);
        else if (block_new(&own->account, b, test_size(bits), (uint32_t)(bits >> 8)))
            memset(b->at, (int)(b->tag & 255), b->size);
    }
    block_end(&own->account);
}

const struct workload workload_alloc_test = {
    .setup = test_setup,
    .prepare = test_prepare,
    .run = test_run,
    .drain = slots_drain,
    .live = slots_live,
};

#endif
