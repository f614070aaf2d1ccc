/* cell.h: one point of the axes: workload, allocator, refcount policy, collector, threads, processes,
 * placement. Made from words, checked whole: a combination that cannot work is refused with the reason and
 * what would work. */
#ifndef HG_BENCH_PLAN_CELL_H
#define HG_BENCH_PLAN_CELL_H

#include "alloc/spec.h"
#include "gc/about.h"
#include "gc/python.h"
#include "workloads/about.h"
#include "bench/host/place.h"
#include "bench/host/thp.h"
#include "bench/result/baseline.h"
#include "bench/result/config.h"
#include "bench/result/sample.h"

#define CELL_THREADS_MAX   1024
#define CELL_PROCESSES_MAX 64

struct cell {
    char id[17]; /* hex, from the canonical text of all axes: the same cell has the same id everywhere */
    const struct workload_info *workload;
    _Alignas(16) unsigned char workload_params[32768];
    char workload_text[3000]; /* NAME:k=v,... with every parameter, as the worker gets it */
    struct config config;     /* the allocator as written, of which alloc is the spec */
    struct spec alloc;
    const struct policy_info *rc;       /* NULL: none (allocator level) */
    const struct collector_info *gc;    /* NULL at allocator level */
    char rc_words[256], gc_words[1200]; /* as written, or the default's name: what results show */
    _Alignas(16) unsigned char rc_params[PARAM_STRUCT_MAX];
    char rc_text[1200];
    _Alignas(16) unsigned char gc_params[PARAM_STRUCT_MAX];
    char gc_text[1200];
    const struct python_rules *python; /* NULL: not given, and the rules of 3.11 */
    unsigned threads, processes;
    char place[64];
    enum thp thp;
    struct thp_plan thp_plan; /* how its workers get it: set by cell_thp */
    struct place_plan plan;   /* which processor each thread is bound to */
};

struct cell_words { /* as a user wrote them; NULL or empty takes the default */
    const char *workload, *alloc, *rc, *gc, *place, *thp;
    unsigned threads, processes;
    const char *python;
};

/* 0; -EINVAL with a message when a word is wrong; -ENOTSUP with a message when every word is right but the
 * combination cannot work. In the last case the cell is filled all the same, so that it can be recorded as
 * not-applicable. */
int cell_make(struct cell *cell, const struct cell_words *words, const struct place *places,
              struct message *m);

/* How its workers get the huge pages that it is to have; 0, or -ENOTSUP with a message: this machine
 * cannot. */
int cell_thp(struct cell *cell, const struct thp_machine *machine, struct message *m);

/* What a baseline is looked for by; the texts are the cell's. */
struct baseline_axes cell_axes(const struct cell *cell);

/* cell_* of a sample. 0 or -ENOMEM. */
int cell_sample(const struct cell *cell, struct sample *sample);

/* "pools" or "pools, biased, stw": what sets this cell apart from the others on the same workload. */
void cell_label(const struct cell *cell, char *out, size_t size);

#endif
