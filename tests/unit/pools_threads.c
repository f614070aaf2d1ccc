/* pools_threads.c: what threads of `pools` leave to each other: by dying, by freeing what others made, by fork. */
#include "pools_heap.h"

#include <sys/wait.h>
#include <unistd.h>

/* --- threads that die ------------------------------------------------------------------------------------- */

static void *die_holding(void *arg)
{
    void **blocks = arg;
    for (int i = 0; i < 1000; i++)
        blocks[i] = get(100);
    for (int i = 0; i < 1000; i += 2)
        put(blocks[i]);
    return NULL;
}

/* What a dead thread left free is used by a living one before new memory, and its heap by the next thread. */
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

/* --- others' blocks ---------------------------------------------------------------------------------------- */

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

/* Frees `count` blocks of another thread, having drawn `drawn` itself; says how many stay with this thread, and whether
 * these are what it is given next. */
static uint64_t swap(size_t size, unsigned count, unsigned drawn)
{
    struct lot theirs = {.size = size, .count = count}, mine = {.size = size, .count = drawn};
    make_lot(&mine);
    on_thread(make_lot, &theirs);
    uint64_t before = figure("heap.blocks_stashed"), swapped = 0;
    free_lot(&theirs);
    uint64_t stashed = figure("heap.blocks_stashed") - before;
    struct lot next = {.size = size, .count = (unsigned)stashed + 4096 / (unsigned)size};
    if (stashed) {
        make_lot(&next);
        for (unsigned i = 0; i < next.count; i++)
            swapped += of_lot(&theirs, next.block[i]);
        assert_true(swapped >= stashed);
        free_lot(&next);
    }
    free_lot(&mine);
    assert_int_equal(figure("heap.blocks_live"), 0);
    return stashed;
}

static void test_swap(void **state)
{
    (void)state;
    put(get(1));
    /* Each in a class of its own. As many as were drawn, at the grain of a chain; at most so many bytes; none when none
     * were drawn, or of less than a cache line. */
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
    assert_int_equal(figure("heap.blocks_stashed"), 0);
    assert_int_equal(figure("heap.blocks_live"), 0);
}

/* --- fork -------------------------------------------------------------------------------------------------- */

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
        T(test_adoption), T(test_swap), T(test_swap_and_die), T(test_fork), T(test_fork_of_many),
    };
    return cmocka_run_group_tests_name("pools_threads", tests, NULL, NULL);
}
