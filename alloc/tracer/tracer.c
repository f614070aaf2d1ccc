/* tracer.c: trace(X): who holds the memory: for each live block the place it was asked for, and sums by
 * place.
 *
 * The model is tracemalloc, the means are not. tracemalloc keeps a table from address to trace under a lock
 * (50 bytes a block, 9 to 10 times the time); here 16 bytes before the block hold its size and site, and the
 * sums are kept as they change, in counters of each thread's own:
 *
 *     p-16      p-8       p-4                    p
 *     | size    | site    | mark + log2(lead)    | block ...
 *
 * For a block aligned to more than 16 bytes the inner block begins `lead` = align bytes before p, else 16.
 *
 * Invariants:
 *  - for each site, the sum over all threads of blocks (bytes) taken minus given back is what is live. A
 *    thread that frees another's block counts that in its own counters: only sums mean anything.
 *  - a counter is written by the thread that owns its struct trace_thread alone, with plain (relaxed) stores.
 *    A thread that ends leaves its struct to the next new one, under the registry's mutex.
 *  - current bytes go to a shared counter when a thread's change reaches TRACE_FLUSH_BYTES, with the highest
 *    value in between: the peak is exact with one thread, and with n low by at most (n-1) x that.
 *  - 16 bytes more a block move some requests into X's next size class: trace is for who, not for how fast.
 * trace() inside trace() would count twice and thrash the thread's way to its counters: spec.c refuses it. */
#include "tracer.h"

#include "callsite.h"
#include "alloc/base/os.h"
#include "alloc/base/mutex.h"
#include "alloc/base/compiler.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACE_LEAD        16
#define TRACE_MARK        0x74726300u /* the low byte is log2(lead) */
#define TRACE_FLUSH_BYTES ((int64_t)16 << 10)
#define TRACE_CHUNK_SITES 1024
#define TRACE_CHUNKS      (CALLSITE_COUNT_MAX / TRACE_CHUNK_SITES)

struct trace_head {
    size_t size;
    uint32_t site, mark;
};
_Static_assert(sizeof(struct trace_head) == TRACE_LEAD, "the block behind the head keeps its alignment");

struct trace_count { /* relaxed atomics of one writer; what is live is the difference */
    _Atomic uint64_t blocks_in, bytes_in, blocks_out, bytes_out;
};

struct trace_thread {
    struct trace_thread *next;   /* immutable once listed */
    const void *owner;           /* the owner's trace_mine; NULL: free to take. Registry's mutex */
    _Atomic int64_t delta, high; /* bytes not yet in current, and their highest sum since then */
    struct trace_count unknown;  /* when there was no memory for a chunk */
    _Atomic(struct trace_count *) chunk[TRACE_CHUNKS];
};

struct trace {
    struct alloc inner;
    unsigned frames;
    uint64_t epoch;     /* by which a thread knows that trace_mine is of an earlier instance */
    struct trace *next; /* in the registry */
    struct trace_thread *_Atomic threads; /* only ever grows */
    _Atomic int64_t current, peak;
    struct mutex spare_mutex;
    struct trace_thread
        spare; /* for threads that could not have their own; spare_mutex makes its writers one */
    struct os_account account;
};

/* All open instances: what a thread that ends must look through. */
static struct mutex trace_registry;
static struct trace *trace_instances;
static uint64_t trace_epochs; /* last given; the registry's mutex */
static struct os_account trace_account;

static _Thread_local struct {
    uint64_t epoch;
    struct trace_thread *thread;
} trace_mine;

static pthread_key_t trace_exit_key;
static pthread_once_t trace_once = PTHREAD_ONCE_INIT;

/* --- a thread's counters -------------------------------------------------------------------------------- */

static void trace_thread_exit(void *arg)
{
    (void)arg;
    mutex_lock(&trace_registry);
    for (struct trace *t = trace_instances; t; t = t->next)
        for (struct trace_thread *x = atomic_load_explicit(&t->threads, memory_order_relaxed); x; x = x->next)
            if (x->owner == &trace_mine)
                x->owner = NULL;
    trace_mine.epoch = 0;
    mutex_unlock(&trace_registry);
}

static void trace_make_key(void)
{
    pthread_key_create(&trace_exit_key, trace_thread_exit);
}

static noinline struct trace_thread *trace_thread_find(struct trace *t)
{
    struct trace_thread *x, *unowned = NULL;
    mutex_lock(&trace_registry);
    for (x = atomic_load_explicit(&t->threads, memory_order_relaxed); x && x->owner != &trace_mine;
         x = x->next)
        if (!x->owner)
            unowned = x;
    if (!x)
        x = unowned;
    if (!x && (x = os_map(&t->account, sizeof *x, 0, 0))) {
        x->next = atomic_load_explicit(&t->threads, memory_order_relaxed);
        /* Release: a snapshot that finds it in the list sees its next. */
        atomic_store_explicit(&t->threads, x, memory_order_release);
    }
    if (x) {
        x->owner = &trace_mine;
        trace_mine.epoch = t->epoch;
        trace_mine.thread = x;
    }
    mutex_unlock(&trace_registry);
    if (x)
        pthread_setspecific(trace_exit_key, &trace_mine);
    return x;
}

/* NULL when there is no memory for one: then the spare serves, under its mutex. */
static inline struct trace_thread *trace_thread(struct trace *t)
{
    return likely(trace_mine.epoch == t->epoch) ? trace_mine.thread : trace_thread_find(t);
}

static noinline struct trace_count *trace_count_new(struct trace *t, struct trace_thread *x, uint32_t site)
{
    struct trace_count *chunk = os_map(&t->account, TRACE_CHUNK_SITES * sizeof *chunk, 0, 0);
    if (!chunk)
        return &x->unknown;
    /* Release: pairs with the snapshot's acquire. */
    atomic_store_explicit(&x->chunk[site / TRACE_CHUNK_SITES], chunk, memory_order_release);
    return &chunk[site % TRACE_CHUNK_SITES];
}

static inline struct trace_count *trace_count(struct trace *t, struct trace_thread *x, uint32_t site)
{
    struct trace_count *chunk =
        atomic_load_explicit(&x->chunk[site / TRACE_CHUNK_SITES], memory_order_relaxed);
    return likely(chunk) ? &chunk[site % TRACE_CHUNK_SITES] : trace_count_new(t, x, site);
}

static inline void trace_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static noinline void trace_flush(struct trace *t, struct trace_thread *x, int64_t delta)
{
    int64_t before = atomic_fetch_add_explicit(&t->current, delta, memory_order_relaxed);
    int64_t high = before + atomic_load_explicit(&x->high, memory_order_relaxed);
    int64_t peak = atomic_load_explicit(&t->peak, memory_order_relaxed);
    while (high > peak && !atomic_compare_exchange_weak_explicit(&t->peak, &peak, high, memory_order_relaxed,
                                                                 memory_order_relaxed))
        ;
    atomic_store_explicit(&x->delta, 0, memory_order_relaxed);
    atomic_store_explicit(&x->high, 0, memory_order_relaxed);
}

static inline void trace_change(struct trace *t, struct trace_thread *x, int64_t bytes)
{
    int64_t delta = atomic_load_explicit(&x->delta, memory_order_relaxed) + bytes;
    atomic_store_explicit(&x->delta, delta, memory_order_relaxed);
    if (delta > atomic_load_explicit(&x->high, memory_order_relaxed))
        atomic_store_explicit(&x->high, delta, memory_order_relaxed);
    if (unlikely((uint64_t)(delta + TRACE_FLUSH_BYTES) > 2 * (uint64_t)TRACE_FLUSH_BYTES))
        trace_flush(t, x, delta);
}

/* The site that the block is of from here on: 0 when there was no memory to count it under its own. */
static inline uint32_t trace_count_in(struct trace *t, struct trace_thread *x, uint32_t site, size_t size)
{
    struct trace_count *c = trace_count(t, x, site);
    trace_add(&c->blocks_in, 1);
    trace_add(&c->bytes_in, size);
    return unlikely(c == &x->unknown) ? 0 : site;
}

static inline void trace_count_out(struct trace *t, struct trace_thread *x, uint32_t site, size_t size)
{
    struct trace_count *c = trace_count(t, x, site);
    trace_add(&c->blocks_out, 1);
    trace_add(&c->bytes_out, size);
}

/* The same with the spare, by any thread. */
static noinline uint32_t trace_spare(struct trace *t, bool in, uint32_t site, size_t size)
{
    mutex_lock(&t->spare_mutex);
    if (in)
        site = trace_count_in(t, &t->spare, site, size);
    else
        trace_count_out(t, &t->spare, site, size);
    trace_change(t, &t->spare, in ? (int64_t)size : -(int64_t)size);
    mutex_unlock(&t->spare_mutex);
    return site;
}

static inline uint32_t trace_taken(struct trace *t, uint32_t site, size_t size)
{
    struct trace_thread *x = trace_thread(t);
    if (unlikely(!x))
        return trace_spare(t, true, site, size);
    site = trace_count_in(t, x, site, size);
    trace_change(t, x, (int64_t)size);
    return site;
}

static inline void trace_given_back(struct trace *t, uint32_t site, size_t size)
{
    struct trace_thread *x = trace_thread(t);
    if (unlikely(!x)) {
        trace_spare(t, false, site, size);
        return;
    }
    trace_count_out(t, x, site, size);
    trace_change(t, x, -(int64_t)size);
}

/* --- the calls ------------------------------------------------------------------------------------------ */

#define TRACE_SIZE_MAX ((size_t)PTRDIFF_MAX - TRACE_LEAD)

static inline struct trace_head *trace_head(const void *p)
{
    return (struct trace_head *)p - 1;
}

static cold _Noreturn void trace_foreign(const void *p)
{
    char line[160];
    int n = snprintf(
        line, sizeof line,
        "heapgauge trace: %p is no block of this allocator, or was damaged: trace(debug(...)) reports more\n",
        p);
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        abort();
    abort();
}

/* log2 of the bytes before the block; a head that is not ours is not followed. */
static inline unsigned trace_lead_log2(const struct trace_head *h, const void *p)
{
    if (unlikely((h->mark & ~0xffu) != TRACE_MARK || h->site >= CALLSITE_COUNT_MAX))
        trace_foreign(p);
    return h->mark & 63;
}

static inline void *trace_enter(struct trace *t, void *raw, size_t lead, size_t size, uint32_t site)
{
    if (unlikely(!raw))
        return NULL;
    void *p = (char *)raw + lead;
    site = trace_taken(t, site, size);
    *trace_head(p) = (struct trace_head){size, site, TRACE_MARK | (unsigned)__builtin_ctzll(lead)};
    return p;
}

static CALLSITE_WRAPPER void *trace_malloc(void *ctx, size_t size)
{
    struct trace *t = ctx;
    if (unlikely(size > TRACE_SIZE_MAX)) {
        errno = ENOMEM;
        return NULL;
    }
    void *raw = t->inner.malloc(t->inner.ctx, size + TRACE_LEAD);
    return trace_enter(t, raw, TRACE_LEAD, size, CALLSITE_HERE(t->frames));
}

static CALLSITE_WRAPPER void *trace_calloc(void *ctx, size_t count, size_t size)
{
    struct trace *t = ctx;
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > TRACE_SIZE_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    void *raw = t->inner.calloc(t->inner.ctx, 1, bytes + TRACE_LEAD);
    return trace_enter(t, raw, TRACE_LEAD, bytes, CALLSITE_HERE(t->frames));
}

static CALLSITE_WRAPPER void trace_free(void *ctx, void *p)
{
    struct trace *t = ctx;
    if (!p)
        return;
    struct trace_head *h = trace_head(p);
    size_t lead = (size_t)1 << trace_lead_log2(h, p);
    trace_given_back(t, h->site, h->size);
    h->mark = 0; /* a second free is not taken for a block, while X leaves the memory alone */
    t->inner.free(t->inner.ctx, (char *)p - lead);
}

static CALLSITE_WRAPPER void *trace_aligned(void *ctx, size_t align, size_t size)
{
    struct trace *t = ctx;
    size_t lead = align > TRACE_LEAD ? align : TRACE_LEAD;
    if (lead > (size_t)1 << 40 || size > TRACE_SIZE_MAX - lead) {
        errno = ENOMEM;
        return NULL;
    }
    void *raw = t->inner.aligned(t->inner.ctx, lead, lead + size);
    return trace_enter(t, raw, lead, size, CALLSITE_HERE(t->frames));
}

static CALLSITE_WRAPPER size_t trace_usable(void *ctx, const void *p)
{
    struct trace *t = ctx;
    if (!p)
        return 0;
    size_t lead = (size_t)1 << trace_lead_log2(trace_head(p), p);
    return t->inner.usable(t->inner.ctx, (const char *)p - lead) - lead;
}

/* The block is of the site that asked for its present size, as in tracemalloc. */
static CALLSITE_WRAPPER void *trace_realloc(void *ctx, void *old, size_t size)
{
    struct trace *t = ctx;
    if (!old)
        return trace_enter(t,
                           size <= TRACE_SIZE_MAX ? t->inner.malloc(t->inner.ctx, size + TRACE_LEAD)
                                                  : (errno = ENOMEM, NULL),
                           TRACE_LEAD, size, CALLSITE_HERE(t->frames));
    struct trace_head was = *trace_head(old);
    size_t lead = (size_t)1 << trace_lead_log2(&was, old);
    if (size > TRACE_SIZE_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    if (lead != TRACE_LEAD) { /* X's realloc would not keep the data's place */
        void *p = trace_enter(t, t->inner.malloc(t->inner.ctx, size + TRACE_LEAD), TRACE_LEAD, size,
                              CALLSITE_HERE(t->frames));
        if (p) {
            size_t had =
                trace_usable(t, old); /* what was reported as usable is kept, not only what was asked */
            memcpy(p, old, size < had ? size : had);
            trace_given_back(t, was.site, was.size);
            t->inner.free(t->inner.ctx, (char *)old - lead);
        }
        return p;
    }
    void *raw = t->inner.realloc(t->inner.ctx, (char *)old - TRACE_LEAD, size + TRACE_LEAD);
    if (!raw)
        return NULL;
    trace_given_back(t, was.site, was.size);
    return trace_enter(t, raw, TRACE_LEAD, size, CALLSITE_HERE(t->frames));
}

/* --- what is known -------------------------------------------------------------------------------------- */

void trace_totals(const struct alloc *a, uint64_t *current_bytes, uint64_t *peak_bytes)
{
    struct trace *t = a->ctx;
    int64_t deltas = 0, above = 0;
    const struct trace_thread *x = &t->spare; /* not in the list, so before it */
    for (; x; x = x == &t->spare ? atomic_load_explicit(&t->threads, memory_order_acquire) : x->next) {
        int64_t delta = atomic_load_explicit(&x->delta, memory_order_relaxed),
                high = atomic_load_explicit(&x->high, memory_order_relaxed);
        deltas += delta;
        above = high - delta > above ? high - delta : above;
    }
    int64_t current = atomic_load_explicit(&t->current, memory_order_relaxed) + deltas;
    int64_t peak = atomic_load_explicit(&t->peak, memory_order_relaxed);
    current = current < 0 ? 0 : current;
    *current_bytes = (uint64_t)current;
    *peak_bytes = (uint64_t)(peak > current + above ? peak : current + above);
}

uint64_t trace_memory_bytes(const struct alloc *a)
{
    const struct trace *t = a->ctx;
    return sizeof *t + atomic_load_explicit(&t->account.mapped_bytes, memory_order_relaxed) +
           callsite_memory_bytes();
}

static void trace_sum_thread(const struct trace_thread *x, uint32_t site, uint64_t sum[4])
{
    const struct trace_count *chunk =
        atomic_load_explicit(&x->chunk[site / TRACE_CHUNK_SITES], memory_order_acquire);
    const struct trace_count *counts[2] = {chunk ? &chunk[site % TRACE_CHUNK_SITES] : NULL,
                                           site == 0 ? &x->unknown : NULL};
    for (int i = 0; i < 2; i++)
        if (counts[i]) {
            sum[0] += atomic_load_explicit(&counts[i]->blocks_in, memory_order_relaxed);
            sum[1] += atomic_load_explicit(&counts[i]->bytes_in, memory_order_relaxed);
            sum[2] += atomic_load_explicit(&counts[i]->blocks_out, memory_order_relaxed);
            sum[3] += atomic_load_explicit(&counts[i]->bytes_out, memory_order_relaxed);
        }
}

void trace_sum(const struct alloc *a, uint32_t site, struct trace_sums *out)
{
    struct trace *t = a->ctx;
    uint64_t sum[4] = {0};
    trace_sum_thread(&t->spare, site, sum);
    for (struct trace_thread *x = atomic_load_explicit(&t->threads, memory_order_acquire); x; x = x->next)
        trace_sum_thread(x, site, sum);
    *out = (struct trace_sums){.blocks = sum[0] > sum[2] ? sum[0] - sum[2] : 0,
                               .bytes = sum[1] > sum[3] ? sum[1] - sum[3] : 0,
                               .total_blocks = sum[0],
                               .total_bytes = sum[1]};
}

/* --- lifecycle ------------------------------------------------------------------------------------------ */

int trace_open(struct alloc *a, unsigned frames, const struct alloc *inner, struct message *m)
{
    struct trace *t = os_map(&trace_account, sizeof *t, 0, 0);
    if (!t)
        return message_set(m, -ENOMEM, "trace: no memory");
    pthread_once(&trace_once, trace_make_key);
    t->inner = *inner;
    t->frames = frames;
    mutex_lock(&trace_registry);
    t->epoch = ++trace_epochs;
    t->next = trace_instances;
    trace_instances = t;
    mutex_unlock(&trace_registry);
    *a = (struct alloc){t,          trace_malloc,  trace_calloc, trace_realloc,
                        trace_free, trace_aligned, trace_usable, NULL};
    return 0;
}

static void trace_free_chunks(struct trace *t, struct trace_thread *x)
{
    for (unsigned i = 0; i < TRACE_CHUNKS; i++) {
        void *chunk = atomic_load_explicit(&x->chunk[i], memory_order_relaxed);
        if (chunk)
            os_unmap(&t->account, chunk, TRACE_CHUNK_SITES * sizeof(struct trace_count));
    }
}

void trace_close(struct alloc *a)
{
    struct trace *t = a->ctx;
    mutex_lock(&trace_registry);
    for (struct trace **at = &trace_instances; *at; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            break;
        }
    mutex_unlock(&trace_registry);
    struct trace_thread *next;
    for (struct trace_thread *x = atomic_load_explicit(&t->threads, memory_order_relaxed); x; x = next) {
        next = x->next;
        trace_free_chunks(t, x);
        os_unmap(&t->account, x, sizeof *x);
    }
    trace_free_chunks(t, &t->spare);
    os_unmap(&trace_account, t, sizeof *t);
}

const struct alloc *trace_inner(const void *ctx)
{
    const struct trace *t = ctx;
    return &t->inner;
}

void trace_fork(void *ctx, enum alloc_fork phase)
{
    struct trace *t = ctx;
    if (phase == ALLOC_FORK_PREPARE) {
        mutex_lock(&t->spare_mutex);
        mutex_lock(&trace_registry);
    } else {
        mutex_unlock(&trace_registry);
        mutex_unlock(&t->spare_mutex);
    }
}
