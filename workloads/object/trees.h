/* trees.h: binary trees, made and dropped: what binary-trees and gcbench share. */
#ifndef HG_WORKLOADS_OBJECT_TREES_H
#define HG_WORKLOADS_OBJECT_TREES_H

#include "object.h"

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

static inline uint64_t tree_nodes(unsigned depth)
{
    return ((uint64_t)2 << depth) - 1;
}

/* once: nodes that each thread makes; trees_of: so many trees of a depth, in all threads, where the
 * long-lived one has depth n. */
static inline int trees_setup(struct workload_sample *s, unsigned n, uint64_t once, unsigned passes,
                              uint64_t trees_of(unsigned n, unsigned depth))
{
    struct type *type = type_new_instance_type("tree.node", 2, 0, 0, NULL);
    s->planned_ops = s->threads * once;
    for (unsigned depth = TREE_DEPTH_LEAST; depth <= n; depth += 2)
        s->planned_ops += passes * trees_of(n, depth) * tree_nodes(depth);
    return type ? object_setup(s, TREE_TABLE, type) : object_no_memory(s);
}

/* From the leaves up: nodes are younger than what they refer to. */
static inline bool tree_bottom_up(struct workload_thread *t, unsigned depth, struct object **place)
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
static inline bool tree_top_down(struct workload_thread *t, unsigned depth, struct object *o)
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
static inline bool tree_make(struct workload_thread *t, unsigned depth, bool top_down, unsigned place)
{
    struct object **at = &((struct object_thread *)t->state)->table[place];
    if (!top_down)
        return tree_bottom_up(t, depth, at);
    return object_replace(t, at, instance_new(t->sample->state)) && tree_top_down(t, depth, *at);
}

static inline uint64_t tree_count(const struct object *o)
{
    uint64_t count = 1;
    for (unsigned i = 0; i < 2; i++)
        if (instance_slot(o, i))
            count += tree_count(instance_slot(o, i));
    return count;
}

/* Makes a tree, counts it, drops it. */
static inline bool tree_pass(struct workload_thread *t, unsigned depth, bool top_down)
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
static inline bool trees_of_depth(struct workload_thread *t, unsigned depth, uint64_t trees, bool top_down)
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
static inline void trees_end(struct workload_thread *t)
{
    struct object_thread *own = t->state;
    if (own->table[TREE_LONG_LIVED])
        own->sum += tree_count(own->table[TREE_LONG_LIVED]);
    object_publish(t, own->sum);
    t->ops = t->checksum = own->sum;
}

#endif
