/* churn.c: random-slot replacement over a live set of objects in a Python program's mix of types and sizes.
 * They die by reference count; nothing is cyclic. An operation is one replacement: an object made, one
 * dropped.
 *
 * The mix, in 64ths: 12 ints beyond the cache, 8 floats, 18 strs (half of them under 16 characters, a tail to
 * 200), 12 tuples of 1 to 4, 5 lists of 0 to 8, 5 dicts of 1 to 4 strs, 4 instances of 2 slots. Containers
 * hold fresh numbers, small ints or None. The checksum folds what the dropped objects held. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                           \
    P(S, COUNT, live, "100k", "1-100M", "objects held live, over all threads") \
    P(S, COUNT, ops, "2M", "1-100G", "objects replaced, over all threads")
PARAM_STRUCT(object_churn_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_object_churn = {
    .name = "churn",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(object_churn_params, PARAMS),
    .summary = "short-lived objects of Python's type and size mix die by refcount; nothing cyclic",
    .small = {"live=64,ops=200"},
};

#else

#include "object.h"
#include "alloc/base/compiler.h"

struct object_churn_thread { /* written in every step: in cache lines of its own */
    _Alignas(128) struct object **slot;
    uint64_t slots, counter;
    struct rng rng;
};

struct object_churn {
    struct object_churn_thread *thread;
    struct type *type;
    struct object *key[4]; /* interned: the names of fields */
};

static int object_churn_setup(struct workload_sample *s)
{
    const struct object_churn_params *p = s->params;
    if (p->live < s->workers)
        return message_set(s->message, -EINVAL,
                           "churn: live=%llu is less than one object for each of %u threads",
                           (unsigned long long)p->live, s->workers);
    struct object_churn *c = workload_scratch(sizeof *c);
    if (!c || !(c->thread = workload_scratch(s->threads * sizeof *c->thread)))
        return message_set(s->message, -ENOMEM, "churn: no memory for its tables");
    for (unsigned i = 0; i < s->threads; i++) {
        struct object_churn_thread *own = &c->thread[i];
        own->slots = object_share(&s->thread[i], p->live);
        own->slot = object_table(s, "churn.slot", own->slots);
        if (!own->slot)
            return -ENOMEM;
        rng_seed(&own->rng, s->thread[i].seed);
        s->thread[i].state = own;
    }
    static const char *const names[4] = {"name", "value", "next", "kind"};
    bool made = heap_root_add(s->runtime, "churn.key", c->key, 4) == 0;
    for (unsigned i = 0; i < 4; i++) {
        struct object *name = str_new(names[i], strlen(names[i]));
        c->key[i] = name ? str_intern(name) : NULL;
        made &= c->key[i] != NULL;
    }
    c->type = type_new_instance_type("churn.point", 2, 0, 0, NULL);
    s->state = c;
    return made && c->type ? 0 : message_set(s->message, -ENOMEM, "churn: no memory for its first objects");
}

/* A leaf that a container holds: half of them come from the small-int cache or are None. */
static struct object *object_churn_leaf(uint64_t bits)
{
    switch (bits & 7) {
    case 0:
    case 1:
    case 2:
        return int_new((int64_t)(bits >> 8 & 127));
    case 3:
        rc_inc(&object_none);
        return &object_none;
    case 4:
    case 5:
        return int_new((int64_t)(bits >> 8 & 0xffffff) + 1000);
    default:
        return float_new((double)(bits >> 8 & 0xffff));
    }
}

static struct object *object_churn_str(uint64_t bits)
{
    static const char letters[] =
        "the quick brown fox jumps over the lazy dog and runs back into the wood to wait there "
        "for another dog that is neither lazy nor asleep, which it takes to be a new and "
        "interesting kind of dog altogether, or so it says";
    size_t length = bits & 1 ? bits >> 8 & 15 : bits & 6 ? bits >> 8 & 63 : (bits >> 8 & 0xff) % 200;
    char *text;
    struct object *o = str_new_raw(length, &text);
    if (o)
        memcpy(text, letters + (bits >> 16 & 7), length);
    return o;
}

static struct object *object_churn_make(struct object_churn *c, uint64_t bits)
{
    unsigned kind = bits & 63;
    uint64_t more = bits >> 6;
    size_t n;
    struct object *o, *v;
    bool whole = true;
    if (kind < 12)
        return int_new((int64_t)(more & 0x3ffffffffff) + 1000);
    if (kind < 20)
        return float_new((double)(more & 0xffffff));
    if (kind < 38)
        return object_churn_str(more);
    if (kind < 50) {
        n = (more & 3) + 1;
        if (!(o = tuple_new(n)))
            return NULL;
        for (size_t i = 0; i < n; i++)
            whole &= object_fill(o, i, object_churn_leaf(rng_mix(more + i)));
    } else if (kind < 55) {
        n = more % 9;
        if (!(o = list_new(0)))
            return NULL;
        for (size_t i = 0; i < n && whole; i++) {
            v = object_churn_leaf(rng_mix(more + i));
            whole = v && list_append(o, v) == 0;
            rc_xdec(v);
        }
    } else if (kind < 60) {
        n = (more & 3) + 1;
        if (!(o = dict_new()))
            return NULL;
        for (size_t i = 0; i < n && whole; i++) {
            v = object_churn_leaf(rng_mix(more + i));
            whole = v && dict_put(o, c->key[i], v) == 0;
            rc_xdec(v);
        }
    } else {
        if (!(o = instance_new(c->type)))
            return NULL;
        for (size_t i = 0; i < 2 && whole; i++) {
            v = object_churn_leaf(rng_mix(more + i));
            whole = v != NULL;
            instance_set(o, i, v);
            rc_xdec(v);
        }
    }
    if (whole)
        return o;
    rc_dec(o);
    return NULL;
}

/* What a leaf, a str or a container adds to the checksum, whatever its address. */
static uint64_t object_churn_value(const struct object *o)
{
    switch (o->type->id) {
    case TYPE_INT:
        return (uint64_t)int_value(o);
    case TYPE_FLOAT:
        return (uint64_t)float_value(o) * 3;
    case TYPE_STR:
        return (uint64_t)((const struct str_object *)o)->length * 5 +
               (uint8_t)((const struct str_object *)o)->text[0];
    default:
        return 7;
    }
}

static uint64_t object_churn_fold(struct object_churn *c, struct object *o)
{
    uint64_t sum = object_churn_value(o);
    struct object *v = NULL;
    switch (o->type->id) {
    case TYPE_TUPLE:
        return sum + tuple_size(o) * 11 + object_churn_value(tuple_item(o, 0));
    case TYPE_LIST:
        v = list_size(o) ? list_get(o, list_size(o) - 1) : NULL;
        sum += list_size(o) * 13;
        break;
    case TYPE_DICT:
        v = dict_get(o, c->key[0]);
        sum += dict_size(o) * 17;
        break;
    case TYPE_INSTANCE:
        v = instance_get(o, 1);
        break;
    default:
        return sum;
    }
    if (v) {
        sum += object_churn_value(v) * 19;
        rc_dec(v);
    }
    return sum;
}

static void object_churn_prepare(struct workload_thread *t)
{
    struct object_churn_thread *own = t->state;
    for (uint64_t i = 0; i < own->slots; i++) {
        if (!object_replace(t, &own->slot[i], object_churn_make(t->sample->state, rng_next(&own->rng))))
            return;
        thread_safepoint();
    }
    object_publish(t, 0);
}

static void object_churn_run(struct workload_thread *t)
{
    const struct object_churn_params *p = t->sample->params;
    struct object_churn_thread *own = t->state;
    struct object_churn *c = t->sample->state;
    uint64_t steps = object_share(t, p->ops), done = 0, sum = 0;
    if (t->failed_allocs)
        return;
    for (; done < steps; done++) {
        uint64_t bits = rng_next(&own->rng);
        struct object **slot = &own->slot[rng_scale((uint32_t)(bits >> 32), own->slots)];
        sum += object_churn_fold(c, *slot);
        if (unlikely(latency_due(t))) {
            uint64_t t0 = os_now_ns();
            struct object *o = object_churn_make(c, rng_mix(bits));
            uint64_t t1 = os_now_ns();
            if (!object_replace(t, slot, o))
                break;
            uint64_t t2 = os_now_ns();
            t->sample->latency(t, OP_MALLOC, t1 - t0);
            t->sample->latency(t, OP_FREE, t2 - t1);
        } else if (!object_replace(t, slot, object_churn_make(c, rng_mix(bits)))) {
            break;
        }
        thread_safepoint();
        if (done % GAUGE_BATCH == 0)
            object_publish(t, done);
    }
    object_publish(t, done);
    t->ops = done;
    t->checksum = sum;
}

static void object_churn_drain(struct workload_thread *t)
{
    struct object_churn_thread *own = t->state;
    struct object_churn *c = t->sample->state;
    object_drop_all(own->slot, own->slots);
    if (t->index == 0)
        object_drop_all(c->key, 4); /* the class goes with the runtime: other threads are not done yet */
    object_publish(t, t->ops);
}

const struct workload workload_object_churn = {
    .setup = object_churn_setup,
    .prepare = object_churn_prepare,
    .run = object_churn_run,
    .drain = object_churn_drain,
    .kept = object_kept_none,
};

#endif
