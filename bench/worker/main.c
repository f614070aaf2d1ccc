/* main.c: a worker's main: reads its cell, runs the phases of one sample, says the figures, exits. Started
 * by the front alone (spawn.c); its arguments are the rows of IN_WORKER in bench/plan/settings.h,
 * NAME=VALUE each.
 *
 * With one thread the main thread does the work and no other exists: a second thread would take the C
 * library's malloc off its single-thread path. */
#include "worker.h"
#include "bench/worker/check/check.h"
#include "protocol.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workloads/registry.h"

static struct {
    struct worker_cell cell;
    struct alloc_stack stack;
    struct workload_sample sample;
    struct workload_thread *thread;
    struct gauge *gauge;
    pthread_barrier_t barrier;
    uint64_t *start_ns, *end_ns;
    struct message message;
} child;

/* --- phases -------------------------------------------------------------------------------------------- */

static void child_bind(unsigned index)
{
    if (!child.cell.cpus)
        return;
    cpu_set_t set, got;
    CPU_ZERO(&set);
    CPU_SET((size_t)child.cell.cpu[index % child.cell.cpus], &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0 || sched_getaffinity(0, sizeof got, &got) != 0 ||
        !CPU_EQUAL(&set, &got))
        say_fail("not-applicable",
                 "the kernel does not let this process bind to the processors of its placement");
}

/* All memory from one NUMA node, for this thread and those it starts; before anything of the sample is
 * touched. By the system call itself: the workers link no libnuma. A kernel without NUMA has node 0 alone,
 * and all memory is there. */
static void child_bind_memory(void)
{
    unsigned long mask[WORKER_NODES_MAX / (8 * sizeof(unsigned long))] = {0};
    unsigned bits = 8 * sizeof *mask;
    int node = child.cell.node;
    if (node < 0)
        return;
    if (node >= WORKER_NODES_MAX)
        say_fail("not-applicable", "the NUMA node of its placement has too high a number");
    mask[(unsigned)node / bits] = 1ul << (unsigned)node % bits;
    if (syscall(SYS_set_mempolicy, MPOL_BIND, mask, WORKER_NODES_MAX + 1) != 0 &&
        !(errno == ENOSYS && node == 0))
        say_fail("not-applicable",
                 "the kernel does not let this process bind its memory to the NUMA node of its placement");
}

/* One thread's way through the phases; the barriers hold all at the same place. Thread 0 is the main thread
 * and speaks to the front between two barriers. */
static void child_wait(void)
{
    if (child.cell.threads > 1)
        pthread_barrier_wait(&child.barrier);
}

static void child_call(void (*phase)(struct workload_thread *), unsigned index)
{
    if (!phase)
        return;
    object_thread_begin(child.sample.runtime, index);
    phase(&child.thread[index]);
    object_thread_end(child.sample.runtime, index);
}

static void child_measured(unsigned index)
{
    object_thread_begin(child.sample.runtime, index);
    child.start_ns[index] = os_now_ns();
    child.sample.workload->run(&child.thread[index]);
    child.end_ns[index] = os_now_ns();
    object_thread_end(child.sample.runtime, index);
}

static void *child_thread(void *arg)
{
    unsigned index = (unsigned)(uintptr_t)arg;
    child_bind(index);
    child_wait(); /* all threads exist: baseline */
    child_wait(); /* prepare */
    child_call(child.sample.workload->prepare, index);
    child_wait(); /* all are prepared */
    child_wait(); /* begin */
    child_measured(index);
    child_wait(); /* all have run: peak */
    child_wait(); /* drain */
    child_call(child.sample.workload->drain, index);
    child_wait(); /* all are drained */
    /* the front has seen what is left: a thread that ends gives its caches back, not before that */
    child_wait();
    return NULL;
}

struct child_live {
    uint64_t requested, usable;
    bool usable_known;
};

static void child_visit(void *arg, const void *block, size_t requested)
{
    struct child_live *live = arg;
    size_t usable = child.sample.alloc->usable(child.sample.alloc->ctx, block);
    live->requested += requested;
    live->usable += usable;
    live->usable_known &= usable != 0;
}

static struct child_live child_live(void)
{
    struct child_live live = {0, 0, !(child.sample.alloc_flags & ALLOC_ALIASES)};
    if (child.sample.workload->live)
        child.sample.workload->live(&child.sample, child_visit, &live);
    if (!live.usable_known)
        live.usable = 0; /* the front takes 0 as "not known" */
    return live;
}

/* At the peak: what the front needs of the allocator, and what it says of itself. */
static void child_report_heap(void)
{
    const struct alloc *a = child.sample.alloc;
    struct alloc_stats stats;
    memset(&stats, 0xff, sizeof stats);
    if (a->backend->stats)
        a->backend->stats(a->ctx, &stats);
    const struct {
        const char *key;
        uint64_t value;
    } figures[] = {{"probe.peak.mapped", stats.mapped_bytes},
                   {"probe.peak.active", stats.active_bytes},
                   {"probe.peak.largest_free", stats.largest_free_bytes},
                   {"probe.peak.total_free", stats.total_free_bytes}};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (figures[i].value != ALLOC_UNKNOWN)
            say_integer(figures[i].key, figures[i].value);
    if (a->backend->report)
        a->backend->report(a->ctx, &say_sink);
}

static void child_phases(void)
{
    const struct workload *w = child.sample.workload;
    child_wait();
    say_phase("baseline", 0, 0);
    child_wait();
    child_call(w->prepare, 0);
    child_wait();
    struct child_live live = child_live();
    uint64_t began_ns = os_now_ns();
    heapmap_write(child.sample.alloc, "begin", 0);
    census_at(child.sample.runtime, &child.cell, child.gauge, "begin");
    say_phase("begin", live.requested, live.usable);
    if (child.sample.runtime)
        object_begin_measured(&child.cell, &child.sample);
    probe_begin();
    child_wait();
    child_measured(0);
    child_wait();
    probe_end();
    if (child.sample.runtime)
        object_end_measured(&child.sample);
    live = child_live();
    child_report_heap();
    heapmap_write(child.sample.alloc, "peak", os_now_ns() - began_ns);
    say_phase("peak", live.requested, live.usable);
    census_at(child.sample.runtime, &child.cell, child.gauge, "peak");
    child_wait();
    child_call(w->drain, 0);
    child_wait();
    heapmap_write(child.sample.alloc, "drained", os_now_ns() - began_ns);
    say_phase("drained", 0, 0);
    census_at(child.sample.runtime, &child.cell, child.gauge, "drained");
    child_wait();
}

/* --- the sample ---------------------------------------------------------------------------------------- */

static void child_note(struct workload_sample *s, const char *key, uint64_t value)
{
    (void)s;
    say_integer(key, value);
}

static void child_note_text(struct workload_sample *s, const char *key, const char *value)
{
    (void)s;
    say_text(key, value);
}

static void child_setup(void)
{
    struct worker_cell *cell = &child.cell;
    int err = alloc_open(&child.stack, &cell->alloc, &child.message);
    if (err)
        say_fail(err == -ENOMEM ? "oom" : "not-applicable", child.message.text);
    child.gauge = os_map_file(HG_FD_PAGE, sizeof(struct gauge), true);
    child.thread = workload_scratch(cell->threads * sizeof *child.thread);
    child.start_ns = workload_scratch(cell->threads * sizeof *child.start_ns);
    child.end_ns = workload_scratch(cell->threads * sizeof *child.end_ns);
    if (!child.gauge || !child.thread || !child.start_ns || !child.end_ns)
        say_fail("oom", "no memory for the worker's own tables");
    struct workload_sample *s = &child.sample;
    *s = (struct workload_sample){
        .workload = workload_at(cell->workload_index),
        .name = cell->workload->name,
        .params = cell->workload_params,
        .alloc = &child.stack.layer[0],
        .alloc_flags = cell->alloc.flags,
        .threads = cell->threads,
        .first_worker = cell->process * cell->threads,
        .workers = cell->processes * cell->threads,
        .seed = cell->settings.work_seed,
        .thread = child.thread,
        .note = child_note,
        .note_text = child_note_text,
        .message = &child.message,
    };
    heapmap_open(cell, s->alloc);
    probe_open(cell, s);
    metered_open(cell, s);
    if (cell->gc)
        s->runtime = object_open(cell, s->alloc);
    for (unsigned i = 0; i < cell->threads; i++)
        child.thread[i] = (struct workload_thread){
            .sample = s,
            .alloc = s->alloc,
            .gauge = &child.gauge->thread[i],
            .index = i,
            .until_latency = s->latency_every == UINT32_MAX ? UINT32_MAX : 1 + s->latency_every / 2,
            .seed = cell->settings.work_seed * 0x9e3779b97f4a7c15u + ((uint64_t)(s->first_worker + i) << 40),
        };
    object_thread_begin(s->runtime, 0);
    err = s->workload->setup(s);
    object_thread_end(s->runtime, 0);
    if (err)
        say_fail(err == -ENOMEM ? "oom" : "not-applicable", child.message.text);
}

static void child_start_threads(pthread_t *ids)
{
    if (child.cell.threads > 1)
        pthread_barrier_init(&child.barrier, NULL, child.cell.threads);
    for (unsigned i = 1; i < child.cell.threads; i++) {
        int err = pthread_create(&ids[i], NULL, child_thread, (void *)(uintptr_t)i);
        if (err) {
            char reason[128];
            say_fail("oom", SAY_KEY(reason, "cannot start thread %u of %u: %s", i + 1, child.cell.threads,
                                    strerror(err)));
        }
    }
}

static void child_verify(void)
{
    uint64_t ops = 0, checksum = 0, faults = 0, failed = 0;
    struct pauses_run run = {.start_ns = UINT64_MAX};
    char text[128];
    for (unsigned i = 0; i < child.cell.threads; i++) {
        ops += child.thread[i].ops;
        checksum += child.thread[i].checksum;
        faults += child.thread[i].faults;
        failed += child.thread[i].failed_allocs;
        run.start_ns = child.start_ns[i] < run.start_ns ? child.start_ns[i] : run.start_ns;
        run.end_ns = child.end_ns[i] > run.end_ns ? child.end_ns[i] : run.end_ns;
        run.threads_ns += child.end_ns[i] - child.start_ns[i];
    }
    uint64_t wall = run.end_ns > run.start_ns ? run.end_ns - run.start_ns : 1;
    say_integer("ops", ops);
    say_text("checksum", SAY_KEY(text, "%016llx", (unsigned long long)checksum));
    if (!child.cell.settings.oracle) {
        say_integer("wall_ns", wall);
        say_integer("probe.start_ns", run.start_ns);
        say_integer("probe.end_ns", run.end_ns);
        say_real("ops_per_s", (double)ops * 1e9 / (double)wall);
        run.cpu_ns = probe_report(&child.cell);
        metered_report(&child.cell);
        if (child.sample.runtime)
            pauses_report(&run);
    }
    census_report(&child.cell);
    if (failed)
        say_fail("oom", SAY_KEY(text, "%llu allocations failed", (unsigned long long)failed));
    if (child.sample.workload->verify && child.sample.workload->verify(&child.sample))
        say_fail("check-failed", child.message.text);
    if (faults)
        say_fail("check-failed", SAY_KEY(text, "the contents of %llu blocks were changed by the allocator",
                                         (unsigned long long)faults));
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--check") == 0)
        return child_check_main(argc, argv);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    worker_cell_read(&child.cell, argv);
    if (child.cell.processes > 1)
        say_whole_distributions();
    proof_of_library(&child.cell);
    child_bind(0);
    child_bind_memory();
    child_setup();
    pthread_t *ids = workload_scratch(child.cell.threads * sizeof *ids);
    if (!ids)
        say_fail("oom", "no memory for the worker's own tables");
    child_start_threads(ids);
    child_phases();
    for (unsigned i = 1; i < child.cell.threads; i++)
        pthread_join(ids[i], NULL);
    child_verify();
    if (child.sample.workload->finish) {
        object_thread_begin(child.sample.runtime, 0);
        child.sample.workload->finish(&child.sample);
        object_thread_end(child.sample.runtime, 0);
    }
    if (child.sample.runtime)
        object_close(child.sample.runtime, &child.cell, &child.sample);
    alloc_close(&child.stack);
    say_phase("exit", 0, 0);
    return 0;
}
