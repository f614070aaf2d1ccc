/* biased.c: the parts of biased counting that are not inline: merging, the queues to the owners, and qsbr.
 *
 * A thread's queue is an array under a mutex of its own (CPython hashes threads into 257 buckets, because it
 * has to find them by address; here the id is the index). `registered` means that the owner will come by:
 * while it is false whoever wants to queue merges itself, in the mutex, so that the owner cannot attach
 * meanwhile. */
#include "lock.h"
#include "qsbr.h"

#include "alloc/base/os.h"

#if HG_RC == HG_RC_BIASED
#define QSBR_STEP    2
#define QSBR_ADVANCE 10  /* given up between two steps */
#define QSBR_BATCH   254 /* given up between two tries to free */

struct qsbr_item {
    void *p;
    uint64_t goal;
};

struct biased_thread {
    pthread_mutex_t mutex; /* guards registered and the queue */
    bool registered;
    struct object **queue;
    size_t queued, queue_room;
    struct object **working; /* the other array: what the owner is merging now */
    size_t working_room;
    struct qsbr_item *item; /* [item_first, items): the owner's alone, goals ascending */
    size_t item_first, items, item_room;
    unsigned until_advance, until_process;
};

_Thread_local uint32_t rc_self_id;
static _Atomic uint64_t qsbr_read_seq = 1;

static struct os_account biased_account;

static struct biased_thread *biased_of(struct thread *t)
{
    return t->policy;
}

/* An array of `size`-byte items twice as large; false: no memory, and the old one is whole. */
static bool biased_grow(void **array, size_t *room, size_t size)
{
    size_t more = *room ? *room * 2 : 512;
    void *wider = *array ? os_remap(&biased_account, *array, *room * size, more * size)
                         : os_map(&biased_account, more * size, 0, 0);
    if (!wider)
        return false;
    *array = wider;
    *room = more;
    return true;
}

/* --- merging -------------------------------------------------------------------------------------------- */

int64_t rc_merge(struct object *o, int64_t extra)
{
    int64_t local = atomic_load_explicit(&o->local, memory_order_relaxed), count;
    int64_t shared = atomic_load_explicit(&o->shared, memory_order_relaxed);
    /* Before it is merged: from then on any other thread may drop the last reference and free it. */
    atomic_store_explicit(&o->local, 0, memory_order_relaxed);
    atomic_store_explicit(&o->tid, 0, memory_order_relaxed);
    do
        count = (shared >> SHARED_SHIFT) + local + extra;
    while (!atomic_compare_exchange_weak_explicit(&o->shared, &shared, count << SHARED_SHIFT | SHARED_MERGED,
                                                  memory_order_acq_rel, memory_order_relaxed));
    return count;
}

void rc_merge_zero(struct object *o)
{
    /* Pairs with the releasing CAS of others' decrements. */
    int64_t shared = atomic_load_explicit(&o->shared, memory_order_acquire), merged;
    if (shared != 0) {
        /* First nobody owns it, then it is merged: who sees merged must not find an owner. */
        atomic_store_explicit(&o->tid, 0, memory_order_relaxed);
        do
            merged = shared | SHARED_MERGED;
        while (!atomic_compare_exchange_weak_explicit(&o->shared, &shared, merged, memory_order_acq_rel,
                                                      memory_order_acquire));
        if (merged != SHARED_MERGED)
            return;
    }
    object_dealloc(o);
}

/* o is queued now, in place of the reference that is dropped. */
static void biased_queue(struct object *o)
{
    struct runtime *r = &runtime_global;
    uint32_t tid = atomic_load_explicit(&o->tid, memory_order_relaxed);
    int64_t left = -1;
    if (tid == 0) { /* the owner merged it just now: there is no queue for it */
        if (rc_merge(o, -1) == 0)
            object_dealloc(o);
        return;
    }
    struct thread *owner = thread_at(r, tid - 1);
    struct biased_thread *b = biased_of(owner);
    bool no_memory = false;
    pthread_mutex_lock(&b->mutex);
    if (!b->registered)
        left = rc_merge(o, -1);
    else if (b->queued == b->queue_room && !biased_grow((void **)&b->queue, &b->queue_room, sizeof *b->queue))
        no_memory = true;
    else
        b->queue[b->queued++] = o;
    pthread_mutex_unlock(&b->mutex);
    if (no_memory) { /* with the owner stopped it can be done here */
        thread_stop_world(r);
        left = rc_merge(o, -1);
        thread_start_world(r);
    }
    if (left == 0)
        object_dealloc(o);
    else if (left < 0)
        thread_break(owner, BREAK_MERGE);
}

void rc_dec_shared(struct object *o)
{
    int64_t shared = atomic_load_explicit(&o->shared, memory_order_relaxed), next;
    bool queue;
    do {
        queue = shared == SHARED_DEFAULT || shared == SHARED_WEAK;
        next = queue ? SHARED_QUEUED : shared - SHARED_ONE;
    } while (!atomic_compare_exchange_weak_explicit(&o->shared, &shared, next, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (queue)
        biased_queue(o);
    else if (next == SHARED_MERGED)
        object_dealloc(o);
}

/* --- the owner's side ----------------------------------------------------------------------------------- */

/* Takes the queue and leaves an empty one; how many there were. In the mutex. */
static size_t biased_take(struct biased_thread *b)
{
    struct object **full = b->queue;
    size_t count = b->queued, room = b->queue_room;
    b->queue = b->working;
    b->queue_room = b->working_room;
    b->queued = 0;
    b->working = full;
    b->working_room = room;
    return count;
}

/* Deallocs may bring this thread back here (a safepoint in a finaliser): the array is taken out meanwhile. */
static void biased_thread_merge(struct thread *t)
{
    struct biased_thread *b = biased_of(t);
    pthread_mutex_lock(&b->mutex);
    size_t count = biased_take(b), room = b->working_room;
    struct object **all = b->working;
    b->working = NULL;
    b->working_room = 0;
    pthread_mutex_unlock(&b->mutex);
    for (size_t i = 0; i < count; i++)
        if (rc_merge(all[i], -1) == 0)
            object_dealloc(all[i]);
    if (!b->working) {
        b->working = all;
        b->working_room = room;
    } else if (all) {
        os_unmap(&biased_account, all, room * sizeof *all);
    }
}

static int biased_thread_open(struct thread *t)
{
    struct biased_thread *b = os_map(&biased_account, sizeof *b, 0, 0);
    if (!b)
        return -ENOMEM;
    pthread_mutex_init(&b->mutex, NULL);
    t->policy = b;
    return 0;
}

static void biased_thread_attach(struct thread *t)
{
    struct biased_thread *b = biased_of(t);
    pthread_mutex_lock(&b->mutex);
    b->registered = true;
    pthread_mutex_unlock(&b->mutex);
    rc_self_id = t->id;
}

static void biased_thread_detach(struct thread *t)
{
    struct biased_thread *b = biased_of(t);
    for (bool empty = false; !empty;) {
        biased_thread_merge(t);
        pthread_mutex_lock(&b->mutex);
        empty = b->queued == 0;
        if (empty)
            b->registered = false;
        pthread_mutex_unlock(&b->mutex);
    }
    qsbr_process(t);
    rc_self_id = 0;
}

static void biased_thread_close(struct thread *t)
{
    struct biased_thread *b = biased_of(t);
    if (b->queue)
        os_unmap(&biased_account, b->queue, b->queue_room * sizeof *b->queue);
    if (b->working)
        os_unmap(&biased_account, b->working, b->working_room * sizeof *b->working);
    if (b->item)
        os_unmap(&biased_account, b->item, b->item_room * sizeof *b->item);
    pthread_mutex_destroy(&b->mutex);
    os_unmap(&biased_account, b, sizeof *b);
    t->policy = NULL;
}

const struct thread_hooks biased_hooks = {
    .open = biased_thread_open,
    .close = biased_thread_close,
    .attach = biased_thread_attach,
    .detach = biased_thread_detach,
    .merge = biased_thread_merge,
    .block = critical_suspend_all,
    .unblock = critical_resume_innermost,
};

/* --- qsbr ----------------------------------------------------------------------------------------------- */

static bool qsbr_reached(struct runtime *r, uint64_t goal)
{
    if (goal <= atomic_load_explicit(&qsbr_read_seq, memory_order_acquire))
        return true;
    uint64_t least = atomic_load_explicit(&qsbr_write_seq, memory_order_seq_cst);
    for (unsigned i = 0, places = thread_places(r); i < places; i++) {
        struct thread *t = thread_at(r, i);
        uint64_t seq = t ? atomic_load_explicit(&t->qsbr_seq, memory_order_seq_cst) : 0;
        if (seq && seq < least)
            least = seq;
    }
    uint64_t read = atomic_load_explicit(&qsbr_read_seq, memory_order_relaxed);
    while (read < least && !atomic_compare_exchange_weak_explicit(&qsbr_read_seq, &read, least,
                                                                  memory_order_release, memory_order_relaxed))
        ;
    return goal <= least;
}

/* A container's block is marked in bit 0: it may be of another heap. */
#define QSBR_GC ((uintptr_t)1)

static void qsbr_release(void *p)
{
    if ((uintptr_t)p & QSBR_GC)
        gc_mem_free((char *)p - QSBR_GC);
    else
        mem_free(p);
}

void qsbr_process(struct thread *t)
{
    struct biased_thread *b = biased_of(t);
    b->until_process = QSBR_BATCH;
    while (b->item_first < b->items && qsbr_reached(t->runtime, b->item[b->item_first].goal))
        qsbr_release(b->item[b->item_first++].p);
    if (b->item_first == b->items) {
        b->item_first = b->items = 0;
    } else if (b->item_first > b->items / 2) {
        memmove(b->item, b->item + b->item_first, (b->items - b->item_first) * sizeof *b->item);
        b->items -= b->item_first;
        b->item_first = 0;
    }
}

static uint64_t qsbr_goal(struct biased_thread *b)
{
    if (b->until_advance-- > 1)
        return atomic_load_explicit(&qsbr_write_seq, memory_order_relaxed) + QSBR_STEP;
    b->until_advance = QSBR_ADVANCE;
    return atomic_fetch_add_explicit(&qsbr_write_seq, QSBR_STEP, memory_order_seq_cst) + QSBR_STEP;
}

void qsbr_free(void *p)
{
    struct thread *t = thread_self;
    struct biased_thread *b = biased_of(t);
    if (b->items == b->item_room && !biased_grow((void **)&b->item, &b->item_room, sizeof *b->item)) {
        /* No memory to remember it: with the world stopped nobody is reading. */
        thread_stop_world(t->runtime);
        qsbr_release(p);
        thread_start_world(t->runtime);
        return;
    }
    if (b->until_advance == 0)
        b->until_advance = QSBR_ADVANCE;
    b->item[b->items++] = (struct qsbr_item){p, qsbr_goal(b)};
    if (b->until_process-- <= 1) {
        atomic_fetch_add_explicit(&qsbr_write_seq, QSBR_STEP, memory_order_seq_cst);
        qsbr_process(t);
    }
}

void rc_free_block(struct object *o, void *block)
{
    if (likely(rc_can_reuse(o)))
        mem_free(block);
    else
        qsbr_free(block);
}

void rc_free_gc_block(struct object *o, void *block)
{
    if (likely(rc_can_reuse(o))) {
        gc_mem_free(block);
    } else {
        o->type = NULL; /* a walk leaves it out */
        qsbr_free((char *)block + QSBR_GC);
    }
}

/* Nobody runs any more. */
void biased_free_all(struct runtime *r)
{
    for (unsigned i = 0, places = thread_places(r); i < places; i++) {
        struct thread *t = thread_at(r, i);
        if (!t)
            continue;
        struct biased_thread *b = biased_of(t);
        biased_thread_merge(t);
        while (b->item_first < b->items)
            qsbr_release(b->item[b->item_first++].p);
        b->item_first = b->items = 0;
    }
}
#else
typedef int biased_unused; /* another policy */
#endif
