/* runtime.h: the object runtime of one worker, as the harness and the workloads see it from outside.
 * Everything in gc/ is compiled once for each refcount policy (-DHG_RC=...). */
#ifndef HG_GC_RUNTIME_H
#define HG_GC_RUNTIME_H

#include "alloc/alloc.h"
#include "about.h"
#include "gc/runtime/pause.h"
#include "gc/python.h"

struct runtime;

struct runtime_config {
    const struct alloc *alloc;
    const struct collector_info *collector;
    const void *collector_params;
    const struct python_rules *python; /* gc/python.h; NULL takes the default */
    const void *policy_params;         /* rc_<policy>_params; NULL takes the defaults */
    unsigned threads;
    pause_sink *pause;
    void *pause_arg;
    void (*watch)(void *arg); /* see runtime_watch */
    void *watch_arg;
    /* By a thread inside an allocation, when it has made as many bytes as it was allowed to (at first: none), with
     * what runtime_thread_bytes says; returns how many it may make until the next call. Touches no object. NULL:
     * never. */
    uint64_t (*look)(unsigned thread, uint64_t live_bytes, uint64_t made_bytes);
};

/* The calling thread becomes the runtime's main thread, attached. 0 or -errno with a message. */
int runtime_open(struct runtime **out, const struct runtime_config *config, struct message *m);
/* Frees every object that is left, checks the heap in debug builds. */
void runtime_close(struct runtime *r);

/* A thread must attach before it touches an object and detach before it ends or blocks for long. */
/* index: 0 .. 1023, one thread at a time each; the main thread has 0 and may attach again. -EBUSY,
 * -ENOMEM. */
int runtime_thread_attach(struct runtime *r, unsigned index);
void runtime_thread_detach(struct runtime *r);

/* From now on config.watch is called at each safepoint of the calling thread, before a collection that is due
 * there: the thread is attached and between two operations, so that it holds no reference outside the
 * roots. */
void runtime_watch(void);

/* Container objects ever taken from the allocator, by all threads (not those from a free list, as a collector
 * counts); any time, by any thread. */
uint64_t runtime_containers_made(struct runtime *r);
/* Objects alive now (at quiescence). */
uint64_t runtime_live_objects(struct runtime *r);
/* Bytes taken from the allocator and not given back (what free lists keep is in them), and the bytes ever
 * asked for: by the calling thread (any time), and by all (at quiescence); what the runtime itself made is not
 * live. A thread that drops what others made goes below 0: sum modulo 2^64. */
void runtime_thread_bytes(uint64_t *live_bytes, uint64_t *allocated_bytes);
uint64_t runtime_live_bytes(struct runtime *r);
/* False for `none`: cyclic garbage stays. */
bool runtime_collects(const struct runtime *r);
/* A full collection, as gc.collect(); returns how many unreachable objects it found. */
uint64_t runtime_collect(struct runtime *r);
/* gc{} gil{} lock{} of a sample, under dotted keys. */
void runtime_report(struct runtime *r, const struct alloc_sink *sink);

#endif
