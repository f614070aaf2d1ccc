/* main.c: a worker's main: reads its cell, sets the sample up, goes through its phases, reports the
 * figures, exits. Started by the front alone (spawn.c); its arguments are the rows of IN_WORKER in
 * bench/plan/settings.h, NAME=VALUE each. */
#include "worker.h"
#include "bench/worker/check/check.h"
#include "protocol.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "workloads/registry.h"

static struct message message;

static void main_note(struct workload_sample *s, const char *key, uint64_t value)
{
    (void)s;
    say_integer(key, value);
}

static void main_note_text(struct workload_sample *s, const char *key, const char *value)
{
    (void)s;
    say_text(key, value);
}

/* Everything that a sample needs, before its first phase. */
static void main_setup(const struct worker_cell *cell, struct alloc_stack *stack, struct workload_sample *s)
{
    int err = alloc_open(stack, &cell->alloc, &message);
    if (err)
        say_fail(err == -ENOMEM ? "oom" : "not-applicable", message.text);
    struct gauge *gauge = os_map_file(HG_FD_PAGE, sizeof(struct gauge), true);
    struct workload_thread *thread = workload_scratch(cell->threads * sizeof *thread);
    if (!gauge || !thread)
        say_fail("oom", "no memory for the worker's own tables");
    *s = (struct workload_sample){
        .workload = workload_at(cell->workload_index),
        .name = cell->workload->name,
        .params = cell->workload_params,
        .alloc = &stack->layer[0],
        .alloc_flags = cell->alloc.flags,
        .threads = cell->threads,
        .first_worker = cell->process * cell->threads,
        .workers = cell->processes * cell->threads,
        .seed = cell->settings.work_seed,
        .thread = thread,
        .note = main_note,
        .note_text = main_note_text,
        .message = &message,
    };
    phases_open(cell, s, gauge);
    heapmap_open(cell, s->alloc);
    probe_open(cell, s, gauge);
    peak_open(cell, s);
    metered_open(cell, s);
    for (unsigned i = 0; i < cell->threads; i++)
        thread[i] = (struct workload_thread){
            .sample = s,
            .alloc = s->alloc,
            .gauge = &gauge->thread[i],
            .index = i,
            .until_latency = s->latency_every == UINT32_MAX ? UINT32_MAX : 1 + s->latency_every / 2,
            .seed = cell->settings.work_seed * 0x9e3779b97f4a7c15u + ((uint64_t)(s->first_worker + i) << 40),
        };
    if (cell->gc)
        s->runtime = object_open(cell, s);
    object_thread_begin(s->runtime, 0);
    err = s->workload->setup(s);
    object_thread_end(s->runtime, 0);
    if (err)
        say_fail(err == -ENOMEM ? "oom" : "not-applicable", message.text);
}

/* The figures of the sample, and whether it did its work. */
static void main_report(const struct worker_cell *cell, struct workload_sample *s, struct pauses_run run)
{
    uint64_t ops = 0, checksum = 0, faults = 0, failed = 0;
    char text[128];
    for (unsigned i = 0; i < cell->threads; i++) {
        ops += s->thread[i].ops;
        checksum += s->thread[i].checksum;
        faults += s->thread[i].faults;
        failed += s->thread[i].failed_allocs;
    }
    uint64_t wall = run.work_end_ns > run.start_ns ? run.work_end_ns - run.start_ns : 1;
    say_integer(SAY(ops), ops);
    say_text(SAY(checksum), SAY_KEY(text, "%016llx", (unsigned long long)checksum));
    bool timed = !cell->settings.oracle && !cell->settings.every_call;
    if (timed) {
        say_integer(SAY(wall_ns), wall);
        say_integer(SAY(probe_start_ns), run.start_ns);
        say_integer(SAY(probe_end_ns), run.work_end_ns);
        say_real(SAY(ops_per_s), (double)ops * 1e9 / (double)wall);
        run.cpu_ns = probe_report();
    }
    if (!cell->settings.oracle) {
        probe_report_latencies(s);
        metered_report(cell);
    }
    if (timed && s->runtime)
        pauses_report(&run);
    census_report(cell);
    if (failed)
        say_fail("oom", SAY_KEY(text, "%llu allocations failed", (unsigned long long)failed));
    if (s->workload->verify && s->workload->verify(s))
        say_fail("check-failed", message.text);
    if (faults)
        say_fail("check-failed", SAY_KEY(text, "the contents of %llu blocks were changed by the allocator",
                                         (unsigned long long)faults));
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--check") == 0)
        return worker_check_main(argc, argv);
    static struct worker_cell cell;
    static struct alloc_stack stack;
    static struct workload_sample sample;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    worker_cell_read(&cell, argv);
    if (cell.settings.advise_huge)
        os_want_huge_pages();
    worker_files_open();
    if (cell.processes > 1)
        say_whole_distributions();
    proof_of_library(&cell);
    worker_bind(&cell, 0);
    worker_bind_memory(&cell);
    main_setup(&cell, &stack, &sample);
    phases_start_threads();
    phases_run();
    main_report(&cell, &sample, phases_end());
    if (sample.workload->finish) {
        object_thread_begin(sample.runtime, 0);
        sample.workload->finish(&sample);
        object_thread_end(sample.runtime, 0);
    }
    if (sample.runtime)
        object_close(sample.runtime, &cell, &sample);
    alloc_close(&stack);
    say_phase("exit", 0, 0);
    return 0;
}
