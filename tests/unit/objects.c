/* objects.c: every kind of object, its size in bytes, its growth and its death, under every policy.
 * Sizes are those that CPython 3.11 reports (sys.getsizeof, which leaves out the 16 bytes of the GC head).
 */
// policies: gil gil312 gil314 objlock atomic biased
#include "runtime.h"

/* What the 16-byte header of 3.11 becomes under biased: 32 bytes, with no GC head in front. */
static size_t expect(size_t bytes_311, bool gc)
{
    return bytes_311 + sizeof(struct object) - 16 + (gc ? GC_HEAD_BYTES : 0);
}

static void test_sizes(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    static const struct {
        int64_t value;
        size_t bytes;
    } ints[] = {{0, 28},          {1, 28},          {-5, 28},
                {256, 28},        {1000, 28},       {1 << 30, 32},
                {-(1 << 30), 32}, {1073741823, 28}, {INT64_C(1) << 60, 36},
                {INT64_MIN, 36}};
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        struct object *o = int_new(ints[i].value);
        assert_int_equal(object_bytes(o), expect(ints[i].bytes, false));
        assert_int_equal(int_value(o), ints[i].value);
        rc_dec(o);
    }
    struct object *o = float_new(2.5);
    assert_int_equal(object_bytes(o), expect(24, false));
    rc_dec(o);
    for (size_t n = 0; n < 100; n += 7) {
        o = str_new("0123456789012345678901234567890123456789012345678901234567890123456789"
                    "012345678901234567890123456789",
                    n);
        assert_int_equal(object_bytes(o), expect(49 + n, false));
        rc_dec(o);
        o = bytes_new(NULL, n);
        assert_int_equal(object_bytes(o), expect(33 + n, false));
        rc_dec(o);
        o = tuple_new(n);
        assert_int_equal(object_bytes(o), expect(24 + 8 * n, true));
        rc_dec(o);
        o = list_new(n);
        assert_int_equal(object_bytes(o), expect(40 + 8 * n, true));
        rc_dec(o);
    }
    o = dict_new();
    assert_int_equal(object_bytes(o), expect(48, true));
    rc_dec(o);
    static const unsigned slots[] = {0, 1, 2, 5};
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        struct type *t = type_new_instance_type("point", slots[i], 0, 0, NULL);
        o = instance_new(t);
        assert_int_equal(object_bytes(o), expect(16 + 8 * slots[i], true));
        rc_dec(o);
        rc_dec(&t->head);
    }
    struct type *t = type_new_instance_type("node", 1, 0, TYPE_WEAK, NULL);
    o = instance_new(t);
    assert_int_equal(object_bytes(o), expect(32, true));
    struct object *w = weakref_new(o, NULL, NULL);
    assert_int_equal(object_bytes(w), expect(64, true));
    rc_dec(w);
    rc_dec(o);
    rc_dec(&t->head);
    assert_int_equal(runtime_live_objects(r), 0);
    test_close(r);
}

static void test_list_growth(void **state)
{
    (void)state;
    static const int64_t rooms[] = {4, 8, 16, 24, 32, 40, 52, 64, 76, 92, 108, 128, 148, 172, 200};
    struct runtime *r = test_open(NULL);
    struct object *o = list_new(0);
    size_t seen = 0;
    int64_t room = 0;
    for (int i = 0; i < 200; i++) {
        struct object *v = int_new(i * 1000);
        assert_int_equal(list_append(o, v), 0);
        rc_dec(v);
        if (((struct list_object *)o)->allocated != room) {
            room = ((struct list_object *)o)->allocated;
            assert_int_equal(room, rooms[seen++]);
        }
    }
    assert_int_equal(seen, 15);
    struct object *v = list_get(o, 150);
    assert_int_equal(int_value(v), 150000);
    assert_int_equal(list_set(o, 0, v), 0);
    assert_int_equal(list_set(o, 200, v), -EINVAL);
    rc_dec(v);
    assert_null(list_get(o, 200));
    for (int i = 199; i >= 0; i--) {
        v = list_pop(o);
        assert_int_equal(int_value(v), i ? i * 1000 : 150000);
        rc_dec(v);
    }
    assert_null(list_pop(o));
    assert_int_equal(((struct list_object *)o)->allocated, 0);
    rc_dec(o);
    assert_int_equal(runtime_live_objects(r), 0);
    test_close(r);
}

static struct object *str_number(int i)
{
    char text[16];
    return str_new(text, (size_t)snprintf(text, sizeof text, "k%d", i));
}

/* len at which the size changes, and the size with the 16 bytes of the GC head (CPython 3.11, measured). */
static void check_dict(bool strings, const size_t sizes[6])
{
    static const size_t at[] = {1, 6, 11, 22, 43, 86};
    struct object *d = dict_new();
    size_t seen = 0;
    for (size_t i = 0; i < 100; i++) {
        struct object *k = strings ? str_number((int)i) : int_new((int64_t)i * 7919),
                      *v = int_new((int64_t)i);
        assert_int_equal(dict_put(d, k, v), 0);
        rc_dec(k);
        rc_dec(v);
        if (seen < 6 && i + 1 == at[seen])
            assert_int_equal(object_bytes(d), expect(sizes[seen++] - 16, true));
    }
    assert_int_equal(seen, 6);
    for (size_t i = 0; i < 100; i++) {
        struct object *k = strings ? str_number((int)i) : int_new((int64_t)i * 7919), *v = dict_get(d, k);
        assert_non_null(v);
        assert_int_equal(int_value(v), i);
        rc_dec(v);
        if (i % 3 == 0)
            assert_int_equal(dict_remove(d, k), 0);
        rc_dec(k);
    }
    assert_int_equal(dict_size(d), 66);
    struct object *k, *v;
    int64_t last = -1;
    size_t n = 0;
    for (size_t i = 0; dict_next(d, &i, &k, &v); n++) {
        assert_true(int_value(v) > last); /* in order of insertion */
        last = int_value(v);
        assert_true(last % 3 != 0);
    }
    assert_int_equal(n, 66);
    k = strings ? str_number(0) : int_new(0);
    assert_null(dict_get(d, k));
    assert_int_equal(dict_remove(d, k), -ENOENT);
    rc_dec(k);
    /* Other keys, so that the table is rebuilt over its removed entries. */
    for (int i = 1000; i < 1400; i++) {
        k = strings ? str_number(i) : int_new(i);
        assert_int_equal(dict_put(d, k, &object_none), 0);
        rc_dec(k);
    }
    assert_int_equal(dict_size(d), 466);
    rc_dec(d);
}

static void test_dict(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    check_dict(false, (const size_t[]){224, 352, 632, 1168, 2264, 4688});
    check_dict(true, (const size_t[]){184, 272, 464, 832, 1584, 3328});
    /* A first key that is no str turns a table of strs into a general one. */
    struct object *d = dict_new(), *k = str_number(1), *n = int_new(77);
    dict_put(d, k, n);
    dict_put(d, n, k);
    assert_int_equal(object_bytes(d), expect(224 - 16, true));
    struct object *v = dict_get(d, n);
    assert_ptr_equal(v, k);
    rc_dec(v);
    rc_dec(k);
    rc_dec(n);
    dict_clear(d);
    assert_int_equal(dict_size(d), 0);
    assert_int_equal(object_bytes(d), expect(48, true));
    rc_dec(d);
    assert_int_equal(runtime_live_objects(r), 0);
    freelist_clear_all(r);
    assert_int_equal(runtime_live_bytes(r), 0);
    test_close(r);
}

static void test_tracking(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    struct object *d = dict_new(), *n = int_new(1000), *l = list_new(0), *t = tuple_new(2);
    assert_false(gc_is_tracked(d));
    dict_put(d, n, n);
    assert_false(gc_is_tracked(d));
    assert_true(gc_is_tracked(l));
    assert_true(gc_is_tracked(t));
    rc_inc(n);
    tuple_init_item(t, 0, n);
    t->type->maybe_untrack(t); /* item 1 is not set yet: stays */
    assert_true(gc_is_tracked(t));
    rc_inc(n);
    tuple_init_item(t, 1, n);
    t->type->maybe_untrack(t);
    assert_false(gc_is_tracked(t));
    dict_put(d, n, t); /* holds nothing that can be tracked */
    assert_false(gc_is_tracked(d));
    dict_put(d, n, l);
    assert_true(gc_is_tracked(d));
    d->type->maybe_untrack(d);
    assert_true(gc_is_tracked(d));
    dict_put(d, n, n);
    d->type->maybe_untrack(d);
    assert_false(gc_is_tracked(d));
    rc_dec(d);
    rc_dec(n);
    rc_dec(l);
    rc_dec(t);
    assert_int_equal(runtime_live_objects(r), 0);
    test_close(r);
}

/* The collector's count moves when memory does, not when free lists do. */
static void test_free_lists(void **state)
{
    (void)state;
#if RC_GIL_HELD
    struct runtime *r = test_open(NULL);
    r->gc.young = 0;
    struct object *o[60];
    static const struct {
        size_t size;
        int64_t after_new, after_drop, after_again;
    } rows[] = {{18, 50, 50, 50}, {19, 50, 50, 50}, {20, 50, 50, 100}, {21, 50, 0, 50}};
    for (size_t row = 0; row < 4; row++) {
        freelist_clear_all(r);
        r->gc.young = 0;
        for (int i = 0; i < 50; i++)
            o[i] = tuple_new(rows[row].size);
        assert_int_equal(r->gc.young, rows[row].after_new);
        for (int i = 0; i < 50; i++)
            rc_dec(o[i]);
        assert_int_equal(r->gc.young, rows[row].after_drop);
        for (int i = 0; i < 50; i++)
            o[i] = tuple_new(rows[row].size);
        assert_int_equal(r->gc.young, rows[row].after_again);
        for (int i = 0; i < 50; i++)
            rc_dec(o[i]);
    }
    freelist_clear_all(r);
    r->gc.young = 0;
    struct object *l[100];
    for (int i = 0; i < 100; i++)
        l[i] = list_new(0);
    for (int i = 0; i < 100; i++)
        rc_dec(l[i]);
    assert_int_equal(r->gc.young, 80); /* 80 are kept, 20 went back */
    freelist_clear_all(r);
    assert_int_equal(r->gc.young, 0);
    test_close(r);
    char off[PARAM_STRUCT_MAX] __attribute__((aligned(16)));
    struct message m;
    assert_int_equal(param_parse(policy_list[0].params, off, "rc gil", "freelists=0", &m), 0);
    r = test_open(off);
    r->gc.young = 0;
    rc_dec(tuple_new(3));
    rc_dec(list_new(3));
    rc_dec(dict_new());
    assert_int_equal(r->gc.young, 0);
    assert_int_equal(r->freelists.lists + r->freelists.dicts + r->freelists.tuples[2], 0);
    test_close(r);
#endif
}

/* CPython 3.11's limits: so many dead ones of each kind are kept, and no more. */
static void test_free_list_limits(void **state)
{
    (void)state;
#if RC_GIL_HELD
    struct runtime *r = test_open(NULL);
    static struct object *o[2100];
    struct object *key = str_new("k", 1);
    for (size_t i = 0; i < 2100; i++)
        o[i] = tuple_new(3);
    for (size_t i = 0; i < 2100; i++)
        rc_dec(o[i]);
    assert_int_equal(r->freelists.tuples[2], 2000);
    for (size_t i = 0; i < 200; i++)
        o[i] = float_new((double)i);
    for (size_t i = 0; i < 200; i++)
        rc_dec(o[i]);
    assert_int_equal(r->freelists.floats, 100);
    for (size_t i = 0; i < 200; i++)
        dict_put(o[i] = dict_new(), key, key);
    for (size_t i = 0; i < 200; i++)
        rc_dec(o[i]);
    assert_int_equal(r->freelists.dicts, 80);
    assert_int_equal(r->freelists.keys, 80);
    rc_dec(key);
    assert_int_equal(runtime_live_objects(r), 0);
    test_close(r);
#endif
}

static void test_small_ints_and_none(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    struct object *a = int_new(-5), *b = int_new(-5), *c = int_new(257), *d = int_new(257);
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(c, d);
#if HG_RC == HG_RC_GIL
    assert_int_equal(rc_count(a), 3);
    assert_false(rc_is_immortal(a));
#else
    assert_true(rc_is_immortal(a));
    assert_true(rc_is_immortal(&object_none));
#endif
    rc_dec(a);
    rc_dec(b);
    rc_dec(c);
    rc_dec(d);
    assert_int_equal(runtime_live_objects(r), 0);
    test_close(r);
}

static void test_intern(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    struct object *a = str_intern(str_new("name", 4)), *b = str_intern(str_new("name", 4));
    assert_ptr_equal(a, b);
    assert_int_equal(r->types.intern_hits, 1);
    assert_int_equal(r->types.intern_misses, 1);
    rc_dec(a);
    rc_dec(b);
    /* Many, so that the table grows, and dead ones leave it (unless immortal). */
    struct object *s[3000];
    for (int i = 0; i < 3000; i++)
        s[i] = str_intern(str_number(i));
    for (int i = 0; i < 3000; i++) {
        struct object *again = str_intern(str_number(i));
        assert_ptr_equal(again, s[i]);
        rc_dec(again);
    }
    for (int i = 0; i < 3000; i++)
        rc_dec(s[i]);
    assert_int_equal(runtime_live_objects(r), 0); /* immortal ones are the runtime's own */
    freelist_clear_all(r);
    assert_int_equal(runtime_live_bytes(r), 0);
    test_close(r);
}

/* A chain far deeper than any stack, of every container type, and one that is wide at the bottom. */
static void test_deep_drop(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    struct type *type = type_new_instance_type("link", 1, 0, 0, NULL);
    struct object *key = int_new(0);
    for (int kind = 0; kind < 4; kind++) {
        struct object *head = list_new(0);
        for (int i = 0; i < 200000; i++) {
            struct object *o;
            switch ((kind + (kind == 3 ? i : 0)) % 4) {
            case 0:
                o = tuple_new(1);
                rc_inc(head);
                tuple_init_item(o, 0, head);
                break;
            case 1:
                o = list_new(0);
                list_append(o, head);
                break;
            case 2:
                o = dict_new();
                dict_put(o, key, head);
                break;
            default:
                o = instance_new(type);
                instance_set(o, 0, head);
            }
            rc_dec(head);
            head = o;
        }
        rc_dec(head);
    }
    rc_dec(key);
    assert_int_equal(runtime_live_objects(r), 0);
    rc_dec(&type->head);
    test_close(r);
}

/* --- weak references and finalisers --------------------------------------------------------------------- */

static int calls;
static void count_call(struct weakref *w, void *arg)
{
    assert_null(weakref_get(&w->head));
    calls = calls * 10 + *(int *)arg;
}

static void test_weakref(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    struct type *type = type_new_instance_type("node", 1, 0, TYPE_WEAK, NULL);
    struct object *o = instance_new(type);
    int one = 1, two = 2, three = 3;
    struct object *plain = weakref_new(o, NULL, NULL), *same = weakref_new(o, NULL, NULL);
    assert_ptr_equal(plain, same);
    struct object *a = weakref_new(o, count_call, &one), *b = weakref_new(o, count_call, &two),
                  *c = weakref_new(o, count_call, &three);
    struct object *back = weakref_get(b);
    assert_ptr_equal(back, o);
    rc_dec(back);
    rc_dec(b); /* dies before the object: not called */
    calls = 0;
    rc_dec(o);
    assert_int_equal(calls, 31); /* newest first */
    assert_null(weakref_get(plain));
    assert_null(weakref_get(a));
    rc_dec(plain);
    rc_dec(same);
    rc_dec(a);
    rc_dec(c);
    rc_dec(&type->head);
    assert_int_equal(runtime_live_objects(r), 0);
    test_close(r);
}

static struct object *saved;
static int finalised;
static void count_finalizer(struct object *o)
{
    finalised++;
    int64_t *resurrect = instance_payload(o);
    if (*resurrect) {
        rc_inc(o);
        saved = o;
    }
}

static void test_finalizer(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    struct type *type = type_new_instance_type("node", 1, 8, TYPE_WEAK, count_finalizer);
    struct object *o = instance_new(type), *w;
    finalised = 0;
    rc_dec(o);
    assert_int_equal(finalised, 1);
    assert_int_equal(runtime_live_objects(r), 0);
    o = instance_new(type);
    *(int64_t *)instance_payload(o) = 1;
    int one = 1;
    w = weakref_new(o, count_call, &one);
    calls = 0;
    rc_dec(o);
    assert_int_equal(finalised, 2);
    assert_ptr_equal(saved, o);
    assert_int_equal(rc_count(o), 1);
    assert_true(gc_is_tracked(o));
    struct object *back = weakref_get(w); /* resurrected: its weakrefs live on */
    assert_ptr_equal(back, o);
    rc_dec(back);
    assert_int_equal(calls, 0);
    rc_dec(saved); /* the finaliser does not run again */
    assert_int_equal(finalised, 2);
    assert_int_equal(calls, 1);
    rc_dec(w);
    assert_int_equal(runtime_live_objects(r), 0);
    rc_dec(&type->head);
    test_close(r);
}

/* What is left, cyclic or forgotten, goes with the runtime (LeakSanitizer is the judge). */
static void test_leftovers(void **state)
{
    (void)state;
    struct runtime *r = test_open(NULL);
    struct type *type = type_new_instance_type("node", 2, 0, TYPE_WEAK, NULL);
    struct object *a = instance_new(type), *b = instance_new(type), *l = list_new(0), *n = int_new(5000);
    instance_set(a, 0, b);
    instance_set(b, 0, a);
    list_append(l, l);
    list_append(l, a);
    list_append(l, n);
    rc_dec(n);
    weakref_new(a, NULL, NULL);
    assert_int_equal(runtime_live_objects(r), 5);
    test_close(r);
}

/* --- allocation failure --------------------------------------------------------------------------------- */

static uint64_t until_failure;
static struct alloc real_alloc;
static void *failing_malloc(void *ctx, size_t size)
{
    if (--until_failure == 0)
        return NULL;
    return real_alloc.malloc(ctx, size);
}
static void *failing_realloc(void *ctx, void *p, size_t size)
{
    if (--until_failure == 0)
        return NULL;
    return real_alloc.realloc(ctx, p, size);
}

static bool build_something(void)
{
    bool ok = false;
    struct object *l = list_new(0), *d = dict_new(), *t = NULL;
    for (int i = 0; l && d && i < 50; i++) {
        struct object *k = str_number(i), *v = k ? float_new(i) : NULL;
        t = v ? tuple_new((size_t)(i % 5) + 1) : NULL;
        bool filled = t != NULL;
        if (filled) {
            rc_inc(v);
            tuple_init_item(t, 0, v);
        }
        ok = filled && list_append(l, t) == 0 && dict_put(d, k, t) == 0;
        k = k && ok ? str_intern(k) : k;
        rc_xdec(k);
        rc_xdec(v);
        rc_xdec(t);
        if (!ok)
            break;
    }
    rc_xdec(l);
    rc_xdec(d);
    return ok;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        struct runtime *r = test_open(NULL);
        r->options.immortal = false; /* so that nothing may stay */
        real_alloc = r->memory.plain;
        until_failure = n;
        r->memory.plain.malloc = failing_malloc;
        r->memory.plain.realloc = failing_realloc;
        done = build_something();
        r->memory.plain = real_alloc;
        assert_int_equal(runtime_live_objects(r), 0);
        test_close(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_list_growth),
        cmocka_unit_test(test_dict),
        cmocka_unit_test(test_tracking),
        cmocka_unit_test(test_free_list_limits),
        cmocka_unit_test(test_free_lists),
        cmocka_unit_test(test_small_ints_and_none),
        cmocka_unit_test(test_intern),
        cmocka_unit_test(test_deep_drop),
        cmocka_unit_test(test_weakref),
        cmocka_unit_test(test_finalizer),
        cmocka_unit_test(test_leftovers),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
