/* pause_log.c: a worker's own workloads on gil with the generational collector, piece by piece, with the log
 * of pauses and without it in turn, on one heap: a line "WORKLOAD PAUSES ON_NS OFF_NS" a pair, in processor
 * time of the thread. The pauses of a piece are logged, or nobody is told of them. */
#include "bench/worker/pause_log.h"
#include "gc/collect/collector.h"
#include "gc/runtime.h"
#include "workloads/about.h"
#include "workloads/registry.h"
#include "workloads/workload.h"

#include "alloc/spec.h"

#include <stdio.h>
#include <stdlib.h>

enum { PAIRS = 400 };

static void sink(void *arg, const struct pause *p)
{
    pause_log_note(arg, p);
}

static void no_latency(struct workload_thread *t, enum op_kind op, uint64_t ns)
{
    (void)t, (void)op, (void)ns;
}

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t piece(struct runtime *r, struct workload_sample *s, pause_sink *told)
{
    r->outside.pause = told;
    uint64_t start = cpu_ns();
    s->workload->run(s->thread);
    return cpu_ns() - start;
}

static void measure(const char *name, const char *params)
{
    static struct gauge_thread gauge;
    static _Alignas(16) unsigned char values[PARAM_STRUCT_MAX], gc_values[PARAM_STRUCT_MAX];
    struct message m = {""};
    struct alloc_stack stack;
    struct spec spec;
    struct runtime *r;
    const struct collector_info *gc = collector_list;
    size_t w = 0;
    while (strcmp(workload_list[w]->name, name) != 0 || workload_list[w]->level != LEVEL_OBJECT)
        w++;
    while (strcmp(gc->name, "generational") != 0)
        gc++;
    struct pause_log *log = workload_scratch(sizeof *log);
    param_defaults(gc->params, gc_values);
    if (!log || param_parse(workload_list[w]->params, values, name, params, &m) ||
        spec_parse(&spec, "system", &m) || alloc_open(&stack, &spec, &m))
        exit(1);
    struct runtime_config config = {.alloc = &stack.layer[0],
                                    .collector = gc,
                                    .collector_params = gc_values,
                                    .threads = 1,
                                    .pause = sink,
                                    .pause_arg = log};
    if (runtime_open(&r, &config, &m))
        exit(1);
    struct workload_thread t = {.gauge = &gauge, .until_latency = UINT32_MAX, .seed = 1};
    struct workload_sample s = {.workload = workload_at(w),
                                .params = values,
                                .alloc = &stack.layer[0],
                                .runtime = r,
                                .workers = 1,
                                .threads = 1,
                                .latency_every = UINT32_MAX,
                                .thread = &t,
                                .latency = no_latency,
                                .message = &m};
    t.sample = &s;
    if (s.workload->setup(&s))
        exit(1);
    s.workload->prepare(&t);
    piece(r, &s, sink);
    for (unsigned i = 0; i < PAIRS; i++) {
        uint64_t ns[2], before = log->count + log->dropped; /* [1]: told */
        for (unsigned turn = 0; turn < 2; turn++) {
            unsigned on = (i + turn) % 2;
            ns[on] = piece(r, &s, on ? sink : NULL);
        }
        printf("%s %llu %llu %llu\n", name, (unsigned long long)(log->count + log->dropped - before),
               (unsigned long long)ns[1], (unsigned long long)ns[0]);
    }
    s.workload->drain(&t);
    runtime_close(r);
    alloc_close(&stack);
    os_unmap(&os_harness, log, sizeof *log);
}

int main(void)
{
    if (HG_RC != HG_RC_GIL)
        return 77;
    measure("cycles",
            "live=0,ops=3k"); /* nothing is held: every piece has the same collections, and little beside */
    measure("churn", "ops=20k");
    return 0;
}
