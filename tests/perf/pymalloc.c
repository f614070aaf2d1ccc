// links: bench/stat/stats.c
/* pymalloc.c: our pymalloc against the real one: both behind struct alloc, in one process, turn by turn. A
 * row is the processor time of one operation on each and the ratio ours/real: the Hodges-Lehmann estimate
 * over ROUNDS paired log ratios with its exact 95 % interval.
 *
 *   pymalloc                 pair, churn, batch
 *   pymalloc FILE.txt...     these recorded traces (text form) as well
 *
 * The second column of ratios is against the allocator that PyObject_Malloc forwards to, called directly
 * (PyMem_GetAllocator): what is left when forwarding costs nothing. Exit status 77 when there is no
 * libpython. */
#include "tests/conformance/pymalloc_trace.h"

#include "alloc/alloc.h"
#include "alloc/backend/cpython.h"
#include "alloc/base/os.h"
#include "alloc/pymalloc/pymalloc.h"
#include "alloc/spec.h"
#include "bench/stat/stats.h"

#include <math.h>
#include <time.h>

#define ROUNDS 18
#define LIVE   100000u
#define BATCH  200000u

enum { REAL, BARE, OURS, SIDES };

static void *blocks[BATCH > LIVE ? BATCH : LIVE];

/* A benchmark: how many operations it did. arg is a size or a trace. */
struct benchmark {
    const char *name;
    uint64_t (*run)(const struct alloc *a, const void *arg);
    uint64_t (*before)(const struct alloc *a, const void *arg); /* not timed; may be NULL */
    void (*after)(const struct alloc *a);
    const void *arg;
};

static void touch(void *p)
{
    if (!p)
        abort();
    *(volatile uint64_t *)p = 1;
}

static uint64_t run_pair(const struct alloc *a, const void *arg)
{
    const size_t size = *(const size_t *)arg, n = 400000;
    for (size_t i = 0; i < n; i++) {
        void *p = a->malloc(a->ctx, size);
        touch(p);
        a->free(a->ctx, p);
    }
    return 2 * n;
}

/* Each pair of another size: on an empty heap, a pool of another class. */
static uint64_t run_mixed_pair(const struct alloc *a, const void *arg)
{
    const size_t n = 400000;
    (void)arg;
    for (size_t i = 0; i < n; i++) {
        void *p = a->malloc(a->ctx, 16 + rng_scale((uint32_t)rng_mix(i), 497));
        touch(p);
        a->free(a->ctx, p);
    }
    return 2 * n;
}

/* The same with one block always live: free, then malloc. */
static uint64_t run_replace(const struct alloc *a, const void *arg)
{
    const size_t n = 400000;
    (void)arg;
    void *p = a->malloc(a->ctx, 16);
    for (size_t i = 0; i < n; i++) {
        a->free(a->ctx, p);
        p = a->malloc(a->ctx, 16 + rng_scale((uint32_t)rng_mix(i), 497));
        touch(p);
    }
    a->free(a->ctx, p);
    return 2 * n;
}

static uint64_t fill(const struct alloc *a, const void *arg)
{
    struct rng r;
    (void)arg;
    rng_seed(&r, 1);
    for (uint32_t i = 0; i < LIVE; i++)
        touch(blocks[i] = a->malloc(a->ctx, 16 + rng_below(&r, 497)));
    return 0;
}

static void empty(const struct alloc *a)
{
    for (uint32_t i = 0; i < LIVE; i++)
        a->free(a->ctx, blocks[i]);
}

static uint64_t run_churn(const struct alloc *a, const void *arg)
{
    const uint32_t n = 300000;
    (void)arg;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t bits = rng_mix(i);
        uint32_t at = (uint32_t)rng_scale((uint32_t)bits, LIVE);
        a->free(a->ctx, blocks[at]);
        touch(blocks[at] = a->malloc(a->ctx, 16 + rng_scale((uint32_t)(bits >> 32), 497)));
    }
    return 2 * n;
}

static uint64_t run_batch(const struct alloc *a, const void *arg)
{
    const size_t size = *(const size_t *)arg;
    for (uint32_t i = 0; i < BATCH; i++)
        touch(blocks[i] = a->malloc(a->ctx, size));
    for (uint32_t i = 0; i < BATCH; i++)
        a->free(a->ctx, blocks[i]);
    return 2 * BATCH;
}

static void **trace_blocks;

static uint64_t run_trace(const struct alloc *a, const void *arg)
{
    const struct trace *t = arg;
    for (size_t i = 0; i < t->count; i++) {
        const struct trace_op *op = &t->ops[i];
        void **p = &trace_blocks[op->id];
        switch (op->kind) {
        case 'a':
            *p = a->malloc(a->ctx, op->size);
            break;
        case 'c':
            *p = a->calloc(a->ctx, 1, op->size);
            break;
        case 'r':
            *p = a->realloc(a->ctx, *p, op->size);
            break;
        default:
            a->free(a->ctx, *p);
            *p = NULL;
            continue;
        }
        if (op->size >= sizeof(uint64_t))
            touch(*p);
    }
    for (uint32_t i = 0; i < t->ids; i++) {
        if (trace_blocks[i])
            a->free(a->ctx, trace_blocks[i]);
        trace_blocks[i] = NULL;
    }
    return t->count;
}

/* Of this thread, in user and kernel: what others do on the core in the meantime is not counted. */
static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Arenas of both come from here: from the kernel and back to it, or kept for the next one that asks. */
static struct {
    bool keep;
    void *kept[1024];
    size_t count;
} arenas;

static void *arena_map(void *arg, size_t bytes)
{
    (void)arg;
    return arenas.count ? arenas.kept[--arenas.count] : os_map(&os_harness, bytes, 0, 0);
}

static void arena_unmap(void *arg, void *p, size_t bytes)
{
    (void)arg;
    if (arenas.keep && arenas.count < sizeof arenas.kept / sizeof *arenas.kept)
        arenas.kept[arenas.count++] = p;
    else
        os_unmap(&os_harness, p, bytes);
}

static bool arena_populate(void *arg, void *p, size_t bytes)
{
    (void)arg;
    return arenas.keep || os_populate(&os_harness, p, bytes);
}

static void arenas_keep(bool keep)
{
    arenas.keep = keep;
    while (!keep && arenas.count)
        os_unmap(&os_harness, arenas.kept[--arenas.count], (size_t)1 << 20);
}

static double time_one(const struct alloc *a, const struct benchmark *b)
{
    if (b->before)
        b->before(a, b->arg);
    uint64_t from = cpu_ns(), n = b->run(a, b->arg), ns = cpu_ns() - from;
    if (b->after)
        b->after(a);
    return (double)ns / (double)n;
}

static void compare(const struct alloc side[SIDES], const struct benchmark *b)
{
    double ns[SIDES][ROUNDS], against[2][ROUNDS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        /* Each order in turn: who comes after whom matters to the caches and to the kernel's free pages. */
        static const unsigned char order[6][SIDES] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0},
                                                      {0, 2, 1}, {2, 0, 1}, {1, 0, 2}};
        for (unsigned i = 0; i < SIDES; i++) {
            unsigned s = order[round % 6][i];
            ns[s][round] = time_one(&side[s], b);
        }
        against[0][round] = log(ns[OURS][round] / ns[REAL][round]);
        against[1][round] = log(ns[OURS][round] / ns[BARE][round]);
    }
    struct stats_interval x = stats_hodges_lehmann(against[0], ROUNDS),
                          y = stats_hodges_lehmann(against[1], ROUNDS);
    printf("%-24s %8.2f %8.2f %8.2f   %.3f [%.3f, %.3f]   %.3f [%.3f, %.3f]\n", b->name,
           stats_median(ns[REAL], ROUNDS), stats_median(ns[BARE], ROUNDS), stats_median(ns[OURS], ROUNDS),
           exp(x.estimate), exp(x.lo), exp(x.hi), exp(y.estimate), exp(y.lo), exp(y.hi));
    fflush(stdout);
}

static bool open_side(struct alloc *a, const char *text)
{
    static struct alloc_stack stack[SIDES];
    static unsigned n;
    struct spec spec;
    struct message m = {""};
    if (spec_parse(&spec, text, &m) != 0 || alloc_open(&stack[n], &spec, &m) != 0) {
        fprintf(stderr, "%s\n", m.text);
        return false;
    }
    *a = stack[n++].layer[0];
    return true;
}

struct arena_allocator { /* PyObjectArenaAllocator */
    void *ctx;
    void *(*alloc)(void *ctx, size_t bytes);
    void (*free)(void *ctx, void *p, size_t bytes);
};

struct raw_allocator { /* PyMemAllocatorEx */
    void *ctx;
    void *(*malloc)(void *ctx, size_t size);
    void *(*calloc)(void *ctx, size_t count, size_t size);
    void *(*realloc)(void *ctx, void *p, size_t size);
    void (*free)(void *ctx, void *p);
};

int main(int argc, char **argv)
{
    static const size_t sizes[] = {16, 64, 256, 512};
    static const char *const pair_names[] = {"pair 16", "pair 64", "pair 256", "pair 512"},
                             *const used_names[] = {"pair 16, used heap", "pair 64, used heap",
                                                    "pair 256, used heap", "pair 512, used heap"},
                             *const batch_names[] = {"batch 16", "batch 64", "batch 256", "batch 512"},
                             *const kept_names[] = {"batch 16, arenas kept", "batch 64, arenas kept",
                                                    "batch 256, arenas kept", "batch 512, arenas kept"};
    struct alloc side[SIDES];
    if (!open_side(&side[REAL], "cpython") || !open_side(&side[OURS], "pymalloc"))
        return 77;
    side[BARE] = side[REAL];
    void (*set)(struct arena_allocator *) =
        (void (*)(struct arena_allocator *))cpython_symbol("PyObject_SetArenaAllocator");
    if (set) {
        set(&(struct arena_allocator){NULL, arena_map, arena_unmap});
        pymalloc_set_arena_source(
            &side[OURS], &(struct pymalloc_arena_source){NULL, arena_map, arena_unmap, arena_populate});
    }
    void (*get)(int domain, struct raw_allocator *) =
        (void (*)(int, struct raw_allocator *))cpython_symbol("PyMem_GetAllocator");
    if (get) {
        struct raw_allocator r;
        get(2, &r); /* PYMEM_DOMAIN_OBJ */
        side[BARE] = (struct alloc){r.ctx, r.malloc, r.calloc, r.realloc, r.free, NULL, NULL, NULL};
    }
    printf("%-24s %8s %8s %8s   %-22s   %s\n", "ns an operation", "real", "direct", "ours", "ours/real",
           "ours/direct");
    for (int i = 1; i < argc; i++) {
        struct trace t = {0};
        FILE *f = fopen(argv[i], "r");
        size_t line = f ? trace_read(&t, f) : 0;
        if (!f || line) {
            fprintf(stderr, "%s: %s %zu\n", argv[i], f ? "no operation in line" : "cannot open", line);
            return 2;
        }
        fclose(f);
        trace_blocks = calloc(t.ids ? t.ids : 1, sizeof *trace_blocks);
        const char *name = strrchr(argv[i], '/');
        compare(side, &(struct benchmark){.name = name ? name + 1 : argv[i], .run = run_trace, .arg = &t});
        free(trace_blocks);
        trace_free(&t);
    }
    for (unsigned i = 0; i < 4; i++)
        compare(side, &(struct benchmark){.name = pair_names[i], .run = run_pair, .arg = &sizes[i]});
    for (unsigned i = 0; i < 4; i++)
        compare(
            side,
            &(struct benchmark){
                .name = used_names[i], .run = run_pair, .before = fill, .after = empty, .arg = &sizes[i]});
    compare(side, &(struct benchmark){.name = "pair 16-512", .run = run_mixed_pair});
    compare(side, &(struct benchmark){.name = "replace one, 16-512", .run = run_replace});
    compare(side, &(struct benchmark){
                      .name = "churn 100k, 16-512", .run = run_churn, .before = fill, .after = empty});
    for (unsigned i = 0; i < 4; i++)
        compare(side, &(struct benchmark){.name = batch_names[i], .run = run_batch, .arg = &sizes[i]});
    /* The allocators' own part: no page is faulted in or given back. */
    arenas_keep(true);
    for (unsigned i = 0; i < 4 && set; i++)
        compare(side, &(struct benchmark){.name = kept_names[i], .run = run_batch, .arg = &sizes[i]});
    arenas_keep(false);
    return 0;
}
