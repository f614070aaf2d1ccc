/* heap.c: looking into a small heap whose every count, chain and retained byte is known. */
// policies: gil atomic biased
#include "runtime.h"

#include "gc/heap/snapshot.h"

static struct object *table[4];

static int64_t wrong_count;
static void note_wrong(void *arg, struct object *o, int64_t counted, uint64_t found)
{
    (void)found;
    *(struct object **)arg = o;
    wrong_count = counted;
}

static int count_visit(struct object *o, void *arg)
{
    (void)o;
    ++*(int *)arg;
    return 0;
}

/* root "cache" -> list -> { node a -> tuple -> float, dict { "k": node a } }; root "other" -> node b ->
 * tuple. */
static struct type *type;
static struct object *list, *a, *b, *tuple, *dict, *number;
static struct runtime *build(void)
{
    struct runtime *r = test_open(NULL);
    type = type_new_instance_type("test.node", 1, 0, 0, NULL);
    list = list_new(0);
    a = instance_new(type);
    b = instance_new(type);
    tuple = tuple_new(1);
    dict = dict_new();
    number = float_new(1.5);
    struct object *key = str_new("k", 1);
    tuple_init_item(tuple, 0, number);
    instance_set(a, 0, tuple);
    instance_set(b, 0, tuple);
    dict_put(dict, key, a);
    list_append(list, a);
    list_append(list, dict);
    rc_dec(key);
    rc_dec(tuple);
    rc_dec(dict);
    rc_dec(a);
    table[0] = list;
    table[1] = b;
    assert_int_equal(heap_root_add(r, "cache", table, 1), 0);
    assert_int_equal(heap_root_add(r, "other", table + 1, 1), 0);
    return r;
}

static void finish(struct runtime *r)
{
    rc_dec(table[0]);
    rc_dec(table[1]);
    assert_int_equal(runtime_live_objects(r), 0);
    heap_root_remove(r, table);
    heap_root_remove(r, table + 1);
    rc_dec(&type->head);
    test_close(r);
}

static void test_check(void **state)
{
    (void)state;
    struct runtime *r = build();
    struct object *bad = NULL;
    assert_int_equal(heap_check(r, note_wrong, &bad), 0);
    rc_inc(number); /* a reference that nobody has */
    assert_int_equal(heap_check(r, note_wrong, &bad), 1);
    assert_ptr_equal(bad, number);
    assert_int_equal(wrong_count, 2);
    rc_dec(number);
    table[1] = NULL; /* a reference that the walk cannot see */
    assert_int_equal(heap_check(r, note_wrong, &bad), 1);
    assert_ptr_equal(bad, b);
    table[1] = b;
    finish(r);
}

static int take_census(struct runtime *r, struct heap_census *census)
{
    struct heap_graph g;
    int err = heap_graph_make(&g, r);
    if (!err)
        heap_graph_census(&g, census);
    heap_graph_free(&g);
    return err;
}

static bool leak(struct runtime *r, const struct heap_census *growth, char *text, size_t size)
{
    struct heap_graph g;
    assert_int_equal(heap_graph_make(&g, r), 0);
    bool grew = heap_leak_report(&g, growth, text, size);
    heap_graph_free(&g);
    return grew;
}

static void test_census_and_growth(void **state)
{
    (void)state;
    static struct heap_census before, now, growth;
    struct runtime *r = build();
    char text[256];
    assert_int_equal(take_census(r, &before), 0);
    uint64_t nodes = 0, bytes = 0;
    for (size_t i = 0; i < before.rows; i++) {
        if (strcmp(before.row[i].type, "test.node") == 0)
            nodes = before.row[i].count;
        bytes += before.row[i].bytes;
        assert_true(i == 0 || before.row[i - 1].bytes >= before.row[i].bytes);
    }
    assert_int_equal(nodes, 2);
    assert_int_equal(bytes, before.bytes);
    heap_growth(&before, &before, &growth);
    assert_int_equal(growth.rows, 0);
    assert_false(leak(r, &growth, text, sizeof text));
    for (int i = 0; i < 100; i++) {
        struct object *o = instance_new(type);
        list_append(list, o);
        rc_dec(o);
    }
    assert_int_equal(take_census(r, &now), 0);
    heap_growth(&before, &now, &growth);
    assert_string_equal(growth.row[0].type, "test.node");
    assert_int_equal(growth.row[0].count, 100);
    assert_int_equal(growth.row[0].bytes, 100 * object_bytes(a));
    assert_true(leak(r, &growth, text, sizeof text));
    assert_non_null(strstr(text, "test.node grew by 100 objects"));
    assert_non_null(strstr(text, "hang on cache"));
    finish(r);
}

static void test_chains(void **state)
{
    (void)state;
    struct runtime *r = build();
    struct heap_graph g;
    struct object *chain[8], *lost = list_new(0);
    const char *root = NULL;
    int referrers = 0;
    assert_int_equal(heap_graph_make(&g, r), 0);
    assert_int_equal(heap_referrers(&g, a, count_visit, &referrers), 2); /* the list and the dict */
    assert_int_equal(referrers, 2);
    assert_int_equal(heap_referrers(&g, tuple, NULL, NULL), 2);
    assert_int_equal(heap_chain(&g, number, &root, chain, 8), 3); /* b is nearer than the list */
    assert_string_equal(root, "other");
    assert_ptr_equal(chain[0], b);
    assert_ptr_equal(chain[1], tuple);
    assert_ptr_equal(chain[2], number);
    assert_int_equal(heap_chain(&g, dict, &root, chain, 8), 2);
    assert_string_equal(root, "cache");
    assert_int_equal(heap_chain(&g, lost, &root, chain, 8), 0);
    /* The tuple is held by b too: a alone retains itself only; the list also the dict and its key. */
    assert_int_equal(heap_retained(&g, a), object_bytes(a));
    struct object *key, *value;
    size_t at = 0;
    assert_true(dict_next(dict, &at, &key, &value));
    assert_int_equal(heap_retained(&g, list),
                     object_bytes(list) + object_bytes(a) + object_bytes(dict) + object_bytes(key));
    assert_int_equal(heap_retained(&g, tuple), object_bytes(tuple) + object_bytes(number));
    heap_graph_free(&g);
    rc_dec(lost);
    finish(r);
}

static void put(void *arg, const char *line, size_t bytes)
{
    assert_int_equal(fwrite(line, 1, bytes, arg), bytes);
}

static FILE *snapshot(struct runtime *r)
{
    struct heap_graph g;
    FILE *f = tmpfile();
    assert_int_equal(heap_graph_make(&g, r), 0);
    heap_snapshot_write(&g, 42, put, f);
    heap_graph_free(&g);
    rewind(f);
    return f;
}

/* What is read answers as what was written. */
static void test_snapshots(void **state)
{
    (void)state;
    static struct heap_changes changes;
    struct heap_snapshot one, two;
    struct message m;
    struct runtime *r = build();
    struct object *chain[8];
    const char *root = NULL;
    FILE *f = snapshot(r);
    assert_int_equal(heap_snapshot_read(&one, f, "one", &m), 0);
    fclose(f);
    assert_int_equal(one.id, 42);
    assert_int_equal(one.graph.holds, 2);
    assert_int_equal(heap_chain(&one.graph, number, &root, chain, 8), 3);
    assert_string_equal(root, "other");
    assert_ptr_equal(chain[0], b);
    assert_int_equal(heap_referrers(&one.graph, a, NULL, NULL), 2);
    assert_int_equal(heap_retained(&one.graph, tuple), object_bytes(tuple) + object_bytes(number));
    const struct heap_node *node = &one.graph.node[heap_graph_find(&one.graph, tuple)];
    assert_int_equal(node->counted, 2);
    assert_int_equal(node->references, 2);
    assert_int_equal(node->bytes, object_bytes(tuple));
    for (int i = 0; i < 7; i++) {
        struct object *o = list_new(0);
        list_append(list, o);
        rc_dec(o);
    }
    instance_set(b, 0, NULL);
    instance_set(a, 0, NULL); /* the tuple and its number die */
    f = snapshot(r);
    assert_int_equal(heap_snapshot_read(&two, f, "two", &m), 0);
    fclose(f);
    heap_snapshot_diff(&one, &two, &changes);
    assert_string_equal(changes.row[0].type, "list");
    assert_int_equal(changes.row[0].made, 7);
    assert_int_equal(changes.row[0].gone, 0);
    uint64_t gone = 0;
    for (size_t i = 1; i < changes.rows; i++)
        gone += changes.row[i].gone;
    assert_int_equal(gone, 2);
    heap_snapshot_free(&one);
    heap_snapshot_free(&two);
    finish(r);
}

static void refused(const char *text, const char *why)
{
    struct heap_snapshot s;
    struct message m;
    FILE *f = tmpfile();
    fputs(text, f);
    rewind(f);
    assert_int_equal(heap_snapshot_read(&s, f, "bad", &m), -EINVAL);
    if (!strstr(m.text, why))
        print_error("'%s' instead of '%s'\n", m.text, why);
    assert_non_null(strstr(m.text, why));
    fclose(f);
}

#define HEAD "heapgauge-heap 2 0000000000000001\n"
static void test_bad_snapshots(void **state)
{
    (void)state;
    refused("", "bad:0: cut short");
    refused("heapgauge-heap 1\n", "bad:1: not a heap snapshot");
    refused("heapgauge-heap 2 00000000000000xx\n", "bad:1: '00000000000000xx'");
    refused(HEAD "object 0x10 list 56 1\n", "bad:2: cut short");
    refused(HEAD "object 0x10 list 56 1\nend 2\n", "bad:3: 'end 2', but there were 1");
    refused(HEAD "object 0x10 list x 1\nend 1\n", "bad:2: 'x' is not a number of bytes");
    refused(HEAD "object 0x10 list 56 -1\nend 1\n", "bad:2: '-1' is not a reference count");
    refused(HEAD "object 10 list 56 1\nend 1\n", "bad:2: '10' is not an address");
    refused(HEAD "object 0x10 li\"st 56 1\nend 1\n", "bad:2: 'li\"st' is not a name");
    refused(HEAD "object 0x10 list 56 1 7\nend 1\n", "bad:2: '7' is not expected");
    refused(HEAD "object 0x10 list 56 1\nobject 0x10 list 56 1\nend 2\n",
            "bad:3: object 0x10 has a line already");
    refused(HEAD "to 0x10\n", "bad:2: 'to' before the first object");
    refused(HEAD "object 0x10 list 56 1\nto 0x20\nend 1\n", "0x20 is referred to");
    refused(HEAD "root 0x20 cache\nobject 0x10 list 56 1\nend 1\n", "0x20 is referred to");
    refused(HEAD "end 0\nend 0\n", "bad:3: 'end' is not expected after 'end'");
    refused(HEAD "objects 0x10\n", "bad:2: 'objects' is not one of");
    char many[700];
    memset(many, 'x', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    memcpy(many, HEAD, strlen(HEAD));
    refused(many, "bad:2: the line is longer");
}

static void test_dot(void **state)
{
    (void)state;
    struct runtime *r = build();
    struct heap_graph g;
    FILE *f = tmpfile();
    char dot[4096] = "";
    assert_int_equal(heap_graph_make(&g, r), 0);
    assert_int_equal(heap_dot_write(&g, NULL, 100, f), 0);
    heap_graph_free(&g);
    rewind(f);
    dot[fread(dot, 1, sizeof dot - 1, f)] = '\0';
    fclose(f);
    assert_non_null(strstr(dot, "digraph heap"));
    assert_non_null(strstr(dot, "test.node"));
    assert_non_null(strstr(dot, "\"cache\" -> n"));
    finish(r);
}

/* Again where objects are found by a walk (find.h), for the policies that do. */
static int on_pools(void **state)
{
    (void)state;
    test_spec = "pools";
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_census_and_growth),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_snapshots),
        {"test_check_on_pools", test_check, on_pools, NULL, NULL},
        {"test_census_and_growth_on_pools", test_census_and_growth, on_pools, NULL, NULL},
        {"test_chains_on_pools", test_chains, on_pools, NULL, NULL},
        {"test_snapshots_on_pools", test_snapshots, on_pools, NULL, NULL},
        cmocka_unit_test(test_bad_snapshots),
        cmocka_unit_test(test_dot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
