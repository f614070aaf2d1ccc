/* request.c: a server's request: decode, small dicts and strings, a response, a few objects kept in a
 * session. rate=0: one after another; else requests arrive at this rate (all threads together), and their
 * latency counts from when they were due. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                                              \
    P(S, COUNT, rate, "0", "0-100M", "requests a second, over all threads; 0: one after another") \
    P(S, REAL, cyclic, "0.05", "0-1", "part of the requests that leave a cycle")                  \
    P(S, COUNT, sessions, "1000", "1-10M", "sessions of each thread that keep objects")           \
    P(S, COUNT, ops, "200k", "1-100G", "requests, over all threads")
PARAM_STRUCT(request_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_request = {
    .name = "request",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(request_params, PARAMS),
    .summary = "a server's requests, one after another or arriving at a rate: latency with the "
               "pauses in it",
    .small = {"sessions=10,ops=20"},
};

#else

#include "object.h"

#include <stdlib.h>

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

const struct workload workload_request = {.reports_requests = true,
                                          .times_all = 1u << OP_REQUEST,
                                          .setup = request_setup,
                                          .run = request_run,
                                          .drain = request_drain,
                                          .kept = object_kept_cycles};

#endif
