/* refcount.c: what counting costs under the policy that this program was compiled for. Prints one line for
 * each:
 *
 *   owner NS        an increment and a decrement by the thread that made the object (64 objects in turn)
 *   other NS        the same by another thread, alone
 *   contended NS    the same by two threads at once on one object: wall time, the others are processor time
 *   tuple NS        a 3-tuple made, filled and dropped
 *   bytes.KIND N    int, float, str (8 characters), tuple (3), list (3), dict (3 str keys), instance (2
 *                   slots): with what it owns and, for containers, the collector's head
 *
 *   refcount [owner|other|contended|tuple|bytes]...   these alone */
#include "alloc/base/os.h"
#include "alloc/spec.h"
#include "gc/collect/collector.h"
#include "gc/runtime.h"
#include "tests/perf/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define OBJECTS 64
#define STEPS   (20000 * OBJECTS)

static struct runtime *runtime;
static struct object *object[OBJECTS];

static double per_step(uint64_t start)
{
    return (double)(clock_cpu_ns() - start) / STEPS;
}

static void count(size_t objects)
{
    for (unsigned i = 0; i < STEPS; i++) {
        struct object *o = object[i % objects];
        rc_inc(o);
        __asm__ volatile("" ::: "memory"); /* neither the pair nor a count of it may be folded */
        rc_dec(o);
        __asm__ volatile("" ::: "memory");
    }
}

struct other {
    unsigned index;
    size_t objects;
    pthread_barrier_t *barrier;
    bool wall;
    double ns;
};

static void *count_there(void *arg)
{
    struct other *o = arg;
    runtime_thread_attach(runtime, o->index);
    count(o->objects); /* warm */
    thread_block_begin();
    pthread_barrier_wait(o->barrier);
    thread_block_end();
    uint64_t start = o->wall ? os_now_ns() : clock_cpu_ns();
    for (unsigned i = 0; i < 10; i++) {
        count(o->objects);
        thread_safepoint();
    }
    o->ns = (double)((o->wall ? os_now_ns() : clock_cpu_ns()) - start) / STEPS / 10;
    runtime_thread_detach(runtime);
    return NULL;
}

/* By so many other threads at once, time for each pair of one of them; the main thread, the owner, waits. */
static double elsewhere(unsigned threads, size_t objects)
{
    pthread_t id[2];
    struct other other[2];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, threads);
    thread_block_begin();
    for (unsigned i = 0; i < threads; i++) {
        other[i] = (struct other){i + 1, objects, &barrier, threads > 1, 0};
        if (pthread_create(&id[i], NULL, count_there, &other[i]))
            abort();
    }
    double ns = 0;
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(id[i], NULL);
        ns += other[i].ns / threads;
    }
    thread_block_end();
    pthread_barrier_destroy(&barrier);
    return ns;
}

static double tuples(void)
{
    uint64_t start = clock_cpu_ns();
    for (unsigned i = 0; i < STEPS; i++) {
        struct object *t = tuple_new(3);
        tuple_init_item(t, 0, int_new(i & 127));
        tuple_init_item(t, 1, int_new(i + 1000));
        tuple_init_item(t, 2, float_new(i));
        rc_dec(t);
        thread_safepoint();
    }
    return per_step(start);
}

static void tell_bytes(const char *kind, struct object *o)
{
    printf("bytes.%s %zu\n", kind, object_bytes(o));
    rc_dec(o);
}

static void bytes(void)
{
    struct object *list = list_new(3), *dict = dict_new(), *tuple = tuple_new(3);
    struct type *point = type_new_instance_type("point", 2, 0, 0, NULL);
    for (int i = 0; i < 3; i++) {
        char name = (char)('a' + i);
        struct object *key = str_new(&name, 1);
        dict_put(dict, key, key);
        rc_dec(key);
    }
    tell_bytes("int", int_new(1000));
    tell_bytes("float", float_new(1));
    tell_bytes("str", str_new("12345678", 8));
    tell_bytes("tuple", tuple);
    tell_bytes("list", list);
    tell_bytes("dict", dict);
    tell_bytes("instance", instance_new(point));
    rc_dec(&point->head);
}

int main(int argc, char **argv)
{
    static struct alloc_stack stack;
    struct message m;
    struct spec spec;
    if (spec_parse(&spec, RC_GIL_HELD ? "pymalloc" : "pools", &m) || alloc_open(&stack, &spec, &m))
        return 1;
    struct runtime_config config = {.alloc = &stack.layer[0], .collector = &collector_list[0], .threads = 3};
    if (runtime_open(&runtime, &config, &m))
        return 1;
    for (unsigned i = 0; i < OBJECTS; i++)
        object[i] = float_new(i);
    static const char *const names[] = {"owner", "other", "contended", "tuple", "bytes"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool wanted = argc == 1;
        for (int a = 1; a < argc; a++)
            wanted |= strcmp(argv[a], names[i]) == 0;
        if (!wanted)
            continue;
        uint64_t start;
        switch (i) {
        case 0:
            count(OBJECTS);
            start = clock_cpu_ns();
            count(OBJECTS);
            printf("owner %.4f\n", per_step(start));
            break;
        case 1:
            printf("other %.4f\n", elsewhere(1, OBJECTS));
            break;
        case 2:
            printf("contended %.4f\n", elsewhere(2, 1));
            break;
        case 3:
#ifdef HG_RC_TRACING
            if (HG_RC == HG_RC_TRACING)
                break; /* nothing dies without a collection: another figure */
#endif
            tuples();
            printf("tuple %.4f\n", tuples());
            break;
        default:
            bytes();
        }
    }
    return 0;
}
