/* pools_threads.c: what threads of `pools` leave to each other: by dying, by freeing what others made, by
 * fork. */
#include "alloc/pools/pools.h"
#include "pools_heap.h"

#include <sys/wait.h>
#include <unistd.h>

/* --- threads that die ----------------------------------------------------------------------------------- */

static void *die_holding(void *arg)
{
    void **blocks = arg;
    for (int i = 0; i < 1000; i++)
        blocks[i] = get(100);
    for (int i = 0; i < 1000; i += 2)
        put(blocks[i]);
    return NULL;
}

/* What an ended thread left free is used by a living one before new memory, and its heap by the next
 * thread. */
static void test_adoption(void **state)
{
    (void)state;
    static void *blocks[1000], *mine[500];
    put(get(1));
    on_thread(die_holding, blocks);
    uint64_t heaps = figure("heap.heaps");
    assert_int_equal(figure("heap.blocks_live"), 500);
    uint64_t pages = figure("heap.pages");
    for (int i = 0; i < 500; i++)
        mine[i] = get(100);
    assert_int_equal(figure("heap.pages"), pages);
    for (int i = 0; i < 500; i++)
        put(mine[i]);
    for (int i = 1; i < 1000; i += 2)
        put(blocks[i]);
    assert_int_equal(figure("heap.blocks_live"), 0);
    /* Heaps are taken over, not made anew: a thousand threads one after another need one. */
    for (int i = 0; i < 1000; i++)
        on_thread(die_holding, blocks);
    assert_int_equal(figure("heap.heaps"), heaps);
    for (int i = 1; i < 1000; i += 2)
        put(blocks[i]);
}

static pthread_barrier_t idle_barrier;

static void *idle_maker(void *arg)
{
    die_holding(arg);
    pthread_barrier_wait(&idle_barrier);
    pthread_barrier_wait(&idle_barrier);
    return NULL;
}

/* --- others' blocks ------------------------------------------------------------------------------------- */

struct lot {
    size_t size;
    unsigned count;
    void *block[1000];
};

static void *make_lot(void *arg)
{
    struct lot *l = arg;
    for (unsigned i = 0; i < l->count; i++)
        l->block[i] = get(l->size);
    return NULL;
}

static void free_lot(struct lot *l)
{
    for (unsigned i = 0; i < l->count; i++)
        put(l->block[i]);
}

static bool of_lot(const struct lot *l, const void *p)
{
    for (unsigned i = 0; i < l->count; i++)
        if (l->block[i] == p)
            return true;
    return false;
}

/* Frees `count` blocks of another thread, having drawn `drawn` itself; returns how many stay with this
 * thread, and whether these are what it is given next. */
static uint64_t swap(size_t size, unsigned count, unsigned drawn)
{
    struct lot theirs = {.size = size, .count = count}, mine = {.size = size, .count = drawn};
    make_lot(&mine);
    on_thread(make_lot, &theirs);
    uint64_t before = figure("heap.blocks_adopted"), swapped = 0;
    free_lot(&theirs);
    uint64_t adopted = figure("heap.blocks_adopted") - before;
    struct lot next = {.size = size, .count = (unsigned)adopted + 4096 / (unsigned)size};
    if (adopted) {
        make_lot(&next);
        for (unsigned i = 0; i < next.count; i++)
            swapped += of_lot(&theirs, next.block[i]);
        assert_true(swapped >= adopted);
        free_lot(&next);
    }
    free_lot(&mine);
    assert_int_equal(figure("heap.blocks_live"), 0);
    return adopted;
}

static void test_swap(void **state)
{
    (void)state;
    put(get(1));
    /* Each in a class of its own. As many as were drawn, at the grain of a chain; at most so many bytes; none
     * when none were drawn, or of less than a cache line. */
    uint64_t kept = swap(500, 100, 50);
    assert_true(kept >= 50 && kept < 60);
    assert_int_equal(swap(1000, 500, 500), ((size_t)64 << 10) / 1024);
    assert_int_equal(swap(700, 100, 0), 0);
    assert_int_equal(swap(48, 100, 100), 0);
}

static void *swap_and_die(void *arg)
{
    struct lot *theirs = arg, mine = {.size = theirs->size, .count = 50};
    make_lot(&mine);
    free_lot(theirs);
    free_lot(&mine);
    return NULL;
}

/* What a thread kept of others' goes home when it ends. */
static void test_swap_and_die(void **state)
{
    (void)state;
    struct lot mine = {.size = 500, .count = 100};
    make_lot(&mine);
    on_thread(swap_and_die, &mine);
    assert_int_equal(figure("heap.blocks_adopted"), 0);
    assert_int_equal(figure("heap.blocks_live"), 0);
}

/* --- the books ------------------------------------------------------------------------------------------ */

/* What all heaps book as live, less what was brought home and is not yet settled. At quiescence, after a
 * report. */
static int64_t booked_weight(struct pools *in)
{
    int64_t sum = 0;
    for (struct pools_heap *h = atomic_load(&in->heaps.all); h; h = h->all_next)
        sum += h->drain_below + h->slack - atomic_load(&h->returned);
    for (struct pools_segment *s = in->spans.all; s; s = s->all_next)
        for (unsigned i = POOLS_HEADER_SLICES; i < POOLS_SLICES; i++)
            if (s->page[i].live && s->page[i].class_ != POOLS_CLASS_LARGE)
                sum -= (int64_t)pools_weight(s->page[i].class_) *
                       pools_word_remote(atomic_load(&s->page[i].word));
    return sum;
}

/* What is live, and what its owners cannot yet know to be free. */
static int64_t true_weight(struct pools *in)
{
    int64_t sum = 0;
    for (struct pools_segment *s = in->spans.all; s; s = s->all_next)
        for (unsigned i = POOLS_HEADER_SLICES; i < POOLS_SLICES; i++) {
            struct pools_page *page = &s->page[i];
            uint64_t w = atomic_load(&page->word);
            if (page->live && page->class_ != POOLS_CLASS_LARGE)
                sum += (int64_t)pools_weight(page->class_) *
                       (pools_word_carved(w) - pools_word_home(w) - page->cached);
        }
    for (struct pools_heap *h = atomic_load(&in->heaps.all); h; h = h->all_next) {
        for (unsigned c = 0; c < POOLS_CLASSES; c++)
            sum += (int64_t)pools_weight(c) * h->adopted[c].count;
        for (struct pools_remote *o = h->remote; o < h->remote + POOLS_REMOTE_PAGES; o++)
            if (o->page && atomic_load(&o->page->owner) != h)
                sum += (int64_t)pools_weight(o->page->class_) * (o->count - o->left);
    }
    return sum;
}

#define TRADERS 4u
static void *_Atomic trade[4096];

/* Others' blocks are freed, own ones left behind, and the thread ends. Begins with a free. */
static void *trader(void *arg)
{
    uint64_t r = (uintptr_t)arg;
    for (unsigned i = 0; i < 20000; i++) {
        r = r * 6364136223846793005u + 1442695040888963407u;
        void *_Atomic *place = &trade[r >> 32 & 4095];
        put(atomic_exchange(place, NULL));
        put(atomic_exchange(place, get(16 + (r >> 44) % ((r >> 20) % 16 ? 600 : 9000))));
    }
    return NULL;
}

/* The figures that the draining of heaps goes by are exact, however blocks, pages and heaps change hands. */
static void test_books(void **state)
{
    (void)state;
    struct pools *in = heap->ctx;
    for (uintptr_t round = 0; round < 24; round++) {
        pthread_t t[TRADERS];
        unsigned n = 1 + round % TRADERS;
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(pthread_create(&t[i], NULL, trader, (void *)(round * TRADERS + i + 1)), 0);
        if (round % 3 == 0)
            trader((void *)(round + 1000));
        for (unsigned i = 0; i < n; i++)
            pthread_join(t[i], NULL);
        figure("heap.blocks_cached"); /* counts what is cached of every page */
        assert_int_equal(booked_weight(in), true_weight(in));
    }
    for (unsigned i = 0; i < 4096; i++)
        put(atomic_exchange(&trade[i], NULL));
    assert_int_equal(figure("heap.blocks_live"), 0);
    assert_int_equal(booked_weight(in), true_weight(in));
}

/* A heap with nothing live and others' blocks in its local lists, which are paid for. */
static void test_books_below_zero(void **state)
{
    (void)state;
    struct lot mine = {.size = 500, .count = 56}, theirs = {.size = 500, .count = 100};
    make_lot(&mine);
    on_thread(make_lot, &theirs);
    free_lot(&theirs);
    put(get(500)); /* what was adopted becomes the local list */
    free_lot(&mine);
    put(get(3000)); /* a refill looks at the books */
    assert_int_equal(figure("heap.blocks_live"), 0);
    assert_true(figure("heap.blocks_adopted") == 1);
    assert_int_equal(booked_weight(heap->ctx), true_weight(heap->ctx));
}

/* --- fork ----------------------------------------------------------------------------------------------- */

static _Atomic bool fork_stop;
static void *fork_noise(void *unused)
{
    for (unsigned i = 0; !atomic_load(&fork_stop); i++) {
        void *p = get(i % 3000), *q = get((size_t)200 << 10);
        put(p);
        put(q);
    }
    return unused;
}

static void test_fork(void **state)
{
    (void)state;
    static void *blocks[1000];
    pthread_t noise, idle;
    atomic_store(&fork_stop, false);
    pthread_barrier_init(&idle_barrier, NULL, 2);
    assert_int_equal(pthread_create(&idle, NULL, idle_maker, blocks), 0);
    pthread_barrier_wait(&idle_barrier);
    assert_int_equal(pthread_create(&noise, NULL, fork_noise, NULL), 0);
    for (int n = 0; n < 20; n++) {
        char *mine = get(5000);
        strcpy(mine, "before");
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            alarm(20);
            bool good = !strcmp(mine, "before");
            for (int i = 1; i < 1000; i += 2) /* of a thread that is not here */
                put(blocks[i]);
            for (int i = 0; i < 3000; i++) {
                blocks[i % 1000] = get((size_t)i * 7);
                if (!blocks[i % 1000])
                    good = false;
                else if (i % 3 == 0)
                    put(blocks[i % 1000]);
            }
            put(mine);
            _exit(good ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        put(mine);
    }
    atomic_store(&fork_stop, true);
    pthread_join(noise, NULL);
    pthread_barrier_wait(&idle_barrier);
    pthread_join(idle, NULL);
    for (int i = 1; i < 1000; i += 2)
        put(blocks[i]);
    assert_int_equal(figure("heap.blocks_live"), 0);
}

/* Enough blocks for the heap to ask for huge pages: they are there in the child too. */
static void test_fork_of_many(void **state)
{
    (void)state;
    static char *p[32768];
    for (unsigned i = 0; i < 32768; i++)
        memset(p[i] = get(1000), (int)(i & 0xff), 1000);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        bool good = true;
        for (unsigned i = 0; i < 32768; i++)
            good &= p[i][0] == (char)(i & 0xff) && p[i][999] == (char)(i & 0xff);
        for (unsigned i = 0; i < 32768; i++)
            put(p[i]);
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    for (unsigned i = 0; i < 32768; i++)
        put(p[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_adoption),         T(test_swap), T(test_swap_and_die), T(test_books),
        T(test_books_below_zero), T(test_fork), T(test_fork_of_many),
    };
    return cmocka_run_group_tests_name("pools_threads", tests, NULL, NULL);
}
