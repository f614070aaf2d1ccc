/* threads.c: the checks that take several threads, or a fork among them. */
#include "checks.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* One lock for a backend that has none, as a GIL: every call and what it hands over. */
static void enter(struct check *c)
{
    if (!(c->flags & ALLOC_THREADS))
        pthread_mutex_lock(&c->gil);
}

static void leave(struct check *c)
{
    if (!(c->flags & ALLOC_THREADS))
        pthread_mutex_unlock(&c->gil);
}

/* A thread's own view: the rng and the reason are not shared. */
struct crew {
    struct check c;
    struct check *of;
    pthread_t thread;
    struct block *blocks;
    _Atomic(struct block *) *slots;
    _Atomic bool *stop;
    unsigned index, count, rounds;
    bool good;
};

static void crew_start(struct crew *w, struct check *c, unsigned index, void *(*run)(void *))
{
    w->c = *c;
    w->of = c;
    w->index = index;
    rng_seed(&w->c.rng, rng_next(&c->rng));
    if (pthread_create(&w->thread, NULL, run, w) != 0)
        abort();
}

static bool crew_end(struct crew *w)
{
    pthread_join(w->thread, NULL);
    if (!w->good && !w->of->reason[0])
        memcpy(w->of->reason, w->c.reason, sizeof w->c.reason);
    return w->good;
}

static void *make_blocks(void *arg)
{
    struct crew *w = arg;
    w->good = true;
    for (unsigned i = 0; w->good && i < w->count; i++) {
        enter(w->of);
        w->good = new_block(&w->c, &w->blocks[i], some_size(&w->c.rng));
        leave(w->of);
    }
    return NULL;
}

static void *free_blocks(void *arg)
{
    struct crew *w = arg;
    w->good = true;
    for (unsigned i = 0; w->good && i < w->count; i++) {
        w->good = is_intact(&w->c, &w->blocks[i], "on the way to another thread");
        enter(w->of);
        put(&w->c, w->blocks[i].p);
        leave(w->of);
    }
    return NULL;
}

/* Blocks of one thread, freed by another while the first allocates on. */
bool check_remote_free(struct check *c)
{
    unsigned rounds = c->flags & ALLOC_NO_REUSE ? 20 : 300, count = 1000;
    struct block *b[2] = {table(count, sizeof **b), table(count, sizeof **b)};
    size_t before = resident_bytes();
    bool good = true;
    for (unsigned round = 0; good && round < rounds; round++) {
        struct crew maker = {.blocks = b[round % 2], .count = count}, freer = {.blocks = b[(round + 1) % 2]};
        freer.count = round ? count : 0;
        crew_start(&maker, c, 0, make_blocks);
        crew_start(&freer, c, 1, free_blocks);
        good = crew_end(&maker);
        good &= crew_end(&freer);
    }
    return good &&
           (c->flags & ALLOC_NO_REUSE || has_not_grown(c, before, "300 rounds of frees by another thread"));
}

/* What a thread left behind stays valid, is freed by others, and its memory serves others. */
bool check_thread_exit(struct check *c)
{
    unsigned rounds = c->flags & ALLOC_NO_REUSE ? 20 : 250, count = 800;
    struct block *b = table(count, sizeof *b);
    size_t before = resident_bytes();
    for (unsigned round = 0; round < rounds; round++) {
        struct crew w = {.blocks = b, .count = count};
        crew_start(&w, c, 0, make_blocks);
        if (!crew_end(&w))
            return false;
        for (unsigned i = 0; i < count; i++) {
            if (!is_intact(c, &b[i], "after its thread had ended"))
                return false;
            put(c, b[i].p);
        }
    }
    return c->flags & ALLOC_NO_REUSE || has_not_grown(c, before, "250 threads that ended");
}

enum { SLOTS = 64 };

static void *churn(void *arg)
{
    struct crew *w = arg;
    w->good = true;
    for (unsigned i = 0; w->good && i < w->rounds && !atomic_load_explicit(w->stop, memory_order_relaxed);
         i++) {
        struct block b, *old;
        enter(w->of);
        struct block *mine = get(&w->c, sizeof *mine);
        if (!mine || !new_block(&w->c, &b, some_size(&w->c.rng))) {
            w->good = mine ? false : fails(&w->c, "malloc(%zu) gave NULL", sizeof *mine);
            leave(w->of);
            break;
        }
        *mine = b;
        if (rng_below(&w->c.rng, 16) == 0) {
            mine->size = mine->size / 2 + 1;
            unsigned char *p = w->c.a->realloc(w->c.a->ctx, mine->p, mine->size);
            if (p)
                mine->p = p;
        }
        leave(w->of);
        /* Acquire and release: the block's contents go with it. */
        old = atomic_exchange_explicit(&w->slots[rng_below(&w->c.rng, SLOTS)], mine, memory_order_acq_rel);
        if (!old)
            continue;
        w->good = is_intact(&w->c, old, "while several threads allocated");
        enter(w->of);
        put(&w->c, old->p);
        put(&w->c, old);
        leave(w->of);
    }
    return NULL;
}

static bool churn_all(struct check *c, unsigned threads, unsigned rounds, void (*meanwhile)(struct check *))
{
    static _Atomic(struct block *) slots[SLOTS];
    static _Atomic bool stop;
    struct crew w[8];
    bool good = true;
    for (unsigned i = 0; i < threads; i++) {
        w[i] = (struct crew){.slots = slots, .rounds = rounds, .stop = &stop};
        crew_start(&w[i], c, i, churn);
    }
    if (meanwhile) {
        meanwhile(c);
        atomic_store_explicit(&stop, true, memory_order_relaxed);
    }
    for (unsigned i = 0; i < threads; i++)
        good &= crew_end(&w[i]);
    for (unsigned i = 0; good && i < SLOTS; i++) {
        struct block *b = atomic_load_explicit(&slots[i], memory_order_relaxed);
        if (b) {
            good = is_intact(c, b, "while several threads allocated");
            put(c, b->p);
            put(c, b);
        }
    }
    return good && !c->reason[0];
}

bool check_threads(struct check *c)
{
    return churn_all(c, 4, 12000, NULL);
}

static unsigned in_child_limit_s = 40; /* a test of this check shortens it */

/* In the child: what the parent left is whole, can be freed, and there is more. */
static void in_child(struct check *c, struct block *b, unsigned count)
{
    alarm(in_child_limit_s); /* a lock that was held by a thread which is not here waits for ever */
    for (unsigned i = 0; i < count; i++) {
        if (!is_intact(c, &b[i], "in the child of a fork"))
            _exit(2);
        put(c, b[i].p);
    }
    for (unsigned i = 0; i < 2000; i++) {
        struct block n;
        if (!new_block(c, &n, some_size(&c->rng)))
            _exit(3);
        put(c, c->a->realloc(c->a->ctx, n.p, n.size * 2));
    }
    _exit(0);
}

static bool child_was_well(struct check *c, int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        return fails(c, "the child of a fork waits for ever: a lock was held across it");
    if (WIFSIGNALED(status))
        return fails(c, "the child of a fork died of SIG%s", sigabbrev_np(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        return fails(c, "the child of a fork %s",
                     WEXITSTATUS(status) == 2 ? "found a block of its parent's changed"
                                              : "could not allocate");
    return true;
}

static void fork_often(struct check *c)
{
    enum { COUNT = 100 };
    static struct block b[COUNT];
    for (unsigned k = 0; k < 6 && !c->reason[0]; k++) {
        for (unsigned i = 0; i < COUNT; i++) {
            enter(c);
            bool good = new_block(c, &b[i], some_size(&c->rng));
            leave(c);
            if (!good)
                return;
        }
        int status;
        enter(c);
        pid_t pid = fork();
        if (pid == 0) {
            leave(c);
            in_child(c, b, COUNT);
        }
        leave(c);
        if (pid < 0 || waitpid(pid, &status, 0) != pid) {
            fails(c, "fork: %s", strerror(errno));
            return;
        }
        child_was_well(c, status);
        for (unsigned i = 0; i < COUNT && !c->reason[0]; i++) {
            if (!is_intact(c, &b[i], "by the child of a fork"))
                return;
            enter(c);
            put(c, b[i].p);
            leave(c);
        }
    }
}

/* A heap of 24 MiB: what an allocator asks of the kernel for memory of that extent must hold in a child
 * too. */
static bool fork_large(struct check *c)
{
    enum { COUNT = 48000, SIZE = 512 };
    struct block *b = table(COUNT, sizeof *b);
    int status = 0;
    for (unsigned i = 0; i < COUNT; i++)
        if (!new_block(c, &b[i], SIZE))
            return false;
    pid_t pid = fork();
    if (pid == 0)
        in_child(c, b, COUNT);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return fails(c, "fork: %s", strerror(errno));
    bool good = child_was_well(c, status);
    for (unsigned i = 0; i < COUNT && good; i++) {
        good = is_intact(c, &b[i], "by the child of a fork");
        put(c, b[i].p);
    }
    os_unmap(&os_harness, b, COUNT * sizeof *b);
    return good;
}

bool check_fork(struct check *c)
{
    if (!fork_large(c))
        return false;
#ifdef HG_TSAN
    fork_often(c); /* the sanitizer does not bear a fork among threads */
    return !c->reason[0];
#else
    return churn_all(c, 3, UINT32_MAX, fork_often); /* they go on until it is done */
#endif
}

/* What the handlers around fork() do: free what was there, allocate, more in each. */
static struct {
    struct check *c;
    struct block kept;
    _Atomic unsigned runs;
} handlers;

static void handler_allocates(void)
{
    struct check *c = handlers.c;
    if (c->reason[0] || (handlers.kept.p && !is_intact(c, &handlers.kept, "between handlers of fork")))
        return;
    put(c, handlers.kept.p);
    handlers.kept.p = NULL;
    for (unsigned i = 0; i < 50; i++) {
        struct block b;
        if (!new_block(c, &b, some_size(&c->rng)))
            return;
        put(c, b.p);
    }
    new_block(c, &handlers.kept, 200);
    handlers.runs++;
}

static void fork_with_handlers(struct check *c)
{
    fork_often(c);
    if (!c->reason[0] && !handlers.runs)
        fails(c, "fork() runs no handler of pthread_atfork");
}

bool check_fork_handlers(struct check *c)
{
    handlers.c = c;
    if (pthread_atfork(handler_allocates, handler_allocates, handler_allocates) != 0)
        return fails(c, "pthread_atfork: %s", strerror(errno));
#ifdef HG_TSAN
    fork_with_handlers(c); /* as above */
    return !c->reason[0];
#else
    return churn_all(c, 3, UINT32_MAX, fork_with_handlers);
#endif
}
