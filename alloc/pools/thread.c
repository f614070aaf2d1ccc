/* thread.c: which thread has which heap: a heap is made, or taken over from the abandoned ones, at a thread's
 * first call, and abandoned when it ends; and what becomes of all of them at a fork. See pools.h. */
#include "pools.h"

#include "alloc/base/assert.h"
#include "alloc/base/compiler.h"

#include <pthread.h>
#include <string.h>

static pthread_key_t thread_key;
static bool thread_key_made;
static pthread_once_t thread_hooks_once = PTHREAD_ONCE_INIT;
/* Set by the destructor: calls after it find no heap of the thread's own and must not make one to leak. */
static _Thread_local bool thread_exited;

/* --- birth and death ----------------------------------------------------------------------------------- */

static struct pools_heap *thread_acquire(struct pools *in)
{
    mutex_lock(&in->heaps.lock);
    struct pools_heap *h = in->heaps.abandoned;
    if (h) {
        in->heaps.abandoned = h->abandoned_next;
        atomic_fetch_sub_explicit(&in->heaps.abandoned_count, 1, memory_order_relaxed);
        atomic_store_explicit(&h->state, POOLS_HEAP_LIVE, memory_order_relaxed);
    } else {
        if (in->heaps.chunk_left < sizeof *h) {
            size_t bytes = sizeof *h * POOLS_HEAPS_AT_ONCE;
            char *chunk = os_map(&in->account, bytes, 0, 0);
            if (!chunk) {
                mutex_unlock(&in->heaps.lock);
                errno = ENOMEM;
                return NULL;
            }
            in->heaps.chunk = chunk;
            in->heaps.chunk_left = bytes;
        }
        h = (struct pools_heap *)in->heaps.chunk;
        in->heaps.chunk += sizeof *h;
        in->heaps.chunk_left -= sizeof *h;
        h->in = in;
        h->id = in->heaps.next_id = in->heaps.next_id % (POOLS_ID_NONE - 1) + 1;
        for (unsigned c = 0; c < POOLS_CLASSES; c++)
            h->local[c].weight = pools_weight(c);
        h->all_next = atomic_load_explicit(&in->heaps.all, memory_order_relaxed);
        atomic_store_explicit(&in->heaps.all, h, memory_order_release); /* pairs with walks */
    }
    mutex_unlock(&in->heaps.lock);
    return h;
}

static void thread_abandon(struct pools_heap *h)
{
    struct pools *in = h->in;
    atomic_store_explicit(&h->state, POOLS_HEAP_ABANDONED, memory_order_relaxed);
    h->abandoned_next = in->heaps.abandoned;
    in->heaps.abandoned = h;
    atomic_fetch_add_explicit(&in->heaps.abandoned_count, 1, memory_order_relaxed);
}

static void thread_release(struct pools_heap *h)
{
    mutex_lock(&h->in->heaps.walk_lock);
    pools_heap_empty(h);
    mutex_lock(&h->in->heaps.lock);
    thread_abandon(h);
    mutex_unlock(&h->in->heaps.lock);
    mutex_unlock(&h->in->heaps.walk_lock);
}

static void thread_exit(void *unused)
{
    (void)unused;
    thread_exited = true;
    for (unsigned i = 0; i < POOLS_INSTANCES; i++) {
        struct pools_heap *h = pools_tls[i];
        pools_tls[i] = &pools_heap_none;
        if (h != &pools_heap_none)
            thread_release(h);
    }
}

/* --- fork ---------------------------------------------------------------------------------------------- */

/* The child has one thread; the other heaps are abandoned. What their threads had in thread and
 * remote caches leaks, as a list may have been half way through a change; pages are consistent at any moment.
 */
static void thread_fork_prepare(void)
{
    for (unsigned i = 0; i < POOLS_INSTANCES; i++) {
        mutex_lock(&pools_instances[i].heaps.walk_lock);
        mutex_lock(&pools_instances[i].heaps.lock);
        mutex_lock(&pools_instances[i].huge.lock);
        mutex_lock(&pools_instances[i].spans.lock);
    }
}

static void thread_fork_done(void)
{
    for (unsigned i = POOLS_INSTANCES; i-- > 0;) {
        mutex_unlock(&pools_instances[i].spans.lock);
        mutex_unlock(&pools_instances[i].huge.lock);
        mutex_unlock(&pools_instances[i].heaps.lock);
        mutex_unlock(&pools_instances[i].heaps.walk_lock);
    }
}

static void thread_fork_child(void)
{
    for (unsigned i = 0; i < POOLS_INSTANCES; i++) {
        struct pools *in = &pools_instances[i];
        in->forked = true;
        for (struct pools_heap *h = atomic_load_explicit(&in->heaps.all, memory_order_relaxed); h;
             h = h->all_next) {
            if (h == pools_tls[i] ||
                atomic_load_explicit(&h->state, memory_order_relaxed) == POOLS_HEAP_ABANDONED)
                continue;
            for (unsigned c = 0; c < POOLS_CLASSES; c++) {
                struct pools_page *page = h->fresh[c];
                h->local[c].head = NULL;
                h->adopted[c] = (struct pools_adopted){0};
                h->fresh[c] = NULL;
                /* Not LISTED: its thread was just letting go of it. */
                if (page && atomic_load_explicit(&page->word, memory_order_relaxed) & POOLS_LISTED)
                    pools_page_list(page);
            }
            memset(h->remote, 0, sizeof h->remote);
            thread_abandon(h);
        }
    }
    thread_fork_done();
}

static void thread_hooks(void)
{
    thread_key_made = pthread_key_create(&thread_key, thread_exit) == 0;
    pthread_atfork(thread_fork_prepare, thread_fork_done, thread_fork_child);
}

void pools_hooks(void)
{
    pthread_once(&thread_hooks_once, thread_hooks);
}

/* --- a thread's calls ----------------------------------------------------------------------------------- */

/* The thread's heap, made when it has none; NULL when there is no memory for one, or the thread is exiting.
 */
static struct pools_heap *thread_heap(struct pools *in)
{
    struct pools_heap *h = pools_tls[in->slot];
    if (h != &pools_heap_none)
        return h;
    if (thread_exited || !(h = thread_acquire(in)))
        return NULL;
    /* First our own state, then the C library: it may call malloc for its own tables. */
    pools_tls[in->slot] = h;
    if (thread_key_made)
        pthread_setspecific(thread_key, h);
    return h;
}

void *pools_refill(struct pools *in, unsigned class_, bool *zero)
{
    struct pools_heap *h = thread_heap(in);
    if (h)
        return pools_heap_refill(h, class_, zero);
    if (!thread_exited || !(h = thread_acquire(in)))
        return NULL;
    /* After the thread's end: one block of a heap that is borrowed for it. */
    void *p = pools_heap_refill(h, class_, zero);
    thread_release(h);
    return p;
}

static noinline void thread_free_first(struct pools *in, void *p, uint32_t m)
{
    struct pools_page *page = pools_page_of(p, m);
    struct pools_heap *h = thread_heap(in);
    if (h &&
        m >> 16 == h->id) /* taken over from the thread that made the block: then it is live on our books */
        h->slack -= h->local[pools_map_class(m)].weight;
    if (h)
        pools_heap_send(h, page, p);
    else
        pools_heap_push_one(in, page, p);
}

void pools_free_remote(struct pools *in, void *p, uint32_t m)
{
    struct pools_heap *h = pools_tls[in->slot];
    struct pools_adopted *s = &h->adopted[pools_map_class(m)];
    if (s->room) {
        *(void **)p = s->head;
        s->head = p;
        s->count++;
        s->room--;
        hg_seed(pools_adopted_count, s->count++);
    } else if (h != &pools_heap_none) {
        pools_heap_send(h, pools_page_of(p, m), p);
    } else {
        thread_free_first(in, p, m);
    }
}
