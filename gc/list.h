/* list.h: the one visible list of refcount policies and of collectors, with their parameters.
 * R(ident, "name", flags, PARAMS, "summary")     rc_<ident>_params is its parameter struct; its worker
 * programs are
 *                                                what policy_worker says
 * C(ident, "name", flags, PARAMS, "summary")     ident names collector_<ident> and <ident>_params */
#ifndef HG_GC_LIST_H
#define HG_GC_LIST_H

#include "alloc/base/param.h"

enum {
    RC_GIL = 1 << 0, /* one thread at a time runs: list-based collectors and allocators without a lock work */
    RC_TRACING = 1 << 1, /* nothing is counted: takes the collector tracing alone */
};
#define RC_GIL_PARAMS(P, S)                                                        \
    P(S, FLAG, freelists, "1", "", "keep dead objects for the next of their kind") \
    P(S, NS, interval, "5ms", "1us-10s", "how long a waiter waits before it asks for the lock")
enum { GIL_IMMORTAL_OFF, GIL_IMMORTAL_312, GIL_IMMORTAL_314 }; /* in the order of the choices */
#define RC_GIL_COUNTED_PARAMS(P, S)                \
    RC_GIL_PARAMS(P, S)                            \
    P(S, CHOICE, immortal, "off", "off|3.12|3.14", \
      "None, small ints and interned strings are never counted: as CPython 3.12 and 3.13, or 3.14, have it")
#define RC_NOGIL_PARAMS(P, S)                                                      \
    P(S, FLAG, freelists, "1", "", "keep dead objects for the next of their kind") \
    P(S, FLAG, immortal, "1", "", "None, small ints and interned strings are never counted")

#define RC_BIASED_PARAMS(P, S)    \
    RC_NOGIL_PARAMS(P, S)         \
    P(S, FLAG, deferred, "1", "", \
      "classes and other long-lived shared objects are not counted from stacks and instances")

#define POLICIES(R)                                                                              \
    R(gil, "gil", RC_GIL, RC_GIL_COUNTED_PARAMS,                                                 \
      "plain counts under a global interpreter lock, handed over as CPython does")               \
    R(objlock, "objlock", 0, RC_NOGIL_PARAMS,                                                    \
      "a one-byte mutex an object guards its count and its contents")                            \
    R(atomic, "atomic", 0, RC_NOGIL_PARAMS, "atomic counts, a mutex an object for its contents") \
    R(biased, "biased", 0, RC_BIASED_PARAMS,                                                     \
      "PEP 703: the owner counts plainly, others atomically; readers without locks")             \
    R(tracing, "tracing", RC_GIL | RC_TRACING, RC_GIL_PARAMS,                                    \
      "no counts at all: the floor for what counting costs")

#define POLICY_PARAM_STRUCT(ident, name, flags, PARAMS, summary) PARAM_STRUCT(rc_##ident##_params, PARAMS)
POLICIES(POLICY_PARAM_STRUCT)
#undef POLICY_PARAM_STRUCT

enum {
    GC_NEEDS_GIL = 1 << 0,
    GC_NEEDS_NOGIL = 1 << 1,
    GC_NEEDS_TRACING = 1 << 2,
};
#define GENERATIONAL_PARAMS(P, S)                                        \
    P(S, CHOICE, version, "3.11", "3.11|3.13",                           \
      "3.11 collects inside the allocation, 3.13 at the next safepoint") \
    P(S, TEXT, thresholds, "", "", "of the three generations, A/B/C; empty takes the version's own")

#define INCREMENTAL_PARAMS(P, S)                                                                \
    P(S, CHOICE, version, "3.14.0", "3.14.0|3.14.1",                                            \
      "3.14.1 counts objects when they are tracked, and skips a run that is ahead of its work") \
    P(S, TEXT, thresholds, "", "",                                                              \
      "A/B/C: new objects that start an increment, its scan rate, no use; empty is 2000/10/0")

#define PEP848_HALF_SPACES_MAX 2048
#define PEP848_PARAMS(P, S)                                                                             \
    P(S, TEXT, thresholds, "", "",                                                                      \
      "A/B/C: kB of a half-space, aging half-spaces, no use; empty is 2000/10/10")                      \
    P(S, CHOICE, bytes, "gc", "gc|all", "which bytes start a collection: of container objects, or all") \
    P(S, CHOICE, limit, "inside", "inside|outside",                                                     \
      "where marking tests for work left: at each object, or as the draft's pseudocode has it")         \
    P(S, CHOICE, aging, "filled", "filled|one",                                                         \
      "aging spaces at the start: as many as thresholds say, or one as the draft's pseudocode has it")  \
    P(S, CHOICE, roots, "cycle", "cycle|increment",                                                     \
      "when roots are marked: once a cycle, or at every increment")

#define STW_PARAMS(P, S)                                                                            \
    P(S, TEXT, thresholds, "", "",                                                                  \
      "A/B/C: objects that start a collection, 0 = however many live, no use; empty is 2000/10/10") \
    P(S, CHOICE, gate, "none", "none|rss", "rss: only if the process has grown, as 3.14.0 does")    \
    P(S, FLAG, alive, "1", "", "mark what the roots reach before counting, as 3.14 does")           \
    P(S, CHOICE, find, "auto", "auto|walk|registry",                                                \
      "how objects are found: by a walk over the allocator's heap, or in lists that threads keep")

#define TRACING_PARAMS(P, S)                                                      \
    P(S, COUNT, min, "10k", "0-1G",                                               \
      "new container objects that start a collection, at least; 0 = none starts") \
    P(S, REAL, growth, "1", "0-100", "new container objects that start one, as a part of those alive")

#define COLLECTORS(C)                                                                                 \
    C(none, "none", 0, PARAM_NONE, "no collector: what reference counts alone leave behind")          \
    C(generational, "generational", GC_NEEDS_GIL, GENERATIONAL_PARAMS, "CPython's three generations") \
    C(incremental, "incremental", GC_NEEDS_GIL, INCREMENTAL_PARAMS,                                   \
      "CPython 3.14.0's to 3.14.4's: increments of the old space, no middle generation")              \
    C(pep848, "pep848", GC_NEEDS_GIL, PEP848_PARAMS,                                                  \
      "the generational incremental collector that PEP 848 drafts")                                   \
    C(stw, "stw", GC_NEEDS_NOGIL, STW_PARAMS,                                                         \
      "free-threaded CPython's: stops the world twice, no generations")                               \
    C(tracing, "tracing", GC_NEEDS_TRACING, TRACING_PARAMS, "mark and sweep from the roots, without counts")

#define COLLECTOR_PARAM_STRUCT(ident, name, flags, PARAMS, summary) PARAM_STRUCT(gc_##ident##_params, PARAMS)
COLLECTORS(COLLECTOR_PARAM_STRUCT)
#undef COLLECTOR_PARAM_STRUCT

struct policy_info {
    const char *name;
    unsigned flags;
    const struct param *params;
    const char *summary;
};
extern const struct policy_info policy_list[]; /* list.c; ends with a NULL name */

struct collector_info {
    const char *name;
    unsigned flags;
    const struct param *params;
    const char *summary;
};
extern const struct collector_info collector_list[];

/* The worker that was compiled for it is heapgauge-worker-<this>: an increment that must look for immortal
 * objects is other code than one that need not. params: the policy's own struct. */
const char *policy_worker(const struct policy_info *policy, const void *params);

/* "A/B/C" into three thresholds; an empty text leaves them as they are. -EINVAL with a message. */
#define GC_THRESHOLD_MAX INT32_MAX
int gc_thresholds_parse(const char *owner, const char *text, int64_t threshold[3], struct message *m);

/* What a collector's parameters must hold beside what their table says: -EINVAL with a message. */
int collector_check(const struct collector_info *collector, const void *params, struct message *m);

#endif
