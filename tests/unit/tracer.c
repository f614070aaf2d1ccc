/* trace(X): blocks and bytes by call site, current and peak, statistics, differences, snapshot files;
 * threads; and no memory for its own tables. */
#include "alloc/tracer/tracer.h"
#include "alloc/base/compiler.h"
#include "alloc/tracer/callsite.h"
#include "alloc/base/os.h"
#include "alloc/spec.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

const char *__asan_default_options(void);
const char *__tsan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static struct alloc_stack stack;
static struct alloc *a;

static void open_spec(const char *text)
{
    struct spec *spec = malloc(sizeof *spec);
    struct message m = {""};
    assert_int_equal(spec_parse(spec, text, &m), 0);
    assert_int_equal(alloc_open(&stack, spec, &m), 0);
    free(spec);
    a = &stack.layer[0];
}

/* Places of their own: neither inlined nor left by a tail call. The lines are looked for below. */
#define PLACE noinline
static PLACE void *ask_here(size_t size)
{
    void *p = a->malloc(a->ctx, size);
    __asm__ volatile("" : "+r"(p));
    return p;
}

static PLACE void *ask_there(size_t size)
{
    void *p = a->malloc(a->ctx, size);
    __asm__ volatile("# not folded into ask_here" : "+r"(p));
    return p;
}
enum { LINE_HERE = __LINE__ - 11, LINE_THERE = __LINE__ - 4 };

static PLACE void *ask_through(size_t size)
{
    void *p = ask_here(size);
    __asm__ volatile("" : "+r"(p));
    return p;
}

static void drop(void *p)
{
    a->free(a->ctx, p);
}

static void totals(uint64_t *current, uint64_t *peak)
{
    struct trace_snapshot s;
    assert_int_equal(trace_snapshot_take(&s, a), 0);
    *current = s.current_bytes;
    *peak = s.peak_bytes;
    uint64_t sum = 0;
    for (size_t i = 0; i < s.sites; i++)
        sum += s.site[i].bytes;
    assert_int_equal(sum, s.current_bytes); /* the sums by place and the total are counted apart */
    trace_snapshot_free(&s);
}

static struct trace_row *row_with(struct trace_table *t, const char *word)
{
    for (size_t i = 0; i < t->rows; i++)
        if (strstr(t->row[i].key, word))
            return &t->row[i];
    return NULL;
}

static const char *at_line(int line)
{
    static char text[64];
    snprintf(text, sizeof text, "tests/unit/tracer.c:%d", line);
    return text;
}

static void current_and_peak_are_exact_with_one_thread(void **state)
{
    (void)state;
    uint64_t current, peak;
    void *p[300];
    open_spec("trace(system)");
    for (int i = 0; i < 300; i++)
        p[i] = ask_here(1000);
    totals(&current, &peak);
    assert_int_equal(current, 300000);
    assert_int_equal(peak, 300000);
    for (int i = 0; i < 299; i++)
        drop(p[i]);
    p[0] = ask_there(1 << 20);
    drop(p[0]);
    p[0] = ask_there(5);
    totals(&current, &peak);
    assert_int_equal(current, 1005);
    assert_int_equal(peak, (1 << 20) + 1000);
    p[0] = a->realloc(a->ctx, p[0], 2000); /* what grows counts once, not old and new together */
    totals(&current, &peak);
    assert_int_equal(current, 3000);
    assert_int_equal(peak, (1 << 20) + 1000);
    drop(p[0]);
    drop(p[299]);
    drop(NULL);
    totals(&current, &peak);
    assert_int_equal(current, 0);
    alloc_close(&stack);
}

static void statistics_group_by_line_file_and_traceback(void **state)
{
    (void)state;
    struct trace_snapshot s;
    struct trace_table t;
    open_spec("locked(trace:frames=8(locked(system)))"); /* the wrappers are no places */
    struct alloc *outer = a;
    void *p[6] = {ask_here(100), ask_here(200), ask_there(70), ask_through(1), ask_through(2), ask_there(7)};
    drop(p[5]);
    a = &stack.layer[1];
    assert_int_equal(trace_snapshot_take(&s, a), 0);
    a = outer;

    assert_int_equal(trace_statistics(&t, &s, NULL, TRACE_BY_LINE, false), 0);
    assert_int_equal(t.rows, 2);
    struct trace_row *r = row_with(&t, at_line(LINE_HERE));
    assert_ptr_equal(r, &t.row[0]); /* the largest first */
    assert_int_equal(r->blocks, 4);
    assert_int_equal(r->bytes, 303);
    r = row_with(&t, at_line(LINE_THERE));
    assert_non_null(r);
    assert_int_equal(r->blocks, 1);
    assert_int_equal(r->bytes, 70);
    assert_int_equal(r->total_blocks, 2);
    assert_int_equal(r->total_bytes, 77);
    trace_table_free(&t);

    assert_int_equal(trace_statistics(&t, &s, NULL, TRACE_BY_FILE, false), 0);
    assert_int_equal(t.rows, 1);
    assert_non_null(strstr(t.row[0].key, "tests/unit/tracer.c"));
    assert_int_equal(t.row[0].bytes, 373);
    trace_table_free(&t);

    assert_int_equal(trace_statistics(&t, &s, NULL, TRACE_BY_TRACEBACK, false), 0);
    uint64_t through = 0;
    for (size_t i = 0; i < t.rows; i++) {
        const char *first = strstr(t.row[i].key, "ask_here"), *next = strstr(t.row[i].key, "ask_through");
        if (next) {
            assert_true(first && first < next); /* innermost first */
            through += t.row[i].bytes;
        }
    }
    assert_int_equal(through, 3);
    trace_table_free(&t);

    /* Cumulative: every frame is credited, so whoever called all of them holds it all. */
    assert_int_equal(trace_statistics(&t, &s, NULL, TRACE_BY_FILE, true), 0);
    r = row_with(&t, "tests/unit/tracer.c");
    assert_int_equal(r->bytes, 373); /* once, though several of its frames are in each traceback */
    assert_true(t.rows > 1);         /* cmocka's and libc's frames */
    for (size_t i = 0; i < t.rows; i++)
        assert_true(t.row[i].bytes <= 373);
    trace_table_free(&t);
    trace_snapshot_free(&s);
    for (int i = 0; i < 5; i++)
        drop(p[i]);
    alloc_close(&stack);
}

static void one_frame_is_the_caller_alone(void **state)
{
    (void)state;
    struct trace_snapshot s;
    open_spec("trace(system)");
    void *p = ask_through(10), *q = ask_here(20);
    assert_int_equal(trace_snapshot_take(&s, a), 0);
    assert_int_equal(s.sites, 1);
    assert_int_equal(s.site[0].frames, 1);
    assert_int_equal(s.site[0].blocks, 2);
    trace_snapshot_free(&s);
    drop(p);
    drop(q);
    alloc_close(&stack);
}

static void difference_of_two_snapshots(void **state)
{
    (void)state;
    struct trace_snapshot before, after;
    struct trace_table t;
    open_spec("trace(system)");
    void *kept = ask_here(500), *gone = ask_there(900), *resized = a->calloc(a->ctx, 3, 10);
    assert_int_equal(trace_snapshot_take(&before, a), 0);
    drop(gone);
    void *added = ask_here(300);
    resized = a->realloc(a->ctx, resized, 25);
    assert_int_equal(trace_snapshot_take(&after, a), 0);
    assert_int_equal(trace_statistics(&t, &after, &before, TRACE_BY_LINE, false), 0);
    assert_int_equal(t.rows, 4);
    struct trace_row *r = row_with(&t, at_line(LINE_THERE));
    assert_ptr_equal(r, &t.row[0]); /* the largest change, though it is a loss */
    assert_int_equal(r->bytes_change, -900);
    assert_int_equal(r->blocks_change, -1);
    assert_int_equal(r->bytes, 0);
    r = row_with(&t, at_line(LINE_HERE));
    assert_int_equal(r->bytes_change, 300);
    assert_int_equal(r->blocks_change, 1);
    assert_int_equal(r->bytes, 800);
    int64_t change = 0, blocks = 0;
    for (size_t i = 0; i < t.rows; i++) {
        change += t.row[i].bytes_change;
        blocks += t.row[i].blocks_change;
    }
    assert_int_equal(change, 300 - 900 - 30 + 25);
    assert_int_equal(blocks, 0);
    trace_table_free(&t);
    trace_snapshot_free(&before);
    trace_snapshot_free(&after);
    drop(kept);
    drop(added);
    drop(resized);
    alloc_close(&stack);
}

static void over_aligned_blocks_and_failures(void **state)
{
    (void)state;
    uint64_t current, peak;
    open_spec("trace(system)");
    for (size_t align = 1; align <= 65536; align *= 2) {
        char *p = a->aligned(a->ctx, align, 40);
        assert_int_equal((uintptr_t)p % align, 0);
        assert_true(a->usable(a->ctx, p) >= 40);
        memset(p, (int)align, a->usable(a->ctx, p));
        p[39] = 3;
        p = a->realloc(a->ctx, p, 60);
        assert_int_equal(p[39], 3);
        drop(p);
    }
    char *p = ask_here(10);
    memset(p, 1, 10);
    errno = 0;
    assert_null(ask_here(SIZE_MAX));
    assert_int_equal(errno, ENOMEM);
    assert_null(a->realloc(a->ctx, p, (size_t)PTRDIFF_MAX - 16));
    assert_null(a->calloc(a->ctx, SIZE_MAX / 2, 3));
    assert_null(a->aligned(a->ctx, 64, (size_t)PTRDIFF_MAX));
    assert_int_equal(p[9], 1);
    totals(&current, &peak);
    assert_int_equal(current, 10);
    drop(p);
    totals(&current, &peak);
    assert_int_equal(current, 0);
    alloc_close(&stack);
}

static void without_memory_of_its_own_sums_stay_right(void **state)
{
    (void)state;
    uint64_t current, peak;
    open_spec("trace(system)");
    os_fail_maps_after(1); /* not even this thread's counters */
    void *p = ask_here(1000), *q = ask_there(100);
    assert_non_null(p);
    drop(q);
    os_fail_maps_after(0);
    totals(&current, &peak);
    assert_int_equal(current, 1000);
    assert_int_equal(peak, 1100);
    drop(p);
    totals(&current, &peak);
    assert_int_equal(current, 0);
    alloc_close(&stack);
}

/* --- snapshot files ------------------------------------------------------------------------------------- */

static void a_file_tells_what_the_snapshot_told(void **state)
{
    (void)state;
    open_spec("trace:frames=4(system)");
    void *p = ask_here(123), *q = ask_through(77), *r = ask_there(5);
    struct trace_snapshot taken, read;
    struct trace_table from_taken, from_read;
    struct message m;
    FILE *file = tmpfile();
    assert_int_equal(trace_snapshot_write(a, &(struct file_out){.fd = fileno(file), .in_place = true}), 0);
    rewind(file);
    assert_int_equal(trace_snapshot_read(&read, file, "F", &m), 0);
    fclose(file);
    assert_int_equal(trace_snapshot_take(&taken, a), 0);
    assert_int_equal(read.current_bytes, 205);
    assert_int_equal(read.peak_bytes, taken.peak_bytes);
    assert_int_equal(read.sites, taken.sites);
    for (enum trace_key key = TRACE_BY_LINE; key <= TRACE_BY_TRACEBACK; key++) {
        assert_int_equal(trace_statistics(&from_taken, &taken, NULL, key, false), 0);
        assert_int_equal(trace_statistics(&from_read, &read, NULL, key, false), 0);
        assert_int_equal(from_read.rows, from_taken.rows);
        for (size_t i = 0; i < from_read.rows; i++) {
            assert_string_equal(from_read.row[i].key, from_taken.row[i].key);
            assert_int_equal(from_read.row[i].bytes, from_taken.row[i].bytes);
        }
        trace_table_free(&from_taken);
        trace_table_free(&from_read);
    }
    trace_snapshot_free(&taken);
    trace_snapshot_free(&read);
    drop(p);
    drop(q);
    drop(r);
    alloc_close(&stack);
}

static void what_is_no_snapshot_is_refused_with_its_line(void **state)
{
    (void)state;
    const struct {
        const char *text, *message;
    } bad[] = {
        {"", "F:0: not a snapshot"},
        {"heapgauge-snapshot 2\n", "F:1: not a snapshot"},
        {"heapgauge-snapshot 1\n", "F:1: the second line"},
        {"heapgauge-snapshot 1\nbytes 1\n", "F:2: the second line"},
        {"heapgauge-snapshot 1\nbytes 1 2 3\n", "F:2: the second line"},
        {"heapgauge-snapshot 1\nbytes 1 2\n", "F:2: the snapshot was cut off"},
        {"heapgauge-snapshot 1\nbytes 1 2\nsite 1 2 3\n", "F:3: a site needs four numbers"},
        {"heapgauge-snapshot 1\nbytes 1 2\nsite 1 2 3 -4\n", "F:3: a site needs four numbers"},
        {"heapgauge-snapshot 1\nbytes 1 2\nsite 1 2 3 4x\n", "F:3: a site needs four numbers"},
        {"heapgauge-snapshot 1\nbytes 1 2\nsite 1 2 3 99999999999999999999\n",
         "F:3: a site needs four numbers"},
        {"heapgauge-snapshot 1\nbytes 1 2\nsite 1 2 3 4 zz\n", "F:3: a frame is not"},
        {"heapgauge-snapshot 1\nbytes 1 2\nsight 1 2 3 4\n", "F:3: neither"},
        {"heapgauge-snapshot 1\nbytes 1 2\nsite 1 2 3 4 aa\nmaps\n", "F:4: the snapshot was cut off"},
        {"heapgauge-snapshot 1\nbytes 1 2\nsite 1 2 3 4 aa\nmaps\nnonsense\nend\n", "memory map"},
        {"heapgauge-snapshot 1\nbytes 1 2\nmaps\nend\n", "memory map"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct trace_snapshot s;
        struct message m = {""};
        FILE *in = tmpfile();
        fputs(bad[i].text, in);
        rewind(in);
        assert_int_equal(trace_snapshot_read(&s, in, "F", &m), -EINVAL);
        if (!strstr(m.text, bad[i].message))
            fail_msg("case %zu: \"%s\", not \"%s\"", i, m.text, bad[i].message);
        fclose(in);
    }
}

/* --- the report, composition ---------------------------------------------------------------------------- */

static char report_text[65536];

static void sink_integer(void *arg, const char *key, uint64_t value)
{
    (void)arg;
    size_t n = strlen(report_text);
    snprintf(report_text + n, sizeof report_text - n, "%s=%llu\n", key, (unsigned long long)value);
}

static void sink_text(void *arg, const char *key, const char *value)
{
    (void)arg;
    size_t n = strlen(report_text);
    snprintf(report_text + n, sizeof report_text - n, "%s=%s\n", key, value);
}

static void report_and_composition(void **state)
{
    (void)state;
    open_spec("trace(debug(system))");
    void *p = ask_here(1000), *q = ask_there(3000);
    report_text[0] = '\0';
    a->backend->report(a->ctx, &(struct alloc_sink){NULL, sink_integer, sink_text});
    assert_non_null(strstr(report_text, "trace.current_bytes=4000\n"));
    assert_non_null(strstr(report_text, "trace.blocks=2\n"));
    assert_non_null(strstr(report_text, "trace.places=2\n"));
    assert_non_null(strstr(report_text, "trace.sites.0.bytes=3000\n"));
    assert_non_null(strstr(report_text, "trace.sites.1.bytes=1000\n"));
    assert_non_null(strstr(report_text, "tests/unit/tracer+0x"));
    assert_non_null(strstr(report_text, "debug.live_blocks=2\n"));
    drop(p);
    drop(q);
    assert_int_equal(alloc_verify(&stack, NULL), 0);
    alloc_close(&stack);

    struct spec *spec = malloc(sizeof *spec);
    struct message m;
    assert_int_equal(spec_parse(spec, "trace(locked(trace(system)))", &m), -EINVAL);
    assert_non_null(strstr(m.text, "twice"));
    assert_int_equal(spec_parse(spec, "trace(null)", &m), -EINVAL);
    assert_int_equal(spec_parse(spec, "trace:frames=0(system)", &m), -EINVAL);
    free(spec);
}

static void a_foreign_free_is_not_followed(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        static char other[64] __attribute__((aligned(16)));
        signal(SIGABRT, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        close(2);
        open_spec("trace(system)");
        drop(other + 32);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* --- threads -------------------------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 20000, SLOTS = 64 };
static void *_Atomic shared[SLOTS];

static void *pass_blocks(void *arg)
{
    unsigned long long r = (uintptr_t)arg * 2654435761u + 1;
    for (int i = 0; i < ROUNDS; i++) {
        r = r * 6364136223846793005u + 1442695040888963407u;
        void *p = ask_here(1 + (r >> 33) % 500);
        if (r >> 60 == 3)
            p = a->realloc(a->ctx, p, 700);
        drop(atomic_exchange(&shared[(r >> 40) % SLOTS], p));
        if (i % 4096 == 0) { /* a snapshot meanwhile must be safe, if not of one instant */
            struct trace_snapshot s;
            if (trace_snapshot_take(&s, a) == 0)
                trace_snapshot_free(&s);
        }
    }
    return NULL;
}

static void threads_free_each_others_blocks(void **state)
{
    (void)state;
    uint64_t current, peak;
    pthread_t thread[THREADS];
    open_spec("trace:frames=2(system)");
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, pass_blocks, (void *)(uintptr_t)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    uint64_t live = 0;
    for (int i = 0; i < SLOTS; i++) {
        void *p = atomic_load(&shared[i]);
        live += p ? *(size_t *)((char *)p - 16) : 0; /* the size in the head */
    }
    totals(&current, &peak);
    assert_int_equal(current, live);
    assert_true(peak >= current && peak < (SLOTS + THREADS) * 700 + THREADS * 16384);
    for (int i = 0; i < SLOTS; i++)
        drop(atomic_exchange(&shared[i], NULL));
    totals(&current, &peak);
    assert_int_equal(current, 0);
    alloc_close(&stack);
}

static void *ask_and_end(void *arg)
{
    (void)arg;
    return ask_here(10);
}

static void threads_that_end_leave_their_counters_to_others(void **state)
{
    (void)state;
    uint64_t current, peak, own = 0;
    open_spec("trace(system)");
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, ask_and_end, NULL), 0);
        void *p;
        pthread_join(thread, &p);
        drop(p);
        if (i == 1)
            own = trace_memory_bytes(a);
    }
    assert_int_equal(trace_memory_bytes(a), own);
    totals(&current, &peak);
    assert_int_equal(current, 0);
    alloc_close(&stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(current_and_peak_are_exact_with_one_thread),
        cmocka_unit_test(statistics_group_by_line_file_and_traceback),
        cmocka_unit_test(one_frame_is_the_caller_alone),
        cmocka_unit_test(difference_of_two_snapshots),
        cmocka_unit_test(over_aligned_blocks_and_failures),
        cmocka_unit_test(without_memory_of_its_own_sums_stay_right),
        cmocka_unit_test(a_file_tells_what_the_snapshot_told),
        cmocka_unit_test(what_is_no_snapshot_is_refused_with_its_line),
        cmocka_unit_test(report_and_composition),
        cmocka_unit_test(a_foreign_free_is_not_followed),
        cmocka_unit_test(threads_free_each_others_blocks),
        cmocka_unit_test(threads_that_end_leave_their_counters_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
