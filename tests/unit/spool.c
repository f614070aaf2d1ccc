/* From a recording to a trace: threads' words come into an order that could have been, addresses become ids,
 * and whatever a kill, a full disk or a damaged file left is taken for what it is. */
// links: workloads/trace/format/hgt.c workloads/trace/format/hgt_read.c workloads/trace/format/hgt_write.c
// links: workloads/trace/tool/spool.c alloc/base/ptrmap.c alloc/base/assert.c workloads/trace/tool/place.c
// links: workloads/trace/tool/meta.c alloc/base/file_out.c alloc/base/os.c

#include "alloc/base/rng.h"
#include "workloads/trace/format/spool.h"
#include "workloads/trace/tool/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SEGMENTS 16

static struct {
    _Alignas(4096) unsigned char header[SPOOL_HEADER_BYTES];
    uint64_t word[SEGMENTS][SPOOL_SEGMENT_WORDS];
} spool;
static struct spool_header *const header = (struct spool_header *)(void *)spool.header;

static char dir[] = "/tmp/spool-XXXXXX", in_path[64], out_path[64];
static struct tool_spool result;
static struct message message;
static bool lives_too; /* in the text */

/* A thread's pen, as the recorder's. */
struct pen {
    uint64_t *at;
    uint64_t last, clock;
};

static struct pen mark(uint64_t *at, uint64_t thread, uint64_t part, uint64_t clock)
{
    at[0] = SPOOL_LONG | SPOOL_MARK << 3 | 3 << 8;
    at[1] = thread;
    at[2] = part;
    at[3] = clock;
    return (struct pen){at + 4, 0, clock};
}

static void put_short(struct pen *p, enum spool_kind kind, uint64_t address, uint64_t size, uint64_t clock)
{
    if (clock != p->clock)
        *p->at++ = clock << 3 | SPOOL_SEQUENCE;
    *p->at++ = (uint64_t)((int64_t)(address - p->last) / 16) << (3 + SPOOL_SIZE_BITS) | size << 3 | kind;
    p->last = address;
    p->clock = clock + (kind == SPOOL_FREE || kind == SPOOL_REALLOC_FROM ? size : 0);
}

static void put_long(struct pen *p, enum spool_kind kind, unsigned words, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t payload[] = {a, b, c};
    *p->at++ = SPOOL_LONG | (uint64_t)kind << 3 | (uint64_t)words << 8;
    memcpy(p->at, payload, words * sizeof *payload);
    p->at += words;
    if (kind != SPOOL_FAILED && kind != SPOOL_EXIT && kind != SPOOL_GAP)
        p->last = a;
}

static void begin(void)
{
    memset(&spool, 0, sizeof spool);
    *header = (struct spool_header){.magic = SPOOL_MAGIC,
                                    .segments = SEGMENTS,
                                    .segment_bytes = SPOOL_SEGMENT_BYTES,
                                    .pid = 42,
                                    .program = "/bin/x",
                                    .command_bytes = 5,
                                    .command = "x\0-y"};
}

/* Writes the spool, cut off at `bytes`, converts it and returns the trace as text. */
static int convert(size_t bytes, char *text, size_t size)
{
    struct file_out f;
    struct hgt_reader r;
    struct hgt_op op;
    size_t n = 0;
    int fd = open(in_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    text[0] = '\0';
    assert_int_equal(write(fd, &spool, bytes), bytes);
    close(fd);
    assert_int_equal(file_out_open(&f, out_path, &tool_trace_kind, &message), 0);
    int err = tool_spool_convert(in_path, "exit 0", &f, &result, &message);
    if (err) {
        file_out_drop(&f);
        return err;
    }
    assert_int_equal(file_out_done(&f, &message), 0);
    assert_int_equal(hgt_open(&r, out_path, false, &message), 0);
    while (hgt_next_event(&r, &op, &message) == 1)
        if (op.event != HGT_CALL && lives_too && n + 64 < size)
            n += (size_t)snprintf(text + n, size - n, op.event == HGT_GAP ? "%sw%u" : "%s%u%c", n ? " " : "",
                                  op.event == HGT_GAP ? (unsigned)op.size : op.thread,
                                  op.event == HGT_BIRTH ? '+' : '-');
        else if (op.event == HGT_CALL && n + 64 < size)
            n += (size_t)snprintf(text + n, size - n, "%s%u%c%u", n ? " " : "", op.thread, "acrfA"[op.kind],
                                  op.id);
    assert_true(r.ended && !r.damage.text[0]);
    hgt_close(&r);
    return 0;
}

static void converts_to(const char *expected)
{
    char text[4096];
    int err = convert(sizeof spool, text, sizeof text);
    if (err)
        fail_msg("%s", message.text);
    assert_string_equal(text, expected);
}

/* Thread 1 gets the memory that thread 0 gave back: the free is first, though nothing but its number says
 * so. */
static void test_reuse(void **state)
{
    (void)state;
    begin();
    struct pen one = mark(spool.word[0], 1, 0, 1), zero = mark(spool.word[1], 0, 0, 1);
    put_short(&one, SPOOL_MALLOC, 4096, 8, 3);
    put_short(&one, SPOOL_MALLOC, 8192, 8, 3);
    put_short(&zero, SPOOL_MALLOC, 4096, 8, 1);
    put_short(&zero, SPOOL_FREE, 4096, SPOOL_TICK, 2);
    put_short(&zero, SPOOL_MALLOC, 16384, 8, 4);
    converts_to("0a0 0f0 1a0 1a1 0a2");
    assert_int_equal(result.conflicts + result.unmatched, 0);
    assert_int_equal(result.threads, 2);
}

/* The same number: what was allocated before it, then the free that has it. */
static void test_tie(void **state)
{
    (void)state;
    begin();
    struct pen zero = mark(spool.word[0], 0, 0, 1), one = mark(spool.word[1], 1, 0, 1);
    put_short(&zero, SPOOL_FREE, 4096, SPOOL_TICK, 5);
    put_short(&one, SPOOL_MALLOC, 4096, 8, 5);
    put_short(&one, SPOOL_MALLOC, 4096, 8, 6);
    converts_to("1a0 0f0 1a0");
    assert_int_equal(result.conflicts + result.unmatched, 0);
}

/* A lone thread's frees do not count the clock up; its own order stands. */
static void test_alone(void **state)
{
    (void)state;
    begin();
    struct pen zero = mark(spool.word[0], 0, 0, 1), one = mark(spool.word[1], 1, 0, 2);
    put_short(&zero, SPOOL_MALLOC, 4096, 8, 1);
    put_short(&zero, SPOOL_FREE, 4096, 0, 1);
    put_short(&zero, SPOOL_MALLOC, 4096, 8, 1);
    put_short(&zero, SPOOL_FREE, 4096, 0, 1);
    put_short(&one, SPOOL_CALLOC, 4096, 8, 2);
    converts_to("0a0 0f0 0a0 0f0 1c0");
}

/* While a block moves from O to N, another thread frees N before it and gets O after it. */
static void test_realloc_moves(void **state)
{
    (void)state;
    enum { O = 4096, N = 8192 };
    begin();
    struct pen zero = mark(spool.word[0], 0, 0, 1), one = mark(spool.word[1], 1, 0, 1);
    put_short(&zero, SPOOL_MALLOC, O, 8, 1);
    put_short(&zero, SPOOL_REALLOC_FROM, O, SPOOL_TICK, 2);
    put_short(&zero, SPOOL_REALLOC_TO, N, 80, 5);
    put_short(&zero, SPOOL_FREE, N, SPOOL_TICK, 5);
    put_short(&one, SPOOL_MALLOC, N, 8, 1);
    put_short(&one, SPOOL_FREE, N, SPOOL_TICK, 3);
    put_short(&one, SPOOL_MALLOC, O, 8, 4);
    put_short(&one, SPOOL_FREE, O, SPOOL_TICK, 4);
    converts_to("0a0 1a1 1f1 1a1 1f1 0r0 0f0");
    assert_int_equal(result.conflicts + result.unmatched, 0);
}

static void test_realloc_ends(void **state)
{
    (void)state;
    begin();
    struct pen p = mark(spool.word[0], 0, 0, 1);
    put_short(&p, SPOOL_MALLOC, 4096, 8, 1);
    put_short(&p, SPOOL_REALLOC_FROM, 4096, 0, 1); /* refused: it stays where it was */
    put_long(&p, SPOOL_FAILED, 1, UINT64_C(1) << 60, 0, 0);
    put_short(&p, SPOOL_FREE, 4096, 0, 1);
    put_short(&p, SPOOL_MALLOC, 4096, 8, 1);
    put_short(&p, SPOOL_REALLOC_FROM, 4096, 0, 1); /* to nothing: a free */
    put_long(&p, SPOOL_REALLOC_TO, 2, 0, 0, 0);
    put_short(&p, SPOOL_REALLOC_FROM, 65536, 0, 1); /* of a block that nobody saw: like a malloc */
    put_short(&p, SPOOL_REALLOC_TO, 4096, 8, 1);
    put_long(&p, SPOOL_ALIGNED, 3, 8192, 100, 64);
    put_long(&p, SPOOL_ALIGNED, 3, 12288, 100, 65); /* not a power of two: whatever memalign made of it */
    put_short(&p, SPOOL_REALLOC_FROM, 8192, 0, 1);  /* killed here */
    converts_to("0a0 0f0 0a0 0f0 0a0 0A1 0a2");
    assert_int_equal(result.failed, 1);
    assert_int_equal(result.unmatched, 1);
}

static void test_not_seen(void **state)
{
    (void)state;
    begin();
    struct pen p = mark(spool.word[0], 0, 0, 1);
    put_short(&p, SPOOL_FREE, 4096, 0, 1); /* from before the recording */
    put_short(&p, SPOOL_MALLOC, 4096, 8, 1);
    put_short(&p, SPOOL_MALLOC, 4096, 8, 1); /* its free was not seen */
    converts_to("0a0 0f0 0a0");
    assert_int_equal(result.unmatched, 1);
    assert_int_equal(result.conflicts, 1);
}

/* A thread's parts lie in any order in the file; a part is passed on to another thread at its end. */
static void test_parts(void **state)
{
    (void)state;
    begin();
    struct pen p = mark(spool.word[2], 7, 0, 1);
    put_short(&p, SPOOL_MALLOC, 16, 8, 1);
    p = mark(spool.word[0], 7, 1, 1);
    put_short(&p, SPOOL_MALLOC, 32, 8, 1);
    p = mark(p.at, 3, 0, 1);
    put_short(&p, SPOOL_MALLOC, 48, 8, 9);
    p = mark(spool.word[1], 7, 2, 1);
    put_short(&p, SPOOL_MALLOC, 64, 8, 1);
    p = mark(p.at, 3, 1, 9);
    put_short(&p, SPOOL_FREE, 48, SPOOL_TICK, 9);
    converts_to("1a0 1a1 1a2 0a3 0f3");
    assert_int_equal(result.threads, 2);
}

/* A birth is where the first part is; an end after the last call, also when that came after the EXIT; numbers
 * of the dead are used again. */
static void test_lives(void **state)
{
    (void)state;
    begin();
    struct pen zero = mark(spool.word[0], 0, 0, 0), one = mark(spool.word[1], 1, 0, 2);
    put_short(&zero, SPOOL_MALLOC, 4096, 8, 0);
    put_short(&one, SPOOL_MALLOC, 8192, 8, 2);
    put_long(&one, SPOOL_EXIT, 1, 4, 0, 0);
    struct pen two = mark(one.at, 2, 0, 3); /* begins before that */
    struct pen late = mark(spool.word[2], 1, 1, 4);
    put_short(&late, SPOOL_FREE, 8192, SPOOL_TICK, 5);
    put_long(&two, SPOOL_EXIT, 1, 7, 0, 0); /* it never allocated */
    struct pen three = mark(two.at, 3, 0, 8);
    put_long(&three, SPOOL_GAP, 1, 20000000, 0, 0);
    put_short(&three, SPOOL_FREE, 4096, SPOOL_TICK, 8);
    lives_too = true;
    converts_to("0a0 1+ 1a1 2+ 1f1 1- 2- 2+ w20000 2f0");
    lives_too = false;
    assert_int_equal(result.threads, 4);
    assert_int_equal(result.ops, 4);
}

/* One thread more than there are numbers: a whole trace up to it. */
static void test_too_many_alive(void **state)
{
    (void)state;
    char text[64], value[64];
    struct hgt_reader r;
    begin();
    enum { WORDS = 5, IN_SEGMENT = SPOOL_SEGMENT_WORDS / WORDS };
    for (uint64_t t = 0; t <= HGT_THREADS_MAX; t++) {
        struct pen p = mark(&spool.word[t / IN_SEGMENT][t % IN_SEGMENT * WORDS], t, 0, t);
        put_short(&p, SPOOL_MALLOC, 16 + 16 * t, 8, t);
    }
    assert_int_equal(convert(sizeof spool, text, sizeof text), 0);
    assert_int_equal(result.threads, HGT_THREADS_MAX);
    assert_int_equal(result.stop_errno, TOOL_STOP_THREADS);
    assert_int_equal(result.ops, HGT_THREADS_MAX);
    assert_int_equal(result.dropped, 1);
    struct hgt_op op;
    assert_int_equal(hgt_open(&r, out_path, false, &message), 0);
    while (hgt_next(&r, &op, &message) == 1)
        ;
    assert_true(hgt_meta(&r, "stopped", value, sizeof value));
    assert_string_equal(value, "more than 65536 threads were alive at once");
    hgt_close(&r);
}

static void test_stopped(void **state)
{
    (void)state;
    char value[64];
    struct hgt_reader r;
    begin();
    header->stop_errno = ENOSPC;
    header->stop_clock = 3;
    header->dropped = 100;
    struct pen zero = mark(spool.word[0], 0, 0, 1), one = mark(spool.word[1], 1, 0, 1);
    put_short(&zero, SPOOL_MALLOC, 16, 8, 3);
    put_short(&one, SPOOL_FREE, 16, SPOOL_TICK, 3);
    put_short(&one, SPOOL_MALLOC, 32, 8, 4); /* after the other had to stop */
    put_short(&one, SPOOL_REALLOC_FROM, 32, SPOOL_TICK, 4);
    put_short(&one, SPOOL_REALLOC_TO, 32, 8, 5);
    converts_to("0a0 1f0");
    assert_int_equal(result.dropped, 102);
    assert_int_equal(result.stop_errno, ENOSPC);
    assert_int_equal(hgt_open(&r, out_path, false, &message), 0);
    assert_true(hgt_meta(&r, "stopped", value, sizeof value));
    assert_string_equal(value, strerror(ENOSPC));
    assert_true(hgt_meta(&r, "command", value, sizeof value));
    assert_string_equal(value, "x -y");
    hgt_close(&r);
}

/* A kill leaves whole words and zeros after them, and a file that may end in the middle of a segment. */
static void test_cut(void **state)
{
    (void)state;
    char text[4096];
    begin();
    struct pen p = mark(spool.word[0], 0, 0, 1);
    put_short(&p, SPOOL_MALLOC, 16, 8, 1);
    p.at[0] = 0; /* the word that would make these count is not there */
    p.at[1] = 77;
    p.at[2] = 78;
    p = mark(spool.word[1], 0, 1, 1);
    put_short(&p, SPOOL_MALLOC, 32, 8, 1);
    converts_to("0a0 0a1");
    assert_int_equal(convert(SPOOL_HEADER_BYTES + SPOOL_SEGMENT_BYTES + 100, text, sizeof text), 0);
    assert_string_equal(text, "0a0");
    assert_int_equal(convert(SPOOL_HEADER_BYTES, text, sizeof text), 0);
    assert_string_equal(text, "");
    assert_int_equal(convert(SPOOL_HEADER_BYTES - 1, text, sizeof text), -EBADMSG);
    assert_int_equal(convert(0, text, sizeof text), -EBADMSG);
    assert_true(access(out_path, F_OK) == 0); /* the last good one */
}

static void test_noise(void **state)
{
    (void)state;
    char text[4096];
    struct rng rng;
    rng_seed(&rng, 3);
    for (unsigned round = 0; round < 60; round++) {
        begin();
        struct pen p = mark(spool.word[0], 0, 0, 1);
        for (unsigned i = 0; i < 3000; i++) {
            uint64_t word = rng_next(&rng);
            *p.at++ = round % 3 ? word : word % 4096; /* small words are likelier to mean something */
        }
        mark(p.at, UINT32_MAX, UINT32_MAX, UINT64_MAX);
        int err = convert(sizeof spool, text, sizeof text);
        assert_true(err == 0 || err == -EBADMSG);
    }
    begin();
    struct pen p = mark(spool.word[0], 0, 0, 1);
    put_long(&p, SPOOL_MALLOC, 2, 16, HGT_SIZE_MAX + 1, 0);
    assert_int_equal(convert(sizeof spool, text, sizeof text), -EBADMSG);
    assert_non_null(strstr(message.text, "damaged"));
    begin();
    header->magic++;
    assert_int_equal(convert(sizeof spool, text, sizeof text), -EBADMSG);
    assert_non_null(strstr(message.text, "at byte 0: not a recording"));
}

/* A history of threads that pass blocks around, with the clock that the recorder would have had: all of it
 * fits again. */
static void test_simulated(void **state)
{
    (void)state;
    enum { THREADS = 6, BLOCKS = 50, STEPS = 60000 };
    static uint64_t live[BLOCKS];
    struct pen pen[THREADS];
    struct rng rng;
    uint64_t clock = 1, freed = 0, made = 0, moved = 0;
    char text[128];
    begin();
    memset(live, 0, sizeof live);
    rng_seed(&rng, 21);
    for (unsigned t = 0; t < THREADS; t++)
        pen[t] = mark(spool.word[t], t, 0, 1);
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned t = (unsigned)rng_below(&rng, THREADS), b = (unsigned)rng_below(&rng, BLOCKS);
        uint64_t address = 4096 + 16 * b;
        if (!live[b]) {
            put_short(&pen[t], SPOOL_MALLOC, address, 1 + b, clock);
            live[b] = 1;
            made++;
        } else if (rng_below(&rng, 4)) {
            put_short(&pen[t], SPOOL_FREE, address, SPOOL_TICK, clock++);
            live[b] = 0;
            freed++;
        } else {
            unsigned to = (unsigned)rng_below(&rng, BLOCKS);
            if (live[to] && to != b)
                continue;
            put_short(&pen[t], SPOOL_REALLOC_FROM, address, SPOOL_TICK, clock++);
            live[b] = 0;
            live[to] = 1;
            put_short(&pen[t], SPOOL_REALLOC_TO, 4096 + 16 * to, 1 + to, clock);
            moved++;
        }
        assert_true(pen[t].at < spool.word[t] + SPOOL_SEGMENT_WORDS - 8);
    }
    assert_int_equal(convert(sizeof spool, text, sizeof text), 0);
    assert_int_equal(result.unmatched, 0);
    assert_int_equal(result.conflicts, 0);
    assert_int_equal(result.ops, made + freed + moved);
    assert_int_equal(result.threads, THREADS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_tie),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_realloc_moves),
        cmocka_unit_test(test_realloc_ends),
        cmocka_unit_test(test_not_seen),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_too_many_alive),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_simulated),
    };
    if (!mkdtemp(dir))
        return 1;
    snprintf(in_path, sizeof in_path, "%s/in", dir);
    snprintf(out_path, sizeof out_path, "%s/out.hgt", dir);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(in_path);
    unlink(out_path);
    rmdir(dir);
    return failed;
}
