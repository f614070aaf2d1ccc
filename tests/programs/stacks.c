/* stacks: allocates on every kind of stack, each thread first asking pthread_getattr_np for its own: glibc
 * allocates inside that call, with the thread's lock held, and a preloaded allocator that waits for the lock
 * there waits for ever. Virtual machines and interpreters do the same at each start of a thread. Some frame
 * pointers lead to where nothing can be read. Prints one line a stack. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK_BYTES ((size_t)256 << 10)
#define GUARD_BYTES ((size_t)64 << 10)

static void *volatile sink;

static void use(size_t bytes)
{
    sink = malloc(bytes);
    memset(sink, 1, bytes);
    free(sink);
}

static __attribute__((noinline)) void deeper(int depth)
{
    char room[512];
    __asm__ volatile("" : : "r"(room) : "memory");
    use(100 + (size_t)depth);
    if (depth)
        deeper(depth - 1);
    __asm__ volatile("" : : "r"(room) : "memory"); /* no tail call */
}

/* Calls malloc(40) with this in the frame pointer's register. */
void *call_with_frame(void *frame);
#if defined __x86_64__
__asm__(".text\n.type call_with_frame, @function\n"
        "call_with_frame: push %rbp\n mov %rdi, %rbp\n mov $40, %edi\n call malloc@PLT\n pop %rbp\n ret\n");
#elif defined __aarch64__
__asm__(".text\n.type call_with_frame, %function\n"
        "call_with_frame: stp x29, x30, [sp, -16]!\n mov x29, x0\n mov x0, 40\n bl malloc\n"
        "ldp x29, x30, [sp], 16\n ret\n");
#else
#error "stacks.c: call_with_frame for this architecture"
#endif

/* The frame after the caller's is at an address that cannot be read. */
static __attribute__((noinline)) void stray(char *unreadable)
{
    char *frame[2] = {unreadable, (char *)stray};
    free(call_with_frame(frame));
}

static char *guarded_stack(void)
{
    size_t all = STACK_BYTES + 2 * GUARD_BYTES;
    char *p = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED || mprotect(p + GUARD_BYTES, STACK_BYTES, PROT_READ | PROT_WRITE) != 0)
        abort();
    return p + GUARD_BYTES;
}

static void *asks_first(void *unused)
{
    pthread_attr_t a;
    void *base;
    size_t bytes;
    if (pthread_getattr_np(pthread_self(), &a) || pthread_attr_getstack(&a, &base, &bytes) ||
        pthread_attr_destroy(&a))
        abort();
    deeper(40);
    if (bytes == STACK_BYTES) /* the program's, with a guard behind it */
        stray((char *)base + bytes);
    return unused;
}

static void *allocates_first(void *unused)
{
    deeper(40);
    return asks_first(unused);
}

static ucontext_t outside, inside;
static char *inside_stack;

static void coroutine(void)
{
    deeper(40);
    stray(inside_stack + STACK_BYTES);
    swapcontext(&inside, &outside);
    stray(inside_stack + STACK_BYTES);
}

/* The thread's first allocation may be on the other stack, and there is one before and one behind its own. */
static void *switches(void *before)
{
    if (before)
        use(10);
    getcontext(&inside);
    inside_stack = guarded_stack();
    inside.uc_stack.ss_sp = inside_stack;
    inside.uc_stack.ss_size = STACK_BYTES;
    inside.uc_link = &outside;
    makecontext(&inside, coroutine, 0);
    swapcontext(&outside, &inside);
    deeper(40);
    swapcontext(&outside, &inside);
    munmap(inside_stack - GUARD_BYTES, STACK_BYTES + 2 * GUARD_BYTES);
    deeper(60);
    return NULL;
}

static char *signal_stack;

static void handler(int sig)
{
    (void)sig;
    deeper(20);
    stray(signal_stack + STACK_BYTES);
}

static void *takes_signals(void *before)
{
    if (before)
        use(10);
    signal_stack = guarded_stack();
    stack_t s = {.ss_sp = signal_stack, .ss_size = STACK_BYTES};
    if (sigaltstack(&s, NULL) != 0 || raise(SIGUSR1) != 0)
        abort();
    deeper(40);
    s.ss_flags = SS_DISABLE;
    sigaltstack(&s, NULL);
    munmap(signal_stack - GUARD_BYTES, STACK_BYTES + 2 * GUARD_BYTES);
    return NULL;
}

static void run(const char *name, void *(*body)(void *), void *argument, int own_stack)
{
    pthread_attr_t a;
    pthread_t t;
    char *stack = own_stack ? guarded_stack() : NULL;
    if (pthread_attr_init(&a) || (stack && pthread_attr_setstack(&a, stack, STACK_BYTES)) ||
        pthread_create(&t, &a, body, argument) || pthread_join(t, NULL))
        abort();
    pthread_attr_destroy(&a);
    printf("%s%s%s\n", name, argument ? ", later" : "", own_stack ? ", on a stack of the program" : "");
}

int main(void)
{
    signal(SIGUSR1, SIG_IGN);
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    if (sigaction(SIGUSR1, &action, NULL) != 0)
        abort();
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int own = 0; own < 2; own++) {
        run("asks first", asks_first, NULL, own);
        run("allocates first", allocates_first, NULL, own);
        run("switches", switches, NULL, own);
        run("switches", switches, "", own);
        run("takes signals", takes_signals, NULL, own);
        run("takes signals", takes_signals, "", own);
    }
    switches("");
    takes_signals("");
    puts("done");
    return 0;
}
