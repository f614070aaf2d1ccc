/* metered.c: latency.request_metered_* (metered.h). Each thread is a client of its own: its requests are due
 * by themselves. The log is mapped for as many requests as are planned; more than METERED_MAX and there are
 * no such figures. */
#include "worker.h"
#include "bench/stat/metered.h"

#define METERED_MAX    (UINT64_C(1) << 22) /* requests of all threads: 64 MiB */
#define METERED_WINDOW 100000000u

struct metered_thread {
    struct metered_request *request; /* in the order of their begins */
    size_t count;
};

static struct {
    struct metered_thread *thread;
    size_t room; /* of each */
} metered;

static void metered_note(struct workload_thread *t, uint64_t begin_ns, uint64_t end_ns)
{
    t->sample->latency(t, OP_REQUEST, end_ns - begin_ns);
    if (metered.thread[t->index].count < metered.room)
        metered.thread[t->index].request[metered.thread[t->index].count++] =
            (struct metered_request){begin_ns, end_ns};
}

static void metered_simple(struct workload_thread *t, uint64_t begin_ns, uint64_t end_ns)
{
    t->sample->latency(t, OP_REQUEST, end_ns - begin_ns);
}

void metered_open(const struct worker_cell *cell, struct workload_sample *s)
{
    uint64_t planned =
        s->workload->reports_requests && !cell->settings.oracle ? worker_planned_ops(cell, s) : 0;
    s->request = metered_simple;
    if (!planned || planned > METERED_MAX)
        return;
    metered.room = planned / cell->threads + 1;
    metered.thread = workload_scratch(cell->threads * sizeof *metered.thread);
    for (unsigned i = 0; i < cell->threads && metered.thread; i++)
        if (!(metered.thread[i].request = workload_scratch(metered.room * sizeof(struct metered_request))))
            metered.thread = NULL;
    if (!metered.thread)
        say_fail("oom", "no memory for the log of requests");
    s->request = metered_note;
}

void metered_report(const struct worker_cell *cell)
{
    static struct hist window, full;
    if (!metered.thread || !metered.thread[0].count) /* an open loop has none */
        return;
    for (unsigned i = 0; i < cell->threads; i++) {
        metered_add(metered.thread[i].request, metered.thread[i].count, METERED_WINDOW, &window);
        metered_add(metered.thread[i].request, metered.thread[i].count, 0, &full);
    }
    say_latency("request_metered_100ms", &window, true);
    say_latency("request_metered_full", &full, true);
}
