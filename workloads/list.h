/* list.h: the one visible list of workloads, with their parameters.
 * W(ident, "name", level, flags, PARAMS, "what it shows; what it does not")
 * ident names workload_<ident> (its struct workload) and <ident>_params. A name may stand at both levels;
 * `--rc none` takes the allocator level, any other policy the object level. The front reads this list without
 * linking any workload. */
#ifndef HG_WORKLOADS_LIST_H
#define HG_WORKLOADS_LIST_H

#include "alloc/base/param.h"

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

#define MSTRESS_PARAMS(P, S)                                                                              \
    P(S, COUNT, slots, "2000", "1-10M", "blocks a thread holds")                                          \
    P(S, COUNT, places, "1000", "1-10M", "blocks in the table that all threads share")                    \
    P(S, COUNT, transfer, "25", "0-100", "per cent of the new blocks that are swapped with a shared one") \
    P(S, COUNT, phases, "50", "1-1M", "lives of a thread")                                                \
    P(S, COUNT, ops, "4M", "1-100G",                                                                      \
      "replacements' mallocs and frees, over all threads; filling and emptying come on top")

#define ALLOC_TEST_PARAMS(P, S)                                                            \
    P(S, COUNT, slots, "262144", "1-100M", "slots, over all threads; about half are full") \
    P(S, COUNT, ops, "10M", "1-100G", "operations (a malloc or a free each), over all threads")

#define GLIBC_SIMPLE_PARAMS(P, S)                          \
    P(S, BYTES, size, "32", "1-1M", "block size in bytes") \
    P(S, COUNT, ops, "20M", "1-100G", "operations (a malloc or a free each), over all threads")

#define GLIBC_THREAD_PARAMS(P, S)                                                                 \
    P(S, COUNT, slots, "1024", "1-10M", "slots a thread has; about half are full")                \
    P(S, RANGE, size, "4-32768", "1-1G", "block sizes in bytes, falling with the inverse square") \
    P(S, COUNT, ops, "10M", "1-100G", "operations (a malloc or a free each), over all threads")

#define CACHE_SCRATCH_PARAMS(P, S)                              \
    P(S, BYTES, size, "8", "1-4k", "block size in bytes")       \
    P(S, COUNT, writes, "1000", "0-1M", "writes to each block") \
    P(S, COUNT, ops, "400k", "1-100G", "operations (a malloc or a free each), over all threads")

#define CACHE_THRASH_PARAMS CACHE_SCRATCH_PARAMS

#define SH6_PARAMS(P, S)                                                            \
    P(S, RANGE, size, "1-1000", "1-1G", "block sizes in bytes, falling in a batch") \
    P(S, COUNT, batch, "500", "1-1M", "blocks that are made before any is freed")   \
    P(S, COUNT, ops, "10M", "1-100G", "operations (a malloc or a free each), over all threads")

#define SH8_PARAMS SH6_PARAMS

#define MSGPASS_PARAMS(P, S)                                                    \
    P(S, RANGE, size, "48-128", "1-1G", "message sizes in bytes")               \
    P(S, COUNT, outstanding, "4096", "1-10M", "messages under way at each hop") \
    P(S, COUNT, ops, "10M", "1-100G", "operations (a malloc or a free each), over all threads")

#define RPTEST_PARAMS(P, S)                                                                   \
    P(S, RANGE, size, "16-8000", "1-1G", "block sizes in bytes")                              \
    P(S, CHOICE, falloff, "linear", "linear|exponential", "how large blocks are rarer")       \
    P(S, COUNT, slots, "4000", "10-10M", "blocks a thread holds; a tenth of them is a batch") \
    P(S, COUNT, ops, "4M", "1-100G", "operations (a malloc or a free each), over all threads")

#define STARTUP_PARAMS(P, S)                                                          \
    P(S, COUNT, starts, "2000", "1-10M", "threads started, over all harness threads") \
    P(S, COUNT, blocks, "32", "1-1M", "blocks that each of them allocates")           \
    P(S, RANGE, size, "16-4096", "1-1G", "block sizes in bytes")

#define REALLOC_PARAMS(P, S)                                                                \
    P(S, COUNT, vectors, "1000", "1-10M", "vectors that a thread grows")                    \
    P(S, RANGE, size, "16-8192", "1-1G", "bytes of a new vector, and the most it grows to") \
    P(S, CHOICE, growth, "list", "list|half|double",                                        \
      "a full vector grows: as CPython's lists, by half, or twofold")                       \
    P(S, COUNT, ops, "4M", "1-100G", "operations (a malloc, realloc or free each), over all threads")

#define LARGE_PARAMS(P, S)                                              \
    P(S, COUNT, live, "20", "1-100k", "buffers held, over all threads") \
    P(S, RANGE, size, "5M-25M", "1-4G", "buffer sizes in bytes")        \
    P(S, COUNT, ops, "400", "1-100G", "operations (a malloc or a free each), over all threads")

#define ALIGNED_PARAMS(P, S)                                                                           \
    P(S, COUNT, live, "20k", "1-100M", "blocks held, over all threads")                                \
    P(S, RANGE, size, "16-2048", "1-1G", "block sizes in bytes")                                       \
    P(S, RANGE, align, "16-4096", "16-1M", "alignments: the powers of two from the first to the last") \
    P(S, COUNT, ops, "2M", "1-100G", "operations (a malloc or a free each), over all threads")

#define CALLOC_PARAMS(P, S)                                             \
    P(S, COUNT, live, "20k", "1-100M", "blocks held, over all threads") \
    P(S, RANGE, size, "16-4096", "1-1G", "block sizes in bytes")        \
    P(S, COUNT, ops, "2M", "1-100G", "operations (a malloc or a free each), over all threads")

#define BLOWUP_PARAMS(P, S)                                                            \
    P(S, BYTES, live, "32M", "4k-1024G", "bytes that stay live, however many threads") \
    P(S, RANGE, size, "16-512", "1-1G", "block sizes in bytes")                        \
    P(S, COUNT, rounds, "8", "1-1M", "how often the set changes hands")

#define ROBSON_PARAMS(P, S)                                                       \
    P(S, BYTES, live, "32M", "4k-1024G", "most bytes live, over all threads")     \
    P(S, RANGE, size, "16-1M", "1-1G", "the first size and the last: it doubles") \
    P(S, COUNT, rounds, "1", "1-1M", "how often it starts again")

#define PHASE_SHIFT_PARAMS(P, S)                                                          \
    P(S, BYTES, live, "64M", "4k-1024G", "bytes that each phase fills, over all threads") \
    P(S, BYTES, size, "240", "1-1G", "block size of the first phase")                     \
    P(S, REAL, factor, "2.05", "0.01-100", "from one phase's size to the next's")         \
    P(S, COUNT, phases, "4", "1-1000", "phases")                                          \
    P(S, REAL, survive, "0.05", "0-1", "part of the blocks that outlive their phase")

#define SAWTOOTH_PARAMS(P, S)                                                             \
    P(S, BYTES, live, "64M", "4k-1024G", "bytes at the top of a tooth, over all threads") \
    P(S, RANGE, size, "16-2048", "1-1G", "block sizes in bytes")                          \
    P(S, COUNT, teeth, "4", "1-1M", "how often it grows")

#define ALLOC_TRACE_PARAMS(P, S)                                                                 \
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
    P(S, COUNT, heap, "0", "0-1G", "other objects that live throughout, over all threads")                 \
    P(S, COUNT, ops, "200k", "1-100G", "structures made and dropped, over all threads")

#define LONG_LIVED_PARAMS(P, S)                                                       \
    P(S, COUNT, heap, "1M", "1-1G", "objects in the long-lived graph")                \
    P(S, CHOICE, shape, "roots", "roots|tree", "many small roots, or one giant tree") \
    P(S, COUNT, ops, "2M", "1-100G", "short-lived objects made beside it, over all threads")

#define OBJTRACE_PARAMS(P, S) P(S, TEXT, file, "", "", "the .hgo script")

#define PRIVATE_PARAMS(P, S)                                        \
    P(S, COUNT, objects, "1000", "1-10M", "objects of each thread") \
    P(S, COUNT, ops, "10M", "1-100G", "reads, one in four with a replacement, over all threads")

#define SHARED_READ_PARAMS(P, S)                                                                            \
    P(S, COUNT, hot, "8", "1-64", "objects that all read")                                                  \
    P(S, REAL, shared, "1", "0-1", "part of the reads that go to them; the others to objects of one's own") \
    P(S, CHOICE, how, "dict", "dict|reference",                                                             \
      "out of one dict, or by plain references (deferred counting)")                                        \
    P(S, COUNT, ops, "10M", "1-100G", "reads, over all threads")

#define FTSCALING_PARAMS(P, S)                                                               \
    P(S, CHOICE, kind, "create_object",                                                      \
      "create_object|create_closure|create_dict|list_append|constants|generator|calls|loop", \
      "what is done; loop: nothing but the step itself, the floor")                          \
    P(S, COUNT, ops, "5M", "1-100G", "times, over all threads")

#define SHARED_CONTAINERS_PARAMS(P, S)                                 \
    P(S, CHOICE, kind, "dict", "list|dict", "what the threads change") \
    P(S, FLAG, disjoint, "0", "", "each thread its own")               \
    P(S, COUNT, size, "1000", "1-10M", "items in it")                  \
    P(S, COUNT, ops, "4M", "1-100G", "half reads, half replacements, over all threads")

#define DEEP_FREE_PARAMS(P, S)                                                            \
    P(S, COUNT, depth, "100k", "1-100M", "nodes that one decrement frees")                \
    P(S, CHOICE, kind, "chain", "chain|wide", "one behind the other, or all in one list") \
    P(S, COUNT, ops, "20", "1-100M", "structures, over all threads")

#define FINALIZERS_PARAMS(P, S)                                                 \
    P(S, REAL, cyclic, "0.5", "0-1", "part of the pairs that are cycles")       \
    P(S, REAL, resurrect, "0.1", "0-1", "part that bring themselves back once") \
    P(S, COUNT, ops, "500k", "1-100G", "pairs of nodes with finalisers, over all threads")

#define WEAK_CACHE_PARAMS(P, S)                                       \
    P(S, COUNT, keys, "10k", "1-100M", "keys of each thread's cache") \
    P(S, COUNT, held, "1000", "1-100M", "values that somebody holds") \
    P(S, COUNT, ops, "2M", "1-100G", "look-ups, over all threads")

#define SCOPE_PARAMS(P, S)                                                                              \
    P(S, CHOICE, by, "exit", "exit|collect", "what ends them: the end of their scope, or a collection") \
    P(S, COUNT, ops, "1M", "1-100G", "structures, over all threads")

#define LEAK_PARAMS(P, S)                                            \
    P(S, COUNT, every, "10", "1-1G", "one in so many records stays") \
    P(S, COUNT, ops, "500k", "1-100G", "records, over all threads")

#define INTERN_PARAMS(P, S)                                                    \
    P(S, COUNT, names, "10k", "1-100M", "different names, small ones oftener") \
    P(S, COUNT, ops, "2M", "1-100G", "names made and interned, over all threads")

#define SMALL_INT_PARAMS(P, S)                                                        \
    P(S, COUNT, range, "1000", "1-4G", "values from 0; 257 of them are in the cache") \
    P(S, COUNT, live, "1000", "1-100M", "ints held by each thread")                   \
    P(S, COUNT, ops, "10M", "1-100G", "ints made and dropped, over all threads")

#define GENERATOR_OR_LIST_PARAMS(P, S)                                             \
    P(S, CHOICE, as, "generator", "generator|list", "one by one, or a list first") \
    P(S, COUNT, length, "100k", "1-1G", "numbers in a sum")                        \
    P(S, COUNT, ops, "40", "1-100M", "sums, over all threads")

#define REQUEST_PARAMS(P, S)                                                                      \
    P(S, COUNT, rate, "0", "0-100M", "requests a second, over all threads; 0: one after another") \
    P(S, REAL, cyclic, "0.05", "0-1", "part of the requests that leave a cycle")                  \
    P(S, COUNT, sessions, "1000", "1-10M", "sessions of each thread that keep objects")           \
    P(S, COUNT, ops, "200k", "1-100G", "requests, over all threads")

#define GROWTH_PARAMS(P, S)                                                                                \
    P(S, CHOICE, kind, "node", "tuple|record|node", "tuples in one list, nodes apart, or a graph of them") \
    P(S, REAL, dead, "0", "0-1", "part of the nodes that refer to themselves and die old")                 \
    P(S, COUNT, lag, "10k", "1-100M", "such nodes held by each thread, dropped at random")                 \
    P(S, COUNT, ops, "1M", "1-100G", "objects added, over all threads")

#define DECAY_PARAMS(P, S)                                                             \
    P(S, COUNT, heap, "1M", "10-1G", "objects in rings of 10 that die during the run") \
    P(S, COUNT, ops, "2M", "1-100G", "short-lived objects made beside it, over all threads")

#define BINARY_TREES_PARAMS(P, S) P(S, COUNT, depth, "16", "4-26", "of the long-lived tree")

#define GCBENCH_PARAMS(P, S)                                   \
    P(S, COUNT, depth, "16", "4-26", "of the long-lived tree") \
    P(S, COUNT, array, "500k", "1-100M", "numbers in the long-lived array")

#define MESSAGE_BUFFER_PARAMS(P, S)                                          \
    P(S, CHOICE, text, "outside", "outside|inside",                          \
      "a message's, in an object of its own or in the container")            \
    P(S, COUNT, window, "200k", "1-100M", "messages kept, over all threads") \
    P(S, BYTES, size, "1k", "1-16M", "of a message")                         \
    P(S, COUNT, ops, "1M", "1-100G", "messages pushed, over all threads")

#define GC_TRAVERSAL_PARAMS(P, S)                                                          \
    P(S, COUNT, levels, "1000", "1-20k", "lists; level n refers n times to the one below") \
    P(S, COUNT, ops, "50", "1-100M", "full collections")

#define GC_COLLECT_PARAMS(P, S)                                                       \
    P(S, COUNT, cycles, "100", "1-10M", "rings of 21 nodes made for each collection") \
    P(S, COUNT, ops, "1000", "1-100M", "full collections")

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
    W(mstress, "mstress", LEVEL_ALLOC, 0, MSTRESS_PARAMS, \
      "blocks of all sizes wander between uneven threads that come and go: heaps left by dead threads; not locality") \
    W(alloc_test, "alloc-test", LEVEL_ALLOC, 0, ALLOC_TEST_PARAMS, \
      "a few hot slots, mostly small blocks, every byte written: locality of what is used again; no remote frees") \
    W(sh6, "sh6", LEVEL_ALLOC, 0, SH6_PARAMS, \
      "batches freed in order, in reverse, from both ends: caches of recent frees; nothing lives long") \
    W(sh8, "sh8", LEVEL_ALLOC, 0, SH8_PARAMS, \
      "the batches of sh6 freed by the next thread of a circle: remote frees by threads that also allocate; nothing lives long") \
    W(msgpass, "msgpass", LEVEL_ALLOC, 0, MSGPASS_PARAMS, \
      "messages through producer, proxy and consumer: remote frees under a bound; a slow hop hides the allocator behind it") \
    W(cache_scratch, "cache-scratch", LEVEL_ALLOC, 0, CACHE_SCRATCH_PARAMS, \
      "passive false sharing: does a freed neighbour's block come back to a thread; says nothing with one thread") \
    W(cache_thrash, "cache-thrash", LEVEL_ALLOC, 0, CACHE_THRASH_PARAMS, \
      "active false sharing: do two threads get pieces of one cache line; says nothing with one thread") \
    W(glibc_simple, "glibc-simple", LEVEL_ALLOC, 0, GLIBC_SIMPLE_PARAMS, \
      "one size, 25 to 1600 blocks at once: how far thread caches reach; the best case of every allocator") \
    W(glibc_thread, "glibc-thread", LEVEL_ALLOC, 0, GLIBC_THREAD_PARAMS, \
      "random slots, sizes falling with the inverse square: scaling over threads that share nothing; small live set") \
    W(rptest, "rptest", LEVEL_ALLOC, 0, RPTEST_PARAMS, \
      "scattered frees beside batches that the next thread frees, many sizes; short, so not its fragmentation over time") \
    W(startup, "startup", LEVEL_ALLOC, 0, STARTUP_PARAMS, \
      "the first allocations of short-lived threads and what the dead leave behind; the starts themselves are in the time") \
    W(realloc, "realloc", LEVEL_ALLOC, 0, REALLOC_PARAMS, \
      "vectors that grow: in place or moved (workload.moved of workload.reallocs); not shrinking") \
    W(large, "large", LEVEL_ALLOC, 0, LARGE_PARAMS, \
      "a few buffers of megabytes: mapped anew or kept; mostly the kernel's page faults, not the allocator's code") \
    W(aligned, "aligned", LEVEL_ALLOC, 0, ALIGNED_PARAMS, \
      "alignments of 16 to 4096: what they cost in time and memory; rare in programs") \
    W(calloc, "calloc", LEVEL_ALLOC, 0, CALLOC_PARAMS, \
      "zeroed blocks, recycled: clearing, and knowing what is clear already; reads and fills each, so not the call alone") \
    W(blowup, "blowup", LEVEL_ALLOC, 0, BLOWUP_PARAMS, \
      "a constant live set moves through the threads: peak memory against one thread's; one thread works at a time, so not speed") \
    W(robson, "robson", LEVEL_ALLOC, 0, ROBSON_PARAMS, \
      "holes that are always half of what is asked next: fragmentation at its worst for first fit; no program does this") \
    W(phase_shift, "phase-shift", LEVEL_ALLOC, 0, PHASE_SHIFT_PARAMS, \
      "sizes change while a few blocks survive: pages held by little; not speed") \
    W(sawtooth, "sawtooth", LEVEL_ALLOC, 0, SAWTOOTH_PARAMS, \
      "grow, drain, grow: what goes back to the system after the last drain, and what regrowth costs; not a steady state") \
    W(alloc_trace, "trace", LEVEL_ALLOC, 0, ALLOC_TRACE_PARAMS,                                          \
      "a recorded program's calls in its own order: what it would ask of another allocator, not its "    \
      "own work")                                                                                         \
    W(object_churn, "churn", LEVEL_OBJECT, 0, OBJECT_CHURN_PARAMS,                                       \
      "short-lived objects of Python's type and size mix die by refcount; nothing cyclic")               \
    W(cycles, "cycles", LEVEL_OBJECT, 0, CYCLES_PARAMS,                                                  \
      "cyclic garbage of chosen shape: what the collector must find, and how much waits for it")         \
    W(long_lived, "long-lived", LEVEL_OBJECT, 0, LONG_LIVED_PARAMS,                                      \
      "a large live graph beside bursts of short-lived objects: what a collection pays for those that do not die") \
    W(private, "private", LEVEL_OBJECT, 0, PRIVATE_PARAMS, \
      "each thread on its own objects: what should scale with the cores; nothing is shared") \
    W(shared_read, "shared-read", LEVEL_OBJECT, 0, SHARED_READ_PARAMS, \
      "all threads count the same few objects: what sharing costs under each policy; nothing changes") \
    W(ftscaling, "ftscaling", LEVEL_OBJECT, 0, FTSCALING_PARAMS, \
      "one kind of interpreter work on private data, after CPython's ftscalingbench; no interpreter") \
    W(shared_containers, "shared-containers", LEVEL_OBJECT, 0, SHARED_CONTAINERS_PARAMS, \
      "threads change one container: the price of its lock, against one each (disjoint=1)") \
    W(deep_free, "deep-free", LEVEL_OBJECT, 0, DEEP_FREE_PARAMS, \
      "one decrement that frees a large structure: the pause it makes; not allocation") \
    W(finalizers, "finalizers", LEVEL_OBJECT, 0, FINALIZERS_PARAMS, \
      "objects with finalisers, cyclic or not, some of which come back: what the order of death costs") \
    W(weak_cache, "weak-cache", LEVEL_OBJECT, 0, WEAK_CACHE_PARAMS, \
      "a cache of weak references over values that die by refcount: look-ups, misses, callbacks") \
    W(scope, "scope", LEVEL_OBJECT, 0, SCOPE_PARAMS, \
      "the same structure ended by its scope or left to a collection: memory and time of either") \
    W(leak, "leak", LEVEL_OBJECT, 0, LEAK_PARAMS, \
      "a cache that only grows: memory over time, for a census to explain") \
    W(intern, "intern", LEVEL_OBJECT, 0, INTERN_PARAMS, \
      "names interned: hits against strings made; not what comparing by identity saves") \
    W(small_int, "small-int", LEVEL_OBJECT, 0, SMALL_INT_PARAMS, \
      "ints of a range: what the cache of small ones saves in allocation") \
    W(generator_or_list, "generator-or-list", LEVEL_OBJECT, 0, GENERATOR_OR_LIST_PARAMS, \
      "a sum over a stream or over a list made first: throughput and peak memory") \
    W(request, "request", LEVEL_OBJECT, 0, REQUEST_PARAMS, \
      "a server's requests, one after another or arriving at a rate: latency with the pauses in it") \
    W(growth, "growth", LEVEL_OBJECT, 0, GROWTH_PARAMS, \
      "a heap that only grows, maybe with garbage in it: what growth itself costs, work that a collector may not catch up with; no steady state") \
    W(decay, "decay", LEVEL_OBJECT, 0, DECAY_PARAMS, \
      "old cycles die while nothing new survives: does a collector still look for them; says little of speed") \
    W(binary_trees, "binary-trees", LEVEL_OBJECT, 0, BINARY_TREES_PARAMS, \
      "trees made and dropped beside a long-lived one: containers that die by refcount; no cycles") \
    W(gcbench, "gcbench", LEVEL_OBJECT, 0, GCBENCH_PARAMS, \
      "binary-trees from the root down and from the leaves up, with a long-lived array; no cycles, so not what a collector finds") \
    W(message_buffer, "message-buffer", LEVEL_OBJECT, 0, MESSAGE_BUFFER_PARAMS, \
      "a window of large messages: the worst push; few objects, so what bytes that start collections cost, not what is found") \
    W(gc_traversal, "gc-traversal", LEVEL_OBJECT, WORKLOAD_ONE_THREAD, GC_TRAVERSAL_PARAMS, \
      "full collections of a heap of many references and no garbage; asked for, so not when a collector would run") \
    W(gc_collect, "gc-collect", LEVEL_OBJECT, WORKLOAD_ONE_THREAD, GC_COLLECT_PARAMS, \
      "full collections of small rings, all garbage: the time of each alone; asked for, so not when a collector would run") \
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

/* What a workload's parameters must hold beside what their table says: files that it reads are there and
 * sound. For the front, before anything is started. -errno with a message. */
int workload_check(const struct workload_info *workload, const void *params, struct message *m);

#endif
