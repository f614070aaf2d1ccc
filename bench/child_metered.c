/* child_metered.c: latency.request_metered_*: what requests would have waited had they arrived evenly, as DaCapo Chopin tells it
 * (Blackburn et al., ASPLOS'25). A closed loop sends no request while it is stopped, so that its simple latency shows a
 * pause once; in an open world the requests behind it wait, too.
 *
 *   metered = max(simple, end - smoothed begin)
 *   full    the smoothed begins of a thread's requests are even from its first begin to its last
 *   100ms   a request keeps its rank among those that began within 50 ms of it, which are even over that window
 *
 * Each thread's requests are smoothed by themselves: it is a client of its own. The log is mapped for as many requests as are
 * planned; more than METERED_MAX and there are no such figures. */
#include "child.h"
#include "hist.h"

#define METERED_MAX    (UINT64_C(1) << 22) /* requests of all threads: 64 MiB */
#define METERED_WINDOW 100000000u

struct metered_request {
    uint64_t begin_ns, end_ns;
};

static struct {
    struct {
        struct metered_request *request; /* in the order of their begins */
        size_t count;
    } * thread;
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

void metered_open(const struct child_cell *cell, struct workload_sample *s)
{
    uint64_t planned = s->workload->tells_requests && !cell->oracle ? child_planned_ops(cell, s) : 0;
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

/* What it would have been had the request begun when it was due. */
static void metered_record(struct hist *h, const struct metered_request *r, uint64_t due_ns)
{
    hist_record(h, r->end_ns - (due_ns < r->begin_ns ? due_ns : r->begin_ns));
}

/* Place number `rank` of `count` even ones from first to last. */
static uint64_t metered_due(uint64_t first_ns, uint64_t last_ns, size_t rank, size_t count)
{
    return count < 2 ? last_ns
                     : first_ns + (uint64_t)((unsigned __int128)(last_ns - first_ns) * rank / (count - 1));
}

static void metered_thread(const struct metered_request *r, size_t n, struct hist *window, struct hist *full)
{
    uint64_t first = n ? r[0].begin_ns : 0, last = n ? r[n - 1].begin_ns : 0;
    for (size_t k = 0, i = 0, j = 0; k < n; k++) { /* [i, j): those of the window */
        uint64_t at = r[k].begin_ns, half = METERED_WINDOW / 2;
        uint64_t from = at - first > half ? at - half : first, to = last - at > half ? at + half : last;
        while (r[i].begin_ns < from)
            i++;
        while (j < n && r[j].begin_ns <= to)
            j++;
        metered_record(window, &r[k], metered_due(from, to, k - i, j - i));
        metered_record(full, &r[k], metered_due(first, last, k, n));
    }
}

void metered_report(const struct child_cell *cell)
{
    static struct hist window, full;
    if (!metered.thread || !metered.thread[0].count) /* an open loop tells none */
        return;
    for (unsigned i = 0; i < cell->threads; i++)
        metered_thread(metered.thread[i].request, metered.thread[i].count, &window, &full);
    say_latency("request_metered_100ms", &window);
    say_latency("request_metered_full", &full);
}
