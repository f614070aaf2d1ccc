// links: bench/stat/stats.c workloads/list.c workloads/script/objscript.c workloads/script/objmodel.c
// links: workloads/trace/format/hgt.c workloads/trace/format/hgt_check.c workloads/trace/format/hgt_read.c
// links: workloads/trace/format/hgt_write.c workloads/trace/replay/replay.c workloads/trace/replay/load.c
// links: workloads/trace/replay/cut.c workloads/trace/replay/epoch.c workloads/trace/replay/list.c
// links: workloads/trace/replay/parts.c workloads/trace/replay/scout.c

/* replay_order.c: what it costs several workers to keep a recording's live memory or its whole order: the
 * throughput of order=live and order=strict over that of order=free, in one process, turn by turn, on traces of
 * four shapes. A row is the median throughput of `free` and the two ratios: the Hodges-Lehmann estimate over
 * ROUNDS pairs with its exact 95 % interval. No goal: it is what is paid for true figures of memory. A ratio
 * over 1 is of a replay that `free` makes hold many times the memory. */
#include "alloc/base/os.h"
#include "alloc/base/rng.h"
#include "alloc/spec.h"
#include "bench/stat/stats.h"
#include "workloads/about.h"
#include "workloads/trace/format/hgt.h"
#include "workloads/trace/replay/replay.h"
#include "workloads/workload.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct workload workload_alloc_trace;
extern const struct workload_info workload_info_alloc_trace;

#define ROUNDS  11
#define THREADS 8

static char path[] = "/tmp/replay-order-XXXXXX";

/* ---- traces ---- */

static struct hgt_writer writer;

static uint32_t put(enum hgt_kind kind, uint32_t thread, uint32_t id, uint64_t size)
{
    struct hgt_op op = {.kind = kind, .thread = thread, .id = id, .size = size};
    if (hgt_write_op(&writer, &op) != 0)
        abort();
    return op.id;
}

/* Each thread its own, in turns of some hundred calls, as a scheduler would let them. */
static void own(void)
{
    static uint32_t id[4][1000];
    for (uint32_t t = 0; t < 4; t++)
        for (uint32_t i = 0; i < 1000; i++)
            id[t][i] = put(HGT_MALLOC, t, 0, 16 + i);
    for (uint32_t turn = 0; turn < 1600; turn++)
        for (uint32_t i = 0, t = turn % 4; i < 200; i++) {
            uint32_t at = (uint32_t)(rng_mix(turn * 200 + i) % 1000);
            put(HGT_FREE, t, id[t][at], 0);
            id[t][at] = put(HGT_MALLOC, t, 0, 16 + at);
        }
}

/* Four keep blocks and replace them; a fifth frees what they replaced, out of a queue of 256. */
static void reclaimer(void)
{
    static uint32_t id[4][5000], queue[256];
    uint32_t queued = 0;
    for (uint32_t i = 0; i < 5000; i++)
        for (uint32_t t = 0; t < 4; t++)
            id[t][i] = put(HGT_MALLOC, t, 0, 592);
    for (uint32_t i = 0; i < 300000; i++) {
        uint32_t t = i / 64 % 4, at = (uint32_t)(rng_mix(i) % 5000);
        queue[queued++] = id[t][at];
        id[t][at] = put(HGT_MALLOC, t, 0, 592);
        if (queued == 256)
            while (queued)
                put(HGT_FREE, 4, queue[--queued], 0);
    }
}

/* One makes, one frees, at most a thousand at a time between them. */
static void pair(void)
{
    static uint32_t queue[1000];
    for (uint32_t i = 0; i < 300; i++) {
        for (uint32_t k = 0; k < 1000; k++)
            queue[k] = put(HGT_MALLOC, 0, 0, 16 + k % 500);
        for (uint32_t k = 0; k < 1000; k++)
            put(HGT_FREE, 1, queue[k], 0);
    }
}

/* Rounds of jobs: one makes them, four do them with blocks of their own and make results, the first frees
 * those. */
static void pool(void)
{
    static uint32_t job[400], result[400];
    for (uint32_t round = 0; round < 300; round++) {
        for (uint32_t k = 0; k < 400; k++)
            job[k] = put(HGT_MALLOC, 0, 0, 100 + k);
        for (uint32_t k = 0; k < 400; k++) {
            uint32_t t = 1 + k % 4, mine = put(HGT_MALLOC, t, 0, 2000);
            result[k] = put(HGT_MALLOC, t, 0, 300);
            put(HGT_FREE, t, mine, 0);
            put(HGT_FREE, t, job[k], 0);
        }
        for (uint32_t k = 0; k < 400; k++)
            put(HGT_FREE, 0, result[k], 0);
    }
}

static bool write_trace(void (*shape)(void))
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0 || hgt_write_open(&writer, fd, "", 0) != 0)
        return false;
    shape();
    bool good = hgt_write_end(&writer) == 0;
    hgt_write_close(&writer);
    close(fd);
    return good;
}

/* ---- replays ---- */

static struct gauge gauge;
static struct workload_thread thread[THREADS];
static struct workload_sample sample;
static struct replay_params params;
static pthread_barrier_t start;
static uint64_t begin_ns[THREADS], end_ns[THREADS];

static void note(struct workload_sample *s, const char *key, uint64_t value)
{
    (void)s;
    (void)key;
    (void)value;
}

static void note_text(struct workload_sample *s, const char *key, const char *value)
{
    (void)s;
    (void)key;
    (void)value;
}

static void *body(void *arg)
{
    struct workload_thread *t = arg;
    pthread_barrier_wait(&start);
    begin_ns[t->index] = os_now_ns();
    workload_alloc_trace.run(t);
    end_ns[t->index] = os_now_ns();
    pthread_barrier_wait(&start);
    workload_alloc_trace.drain(t);
    return NULL;
}

/* Calls a second; 0: it did not work. */
static double replay(const struct alloc *a, unsigned workers, const char *order)
{
    static struct message m;
    pthread_t id[THREADS];
    char words[128];
    uint64_t ops = 0, begin = UINT64_MAX, end = 0;
    snprintf(words, sizeof words, "file=%s,touch=first,order=%s", path, order);
    if (param_parse(workload_info_alloc_trace.params, &params, "trace", words, &m) != 0)
        return 0;
    sample = (struct workload_sample){.workload = &workload_alloc_trace,
                                      .params = &params,
                                      .alloc = a,
                                      .threads = workers,
                                      .latency_every = UINT32_MAX,
                                      .thread = thread,
                                      .note = note,
                                      .note_text = note_text,
                                      .message = &m};
    for (unsigned i = 0; i < workers; i++)
        thread[i] = (struct workload_thread){.sample = &sample,
                                             .alloc = a,
                                             .gauge = &gauge.thread[i],
                                             .index = i,
                                             .until_latency = UINT32_MAX};
    if (workload_alloc_trace.setup(&sample) != 0) {
        fprintf(stderr, "%s\n", m.text);
        return 0;
    }
    pthread_barrier_init(&start, NULL, workers);
    for (unsigned i = 0; i < workers; i++)
        if (pthread_create(&id[i], NULL, body, &thread[i]) != 0)
            abort();
    for (unsigned i = 0; i < workers; i++) {
        pthread_join(id[i], NULL);
        ops += thread[i].ops;
        begin = begin_ns[i] < begin ? begin_ns[i] : begin;
        end = end_ns[i] > end ? end_ns[i] : end;
    }
    pthread_barrier_destroy(&start);
    workload_alloc_trace.finish(&sample);
    return (double)ops * 1e9 / (double)(end - begin);
}

static void put_ratio(const double *logs)
{
    struct stats_interval x = stats_hodges_lehmann(logs, ROUNDS);
    printf("   %5.3f [%5.3f, %5.3f]", exp(x.estimate), exp(x.lo), exp(x.hi));
}

static bool compare(const char *name, unsigned workers, const char *spec_text)
{
    static const char *const orders[] = {"free", "live", "strict"};
    static struct spec spec;
    struct alloc_stack s;
    struct message m;
    double free_rate[ROUNDS], live[ROUNDS], strict[ROUNDS];
    if (spec_parse(&spec, spec_text, &m) != 0 || alloc_open(&s, &spec, &m) != 0)
        return false;
    for (int i = -1; i < ROUNDS; i++) {
        double rate[3];
        for (unsigned k = 0; k < 3; k++) {
            unsigned which = (k + (unsigned)(i + 1)) % 3;
            rate[which] = replay(&s.layer[0], workers, orders[which]);
            if (rate[which] == 0)
                return false;
        }
        if (i < 0)
            continue;
        free_rate[i] = rate[0];
        live[i] = log(rate[1] / rate[0]);
        strict[i] = log(rate[2] / rate[0]);
    }
    printf("%-10s %7u %-7s %8.1f", name, workers, spec_text, stats_median(free_rate, ROUNDS) / 1e6);
    put_ratio(live);
    put_ratio(strict);
    putchar('\n');
    fflush(stdout);
    alloc_close(&s);
    return true;
}

int main(void)
{
    static const struct {
        const char *name;
        void (*shape)(void);
        unsigned workers[3];
    } shapes[] = {{"own", own, {2, 4}},
                  {"pair", pair, {2}},
                  {"reclaimer", reclaimer, {2, 5, 8}},
                  {"pool", pool, {2, 5}}};
    static const char *const specs[] = {"system", "pools"};
    int fd = mkstemp(path);
    bool good = fd >= 0;
    if (good)
        close(fd);
    printf("%-10s %7s %-7s %8s   %-20s   %s\n", "trace", "workers", "alloc", "free M/s", "live / free",
           "strict / free");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && good; i++) {
        good = write_trace(shapes[i].shape);
        for (size_t k = 0; k < 3 && good && shapes[i].workers[k]; k++)
            for (size_t j = 0; j < 2 && good; j++)
                good = compare(shapes[i].name, shapes[i].workers[k], specs[j]);
    }
    unlink(path);
    return good ? 0 : 1;
}
