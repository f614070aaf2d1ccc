/* peak.c: the most bytes that were live in the measured phase, and what was resident then, read by the worker
 * itself: a look from outside every few milliseconds misses what lasts for a moment.
 *
 * A thread reports when it has allocated as much as it was allowed to (peak_look); then the bytes that are live
 * on all threads are summed. When they pass the most so far by one percent, statm is read: one system call for
 * each percent of growth, so that there are some hundred in any run. The time of the readings is kept apart from
 * that of the work. Under PEAK_LEAST_BYTES nothing is read: no ratio is made of so little.
 *
 * With one thread what it may allocate is what is missing to the next percent, and the reading comes right after
 * the call that passes it. With several a thread looks at its own bytes after each percent that it allocates,
 * and at the others' when its share of what is missing is used up, when another has read since, and at every
 * PEAK_SUM_EVERY-th look: at a plateau threads do not touch one another's lines. A workload that knows the call
 * at which most is live says so by itself (most_live). */
#include "worker.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PEAK_LEAST_BYTES   ((int64_t)1 << 20)
#define PEAK_ALLOWED_LEAST 16384 /* of one of several threads, and before the measured phase */
#define PEAK_SUM_EVERY     8

struct peak_thread {
    _Alignas(128) int64_t until; /* its own live bytes up to which it does not ask the others */
    uint32_t readings, looks;
    uint64_t reading_ns;
};

static struct {
    struct workload_sample *sample;
    struct peak_thread *thread;
    int statm;
    bool on; /* changes while the threads wait at a barrier */
    atomic_flag busy;
    _Atomic int64_t next;           /* sum of live bytes at which the next reading is due */
    _Atomic uint32_t readings;      /* so many were made */
    uint64_t live_bytes, rss_bytes; /* rss 0: nothing was read */
} peak = {.busy = ATOMIC_FLAG_INIT};

/* "SIZE RESIDENT ...", in pages. 0: not known. */
static uint64_t peak_resident(void)
{
    char text[128];
    ssize_t n = pread(peak.statm, text, sizeof text - 1, 0);
    uint64_t pages = 0;
    if (n <= 0 || !memchr(text, ' ', (size_t)n))
        return 0;
    text[n] = '\0';
    for (const char *at = text + strcspn(text, " ") + 1; *at >= '0' && *at <= '9'; at++)
        pages = 10 * pages + (uint64_t)(*at - '0');
    return pages * os_page_bytes();
}

/* Threads publish at different moments, so that it can be below 0 for an instant. */
static int64_t peak_sum(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < peak.sample->threads; i++)
        sum += atomic_load_explicit(&peak.sample->thread[i].gauge->live_bytes, memory_order_relaxed);
    return (int64_t)sum;
}

static int64_t peak_percent(int64_t bytes)
{
    return bytes / 100 > 4096 ? bytes / 100 : 4096;
}

/* Whoever is first reads; a second one that finds it busy goes on. Other threads allocate meanwhile: the sum is
 * the mean of before and after. */
static void peak_read(struct peak_thread *own)
{
    if (atomic_flag_test_and_set_explicit(&peak.busy, memory_order_acquire))
        return;
    int64_t sum = peak_sum();
    if (sum >= atomic_load_explicit(&peak.next, memory_order_relaxed)) {
        uint64_t begin_ns = os_now_ns(), resident = peak_resident();
        sum += (peak_sum() - sum) / 2;
        if (resident && sum > 0) {
            peak.live_bytes = (uint64_t)sum;
            peak.rss_bytes = resident;
        }
        atomic_store_explicit(&peak.next, sum + peak_percent(sum), memory_order_relaxed);
        atomic_fetch_add_explicit(&peak.readings, 1, memory_order_relaxed);
        own->reading_ns += os_now_ns() - begin_ns;
    }
    atomic_flag_clear_explicit(&peak.busy, memory_order_release);
}

/* How much one of several threads may allocate until its next look. */
static uint64_t peak_share(struct peak_thread *own, int64_t live)
{
    int64_t next = atomic_load_explicit(&peak.next, memory_order_relaxed);
    uint32_t readings = atomic_load_explicit(&peak.readings, memory_order_relaxed);
    if (live > own->until || readings != own->readings || ++own->looks % PEAK_SUM_EVERY == 0) {
        int64_t sum = peak_sum();
        if (sum >= next) {
            peak_read(own);
            next = atomic_load_explicit(&peak.next, memory_order_relaxed);
            readings = atomic_load_explicit(&peak.readings, memory_order_relaxed);
        }
        own->readings = readings;
        own->until = live + (next > sum ? (next - sum) / peak.sample->threads : 0);
    }
    int64_t left = own->until - live, most = next / 100;
    left = left < most ? left : most;
    return left > PEAK_ALLOWED_LEAST ? (uint64_t)left : PEAK_ALLOWED_LEAST;
}

static uint64_t peak_look(struct workload_thread *t, uint64_t live_bytes, uint64_t allocated_bytes)
{
    atomic_store_explicit(&t->gauge->live_bytes, live_bytes, memory_order_relaxed);
    atomic_store_explicit(&t->gauge->allocated_bytes, allocated_bytes, memory_order_relaxed);
    if (!peak.on)
        return PEAK_ALLOWED_LEAST;
    struct peak_thread *own = &peak.thread[t->index];
    int64_t live = (int64_t)live_bytes;
    if (peak.sample->threads > 1)
        return peak_share(own, live);
    if (live >= atomic_load_explicit(&peak.next, memory_order_relaxed))
        peak_read(own);
    return (uint64_t)(atomic_load_explicit(&peak.next, memory_order_relaxed) - live);
}

static void peak_most_live(struct workload_sample *s, uint64_t live_bytes)
{
    (void)s;
    uint64_t begin_ns = os_now_ns(), resident = peak_resident();
    if (resident) {
        peak.live_bytes = live_bytes;
        peak.rss_bytes = resident;
    }
    peak.thread[0].reading_ns += os_now_ns() - begin_ns;
}

void peak_open(const struct worker_cell *cell, struct workload_sample *s)
{
    peak.sample = s;
    peak.thread = workload_scratch(cell->threads * sizeof *peak.thread);
    if (!peak.thread)
        say_fail("oom", "no memory for the worker's own tables");
    peak.statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    /* Of several processes each has its highest at another time; samples of the oracle or of tails have no
     * figures of memory. */
    if (peak.statm < 0 || cell->processes > 1 || cell->settings.oracle || cell->settings.every_call)
        return;
    s->most_live = peak_most_live;
    s->look = peak_look;
}

void peak_begin(uint64_t live_bytes)
{
    int64_t next = (int64_t)live_bytes + peak_percent((int64_t)live_bytes);
    atomic_store_explicit(&peak.next, next > PEAK_LEAST_BYTES ? next : PEAK_LEAST_BYTES,
                          memory_order_relaxed);
    peak.on = true;
}

void peak_end(void)
{
    peak.on = false;
}

uint64_t peak_reading_ns(unsigned thread)
{
    return peak.thread[thread].reading_ns;
}

void peak_report(void)
{
    if (!peak.rss_bytes)
        return;
    say_integer(SAY(probe_most_live_bytes), peak.live_bytes);
    say_integer(SAY(probe_most_live_rss_bytes), peak.rss_bytes);
}
