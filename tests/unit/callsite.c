/* callsite: how long the chain of calls is on the stacks of threads, and that nothing outside them is read.
 * What programs see of it is in tests/cli/preload.bats. */
// links: alloc/tracer/callsite.c alloc/base/mutex.c alloc/base/os.c
#include "alloc/tracer/callsite.h"
#include "alloc/base/compiler.h"
#include "between.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmocka.h>

#ifdef HG_TSAN
#define STACK_BYTES ((size_t)2 << 20) /* it takes more of a thread's stack than we do */
#else
#define STACK_BYTES ((size_t)256 << 10)
#endif
#define GUARD_BYTES ((size_t)64 << 10)

static void the_walk_stays_within_the_stack(void **state)
{
    (void)state;
    /* Frames as foreign code may leave them: pointing down, far up, unaligned, outside, at itself. */
    static uintptr_t elsewhere[4];
    uintptr_t frame[8] = {0};
    void *out[CALLSITE_FRAMES_MAX];
    const uintptr_t wild[] = {0,
                              1,
                              (uintptr_t)frame - 64,
                              (uintptr_t)frame,
                              (uintptr_t)frame + 3,
                              UINTPTR_MAX - 7,
                              (uintptr_t)elsewhere,
                              (uintptr_t)frame + ((uintptr_t)64 << 20)};
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
        frame[0] = wild[i];
        assert_int_equal(callsite_walk(out, 64, frame, (void *)0x12345), 1);
        assert_ptr_equal(out[0], (void *)0x12345);
    }
    frame[0] = (uintptr_t)&frame[4]; /* a good one, and then a return address that is none */
    frame[4] = (uintptr_t)&frame[6];
    frame[5] = 0x777777;
    frame[7] = 1;
    assert_int_equal(callsite_walk(out, 64, frame, (void *)0x12345), 2);
    assert_ptr_equal(out[1], (void *)0x777777);
    /* a frame that is not on this thread's stack is not read */
    assert_int_equal(callsite_walk(out, 64, elsewhere, (void *)0x12345), 1);
}

/* Two stacks, each between regions that nobody may read. */
static char *stack_of[2];

static int setup(void **state)
{
    (void)state;
    char *p = mmap(NULL, 2 * STACK_BYTES + 3 * GUARD_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; p != MAP_FAILED && i < 2; i++) {
        stack_of[i] = p + GUARD_BYTES + (size_t)i * (STACK_BYTES + GUARD_BYTES);
        if (mprotect(stack_of[i], STACK_BYTES, PROT_READ | PROT_WRITE) != 0)
            return -1;
    }
    return p == MAP_FAILED ? -1 : 0;
}

/* How many frames there are below depth calls, each with a frame of more than a page. */
static noinline unsigned frames_below(unsigned depth)
{
    char room[5000];
    void *out[CALLSITE_FRAMES_MAX];
    __asm__ volatile("" : : "r"(room) : "memory");
    unsigned n = depth ? frames_below(depth - 1)
                       : callsite_walk(out, CALLSITE_FRAMES_MAX, __builtin_frame_address(0),
                                       __builtin_return_address(0));
    __asm__ volatile("" : : "r"(room) : "memory"); /* no tail call */
    return n;
}

struct seen {
    unsigned first, deep, elsewhere, again;
};

static void *own_stack_alone(void *out)
{
    struct seen *s = out;
    s->first = frames_below(5);
    s->deep = frames_below(40);
    s->again = frames_below(5);
    return NULL;
}

/* A walk from a frame after which there is no more stack. */
static void walk_off(char *stack)
{
    uintptr_t frame[2] = {(uintptr_t)stack + STACK_BYTES, 0x777777};
    void *out[CALLSITE_FRAMES_MAX];
    assert_int_equal(callsite_walk(out, CALLSITE_FRAMES_MAX, frame, (void *)0x12345), 1);
}

static ucontext_t outside, inside;
static char *inside_stack;
static unsigned inside_frames;

static void coroutine(void)
{
    walk_off(inside_stack);
    inside_frames = frames_below(10);
}

/* The first walk of the thread is on another stack. */
static void *other_stack_first(void *out)
{
    struct seen *s = out;
    getcontext(&inside);
    inside.uc_stack.ss_sp = inside_stack;
    inside.uc_stack.ss_size = STACK_BYTES;
    inside.uc_link = &outside;
    makecontext(&inside, coroutine, 0);
    swapcontext(&outside, &inside);
    s->elsewhere = inside_frames;
    s->again = frames_below(10);
    walk_off(stack_of[inside_stack == stack_of[0]]);
    return NULL;
}

/* On this stack, or with NULL on one that the C library makes. */
static struct seen run_thread(void *(*body)(void *), char *stack)
{
    struct seen s = {0};
    pthread_attr_t a;
    pthread_t t;
    pthread_attr_init(&a);
    if (stack)
        assert_int_equal(pthread_attr_setstack(&a, stack, STACK_BYTES), 0);
    assert_int_equal(pthread_create(&t, &a, body, &s), 0);
    pthread_join(t, NULL);
    pthread_attr_destroy(&a);
    return s;
}

static void chains_are_whole_on_the_stacks_of_threads(void **state)
{
    (void)state;
    for (int own = 0; own < 2; own++) {
        struct seen s = run_thread(own_stack_alone, own ? stack_of[0] : NULL);
        assert_between(s.first, 6, 10); /* 5 calls, the body, and what started it as far as it has frames */
        assert_int_equal(s.deep, s.first + 35);
        assert_int_equal(s.again, s.first);
    }
    assert_true(frames_below(5) >= 7); /* and on the main thread's */
}

static void on_another_stack_it_is_one_frame_and_the_own_one_is_still_found(void **state)
{
    (void)state;
    for (int own = 0; own < 3; own++) {
        inside_stack = stack_of[own == 1];
        struct seen s = run_thread(other_stack_first, own ? stack_of[own - 1] : NULL);
        assert_int_equal(s.elsewhere, 1);
        assert_between(s.again, 11, 15);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_walk_stays_within_the_stack),
        cmocka_unit_test(chains_are_whole_on_the_stacks_of_threads),
        cmocka_unit_test(on_another_stack_it_is_one_frame_and_the_own_one_is_still_found),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
