/* pools_stress.c: random work on `pools` from several threads at once, every block checked.
 *
 * Threads share slots: whoever takes a block out of one checks its whole pattern and frees it, so that most
 * frees come from another thread than the malloc. Threads die holding memory that the next ones free. At the
 * end of a round everything is freed and the backend's own count of live blocks must be 0.
 *
 * HEAPGAUGE_STRESS_SECONDS=600 runs longer, HEAPGAUGE_STRESS_SEED=N from a given seed (printed at the
 * start). */
#include "alloc/alloc.h"
#include "alloc/base/os.h"
#include "alloc/spec.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SLOTS       4096u
#define THREADS_MAX 8u

struct block {
    uint64_t size, key;
    unsigned char data[];
};

static _Atomic(struct block *) slots[SLOTS];
static struct alloc heap;
static _Atomic unsigned errors;

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void wrong(const char *what)
{
    fprintf(stderr, "# pools_stress: %s\n", what);
    atomic_fetch_add(&errors, 1);
}

/* The whole block when it is small, else its two ends. */
static void fill(struct block *b, size_t size, uint64_t key)
{
    b->size = size;
    b->key = key;
    size_t n = size - sizeof *b;
    memset(b->data, (int)(key & 0xff), n < 4096 ? n : 1024);
    if (n >= 4096)
        memset(b->data + n - 1024, (int)(key & 0xff), 1024);
}

static bool intact(const struct block *b, size_t upto)
{
    size_t n = (b->size < upto ? b->size : upto) - sizeof *b, whole = b->size - sizeof *b;
    unsigned char want = (unsigned char)b->key;
    for (size_t i = 0; i < n; i++) {
        if (whole >= 4096 && i == 1024)
            i = whole - 1024;
        if (i < n && b->data[i] != want)
            return false;
    }
    return true;
}

static size_t random_size(uint64_t *r)
{
    unsigned e = (unsigned)(next_random(r) % 64);
    unsigned bits = e < 50   ? 5 + e % 5
                    : e < 60 ? 5 + e % 10
                    : e < 63 ? 12 + (unsigned)(next_random(r) % 6)
                             : 21;
    return sizeof(struct block) + next_random(r) % ((size_t)1 << bits);
}

static struct block *make(uint64_t *r)
{
    size_t size = random_size(r);
    uint64_t kind = next_random(r) % 16;
    struct block *b;
    if (kind == 0) {
        b = heap.calloc(heap.ctx, 1, size);
        for (size_t i = 0; b && i < size; i += i < 512 ? 1 : 97)
            if (((unsigned char *)b)[i])
                wrong("calloc gave memory that is not zero");
    } else if (kind == 1) {
        size_t align = (size_t)16 << next_random(r) % 12;
        b = heap.aligned(heap.ctx, align, size);
        if ((uintptr_t)b & (align - 1))
            wrong("aligned gave a block that is not aligned");
    } else {
        b = heap.malloc(heap.ctx, size);
    }
    if (!b) {
        wrong("no memory");
        return NULL;
    }
    if ((uintptr_t)b % ALLOC_MIN_ALIGN)
        wrong("a block is not aligned to 16");
    if (heap.usable(heap.ctx, b) < size)
        wrong("usable is less than what was asked");
    fill(b, size, next_random(r));
    return b;
}

struct worker {
    uint64_t seed, operations;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    uint64_t r = w->seed;
    for (uint64_t i = 0; i < w->operations; i++) {
        unsigned slot = (unsigned)(next_random(&r) % SLOTS);
        struct block *b = atomic_exchange(&slots[slot], NULL);
        if (b && !intact(b, SIZE_MAX))
            wrong("a block's contents changed");
        if (b && next_random(&r) % 8 == 0) {
            size_t size = random_size(&r);
            struct block *c = heap.realloc(heap.ctx, b, size);
            if (!c)
                wrong("realloc: no memory");
            else if (!intact(c, size))
                wrong("realloc lost contents");
            b = c ? c : b;
            fill(b, c ? size : b->size, next_random(&r));
        } else if (b) {
            heap.free(heap.ctx, b);
            if (next_random(&r) % 4 == 0)
                continue;
            b = make(&r);
        } else {
            b = make(&r);
        }
        b = atomic_exchange(&slots[slot], b);
        if (b)
            heap.free(heap.ctx, b);
    }
    return NULL;
}

static void round_of(unsigned threads, uint64_t seed, uint64_t operations)
{
    pthread_t id[THREADS_MAX];
    struct worker w[THREADS_MAX];
    for (unsigned i = 0; i < threads; i++) {
        w[i] = (struct worker){seed * 1000 + i, operations};
        if (pthread_create(&id[i], NULL, work, &w[i]))
            wrong("no thread");
    }
    for (unsigned i = 0; i < threads; i++)
        pthread_join(id[i], NULL);
}

static void free_all(void)
{
    for (unsigned i = 0; i < SLOTS; i++)
        heap.free(heap.ctx, atomic_exchange(&slots[i], NULL));
}

static uint64_t live_blocks;
static void sink_integer(void *arg, const char *key, uint64_t value)
{
    (void)arg;
    if (!strcmp(key, "heap.blocks_live"))
        live_blocks = value;
}

static void test_stress(void **state)
{
    (void)state;
    const char *seconds_text = getenv("HEAPGAUGE_STRESS_SECONDS"),
               *seed_text = getenv("HEAPGAUGE_STRESS_SEED");
    double seconds = seconds_text ? atof(seconds_text) : 2;
    uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : os_now_ns();
    printf("# seed %llu\n", (unsigned long long)seed);
    struct spec spec;
    struct message m;
    struct alloc_stack stack;
    if (spec_parse(&spec, "pools", &m))
        fail_msg("%s", m.text);
    assert_int_equal(alloc_open(&stack, &spec, &m), 0);
    heap = stack.layer[0];
    struct alloc_sink sink = {.integer = sink_integer};
    uint64_t end = os_now_ns() + (uint64_t)(seconds * 1e9);
    for (uint64_t round = 0; os_now_ns() < end && !errors; round++) {
        /* A few generations of threads over the same slots: each inherits what the one before left. */
        uint64_t r = seed + round;
        for (unsigned g = 0; g < 3; g++)
            round_of(1 + (unsigned)(next_random(&r) % THREADS_MAX), next_random(&r), 20000);
        if (next_random(&r) % 2) {
            free_all();
            heap.backend->report(heap.ctx, &sink);
            assert_int_equal(live_blocks, 0);
        }
    }
    free_all();
    heap.backend->report(heap.ctx, &sink);
    assert_int_equal(live_blocks, 0);
    assert_int_equal(errors, 0);
    alloc_close(&stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stress)};
    return cmocka_run_group_tests_name("pools_stress", tests, NULL, NULL);
}
