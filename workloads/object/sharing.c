/* sharing.c: what threads share and what they do not.
 *
 * private             each thread reads and replaces its own objects only: the ideal case, which should scale
 *                     with cores.
 * shared-read         all threads read the same few objects, out of one dict (a module's globals) or by plain
 *                     references to them (a function, a class: deferred where the policy can); a part of the
 *                     reads may go to objects of the thread's own instead.
 * ftscaling           one kind of work a run, on private data (after CPython's Tools/ftscalingbench): only
 *                     what the kind itself shares, a constant or a function, is shared.
 * shared-containers   all threads change one list or dict, or each its own (disjoint=1): the price of its
 *                     lock. */
#include "object.h"

/* --- private -------------------------------------------------------------------------------------------- */

static struct object *sharing_tuple(uint64_t bits)
{
    struct object *t = tuple_new(2);
    if (!t)
        return NULL;
    bool whole = object_fill(t, 0, int_new((int64_t)(bits & 0xffffff) + 1000));
    whole &= object_fill(t, 1, float_new((double)(bits & 0xffff)));
    if (whole)
        return t;
    rc_dec(t);
    return NULL;
}

static int private_setup(struct workload_sample *s)
{
    return object_setup(s, 1, NULL);
}

/* The thread that uses a list makes it. */
static struct object *sharing_list(uint64_t count, uint64_t seed)
{
    struct object *l = list_new(0);
    for (uint64_t i = 0; l && i < count; i++) {
        struct object *v = sharing_tuple(rng_mix(seed + i));
        if (!v || list_append(l, v) != 0) {
            rc_xdec(v);
            rc_dec(l);
            return NULL;
        }
        rc_dec(v);
    }
    return l;
}

static void private_prepare(struct workload_thread *t)
{
    const struct private_params *p = t->sample->params;
    struct object_thread *own = t->state;
    object_replace(t, &own->table[0], sharing_list(p->objects, t->seed));
}

static bool private_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct private_params *p = t->sample->params;
    struct object *o = list_get(own->table[0], rng_scale((uint32_t)(bits >> 32), p->objects));
    own->sum += (uint64_t)int_value(tuple_item(o, 0));
    rc_dec(o);
    if (bits & 3)
        return true;
    struct object *fresh = sharing_tuple(bits >> 2);
    if (!fresh)
        return false;
    list_set(own->table[0], rng_scale((uint32_t)(bits >> 16), p->objects), fresh);
    rc_dec(fresh);
    return true;
}

static void private_run(struct workload_thread *t)
{
    object_run(t, ((const struct private_params *)t->sample->params)->ops, private_step);
}

const struct workload workload_private = {.name = "private",
                                          .setup = private_setup,
                                          .prepare = private_prepare,
                                          .run = private_run,
                                          .drain = object_drain,
                                          .kept = object_kept_none};

/* --- shared-read ---------------------------------------------------------------------------------------- */

enum { READ_DICT, READ_REFERENCE };
#define READ_HOT_MAX 64

struct shared_read {
    struct object *hot[READ_HOT_MAX], *key[READ_HOT_MAX], *globals;
};

static void sharing_set_deferred(struct object *o, bool on)
{
#if HG_RC == HG_RC_BIASED
    if (!runtime_global.deferred)
        return;
    if (on)
        rc_set_deferred(o);
    else
        rc_clear_deferred(o);
#else
    (void)o;
    (void)on;
#endif
}

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

const struct workload workload_shared_read = {.name = "shared-read",
                                              .setup = shared_read_setup,
                                              .prepare = shared_read_prepare,
                                              .run = shared_read_run,
                                              .drain = shared_read_drain,
                                              .kept = object_kept_none};

/* --- ftscaling ------------------------------------------------------------------------------------------ */

enum { FT_OBJECT, FT_CLOSURE, FT_DICT, FT_APPEND, FT_CONSTANTS, FT_GENERATOR, FT_CALLS, FT_LOOP };

struct ftscaling {
    struct type *type;
    struct object *constant[2], *function;
};

static int ftscaling_setup(struct workload_sample *s)
{
    struct ftscaling *w = workload_scratch(sizeof *w);
    if (!w || heap_root_add(s->runtime, "ftscaling", w->constant, 3) != 0)
        return object_no_memory(s);
    int err = object_setup(s, 1, w);
    if (err)
        return err;
    struct object *name = str_new("constant", 8);
    w->type = type_new_instance_type("ftscaling.object", 2, 0, 0, NULL);
    w->constant[0] = sharing_tuple(1);
    w->constant[1] = name ? str_intern(name) : NULL;
    w->function = w->type ? instance_new(w->type) : NULL;
    if (!w->function || !w->constant[0] || !w->constant[1])
        return object_no_memory(s);
    sharing_set_deferred(w->function, true);
    return 0;
}

static struct object *ftscaling_make(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    struct ftscaling *w = t->sample->state;
    struct object *o = NULL, *v = int_new((int64_t)(bits & 0xffff));
    bool whole = v != NULL;
    switch (((const struct ftscaling_params *)t->sample->params)->kind) {
    case FT_OBJECT:
        if (whole && (o = instance_new(w->type)))
            instance_set(o, 0, v);
        break;
    case FT_CLOSURE: /* a function that holds a cell that holds the value */
        if (whole && (o = instance_new(w->type))) {
            struct object *cell = tuple_new(1);
            if (cell) {
                rc_inc(v);
                tuple_init_item(cell, 0, v);
                instance_set(o, 1, cell);
            }
            whole = cell != NULL;
            rc_xdec(cell);
        }
        break;
    case FT_DICT:
        if (whole && (o = dict_new()))
            whole = dict_put(o, w->constant[1], v) == 0 && dict_put(o, v, v) == 0;
        break;
    case FT_APPEND: /* to a list that is begun again after a thousand */
        if (own->table[0] && list_size(own->table[0]) < 1000) {
            o = own->table[0];
            rc_inc(o);
        } else if ((o = list_new(0))) {
            object_replace(t, &own->table[0], o);
            rc_inc(o);
        }
        whole = whole && o && list_append(o, v) == 0;
        break;
    case FT_CONSTANTS:
        o = w->constant[bits & 1];
        rc_inc(o);
        break;
    case FT_GENERATOR: /* a frame that is resumed: its slot gets the next value */
        if (!own->table[0])
            object_replace(t, &own->table[0], instance_new(w->type));
        if (whole && (o = own->table[0])) {
            rc_inc(o);
            instance_set(o, 0, v);
        }
        break;
    default: /* a call: the function from the stack, three arguments in a tuple */
        rc_inc_stack(w->function);
        if (whole && (o = tuple_new(3))) {
            for (unsigned i = 0; i < 3; i++) {
                rc_inc(v);
                tuple_init_item(o, i, v);
            }
        }
        rc_dec_stack(w->function);
    }
    rc_xdec(v);
    if (!whole) {
        rc_xdec(o);
        return NULL;
    }
    return o;
}

static bool ftscaling_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    own->sum += bits & 0xffff;
    if (((const struct ftscaling_params *)t->sample->params)->kind == FT_LOOP)
        return true;
    struct object *o = ftscaling_make(t, own, bits);
    if (!o)
        return false;
    rc_dec(o);
    return true;
}

static void ftscaling_run(struct workload_thread *t)
{
    object_run(t, ((const struct ftscaling_params *)t->sample->params)->ops, ftscaling_step);
}

static void ftscaling_drain(struct workload_thread *t)
{
    struct ftscaling *w = t->sample->state;
    object_drain(t);
    if (t->index != 0)
        return;
    sharing_set_deferred(w->function, false);
    object_drop_all(w->constant, 2);
    object_drop_all(&w->function, 1);
}

const struct workload workload_ftscaling = {.name = "ftscaling",
                                            .setup = ftscaling_setup,
                                            .run = ftscaling_run,
                                            .drain = ftscaling_drain,
                                            .kept = object_kept_none};

/* --- shared-containers ---------------------------------------------------------------------------------- */

enum { CONTAINERS_LIST, CONTAINERS_DICT };

/* table[0] of thread 0 is the one that all use, unless each has its own. */
static int containers_setup(struct workload_sample *s)
{
    return object_setup(s, 1, NULL);
}

static void containers_prepare(struct workload_thread *t)
{
    const struct shared_containers_params *p = t->sample->params;
    struct object_thread *own = t->state;
    if (!p->disjoint && t->index != 0)
        return;
    struct object *c = p->kind == CONTAINERS_LIST ? sharing_list(p->size, 1) : dict_new();
    if (!object_replace(t, &own->table[0], c) || p->kind == CONTAINERS_LIST)
        return;
    for (uint64_t i = 0; i < p->size; i++) {
        struct object *k = int_new((int64_t)i), *v = sharing_tuple(i);
        t->failed_allocs += !k || !v || dict_put(c, k, v) != 0;
        rc_xdec(k);
        rc_xdec(v);
    }
}

static struct object *containers_of(const struct workload_thread *t)
{
    const struct shared_containers_params *p = t->sample->params;
    const struct object_thread *maker = p->disjoint ? t->state : t->sample->thread[0].state;
    return maker->table[0];
}

/* Half reads, half replacements. What is read depends on the others; the checksum takes only what this thread
 * does. */
static bool containers_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct shared_containers_params *p = t->sample->params;
    struct object *c = containers_of(t), *o = NULL;
    uint64_t i = rng_scale((uint32_t)(bits >> 32), p->size);
    bool list = p->kind == CONTAINERS_LIST, read = (bits & 1) != 0, whole = true;
    struct object *key = list ? NULL : int_new((int64_t)i);
    own->sum += bits & 0xffff;
    if (!c || (!list && !key)) { /* c: thread 0 had no memory for it */
        rc_xdec(key);
        return false;
    }
    if (read) {
        o = list ? list_get(c, i) : dict_get(c, key);
    } else if ((o = sharing_tuple(bits >> 1))) {
        whole = (list ? list_set(c, i, o) : dict_put(c, key, o)) == 0;
    }
    whole &= o != NULL;
    rc_xdec(o);
    rc_xdec(key);
    return whole;
}

static void containers_run(struct workload_thread *t)
{
    t->failed_allocs += !containers_of(t); /* the one that all use may be missing: no memory for it */
    object_run(t, ((const struct shared_containers_params *)t->sample->params)->ops, containers_step);
}

const struct workload workload_shared_containers = {.name = "shared-containers",
                                                    .setup = containers_setup,
                                                    .prepare = containers_prepare,
                                                    .run = containers_run,
                                                    .drain = object_drain,
                                                    .kept = object_kept_none};
