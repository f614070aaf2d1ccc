/* workloads.c: every allocator-level workload, run in this process on an auditing allocator and on the
 * floors: the same checksum everywhere, contents and bounds respected, live bytes and the gauge told truly,
 * everything given back, failed allocations survived, no allocation of its own in the measured phase. */
// links: $(ALLOC_C) $(filter-out workloads/registry.c,$(LEVEL_C)) $(FORMAT_C)
#include "workloads/list.h"
#include "alloc/base/rng.h"
#include "workloads/workload.h"
#include "alloc/spec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "small.h"

#define EXTERN(ident) extern const struct workload workload_##ident __attribute__((weak));
WORKLOADS(EXTERN)
#define POINTER(ident) &workload_##ident,
static const struct workload *const workloads[] = {WORKLOADS(POINTER)};
const char *const op_names[OP_KINDS]; /* of registry.c, which needs the object level too */

/* --- the auditing allocator: | base | size | block ... | guard 8 | -------------------------------------- */

#define GUARD 0x5afe5afe5afe5afeu

static struct {
    _Atomic uint64_t live, live_bytes, calls, broken;
    _Atomic uint64_t fail_every; /* 0: never */
    _Atomic bool spoil;          /* changes a byte of a block when it hands out the next */
    _Atomic(unsigned char *) victim;
} audit;

struct audit_header {
    void *base;
    uint64_t size;
};

static struct audit_header *audit_of(const void *p)
{
    return (struct audit_header *)p - 1;
}

static void *audit_aligned(void *ctx, size_t align, size_t size)
{
    (void)ctx;
    uint64_t call = audit.calls++;
    if (audit.fail_every && call % audit.fail_every == audit.fail_every - 1) {
        errno = ENOMEM;
        return NULL;
    }
    unsigned char *base = malloc(size + align + sizeof(struct audit_header) + 8);
    if (!base)
        return NULL;
    unsigned char *p = (unsigned char *)(((uintptr_t)base + sizeof(struct audit_header) + align - 1) &
                                         ~(uintptr_t)(align - 1));
    *audit_of(p) = (struct audit_header){base, size};
    memset(p, 0xcd, size);
    memcpy(p + size, &(uint64_t){GUARD}, 8);
    audit.live++;
    audit.live_bytes += size;
    if (audit.spoil) {
        unsigned char *victim = atomic_exchange(&audit.victim, p);
        if (victim)
            victim[0] ^= 0x10;
    }
    return p;
}

static void *audit_malloc(void *ctx, size_t size)
{
    return audit_aligned(ctx, 16, size);
}

static void *audit_calloc(void *ctx, size_t count, size_t size)
{
    void *p = audit_aligned(ctx, 16, count * size);
    return p ? memset(p, 0, count * size) : NULL;
}

static void audit_free(void *ctx, void *p)
{
    (void)ctx;
    if (!p)
        return;
    struct audit_header *h = audit_of(p);
    uint64_t guard;
    memcpy(&guard, (char *)p + h->size, 8);
    audit.broken += guard != GUARD;
    audit.live--;
    audit.live_bytes -= h->size;
    unsigned char *expected = p;
    atomic_compare_exchange_strong(&audit.victim, &expected, NULL);
    void *base = h->base;
    memset(p, 0xdd, h->size + 8);
    free(base);
}

static void *audit_realloc(void *ctx, void *p, size_t size)
{
    void *q = audit_aligned(ctx, 16, size);
    if (q && p) {
        memcpy(q, p, audit_of(p)->size < size ? audit_of(p)->size : size);
        audit_free(ctx, p);
    }
    return q;
}

static size_t audit_usable(void *ctx, const void *p)
{
    (void)ctx;
    return audit_of(p)->size;
}

static const struct alloc audit_alloc = {NULL,       audit_malloc,  audit_calloc, audit_realloc,
                                         audit_free, audit_aligned, audit_usable, NULL};

/* --- a worker in this process --------------------------------------------------------------------------- */

enum { THREADS_MAX = 4 };

struct outcome {
    uint64_t checksum, ops, faults, failed, latencies;
    uint64_t live, live_bytes;                /* by the workload's own visit, after run */
    uint64_t gauge_bytes, gauge_bytes_at_end; /* by the gauge, after run and after drain */
    uint64_t audit_live, audit_bytes;         /* by the auditing allocator, after run */
    uint64_t mapped_in_run;
};

static struct {
    struct workload_sample sample;
    struct workload_thread thread[THREADS_MAX];
    struct gauge gauge;
    pthread_barrier_t barrier;
    _Atomic uint64_t latencies;
} worker;

static void count_latency(struct workload_thread *t, enum op_kind op, uint64_t ns)
{
    (void)t;
    worker.latencies += op < OP_KINDS && ns < 60000000000u;
}

static void ignore_note(struct workload_sample *s, const char *key, uint64_t value)
{
    (void)s;
    (void)key;
    (void)value;
}

static void count_block(void *arg, const void *block, size_t requested)
{
    struct outcome *o = arg;
    (void)block;
    o->live++;
    o->live_bytes += requested;
}

static void *worker_thread(void *arg)
{
    struct workload_thread *t = arg;
    const struct workload *w = t->sample->workload;
    if (w->prepare)
        w->prepare(t);
    pthread_barrier_wait(&worker.barrier);
    pthread_barrier_wait(&worker.barrier);
    w->run(t);
    pthread_barrier_wait(&worker.barrier);
    pthread_barrier_wait(&worker.barrier);
    w->drain(t);
    return NULL;
}

static uint64_t gauge_sum(unsigned threads)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < threads; i++)
        sum += worker.gauge.thread[i].live_bytes;
    return sum;
}

static struct outcome run_on(const struct small *run, const struct alloc *a, unsigned alloc_flags,
                             unsigned threads, uint64_t seed)
{
    static _Alignas(16) unsigned char params[PARAM_STRUCT_MAX];
    struct message m = {""};
    pthread_t id[THREADS_MAX];
    struct outcome o = {0};
    const struct workload *w = workloads[run->index];
    memset(&worker, 0, sizeof worker);
    if (param_parse(workload_list[run->index]->params, params, run->name, run->params, &m))
        fail_msg("%s", m.text);
    worker.sample = (struct workload_sample){
        .workload = w,
        .name = run->name,
        .params = params,
        .alloc = a,
        .alloc_flags = alloc_flags,
        .threads = threads,
        .seed = seed,
        .latency_every = 97,
        .thread = worker.thread,
        .latency = count_latency,
        .note = ignore_note,
        .message = &m,
    };
    for (unsigned i = 0; i < threads; i++)
        worker.thread[i] = (struct workload_thread){.sample = &worker.sample,
                                                    .alloc = a,
                                                    .gauge = &worker.gauge.thread[i],
                                                    .index = i,
                                                    .until_latency = 50,
                                                    .seed = seed * 0x9e3779b97f4a7c15u + ((uint64_t)i << 40)};
    if (w->setup(&worker.sample))
        fail_msg("%s: %s", run->name, m.text);
    pthread_barrier_init(&worker.barrier, NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++)
        assert_int_equal(pthread_create(&id[i], NULL, worker_thread, &worker.thread[i]), 0);
    pthread_barrier_wait(&worker.barrier);
    uint64_t maps = os_harness.map_calls;
    pthread_barrier_wait(&worker.barrier);
    pthread_barrier_wait(&worker.barrier); /* all have run */
    o.mapped_in_run = os_harness.map_calls - maps;
    if (w->live)
        w->live(&worker.sample, count_block, &o);
    o.gauge_bytes = gauge_sum(threads);
    o.audit_live = audit.live;
    o.audit_bytes = audit.live_bytes;
    pthread_barrier_wait(&worker.barrier);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(id[i], NULL);
    pthread_barrier_destroy(&worker.barrier);
    o.gauge_bytes_at_end = gauge_sum(threads);
    for (unsigned i = 0; i < threads; i++) {
        o.checksum += worker.thread[i].checksum;
        o.ops += worker.thread[i].ops;
        o.faults += worker.thread[i].faults;
        o.failed += worker.thread[i].failed_allocs;
    }
    o.latencies = worker.latencies;
    if (w->finish)
        w->finish(&worker.sample);
    return o;
}

#define EXPECT_EQUAL(a, b)                                                                                 \
    do {                                                                                                   \
        uint64_t a_ = (a), b_ = (b);                                                                       \
        if (a_ != b_)                                                                                      \
            fail_msg("%s x%u: %s is %llu, %s is %llu", small[i].name, threads, #a, (unsigned long long)a_, \
                     #b, (unsigned long long)b_);                                                          \
    } while (0)

static void all_keep_their_word_on_an_auditing_allocator(void **state)
{
    (void)state;
    for (size_t i = 0; i < small_count; i++)
        for (unsigned threads = 1; threads <= THREADS_MAX; threads++) {
            memset(&audit, 0, sizeof audit);
            struct outcome o = run_on(&small[i], &audit_alloc, ALLOC_THREADS, threads, 42);
            EXPECT_EQUAL(o.faults, 0);
            EXPECT_EQUAL(o.failed, 0);
            EXPECT_EQUAL(audit.broken, 0);
            EXPECT_EQUAL(o.live, o.audit_live);
            EXPECT_EQUAL(o.live_bytes, o.audit_bytes);
            EXPECT_EQUAL(o.gauge_bytes, o.live_bytes);
            EXPECT_EQUAL(o.gauge_bytes_at_end, 0);
            EXPECT_EQUAL(audit.live, 0);
            EXPECT_EQUAL(o.mapped_in_run, 0);
            assert_true(o.ops > 0);
            assert_true(o.latencies > 0 || o.ops < 97 * threads);
        }
}

static void the_checksum_depends_on_the_seed_alone(void **state)
{
    (void)state;
    static const char *const specs[] = {"system", "null", "bump", "pools", "locked(pymalloc)"};
    for (size_t i = 0; i < small_count; i++)
        for (unsigned threads = 1; threads <= THREADS_MAX; threads += 2) {
            memset(&audit, 0, sizeof audit);
            struct outcome first = run_on(&small[i], &audit_alloc, ALLOC_THREADS, threads, 42);
            struct outcome other = run_on(&small[i], &audit_alloc, ALLOC_THREADS, threads, 43);
            bool seedless = workload_list[small[i].index]->flags & WORKLOAD_SEEDLESS;
            if (!seedless && first.checksum == other.checksum)
                fail_msg("%s: the seed changes nothing", small[i].name);
            for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
                struct spec spec;
                struct alloc_stack stack;
                struct message m = {""};
                if (spec_parse(&spec, specs[k], &m) || alloc_open(&stack, &spec, &m))
                    fail_msg("%s: %s", specs[k], m.text);
                struct outcome o = run_on(&small[i], &stack.layer[0], spec.flags, threads, 42);
                alloc_close(&stack);
                if (o.checksum != first.checksum || o.ops != first.ops || o.faults || o.failed)
                    fail_msg("%s x%u on %s: checksum %llx (audit: %llx), %llu operations (%llu), %llu "
                             "faults, %llu failures",
                             small[i].name, threads, specs[k], (unsigned long long)o.checksum,
                             (unsigned long long)first.checksum, (unsigned long long)o.ops,
                             (unsigned long long)first.ops, (unsigned long long)o.faults,
                             (unsigned long long)o.failed);
            }
        }
}

static void failed_allocations_are_counted_and_survived(void **state)
{
    (void)state;
    for (size_t i = 0; i < small_count; i++)
        for (unsigned threads = 1; threads <= 3; threads += 2) {
            memset(&audit, 0, sizeof audit);
            audit.fail_every = 13;
            struct outcome o = run_on(&small[i], &audit_alloc, ALLOC_THREADS, threads, 42);
            if (!o.failed)
                fail_msg("%s: no failure was counted", small[i].name);
            EXPECT_EQUAL(o.faults, 0);
            EXPECT_EQUAL(audit.broken, 0);
            EXPECT_EQUAL(o.live_bytes, o.audit_bytes);
            EXPECT_EQUAL(audit.live, 0);
        }
}

/* An allocator that changes a live block is found out by every workload that holds more than one at a
 * time. */
static void changed_contents_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < small_count; i++) {
        if (workload_list[small[i].index]->flags & WORKLOAD_ONE_BLOCK)
            continue;
        memset(&audit, 0, sizeof audit);
        audit.spoil = true;
        struct outcome o = run_on(&small[i], &audit_alloc, ALLOC_THREADS, 1, 42);
        if (!o.faults)
            fail_msg("%s did not see that its blocks were changed", small[i].name);
    }
}

static int collect(void **state)
{
    (void)state;
    small_collect(LEVEL_ALLOC);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_keep_their_word_on_an_auditing_allocator),
        cmocka_unit_test(the_checksum_depends_on_the_seed_alone),
        cmocka_unit_test(failed_allocations_are_counted_and_survived),
        cmocka_unit_test(changed_contents_are_found),
    };
    return cmocka_run_group_tests(tests, collect, NULL);
}
