/* field.c: programs that the field measures collectors with, under their names.
 *
 * binary-trees     (Boehm; Benchmarks Game) a stretch tree of depth n+1, a long-lived one of depth n, and
 *                  2^(n-d+4) trees of each depth d = 4, 6 .. n, made and dropped one after another:
 *                  containers that die by refcount.
 * gcbench          (Boehm, Ellis, Kovac) the same with a long-lived array of numbers, and each tree made
 *                  twice: from its root down, and from its leaves up.
 * message-buffer   (gc-latency-experiment) a window of messages, the newest in the place of the oldest; each
 *                  push is timed, the worst is what counts. A message is a container, its text inside it, or
 *                  outside in a bytes object that it holds.
 * gc-traversal     (pyperformance) list n holds n references to list n-1, nothing is garbage: full
 *                  collections of it.
 * gc-collect       (pyperformance) rings of 21 nodes, all garbage: their full collection alone is timed. */
#include "object.h"

/* --- binary-trees and gcbench --------------------------------------------------------------------------- */

#define TREE_DEPTH_LEAST 4
#define TREE_DEPTH_MOST  26 /* of the parameter; the stretch tree has up to two more */

/* A tree in the making hangs in the table all the time: a collector without counts knows nothing of the C
 * stack. */
enum {
    TREE_LONG_LIVED,
    TREE_ARRAY,
    TREE_PASSING,
    TREE_PART,
    TREE_TABLE = TREE_PART + 2 * (TREE_DEPTH_MOST + 3)
};

static uint64_t tree_nodes(unsigned depth)
{
    return ((uint64_t)2 << depth) - 1;
}

/* Trees of that depth, in all threads, where the long-lived one has depth n: about as many nodes for each
 * depth. */
static uint64_t binary_trees_of(unsigned n, unsigned depth)
{
    return (uint64_t)1 << (n - depth + TREE_DEPTH_LEAST);
}

static uint64_t gcbench_trees_of(unsigned n, unsigned depth)
{
    return ((uint64_t)8 << n) >> depth;
}

/* once: nodes that each thread makes. */
static int trees_setup(struct workload_sample *s, unsigned n, uint64_t once, unsigned passes,
                       uint64_t trees_of(unsigned n, unsigned depth))
{
    struct type *type = type_new_instance_type("tree.node", 2, 0, 0, NULL);
    s->planned_ops = s->threads * once;
    for (unsigned depth = TREE_DEPTH_LEAST; depth <= n; depth += 2)
        s->planned_ops += passes * trees_of(n, depth) * tree_nodes(depth);
    return type ? object_setup(s, TREE_TABLE, type) : object_no_memory(s);
}

/* From the leaves up: nodes are younger than what they refer to. */
static bool tree_bottom_up(struct workload_thread *t, unsigned depth, struct object **place)
{
    struct object_thread *own = t->state;
    struct object **part = &own->table[TREE_PART + 2 * depth];
    for (unsigned i = 0; depth && i < 2; i++)
        if (!tree_bottom_up(t, depth - 1, &part[i]))
            return false;
    struct object *o = instance_new(t->sample->state);
    for (unsigned i = 0; o && depth && i < 2; i++) {
        instance_set(o, i, part[i]);
        rc_dec(part[i]);
        part[i] = NULL;
    }
    bool whole = object_replace(t, place, o);
    thread_safepoint();
    return whole;
}

/* From the root down: nodes are older than what they refer to. */
static bool tree_top_down(struct workload_thread *t, unsigned depth, struct object *o)
{
    for (unsigned i = 0; depth && i < 2; i++) {
        struct object *child = instance_new(t->sample->state);
        if (!child) {
            t->failed_allocs++;
            return false;
        }
        instance_set(o, i, child);
        rc_dec(child);
        if (!tree_top_down(t, depth - 1, child))
            return false;
    }
    thread_safepoint();
    return true;
}

/* A tree of that depth in the table's place. */
static bool tree_make(struct workload_thread *t, unsigned depth, bool top_down, unsigned place)
{
    struct object **at = &((struct object_thread *)t->state)->table[place];
    if (!top_down)
        return tree_bottom_up(t, depth, at);
    return object_replace(t, at, instance_new(t->sample->state)) && tree_top_down(t, depth, *at);
}

static uint64_t tree_count(const struct object *o)
{
    uint64_t count = 1;
    for (unsigned i = 0; i < 2; i++)
        if (instance_slot(o, i))
            count += tree_count(instance_slot(o, i));
    return count;
}

/* Makes a tree, counts it, drops it. */
static bool tree_pass(struct workload_thread *t, unsigned depth, bool top_down)
{
    struct object_thread *own = t->state;
    if (!tree_make(t, depth, top_down, TREE_PASSING))
        return false;
    own->sum += tree_count(own->table[TREE_PASSING]);
    object_drop_all(&own->table[TREE_PASSING], 1);
    object_publish(t, own->sum);
    return true;
}

/* This thread's part of so many trees of a depth. */
static bool trees_of_depth(struct workload_thread *t, unsigned depth, uint64_t trees, bool top_down)
{
    uint64_t mine = object_share(t, trees);
    for (uint64_t i = 0; i < mine; i++) {
        bool timed = latency_due(t);
        uint64_t start = timed ? os_now_ns() : 0;
        if (!tree_pass(t, depth, top_down))
            return false;
        if (timed)
            t->sample->latency(t, OP_REQUEST, os_now_ns() - start);
    }
    return true;
}

/* The operations are the nodes made, and so is the checksum. */
static void trees_end(struct workload_thread *t)
{
    struct object_thread *own = t->state;
    if (own->table[TREE_LONG_LIVED])
        own->sum += tree_count(own->table[TREE_LONG_LIVED]);
    object_publish(t, own->sum);
    t->ops = t->checksum = own->sum;
}

static int binary_trees_setup(struct workload_sample *s)
{
    unsigned n = (unsigned)((const struct binary_trees_params *)s->params)->depth;
    return trees_setup(s, n, tree_nodes(n + 1) + tree_nodes(n), 1, binary_trees_of);
}

static void binary_trees_run(struct workload_thread *t)
{
    unsigned n = (unsigned)((const struct binary_trees_params *)t->sample->params)->depth;
    bool whole = tree_pass(t, n + 1, false) && tree_make(t, n, false, TREE_LONG_LIVED);
    for (unsigned depth = TREE_DEPTH_LEAST; whole && depth <= n; depth += 2)
        whole = trees_of_depth(t, depth, binary_trees_of(n, depth), false);
    trees_end(t);
}

const struct workload workload_binary_trees = {.name = "binary-trees",
                                               .setup = binary_trees_setup,
                                               .run = binary_trees_run,
                                               .drain = object_drain,
                                               .kept = object_kept_none};

/* A list of so many floats. */
static struct object *float_array(uint64_t count)
{
    struct object *l = list_new(0);
    for (uint64_t i = 0; l && i < count; i++) {
        struct object *v = float_new(1.0 / (double)(i + 1));
        if (!v || list_append(l, v) != 0) {
            rc_dec(l);
            l = NULL;
        }
        rc_xdec(v);
    }
    return l;
}

static int gcbench_setup(struct workload_sample *s)
{
    unsigned n = (unsigned)((const struct gcbench_params *)s->params)->depth;
    return trees_setup(s, n, tree_nodes(n + 2) + tree_nodes(n), 2, gcbench_trees_of);
}

static void gcbench_run(struct workload_thread *t)
{
    const struct gcbench_params *p = t->sample->params;
    struct object_thread *own = t->state;
    unsigned n = (unsigned)p->depth;
    bool whole = tree_pass(t, n + 2, true) && tree_make(t, n, true, TREE_LONG_LIVED) &&
                 object_replace(t, &own->table[TREE_ARRAY], float_array(p->array));
    for (unsigned depth = TREE_DEPTH_LEAST; whole && depth <= n; depth += 2) {
        uint64_t trees = gcbench_trees_of(n, depth);
        whole = trees_of_depth(t, depth, trees, true) && trees_of_depth(t, depth, trees, false);
    }
    trees_end(t);
}

const struct workload workload_gcbench = {.name = "gcbench",
                                          .setup = gcbench_setup,
                                          .run = gcbench_run,
                                          .drain = object_drain,
                                          .kept = object_kept_none};

/* --- message-buffer ------------------------------------------------------------------------------------- */

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

const struct workload workload_message_buffer = {.name = "message-buffer",
                                                 .setup = message_setup,
                                                 .prepare = message_prepare,
                                                 .run = message_run,
                                                 .drain = object_drain,
                                                 .kept = object_kept_none};

/* --- gc-traversal and gc-collect ------------------------------------------------------------------------ */

#define COLLECT_NODES 21

/* So many full collections, each behind what `before` makes of it and timed alone. */
static void collections_run(struct workload_thread *t, uint64_t ops, bool before(struct workload_thread *))
{
    struct object_thread *own = t->state;
    uint64_t done = 0;
    if (t->failed_allocs)
        return;
    for (; done < ops && (!before || before(t)); done++) {
        uint64_t start = os_now_ns();
        gc_collect(t->sample->runtime, 2);
        t->sample->latency(t, OP_REQUEST, os_now_ns() - start);
        own->sum += done;
        thread_safepoint();
        object_publish(t, done);
    }
    t->failed_allocs += done < ops;
    object_publish(t, done);
    t->ops = done;
    t->checksum = own->sum;
}

static int traversal_setup(struct workload_sample *s)
{
    return object_setup(s, 1, NULL);
}

static void traversal_prepare(struct workload_thread *t)
{
    const struct gc_traversal_params *p = t->sample->params;
    struct object_thread *own = t->state;
    if (!object_replace(t, &own->table[0], list_new(0)))
        return;
    for (uint64_t level = 1; level <= p->levels; level++) {
        struct object *l = list_new(0);
        bool whole = l != NULL;
        for (uint64_t i = 0; whole && i < level; i++)
            whole = list_append(l, own->table[0]) == 0;
        if (!whole) {
            rc_xdec(l);
            t->failed_allocs++;
            return;
        }
        object_replace(t, &own->table[0], l);
        thread_safepoint();
    }
    object_publish(t, 0);
}

static void traversal_run(struct workload_thread *t)
{
    collections_run(t, ((const struct gc_traversal_params *)t->sample->params)->ops, NULL);
}

const struct workload workload_gc_traversal = {.name = "gc-traversal",
                                               .setup = traversal_setup,
                                               .prepare = traversal_prepare,
                                               .run = traversal_run,
                                               .drain = object_drain,
                                               .kept = object_kept_none};

static int collect_setup(struct workload_sample *s)
{
    struct type *type = type_new_instance_type("gc-collect.node", 1, 0, 0, NULL);
    return type ? object_setup(s, 2, type) : object_no_memory(s);
}

/* The first node is held by the table until the last refers to it. */
static bool collect_rings(struct workload_thread *t)
{
    const struct gc_collect_params *p = t->sample->params;
    struct object_thread *own = t->state;
    struct type *type = t->sample->state;
    for (uint64_t i = 0; i < p->cycles; i++) {
        if (!object_replace(t, &own->table[0], instance_new(type)))
            return false;
        struct object *first = own->table[0];
        rc_inc(first);
        object_replace(t, &own->table[1], first);
        for (unsigned k = 1; k < COLLECT_NODES; k++) {
            struct object *o = instance_new(type);
            if (!o)
                return false;
            instance_set(own->table[1], 0, o);
            object_replace(t, &own->table[1], o);
        }
        instance_set(own->table[1], 0, first);
    }
    object_drop_all(own->table, 2);
    return true;
}

static void collect_run(struct workload_thread *t)
{
    collections_run(t, ((const struct gc_collect_params *)t->sample->params)->ops, collect_rings);
}

const struct workload workload_gc_collect = {.name = "gc-collect",
                                             .setup = collect_setup,
                                             .run = collect_run,
                                             .drain = object_drain,
                                             .kept = object_kept_cycles};
