/* debug(X): the layout is CPython's; every kind of damage is found, in a child of ours that must die by
 * SIGABRT with the right words; and a program without damage runs as on X. */
#include "alloc/wrap/debug.h"
#include "alloc/alloc.h"
#include "alloc/base/compiler.h"
#include "alloc/spec.h"
#include "alloc/base/os.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Under the sanitizers a request that is too large is to fail as elsewhere. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static struct alloc_stack stack;
static struct alloc *a;

static void open_spec(const char *text)
{
    struct spec *spec = malloc(sizeof *spec);
    struct message m = {""};
    assert_int_equal(spec_parse(spec, text, &m), 0);
    assert_int_equal(alloc_open(&stack, spec, &m), 0);
    free(spec);
    a = &stack.layer[0];
}

/* The table and the quarantine add up, whatever the test did. */
static void close_heap(void)
{
    assert_true(debug_is_valid(&stack.layer[0]));
    alloc_close(&stack);
}

static int refused(const char *text, const char *word)
{
    struct spec *spec = malloc(sizeof *spec);
    struct message m = {""};
    int err = spec_parse(spec, text, &m);
    free(spec);
    return err == -EINVAL && strstr(m.text, word);
}

/* Frames of their own: neither inlined nor left by a tail call. */
static noinline void *new_block(size_t size)
{
    void *p = a->malloc(a->ctx, size);
    __asm__ volatile("" : "+r"(p));
    return p;
}

static noinline void drop(void *p)
{
    a->free(a->ctx, p);
    __asm__ volatile("");
}

/* Runs bug in a child; the child's standard error. The test fails unless it died by SIGABRT. */
static const char *report_of(const char *spec, void (*bug)(void))
{
    static char text[65536];
    int fd[2], status;
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fd[1], 2);
        close(fd[0]);
        signal(SIGABRT, SIG_DFL); /* cmocka's and the sanitizers' handlers are not for this */
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        open_spec(spec);
        bug();
        _exit(0);
    }
    close(fd[1]);
    size_t n = 0;
    for (ssize_t r; n < sizeof text - 1 && (r = read(fd[0], text + n, sizeof text - 1 - n)) > 0;)
        n += (size_t)r;
    text[n] = '\0';
    close(fd[0]);
    waitpid(pid, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        fail_msg("expected SIGABRT, got status %x and: %s", (unsigned)status, text);
    return text;
}

#define assert_prints(report, word)                                  \
    do {                                                             \
        const char *report_ = (report);                              \
        if (!strstr(report_, word))                                  \
            fail_msg("no \"%s\" in the report:\n%s", word, report_); \
    } while (0)

/* --- the layout ----------------------------------------------------------------------------------------- */

static void layout_is_that_of_pythonmalloc_debug(void **state)
{
    (void)state;
    open_spec("debug(system)");
    unsigned char *p = new_block(0x1234);
    const unsigned char head[16] = {0,   0,    0,    0,    0,    0,    0x12, 0x34,
                                    'o', 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd};
    assert_memory_equal(p - 16, head, 16);
    for (int i = 0; i < 0x1234; i++)
        assert_int_equal(p[i], 0xcd);
    for (int i = 0; i < 8; i++)
        assert_int_equal(p[0x1234 + i], 0xfd);
    assert_int_equal(a->usable(a->ctx, p), 0x1234);
    drop(p); /* it stays in quarantine: reading it is what this test may do */
    for (int i = -16; i < 0x1234 + 8; i++)
        assert_int_equal(p[i], 0xdd);
    close_heap();
}

static void calloc_and_realloc_fill_what_is_new_alone(void **state)
{
    (void)state;
    open_spec("debug(system)");
    unsigned char *p = a->calloc(a->ctx, 25, 4);
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    for (size_t from = 1; from < 400; from += 37)
        for (size_t to = 0; to < 400; to += 41) {
            unsigned char *q = new_block(from);
            for (size_t i = 0; i < from; i++)
                q[i] = (unsigned char)(i * 7 + 1);
            q = a->realloc(a->ctx, q, to);
            assert_int_equal(a->usable(a->ctx, q), to);
            for (size_t i = 0; i < to; i++)
                assert_int_equal(q[i], i < from ? (unsigned char)(i * 7 + 1) : 0xcd);
            drop(q);
        }
    drop(p);
    p = a->realloc(a->ctx, NULL, 10);
    assert_int_equal(p[9], 0xcd);
    drop(p);
    close_heap();
}

static void over_aligned_blocks_are_aligned_and_freed(void **state)
{
    (void)state;
    open_spec("debug:quarantine=0(system)");
    for (size_t align = 1; align <= 65536; align *= 2) {
        unsigned char *p = a->aligned(a->ctx, align, 33);
        assert_int_equal((uintptr_t)p % align, 0);
        memset(p, 7, 33);
        p = a->realloc(a->ctx, p, 50);
        assert_int_equal(p[32], 7);
        assert_int_equal(p[33], 0xcd);
        drop(p);
    }
    close_heap();
}

static void a_failed_call_changes_nothing(void **state)
{
    (void)state;
    open_spec("debug(system)");
    unsigned char *p = new_block(100);
    memset(p, 9, 100);
    errno = 0;
    assert_null(a->realloc(a->ctx, p, (size_t)PTRDIFF_MAX - 100));
    assert_int_equal(errno, ENOMEM);
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 9);
    assert_null(new_block(SIZE_MAX));
    assert_null(new_block((size_t)PTRDIFF_MAX + 1));
    assert_null(a->calloc(a->ctx, SIZE_MAX / 2, 3));
    assert_null(a->aligned(a->ctx, 4096, (size_t)PTRDIFF_MAX));
    drop(p);
    close_heap();
}

static void table_that_cannot_grow_fails_the_call_alone(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    open_spec("debug(system)");
    void *p[MANY + 1] = {NULL};
    unsigned n = 0;
    p[n] = new_block(8); /* the first table is there */
    os_fail_maps_after(1);
    while (n < MANY && p[n])
        p[++n] = new_block(8);
    os_fail_maps_after(0);
    assert_true(n > 500 && n < MANY);
    assert_null(p[n]);
    p[n] = new_block(8);
    assert_non_null(p[n]);
    for (unsigned i = 0; i <= n; i++)
        drop(p[i]);
    close_heap();
}

/* --- the damage ----------------------------------------------------------------------------------------- */

static noinline void bug_overrun(void)
{
    volatile char *p = new_block(24);
    p[24] = 'A';
    drop((void *)p);
}

static noinline void bug_underrun(void)
{
    volatile char *p = new_block(24);
    p[-1] = 'A';
    drop((void *)p);
}

static noinline void bug_size_word(void)
{
    volatile char *p = new_block(24);
    p[-9] = 99;
    p = a->realloc(a->ctx, (void *)p, 300);
    __asm__ volatile("");
}

static noinline void bug_double_free(void)
{
    void *p = new_block(48);
    drop(p);
    drop(p);
    __asm__ volatile("");
}

static noinline void bug_realloc_after_free(void)
{
    void *p = new_block(48);
    drop(p);
    a->realloc(a->ctx, p, 4);
    __asm__ volatile("");
}

static noinline void bug_use_after_free(void)
{
    volatile char *p = new_block(48);
    drop((void *)p);
    p[5] = 'A';
    for (int i = 0; i < 40000; i++) /* until the quarantine is full */
        drop(new_block(48));
}

static noinline void bug_use_after_free_found_at_close(void)
{
    volatile char *p = new_block(48);
    drop((void *)p);
    p[-3] = 'A';
    alloc_close(&stack);
}

static noinline void bug_overrun_of_live_block_found_by_verify(void)
{
    volatile char *p = new_block(48);
    p[55] = 'A';
    alloc_verify(&stack, NULL);
}

static noinline void bug_foreign(void)
{
    static char other[64] __attribute__((aligned(16)));
    drop(other + 16);
}

static noinline void bug_inside(void)
{
    drop((char *)new_block(64) + 32);
}

static noinline void bug_wild(void)
{
    drop((void *)0x10);
}

/* What was done, to which block of which size, found by whom, allocated and freed where. */
static void every_damage_is_reported(void **state)
{
    (void)state;
    static const struct {
        void (*bug)(void);
        const char *prints, *size, *found, *freed;
    } cases[] = {
        {bug_overrun, "the byte at +24 is 0x41, not 0xfd", "overrun: block 0x%s of 24 bytes",
         "found when it was freed:\n    #0 drop", NULL},
        {bug_underrun, "the byte at -1 is 0x41, not 0xfd", "underrun: block 0x%s of 24 bytes",
         "found when it was freed:\n    #0 drop", NULL},
        {bug_size_word, "the byte at -9 is 0x63, not 0x18", "underrun: block 0x%s of 24 bytes",
         "found when it was reallocated:\n    #0 bug_size_word", NULL},
        {bug_double_free, "is freed a second time", "double free: block 0x%s of 48 bytes",
         "found by this call:\n    #0 drop", "freed:\n    #0 drop"},
        {bug_realloc_after_free, "given to realloc after it was freed",
         "use after free: block 0x%s of 48 bytes", "found by this call:\n    #0 bug_realloc_after_free",
         "freed:\n    #0 drop"},
        {bug_use_after_free, "the byte at +5 is 0x41, not 0xdd", "use after free: block 0x%s of 48 bytes",
         "found when it left quarantine, during this call:\n    #0 drop", "freed:\n    #0 drop"},
        {bug_use_after_free_found_at_close, "the byte at -3 is 0x41, not 0xdd",
         "use after free: block 0x%s of 48 bytes", "found", "freed:\n    #0 drop"},
        {bug_overrun_of_live_block_found_by_verify, "the byte at +55 is 0x41, not 0xfd",
         "overrun: block 0x%s of 48 bytes", "found", NULL},
        {bug_inside, "is no block: it lies at +32", "foreign free: 0x%s", "found by this call:\n    #0 drop",
         NULL},
        {bug_inside, "it lies at +32 in block 0x", "foreign free: 0x%s", "of 64 bytes", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *r = report_of("debug(system)", cases[i].bug);
        char kind[64];
        snprintf(kind, sizeof kind, "heapgauge debug: %.*s", (int)strcspn(cases[i].size, "%"), cases[i].size);
        assert_int_equal(strncmp(r, kind, strlen(kind)), 0);
        assert_prints(r, strchr(cases[i].size, '%') + 2); /* behind the address */
        assert_prints(r, cases[i].prints);
        assert_prints(r, cases[i].found);
        assert_prints(r, "allocated:\n    #0 new_block");
        if (cases[i].freed)
            assert_prints(r, cases[i].freed);
        else
            assert_null(strstr(r, "  freed:"));
    }
    const char *r = report_of("debug(system)", bug_foreign);
    assert_prints(r, "foreign free: 0x");
    assert_prints(r, "is no block of this allocator");
    assert_prints(r, "found by this call:\n    #0 drop");
    assert_null(strstr(r, "allocated:"));
    assert_prints(report_of("debug(system)", bug_wild), "foreign free: 0x10");
}

static void sites_are_function_file_and_line(void **state)
{
    (void)state;
    const char *r = report_of("locked(debug(locked(system)))", bug_double_free);
    /* The wrappers outside are no frames: #0 is where this file called. */
    assert_prints(r, "allocated:\n    #0 new_block");
    assert_prints(r, "freed:\n    #0 drop");
    assert_prints(r, "tests/unit/debug.c:");
    assert_prints(r, "bug_double_free");
    r = report_of("debug:frames=1(system)", bug_double_free);
    assert_null(strstr(r, "bug_double_free"));
}

static void what_cannot_work_is_refused(void **state)
{
    (void)state;
    assert_true(refused("debug(preload:jemalloc)", "debug(pools)"));
    assert_true(refused("debug(locked(null))", "same memory"));
    assert_true(refused("debug", "wraps a backend"));
    assert_true(refused("debug:frames=65(system)", "frames"));
    assert_true(refused("debug:frame=6(system)", "frames"));
}

/* --- threads -------------------------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 4000, SLOTS = 128 };
static _Atomic(unsigned char *) shared[SLOTS];
static _Atomic unsigned wrong;

/* Blocks go from thread to thread; all the others must be as the first byte. */
static void *swap_blocks(void *arg)
{
    unsigned long long r = (uintptr_t)arg * 2654435761u + 1;
    for (int i = 0; i < ROUNDS; i++) {
        r = r * 6364136223846793005u + 1442695040888963407u;
        size_t size = 1 + (r >> 33) % 700;
        unsigned char *p = new_block(size);
        memset(p, (int)(r >> 56), size);
        if (r >> 60 == 3)
            p = a->realloc(a->ctx, p, size = size * 2);
        p = atomic_exchange(&shared[(r >> 40) % SLOTS], p);
        size_t n = p ? a->usable(a->ctx, p) : 0;
        if (n && p[0] != p[n / 2 - (n > 1)])
            wrong++;
        drop(p);
    }
    return NULL;
}

static void threads_share_blocks(void **state)
{
    (void)state;
    open_spec("debug:quarantine=100k(system)");
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, swap_blocks, (void *)(uintptr_t)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < SLOTS; i++)
        drop(atomic_exchange(&shared[i], NULL));
    assert_int_equal(wrong, 0);
    alloc_verify(&stack, NULL);
    close_heap();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_that_of_pythonmalloc_debug),
        cmocka_unit_test(calloc_and_realloc_fill_what_is_new_alone),
        cmocka_unit_test(over_aligned_blocks_are_aligned_and_freed),
        cmocka_unit_test(a_failed_call_changes_nothing),
        cmocka_unit_test(table_that_cannot_grow_fails_the_call_alone),
        cmocka_unit_test(every_damage_is_reported),
        cmocka_unit_test(sites_are_function_file_and_line),
        cmocka_unit_test(what_cannot_work_is_refused),
        cmocka_unit_test(threads_share_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
