/* store: dotted keys and their bounds; run folders that are never half-written; files from elsewhere. */
// links: bench/result/store.c bench/result/store_run.c alloc/base/file_out.c
#include "bench/result/store.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64]; /* a temporary folder of this test program */

static const char *in_folder(const char *name)
{
    static char path[4][256];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static char *written(const struct record *r)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    assert_int_equal(record_write(r, f), 0);
    fclose(f);
    return text;
}

static void put_file(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_set_and_get(void **state)
{
    (void)state;
    struct record *r = record_new();
    assert_int_equal(record_set_integer(r, "a.b.0.c", 7), 0);
    assert_int_equal(record_set_integer(r, "a.b.1.c", INT64_MIN), 0);
    assert_int_equal(record_set_real(r, "x", 0.1), 0);
    assert_int_equal(record_set_real(r, "nan", NAN), 0);
    assert_int_equal(record_set_text(r, "t", "a\"\xff\xc3\xa4\xed\xa0\x80\n"), 0);
    assert_int_equal(record_set_bool(r, "yes", true), 0);
    uint64_t u[] = {1, UINT64_MAX};
    assert_int_equal(record_set_integers(r, "u", u, 2), 0);
    double d[] = {1.5, INFINITY};
    assert_int_equal(record_set_reals(r, "d", d, 2), 0);
    char *text = written(r);
    assert_string_equal(text,
                        "{\"a\":{\"b\":[{\"c\":7},{\"c\":-9223372036854775808}]},\"x\":0.10000000000000001,"
                        "\"nan\":null,\"t\":\"a\\\"?\xc3\xa4???\\n\",\"yes\":true,"
                        "\"u\":[1,1.8446744073709552e19],\"d\":[1.5,null]}\n");
    free(text);
    int64_t i;
    double x;
    assert_true(record_integer(r, "a.b.0.c", &i) && i == 7);
    assert_true(record_number(r, "a.b.0.c", &x) && x == 7);
    assert_true(record_number(r, "d.0", &x) && x == 1.5);
    assert_false(record_integer(r, "x", &i));
    assert_false(record_number(r, "nan", &x));
    assert_false(record_number(r, "a.b.2.c", &x));
    assert_false(record_number(r, "x.y", &x));
    assert_null(record_text(r, "x"));
    assert_int_equal(record_array_size(r, "a.b"), 2);
    assert_int_equal(record_array_size(r, "a"), 0);
    const char **keys = record_keys(r, "");
    assert_string_equal(keys[0], "a");
    assert_string_equal(keys[6], "d");
    assert_null(keys[7]);
    free(keys);
    struct record *copy = record_new();
    assert_int_equal(record_set_record(copy, "inner", r), 0);
    record_free(r);
    assert_true(record_number(copy, "inner.a.b.0.c", &x) && x == 7);
    record_free(copy);
}

static void test_bad_keys(void **state)
{
    (void)state;
    struct record *r = record_new();
    char long_key[600];
    memset(long_key, 'a', sizeof long_key);
    long_key[sizeof long_key - 1] = 0;
    static const char *const bad[] = {"",
                                      ".",
                                      "a.",
                                      ".a",
                                      "a..b",
                                      "a b",
                                      "a-b",
                                      "a\"b",
                                      "0",
                                      "l.2",
                                      "l.x",
                                      "leaf.x",
                                      "\xc3\xa4",
                                      "1.2.3.4.5.6.7.8.9",
                                      "a.b.c.d.e.f.g.h.i",
                                      "l.99999999999999999999",
                                      "new.1",
                                      "l.0.x",
                                      "l.1.2",
                                      "new.0.1.x"};
    assert_int_equal(record_set_integer(r, "leaf", 1), 0);
    assert_int_equal(record_set_integer(r, "l.0", 1), 0);
    char *before = written(r);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(record_set_integer(r, bad[i], 1), -EINVAL);
    assert_int_equal(record_set_integer(r, long_key, 1), -EINVAL);
    char *after = written(r);
    assert_string_equal(before, after);
    assert_int_equal(record_set_integer(r, "a.b.c.d.e.f.g.h", 1), 0);
    for (unsigned i = 1; i < 100000; i++) {
        char key[32];
        snprintf(key, sizeof key, "l.%u", i);
        assert_int_equal(record_set_integer(r, key, i), 0);
    }
    assert_int_equal(record_set_integer(r, "l.100000", 1), -EINVAL);
    free(before);
    free(after);
    record_free(r);
}

static void test_template(void **state)
{
    (void)state;
    struct record *r = record_new_sample();
    double x;
    assert_false(record_number(r, "memory.peak_rss_bytes", &x));
    assert_int_equal(record_set_integer(r, "latency.malloc.p50_ns", 9), 0);
    assert_int_equal(record_set_integer(r, "gc.generations.0.collected", 3), 0);
    assert_int_equal(record_set_real(r, "pauses.mmu.10ms", 0.5), 0);
    assert_int_equal(record_set_text(r, "stats.0", "counts=1"), 0);
    char *text = written(r);
    assert_ptr_equal(strstr(text, "{\"schema\":null,\"run_id\":null,\"cell_id\":null,\"block\":null,"), text);
    assert_non_null(strstr(text, "\"latency\":{\"malloc\":{\"p50_ns\":9}}"));
    assert_non_null(strstr(text, "\"generations\":[{\"collected\":3}]"));
    assert_non_null(
        strstr(text, "\"mmu\":{\"1ms\":null,\"2ms\":null,\"5ms\":null,\"10ms\":0.5,\"20ms\":null,"));
    assert_non_null(strstr(text, "\"stats\":[\"counts=1\"],\"heap\":null}"));
    free(text);
    record_free(r);
}

static void test_folder(void **state)
{
    (void)state;
    struct message m;
    struct store *s, *second;
    struct record *run = record_new(), *sample = record_new_sample();
    record_set_integer(run, "schema", STORE_SCHEMA);
    const char *dir = in_folder("deep/er/run");
    assert_int_equal(store_create(&s, dir, run, &m), 0);
    assert_int_equal(store_open(&second, dir, &m), -EBUSY);
    for (unsigned i = 0; i < 3; i++) {
        record_set_integer(sample, "block", i);
        assert_int_equal(store_append(s, sample, &m), 0);
    }
    store_close(s);
    assert_int_equal(store_create(&s, dir, run, &m), -EEXIST);
    assert_non_null(strstr(m.text, dir));

    /* A torn last line: dropped by a reader, cut off by a writer that goes on. */
    char path[256];
    snprintf(path, sizeof path, "%s/samples.jsonl", dir);
    struct stat whole, torn;
    assert_int_equal(stat(path, &whole), 0);
    FILE *f = fopen(path, "a");
    fputs("{\"block\":3,\"se", f);
    fclose(f);
    struct store_run loaded;
    assert_int_equal(store_load(&loaded, dir, &m), 0);
    assert_int_equal(loaded.samples, 3);
    assert_true(loaded.torn);
    int64_t block;
    assert_true(record_integer(loaded.sample[2], "block", &block) && block == 2);
    store_unload(&loaded);
    assert_int_equal(store_open(&s, dir, &m), 0);
    assert_non_null(strstr(m.text, "torn"));
    assert_int_equal(stat(path, &torn), 0);
    assert_int_equal(torn.st_size, whole.st_size);

    /* The disk is full half way through a line (here: the file size limit): the half is cut off again. */
    struct rlimit old, tight = {(rlim_t)whole.st_size + 100, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &old);
    tight.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &tight);
    assert_int_equal(store_append(s, sample, &m), -EFBIG);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(stat(path, &torn), 0);
    assert_int_equal(torn.st_size, whole.st_size);
    assert_int_equal(store_append(s, sample, &m), 0);
    store_close(s);
    assert_int_equal(store_open(&s, dir, &m), 0);
    assert_string_equal(m.text, "");
    store_close(s);
    assert_int_equal(store_load(&loaded, dir, &m), 0);
    assert_int_equal(loaded.samples, 4);
    assert_false(loaded.torn);
    store_unload(&loaded);
    record_free(run);
    record_free(sample);
}

static void test_from_elsewhere(void **state)
{
    (void)state;
    struct message m;
    struct store_run run;
    assert_int_equal(store_load(&run, in_folder("missing"), &m), -ENOENT);
    mkdir(in_folder("bad"), 0777);
    assert_int_equal(store_load(&run, in_folder("bad"), &m), -ENOENT);
    assert_non_null(strstr(m.text, "run.json"));
    static const struct {
        const char *run, *samples, *say;
        int err;
    } bad[] = {
        {"{\"schema\":1", "", "run.json:1", -EINVAL},
        {"[]", "", "not an object", -EINVAL},
        {"{}", "", "schema", -EPROTONOSUPPORT},
        {"{\"schema\":2}", "", "schema 2", -EPROTONOSUPPORT},
        {"{\"schema\":1}", "{}\n{]\n{}\n", "samples.jsonl:2", -EINVAL},
        {"{\"schema\":1}", "{}\n\n3\n", "samples.jsonl:3", -EINVAL},
        {"{\"schema\":1}", "{\"a\":1,\"a\":2}\n", "samples.jsonl:1", -EINVAL},
        {"{\"schema\":1}", "{\"a\":\"\xff\"}\n", "samples.jsonl:1", -EINVAL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_file("bad/run.json", bad[i].run);
        put_file("bad/samples.jsonl", bad[i].samples);
        assert_int_equal(store_load(&run, in_folder("bad"), &m), bad[i].err);
        assert_non_null(strstr(m.text, bad[i].say));
    }
    char *deep = malloc(200001);
    memset(deep, '[', 200000);
    deep[200000] = 0;
    put_file("bad/run.json", deep);
    assert_int_equal(store_load(&run, in_folder("bad"), &m), -EINVAL);
    free(deep);
    unlink(in_folder("bad/run.json"));
    assert_int_equal(mkfifo(in_folder("bad/run.json"), 0600), 0); /* must not hang */
    assert_int_equal(store_load(&run, in_folder("bad"), &m), -EINVAL);
    unlink(in_folder("bad/run.json"));
    put_file("bad/run.json", "{\"schema\":1}");
    unlink(in_folder("bad/samples.jsonl"));
    assert_int_equal(store_load(&run, in_folder("bad"), &m), -ENOENT);
    put_file("bad/samples.jsonl", "{\"block\":");
    assert_int_equal(store_load(&run, in_folder("bad"), &m), 0);
    assert_int_equal(run.samples, 0);
    assert_true(run.torn);
    store_unload(&run);
}

static void test_write_file(void **state)
{
    (void)state;
    struct message m;
    assert_int_equal(store_write_file(in_folder("f"), "one", 3, &m), 0);
    assert_int_equal(store_write_file(in_folder("f"), "two!", 4, &m), 0);
    char buf[16] = "";
    FILE *f = fopen(in_folder("f"), "r");
    assert_non_null(fgets(buf, sizeof buf, f));
    fclose(f);
    assert_string_equal(buf, "two!");
    assert_int_equal(store_write_file(in_folder("no/such"), "x", 1, &m), -ENOENT);
    assert_non_null(strstr(m.text, "no/such"));
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/hg-store-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_get),    cmocka_unit_test(test_bad_keys),
        cmocka_unit_test(test_template),       cmocka_unit_test(test_folder),
        cmocka_unit_test(test_from_elsewhere), cmocka_unit_test(test_write_file)};
    return cmocka_run_group_tests_name("store", tests, make_folder, remove_folder);
}
