/* pymalloc.c: is our pymalloc the real one? The same operations on both, each in a fresh process with the
 * same arenas; see pymalloc_side.h for what is compared: every address, every arena event, all of heap{}.
 *
 *   pymalloc                 the vector and random traces
 *   pymalloc FILE.txt...     these recorded traces instead (text form)
 *
 * The real one is the newest libpython that is installed; "make conform-pymalloc PYTHON=3.14" takes one that
 * scripts/oracle has unpacked. From 3.12 on there is a runtime in it, whose blocks are in no pool that a trace
 * gets a block from (alloc/backend/cpython.c): heap{} is to be equal all the same.
 *
 * Where no libpython 3.9 to 3.15 is installed, the rules written down a second time (pymalloc_model.h) take
 * its place; they do so everywhere for the layouts that the installed one does not have. */
#include "pymalloc_side.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* A sanitised run is ten times slower, and looks for something else. */
#if defined HG_ASAN || defined HG_TSAN
#define TRACES 32
#else
#define TRACES 200
#endif
#define MODEL_TRACES (TRACES / 8)
#define NO_PYTHON    "no libpython 3.9 to 3.15"

struct layout {
    const char *spec;
    uint32_t pool_bytes, arena_bytes;
};
static const struct layout layout_3_9 = {"pymalloc:layout=3.9", 4096, 256 << 10},
                           layout_3_10 = {"pymalloc:layout=3.10", 16384, 1 << 20},
                           layout_huge = {"pymalloc:layout=3.10,hugepages=1", 16384, 2 << 20};

static const struct layout *real_layout; /* of the installed libpython, NULL when there is none */
static const char *judge_3_10 = "model"; /* "cpython" where that has this layout */
static struct side_result *result[2];
static uintptr_t crossing; /* an address where a leaf of the radix map ends, in reserved space */
static int files;
static char **file;

static void script_make(struct side_script *s, const struct layout *layout, uint64_t seed)
{
    struct rng r;
    rng_seed(&r, seed);
    *s = (struct side_script){.arena_bytes = layout->arena_bytes, .pool_bytes = layout->pool_bytes};
    uint64_t kind = rng_below(&r, 3);
    uintptr_t common = 4096 * (1 + rng_below(&r, SIDE_POOL_BYTES / 4096 - 1));
    for (size_t i = 0; i < SIDE_ARENAS_MAX; i++)
        s->shift[i] = kind == 0 ? 0 : kind == 1 ? common : 4096 * rng_below(&r, SIDE_POOL_BYTES / 4096);
    /* Side by side, two arenas share a window of the map; only with one shift for all do they not overlap. */
    s->stride = layout->arena_bytes + (kind == 2 ? SIDE_POOL_BYTES : 0);
    /* Some below the end of a leaf and some above; at any place in a window. */
    s->origin = crossing - SIDE_POOL_BYTES * rng_below(&r, 64) - s->stride * rng_below(&r, 24);
    s->refuse_every = rng_below(&r, 8) ? 0 : 2 + rng_below(&r, 9);
}

static const char *entry_text(uint64_t e, char *buf, size_t size)
{
    static const char *const kinds[] = {"block", "arena mapped", "arena refused", "arena given back", "raw"};
    snprintf(buf, size, "%s %#llx", kinds[e >> 60 & 7], (unsigned long long)(e & (((uint64_t)1 << 60) - 1)));
    return buf;
}

/* Runs the trace on both; fails with the first thing that differs. The results stay. */
static void compare(const struct trace *t, const struct side_script *s, const char *what, const char *model,
                    const char *ours)
{
    const char *name[2] = {model, ours};
    for (unsigned i = 0; i < 2; i++) {
        int status = side_spawn(name[i], t, s, result[i]);
        if (status != 0 || !result[i]->done)
            fail_msg("%s: %s: status %#x %s", what, name[i], (unsigned)status, result[i]->message);
    }
    const struct side_result *a = result[0], *b = result[1];
    if (a->entries == SIDE_ENTRIES)
        fail_msg("%s: more than %zu operations", what, SIDE_ENTRIES);
    for (size_t i = 0; i < a->entries || i < b->entries; i++) {
        char x[64], y[64];
        if (i >= a->entries || i >= b->entries || a->log[i] != b->log[i])
            fail_msg("%s: entry %zu of %zu: %s %s, %s %s", what, i, a->entries, model,
                     i < a->entries ? entry_text(a->log[i], x, sizeof x) : "nothing", ours,
                     i < b->entries ? entry_text(b->log[i], y, sizeof y) : "nothing");
    }
    for (unsigned when = 0; when < 2; when++) {
        assert_int_equal(a->key_count[when], 32 * 4 + 10);
        assert_int_equal(b->key_count[when], 32 * 4 + 10);
        for (size_t k = 0; k < a->key_count[when]; k++) {
            assert_string_equal(a->key[when][k].name, b->key[when][k].name);
            if (a->key[when][k].value != b->key[when][k].value)
                fail_msg("%s: %s %s: %s %llu, %s %llu", what, a->key[when][k].name,
                         when ? "after all frees" : "at the end", model,
                         (unsigned long long)a->key[when][k].value, ours,
                         (unsigned long long)b->key[when][k].value);
        }
    }
}

static uint64_t key_value(const struct side_result *r, unsigned when, const char *name)
{
    for (size_t k = 0; k < r->key_count[when]; k++)
        if (strcmp(r->key[when][k].name, name) == 0)
            return r->key[when][k].value;
    fail_msg("no key %s", name);
    return 0;
}

/* What a CPython 3.11 printed for it. */
static void test_vector(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        uint64_t value;
    } expected[] = {
        {"heap.classes.0.pools", 4},
        {"heap.classes.0.blocks", 3136},
        {"heap.classes.0.available", 948},
        {"heap.classes.10.pools", 34},
        {"heap.classes.10.blocks", 3120},
        {"heap.classes.10.available", 8},
        {"heap.classes.12.pools", 40},
        {"heap.classes.12.blocks", 3120},
        {"heap.classes.12.available", 0},
        {"heap.classes.31.pools", 101},
        {"heap.classes.31.blocks", 3120},
        {"heap.classes.31.available", 11},
        {"heap.arenas_allocated_total", 27},
        {"heap.arenas_current", 27},
        {"heap.bytes_allocated", 26371840},
        {"heap.bytes_available", 201728},
        {"heap.bytes_pool_headers", 78960},
        {"heap.bytes_quantization", 299152},
        {"heap.bytes_arena_alignment", 26 * 16384},
    };
    struct trace t = {0};
    struct side_script s = {.origin = crossing,
                            .pool_bytes = layout_3_10.pool_bytes,
                            .arena_bytes = layout_3_10.arena_bytes,
                            .stride = layout_3_10.arena_bytes + SIDE_POOL_BYTES};
    for (size_t i = 1; i < SIDE_ARENAS_MAX; i++)
        s.shift[i] = 4096; /* the first one aligned, 26 not: as the kernel gave them */
    trace_vector(&t);
    compare(&t, &s, "vector", judge_3_10, layout_3_10.spec);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        if (key_value(result[1], 0, expected[i].key) != expected[i].value)
            fail_msg("%s is %llu, not %llu", expected[i].key,
                     (unsigned long long)key_value(result[1], 0, expected[i].key),
                     (unsigned long long)expected[i].value);
    assert_int_equal(key_value(result[1], 1, "heap.arenas_reclaimed"), 26);
    assert_int_equal(key_value(result[1], 1, "heap.arenas_current"), 1);
    /* The realloc stayed, then moved: the log begins with the arena and these three. */
    assert_true(result[1]->log[1] == result[1]->log[2] && result[1]->log[2] != result[1]->log[3]);
    trace_free(&t);
}

static void test_two_pools(void **state)
{
    (void)state;
    struct trace t = {0};
    struct side_script s = {.origin = crossing,
                            .pool_bytes = layout_3_10.pool_bytes,
                            .arena_bytes = layout_3_10.arena_bytes,
                            .stride = layout_3_10.arena_bytes};
    trace_two_pools(&t);
    compare(&t, &s, "two pools", judge_3_10, layout_3_10.spec);
    trace_free(&t);
}

static void random_traces(const struct layout *layout, unsigned traces, const char *model, const char *ours)
{
    uint64_t given_back = 0, refused = 0, misaligned = 0, most = 0, entries = 0;
    for (uint64_t seed = 1; seed <= traces; seed++) {
        struct trace t = {0};
        struct side_script s;
        char what[64];
        snprintf(what, sizeof what, "random trace %llu", (unsigned long long)seed);
        trace_make(&t, seed);
        script_make(&s, layout, seed);
        compare(&t, &s, what, model, ours);
        const struct side_result *r = result[1];
        entries += r->entries;
        for (size_t i = 0; i < r->entries; i++) {
            given_back += r->log[i] >> 60 == SIDE_GIVEN >> 60;
            refused += r->log[i] >> 60 == SIDE_REFUSED >> 60;
        }
        misaligned += key_value(r, 0, "heap.bytes_arena_alignment") > 0;
        if (key_value(r, 0, "heap.arenas_highwater") > most)
            most = key_value(r, 0, "heap.arenas_highwater");
        trace_free(&t);
    }
    print_message(
        "# %s: %u traces, %llu entries, %llu arenas given back, %llu refused, %llu traces misaligned, "
        "at most %llu arenas\n",
        ours, traces, (unsigned long long)entries, (unsigned long long)given_back,
        (unsigned long long)refused, (unsigned long long)misaligned, (unsigned long long)most);
    /* The traces must reach what they are for; the few that there is time for under a sanitizer cannot all.
     * On 4 KiB pages a 4 KiB pool is always aligned. */
    if (traces < 25)
        return;
    assert_true(given_back > traces && refused > traces / 8 && most > 10);
    assert_true(misaligned > traces / 4 || layout->pool_bytes <= 4096);
}

static void test_random(void **state)
{
    (void)state;
    random_traces(real_layout, TRACES, "cpython", real_layout->spec);
}

static void test_model(void **state)
{
    (void)state;
    random_traces(real_layout, MODEL_TRACES, "cpython", "model");
}

static void test_layouts(void **state)
{
    (void)state;
    random_traces(&layout_3_9, MODEL_TRACES, "model", layout_3_9.spec);
    random_traces(&layout_3_10, MODEL_TRACES, "model", layout_3_10.spec);
    random_traces(&layout_huge, MODEL_TRACES, "model", layout_huge.spec);
}

static void test_files(void **state)
{
    (void)state;
    for (int i = 0; i < files; i++) {
        struct trace t = {0};
        struct side_script s;
        FILE *f = fopen(file[i], "r");
        if (!f)
            fail_msg("%s: cannot open", file[i]);
        size_t line = trace_read(&t, f);
        fclose(f);
        if (line)
            fail_msg("%s: line %zu is no operation", file[i], line);
        script_make(&s, real_layout, (uint64_t)i);
        s.refuse_every = 0;
        compare(&t, &s, file[i], "cpython", real_layout->spec);
        print_message("# %s: %zu operations, %llu arenas\n", file[i], t.count,
                      (unsigned long long)key_value(result[1], 0, "heap.arenas_highwater"));
        trace_free(&t);
    }
}

/* Which libpython there is is asked in a child: this process stays free of it. */
static int installed_minor(void)
{
    int fd[2], minor = 0;
    if (pipe(fd) != 0)
        return 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct alloc_stack stack;
        struct message m = {""};
        if (real_open(&stack, &m) == 0)
            minor = cpython_minor_version();
        _exit(write(fd[1], &minor, sizeof minor) != sizeof minor);
    }
    close(fd[1]);
    if (child < 0 || read(fd[0], &minor, sizeof minor) != sizeof minor)
        minor = 0;
    close(fd[0]);
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) != child)
        ;
    if (status != 0)
        exit(1); /* CONFORM_LIBRARY: real_open has printed why */
    return minor;
}

int main(int argc, char **argv)
{
    files = argc - 1;
    file = argv + 1;
    void *space = os_map(&os_harness, 2 * SIDE_CROSSING, 0, OS_RESERVE);
    for (unsigned i = 0; i < 2; i++)
        result[i] = side_result_new();
    if (!result[0] || !result[1] || !space) {
        printf("1..0 # SKIP no address space\n");
        return 0;
    }
    crossing = ((uintptr_t)space + SIDE_CROSSING - 1) & ~(SIDE_CROSSING - 1);
    if (crossing - (uintptr_t)space < SIDE_CROSSING / 16)
        crossing += SIDE_CROSSING; /* room on both sides */
    int minor = installed_minor();
    real_layout = minor == 0 ? NULL : minor == 9 ? &layout_3_9 : &layout_3_10;
    if (real_layout == &layout_3_10)
        judge_3_10 = "cpython";
    const struct CMUnitTest recorded[] = {cmocka_unit_test(test_files)},
                            alone[] = {cmocka_unit_test(test_vector), cmocka_unit_test(test_two_pools),
                                       cmocka_unit_test(test_layouts)},
                            all[] = {cmocka_unit_test(test_vector), cmocka_unit_test(test_two_pools),
                                     cmocka_unit_test(test_random), cmocka_unit_test(test_model),
                                     cmocka_unit_test(test_layouts)};
    if (files && !real_layout) {
        printf("1..0 # SKIP " NO_PYTHON "\n");
        return 0;
    }
    if (!real_layout)
        print_message("# " NO_PYTHON " here (scripts/install-deps brings one): the model stands in\n");
    else
        print_message("# the real one is that of 3.%d\n", minor);
    return files         ? cmocka_run_group_tests(recorded, NULL, NULL)
           : real_layout ? cmocka_run_group_tests(all, NULL, NULL)
                         : cmocka_run_group_tests(alone, NULL, NULL);
}
