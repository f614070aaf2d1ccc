/* values.c: values that are kept for the next to ask, streams, and a server's request.
 *
 * intern              names made and interned: hits in the table against strings made (intern.hits,
 *                     intern.misses).
 * small-int           ints of a range: those in the cache cost no allocation.
 * generator-or-list   the sum of n numbers one by one, or made into a list first: throughput and peak memory.
 * request             decode, small dicts and strings, a response, a few objects kept in a session. rate=0:
 *                     one after another; else requests arrive at this rate (all threads together), and their
 *                     latency counts from when they were due. */
#include "object.h"

#include <stdlib.h>

/* --- intern --------------------------------------------------------------------------------------------- */

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

const struct workload workload_intern = {.name = "intern",
                                         .setup = intern_setup,
                                         .run = intern_run,
                                         .drain = object_drain,
                                         .kept = object_kept_none};

/* --- small-int ------------------------------------------------------------------------------------------ */

static int small_int_setup(struct workload_sample *s)
{
    const struct small_int_params *p = s->params;
    return object_setup(s, p->live, NULL);
}

static bool small_int_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct small_int_params *p = t->sample->params;
    int64_t value = (int64_t)rng_scale((uint32_t)(bits >> 32), p->range);
    own->sum += (uint64_t)value;
    return object_replace(t, &own->table[rng_scale((uint32_t)bits, p->live)], int_new(value));
}

static void small_int_run(struct workload_thread *t)
{
    object_run(t, ((const struct small_int_params *)t->sample->params)->ops, small_int_step);
}

const struct workload workload_small_int = {.name = "small-int",
                                            .setup = small_int_setup,
                                            .run = small_int_run,
                                            .drain = object_drain,
                                            .kept = object_kept_none};

/* --- generator-or-list ---------------------------------------------------------------------------------- */

enum { STREAM_GENERATOR, STREAM_LIST };

static int stream_setup(struct workload_sample *s)
{
    return object_setup(s, 1, NULL);
}

static bool stream_step(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct generator_or_list_params *p = t->sample->params;
    int64_t base = (int64_t)(bits & 0xffffff);
    if (p->as == STREAM_GENERATOR) {
        for (uint64_t i = 0; i < p->length; i++) {
            struct object *n = int_new(base + (int64_t)i);
            if (!n)
                return false;
            own->sum += (uint64_t)int_value(n);
            rc_dec(n);
            thread_safepoint();
        }
        return true;
    }
    struct object *l = list_new(0);
    bool whole = l && object_replace(t, &own->table[0], l);
    for (uint64_t i = 0; whole && i < p->length; i++) {
        struct object *n = int_new(base + (int64_t)i);
        whole = n && list_append(l, n) == 0;
        rc_xdec(n);
        thread_safepoint();
    }
    for (uint64_t i = 0; whole && i < p->length; i++) {
        struct object *n = list_get(l, i);
        if (!n)
            return false;
        own->sum += (uint64_t)int_value(n);
        rc_dec(n);
    }
    object_drop_all(own->table, 1);
    return whole;
}

static void stream_run(struct workload_thread *t)
{
    object_run(t, ((const struct generator_or_list_params *)t->sample->params)->ops, stream_step);
}

const struct workload workload_generator_or_list = {.name = "generator-or-list",
                                                    .setup = stream_setup,
                                                    .run = stream_run,
                                                    .drain = object_drain,
                                                    .kept = object_kept_none};

/* --- request -------------------------------------------------------------------------------------------- */

#define REQUEST_FIELDS 8

struct request {
    struct type *type;
    struct object *key[REQUEST_FIELDS];
};

static int request_setup(struct workload_sample *s)
{
    const struct request_params *p = s->params;
    struct request *w = workload_scratch(sizeof *w);
    static const char *const names[REQUEST_FIELDS] = {"method", "path",   "host",   "cookie",
                                                      "agent",  "accept", "length", "session"};
    if (!w || heap_root_add(s->runtime, "request.key", w->key, REQUEST_FIELDS) != 0)
        return object_no_memory(s);
    for (unsigned i = 0; i < REQUEST_FIELDS; i++) {
        struct object *name = str_new(names[i], strlen(names[i]));
        if (!name)
            return object_no_memory(s);
        w->key[i] = str_intern(name);
    }
    w->type = type_new_instance_type("request.handler", 3, 0, 0, NULL);
    return w->type ? object_setup(s, p->sessions, w) : object_no_memory(s);
}

/* A request: its fields in a dict, a handler that refers to dict and body and, in one of `cyclic`, to
 * itself. */
static struct object *request_decode(struct workload_thread *t, uint64_t bits)
{
    const struct request_params *p = t->sample->params;
    struct request *w = t->sample->state;
    static const char text[] =
        "GET /api/items/3/parts?sort=name&limit=50 HTTP/1.1 text/html application/json gzip";
    struct object *fields = dict_new(), *body = list_new(0), *handler = instance_new(w->type);
    bool whole = fields && body && handler;
    for (unsigned i = 0; whole && i < REQUEST_FIELDS; i++) {
        uint64_t b = rng_mix(bits + i);
        struct object *v = str_new(text + (b & 15), 8 + (b >> 8 & 31));
        whole = v && dict_put(fields, w->key[i], v) == 0 && list_append(body, v) == 0;
        rc_xdec(v);
        v = whole ? float_new((double)(b & 0xffff)) : NULL;
        whole = v && list_append(body, v) == 0;
        rc_xdec(v);
    }
    if (whole) {
        instance_set(handler, 0, fields);
        instance_set(handler, 1, body);
        if ((double)(bits >> 48) < p->cyclic * 65536)
            instance_set(handler, 2, handler);
    }
    rc_xdec(fields);
    rc_xdec(body);
    if (whole)
        return handler;
    rc_xdec(handler);
    return NULL;
}

static bool request_answer(struct workload_thread *t, struct object_thread *own, uint64_t bits)
{
    const struct request_params *p = t->sample->params;
    struct request *w = t->sample->state;
    struct object *handler = request_decode(t, bits);
    if (!handler)
        return false;
    struct object *fields = instance_get(handler, 0), *path = fields ? dict_get(fields, w->key[1]) : NULL;
    char *out;
    if (!path)
        abort(); /* every request has one */
    size_t length = (size_t)((struct str_object *)path)->length;
    struct object *response = str_new_raw(512 + length, &out);
    if (response) {
        memset(out, ' ', 512);
        memcpy(out + 512, ((struct str_object *)path)->text, length);
        own->sum += length + (uint8_t)out[512];
    }
    rc_dec(path);
    /* One in eight leaves its fields in a session, in the place of an older one's. */
    if (response && (bits & 7) == 0) {
        rc_inc(fields);
        object_replace(t, &own->table[rng_scale((uint32_t)(bits >> 16), p->sessions)], fields);
    }
    rc_dec(fields);
    rc_xdec(response);
    rc_dec(handler);
    return response != NULL;
}

static void request_run(struct workload_thread *t)
{
    const struct request_params *p = t->sample->params;
    struct object_thread *own = t->state;
    uint64_t steps = object_share(t, p->ops), done = 0, start = os_now_ns();
    double between_ns = p->rate ? 1e9 * t->sample->workers / (double)p->rate : 0;
    if (t->failed_allocs)
        return;
    for (; done < steps; done++) {
        uint64_t now = os_now_ns(), due = p->rate ? start + (uint64_t)(between_ns * (double)done) : now;
        while (now < due) {
            thread_safepoint();
            now = os_now_ns();
        }
        if (!request_answer(t, own, rng_next(&own->rng)))
            break;
        thread_safepoint();
        if (p->rate)
            t->sample->latency(t, OP_REQUEST, os_now_ns() - due);
        else
            t->sample->request(t, due, os_now_ns());
        if (done % GAUGE_BATCH == 0)
            object_publish(t, done);
    }
    t->failed_allocs += done < steps;
    object_publish(t, done);
    t->ops = done;
    t->checksum = own->sum;
}

static void request_drain(struct workload_thread *t)
{
    struct request *w = t->sample->state;
    object_drain(t);
    if (t->index == 0)
        object_drop_all(w->key, REQUEST_FIELDS);
}

const struct workload workload_request = {.name = "request",
                                          .tells_requests = true,
                                          .setup = request_setup,
                                          .run = request_run,
                                          .drain = request_drain,
                                          .kept = object_kept_cycles};
