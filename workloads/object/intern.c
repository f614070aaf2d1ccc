/* intern.c: names made and interned: hits in the table against strings made (intern.hits,
 * intern.misses). */
#include "workloads/about.h"

#define PARAMS(P, S)                                                           \
    P(S, COUNT, names, "10k", "1-100M", "different names, small ones oftener") \
    P(S, COUNT, ops, "2M", "1-100G", "names made and interned, over all threads")
PARAM_STRUCT(intern_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_intern = {
    .name = "intern",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(intern_params, PARAMS),
    .summary = "names interned: hits against strings made; not what comparing by identity saves",
    .small = {"names=30,ops=60"},
};

#else

#include "object.h"

static int intern_setup(struct workload_sample *s)
{
    return object_setup(s, 64, NULL);
}

static bool intern_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct intern_params *p = t->sample->params;
    uint64_t n = rng_scale((uint32_t)(bits >> 32), rng_scale((uint32_t)bits, p->names) + 1);
    char *text;
    struct object *o = str_new_raw(12, &text);
    if (!o)
        return false;
    memcpy(text, "name_       ", 12);
    for (unsigned i = 11; i > 4; i--, n /= 26)
        text[i] = (char)('a' + n % 26);
    own->sum += (uint8_t)text[11] + (uint8_t)text[10];
    o = str_intern(o);
    return object_replace(t, &own->table[bits & 63], o);
}

static void intern_run(struct workload_thread *t)
{
    object_run(t, ((const struct intern_params *)t->sample->params)->ops, intern_step);
}

const struct workload workload_intern = {
    .setup = intern_setup, .run = intern_run, .drain = object_drain, .kept = object_kept_none};

#endif
