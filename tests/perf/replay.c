// links: bench/stat/stats.c workloads/list.c workloads/script/objscript.c workloads/script/objmodel.c
// links: workloads/trace/format/hgt.c workloads/trace/format/hgt_check.c workloads/trace/format/hgt_read.c
// links: workloads/trace/format/hgt_write.c workloads/trace/replay/replay.c workloads/trace/replay/load.c
// links: workloads/trace/replay/cut.c workloads/trace/replay/epoch.c workloads/trace/replay/list.c
// links: workloads/trace/replay/parts.c workloads/trace/replay/scout.c workloads/trace/replay/lives.c

/* replay.c: what replaying adds to the calls that it makes: the same calls on the same backend from a
 * hand-written loop and from a trace, in one process, turn by turn. A row is the time of one operation on
 * each side and their difference: the Hodges-Lehmann estimate over ROUNDS paired differences with its exact
 * 95 % interval. The goal is 3 ns at most. */
#include "alloc/base/os.h"
#include "alloc/base/compiler.h"
#include "alloc/spec.h"
#include "bench/stat/stats.h"
#include "workloads/about.h"
#include "alloc/base/rng.h"
#include "workloads/trace/format/hgt.h"
#include "workloads/trace/replay/replay.h"
#include "workloads/workload.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct workload workload_alloc_trace;
extern const struct workload_info workload_info_alloc_trace;

#define ROUNDS 15
#define SLOTS  1000u
#define CALLS  400000u

static char path[] = "/tmp/replay-perf-XXXXXX";

/* ---- patterns: as a loop, with the calls made or written down ---- */

struct sink {
    const struct alloc *a;
    struct hgt_writer *w; /* instead of calling */
};

static struct block {
    void *at;
    uint32_t id;
} slots[SLOTS];

static inline void take(struct sink *s, struct block *b, uint32_t size)
{
    if (s->w) {
        struct hgt_op op = {.kind = HGT_MALLOC, .size = size};
        if (hgt_write_op(s->w, &op) != 0)
            abort();
        b->id = op.id;
        b->at = b;
        return;
    }
    b->at = s->a->malloc(s->a->ctx, size);
    *(unsigned char *)b->at = (unsigned char)size;
}

static inline void give(struct sink *s, struct block *b)
{
    if (s->w) {
        struct hgt_op op = {.kind = HGT_FREE, .id = b->id};
        if (hgt_write_op(s->w, &op) != 0)
            abort();
    } else {
        s->a->free(s->a->ctx, b->at);
    }
    b->at = NULL;
}

static inline void give_all(struct sink *s)
{
    for (uint32_t i = 0; i < SLOTS; i++)
        if (slots[i].at)
            give(s, &slots[i]);
}

/* The oldest of a thousand goes, one comes. */
static always_inline void ring(struct sink *s)
{
    for (uint32_t i = 0, at = 0; i < CALLS / 2; i++, at = at + 1 == SLOTS ? 0 : at + 1) {
        if (slots[at].at)
            give(s, &slots[at]);
        take(s, &slots[at], 16 + i * 37 % 500);
    }
    give_all(s);
}

/* Up and down again, as a call tree does. */
static always_inline void stack(struct sink *s)
{
    for (uint32_t round = 0; round < CALLS / 2 / SLOTS; round++) {
        for (uint32_t i = 0; i < SLOTS; i++)
            take(s, &slots[i], 16 + (i + round) * 29 % 200);
        for (uint32_t i = SLOTS; i-- > 0;)
            give(s, &slots[i]);
    }
}

/* Which slot, and so whether it is a malloc or a free, nobody can tell before. */
static always_inline void dice(struct sink *s)
{
    for (uint64_t i = 0; i < CALLS; i++) {
        uint64_t bits = rng_mix(i);
        struct block *b = &slots[rng_scale((uint32_t)bits, SLOTS)];
        if (b->at)
            give(s, b);
        else
            take(s, b, 16 + (uint32_t)(bits >> 32) % 500);
    }
    give_all(s);
}

/* A loop of its own for calling, so that `w` is not asked for. */
#define PATTERN(name)                                       \
    static noinline void name##_call(const struct alloc *a) \
    {                                                       \
        struct sink s = {.a = a};                           \
        name(&s);                                           \
    }                                                       \
    static noinline void name##_write(struct hgt_writer *w) \
    {                                                       \
        struct sink s = {.w = w};                           \
        name(&s);                                           \
    }
PATTERN(ring)
PATTERN(stack)
PATTERN(dice)

/* ---- both sides ---- */

static struct gauge gauge;
static struct workload_thread thread;
static struct workload_sample sample;
static struct replay_params params;

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

static bool load(const struct alloc *a)
{
    static struct message m;
    const struct workload_info *info = &workload_info_alloc_trace;
    char words[128];
    snprintf(words, sizeof words, "file=%s,touch=first", path);
    if (param_parse(info->params, &params, "trace", words, &m) != 0)
        return false;
    sample = (struct workload_sample){.workload = &workload_alloc_trace,
                                      .params = &params,
                                      .alloc = a,
                                      .threads = 1,
                                      .latency_every = UINT32_MAX,
                                      .thread = &thread,
                                      .note = note,
                                      .note_text = note_text,
                                      .message = &m};
    thread = (struct workload_thread){
        .sample = &sample, .alloc = a, .gauge = &gauge.thread[0], .until_latency = UINT32_MAX};
    if (workload_alloc_trace.setup(&sample) == 0)
        return true;
    fprintf(stderr, "%s\n", m.text);
    return false;
}

static bool compare(const char *spec_text, const char *name, void (*call)(const struct alloc *),
                    void (*put)(struct hgt_writer *))
{
    static struct spec spec;
    struct alloc_stack s;
    struct hgt_writer w;
    struct message m;
    double hand[ROUNDS], replayed[ROUNDS], more[ROUNDS];
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0 || hgt_write_open(&w, fd, "", 0) != 0)
        return false;
    put(&w);
    bool written = hgt_write_end(&w) == 0;
    hgt_write_close(&w);
    close(fd);
    if (!written || spec_parse(&spec, spec_text, &m) != 0 || alloc_open(&s, &spec, &m) != 0)
        return false;
    const struct alloc *a = &s.layer[0];
    if (!load(a))
        return false;
    for (int i = -2; i < ROUNDS; i++) {
        thread.ops = 0;
        uint64_t start = os_now_ns();
        if (i & 1)
            call(a);
        else
            workload_alloc_trace.run(&thread);
        uint64_t middle = os_now_ns();
        if (i & 1)
            workload_alloc_trace.run(&thread);
        else
            call(a);
        uint64_t end = os_now_ns();
        if (i < 0)
            continue;
        double first = (double)(middle - start) / (double)thread.ops,
               second = (double)(end - middle) / (double)thread.ops;
        hand[i] = i & 1 ? first : second;
        replayed[i] = i & 1 ? second : first;
        more[i] = replayed[i] - hand[i];
    }
    struct stats_interval x = stats_hodges_lehmann(more, ROUNDS);
    printf("%-10s %-10s %8.2f %8.2f   %+.2f [%+.2f, %+.2f]\n", name, spec_text, stats_median(hand, ROUNDS),
           stats_median(replayed, ROUNDS), x.estimate, x.lo, x.hi);
    workload_alloc_trace.finish(&sample);
    alloc_close(&s);
    return true;
}

int main(void)
{
    static const char *const specs[] = {"null", "system", "pymalloc", "pools"};
    int fd = mkstemp(path);
    bool good = fd >= 0;
    if (good)
        close(fd);
    printf("%-10s %-10s %8s %8s   %s\n", "ns a call", "alloc", "by hand", "replay",
           "what replay adds (goal: +3.00)");
    for (size_t i = 0; i < sizeof specs / sizeof *specs && good; i++)
        good = compare(specs[i], "ring", ring_call, ring_write) &&
               compare(specs[i], "stack", stack_call, stack_write) &&
               compare(specs[i], "dice", dice_call, dice_write);
    unlink(path);
    return good ? 0 : 1;
}
