/* collector.h: what a cycle collector is to the runtime, and the gc module: what can be asked of any.
 *
 * What allocation and tracking do inline for it (counts, limit, lists): gc/runtime/gc_state.h.
 *
 * The invariant, gc_invariant_holds:
 *   every tracked object is on exactly one list of the collector, or is found by find.h, and `tracked`
 *   counts them;
 *   lists are doubly linked, and the low bits of next show which list an object is on, where a collector
 *   has bits for that;
 *   nothing of a collection is left on an object: not GC_PREV_COLLECTING and GC_NEXT_UNREACHABLE, not
 *   GC_ALIVE and GC_UNREACHABLE, and who owns it is known again (biased); a tracing collector's marks are 0.
 * Suspended while r->gc.collecting is set: then the lists under examination are singly linked, the links
 * back hold what is left of counts, and objects lie on lists of the collection's own. Program code that
 * runs in a collection (finalisers, callbacks) finds whole lists again, but marks on what is being
 * collected; it may track, untrack and free, not start a collection. Without a GIL, asked with the world
 * stopped. */
#ifndef HG_GC_COLLECT_COLLECTOR_H
#define HG_GC_COLLECT_COLLECTOR_H

#include "gc/about.h"
#include "gc/types/types.h"

/* Of one generation, as gc.get_stats() returns them. */
struct gc_stats {
    uint64_t collections, collected, uncollectable;
};

/* Called before and after every collection, as gc.callbacks; may not touch objects of the runtime. */
enum gc_phase { GC_PHASE_START, GC_PHASE_STOP };
typedef void gc_callback(void *arg, enum gc_phase phase, int generation, uint64_t collected,
                         uint64_t uncollectable);

struct collector {
    const char *name;
    int (*open)(struct runtime *r, const void *params, struct message *m);
    /* The lists may still hold objects: leave them reachable from gc_each_tracked. */
    void (*close)(struct runtime *r);
    /* Inside an allocation, when young > limit. May collect now, or ask for it by thread_break(r, BREAK_GC).
     * Without a GIL: called by any thread, several at once. */
    void (*trigger)(struct runtime *r);
    /* At a safepoint after BREAK_GC. */
    void (*safepoint)(struct runtime *r);
    /* gc.collect(generation); returns collected + uncollectable. */
    uint64_t (*collect)(struct runtime *r, int generation);
    void (*enable)(struct runtime *r, bool on);
    int (*set_thresholds)(struct runtime *r, const int64_t threshold[3]);
    void (*counts)(struct runtime *r, int64_t count[3]);
    void (*stats)(struct runtime *r, struct gc_stats stats[3]);
    void (*freeze)(struct runtime *r);
    void (*unfreeze)(struct runtime *r);
    void (*report)(struct runtime *r, const struct alloc_sink *sink);
    /* Every tracked object, any generation, frozen ones too; world stopped or GIL held. NULL: default_list.
     */
    int (*each_tracked)(struct runtime *r, object_visit *visit, void *arg);
    /* The invariant, outside of a collection. NULL under a GIL: that of default_list. */
    bool (*is_valid)(struct runtime *r);
};

/* See above. Costs a walk over the heap. */
bool gc_invariant_holds(struct runtime *r);
/* The invariant, and all else that must hold when a collection begins and ends: of roots, free lists,
 * figures. */
bool gc_heap_is_valid(struct runtime *r);

/* The gc module: any of them does nothing where the collector has no such thing. */
uint64_t gc_collect(struct runtime *r, int generation); /* 0..2; returns collected + uncollectable */
void gc_enable(struct runtime *r, bool on);
int gc_set_thresholds(struct runtime *r, const int64_t threshold[3]); /* -EINVAL: out of range */
void gc_counts(struct runtime *r, int64_t count[3]);
void gc_get_stats(struct runtime *r, struct gc_stats stats[3]);
void gc_freeze(struct runtime *r);
void gc_unfreeze(struct runtime *r);
/* One callback a runtime; NULL takes it away. */
void gc_set_callback(struct runtime *r, gc_callback *callback, void *arg);

/* gc.garbage: uncollectable objects with a legacy finaliser, each with a reference, under the root
 * "gc.garbage". add is for collectors; without memory the object is left out. clear does what the programmer
 * has to: takes each apart (its clear) and drops it; returns how many there were. */
void gc_garbage_add(struct runtime *r, struct object *o);
size_t gc_garbage(struct object *const **at); /* how many, and where */
size_t gc_garbage_clear(struct runtime *r);
void gc_garbage_close(struct runtime *r); /* drops nothing */

/* For collectors: calls the callback, and writes gc.generations.N.* of a sample. */
void gc_call_back(struct runtime *r, enum gc_phase phase, int generation, uint64_t collected,
                  uint64_t uncollectable);
void gc_report_generations(const struct alloc_sink *sink, const struct gc_stats *stats, int generations);

/* Every tracked object. Under a GIL through the collector's lists, else through the threads' registries. */
int gc_each_tracked(struct runtime *r, object_visit *visit, void *arg);

#endif
