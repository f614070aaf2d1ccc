/* place.h: which CPU each thread of a sample is bound to. place.c is the only file that includes hwloc.
 *
 * A policy is an ordered list of PUs (hardware threads); thread i takes the i-th, and the list starts again
 * when there are more threads than PUs: none      nothing is bound compact   SMT siblings together, core
 * after core: threads share as many caches as they can cores     the first PU of every core, in topology
 * order, before any second one scatter   as far apart as can be: packages in turn, then caches, then cores,
 * siblings last numa:N    the PUs of NUMA node N (the system's number) in the order of `cores`, and memory
 * from that node alone PUs that this process may not use (taskset, cgroup cpuset) are left out: hwloc's
 * topology itself does not know a process's binding, so it is read when the topology is opened, before
 * anybody binds anything.
 *
 * The front plans; the worker gets the OS's CPU numbers and binds itself, so that it links no hwloc. One
 * thread uses a place. */
#ifndef HG_BENCH_HOST_PLACE_H
#define HG_BENCH_HOST_PLACE_H

#include "alloc/base/message.h"

#include <stdbool.h>
#include <stddef.h>

#define PLACE_THREADS_MAX 1024
#define PLACE_POLICIES    "none|compact|cores|scatter|numa:N"

struct place;

struct place_plan {
    unsigned count;                  /* threads, or 0: nothing is bound */
    unsigned cpu[PLACE_THREADS_MAX]; /* OS number of the CPU of thread i */
    int memory_node;                 /* OS number of the NUMA node that memory comes from, or -1 */
};

struct place_summary {
    unsigned packages, numa_nodes, cores, pus; /* of the machine */
    unsigned usable_cores, usable_pus;         /* by this process */
    bool smt;                                  /* some core has more than one PU */
    bool this_system;                          /* false under HWLOC_SYNTHETIC and HWLOC_XMLFILE */
};

/* Reads the topology and the binding of this process. 0, or -errno with a message. */
int place_open(struct place **out, struct message *m);
void place_close(struct place *p);

/* 0; -EINVAL with a message when the policy is not known, its node does not exist or has no CPU that may be
 * used, or threads is 0 or over PLACE_THREADS_MAX. */
int place_plan(const struct place *p, const char *policy, unsigned threads, struct place_plan *plan,
               struct message *m);

/* PUs that this process may use, capped by the CPU quota of its control groups (rounded up); at least 1. */
unsigned place_default_threads(const struct place *p);

void place_summarise(const struct place *p, struct place_summary *out);

/* Binds the calling thread to one CPU and reads back that it is bound. -ENOTSUP on a topology that is not
 * this system's, where hwloc would report success and bind nothing. */
int place_bind_thread(const struct place *p, unsigned cpu, struct message *m);

/* "0,2,4": how a plan's CPUs are written on a worker's command line; "" when nothing is bound. -ENOSPC when
 * buf is too small. */
int place_format(const struct place_plan *plan, char *buf, size_t size);

#endif
