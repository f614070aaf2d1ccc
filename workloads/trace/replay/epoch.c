/* epoch.c: see epoch.h. */
#include "epoch.h"

#include "workloads/workload.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPINS_LEAST 16
#define SPINS_MOST  1024

static void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

static uint32_t bit_of(uint32_t epoch)
{
    return UINT32_C(1) << (epoch & 31);
}

void epochs_begin(struct epochs *e)
{
    atomic_store_explicit(&e->running, e->count ? e->first_workers : e->workers, memory_order_relaxed);
}

/* All are at rest. */
static void epoch_close(struct epochs *e, struct workload_sample *s, uint32_t next_workers)
{
    uint32_t epoch = atomic_load_explicit(&e->open, memory_order_relaxed), next = epoch + 1;
    uint64_t live = atomic_load_explicit(&e->live_bytes, memory_order_relaxed);
    if (live > e->most_live_bytes)
        e->most_live_bytes = live;
    if (!e->peak_read && epoch == e->peak) {
        e->peak_read = true;
        if (s->most_live)
            s->most_live(s, live);
    }
    if (next == e->base + e->count + 1) {
        e->base = next;
        if (e->turn)
            e->turn(s);
        next_workers = e->first_workers;
    }
    if (next == e->base + e->count)
        next_workers = e->workers;
    atomic_store_explicit(&e->running, next_workers, memory_order_relaxed);
    /* Before the look at `asleep`: who has not seen it has counted itself before, or the kernel sees it. */
    atomic_store_explicit(&e->open, next, memory_order_seq_cst);
    if (atomic_load_explicit(&e->asleep, memory_order_seq_cst))
        syscall(SYS_futex, &e->open, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, bit_of(next));
}

void epoch_end(struct epochs *e, struct workload_sample *s, uint64_t live_change, uint32_t next_workers)
{
    atomic_fetch_add_explicit(&e->live_bytes, live_change, memory_order_relaxed);
    if (atomic_fetch_sub_explicit(&e->running, 1, memory_order_acq_rel) == 1)
        epoch_close(e, s, next_workers);
}

static bool is_open(struct epochs *e, uint32_t epoch, uint32_t *seen, memory_order order)
{
    *seen = atomic_load_explicit(&e->open, order);
    return (int32_t)(*seen - epoch) >= 0;
}

void epoch_await(struct epochs *e, uint32_t epoch, uint32_t *spins)
{
    uint32_t seen;
    for (uint32_t i = 0; i < *spins; i++, pause_a_little())
        if (is_open(e, epoch, &seen, memory_order_acquire)) {
            if (i > *spins / 2 && *spins < SPINS_MOST)
                *spins *= 2;
            return;
        }
    if (is_open(e, epoch, &seen, memory_order_acquire))
        return;
    if (*spins > SPINS_LEAST)
        *spins /= 2;
    atomic_fetch_add_explicit(&e->asleep, 1, memory_order_seq_cst);
    while (!is_open(e, epoch, &seen, memory_order_seq_cst))
        syscall(SYS_futex, &e->open, FUTEX_WAIT_BITSET_PRIVATE, seen, NULL, NULL, bit_of(epoch));
    atomic_fetch_sub_explicit(&e->asleep, 1, memory_order_relaxed);
}
