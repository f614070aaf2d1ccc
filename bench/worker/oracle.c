/* oracle.c: an oracle sample: how much garbage waits, found exactly (heap_garbage, gc/heap/heap.h) at so many
 * points of the measured phase, evenly spaced by operations: gc.uncollected_*. A walk costs as much as a full
 * collection, so that such a sample has no times and no memory.
 *
 * The walk is made at a safepoint of whichever thread finds that it is due, the world stopped; before a
 * collection that is due at the same safepoint. It reads only: counts, lists and the collector's trigger stay
 * as they are. */
#include "worker.h"

#include "gc/heap/heap.h"

static struct {
    struct workload_sample *sample;
    uint64_t walks, ops;   /* that are wanted; that the measured phase does */
    _Atomic uint64_t next; /* walks that were made or skipped: who raises it makes the walk */
    bool on;               /* changes while the threads wait at a barrier */
    /* Written with the world stopped. */
    uint64_t made, objects, peak, peak_bytes;
    bool no_memory;
} oracle;

/* Operations after which walk n is due: the last one at the end of the work. */
static uint64_t oracle_due(uint64_t n)
{
    return (uint64_t)((unsigned __int128)oracle.ops * (n + 1) / oracle.walks);
}

static void oracle_walk(struct runtime *r)
{
    struct heap_garbage found;
    thread_stop_world(r);
    if (heap_garbage(r, &found) != 0) {
        oracle.no_memory = true;
    } else {
        oracle.made++;
        oracle.objects += found.garbage;
        oracle.peak = found.garbage > oracle.peak ? found.garbage : oracle.peak;
        oracle.peak_bytes = found.bytes > oracle.peak_bytes ? found.bytes : oracle.peak_bytes;
    }
    thread_start_world(r);
}

void oracle_watch(void *arg)
{
    (void)arg;
    uint64_t next = atomic_load_explicit(&oracle.next, memory_order_relaxed), past = next, done = 0;
    if (!oracle.on || next >= oracle.walks)
        return;
    for (unsigned i = 0; i < oracle.sample->threads; i++)
        done += atomic_load_explicit(&oracle.sample->thread[i].gauge->ops, memory_order_relaxed);
    while (past < oracle.walks && oracle_due(past) <= done) /* operations are counted in batches */
        past++;
    /* Relaxed: it only chooses who walks; stopping the world orders the walks. */
    if (past > next && atomic_compare_exchange_strong_explicit(&oracle.next, &next, past,
                                                               memory_order_relaxed, memory_order_relaxed))
        oracle_walk(oracle.sample->runtime);
}

void oracle_begin(const struct worker_cell *cell, struct workload_sample *s)
{
    oracle.sample = s;
    oracle.walks = cell->settings.oracle;
    oracle.ops = worker_planned_ops(cell, s);
    oracle.on = true;
}

void oracle_end(void)
{
    oracle.on = false;
}

void oracle_report(void)
{
    if (oracle.no_memory)
        say_fail("oom", "no memory for the oracle's walk over the heap");
    say_integer(SAY(gc_uncollected_samples), oracle.made);
    if (!oracle.made)
        return;
    say_integer(SAY(gc_uncollected_peak), oracle.peak);
    say_integer(SAY(gc_uncollected_peak_bytes), oracle.peak_bytes);
    say_real(SAY(gc_uncollected_mean), (double)oracle.objects / (double)oracle.made);
}
