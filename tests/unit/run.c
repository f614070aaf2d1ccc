/* run: run folders that are never half-written; files from elsewhere. */
// links: bench/result/run.c bench/result/sample.c bench/result/schema.c bench/result/record.c alloc/base/file_out.c
#include "bench/result/run.h"

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

static void append(struct run_file *s, struct sample *sample, int err)
{
    struct message m;
    size_t size;
    char *line = sample_format(sample, &size);
    assert_int_equal(run_append(s, line, size, &m), err);
    free(line);
}

static void put_file(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_folder(void **state)
{
    (void)state;
    struct message m;
    struct run_file *s, *second;
    struct record *run = record_new();
    struct sample sample = {0};
    record_set_integer(run, "schema", SCHEMA_NUMBER);
    const char *dir = in_folder("deep/er/run");
    assert_int_equal(run_create(&s, dir, run, &m), 0);
    assert_int_equal(run_open(&second, dir, &m), -EBUSY);
    for (unsigned i = 0; i < 3; i++) {
        sample_set(&sample, block, i);
        append(s, &sample, 0);
    }
    run_close(s);
    assert_int_equal(run_create(&s, dir, run, &m), -EEXIST);
    assert_non_null(strstr(m.text, dir));

    /* A torn last line: dropped by a reader, cut off by a writer that goes on. */
    char path[256];
    snprintf(path, sizeof path, "%s/samples.jsonl", dir);
    struct stat whole, torn;
    assert_int_equal(stat(path, &whole), 0);
    FILE *f = fopen(path, "a");
    fputs("{\"block\":3,\"se", f);
    fclose(f);
    struct run loaded;
    assert_int_equal(run_load(&loaded, dir, false, &m), 0);
    assert_int_equal(loaded.samples, 3);
    assert_true(loaded.torn);
    assert_true(sample_has(loaded.sample[2], block) && loaded.sample[2]->block == 2);
    run_unload(&loaded);
    assert_int_equal(run_open(&s, dir, &m), 0);
    assert_non_null(strstr(m.text, "torn"));
    assert_int_equal(stat(path, &torn), 0);
    assert_int_equal(torn.st_size, whole.st_size);

    /* The disk is full half way through a line (here: the file size limit): the half is cut off again. */
    struct rlimit old, tight = {(rlim_t)whole.st_size + 100, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &old);
    tight.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &tight);
    append(s, &sample, -EFBIG);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(stat(path, &torn), 0);
    assert_int_equal(torn.st_size, whole.st_size);
    append(s, &sample, 0);
    run_close(s);
    assert_int_equal(run_open(&s, dir, &m), 0);
    assert_string_equal(m.text, "");
    run_close(s);
    assert_int_equal(run_load(&loaded, dir, false, &m), 0);
    assert_int_equal(loaded.samples, 4);
    assert_false(loaded.torn);
    run_unload(&loaded);
    record_free(run);
    sample_clear(&sample);
}

static void test_from_elsewhere(void **state)
{
    (void)state;
    struct message m;
    struct run run;
    assert_int_equal(run_load(&run, in_folder("missing"), false, &m), -ENOENT);
    mkdir(in_folder("bad"), 0777);
    assert_int_equal(run_load(&run, in_folder("bad"), false, &m), -ENOENT);
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
        assert_int_equal(run_load(&run, in_folder("bad"), false, &m), bad[i].err);
        assert_non_null(strstr(m.text, bad[i].say));
    }
    char *deep = malloc(200001);
    memset(deep, '[', 200000);
    deep[200000] = 0;
    put_file("bad/run.json", deep);
    assert_int_equal(run_load(&run, in_folder("bad"), false, &m), -EINVAL);
    free(deep);
    unlink(in_folder("bad/run.json"));
    assert_int_equal(mkfifo(in_folder("bad/run.json"), 0600), 0); /* must not hang */
    assert_int_equal(run_load(&run, in_folder("bad"), false, &m), -EINVAL);
    unlink(in_folder("bad/run.json"));
    put_file("bad/run.json", "{\"schema\":1}");
    unlink(in_folder("bad/samples.jsonl"));
    assert_int_equal(run_load(&run, in_folder("bad"), false, &m), -ENOENT);
    put_file("bad/samples.jsonl", "{\"block\":");
    assert_int_equal(run_load(&run, in_folder("bad"), false, &m), 0);
    assert_int_equal(run.samples, 0);
    assert_true(run.torn);
    run_unload(&run);
}

static void test_write_file(void **state)
{
    (void)state;
    struct message m;
    assert_int_equal(run_write_file(in_folder("f"), "one", 3, &m), 0);
    assert_int_equal(run_write_file(in_folder("f"), "two!", 4, &m), 0);
    char buf[16] = "";
    FILE *f = fopen(in_folder("f"), "r");
    assert_non_null(fgets(buf, sizeof buf, f));
    fclose(f);
    assert_string_equal(buf, "two!");
    assert_int_equal(run_write_file(in_folder("no/such"), "x", 1, &m), -ENOENT);
    assert_non_null(strstr(m.text, "no/such"));
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/hg-run-XXXXXX");
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folder), cmocka_unit_test(test_from_elsewhere),
                                       cmocka_unit_test(test_write_file)};
    return cmocka_run_group_tests_name("run", tests, make_folder, remove_folder);
}
