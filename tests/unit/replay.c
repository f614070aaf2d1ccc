/* The replayer: every call of the trace reaches the backend, on the block that it was about and with its
 * arguments, in an order that could have been, with any number of workers; contents are checked; what is left
 * is reported and then freed. */
// links: workloads/trace/format/hgt.c workloads/trace/format/hgt_check.c workloads/trace/format/hgt_read.c
// links: workloads/trace/format/hgt_write.c workloads/trace/replay/replay.c workloads/trace/replay/load.c
// links: workloads/trace/replay/cut.c workloads/trace/replay/epoch.c workloads/trace/replay/list.c
// links: workloads/trace/replay/parts.c workloads/trace/replay/scout.c workloads/trace/replay/lives.c
// links: workloads/list.c workloads/script/objscript.c workloads/script/objmodel.c alloc/base/param.c
// links: alloc/base/os.c alloc/base/assert.c

#include "workloads/about.h"
#include "alloc/base/rng.h"
#include "workloads/trace/format/hgt.h"
#include "workloads/trace/replay/replay.h"
#include "workloads/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct workload workload_alloc_trace;
extern const struct workload_info workload_info_alloc_trace;

/* ---- a backend that looks at its calls ---- */

/* Each block has a head before it: alive or not, and its size. Anything that does not fit is a fault,
 * reported by main. */
#define HEAD_BYTES 64
#define ALIVE      0x600dc0de600dc0deu
#define DEAD       0xdeadc0dedeadc0deu

struct head {
    _Atomic uint64_t state;
    uint64_t size;
    void *base;
    uint64_t kept; /* its place in that table, + 1 */
};

/* Blocks of a replay that ends early, which nobody frees. */
#define KEPT_MAX 1000000
static struct {
    bool on;
    _Atomic uint64_t count;
    void *at[KEPT_MAX];
} kept;

struct call { /* in the order in which they came */
    enum hgt_kind kind;
    uint64_t size; /* of a free: the block's */
};

static struct seen {
    _Atomic uint64_t mallocs, callocs, reallocs, frees, aligned, faults, bytes, live, nulls, calls;
    uint64_t fail_every; /* refuse one allocation in so many */
    bool scribble;       /* change a byte of a block before it is freed or moved */
    struct call *call;   /* [calls_room], when it is to be kept */
    uint64_t call_room;
    uint64_t slow_every; /* a call in so many takes a millisecond */
} seen;

/* Of a replay that is slow where it likes to be: bytes live now, and the most ever. */
static _Atomic int64_t live_bytes, most_live_bytes;
static _Atomic uint64_t calls_made;

/* Of a trace with births and ends, where a malloc's size is its number: which life makes it, and how many lives
 * that made one have ended before it. */
#define LIFE_CALLS 6000
static struct {
    bool checked;
    uint32_t calls, count; /* mallocs; lives */
    uint32_t life[LIFE_CALLS], ended[LIFE_CALLS];
    _Atomic uint32_t thread_of[LIFE_CALLS]; /* by life */
    _Atomic uint32_t threads, ended_now, faults;
    pthread_key_t key;
} lived;
static __thread uint32_t this_thread; /* from 1, as they come */

static void thread_ends(void *unused)
{
    (void)unused;
    lived.ended_now++;
}

static void check_life(uint64_t call)
{
    uint32_t none = 0;
    if (!this_thread) {
        this_thread = ++lived.threads;
        pthread_setspecific(lived.key, &this_thread);
    }
    if (!atomic_compare_exchange_strong(&lived.thread_of[lived.life[call]], &none, this_thread) &&
        none != this_thread)
        lived.faults++;
    if (lived.ended_now != lived.ended[call])
        lived.faults++;
}

static void live_change(enum hgt_kind kind, int64_t change, uint64_t size)
{
    int64_t now = atomic_fetch_add(&live_bytes, change) + change, most = atomic_load(&most_live_bytes);
    uint64_t at = atomic_fetch_add(&calls_made, 1);
    if (lived.checked && kind == HGT_MALLOC)
        check_life(size);
    while (now > most && !atomic_compare_exchange_weak(&most_live_bytes, &most, now))
        ;
    if (at < seen.call_room)
        seen.call[at] = (struct call){kind, size};
    if (seen.slow_every && rng_mix(at) % seen.slow_every == 0)
        usleep(1000);
}

static struct head *head_of(void *p)
{
    return (struct head *)(void *)((char *)p - HEAD_BYTES);
}

static void *take(size_t align, size_t size)
{
    if (seen.fail_every && (seen.calls++ % seen.fail_every) == seen.fail_every - 1)
        return NULL;
    char *base = malloc(size + align + HEAD_BYTES), *p = NULL;
    if (!base)
        return NULL;
    p = (char *)(((uintptr_t)base + HEAD_BYTES + align - 1) & ~(uintptr_t)(align - 1));
    struct head *h = head_of(p);
    h->size = size;
    h->base = base;
    h->kept = 0;
    if (kept.on && kept.count < KEPT_MAX) {
        h->kept = ++kept.count;
        kept.at[h->kept - 1] = base;
    }
    seen.bytes += size;
    seen.live++;
    memset(p, 0xa5, size);
    atomic_store(&h->state, ALIVE);
    return p;
}

static void give(void *p)
{
    struct head *h = head_of(p);
    uint64_t alive = ALIVE;
    if (!atomic_compare_exchange_strong(&h->state, &alive, DEAD)) {
        seen.faults++;
        return;
    }
    seen.live--;
    if (seen.scribble && h->size)
        ((char *)p)[h->size / 2] ^= 1;
    if (h->kept)
        kept.at[h->kept - 1] = NULL;
    free(h->base);
}

static void *seen_malloc(void *ctx, size_t size)
{
    (void)ctx;
    seen.mallocs++;
    live_change(HGT_MALLOC, (int64_t)size, size);
    return take(16, size);
}

static void *seen_calloc(void *ctx, size_t count, size_t size)
{
    (void)ctx;
    seen.callocs++;
    live_change(HGT_CALLOC, (int64_t)(count * size), count * size);
    void *p = take(16, count * size);
    if (p)
        memset(p, 0, count * size);
    return p;
}

static void *seen_realloc(void *ctx, void *old, size_t size)
{
    (void)ctx;
    seen.reallocs++;
    live_change(HGT_REALLOC, (int64_t)size - (old ? (int64_t)head_of(old)->size : 0), size);
    void *p = take(16, size);
    if (!p || !old)
        return p;
    struct head *h = head_of(old);
    memcpy(p, old, h->size < size ? h->size : size);
    if (seen.scribble && size && h->size)
        ((char *)p)[0] ^= 1;
    give(old);
    return p;
}

static void seen_free(void *ctx, void *p)
{
    (void)ctx;
    seen.frees++;
    if (!p) {
        seen.nulls++;
        return;
    }
    live_change(HGT_FREE, -(int64_t)head_of(p)->size, head_of(p)->size);
    give(p);
}

static void *seen_aligned(void *ctx, size_t align, size_t size)
{
    (void)ctx;
    seen.aligned++;
    live_change(HGT_ALIGNED, (int64_t)size, size);
    return take(align < 16 ? 16 : align, size);
}

static const struct alloc backend = {.malloc = seen_malloc,
                                     .calloc = seen_calloc,
                                     .realloc = seen_realloc,
                                     .free = seen_free,
                                     .aligned = seen_aligned};

/* ---- a sample, as the harness would run it ---- */

struct run {
    struct workload_sample s;
    struct workload_thread thread[16];
    struct gauge *gauge;
    struct replay_params params;
    struct message m;
    uint64_t ops, checksum, faults, failed, left_blocks, left_bytes;
    _Atomic uint64_t timed[OP_KINDS];
    uint64_t started, idle_ns;
    uint64_t trace_threads, recorded_peak, met_peak, known_peak, seen_at_peak;
    unsigned known;
    int verified;
    char order[16];
    uint64_t window_bytes; /* 0: the workload's own */
    bool cut_short;        /* the file, once it is loaded */
    uint64_t stops, calls_at_stop, mapped_bytes, mapped_before;
    bool mapped_more; /* in the run */
    bool stirred;     /* a call while the clock stood */
};

static struct run *running; /* latency() finds it */

static void on_clock(struct workload_sample *s, bool runs)
{
    (void)s;
    if (runs)
        running->stirred |= running->calls_at_stop != atomic_load(&calls_made);
    else
        running->stops++;
    running->calls_at_stop = atomic_load(&calls_made);
}

static void on_most_live(struct workload_sample *s, uint64_t bytes)
{
    (void)s;
    running->known++;
    running->known_peak = bytes;
    running->seen_at_peak = (uint64_t)atomic_load(&live_bytes);
}

static void on_latency(struct workload_thread *t, enum op_kind op, uint64_t ns)
{
    (void)t;
    (void)ns;
    running->timed[op]++;
}

static void on_note(struct workload_sample *s, const char *key, uint64_t value)
{
    (void)s;
    if (strcmp(key, "trace.threads") == 0)
        running->trace_threads = value;
    else if (strcmp(key, "replay.peak_live_recorded_bytes") == 0)
        running->recorded_peak = value;
    else if (strcmp(key, "replay.threads_started") == 0)
        running->started = value;
    else if (strcmp(key, "replay.idle_ns") == 0)
        running->idle_ns = value;
    else if (strcmp(key, "probe.epochs_most_live_bytes") == 0)
        running->met_peak = value;
}

static void on_note_text(struct workload_sample *s, const char *key, const char *value)
{
    (void)s;
    if (strcmp(key, "replay.order") == 0)
        snprintf(running->order, sizeof running->order, "%s", value);
}

static void on_live(void *arg, const void *block, size_t bytes)
{
    struct run *r = arg;
    r->left_blocks++;
    r->left_bytes += bytes;
    assert_int_equal(head_of((void *)block)->size, bytes);
}

static void *body(void *arg)
{
    struct workload_thread *t = arg;
    t->sample->workload->run(t);
    return NULL;
}

static char path[] = "/tmp/replay-XXXXXX";

/* Replays the file; everything but assertions, so that threads need none. */
static int replay(struct run *r, unsigned threads, const char *words, uint32_t latency_every)
{
    char text[256];
    pthread_t ids[16];
    const struct workload_info *info = &workload_info_alloc_trace;
    memset(&seen, 0, offsetof(struct seen, fail_every));
    memset(r, 0, offsetof(struct run, window_bytes));
    r->stops = 0;
    r->stirred = false;
    running = r;
    live_bytes = most_live_bytes = 0;
    calls_made = 0;
    r->gauge = workload_scratch(sizeof *r->gauge);
    r->mapped_before = os_harness.mapped_bytes;
    snprintf(text, sizeof text, "file=%s%s%s", path, *words ? "," : "", words);
    assert_int_equal(param_parse(info->params, &r->params, "trace", text, &r->m), 0);
    r->s = (struct workload_sample){.workload = &workload_alloc_trace,
                                    .params = &r->params,
                                    .alloc = &backend,
                                    .threads = threads,
                                    .latency_every = latency_every,
                                    .thread = r->thread,
                                    .latency = on_latency,
                                    .note = on_note,
                                    .note_text = on_note_text,
                                    .most_live = on_most_live,
                                    .clock = on_clock,
                                    .message = &r->m};
    for (unsigned i = 0; i < threads; i++)
        r->thread[i] = (struct workload_thread){.sample = &r->s,
                                                .alloc = &backend,
                                                .gauge = &r->gauge->thread[i],
                                                .index = i,
                                                .until_latency = latency_every};
    int err = r->window_bytes ? replay_setup_windows(&r->s, r->window_bytes) : r->s.workload->setup(&r->s);
    if (err)
        return err;
    r->mapped_bytes = os_harness.mapped_bytes;
    assert_true(!r->cut_short || truncate(path, 100000) == 0);
    uint64_t maps = os_harness.map_calls;
    for (unsigned i = 1; i < threads; i++)
        pthread_create(&ids[i], NULL, body, &r->thread[i]);
    body(&r->thread[0]);
    for (unsigned i = 1; i < threads; i++)
        pthread_join(ids[i], NULL);
    r->mapped_more = os_harness.map_calls != maps || os_harness.mapped_bytes != r->mapped_bytes;
    r->s.workload->live(&r->s, on_live, r);
    for (unsigned i = 0; i < threads; i++) {
        r->s.workload->drain(&r->thread[i]);
        r->ops += r->thread[i].ops;
        r->checksum += r->thread[i].checksum;
        r->faults += r->thread[i].faults;
        r->failed += r->thread[i].failed_allocs;
    }
    r->verified = r->s.workload->verify(&r->s);
    r->s.workload->finish(&r->s);
    /* What is unmapped twice may be another's by then, an allocator's for example. */
    assert_int_equal(os_harness.mapped_bytes, r->mapped_before);
    return 0;
}

static void finished(struct run *r)
{
    os_unmap(&os_harness, r->gauge, sizeof *r->gauge);
}

/* ---- a trace ---- */

struct totals {
    uint64_t ops[HGT_KINDS], bytes, left_blocks, left_bytes, all;
};

static uint64_t written_peak; /* of live bytes, of the trace that was written last */

static struct totals write_trace(uint64_t seed, size_t count, uint32_t threads, bool large)
{
    struct totals sum = {0};
    struct hgt_writer w;
    struct rng rng;
    uint32_t *live = calloc(count, sizeof *live), lives = 0;
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    rng_seed(&rng, seed);
    assert_int_equal(hgt_write_open(&w, fd, "", 0), 0);
    for (size_t i = 0; i < count; i++) {
        struct hgt_op op = {.kind = (enum hgt_kind)rng_below(&rng, HGT_KINDS),
                            .thread = (uint32_t)rng_below(&rng, threads)};
        if (rng_below(&rng, 3) == 0 || lives > 300)
            op.kind = HGT_FREE;
        bool gives = op.kind == HGT_FREE || op.kind == HGT_REALLOC;
        if (gives && !lives) {
            op.kind = HGT_CALLOC;
            gives = false;
        }
        uint32_t pick = gives ? (uint32_t)rng_below(&rng, lives) : 0;
        if (gives)
            op.id = live[pick];
        if (op.kind != HGT_FREE)
            op.size = rng_below(&rng, large ? 20000 : 200);
        if (op.kind == HGT_ALIGNED)
            op.align = UINT64_C(1) << rng_below(&rng, 13);
        assert_int_equal(hgt_write_op(&w, &op), 0);
        if (op.kind == HGT_FREE)
            live[pick] = live[--lives];
        else if (!gives)
            live[lives++] = op.id;
        sum.ops[op.kind]++;
        sum.all++;
        sum.bytes += op.size;
    }
    written_peak = w.ids.peak_live_bytes;
    sum.left_blocks = w.ids.live_blocks;
    sum.left_bytes = w.ids.live_bytes;
    assert_int_equal(hgt_write_end(&w), 0);
    hgt_write_close(&w);
    close(fd);
    free(live);
    return sum;
}

static struct run r;

static void test_every_call(void **state)
{
    (void)state;
    static const char *const words[] = {"touch=none", "touch=first", "touch=page", "touch=all", "verify=1"};
    for (uint32_t threads = 1; threads <= 5; threads += 2) {
        struct totals sum = write_trace(threads, 6000, threads, true);
        for (unsigned workers = 1; workers <= 5; workers++) {
            uint64_t checksum = 0;
            for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                assert_int_equal(replay(&r, workers, words[i], UINT32_MAX), 0);
                assert_int_equal(seen.faults, 0);
                assert_int_equal(r.faults, 0);
                assert_int_equal(r.failed, 0);
                assert_int_equal(r.ops, sum.all);
                assert_int_equal(seen.mallocs, sum.ops[HGT_MALLOC]);
                assert_int_equal(seen.callocs, sum.ops[HGT_CALLOC]);
                assert_int_equal(seen.reallocs, sum.ops[HGT_REALLOC]);
                assert_int_equal(seen.aligned, sum.ops[HGT_ALIGNED]);
                assert_int_equal(seen.frees, sum.ops[HGT_FREE] + sum.left_blocks);
                assert_int_equal(seen.nulls, 0);
                assert_int_equal(seen.bytes, sum.bytes);
                assert_int_equal(seen.live, 0);
                assert_int_equal(r.left_blocks, sum.left_blocks);
                assert_int_equal(r.left_bytes, sum.left_bytes);
                assert_int_equal(r.trace_threads, threads);
                assert_true(i == 0 || r.checksum == checksum);
                checksum = r.checksum;
                finished(&r);
            }
        }
    }
}

static void test_gauge(void **state)
{
    (void)state;
    struct totals sum = write_trace(3, 5000, 3, false);
    assert_int_equal(replay(&r, 3, "", UINT32_MAX), 0);
    uint64_t live = 0, ops = 0;
    for (unsigned i = 0; i < 3; i++) {
        live += r.gauge->thread[i].live_bytes;
        ops += r.gauge->thread[i].ops;
    }
    assert_int_equal(live, 0);
    assert_int_equal(ops, sum.all);
    finished(&r);
}

/* The program again and again: what it left is freed before it starts over. */
static void test_repeat(void **state)
{
    (void)state;
    struct totals sum = write_trace(11, 4000, 4, false);
    for (unsigned workers = 1; workers <= 4; workers += 3) {
        assert_int_equal(replay(&r, workers, "repeat=7,verify=1", UINT32_MAX), 0);
        assert_int_equal(seen.faults, 0);
        assert_int_equal(r.faults, 0);
        assert_int_equal(seen.mallocs, 7 * sum.ops[HGT_MALLOC]);
        assert_int_equal(seen.frees, 7 * (sum.ops[HGT_FREE] + sum.left_blocks));
        assert_int_equal(r.ops, 7 * sum.all + 6 * sum.left_blocks);
        assert_int_equal(r.left_blocks, sum.left_blocks);
        assert_int_equal(seen.live, 0);
        finished(&r);
    }
}

/* Timing one call in n takes nothing away, and every kind comes to be timed. */
static void test_latency(void **state)
{
    (void)state;
    struct totals sum = write_trace(12, 5000, 2, false);
    assert_int_equal(replay(&r, 2, "", UINT32_MAX), 0);
    uint64_t checksum = r.checksum;
    finished(&r);
    for (uint32_t every = 1; every <= 100; every = every * 3 + 1) {
        uint64_t timed = 0;
        assert_int_equal(replay(&r, 2, "", every), 0);
        for (unsigned k = 0; k < OP_KINDS; k++)
            timed += r.timed[k];
        assert_int_equal(r.ops, sum.all);
        assert_true(r.checksum == checksum);
        assert_true(timed <= sum.all && timed * every * 2 >= sum.all);
        if (every == 1) {
            assert_int_equal(timed, sum.all);
            assert_int_equal(r.timed[OP_REALLOC], sum.ops[HGT_REALLOC]);
            assert_int_equal(r.timed[OP_FREE] + r.timed[OP_FREE_REMOTE], sum.ops[HGT_FREE]);
            assert_true(r.timed[OP_FREE_REMOTE] > sum.ops[HGT_FREE] / 4);
        }
        finished(&r);
    }
}

static void test_faults_are_found(void **state)
{
    (void)state;
    write_trace(13, 3000, 2, false);
    seen.scribble = true;
    /* Blocks change while they are moved: each realloc that kept something. (A change before the memory is
     * given back comes after the replayer has looked.) */
    assert_int_equal(replay(&r, 2, "verify=1", UINT32_MAX), 0);
    seen.scribble = false;
    assert_true(r.faults > 100);
    finished(&r);
}

static void test_refusals_are_counted(void **state)
{
    (void)state;
    struct totals sum = write_trace(14, 3000, 3, false);
    seen.fail_every = 10;
    for (unsigned workers = 1; workers <= 3; workers++) {
        assert_int_equal(replay(&r, workers, "verify=1", UINT32_MAX), 0);
        uint64_t takes =
            sum.ops[HGT_MALLOC] + sum.ops[HGT_CALLOC] + sum.ops[HGT_REALLOC] + sum.ops[HGT_ALIGNED];
        assert_int_equal(r.failed, takes / 10);
        assert_int_equal(seen.live, 0);
        assert_int_equal(seen.faults, 0);
        finished(&r);
    }
    seen.fail_every = 0;
}

/* A producer that is slow to start: who frees must wait, not fail. Every block goes from thread 0 to thread
 * 1, and each is touched by both in turn. */
static void test_waits(void **state)
{
    (void)state;
    struct hgt_writer w;
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(hgt_write_open(&w, fd, "", 0), 0);
    for (unsigned i = 0; i < 4000; i++) {
        struct hgt_op op = {.kind = HGT_MALLOC, .thread = i & 1, .size = 10 + i % 90};
        assert_int_equal(hgt_write_op(&w, &op), 0);
        for (unsigned j = 0; j < i % 5; j++) {
            op.kind = HGT_REALLOC;
            op.thread = (i + j + 1) & 1;
            op.size = 20 + i % 70;
            assert_int_equal(hgt_write_op(&w, &op), 0);
        }
        op.kind = HGT_FREE;
        op.thread = (i + 1) & 1;
        assert_int_equal(hgt_write_op(&w, &op), 0);
    }
    assert_int_equal(hgt_write_end(&w), 0);
    hgt_write_close(&w);
    close(fd);
    assert_int_equal(replay(&r, 2, "verify=1,repeat=3", UINT32_MAX), 0);
    assert_int_equal(seen.faults, 0);
    assert_int_equal(r.faults, 0);
    assert_int_equal(seen.mallocs, 12000);
    assert_int_equal(seen.live, 0);
    finished(&r);
}

/* ---- order ---- */

struct written {
    struct hgt_writer w;
    int fd;
    struct call call[200000];
    uint64_t calls;
};

static struct written written;

static void put_begin(void)
{
    written.calls = 0;
    written.fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(hgt_write_open(&written.w, written.fd, "", 0), 0);
}

static uint32_t put(enum hgt_kind kind, uint32_t thread, uint32_t id, uint64_t size)
{
    struct hgt_op op = {.kind = kind, .thread = thread, .id = id, .size = size};
    assert_int_equal(hgt_write_op(&written.w, &op), 0);
    assert_true(written.calls < sizeof written.call / sizeof *written.call);
    written.call[written.calls++] = (struct call){kind, kind == HGT_FREE ? op.size_then : size};
    return op.id;
}

static void put_end(void)
{
    written_peak = written.w.ids.peak_live_bytes;
    assert_int_equal(hgt_write_end(&written.w), 0);
    hgt_write_close(&written.w);
    close(written.fd);
}

/* What producers replace is freed by thread 0, which does nothing else: one that comes late holds it all. */
static void write_reclaimer(uint32_t producers, uint32_t blocks, uint32_t rounds)
{
    uint32_t id[4][300], queue[64], queued = 0;
    put_begin();
    for (uint32_t i = 0; i < blocks; i++)
        for (uint32_t p = 0; p < producers; p++)
            id[p][i] = put(HGT_MALLOC, p + 1, 0, 592);
    for (uint32_t i = 0; i < rounds; i++) {
        uint32_t p = (uint32_t)(rng_mix(i) % producers), at = (uint32_t)(rng_mix(i) >> 32) % blocks;
        queue[queued++] = id[p][at];
        id[p][at] = put(HGT_MALLOC, p + 1, 0, 592);
        while (queued > rng_mix(~(uint64_t)i) % 64)
            put(HGT_FREE, 0, queue[--queued], 0);
    }
    put_end();
}

/* Thread 0 makes a round's jobs, the others take them and make results, which thread 0 frees. */
static void write_pool(uint32_t workers, uint32_t rounds)
{
    uint32_t job[120], result[120];
    put_begin();
    for (uint32_t round = 0; round < rounds; round++) {
        uint32_t jobs = 20 + (uint32_t)(rng_mix(round) % 100);
        for (uint32_t j = 0; j < jobs; j++)
            job[j] = put(HGT_MALLOC, 0, 0, 100 + j);
        for (uint32_t j = 0; j < jobs; j++) {
            uint32_t w = 1 + j % workers, own = put(HGT_CALLOC, w, 0, 3000);
            result[j] = put(HGT_MALLOC, w, 0, 700 + round % 50);
            put(HGT_FREE, w, job[j], 0);
            put(HGT_FREE, w, own, 0);
        }
        for (uint32_t j = 0; j < jobs; j++)
            put(HGT_FREE, 0, result[j], 0);
    }
    put_end();
}

/* The recording's live memory, whoever is slow: 1/16 more at most, and the peak to the byte, with all at rest. */
static void check_live_kept(uint32_t shape)
{
    static const uint64_t slow[] = {0, 2000};
    for (unsigned workers = 1; workers <= 8; workers++)
        for (unsigned i = 0; i < 2; i++) {
            seen.slow_every = slow[i];
            assert_int_equal(replay(&r, workers, i ? "repeat=3" : "", UINT32_MAX), 0);
            uint64_t most = (uint64_t)most_live_bytes, peak = written_peak;
            if (most > peak + peak / 16 || most < peak)
                fail_msg("shape %u, %u workers: %llu bytes live for %llu", shape, workers,
                         (unsigned long long)most, (unsigned long long)peak);
            assert_int_equal(r.recorded_peak, peak);
            assert_int_equal(r.known, 1);
            assert_int_equal(r.known_peak, peak);
            assert_int_equal(r.seen_at_peak, peak);
            assert_true(r.met_peak >= peak && r.met_peak <= most);
            assert_string_equal(r.order, workers == 1 ? "strict" : "live");
            assert_int_equal(seen.faults, 0);
            finished(&r);
        }
    seen.slow_every = 0;
}

static void test_live_is_kept(void **state)
{
    (void)state;
    write_reclaimer(4, 250, 8000);
    check_live_kept(0);
    write_reclaimer(1, 100, 8000); /* one producer, one consumer */
    check_live_kept(1);
    write_pool(4, 60);
    check_live_kept(2);
    write_trace(31, 8000, 5, true); /* any call by any thread on any block */
    check_live_kept(3);
}

/* Nothing keeps the freeing thread from coming late, here; it says what it is, and knows no peak. */
static void test_free_is_free(void **state)
{
    (void)state;
    write_reclaimer(4, 250, 8000);
    seen.slow_every = 2000;
    uint64_t checksum = 0;
    for (unsigned workers = 1; workers <= 5; workers += 4) {
        assert_int_equal(replay(&r, workers, "order=free", UINT32_MAX), 0);
        assert_int_equal(r.known, 0);
        assert_int_equal(r.met_peak, 0);
        assert_string_equal(r.order, "free");
        assert_int_equal(r.recorded_peak, written_peak);
        checksum = r.checksum;
        finished(&r);
    }
    assert_int_equal(replay(&r, 5, "order=live", UINT32_MAX), 0);
    assert_true(r.checksum == checksum); /* of the operations, not of their order */
    finished(&r);
    seen.slow_every = 0;
}

/* Call by call as recorded, however many do it. */
static void test_strict(void **state)
{
    (void)state;
    static struct call came[sizeof written.call / sizeof *written.call];
    for (unsigned shape = 0; shape < 2; shape++) {
        if (shape)
            write_pool(3, 20);
        else
            write_reclaimer(3, 50, 3000);
        seen.call = came;
        seen.call_room = sizeof came / sizeof *came;
        for (unsigned workers = 1; workers <= 7; workers += 2) {
            memset(came, 0xff, sizeof came);
            assert_int_equal(replay(&r, workers, "order=strict", UINT32_MAX), 0);
            for (uint64_t i = 0; i < written.calls; i++)
                if (came[i].kind != written.call[i].kind || came[i].size != written.call[i].size)
                    fail_msg("%u workers: call %llu is not the recording's", workers, (unsigned long long)i);
            assert_int_equal(most_live_bytes, written_peak);
            assert_int_equal(r.known_peak, written_peak);
            assert_int_equal(r.met_peak, written_peak);
            assert_string_equal(r.order, "strict");
            finished(&r);
        }
        seen.call_room = 0;
    }
}

/* Window by window: the same calls, checks and peaks as in one piece, with the clock stopped and all at rest in
 * between, and no memory more. */
static void check_windows(unsigned workers, const char *words, uint64_t window_bytes)
{
    static struct run whole;
    static struct seen seen_whole;
    r.window_bytes = 0;
    assert_int_equal(replay(&r, workers, words, UINT32_MAX), 0);
    assert_int_equal(r.stops, 0);
    whole = r;
    seen_whole = seen;
    finished(&r);
    r.window_bytes = window_bytes;
    assert_int_equal(replay(&r, workers, words, UINT32_MAX), 0);
    assert_true(r.stops > 3);
    assert_false(r.stirred);
    assert_false(r.mapped_more);
    assert_int_equal(r.ops, whole.ops);
    assert_int_equal(r.checksum, whole.checksum);
    assert_int_equal(r.faults, 0);
    assert_int_equal(seen.faults, 0);
    assert_int_equal(seen.live, 0);
    assert_int_equal(seen.nulls, 0);
    assert_int_equal(seen.mallocs, seen_whole.mallocs);
    assert_int_equal(seen.reallocs, seen_whole.reallocs);
    assert_int_equal(seen.frees, seen_whole.frees);
    assert_int_equal(seen.bytes, seen_whole.bytes);
    assert_int_equal(r.left_blocks, whole.left_blocks);
    assert_int_equal(r.left_bytes, whole.left_bytes);
    assert_int_equal(r.recorded_peak, whole.recorded_peak);
    assert_int_equal(r.known, whole.known);
    assert_int_equal(r.known_peak, whole.known_peak);
    assert_int_equal(r.seen_at_peak, whole.seen_at_peak);
    assert_string_equal(r.order, whole.order);
    finished(&r);
    r.window_bytes = 0;
}

static void test_windows(void **state)
{
    (void)state;
    static const char *const words[] = {"verify=1", "verify=1,order=strict", "order=free,verify=1",
                                        "touch=none,repeat=3", "order=free,repeat=3"};
    for (uint32_t threads = 1; threads <= 5; threads += 2) {
        write_trace(threads + 20, 8000, threads, true);
        for (unsigned workers = 1; workers <= 6; workers++)
            for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                check_windows(workers, words[i], 8000 + workers * 3000);
    }
    seen.slow_every = 3000;
    write_reclaimer(4, 250, 8000);
    for (unsigned workers = 1; workers <= 5; workers += 2)
        check_windows(workers, "verify=1", 40000);
    seen.slow_every = 0;
}

/* The file is no longer what it was when it was checked: the run ends where that shows, and says so. */
static void test_trace_goes_bad(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 3; workers++) {
        write_reclaimer(4, 250, 60000);
        r.window_bytes = 50000;
        r.cut_short = kept.on = true;
        assert_int_equal(replay(&r, workers, "repeat=2", UINT32_MAX), 0);
        assert_int_equal(r.verified, -EBADMSG);
        assert_non_null(strstr(r.m.text, path));
        assert_true(r.ops > 0 && r.ops < written.calls);
        finished(&r);
        r.window_bytes = 0;
        r.cut_short = kept.on = false;
        for (uint64_t i = 0; i < kept.count && i < KEPT_MAX; i++)
            free(kept.at[i]);
        kept.count = 0;
    }
}

/* What a long trace takes is what a short one of as many blocks takes. */
static void test_memory_is_bounded(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 3; workers++) {
        uint64_t bytes = 0, before = os_harness.mapped_bytes;
        for (uint32_t rounds = 10000; rounds <= 90000; rounds *= 3) {
            write_reclaimer(2, 100, rounds);
            r.window_bytes = 50000;
            assert_int_equal(replay(&r, workers, "", UINT32_MAX), 0);
            assert_true(r.stops > rounds / 5000);
            assert_false(r.mapped_more);
            assert_true(bytes == 0 || r.mapped_bytes - before == bytes);
            bytes = r.mapped_bytes - before;
            finished(&r);
            before = os_harness.mapped_bytes;
        }
        r.window_bytes = 0;
    }
}

/* A trace of nothing, again and again: nobody to meet, nothing to wait for. */
/* Threads that come and go, numbers that are used again, some without a birth, some without an end; blocks that
 * outlive who made them. */
static struct totals write_lives(uint64_t seed, unsigned gaps)
{
    enum { NUMBERS = 6, STEPS = 12000 };
    struct {
        uint32_t life;
        bool alive, calls;
    } thread[NUMBERS] = {{.alive = true}};
    struct totals sum = {0};
    struct hgt_writer w;
    struct rng rng;
    uint32_t *live = calloc(STEPS, sizeof *live), live_count = 0, ended = 0;
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    memset(&lived, 0, sizeof lived);
    lived.count = 1;
    rng_seed(&rng, seed);
    assert_int_equal(hgt_write_open(&w, fd, "", 0), 0);
    for (unsigned i = 0; i < STEPS; i++) {
        uint32_t t = (uint32_t)rng_below(&rng, NUMBERS), draw = (uint32_t)rng_below(&rng, 40);
        struct hgt_op op = {.thread = t};
        if (gaps && i % (STEPS / gaps) == 7) {
            op = (struct hgt_op){.event = HGT_GAP, .size = 20000};
            assert_int_equal(hgt_write_op(&w, &op), 0);
            op = (struct hgt_op){.thread = t};
        }
        if (!thread[t].alive || (t && draw == 0)) {
            /* The last number is there at first, without a birth. */
            bool unborn = t == NUMBERS - 1 && !thread[t].life;
            op.event = thread[t].alive ? HGT_END : HGT_BIRTH;
            ended += thread[t].alive && thread[t].calls;
            thread[t].alive = !thread[t].alive;
            thread[t].calls = false;
            if (op.event == HGT_BIRTH)
                thread[t].life = lived.count++;
            if (unborn)
                op = (struct hgt_op){.kind = HGT_CALLOC, .size = 1, .thread = t};
        } else if (draw < 20 && live_count) {
            uint32_t pick = (uint32_t)rng_below(&rng, live_count);
            op.kind = HGT_FREE;
            op.id = live[pick];
            live[pick] = live[--live_count];
        } else if (lived.calls < LIFE_CALLS) {
            op.size = lived.calls;
            lived.ended[lived.calls] = ended;
            lived.life[lived.calls++] = thread[t].life;
            thread[t].calls = true;
        } else {
            continue;
        }
        assert_int_equal(hgt_write_op(&w, &op), 0);
        if (op.event != HGT_CALL)
            continue;
        sum.ops[op.kind]++;
        sum.all++;
        if (op.kind != HGT_FREE)
            live[live_count++] = op.id;
    }
    sum.left_blocks = w.ids.live_blocks;
    sum.left_bytes = w.ids.live_bytes;
    assert_int_equal(hgt_write_end(&w), 0);
    hgt_write_close(&w);
    close(fd);
    free(live);
    return sum;
}

/* Each life is a thread of its own; whoever ended before a call in the recording has ended before it here, its
 * destructors included, and nobody else has. */
static void test_lives(void **state)
{
    (void)state;
    static const char *const words[] = {"threads=recorded", "threads=recorded,order=strict",
                                        "threads=recorded,verify=1"};
    for (unsigned i = 0; i < 12; i++) {
        struct totals sum = write_lives(i, 0);
        r.window_bytes = i < 6 ? 0 : i < 9 ? 3000 : 60000; /* threads begin and end in windows, and between */
        assert_true(lived.count > 100);
        pthread_key_create(&lived.key, thread_ends);
        this_thread = 0;
        lived.checked = true;
        assert_int_equal(replay(&r, 1, words[i % 3], i % 2 ? 7 : UINT32_MAX), 0);
        lived.checked = false;
        pthread_key_delete(lived.key);
        assert_int_equal(lived.faults, 0);
        assert_int_equal(r.started, lived.count - 1);
        assert_true(i < 6 ? r.stops == 0 : r.stops > 1);
        assert_int_equal(seen.faults, 0);
        assert_int_equal(r.faults, 0);
        assert_int_equal(r.ops, sum.all);
        assert_int_equal(seen.mallocs, sum.ops[HGT_MALLOC]);
        assert_int_equal(seen.frees, sum.ops[HGT_FREE] + sum.left_blocks);
        assert_int_equal(seen.live, 0);
        assert_int_equal(r.left_blocks, sum.left_blocks);
        assert_int_equal(r.left_bytes, sum.left_bytes);
        assert_int_equal(r.known, 1);
        assert_int_equal(r.known_peak, r.seen_at_peak);
        assert_int_equal(r.known_peak, r.recorded_peak);
        assert_true((uint64_t)most_live_bytes <= r.recorded_peak + r.recorded_peak / 10);
        assert_int_equal(r.gauge->thread[0].live_bytes, 0);
        assert_true(i % 2 == 0 ||
                    r.timed[OP_MALLOC] + r.timed[OP_FREE] + r.timed[OP_FREE_REMOTE] > sum.all / 10);
        finished(&r);
    }
    struct totals sum = write_lives(1, 0);
    for (unsigned i = 0; i < 3; i++) {
        r.window_bytes = i * 10000;
        assert_int_equal(replay(&r, 1, "threads=recorded,repeat=3,verify=1", UINT32_MAX), 0);
        assert_int_equal(r.started, 3 * (lived.count - 1));
        assert_int_equal(r.ops, 3 * sum.all + 2 * sum.left_blocks);
        assert_int_equal(seen.faults + r.faults + seen.live, 0);
        finished(&r);
    }
    r.window_bytes = 0;
    assert_int_equal(replay(&r, 2, "threads=recorded", UINT32_MAX), -EINVAL);
    assert_non_null(strstr(r.m.text, "--threads 1"));
    finished(&r);
}

/* Waits where the recording has them, when asked; the workers' calls are the same. */
static void test_gaps(void **state)
{
    (void)state;
    static const char *const words[] = {"gaps=1", "gaps=1", "gaps=1,order=strict", "gaps=1,threads=recorded"};
    struct totals sum = write_lives(3, 10);
    for (unsigned i = 0; i < 4; i++) {
        r.window_bytes = i % 2 * 20000;
        assert_int_equal(replay(&r, i == 1 || i == 2 ? 3 : 1, words[i], UINT32_MAX), 0);
        assert_true(r.idle_ns >= 10u * 20000000u);
        assert_int_equal(r.ops, sum.all);
        assert_int_equal(seen.faults + seen.live, 0);
        assert_int_equal(r.known_peak, r.recorded_peak);
        finished(&r);
    }
    r.window_bytes = 0;
    assert_int_equal(replay(&r, 1, "", UINT32_MAX), 0);
    assert_int_equal(r.idle_ns, 0);
    assert_int_equal(r.ops, sum.all);
    finished(&r);
}

static void test_empty(void **state)
{
    (void)state;
    put_begin();
    put_end();
    for (unsigned workers = 1; workers <= 3; workers++) {
        assert_int_equal(replay(&r, workers, "repeat=3", UINT32_MAX), 0);
        assert_int_equal(r.ops, 0);
        assert_int_equal(r.known, 0);
        finished(&r);
    }
}

static void test_large_sizes(void **state)
{
    (void)state;
    struct hgt_writer w;
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(hgt_write_open(&w, fd, "", 0), 0);
    struct hgt_op op = {.kind = HGT_MALLOC, .size = UINT64_C(5) << 30};
    assert_int_equal(hgt_write_op(&w, &op), 0);
    op = (struct hgt_op){.kind = HGT_REALLOC, .size = 100};
    assert_int_equal(hgt_write_op(&w, &op), 0);
    op = (struct hgt_op){.kind = HGT_REALLOC, .size = UINT64_C(6) << 30};
    assert_int_equal(hgt_write_op(&w, &op), 0);
    op = (struct hgt_op){.kind = HGT_FREE};
    assert_int_equal(hgt_write_op(&w, &op), 0);
    assert_int_equal(hgt_write_end(&w), 0);
    hgt_write_close(&w);
    close(fd);
    seen.fail_every = 1; /* nobody has 5 GiB to spare here: what counts is what is asked for */
    assert_int_equal(replay(&r, 1, "touch=none", UINT32_MAX), 0);
    seen.fail_every = 0;
    assert_int_equal(r.ops, 4);
    assert_int_equal(r.gauge->thread[0].live_bytes, 0);
    assert_int_equal(r.gauge->thread[0].allocated_bytes, (UINT64_C(11) << 30) - 100);
    finished(&r);
}

static void test_bad_file(void **state)
{
    (void)state;
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    close(fd);
    assert_int_equal(replay(&r, 2, "", UINT32_MAX), -EBADMSG);
    assert_non_null(strstr(r.m.text, "at byte 0"));
    finished(&r);
}

static void test_no_memory(void **state)
{
    (void)state;
    write_trace(15, 3000, 3, false);
    uint64_t n = 2; /* the first is the gauge */
    for (int err = -ENOMEM; err; n++) {
        os_fail_maps_after(n);
        err = replay(&r, 2, "", UINT32_MAX);
        os_fail_maps_after(0);
        assert_true(err == 0 || err == -ENOMEM);
        assert_true(err == 0 || r.m.text[0]);
        finished(&r);
    }
    assert_true(n > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call),
        cmocka_unit_test(test_gauge),
        cmocka_unit_test(test_repeat),
        cmocka_unit_test(test_latency),
        cmocka_unit_test(test_faults_are_found),
        cmocka_unit_test(test_refusals_are_counted),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_live_is_kept),
        cmocka_unit_test(test_free_is_free),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_trace_goes_bad),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_large_sizes),
        cmocka_unit_test(test_bad_file),
        cmocka_unit_test(test_no_memory),
    };
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
