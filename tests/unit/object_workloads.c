/* object_workloads.c: every object-level workload when memory runs out: one allocation fails, or all from one
 * on, at every place of its life. It stops, says so, gives back what it holds, and the runtime closes with
 * nothing left in the allocator. Without a failure it keeps what it says and its checksum is that of its
 * parts, however many threads do them. */
// policies: gil objlock atomic biased
// links: $(LEVEL_C) $(FORMAT_C)
#include "gc/heap/heap.h"
#include "gc/runtime.h"
#include "workloads/registry.h"
#include "workloads/workload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "small.h"

enum { THREADS_MAX = 3 };

/* --- an allocator that counts, and fails where it is told to -------------------------------------------- */

static struct {
    _Atomic uint64_t asked, failed;
    _Atomic int64_t live;
    uint64_t fail_first, fail_last; /* these, counted from 1; 0: none */
} counting;

static bool counting_fails(void)
{
    uint64_t n = atomic_fetch_add(&counting.asked, 1) + 1;
    bool fails = n >= counting.fail_first && n <= counting.fail_last;
    if (fails)
        atomic_fetch_add(&counting.failed, 1);
    return fails;
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add(&counting.live, 1);
    return p;
}

static void *counting_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return counting_fails() ? NULL : counted(malloc(size ? size : 1));
}

static void *counting_calloc(void *ctx, size_t count, size_t size)
{
    (void)ctx;
    return counting_fails() ? NULL : counted(calloc(count ? count : 1, size ? size : 1));
}

static void *counting_realloc(void *ctx, void *p, size_t size)
{
    (void)ctx;
    if (counting_fails())
        return NULL;
    return p ? realloc(p, size ? size : 1) : counted(malloc(size ? size : 1));
}

static void counting_free(void *ctx, void *p)
{
    (void)ctx;
    if (p)
        atomic_fetch_sub(&counting.live, 1);
    free(p);
}

static void *counting_aligned(void *ctx, size_t align, size_t size)
{
    (void)ctx;
    return counting_fails() ? NULL : counted(aligned_alloc(align, (size + align - 1) / align * align));
}

static size_t counting_usable(void *ctx, const void *p)
{
    (void)ctx;
    (void)p;
    return 0;
}

static const struct alloc counting_alloc = {
    NULL,          counting_malloc,  counting_calloc, counting_realloc,
    counting_free, counting_aligned, counting_usable, NULL};

/* --- a worker in this process --------------------------------------------------------------------------- */

struct outcome {
    bool opened, set_up;
    uint64_t checksum, ops, failed, alive, kept;
    int64_t left; /* blocks, after all is closed */
};

static struct {
    struct workload_sample sample;
    struct workload_thread thread[THREADS_MAX];
    struct gauge gauge;
    pthread_barrier_t barrier;
    struct runtime *runtime;
} worker;

static void ignore_latency(struct workload_thread *t, enum op_kind op, uint64_t ns)
{
    (void)t;
    (void)op;
    (void)ns;
}

static void ignore_request(struct workload_thread *t, uint64_t begin_ns, uint64_t end_ns)
{
    (void)t, (void)begin_ns, (void)end_ns;
}

static void ignore_note(struct workload_sample *s, const char *key, uint64_t value)
{
    (void)s;
    (void)key;
    (void)value;
}

static void call(struct workload_thread *t, void (*phase)(struct workload_thread *))
{
    if (phase) {
        runtime_thread_attach(worker.runtime, t->index);
        phase(t);
        runtime_thread_detach(worker.runtime);
    }
    pthread_barrier_wait(&worker.barrier);
}

static void *worker_thread(void *arg)
{
    struct workload_thread *t = arg;
    call(t, t->sample->workload->prepare);
    call(t, t->sample->workload->run);
    call(t, t->sample->workload->drain);
    return NULL;
}

static const struct collector_info *collector(void)
{
    const struct collector_info *c = collector_list;
    while (strcmp(c->name, RC_GIL_HELD ? "generational" : "stw") != 0)
        c++;
    return c;
}

/* What a setup had made before it failed: all of it is in the roots. A worker would end with it. */
static void drop_roots(struct runtime *r)
{
    for (size_t i = 0; i < r->roots.count; i++)
        for (size_t k = 0; k < r->roots.at[i].count; k++) {
            struct object *o = r->roots.at[i].at[k];
            r->roots.at[i].at[k] = NULL;
#if HG_RC == HG_RC_BIASED
            if (o)
                rc_clear_deferred(o);
#endif
            rc_xdec(o);
        }
}

static struct outcome run_small(const struct small *run, unsigned threads, unsigned first, unsigned workers,
                                uint64_t fail_first, uint64_t fail_last)
{
    static _Alignas(16) unsigned char params[PARAM_STRUCT_MAX], gc_params[PARAM_STRUCT_MAX];
    const struct workload *w = workload_at(run->index);
    struct message m = {""};
    struct outcome o = {0};
    pthread_t id[THREADS_MAX];
    memset(&worker, 0, sizeof worker);
    memset(&counting, 0, sizeof counting);
    counting.fail_first = fail_first;
    counting.fail_last = fail_last;
    if (param_parse(workload_list[run->index]->params, params, run->name, run->params, &m) ||
        param_parse(collector()->params, gc_params, "collector", "", &m))
        fail_msg("%s", m.text);
    struct runtime_config config = {.alloc = &counting_alloc,
                                    .collector = collector(),
                                    .collector_params = gc_params,
                                    .threads = threads};
    if (runtime_open(&worker.runtime, &config, &m) != 0) {
        o.left = counting.live;
        return o;
    }
    o.opened = true;
    struct workload_sample *s = &worker.sample;
    *s = (struct workload_sample){.workload = w,
                                  .name = run->name,
                                  .params = params,
                                  .alloc = &counting_alloc,
                                  .runtime = worker.runtime,
                                  .threads = threads,
                                  .first_worker = first,
                                  .workers = workers,
                                  .seed = 42,
                                  .latency_every = UINT32_MAX,
                                  .thread = worker.thread,
                                  .latency = ignore_latency,
                                  .request = ignore_request,
                                  .note = ignore_note,
                                  .message = &m};
    for (unsigned i = 0; i < threads; i++)
        worker.thread[i] = (struct workload_thread){.sample = s,
                                                    .alloc = s->alloc,
                                                    .gauge = &worker.gauge.thread[i],
                                                    .index = i,
                                                    .until_latency = UINT32_MAX,
                                                    .seed = 42 + first + i};
    o.set_up = w->setup(s) == 0;
    if (!o.set_up) {
        assert_true(m.text[0]);
        drop_roots(worker.runtime);
    }
    runtime_thread_detach(worker.runtime);
    if (o.set_up) {
        pthread_barrier_init(&worker.barrier, NULL, threads);
        for (unsigned i = 1; i < threads; i++)
            if (pthread_create(&id[i], NULL, worker_thread, &worker.thread[i]))
                abort();
        worker_thread(&worker.thread[0]);
        for (unsigned i = 1; i < threads; i++)
            pthread_join(id[i], NULL);
        pthread_barrier_destroy(&worker.barrier);
    }
    for (unsigned i = 0; i < threads; i++) {
        o.checksum += worker.thread[i].checksum;
        o.ops += worker.thread[i].ops;
        o.failed += worker.thread[i].failed_allocs;
    }
    runtime_thread_attach(worker.runtime, 0);
    counting.fail_first = 0;
    counting.fail_last = 0;
    o.kept = w->kept ? w->kept(s) : 0;
    runtime_collect(worker.runtime);
    o.alive = runtime_live_objects(worker.runtime);
    runtime_close(worker.runtime);
    o.left = counting.live;
    return o;
}

/* More than one of a workload that has one thread: the front refuses it, and a child that such a thread forks
 * would find the heap as the others left it, in the middle of something. */
static unsigned threads_most(const struct small *run, unsigned wanted)
{
    return workload_list[run->index]->flags & WORKLOAD_ONE_THREAD ? 1 : wanted;
}

static void without_a_failure_the_parts_add_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < small_count; i++)
        for (unsigned workers = 1; workers <= threads_most(&small[i], THREADS_MAX); workers++) {
            struct outcome whole = run_small(&small[i], workers, 0, workers, 0, 0), sum = {0};
            assert_true(whole.set_up && !whole.failed && whole.ops);
            if (whole.left || whole.alive != whole.kept)
                fail_msg("%s:%s x%u: %lld blocks left, %llu objects alive, not %llu", small[i].name,
                         small[i].params, workers, (long long)whole.left, (unsigned long long)whole.alive,
                         (unsigned long long)whole.kept);
            for (unsigned part = 0; part < workers; part++) {
                struct outcome o = run_small(&small[i], 1, part, workers, 0, 0);
                sum.checksum += o.checksum;
                sum.ops += o.ops;
            }
            if (sum.checksum != whole.checksum || sum.ops != whole.ops)
                fail_msg("%s:%s: %u threads are not %u processes of one", small[i].name, small[i].params,
                         workers, workers);
        }
}

/* A failure must leave nothing behind, and be told, unless it changed nothing: a table that could not grow
 * and did not have to. Returns what is wrong, or NULL. */
static const char *wrong_after_failure(const struct outcome *o, const struct outcome *whole)
{
    if (o->left)
        return "blocks are left in the allocator";
    if (!o->opened)
        return NULL;
    if (o->set_up ? o->alive != o->kept : o->alive != 0)
        return "objects are alive at the end";
    if (o->set_up && !o->failed && (o->checksum != whole->checksum || o->ops != whole->ops))
        return "it was not told, and other work was done";
    return NULL;
}

static void running_out_of_memory_is_told_and_survived(void **state)
{
    (void)state;
    unsigned found = 0;
    for (size_t i = 0; i < small_count; i++)
        for (unsigned threads = 1; threads <= threads_most(&small[i], 2); threads++) {
            struct outcome whole = run_small(&small[i], threads, 0, threads, 0, 0);
            uint64_t asked = counting.asked, told = 0;
            /* Each of the first, then every few: at most some 150 places. */
            for (uint64_t at = 1; at <= asked; at += 1 + at / 40)
                for (unsigned all = 0; all < 2; all++) {
                    struct outcome o = run_small(&small[i], threads, 0, threads, at, all ? UINT64_MAX : at);
                    const char *wrong = wrong_after_failure(&o, &whole);
                    told += o.failed != 0;
                    if (wrong)
                        print_error("%s:%s x%u, a failure %s allocation %llu: %s\n", small[i].name,
                                    small[i].params, threads, all ? "from" : "at", (unsigned long long)at,
                                    wrong);
                    found += wrong != NULL;
                }
            if (!told)
                fail_msg("%s:%s x%u: no failure was told", small[i].name, small[i].params, threads);
        }
    assert_int_equal(found, 0);
}

static int collect(void **state)
{
    (void)state;
    small_collect(LEVEL_OBJECT);
#if HG_RC != HG_RC_GIL
    /* Not for all policies, so not in its description. Ints beyond the runtime's own die with their records. */
    for (size_t i = 0; workload_list[i]; i++)
        if (strcmp(workload_list[i]->name, "prefork") == 0)
            small[small_count++] = (struct small){"prefork", "heap=300,immortal=1,churn=50", i};
#endif
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_failure_the_parts_add_up),
        cmocka_unit_test(running_out_of_memory_is_told_and_survived),
    };
    return cmocka_run_group_tests(tests, collect, NULL);
}
