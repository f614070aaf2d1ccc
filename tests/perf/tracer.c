/* tracer: what trace() costs: bare X against trace(X) and trace:frames=8(X), interleaved in one process, as
 * the median ratio over paired rounds with its 95 % interval (order statistics of the sign test). Goal: at
 * most 3 at one frame on a loop that only allocates. Beside it Python's tracemalloc on such a loop, where
 * there is a python3. Run by `make perf`. */
#include "alloc/alloc.h"
#include "alloc/base/compiler.h"
#include "alloc/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCKS = 300000, ROUNDS = 21, LAYERS = 3 };

static void *block[BLOCKS];

/* Of this thread, in user and kernel: what others do on the core in the meantime is not counted. */
static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Allocation alone, each block touched once as an object's header is; then all are freed, untimed. */
static noinline double allocate_ns(const struct alloc *a, size_t size)
{
    uint64_t start = cpu_ns();
    for (int i = 0; i < BLOCKS; i++) {
        block[i] = a->malloc(a->ctx, size);
        *(volatile char *)block[i] = 1;
    }
    uint64_t end = cpu_ns();
    for (int i = 0; i < BLOCKS; i++)
        a->free(a->ctx, block[i]);
    return (double)(end - start) / BLOCKS;
}

static noinline double pair_ns(const struct alloc *a, size_t size)
{
    uint64_t start = cpu_ns();
    for (int i = 0; i < BLOCKS; i++) {
        void *p = a->malloc(a->ctx, size);
        *(volatile char *)p = 1;
        a->free(a->ctx, p);
    }
    return (double)(cpu_ns() - start) / BLOCKS;
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* Of 21 pairs the 6th and 16th bound the median with 97 % confidence (binomial). */
static void print_ratio(const char *what, const double *bare, const double *with)
{
    double ratio[ROUNDS], ns[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        ratio[i] = with[i] / bare[i];
        ns[i] = with[i];
    }
    qsort(ratio, ROUNDS, sizeof *ratio, by_value);
    qsort(ns, ROUNDS, sizeof *ns, by_value);
    printf("  %-18s %7.1f ns  %5.2fx [%.2f, %.2f]\n", what, ns[ROUNDS / 2], ratio[ROUNDS / 2], ratio[5],
           ratio[15]);
}

static void measure(const char *inner)
{
    static const char *const name[LAYERS] = {"X", "trace(X)", "trace:frames=8(X)"};
    static const size_t sizes[] = {16, 64, 256};
    static struct spec spec;
    struct alloc_stack stack[LAYERS];
    struct message m;
    char text[128];
    for (int i = 0; i < LAYERS; i++) {
        /* the formats are the constants above */
        snprintf(text, sizeof text, i == 0 ? "%s" : i == 1 ? "trace(%s)" : "trace:frames=8(%s)", inner);
        if (spec_parse(&spec, text, &m) || alloc_open(&stack[i], &spec, &m)) {
            printf("%s: %s\n", text, m.text);
            exit(1);
        }
    }
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        double batch[LAYERS][ROUNDS], pair[LAYERS][ROUNDS];
        for (int round = -1; round < ROUNDS; round++) /* the first warms up */
            for (int i = 0; i < LAYERS; i++) {
                int layer = round % 2 ? i : LAYERS - 1 - i;
                double b = allocate_ns(&stack[layer].layer[0], sizes[s]),
                       p = pair_ns(&stack[layer].layer[0], sizes[s]);
                if (round >= 0) {
                    batch[layer][round] = b;
                    pair[layer][round] = p;
                }
            }
        printf("%s, %zu bytes: allocation alone\n", inner, sizes[s]);
        for (int i = 0; i < LAYERS; i++)
            print_ratio(name[i], batch[0], batch[i]);
        printf("%s, %zu bytes: malloc and free\n", inner, sizes[s]);
        for (int i = 0; i < LAYERS; i++)
            print_ratio(name[i], pair[0], pair[i]);
    }
    for (int i = 0; i < LAYERS; i++)
        alloc_close(&stack[i]);
}

int main(void)
{
    static const char *const inners[] = {"system", "pymalloc", "pools"};
    for (size_t i = 0; i < sizeof inners / sizeof *inners; i++)
        measure(inners[i]);
    printf("Python's tracemalloc, a loop that only allocates (object()):\n");
    fflush(stdout);
    return system(
        "python3 -c '\n"
        "import time, tracemalloc, gc\n"
        "gc.disable()\n"
        "def loop(n=300000):\n"
        "    t = time.thread_time(); l = [object() for _ in range(n)]; return time.thread_time() - t\n"
        "rows = {1: [], 8: []}\n"
        "cost = {1: [], 8: []}\n"
        "for i in range(21):\n"
        "    for frames in rows:\n"
        "        bare = loop(); tracemalloc.start(frames); traced = loop(); tracemalloc.stop()\n"
        "        rows[frames].append(traced / bare); cost[frames].append(traced)\n"
        "for frames in rows:\n"
        "    r = sorted(rows[frames]); ns = sorted(cost[frames])[10] / 3e5 * 1e9\n"
        "    print(f\"  {frames} frame(s)         {ns:7.1f} ns  {r[10]:5.2f}x [{r[5]:.2f}, {r[15]:.2f}]\")\n"
        "' || echo '  no python3 to compare with'");
}
