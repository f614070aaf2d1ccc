/* shared_read.c: all threads read the same few objects, out of one dict (a module's globals) or by plain
 * references to them (a function, a class: deferred where the policy can); a part of the reads may go to
 * objects of the thread's own instead. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                                        \
    P(S, COUNT, hot, "8", "1-64", "objects that all read")                                                  \
    P(S, REAL, shared, "1", "0-1", "part of the reads that go to them; the others to objects of one's own") \
    P(S, CHOICE, how, "dict", "dict|reference",                                                             \
      "out of one dict, or by plain references (deferred counting)")                                        \
    P(S, COUNT, ops, "10M", "1-100G", "reads, over all threads")
PARAM_STRUCT(shared_read_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_shared_read = {
    .name = "shared-read",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(shared_read_params, PARAMS),
    .summary = "all threads count the same few objects: what sharing costs under each policy; "
               "nothing changes",
    .small = {"hot=4,ops=50", "hot=4,how=reference,shared=0.5,ops=50"},
};

#else

#include "sharing.h"

enum { READ_DICT, READ_REFERENCE };
#define READ_HOT_MAX 64

struct shared_read {
    struct object *hot[READ_HOT_MAX], *key[READ_HOT_MAX], *globals;
};

static int shared_read_setup(struct workload_sample *s)
{
    const struct shared_read_params *p = s->params;
    struct shared_read *w = workload_scratch(sizeof *w);
    if (!w || heap_root_add(s->runtime, "shared-read", w->hot, READ_HOT_MAX * 2 + 1) != 0)
        return object_no_memory(s);
    int err = object_setup(s, READ_HOT_MAX, w);
    if (err)
        return err;
    if (!(w->globals = dict_new()))
        return object_no_memory(s);
    for (uint64_t i = 0; i < p->hot; i++) {
        char name[16];
        struct object *key = str_new(name, (size_t)snprintf(name, sizeof name, "global_%u", (unsigned)i));
        w->key[i] = key ? str_intern(key) : NULL;
        w->hot[i] = sharing_tuple(i);
        if (!w->key[i] || !w->hot[i] || dict_put(w->globals, w->key[i], w->hot[i]) != 0)
            return object_no_memory(s);
        if (p->how == READ_REFERENCE)
            sharing_set_deferred(w->hot[i], true);
    }
    return 0;
}

static void shared_read_prepare(struct workload_thread *t)
{
    const struct shared_read_params *p = t->sample->params;
    struct object_thread *own = t->state;
    for (uint64_t i = 0; i < p->hot; i++)
        if (!object_replace(t, &own->table[i], sharing_tuple(i)))
            return;
}

static bool shared_read_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct shared_read_params *p = t->sample->params;
    struct shared_read *w = t->sample->state;
    uint64_t i = rng_scale((uint32_t)bits, p->hot);
    if ((double)(bits >> 32) >= p->shared * 0x1p32) {
        rc_inc(own->table[i]);
        own->sum += (uint64_t)int_value(tuple_item(own->table[i], 0));
        rc_dec(own->table[i]);
    } else if (p->how == READ_DICT) {
        struct object *o = dict_get(w->globals, w->key[i]);
        own->sum += (uint64_t)int_value(tuple_item(o, 0));
        rc_dec(o);
    } else {
        struct object *o = w->hot[i];
        rc_inc_stack(o);
        own->sum += (uint64_t)int_value(tuple_item(o, 0));
        rc_dec_stack(o);
    }
    return true;
}

static void shared_read_run(struct workload_thread *t)
{
    object_run(t, ((const struct shared_read_params *)t->sample->params)->ops, shared_read_step);
}

static void shared_read_drain(struct workload_thread *t)
{
    struct shared_read *w = t->sample->state;
    object_drain(t);
    if (t->index != 0)
        return;
    for (unsigned i = 0; i < READ_HOT_MAX; i++)
        if (w->hot[i])
            sharing_set_deferred(w->hot[i], false);
    object_drop_all(w->hot, READ_HOT_MAX);
    object_drop_all(w->key, READ_HOT_MAX);
    object_drop_all(&w->globals, 1);
}

const struct workload workload_shared_read = {.setup = shared_read_setup,
                                              .prepare = shared_read_prepare,
                                              .run = shared_read_run,
                                              .drain = shared_read_drain,
                                              .kept = object_kept_none};

#endif
