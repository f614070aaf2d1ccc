/* threads.c: the runtime with several threads, under every policy: shared containers, weak references,
 * interning, critical sections, objects that die away from home, and stopping the world while threads come,
 * block and go. Threads hand their findings to the main thread, which asserts. ThreadSanitizer is the other
 * judge.
 */
// policies: gil gil314 objlock atomic biased
#include "runtime.h"

#include "alloc/base/rng.h"

#include <time.h>
#include <unistd.h>

#define THREADS 3
#ifdef HG_TSAN
#define ROUNDS 4000
#else
#define ROUNDS 20000
#endif

struct worker {
    pthread_t id;
    struct runtime *runtime;
    unsigned index;
    void (*body)(struct worker *w);
    struct rng rng;
    uint64_t done, wrong;
};

/* What the bodies share. */
static struct {
    struct object *list, *dict, *a, *b, *key[16];
    struct type *type;
    struct object *weak;
    struct object *_Atomic box[64]; /* a reference each, or NULL */
    _Atomic uint64_t steps[THREADS], callbacks, finalised;
    _Atomic bool stop;
    _Atomic uint64_t balance;
} s;

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    if (runtime_thread_attach(w->runtime, w->index + 1) != 0) {
        w->wrong++;
        return NULL;
    }
    w->body(w);
    runtime_thread_detach(w->runtime);
    return NULL;
}

/* Runs body in THREADS threads; the main thread is detached meanwhile. */
static uint64_t run(struct runtime *r, void (*body)(struct worker *w))
{
    struct worker w[THREADS];
    uint64_t done = 0;
    runtime_thread_detach(r);
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (struct worker){.runtime = r, .index = i, .body = body};
        rng_seed(&w[i].rng, i + 1);
        assert_int_equal(pthread_create(&w[i].id, NULL, worker_main, &w[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(w[i].id, NULL);
        assert_int_equal(w[i].wrong, 0);
        done += w[i].done;
    }
    runtime_thread_attach(r, 0);
    return done;
}

static struct object *a_tuple(uint64_t bits)
{
    struct object *t = tuple_new(2);
    tuple_init_item(t, 0, int_new((int64_t)(bits & 0xffff) + 1000));
    tuple_init_item(t, 1, float_new((double)(bits & 0xffff)));
    return t;
}

static bool is_whole(const struct object *t)
{
    return t->type == &type_tuple && tuple_size(t) == 2 &&
           (double)(int_value(tuple_item(t, 0)) - 1000) == float_value(tuple_item(t, 1));
}

/* --- one list and one dict for all ---------------------------------------------------------------------- */

static void use_list(struct worker *w)
{
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t bits = rng_next(&w->rng);
        struct object *t = NULL, *in;
        switch (bits & 7) {
        case 0:
        case 1:
            t = a_tuple(bits >> 8);
            list_append(s.list, t);
            break;
        case 2:
            t = list_pop(s.list);
            w->wrong += t && !is_whole(t);
            break;
        case 3:
            in = a_tuple(bits >> 8);
            list_set(s.list, bits >> 40 & 31, in); /* may be out of range */
            rc_dec(in);
            break;
        default:
            t = list_get(s.list, bits >> 40 & 31);
            w->wrong += t && !is_whole(t);
        }
        rc_xdec(t);
        if ((bits & 0xffff00) == 0)
            list_clear(s.list);
        thread_safepoint();
        w->done++;
    }
}

static void use_dict(struct worker *w)
{
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t bits = rng_next(&w->rng);
        struct object *t = NULL, *k = s.key[bits >> 40 & 15], *n = int_new((int64_t)(bits >> 44 & 63) + 300);
        if (bits & 1 << 20) /* general keys too, from time to time */
            k = n;
        switch (bits & 7) {
        case 0:
        case 1:
            t = a_tuple(bits >> 8);
            dict_put(s.dict, k, t);
            break;
        case 2:
            dict_remove(s.dict, k);
            break;
        default:
            t = dict_get(s.dict, k);
            w->wrong += t && !is_whole(t);
        }
        rc_xdec(t);
        rc_dec(n);
        if ((bits & 0x3fff00) == 0)
            dict_clear(s.dict);
        thread_safepoint();
        w->done++;
    }
}

static void test_shared_containers(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    s.list = list_new(0);
    s.dict = dict_new();
    for (int i = 0; i < 16; i++) {
        char text[8];
        s.key[i] = str_new(text, (size_t)snprintf(text, sizeof text, "k%d", i));
    }
    assert_int_equal(run(r, use_list), THREADS * ROUNDS);
    assert_int_equal(run(r, use_dict), THREADS * ROUNDS);
    struct object *k, *v;
    for (size_t at = 0; dict_next(s.dict, &at, &k, &v);)
        assert_true(is_whole(v));
    for (int i = 0; i < 16; i++)
        rc_dec(s.key[i]);
    rc_dec(s.list);
    rc_dec(s.dict);
    assert_int_equal(runtime_live_objects(r), 0);
    freelist_clear_all(r);
    assert_int_equal(runtime_live_bytes(r), 0);
    test_close(r);
}

/* --- objects that die away from home -------------------------------------------------------------------- */

/* Swaps own new objects with what others left in the boxes: most die in a thread that did not make them. */
static void swap_boxes(struct worker *w)
{
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t bits = rng_next(&w->rng);
        struct object *t = bits & 1 ? a_tuple(bits >> 8) : list_new(3), *old;
        if (!(bits & 1))
            list_set(t, 0, t == NULL ? NULL : s.key[0]);
        old = atomic_exchange_explicit(&s.box[bits >> 32 & 63], t, memory_order_acq_rel);
        if (old && old->type == &type_tuple)
            w->wrong += !is_whole(old);
        if (old && bits & 2) {
            rc_inc(old);
            rc_dec(old);
        }
        rc_xdec(old);
        thread_safepoint();
        w->done++;
    }
}

static void test_remote_deaths(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    s.key[0] = str_new("shared", 6);
    for (int again = 0; again < 2;
         again++) /* the second time, the boxes hold objects of threads that are gone */
        run(r, swap_boxes);
    for (int i = 0; i < 64; i++) {
        rc_xdec(s.box[i]);
        s.box[i] = NULL;
    }
    assert_int_equal(rc_count(s.key[0]), 1);
    rc_dec(s.key[0]);
    assert_int_equal(runtime_live_objects(r), 0);
    test_close(r);
}

/* --- weak references and finalisers --------------------------------------------------------------------- */

static void weak_called(struct weakref *w, void *arg)
{
    (void)w;
    (void)arg;
    atomic_fetch_add_explicit(&s.callbacks, 1, memory_order_relaxed);
}

static void weak_finalizer(struct object *o)
{
    (void)o;
    atomic_fetch_add_explicit(&s.finalised, 1, memory_order_relaxed);
}

/* The referents sit in boxes; every thread makes weakrefs to its own new one, and gives box and weakref to
 * others. */
static void use_weakrefs(struct worker *w)
{
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t bits = rng_next(&w->rng);
        unsigned at = bits >> 32 & 15;
        if (bits & 1) {
            struct object *o = instance_new(s.type),
                          *weak = weakref_new(o, bits & 2 ? weak_called : NULL, NULL), *old;
            old = atomic_exchange_explicit(&s.box[at], o, memory_order_acq_rel);
            rc_xdec(old);
            old = atomic_exchange_explicit(&s.box[at + 16], weak, memory_order_acq_rel);
            rc_xdec(old);
        } else {
            struct object *weak = atomic_exchange_explicit(&s.box[at + 16], NULL, memory_order_acq_rel);
            if (weak) {
                struct object *o = weakref_get(weak);
                w->wrong += o && o->type != s.type;
                rc_xdec(o);
                rc_dec(weak);
            }
        }
        thread_safepoint();
        w->done++;
    }
}

static void test_weakrefs(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    s.type = type_new_instance_type("node", 1, 0, TYPE_WEAK, weak_finalizer);
    s.callbacks = s.finalised = 0;
    run(r, use_weakrefs);
    for (int i = 0; i < 64; i++) {
        rc_xdec(s.box[i]);
        s.box[i] = NULL;
    }
    assert_int_equal(runtime_live_objects(r), 0);
    assert_true(s.finalised > ROUNDS);
    rc_dec(&s.type->head);
    test_close(r);
}

/* --- interning ------------------------------------------------------------------------------------------ */

static void intern_many(struct worker *w)
{
    struct object *held[32] = {0};
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t bits = rng_next(&w->rng);
        char text[16];
        unsigned n = bits & 63;
        struct object *o = str_intern(str_new(text, (size_t)snprintf(text, sizeof text, "name%u", n)));
        struct object *p = str_intern(str_new(text, (size_t)snprintf(text, sizeof text, "name%u", n)));
        w->wrong += o != p || !str_equal(o, p);
        rc_dec(p);
        rc_xdec(held[bits >> 8 & 31]);
        held[bits >> 8 & 31] = o;
        thread_safepoint();
    }
    for (int i = 0; i < 32; i++)
        rc_xdec(held[i]);
}

static void test_interning(void **state)
{
    (void)state;
    for (int immortal = 0; immortal < 2; immortal++) {
        struct runtime *r = test_open(NULL);
        r->options.immortal = immortal && HG_RC != HG_RC_GIL;
        run(r, intern_many);
        assert_int_equal(runtime_live_objects(r), 0);
        test_close(r);
    }
}

/* --- critical sections ---------------------------------------------------------------------------------- */

/* Moves the last item of one list to the other, in both directions: none is lost, whatever the order of
 * locks. A section inside a section of other objects may suspend it, but never deadlock. */
static void move_items(struct worker *w)
{
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t bits = rng_next(&w->rng);
        struct object *from = bits & 1 ? s.a : s.b, *to = bits & 1 ? s.b : s.a;
        struct critical c;
        critical_begin2(&c, from, to);
        struct object *o = list_pop(from);
        if (o) {
            list_append(to, o);
            rc_dec(o);
        }
        critical_end(&c);
        if ((bits & 0xf0) == 0) {
            struct critical outer, inner;
            critical_begin(&outer, from);
            critical_begin(&inner, to);
            w->wrong += list_size(to) > 100;
            critical_end(&inner);
            critical_end(&outer);
        }
        thread_safepoint();
        w->done++;
    }
}

static void test_critical_sections(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    s.a = list_new(0);
    s.b = list_new(0);
    for (int i = 0; i < 50; i++) {
        struct object *n = int_new(1000 + i);
        list_append(s.a, n);
        list_append(s.b, n);
        rc_dec(n);
    }
    run(r, move_items);
    assert_int_equal(list_size(s.a) + list_size(s.b), 100);
    int64_t sum = 0;
    for (struct object *o; (o = list_pop(s.a)) || (o = list_pop(s.b)); rc_dec(o))
        sum += int_value(o);
    assert_int_equal(sum, 2 * (50 * 1000 + 49 * 25));
    rc_dec(s.a);
    rc_dec(s.b);
    assert_int_equal(runtime_live_objects(r), 0);
    test_close(r);
}

/* --- stopping the world --------------------------------------------------------------------------------- */

/* Works, blocks, leaves and comes back, until told to stop; while the world is stopped the steps stand
 * still. */
static void come_and_go(struct worker *w)
{
    while (!atomic_load_explicit(&s.stop, memory_order_relaxed)) {
        uint64_t bits = rng_next(&w->rng);
        rc_dec(a_tuple(bits >> 8));
        atomic_fetch_add_explicit(&s.steps[w->index], 1, memory_order_relaxed);
        thread_safepoint();
        if ((bits & 0xff0000) == 0) {
            thread_block_begin();
            usleep(50);
            thread_block_end();
        }
        if ((bits & 0xff000000) == 0) {
            runtime_thread_detach(w->runtime);
            sched_yield();
            w->wrong += runtime_thread_attach(w->runtime, w->index + 1) != 0;
        }
    }
}

static uint64_t all_steps(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < THREADS; i++)
        sum += atomic_load_explicit(&s.steps[i], memory_order_relaxed);
    return sum;
}

static void test_stop_the_world(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    struct worker w[THREADS];
    s.stop = false;
    runtime_thread_detach(r);
    for (unsigned i = 0; i < THREADS; i++) {
        s.steps[i] = 0;
        w[i] = (struct worker){.runtime = r, .index = i, .body = come_and_go};
        rng_seed(&w[i].rng, i + 1);
        assert_int_equal(pthread_create(&w[i].id, NULL, worker_main, &w[i]), 0);
    }
    runtime_thread_attach(r, 0);
    for (int i = 0; i < 30; i++) {
        thread_stop_world(r);
        thread_stop_world(r); /* may be nested */
        uint64_t first = all_steps();
        usleep(300);
        assert_int_equal(all_steps(), first);
        thread_start_world(r);
        assert_int_equal(all_steps(), first);
        thread_start_world(r);
        thread_block_begin();
        usleep(300);
        thread_block_end();
        thread_safepoint();
    }
    s.stop = true;
    runtime_thread_detach(r);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(w[i].id, NULL);
        assert_int_equal(w[i].wrong, 0);
    }
    runtime_thread_attach(r, 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_true(s.steps[i] > 0);
    assert_int_equal(runtime_live_objects(r), 0);
    test_close(r);
}

/* Several threads stop the world at once: each gets its turn. */
static void stop_in_turn(struct worker *w)
{
    for (int i = 0; i < 50; i++) {
        thread_stop_world(w->runtime);
        uint64_t n = atomic_load_explicit(&s.balance, memory_order_relaxed);
        sched_yield();
        atomic_store_explicit(&s.balance, n + 1, memory_order_relaxed);
        thread_start_world(w->runtime);
        thread_safepoint();
    }
}

static void test_many_stop_the_world(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    s.balance = 0;
    run(r, stop_in_turn);
    assert_int_equal(s.balance, THREADS * 50);
    test_close(r);
}

/* --- the GIL -------------------------------------------------------------------------------------------- */

#if RC_GIL_HELD
/* Each thread works until all have had their part: with two that never block, only requests make them
 * switch. */
static void count_until_all(struct worker *w)
{
    uint64_t start = os_now_ns();
    for (bool all = false; !all && os_now_ns() - start < 5000000000u;) {
        atomic_fetch_add_explicit(&s.steps[w->index], 1, memory_order_relaxed);
        thread_safepoint();
        all = true;
        for (unsigned i = 0; i < THREADS; i++)
            all &= atomic_load_explicit(&s.steps[i], memory_order_relaxed) > 1000;
        w->done = all;
    }
}
#endif

static void test_gil_switches(void **state)
{
    (void)state;
#if RC_GIL_HELD
    setenv("HEAPGAUGE_STRICT_STOP", "0", 1); /* the strict build's hand-overs would come before any request */
    struct runtime *r = test_open(NULL);
    unsetenv("HEAPGAUGE_STRICT_STOP");
    for (unsigned i = 0; i < THREADS; i++)
        s.steps[i] = 0;
    uint64_t before = r->gil.switches;
    assert_int_equal(run(r, count_until_all), THREADS);
    assert_true(r->gil.switches - before >= THREADS);
    assert_true(waits_quantile(&r->gil.waits, 0.5) > 0);
    test_close(r);
#endif
}

/* An index is one thread's at a time. */
static void attach_twice(struct worker *w)
{
    (void)w;
}

static void *attach_main(void *arg)
{
    *(int *)arg = runtime_thread_attach(&runtime_global, 0);
    return NULL;
}

static void test_attach_errors(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    pthread_t id;
    int err = 0;
    assert_int_equal(runtime_thread_attach(r, 0), 0); /* this thread's own: nothing happens */
    assert_int_equal(pthread_create(&id, NULL, attach_main, &err), 0);
    pthread_join(id, NULL);
    assert_int_equal(err, -EBUSY);
    run(r, attach_twice);
    runtime_thread_detach(r);
    assert_int_equal(runtime_thread_attach(r, RUNTIME_THREADS_MAX), -ENOMEM);
    assert_int_equal(runtime_thread_attach(r, 0), 0);
    test_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_containers),
        cmocka_unit_test(test_remote_deaths),
        cmocka_unit_test(test_weakrefs),
        cmocka_unit_test(test_interning),
        cmocka_unit_test(test_critical_sections),
        cmocka_unit_test(test_stop_the_world),
        cmocka_unit_test(test_many_stop_the_world),
        cmocka_unit_test(test_gil_switches),
        cmocka_unit_test(test_attach_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
