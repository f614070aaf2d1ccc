/* strict.c: the strict build finds what it is for: writes to dead memory, counts of dead objects; it stops at
 * every safepoint and fails every n-th allocation. In other builds there is nothing to test. */
// policies: gil gil314 objlock atomic biased
#include "runtime.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef HG_STRICT
/* Runs fault in a process of its own and tells whether the runtime ended it. */
static bool found(void (*fault)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        close(2);
        fault();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void no_fault(void)
{
    rc_dec(tuple_new(3));
    rc_dec(tuple_new(3));
    rc_dec(list_new(0));
    rc_dec(list_new(0));
    rc_dec(dict_new());
    rc_dec(dict_new());
    rc_dec(float_new(1));
    rc_dec(float_new(2));
}

static void write_to_dead_tuple(void)
{
    struct object *t = tuple_new(3);
    rc_dec(t);
    tuple_init_item(t, 2, NULL);
    tuple_new(3);
}

static void write_to_dead_list(void)
{
    struct object *l = list_new(0);
    rc_dec(l);
    ((struct list_object *)l)->size = 0;
    list_new(0);
}

static void write_to_dead_dict(void)
{
    struct object *d = dict_new();
    rc_dec(d);
    ((struct dict_object *)d)->used = 0;
    dict_new();
}

static void count_dead_float(void)
{
    struct object *f = float_new(1);
    rc_dec(f);
    rc_inc(f);
    float_new(2);
}

static void test_dead_memory(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    assert_false(found(no_fault));
    assert_true(found(write_to_dead_tuple));
    assert_true(found(write_to_dead_list));
    assert_true(found(write_to_dead_dict));
    assert_true(found(count_dead_float));
    test_close(r);
}

/* An allocator that looks at what it gets back. */
static struct alloc inner;
static size_t given_back, dead;
static void looking_free(void *ctx, void *p)
{
    size_t n = 0, bytes = 72; /* of the str below */
    given_back++;
    while (n < bytes && ((unsigned char *)p)[n] == STRICT_DEAD)
        n++;
    dead += n == bytes;
    inner.free(ctx, p);
}

static void test_given_back_is_filled(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    struct object *s = str_new("a text that is long enough for it", 33);
    inner = r->memory.plain;
    r->memory.plain.free = looking_free;
    given_back = dead = 0;
    rc_dec(s);
    assert_int_equal(given_back, 1);
    assert_int_equal(dead, 1);
    r->memory.plain = inner;
    test_close(r);
}

static void test_allocations_fail(void **state)
{
    (void)state;
    setenv("HEAPGAUGE_STRICT_FAIL", "3", 1);
    struct runtime *r = test_open(NULL);
    for (int i = 1; i <= 30; i++) {
        struct object *s = str_new("x", 1);
        assert_true((s == NULL) == (i % 3 == 0));
        rc_xdec(s);
    }
    test_close(r);
    unsetenv("HEAPGAUGE_STRICT_FAIL");
}

/* --- safepoints ----------------------------------------------------------------------------------------- */

enum { STOPS = 20 };
static _Atomic unsigned stopped, wrong, ended;

/* Passes safepoints until so many of them were stops. Under a GIL each comes when the other waits, which has
 * had the lock before this one goes on; without, the world has been stopped each time. */
static void *pass_safepoints(void *arg)
{
    struct runtime *r = &runtime_global;
    runtime_thread_attach(r, (unsigned)(uintptr_t)arg);
    uint64_t end = os_now_ns() + 30000000000u;
    for (unsigned seen = 0; seen < STOPS && !atomic_load(&ended) && os_now_ns() < end; seen++) {
#if RC_GIL_HELD
        while (!atomic_load(&r->gil.waiting) && !atomic_load(&ended) && os_now_ns() < end)
            ;
        bool due = atomic_load(&r->gil.waiting) != 0;
        uint64_t before = r->gil.switches;
        thread_safepoint();
        bool stop = r->gil.switches >= before + 2; /* there and back */
#else
        bool due = true;
        uint64_t before = r->stop.count;
        thread_safepoint();
        bool stop = r->stop.count > before;
#endif
        atomic_fetch_add(&stopped, due);
        atomic_fetch_add(&wrong, due && !stop);
    }
    atomic_store(&ended, 1);
    runtime_thread_detach(r);
    return NULL;
}

static void test_stops_at_every_safepoint(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    pthread_t id[2];
    thread_block_begin();
    for (uintptr_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&id[i], NULL, pass_safepoints, (void *)(i + 1)), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(id[i], NULL);
    thread_block_end();
    assert_true(stopped >= STOPS);
    assert_int_equal(wrong, 0);
    test_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dead_memory),
        cmocka_unit_test(test_given_back_is_filled),
        cmocka_unit_test(test_allocations_fail),
        cmocka_unit_test(test_stops_at_every_safepoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
    puts("1..0 # SKIP for MODE=strict");
    return 0;
}
#endif
