/* gil.c: two threads that only compute under the GIL, beside one alone: how often they change (the goal is
 * the interval's own rate within 10 %: 200 a second for 5 ms) and what the changes cost (throughput at least
 * 0.97 of one thread's). One and two threads take turns, a fifth of a second each, so that the machine's
 * drift falls on both; told are the medians over the rounds and their 95 % intervals: of 60 rounds the 22nd
 * to the 39th value, which holds the median with 97 % (binomial). */
#include "alloc/base/os.h"
#include "alloc/spec.h"
#include "gc/collect/collector.h"
#include "gc/runtime.h"

#include <stdio.h>
#include <stdlib.h>

#if RC_GIL_HELD
enum { ROUNDS = 60, LOW = 21, HIGH = 38 };
#define RUN_NS 200000000u

static struct runtime *runtime;

struct computing {
    unsigned index;
    uint64_t steps;
};

static void *compute(void *arg)
{
    struct computing *c = arg;
    runtime_thread_attach(runtime, c->index);
    uint64_t end = os_now_ns() + RUN_NS, steps = 0;
    while (os_now_ns() < end) {
        for (unsigned i = 0; i < 200; i++) {
            struct object *t = tuple_new(2);
            tuple_init_item(t, 0, int_new(i));
            tuple_init_item(t, 1, int_new(i + 1000));
            rc_dec(t);
            thread_safepoint();
        }
        steps += 200;
    }
    c->steps = steps;
    runtime_thread_detach(runtime);
    return NULL;
}

/* Steps and switches a second. */
static void run(unsigned threads, double *rate, double *switches)
{
    pthread_t id[2];
    struct computing c[2];
    uint64_t before = runtime->gil.switches, start = os_now_ns(), steps = 0;
    thread_block_begin();
    for (unsigned i = 0; i < threads; i++) {
        c[i] = (struct computing){i + 1, 0};
        if (pthread_create(&id[i], NULL, compute, &c[i]))
            abort();
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(id[i], NULL);
        steps += c[i].steps;
    }
    thread_block_end();
    double seconds = (double)(os_now_ns() - start) / 1e9;
    *rate = (double)steps / seconds;
    *switches = (double)(runtime->gil.switches - before) / seconds;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    static struct alloc_stack stack;
    struct message m;
    struct spec spec;
    if (spec_parse(&spec, "pymalloc", &m) || alloc_open(&stack, &spec, &m))
        return 1;
    struct runtime_config config = {.alloc = &stack.layer[0], .collector = &collector_list[0], .threads = 3};
    if (runtime_open(&runtime, &config, &m))
        return 1;
    double ratio[ROUNDS], switches[ROUNDS], unused;
    for (int i = 0; i < ROUNDS; i++) {
        double one, two;
        run(1, &one, &unused);
        run(2, &two, &switches[i]);
        ratio[i] = two / one;
    }
    qsort(ratio, ROUNDS, sizeof *ratio, by_value);
    qsort(switches, ROUNDS, sizeof *switches, by_value);
    printf("%-8s switches a second %.1f [%.1f, %.1f] (200 asked for), throughput of two threads %.3f [%.3f, "
           "%.3f] of one's\n",
           HG_RC_POLICY, (switches[ROUNDS / 2 - 1] + switches[ROUNDS / 2]) / 2, switches[LOW], switches[HIGH],
           (ratio[ROUNDS / 2 - 1] + ratio[ROUNDS / 2]) / 2, ratio[LOW], ratio[HIGH]);
    return 0;
}
#else
int main(void)
{
    return 0; /* no GIL under this policy */
}
#endif
