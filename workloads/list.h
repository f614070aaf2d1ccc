/* list.h: the one visible list of workloads, with their parameters.
 * W(ident, "name", level, flags, PARAMS, "what it shows; what it does not")
 * ident names workload_<ident> (its struct workload) and <ident>_params. A name may stand at both levels;
 * `--rc none` takes the allocator level, any other policy the object level. The front reads this list without
 * linking any workload. */
#ifndef HG_WORKLOADS_LIST_H
#define HG_WORKLOADS_LIST_H

#include "../alloc/param.h"

enum workload_level { LEVEL_ALLOC, LEVEL_OBJECT };
enum {
    WORKLOAD_ONE_THREAD = 1 << 0, /* cannot use more than one thread */
    WORKLOAD_PAIRS = 1 << 1, /* needs at least two threads, in pairs; with one it does both parts in turn */
};

#define ALLOC_CHURN_PARAMS(P, S)                                                                \
    P(S, COUNT, live, "100k", "1-100M", "blocks held live, over all threads")                   \
    P(S, RANGE, size, "16-512", "1-1G", "block sizes in bytes")                                 \
    P(S, CHOICE, dist, "uniform", "uniform|log", "how sizes are drawn")                         \
    P(S, COUNT, ops, "10M", "1-100G", "operations (a malloc or a free each), over all threads") \
    P(S, CHOICE, touch, "first", "none|first|page|all", "which bytes of a new block are written")

#define LARSON_PARAMS(P, S)                                                                     \
    P(S, COUNT, slots, "5000", "1-10M", "blocks a thread holds")                                \
    P(S, RANGE, size, "8-1000", "1-1G", "block sizes in bytes")                                 \
    P(S, COUNT, ops, "10M", "1-100G", "operations (a malloc or a free each), over all threads") \
    P(S, COUNT, handover, "500k", "1-1G", "replacements after which a thread gives its slots to a successor")

#define XMALLOC_PARAMS(P, S)                                                   \
    P(S, RANGE, size, "64-64", "1-1G", "block sizes in bytes")                 \
    P(S, COUNT, batch, "4096", "1-1M", "blocks a producer hands over at once") \
    P(S, COUNT, outstanding, "4", "1-1024", "batches under way for each pair") \
    P(S, COUNT, ops, "10M", "1-100G", "operations (a malloc or a free each), over all pairs")

#define ALLOC_TRACE_PARAMS(P, S)                                                                       \
    P(S, TEXT, file, "", "", "the .hgt file")                                                    \
    P(S, CHOICE, touch, "page", "none|first|page|all", "which bytes of a new block are written") \
    P(S, FLAG, verify, "0", "", "fill every block with a pattern and check it before its free")  \
    P(S, COUNT, repeat, "1", "1-1M", "how often the trace is replayed in one sample")

#define OBJECT_CHURN_PARAMS(P, S)                                              \
    P(S, COUNT, live, "100k", "1-100M", "objects held live, over all threads") \
    P(S, COUNT, ops, "2M", "1-100G", "objects replaced, over all threads")

#define CYCLES_PARAMS(P, S)                                                                                \
    P(S, COUNT, length, "10", "1-1M", "nodes in a cycle")                                                  \
    P(S, CHOICE, shape, "chain", "chain|tree", "how the nodes of a cycle hang together")                   \
    P(S, BYTES, extra, "0", "0-1G", "bytes that each node carries beside its slots")                       \
    P(S, COUNT, live, "1000", "0-100M", "cycles held live, over all threads")                              \
    P(S, REAL, fraction, "1", "0-1", "part of the structures that are cyclic; the others die by refcount") \
    P(S, COUNT, ops, "200k", "1-100G", "structures made and dropped, over all threads")

#define LONG_LIVED_PARAMS(P, S)                                                       \
    P(S, COUNT, heap, "1M", "1-1G", "objects in the long-lived graph")                \
    P(S, CHOICE, shape, "roots", "roots|tree", "many small roots, or one giant tree") \
    P(S, COUNT, ops, "2M", "1-100G", "short-lived objects made beside it, over all threads")

#define OBJTRACE_PARAMS(P, S) P(S, TEXT, file, "", "", "the .hgo script")

/* A row each, so that adding one changes one. */
/* clang-format off */
#define WORKLOADS(W)                                                                                     \
    W(alloc_churn, "churn", LEVEL_ALLOC, 0, ALLOC_CHURN_PARAMS,                                          \
      "random-slot replace over a live set: speed and fragmentation of a steady state; no remote frees") \
    W(larson, "larson", LEVEL_ALLOC, 0, LARSON_PARAMS,                                                   \
      "a server's threads that hand their blocks to successors: frees of dead threads' blocks; not the " \
      "cost of thread starts")                                                                           \
    W(xmalloc, "xmalloc", LEVEL_ALLOC, WORKLOAD_PAIRS, XMALLOC_PARAMS,                                   \
      "producers to consumers in batches: every free is remote; nothing is kept, so its memory says little") \
    W(alloc_trace, "trace", LEVEL_ALLOC, 0, ALLOC_TRACE_PARAMS,                                          \
      "a recorded program's calls in its own order: what it would ask of another allocator, not its "    \
      "own work")                                                                                         \
    W(object_churn, "churn", LEVEL_OBJECT, 0, OBJECT_CHURN_PARAMS,                                       \
      "short-lived objects of Python's type and size mix die by refcount; nothing cyclic")               \
    W(cycles, "cycles", LEVEL_OBJECT, 0, CYCLES_PARAMS,                                                  \
      "cyclic garbage of chosen shape: what the collector must find, and how much waits for it")         \
    W(long_lived, "long-lived", LEVEL_OBJECT, 0, LONG_LIVED_PARAMS,                                      \
      "a large live graph beside bursts of short-lived objects: what a collection pays for those that do not die") \
    W(objtrace, "objtrace", LEVEL_OBJECT, WORKLOAD_ONE_THREAD, OBJTRACE_PARAMS,                          \
      "an object script (.hgo) step for step: what the collector decides, not how fast")
/* clang-format on */

#define WORKLOAD_PARAM_STRUCT(ident, name, level, flags, PARAMS, summary) PARAM_STRUCT(ident##_params, PARAMS)
WORKLOADS(WORKLOAD_PARAM_STRUCT)
#undef WORKLOAD_PARAM_STRUCT

struct workload_info {
    const char *ident, *name;
    enum workload_level level;
    unsigned flags;
    const struct param *params;
    const char *summary;
};
extern const struct workload_info workload_list[]; /* list.c; ends with a NULL name */

/* What a workload's parameters must hold beside what their table says: files that it reads are there and sound.
 * For the front, before anything is started. -errno with a message. */
int workload_check(const struct workload_info *workload, const void *params, struct message *m);

#endif
