/* scaling.c: how the workload `private` scales from one thread to two under the policy that this program was
 * compiled for, and how far this machine lets anything scale: a loop that only computes, on the same threads.
 * The same work each time, divided over the threads; the four take turns. Prints a line a round:
 *
 *   round LOOP1 LOOP2 PRIVATE1 PRIVATE2 LOOPCPU1 LOOPCPU2 PRIVATECPU1 PRIVATECPU2
 *
 * ns an operation of wall time, from the first thread's begin to the last one's end, and of processor time of
 * all threads. On a machine that others use, too, wall time says little; processor time still tells whether
 * the threads slow each other down. */
#include "alloc/base/os.h"
#include "alloc/spec.h"
#include "gc/collect/collector.h"
#include "gc/runtime.h"
#include "workloads/object/object.h"
#include "workloads/registry.h"
#include "tests/perf/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 25, OPS = 1500000, LOOPS = 60000000 };

extern const struct workload workload_private;

static struct runtime *runtime;

/* What the two threads do now, in step with the main thread. They live as long as the program, so that each
 * keeps its own memory. */
static struct {
    unsigned threads; /* so many of them work; 0: both end */
    bool loop;        /* only compute */
    pthread_barrier_t barrier;
} now;

struct working {
    unsigned index;
    struct workload_thread *thread;
    uint64_t start_ns, end_ns, cpu_ns, sum;
};

static void call(struct working *w, void (*phase)(struct workload_thread *))
{
    runtime_thread_attach(runtime, w->index + 1);
    phase(w->thread);
    runtime_thread_detach(runtime);
}

static void measured(struct working *w)
{
    w->start_ns = os_now_ns();
    uint64_t cpu = clock_cpu_ns(), x = w->index + 1;
    if (now.loop) {
        for (unsigned i = 0; i < LOOPS / now.threads; i++)
            x = x * 0x9e3779b97f4a7c15u + (x >> 29);
        w->sum = x;
    } else {
        call(w, workload_private.run);
    }
    w->cpu_ns = clock_cpu_ns() - cpu;
    w->end_ns = os_now_ns();
}

static void *work(void *arg)
{
    struct working *w = arg;
    for (;;) {
        pthread_barrier_wait(&now.barrier);
        bool works = w->index < now.threads;
        if (!now.threads)
            return NULL;
        if (works && !now.loop)
            call(w, workload_private.prepare);
        pthread_barrier_wait(&now.barrier);
        if (works)
            measured(w);
        pthread_barrier_wait(&now.barrier);
        if (works && !now.loop)
            call(w, workload_private.drain);
        pthread_barrier_wait(&now.barrier);
    }
}

static void on_threads(struct workload_sample *s, struct working *w, unsigned threads, bool loop,
                       double *wall, double *cpu)
{
    uint64_t start = UINT64_MAX, end = 0, used = 0, sum = 0;
    s->threads = s->workers = now.threads = threads;
    now.loop = loop;
    for (unsigned i = 0; i < 4; i++)
        pthread_barrier_wait(&now.barrier);
    for (unsigned i = 0; i < threads; i++) {
        start = w[i].start_ns < start ? w[i].start_ns : start;
        end = w[i].end_ns > end ? w[i].end_ns : end;
        used += w[i].cpu_ns;
        sum += w[i].sum;
    }
    if (loop && sum == 0)
        abort(); /* the loop is not left out */
    *wall = (double)(end - start) / (loop ? LOOPS : OPS);
    *cpu = (double)used / (loop ? LOOPS : OPS);
}

int main(void)
{
    static struct alloc_stack stack;
    static struct gauge gauge;
    static struct workload_thread thread[2];
    struct message m;
    struct spec spec;
    struct private_params params = {.objects = 1000, .ops = OPS};
    if (spec_parse(&spec, RC_GIL_HELD ? "pymalloc" : "pools", &m) || alloc_open(&stack, &spec, &m))
        return 1;
    struct runtime_config config = {.alloc = &stack.layer[0], .collector = &collector_list[0], .threads = 3};
    struct workload_sample s = {.workload = &workload_private,
                                .params = &params,
                                .alloc = &stack.layer[0],
                                .threads = 2,
                                .workers = 2,
                                .seed = 1,
                                .latency_every = UINT32_MAX,
                                .thread = thread,
                                .message = &m};
    for (unsigned i = 0; i < 2; i++)
        thread[i] = (struct workload_thread){.sample = &s,
                                             .alloc = s.alloc,
                                             .gauge = &gauge.thread[i],
                                             .index = i,
                                             .until_latency = UINT32_MAX,
                                             .seed = i + 1};
    if (runtime_open(&runtime, &config, &m))
        return 1;
    s.runtime = runtime;
    if (workload_private.setup(&s))
        return 1;
    pthread_t id[2];
    struct working w[2] = {{.index = 0, .thread = &thread[0]}, {.index = 1, .thread = &thread[1]}};
    pthread_barrier_init(&now.barrier, NULL, 3);
    thread_block_begin();
    for (unsigned i = 0; i < 2; i++)
        if (pthread_create(&id[i], NULL, work, &w[i]))
            return 1;
    for (int round = 0; round < ROUNDS; round++) {
        double wall[4], cpu[4];
        for (unsigned k = 0; k < 4; k++) { /* the order turns, so that no case always follows the same one */
            unsigned at = (k + (unsigned)round) % 4;
            on_threads(&s, w, at % 2 + 1, at < 2, &wall[at], &cpu[at]);
        }
        printf("round");
        for (unsigned k = 0; k < 8; k++)
            printf(" %.4f", k < 4 ? wall[k] : cpu[k - 4]);
        printf("\n");
    }
    now.threads = 0;
    pthread_barrier_wait(&now.barrier);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(id[i], NULL);
    thread_block_end();
    return 0;
}
