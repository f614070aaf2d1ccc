/* pymalloc.c: is our pymalloc the real one? The same operations on both, each in a fresh process with the same
 * arenas; see pymalloc_side.h for what is compared: every address, every arena event, all of heap{}.
 *
 *   pymalloc                 the vector and TRACES random traces
 *   pymalloc FILE.txt...     these recorded traces instead (text form)
 *
 * Skipped, with the reason, where no libpython 3.9 to 3.11 is installed. */
#include "pymalloc_side.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define TRACES 240

static struct side_result *real, *clone;
static uintptr_t crossing; /* an address where a leaf of the radix map ends, in reserved space */
static char clone_spec[64];
static size_t arena_bytes;
static int files;
static char **file;

static void script_make(struct side_script *s, uint64_t seed)
{
    struct rng r;
    rng_seed(&r, seed);
    *s = (struct side_script){.arena_bytes = arena_bytes};
    uint64_t kind = rng_below(&r, 3);
    uintptr_t common = 4096 * (1 + rng_below(&r, SIDE_POOL_BYTES / 4096 - 1));
    for (size_t i = 0; i < SIDE_ARENAS_MAX; i++)
        s->shift[i] = kind == 0 ? 0 : kind == 1 ? common : 4096 * rng_below(&r, SIDE_POOL_BYTES / 4096);
    /* Side by side, two arenas share a window of the map; only with one shift for all do they not overlap. */
    s->stride = arena_bytes + (kind == 2 ? SIDE_POOL_BYTES : 0);
    /* Half of them below the end of a leaf, half above; or far from it; at any place in a window. */
    s->origin = crossing - SIDE_POOL_BYTES * rng_below(&r, 64) - s->stride * rng_below(&r, 24);
    s->refuse_every = rng_below(&r, 8) ? 0 : 2 + rng_below(&r, 9);
}

static const char *entry_text(uint64_t e, char *buf, size_t size)
{
    static const char *const kinds[] = {"block", "arena mapped", "arena refused", "arena given back", "raw"};
    snprintf(buf, size, "%s %#llx", kinds[e >> 60 & 7], (unsigned long long)(e & (((uint64_t)1 << 60) - 1)));
    return buf;
}

/* Fails with the first thing that differs. */
static void compare(const struct trace *t, const struct side_script *s, const char *what, bool expect_log)
{
    int a = side_spawn("cpython", t, s, real), b = side_spawn(clone_spec, t, s, clone);
    if (a != 0 || !real->done)
        fail_msg("%s: cpython: status %#x %s", what, (unsigned)a, real->message);
    if (b != 0 || !clone->done)
        fail_msg("%s: %s: status %#x %s", what, clone_spec, (unsigned)b, clone->message);
    if (expect_log)
        assert_true(real->entries > 0 && real->entries < SIDE_ENTRIES);
    for (size_t i = 0; i < real->entries || i < clone->entries; i++) {
        char x[64], y[64];
        if (i >= real->entries || i >= clone->entries || real->log[i] != clone->log[i])
            fail_msg("%s: entry %zu of %zu: real %s, ours %s", what, i, real->entries,
                     i < real->entries ? entry_text(real->log[i], x, sizeof x) : "nothing",
                     i < clone->entries ? entry_text(clone->log[i], y, sizeof y) : "nothing");
    }
    for (unsigned when = 0; when < 2; when++) {
        assert_int_equal(real->key_count[when], 32 * 4 + 10);
        assert_int_equal(clone->key_count[when], 32 * 4 + 10);
        for (size_t k = 0; k < real->key_count[when]; k++) {
            assert_string_equal(real->key[when][k].name, clone->key[when][k].name);
            if (real->key[when][k].value != clone->key[when][k].value)
                fail_msg("%s: %s %s: real %llu, ours %llu", what, real->key[when][k].name,
                         when ? "after all frees" : "at the end",
                         (unsigned long long)real->key[when][k].value,
                         (unsigned long long)clone->key[when][k].value);
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
    struct side_script s = {
        .origin = crossing, .arena_bytes = arena_bytes, .stride = arena_bytes + SIDE_POOL_BYTES};
    for (size_t i = 1; i < SIDE_ARENAS_MAX; i++)
        s.shift[i] = 4096; /* the first one aligned, 26 not: as the kernel gave them */
    trace_vector(&t);
    compare(&t, &s, "vector", true);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        if (key_value(clone, 0, expected[i].key) != expected[i].value)
            fail_msg("%s is %llu, not %llu", expected[i].key,
                     (unsigned long long)key_value(clone, 0, expected[i].key),
                     (unsigned long long)expected[i].value);
    assert_int_equal(key_value(clone, 1, "heap.arenas_reclaimed"), 26);
    assert_int_equal(key_value(clone, 1, "heap.arenas_current"), 1);
    /* The realloc stayed, then moved: the log begins with the arena and these three. */
    assert_true(clone->log[1] == clone->log[2] && clone->log[2] != clone->log[3]);
    trace_free(&t);
}

static void test_two_pools(void **state)
{
    (void)state;
    struct trace t = {0};
    struct side_script s = {.origin = crossing, .arena_bytes = arena_bytes, .stride = arena_bytes};
    trace_two_pools(&t);
    compare(&t, &s, "two pools", true);
    trace_free(&t);
}

static void test_random(void **state)
{
    (void)state;
    uint64_t given_back = 0, refused = 0, misaligned = 0, most = 0, entries = 0;
    for (uint64_t seed = 1; seed <= TRACES; seed++) {
        struct trace t = {0};
        struct side_script s;
        char what[64];
        snprintf(what, sizeof what, "random trace %llu", (unsigned long long)seed);
        trace_make(&t, seed);
        script_make(&s, seed);
        compare(&t, &s, what, true);
        entries += clone->entries;
        for (size_t i = 0; i < clone->entries; i++) {
            given_back += clone->log[i] >> 60 == SIDE_GIVEN >> 60;
            refused += clone->log[i] >> 60 == SIDE_REFUSED >> 60;
        }
        misaligned += key_value(clone, 0, "heap.bytes_arena_alignment") > 0;
        if (key_value(clone, 0, "heap.arenas_highwater") > most)
            most = key_value(clone, 0, "heap.arenas_highwater");
        trace_free(&t);
    }
    /* The traces must reach what they are for. */
    assert_true(given_back > TRACES && refused > TRACES / 8 && most > 20);
    assert_true(misaligned > TRACES / 4 || arena_bytes < (size_t)1
                                                             << 20); /* a 4 KiB pool is aligned on any page */
    print_message("# %d traces, %llu entries, %llu arenas given back, %llu refused, %llu traces misaligned, "
                  "at most %llu arenas\n",
                  TRACES, (unsigned long long)entries, (unsigned long long)given_back,
                  (unsigned long long)refused, (unsigned long long)misaligned, (unsigned long long)most);
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
        script_make(&s, (uint64_t)i);
        s.refuse_every = 0;
        compare(&t, &s, file[i], false);
        print_message("# %s: %zu operations, %llu arenas\n", file[i], t.count,
                      (unsigned long long)key_value(clone, 0, "heap.arenas_highwater"));
        trace_free(&t);
    }
}

/* Which layout the real one has is asked in a child: this process stays free of it. */
static const char *set_up(void)
{
    real = side_result_new();
    clone = side_result_new();
    void *space = os_map(&os_harness, 2 * SIDE_CROSSING, 0, OS_RESERVE);
    if (!real || !clone || !space)
        return "no address space";
    crossing = ((uintptr_t)space + SIDE_CROSSING - 1) & ~(SIDE_CROSSING - 1);
    if (crossing - (uintptr_t)space < SIDE_CROSSING / 16)
        crossing += SIDE_CROSSING; /* room on both sides */
    int pipe_fd[2], minor = 0;
    if (pipe(pipe_fd) != 0)
        return "no pipe";
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct spec spec;
        struct alloc_stack stack;
        if (spec_parse(&spec, "cpython", NULL) == 0 && alloc_open(&stack, &spec, NULL) == 0)
            minor = cpython_minor_version();
        _exit(write(pipe_fd[1], &minor, sizeof minor) != sizeof minor);
    }
    close(pipe_fd[1]);
    if (child < 0 || read(pipe_fd[0], &minor, sizeof minor) != sizeof minor)
        minor = 0;
    close(pipe_fd[0]);
    while (child > 0 && waitpid(child, NULL, 0) != child)
        ;
    arena_bytes = minor == 9 ? (size_t)256 << 10 : (size_t)1 << 20;
    snprintf(clone_spec, sizeof clone_spec, "pymalloc:layout=%s", minor == 9 ? "3.9" : "3.10");
    return minor ? NULL : "no libpython 3.9, 3.10 or 3.11 here (Debian 12: package libpython3.11)";
}

int main(int argc, char **argv)
{
    files = argc - 1;
    file = argv + 1;
    const char *why = set_up();
    if (why) {
        printf("1..0 # SKIP %s\n", why);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_two_pools),
        cmocka_unit_test(test_random),
    };
    const struct CMUnitTest recorded[] = {cmocka_unit_test(test_files)};
    return files ? cmocka_run_group_tests(recorded, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
}
