/* workload.h: the contract of a workload. One sample is one process that runs one workload once:
 *
 *   setup        the workload maps its own tables (scratch memory, never the measured allocator), pre-faulted
 *   prepare      each thread builds what is to be live before the clock starts (also the warm-up)
 *   run          each thread does its share of the work: the measured phase
 *   drain        each thread gives back what it holds
 *   checksum     folded from every thread's and compared over all backends, policies and collectors
 *
 * In run, a workload makes no system call and no allocation but through the measured backend, and reads the
 * clock once in `latency_every` operations (latency_due). Its work depends on parameters, seed and thread
 * number alone, never on addresses or time, so that the checksum is the same everywhere.
 *
 * Locking: a workload_thread belongs to its thread; the workload's own shared state is the workload's
 * business. */
#ifndef HG_WORKLOADS_WORKLOAD_H
#define HG_WORKLOADS_WORKLOAD_H

#include "alloc/alloc.h"
#include "alloc/base/os.h"
#include "gauge.h"
#include "alloc/base/compiler.h"

#include <pthread.h>

enum op_kind { OP_MALLOC, OP_CALLOC, OP_REALLOC, OP_FREE, OP_FREE_REMOTE, OP_REQUEST, OP_KINDS };
extern const char *const op_names[OP_KINDS];

struct reclaim; /* reclaim.h: how long dead cycles wait; NULL: the workload marks none */
struct runtime; /* gc/: the object runtime of this worker; NULL at allocator level */
struct workload_sample;

struct workload_thread {
    _Alignas(128) struct workload_sample *sample; /* written in every operation: lines of its own */
    const struct alloc *alloc;
    struct gauge_thread *gauge; /* in the control page, read by the parent while we run */
    unsigned index;             /* 0 .. threads-1 */
    uint32_t until_latency;     /* operations until the next timed one */
    uint64_t seed;              /* of this worker: differs by worker, same for every backend */
    uint64_t ops;               /* done in run: what throughput is computed from */
    uint64_t checksum;          /* of this thread, combined by addition */
    uint64_t faults;            /* contents found changed: any makes the sample check-failed */
    uint64_t failed_allocs;     /* NULL from the backend: any makes the sample oom */
    void *state;                /* the workload's own */
};

struct workload_sample {
    const struct workload *workload;
    const char *name;   /* of the workload */
    const void *params; /* the struct made from its PARAMS */
    const struct alloc *alloc;
    unsigned alloc_flags; /* ALLOC_ALIASES: do not check contents */
    struct runtime *runtime;
    unsigned threads;
    /* Of several processes that do the work together: this one's threads are the workers first .. first +
     * threads - 1 of so many. One process: 0 and threads. */
    unsigned first_worker, workers;
    uint64_t seed;
    uint32_t latency_every;         /* time one operation in so many; UINT32_MAX = never */
    struct workload_thread *thread; /* [threads] */
    uint64_t planned_ops;           /* that run will do; 0: the parameter ops is it */
    void *state;                    /* the workload's own, shared */
    struct reclaim *reclaim;
    /* Given by the harness. latency: one timed operation. request: one of a closed loop, each of them. note:
     * a figure under a dotted key, any phase but run. */
    void (*latency)(struct workload_thread *t, enum op_kind op, uint64_t ns);
    void (*request)(struct workload_thread *t, uint64_t begin_ns, uint64_t end_ns);
    void (*note)(struct workload_sample *s, const char *key, uint64_t value);
    /* From run, at most once, right after the call at which most is live, by a workload of one thread that
     * knows which that is: resident memory is read then. May be NULL. */
    void (*most_live)(struct workload_sample *s, uint64_t live_bytes);
    /* From run, by one thread while all others of the workload wait for it: what comes until the clock runs again
     * is the harness's own work, in no figure of time, processor time, faults, counters or memory over time. What
     * it takes of memory it has already. May be NULL. */
    void (*clock)(struct workload_sample *s, bool runs);
    /* By a thread, when it has allocated as much as it was allowed to (at first: nothing), with its bytes as in
     * the gauge; returns what it may allocate until it calls again. There what is resident may be read. May be
     * NULL. */
    uint64_t (*look)(struct workload_thread *t, uint64_t live_bytes, uint64_t allocated_bytes);
    void (*note_text)(struct workload_sample *s, const char *key, const char *value);
    struct message *message;
};

/* Called for every live block (allocator level) at a barrier: what the workload asked for. */
typedef void workload_visit(void *arg, const void *block, size_t requested_bytes);

struct workload {
    bool reports_requests; /* run calls request */
    unsigned times_all;    /* 1 << OP of those that run times each call of, at any latency_every */
    int (*setup)(struct workload_sample *s); /* 0 or -errno with s->message */
    void (*prepare)(struct workload_thread *t);
    void (*run)(struct workload_thread *t);
    void (*drain)(struct workload_thread *t);
    void (*live)(struct workload_sample *s, workload_visit *visit,
                 void *arg); /* at quiescence; NULL at object level */
    uint64_t (*kept)(
        struct workload_sample *s); /* object level: objects meant to be alive after drain (usually 0) */
    /* After drain: 0, or -errno with s->message: the sample is check-failed. May be NULL. */
    int (*verify)(struct workload_sample *s);
    void (*finish)(struct workload_sample *s); /* notes, unmaps; may be NULL */
};

/* True once in latency_every calls. The caller then times that one operation and calls s->latency. */
static inline bool latency_due(struct workload_thread *t)
{
    if (likely(--t->until_latency != 0))
        return false;
    t->until_latency = t->sample->latency_every;
    return true;
}

/* Calls look and returns at how many allocated bytes it is due again. */
static inline uint64_t workload_look(struct workload_thread *t, uint64_t live_bytes, uint64_t allocated_bytes)
{
    if (!t->sample->look)
        return UINT64_MAX;
    uint64_t allowed = t->sample->look(t, live_bytes, allocated_bytes);
    return allowed < UINT64_MAX - allocated_bytes ? allocated_bytes + allowed : UINT64_MAX;
}

/* Memory of the workload's own: mapped, pre-faulted, counted as the harness's. Never fails quietly: NULL with
 * errno. */
static inline void *workload_scratch(size_t bytes)
{
    return os_map(&os_harness, bytes, 0, OS_POPULATE);
}

#endif
