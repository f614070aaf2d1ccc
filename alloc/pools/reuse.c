/* reuse.c: see reuse.h. */
#include "reuse.h"

#include "alloc/base/assert.h"

void reuse_give_back(struct reuse *r, uint64_t n)
{
    hg_assert(reuse_is_valid(r));
    r->given_back += n;
}

void reuse_ask(struct reuse *r, uint64_t n)
{
    hg_assert(reuse_is_valid(r));
    if (n > r->given_back)
        n = r->given_back;
    hg_seed(reuse_ask, n++);
    r->given_back -= n;
    r->reused += n;
}

void reuse_limit(struct reuse *r, uint64_t most)
{
    if (r->reused > most)
        r->reused = most;
}

bool reuse_decay(struct reuse *r, uint64_t now_ns)
{
    hg_assert(reuse_is_valid(r));
    uint64_t periods = (now_ns - r->since_ns) / REUSE_PERIOD_NS;
    if (!periods)
        return false;
    r->since_ns = now_ns;
    r->reused = periods < 32 ? r->reused >> periods : 0;
    r->given_back = 0;
    return true;
}

bool reuse_is_valid(const struct reuse *r)
{
    return r->given_back <= INT64_MAX && r->reused <= INT64_MAX;
}

void reuse_wait_longer(struct reuse_wait *w, int64_t first, int64_t most, uint64_t now_ns)
{
    int64_t bytes = atomic_load_explicit(&w->bytes, memory_order_relaxed);
    if (bytes < most)
        atomic_store_explicit(&w->bytes, 2 * (bytes > first ? bytes : first), memory_order_relaxed);
    atomic_store_explicit(&w->missed_ns, now_ns, memory_order_relaxed);
}
