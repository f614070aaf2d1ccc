/* message_buffer.c: a window of messages (gc-latency-experiment), the newest in the place of the oldest;
 * each push is timed, the worst is what counts. A message is a container, its text inside it, or outside
 * in a bytes object that it holds. */
#include "workloads/about.h"

#define PARAMS(P, S)                                                         \
    P(S, CHOICE, text, "outside", "outside|inside",                          \
      "a message's, in an object of its own or in the container")            \
    P(S, COUNT, window, "200k", "1-100M", "messages kept, over all threads") \
    P(S, BYTES, size, "1k", "1-16M", "of a message")                         \
    P(S, COUNT, ops, "1M", "1-100G", "messages pushed, over all threads")
PARAM_STRUCT(message_buffer_params, PARAMS)

#ifdef HG_ABOUT

const struct workload_info workload_info_message_buffer = {
    .name = "message-buffer",
    .level = LEVEL_OBJECT,
    .params = PARAM_TABLE(message_buffer_params, PARAMS),
    .summary = "a window of large messages: the worst push; few objects, so what bytes that start "
               "collections cost, not what is found",
    .small = {"window=10,size=64,ops=40", "text=inside,window=10,size=64,ops=40"},
};

#else

#include "object.h"

enum { MESSAGE_OUTSIDE, MESSAGE_INSIDE };

static int message_setup(struct workload_sample *s)
{
    const struct message_buffer_params *p = s->params;
    struct type *type =
        type_new_instance_type("message", 1, p->text == MESSAGE_INSIDE ? (unsigned)p->size : 0, 0, NULL);
    return type ? object_setup(s, 1, type) : object_no_memory(s);
}

static unsigned char *message_text(struct workload_thread *t, struct object *o)
{
    const struct message_buffer_params *p = t->sample->params;
    return p->text == MESSAGE_INSIDE ? instance_payload(o)
                                     : (unsigned char *)((struct bytes_object *)instance_slot(o, 0))->data;
}

static struct object *message_new(struct workload_thread *t, uint64_t number)
{
    const struct message_buffer_params *p = t->sample->params;
    struct object *o = instance_new(t->sample->state);
    if (o && p->text == MESSAGE_OUTSIDE) {
        struct object *text = bytes_new(NULL, p->size);
        if (!text) {
            rc_dec(o);
            return NULL;
        }
        instance_set(o, 0, text);
        rc_dec(text);
    }
    if (o)
        memset(message_text(t, o), (int)(number & 0x7f), p->size);
    return o;
}

static void message_prepare(struct workload_thread *t)
{
    const struct message_buffer_params *p = t->sample->params;
    struct object_thread *own = t->state;
    uint64_t window = object_share(t, p->window);
    if (!object_replace(t, &own->table[0], list_new(0)))
        return;
    for (uint64_t i = 0; i < window; i++) {
        struct object *o = message_new(t, i);
        bool whole = o && list_append(own->table[0], o) == 0;
        rc_xdec(o);
        if (!whole) {
            t->failed_allocs++;
            return;
        }
        thread_safepoint();
    }
    object_publish(t, 0);
}

/* Every push is timed: the worst one of all is the figure. */
static void message_run(struct workload_thread *t)
{
    const struct message_buffer_params *p = t->sample->params;
    struct object_thread *own = t->state;
    struct object *ring = own->table[0];
    uint64_t steps = object_share(t, p->ops), window = object_share(t, p->window), done = 0;
    if (t->failed_allocs || !window)
        return;
    for (; done < steps; done++) {
        uint64_t start = os_now_ns();
        size_t place = done % window;
        struct object *oldest = list_get(ring, place), *o = message_new(t, done);
        if (oldest)
            own->sum += message_text(t, oldest)[0];
        rc_xdec(oldest);
        bool whole = o && list_set(ring, place, o) == 0;
        rc_xdec(o);
        if (!whole)
            break;
        thread_safepoint();
        t->sample->latency(t, OP_REQUEST, os_now_ns() - start);
        if (done % GAUGE_BATCH == 0)
            object_publish(t, done);
    }
    t->failed_allocs += done < steps;
    object_publish(t, done);
    t->ops = done;
    t->checksum = own->sum;
}

const struct workload workload_message_buffer = {.times_all = 1u << OP_REQUEST,
                                                 .setup = message_setup,
                                                 .prepare = message_prepare,
                                                 .run = message_run,
                                                 .drain = object_drain,
                                                 .kept = object_kept_none};

#endif
