/* The .hgt format: what is written is read back; any damage, at any byte, is an error or (asked for in part)
 * leaves a true prefix; and what a forger can write with right checksums stays within bounds. */
// links: workloads/trace/format/hgt.c workloads/trace/format/hgt_read.c workloads/trace/format/hgt_write.c
// links: alloc/base/os.c
#include "alloc/base/os.h"
#include "alloc/base/rng.h"
#include "workloads/trace/format/hgt.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

struct file {
    uint8_t *data;
    size_t bytes;
};

static struct file file_of(int fd)
{
    off_t end = lseek(fd, 0, SEEK_END);
    struct file f = {malloc((size_t)end + 1), (size_t)end};
    assert_int_equal(pread(fd, f.data, f.bytes, 0), end);
    close(fd);
    return f;
}

/* A random history that makes sense: what is freed is live. Returns its operations as the writer filled
 * them. */
static struct hgt_op *history(uint64_t seed, size_t count, uint32_t threads)
{
    struct hgt_op *ops = calloc(count, sizeof *ops);
    uint32_t *live = calloc(count, sizeof *live), lives = 0;
    struct hgt_ids ids = {0};
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < count; i++) {
        struct hgt_op *op = &ops[i];
        op->thread = (uint32_t)rng_below(&rng, threads);
        op->kind = (enum hgt_kind)rng_below(&rng, HGT_KINDS);
        bool gives = op->kind == HGT_FREE || op->kind == HGT_REALLOC;
        if (gives && lives == 0) {
            op->kind = HGT_MALLOC;
            gives = false;
        }
        if (op->kind != HGT_FREE)
            op->size = rng_next(&rng) >> (17 + rng_below(&rng, 47));
        if (op->kind == HGT_ALIGNED)
            op->align = UINT64_C(1) << rng_below(&rng, 31);
        uint32_t pick = gives ? (uint32_t)rng_below(&rng, lives) : 0;
        if (gives)
            op->id = live[pick];
        assert_int_equal(hgt_ids_apply(&ids, op), 0);
        if (op->kind == HGT_FREE)
            live[pick] = live[--lives];
        else if (!gives)
            live[lives++] = op->id;
    }
    hgt_ids_free(&ids);
    free(live);
    return ops;
}

static const char meta[] = "program /bin/true\ncommand true --yes\n";

static struct file written(const struct hgt_op *ops, size_t count, const char *more)
{
    struct hgt_writer w;
    int fd = memfd_create("hgt", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(hgt_write_open(&w, fd, meta, sizeof meta - 1), 0);
    for (size_t i = 0; i < count; i++) {
        struct hgt_op op = ops[i];
        assert_int_equal(hgt_write_op(&w, &op), 0);
        assert_memory_equal(&op, &ops[i], sizeof op);
    }
    if (more)
        assert_int_equal(hgt_write_meta(&w, more, strlen(more)), 0);
    assert_int_equal(hgt_write_end(&w), 0);
    hgt_write_close(&w);
    return file_of(fd);
}

/* Reads all; each operation must be the expected one. Returns the error, with how many were read. */
static int readable(const uint8_t *data, size_t bytes, bool partial, const struct hgt_op *ops, size_t count,
                    size_t *read, struct message *m)
{
    struct hgt_reader r;
    struct hgt_op op;
    *read = 0;
    int got = hgt_open_memory(&r, "t.hgt", data, bytes, partial, m);
    if (got)
        return got;
    while ((got = hgt_next(&r, &op, m)) == 1) {
        if (ops) {
            assert_true(*read < count);
            assert_memory_equal(&op, &ops[*read], sizeof op);
        }
        ++*read;
    }
    hgt_close(&r);
    return got;
}

static void test_round_trip(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        uint32_t threads;
    } cases[] = {{0, 1}, {1, 1}, {3000, 1}, {200000, 1}, {200000, 7}, {5000, HGT_THREADS_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hgt_op *ops = history(i, cases[i].count, cases[i].threads);
        struct file f = written(ops, cases[i].count, NULL);
        struct message m;
        size_t read;
        assert_int_equal(readable(f.data, f.bytes, false, ops, cases[i].count, &read, &m), 0);
        assert_int_equal(read, cases[i].count);
        free(ops);
        free(f.data);
    }
}

static struct hgt_op event_of(enum hgt_event event, uint32_t thread)
{
    return (struct hgt_op){.event = event, .thread = thread, .kind = HGT_KINDS};
}

/* Threads in generations, more in all than there are numbers; what is read is what was written, and a reader
 * that wants the calls alone gets them. */
static void test_lives(void **state)
{
    (void)state;
    enum { LIVES = 70000, WIDTH = 3, GAP = 5 };
    struct hgt_writer w;
    struct hgt_reader r;
    struct hgt_op op;
    struct message m;
    int fd = memfd_create("hgt", MFD_CLOEXEC);
    assert_int_equal(hgt_write_open(&w, fd, "", 0), 0);
    for (uint32_t i = 0; i < LIVES; i++) {
        uint32_t t = 1 + i % WIDTH;
        if (i >= WIDTH) {
            op = event_of(HGT_END, t);
            assert_int_equal(hgt_write_op(&w, &op), 0);
            op = (struct hgt_op){.kind = HGT_FREE, .id = t, .thread = t};
            assert_int_equal(hgt_write_op(&w, &op), -ESRCH); /* changes nothing */
        }
        op = event_of(HGT_BIRTH, t);
        assert_int_equal(hgt_write_op(&w, &op), 0);
        assert_int_equal(hgt_write_op(&w, &op), -EEXIST);
        op = (struct hgt_op){.kind = HGT_MALLOC, .size = i, .thread = t};
        assert_int_equal(hgt_write_op(&w, &op), 0);
        op = event_of(HGT_GAP, 0);
        op.size = i;
        if (i % GAP == 0)
            assert_int_equal(hgt_write_op(&w, &op), 0);
    }
    op.size = HGT_GAP_MAX + 1;
    assert_int_equal(hgt_write_op(&w, &op), -EINVAL);
    assert_int_equal(hgt_write_end(&w), 0);
    hgt_write_close(&w);
    struct file f = file_of(fd);
    assert_int_equal(f.data[8], 2);
    uint64_t seen[4] = {0};
    assert_int_equal(hgt_open_memory(&r, "t.hgt", f.data, f.bytes, false, &m), 0);
    while (hgt_next_event(&r, &op, &m) == 1) {
        if (op.event == HGT_GAP)
            assert_int_equal(op.size, seen[HGT_CALL] - 1);
        else if (op.event != HGT_END)
            assert_int_equal(op.thread, 1 + seen[op.event] % WIDTH);
        seen[op.event]++;
    }
    assert_string_equal(r.damage.text, "");
    assert_int_equal(seen[HGT_CALL], LIVES);
    assert_int_equal(seen[HGT_BIRTH], LIVES);
    assert_int_equal(seen[HGT_END], LIVES - WIDTH);
    assert_int_equal(seen[HGT_GAP], LIVES / GAP);
    assert_int_equal(r.threads.total, LIVES);
    assert_int_equal(r.threads.most_alive, WIDTH);
    assert_int_equal(r.threads.ended, LIVES - WIDTH);
    assert_int_equal(r.ids.ops, LIVES);
    hgt_close(&r);
    assert_int_equal(hgt_open_memory(&r, "t.hgt", f.data, f.bytes, false, &m), 0);
    for (uint32_t i = 0; i < LIVES; i++) {
        assert_int_equal(hgt_next(&r, &op, &m), 1);
        assert_int_equal(op.size, i);
    }
    assert_int_equal(hgt_next(&r, &op, &m), 0);
    hgt_close(&r);
    free(f.data);
}

/* The header says what is in the file; where it cannot be written again, it says what might be. */
static void test_versions(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        bool lives = i & 1, piped = i / 2 == 1, appended = i / 2 == 2;
        struct hgt_writer w;
        struct hgt_op op = event_of(HGT_BIRTH, 4);
        int ends[2] = {memfd_create("hgt", MFD_CLOEXEC), -1};
        uint8_t header[HGT_HEADER_BYTES];
        if (piped) {
            close(ends[0]);
            assert_int_equal(pipe(ends), 0);
        }
        int fd = piped ? ends[1] : ends[0];
        assert_int_equal(appended ? fcntl(fd, F_SETFL, O_APPEND) : 0, 0);
        assert_int_equal(hgt_write_open(&w, fd, "", 0), 0);
        assert_int_equal(lives ? hgt_write_op(&w, &op) : 0, 0);
        assert_int_equal(hgt_write_end(&w), 0);
        hgt_write_close(&w);
        assert_int_equal(piped ? read(ends[0], header, sizeof header) : pread(fd, header, sizeof header, 0),
                         sizeof header);
        assert_int_equal(header[8], piped || appended || lives ? 2 : 1);
        close(ends[0]);
        if (piped)
            close(ends[1]);
    }
}

static void test_description(void **state)
{
    (void)state;
    struct hgt_op *ops = history(1, 10, 1), op;
    struct file f = written(ops, 10, "dropped 5\n");
    struct hgt_reader r;
    struct message m;
    char value[64];
    assert_int_equal(hgt_open_memory(&r, "t.hgt", f.data, f.bytes, false, &m), 0);
    assert_true(hgt_meta(&r, "command", value, sizeof value));
    assert_string_equal(value, "true --yes");
    assert_false(hgt_meta(&r, "dropped", value, sizeof value));
    assert_false(hgt_meta(&r, "comm", value, sizeof value));
    while (hgt_next(&r, &op, &m) == 1)
        ;
    assert_true(hgt_meta(&r, "dropped", value, sizeof value));
    assert_string_equal(value, "5");
    hgt_close(&r);
    free(ops);
    free(f.data);
}

/* The rule that lets ids stay out of the file: the one freed last is taken first. */
static void test_ids(void **state)
{
    (void)state;
    struct hgt_ids ids = {0};
    struct hgt_op op;
    for (uint32_t i = 0; i < 3; i++) {
        op = (struct hgt_op){.kind = HGT_MALLOC, .size = 10 + i, .thread = i};
        assert_int_equal(hgt_ids_apply(&ids, &op), 0);
        assert_int_equal(op.id, i);
    }
    op = (struct hgt_op){.kind = HGT_FREE, .id = 0};
    assert_int_equal(hgt_ids_apply(&ids, &op), 0);
    op = (struct hgt_op){.kind = HGT_FREE, .id = 2, .thread = 1};
    assert_int_equal(hgt_ids_apply(&ids, &op), 0);
    assert_int_equal(op.size_then, 12);
    assert_int_equal(op.owner, 2);
    assert_int_equal(hgt_ids_apply(&ids, &op), -ENOENT);
    op = (struct hgt_op){.kind = HGT_REALLOC, .id = 3};
    assert_int_equal(hgt_ids_apply(&ids, &op), -ENOENT);
    static const uint32_t expected[] = {2, 0, 3};
    for (size_t i = 0; i < 3; i++) {
        op = (struct hgt_op){.kind = HGT_CALLOC, .size = 1};
        assert_int_equal(hgt_ids_apply(&ids, &op), 0);
        assert_int_equal(op.id, expected[i]);
    }
    assert_int_equal(ids.peak_live_bytes, 33);
    assert_int_equal(ids.peak_op, 3);
    assert_int_equal(ids.peak_live_blocks, 4);
    hgt_ids_free(&ids);
}

static void test_writer_refuses(void **state)
{
    (void)state;
    struct hgt_op bad[] = {{.kind = HGT_MALLOC, .size = HGT_SIZE_MAX + 1},
                           {.kind = HGT_MALLOC, .thread = HGT_THREADS_MAX},
                           {.kind = HGT_ALIGNED, .align = 0},
                           {.kind = HGT_ALIGNED, .align = 24},
                           {.kind = HGT_ALIGNED, .align = HGT_ALIGN_MAX * 2}};
    struct hgt_writer w;
    int fd = memfd_create("hgt", MFD_CLOEXEC);
    assert_int_equal(hgt_write_open(&w, fd, "", 0), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(hgt_write_op(&w, &bad[i]), -EINVAL);
    struct hgt_op gone = {.kind = HGT_FREE, .id = 0};
    assert_int_equal(hgt_write_op(&w, &gone), -ENOENT);
    hgt_write_close(&w);
    close(fd);
}

static void test_every_byte(void **state)
{
    (void)state;
    size_t count = 300, read;
    struct hgt_op *ops = history(4, count, 3);
    struct file f = written(ops, count, "failed 2\n");
    struct message m;
    for (size_t at = 0; at < f.bytes; at++)
        for (unsigned bit = 0; bit < 8; bit += 3) {
            f.data[at] ^= (uint8_t)(1u << bit);
            m.text[0] = '\0';
            assert_int_equal(readable(f.data, f.bytes, false, ops, count, &read, &m), -EBADMSG);
            assert_non_null(strstr(m.text, "t.hgt: at byte "));
            readable(f.data, f.bytes, true, ops, count, &read, &m);
            f.data[at] ^= (uint8_t)(1u << bit);
        }
    free(ops);
    free(f.data);
}

/* Every length near both ends, and some between. */
static size_t next_length(size_t bytes, size_t all)
{
    if (bytes < 150 || all - bytes < 70)
        return bytes + 1;
    return bytes + 40009 < all - 70 ? bytes + 40009 : all - 69;
}

static void test_every_length(void **state)
{
    (void)state;
    size_t count = 90000, read, most = 0;
    struct hgt_op *ops = history(5, count, 2);
    struct file f = written(ops, count, NULL);
    struct message m;
    for (size_t bytes = 0; bytes < f.bytes; bytes = next_length(bytes, f.bytes)) {
        /* A copy of that length, so that a read beyond it is seen by the sanitizer. */
        uint8_t *cut = malloc(bytes ? bytes : 1);
        memcpy(cut, f.data, bytes);
        assert_int_equal(readable(cut, bytes, false, ops, count, &read, &m), -EBADMSG);
        readable(cut, bytes, true, ops, count, &read, &m);
        most = read > most ? read : most;
        free(cut);
    }
    assert_int_equal(most, count); /* only the end was missing */
    free(ops);
    free(f.data);
}

/* ---- forgeries: right checksums, wrong contents ---- */

static void put32(uint8_t *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, 4);
}

static size_t forge_chunk(uint8_t *out, uint32_t type, const void *stored, uint32_t stored_bytes,
                          uint32_t raw_bytes, uint32_t ops, uint64_t first, uint32_t flags)
{
    first = htole64(first);
    put32(out + HGT_AT_TYPE, type);
    put32(out + HGT_AT_STORED, stored_bytes);
    put32(out + HGT_AT_RAW, raw_bytes);
    put32(out + HGT_AT_OPS, ops);
    memcpy(out + HGT_AT_FIRST, &first, 8);
    put32(out + HGT_AT_FLAGS, flags);
    memcpy(out + HGT_CHUNK_HEADER, stored, stored_bytes);
    put32(out + HGT_AT_CRC, hgt_crc(hgt_crc(0, out, HGT_AT_CRC), stored, stored_bytes));
    return HGT_CHUNK_HEADER + stored_bytes;
}

static uint32_t forge_version = HGT_VERSION_CALLS;

static size_t forge_begin(uint8_t *out)
{
    memset(out, 0, HGT_HEADER_BYTES);
    memcpy(out, HGT_MAGIC, 8);
    put32(out + 8, forge_version);
    return HGT_HEADER_BYTES + forge_chunk(out + HGT_HEADER_BYTES, HGT_TYPE_META, "", 0, 0, 0, 0, 0);
}

static int forged(const uint8_t *code, uint32_t bytes, uint32_t ops, struct message *m)
{
    static uint8_t file[HGT_CHUNK_MAX];
    size_t n = forge_begin(file), read;
    n += forge_chunk(file + n, HGT_TYPE_OPS, code, bytes, bytes, ops, 0, 0);
    uint8_t *copy = malloc(n);
    memcpy(copy, file, n);
    int err = readable(copy, n, false, NULL, 0, &read, m);
    free(copy);
    return err;
}

static void test_forged_operations(void **state)
{
    (void)state;
    struct message m;
    static const struct {
        uint8_t code[16];
        uint32_t bytes, ops;
        const char *word;
    } cases[] = {
        {{HGT_FREE}, 1, 1, "not live"},
        {{HGT_MALLOC, HGT_FREE, HGT_FREE}, 3, 3, "operation 3"},
        {{HGT_FREE | 1 << 3}, 1, 1, "not one"},        /* id -1 */
        {{HGT_CODE_LIFE}, 1, 1, "not one"},            /* of version 2 */
        {{HGT_CODE_GAP | 1 << 3}, 1, 1, "not one"},    /* of version 2 */
        {{HGT_CODE_THREAD | 1 << 3}, 1, 1, "not one"}, /* a thread, and no operation */
        {{HGT_CODE_THREAD | 1 << 3, HGT_CODE_THREAD}, 2, 1, "not one"},
        {{HGT_CODE_THREAD | 31 << 3, 0xff, 0xff, 0x7f, 0}, 5, 1, "not one"}, /* thread number too high */
        {{HGT_MALLOC | 31 << 3, 0xff, 0xff}, 3, 1, "not one"},               /* a number that does not end */
        {{HGT_MALLOC | 31 << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
         11,
         1,
         "not one"},
        {{HGT_MALLOC | 31 << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02},
         11,
         1,
         "not one"},
        {{HGT_MALLOC | 31 << 3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01},
         9,
         1,
         "not one"},                                      /* size 2^49 */
        {{HGT_ALIGNED | 31 << 3, 0, 1}, 3, 1, "not one"}, /* alignment 2^31 */
        {{HGT_MALLOC, HGT_MALLOC}, 2, 1, "more bytes than operations"},
        {{HGT_MALLOC}, 1, 2, "not one"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        m.text[0] = '\0';
        assert_int_equal(forged(cases[i].code, cases[i].bytes, cases[i].ops, &m), -EBADMSG);
        if (!strstr(m.text, cases[i].word))
            fail_msg("case %zu: '%s' does not say '%s'", i, m.text, cases[i].word);
    }
}

/* Births and ends that cannot have been. */
static void test_forged_lives(void **state)
{
    (void)state;
    enum { BIRTH = HGT_CODE_LIFE, END = HGT_CODE_LIFE | 1 << 3, T1 = HGT_CODE_THREAD | 1 << 3 };
    struct message m;
    static const struct {
        uint8_t code[16];
        uint32_t bytes, ops;
        const char *word;
    } cases[] = {
        {{BIRTH, END, BIRTH, HGT_MALLOC}, 4, 4, "cut off"}, /* right, but for the end of the file */
        {{BIRTH, BIRTH}, 2, 2, "operation 2, in the chunk here, is the birth of thread 0, which is alive"},
        {{HGT_MALLOC, BIRTH}, 2, 2, "the birth of thread 0, which is alive"},
        {{END}, 1, 1, "operation 1, in the chunk here, is of thread 0, which is not alive"},
        {{T1, BIRTH, END, END}, 4, 3, "is of thread 1, which is not alive"},
        {{T1, BIRTH, END, HGT_MALLOC},
         4,
         3,
         "operation 3, in the chunk here, is of thread 1, which has ended"},
        {{HGT_CODE_LIFE | 2 << 3}, 1, 1, "not one"},
        {{T1, HGT_CODE_LIFE | 31 << 3, 0}, 3, 1, "not one"},
        {{HGT_CODE_GAP | 31 << 3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x21}, 7, 1, "not one"}, /* above 2^40 */
        {{HGT_CODE_GAP | 31 << 3, 0x80, 0x80, 0x80}, 4, 1, "not one"},
        {{T1, HGT_CODE_GAP | 31 << 3, 0}, 3, 1, "cut off"},
    };
    forge_version = HGT_VERSION;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        m.text[0] = '\0';
        assert_int_equal(forged(cases[i].code, cases[i].bytes, cases[i].ops, &m), -EBADMSG);
        if (!strstr(m.text, cases[i].word))
            fail_msg("case %zu: '%s' does not say '%s'", i, m.text, cases[i].word);
    }
    forge_version = HGT_VERSION_CALLS;
}

static void test_forged_noise(void **state)
{
    (void)state;
    struct rng rng;
    struct message m;
    rng_seed(&rng, 99);
    for (unsigned round = 0; round < 6000; round++) {
        uint8_t code[64];
        forge_version = 1 + round % 2;
        for (size_t i = 0; i < sizeof code; i++)
            code[i] = (uint8_t)(rng_next(&rng) & (round & 1 ? 0xff : 0x1f));
        /* No end chunk follows: it can only be an error. */
        assert_int_equal(forged(code, sizeof code, 1 + (uint32_t)rng_below(&rng, 64), &m), -EBADMSG);
    }
}

static void test_bombs(void **state)
{
    (void)state;
    enum { MUCH = 64 << 20 };
    static uint8_t file[1 << 20], packed[1 << 19];
    uint8_t *zeros = calloc(1, MUCH);
    size_t stored = ZSTD_compress(packed, sizeof packed, zeros, MUCH, 3), read;
    struct message m;
    free(zeros);
    assert_false(ZSTD_isError(stored));
    uint64_t before = atomic_load(&os_harness.peak_bytes);
    static const uint32_t said[] = {16, HGT_CHUNK_MAX, HGT_CHUNK_MAX + 1, MUCH, UINT32_MAX};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        size_t n = forge_begin(file);
        n += forge_chunk(file + n, HGT_TYPE_OPS, packed, (uint32_t)stored, said[i], 1, 0, HGT_ZSTD);
        assert_int_equal(readable(file, n, false, NULL, 0, &read, &m), -EBADMSG);
    }
    /* A description that goes on and on. */
    size_t n = forge_begin(file);
    static char line[HGT_META_MAX / 2 + 1];
    memset(line, 'x', sizeof line);
    for (unsigned i = 0; i < 2; i++)
        n += forge_chunk(file + n, HGT_TYPE_META, line, sizeof line, sizeof line, 0, 0, 0);
    assert_int_equal(readable(file, n, false, NULL, 0, &read, &m), -EBADMSG);
    assert_non_null(strstr(m.text, "too long"));
    assert_true(atomic_load(&os_harness.peak_bytes) < before + (8 << 20));
}

/* Chunks that are each right, and together are not. */
static void test_forged_chunks(void **state)
{
    (void)state;
    static uint8_t file[4096];
    uint8_t two[2] = {HGT_MALLOC, HGT_MALLOC}, packed[64];
    struct message m;
    size_t read, n = forge_begin(file);
    n += forge_chunk(file + n, HGT_TYPE_OPS, two, 2, 2, 2, 0, 0);
    size_t second = n;
    n += forge_chunk(file + n, HGT_TYPE_OPS, two, 2, 2, 2, 3, 0); /* a chunk is missing before it */
    assert_int_equal(readable(file, n, false, NULL, 0, &read, &m), -EBADMSG);
    assert_int_equal(read, 2);
    assert_non_null(strstr(m.text, "begins at operation 3, but 2 came before"));
    size_t stored = ZSTD_compress(packed, sizeof packed, two, 2, 1);
    n = second + forge_chunk(file + second, HGT_TYPE_OPS, packed, (uint32_t)stored, 3, 2, 2, HGT_ZSTD);
    assert_int_equal(readable(file, n, false, NULL, 0, &read, &m), -EBADMSG);
    assert_non_null(strstr(m.text, "does not unpack to the 3 bytes"));
    uint64_t end[4] = {htole64(2), htole64(1), htole64(2), 0};
    n = second + forge_chunk(file + second, HGT_TYPE_END, end, 32, 32, 0, 2, 0);
    assert_int_equal(readable(file, n, false, NULL, 0, &read, &m), 0);
    assert_int_equal(readable(file, n + 1, false, NULL, 0, &read, &m), -EBADMSG);
    assert_non_null(strstr(m.text, "bytes follow the end"));
    for (unsigned i = 0; i < 4; i++) {
        end[i] ^= htole64(8);
        n = second + forge_chunk(file + second, HGT_TYPE_END, end, 32, 32, 0, 2, 0);
        assert_int_equal(readable(file, n, false, NULL, 0, &read, &m), -EBADMSG);
        assert_non_null(strstr(m.text, "the totals here"));
        end[i] ^= htole64(8);
    }
}

static void test_foreign(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t bytes;
        const char *word;
    } cases[] = {
        {"", 0, "at byte 0: empty"},
        {"a 0 16\n", 7, "at byte 0: not an .hgt"},
        {"\x7f"
         "ELF............................",
         32, "at byte 0: not an .hgt"},
        {HGT_MAGIC "\x03\0\0\0\0\0\0\0", 16, "at byte 8: version 3"},
        {HGT_MAGIC "\x00\0\0\0\0\0\0\0", 16, "at byte 8: version 0"},
        {HGT_MAGIC "\x01\0\0\0\x01\0\0\0", 16, "at byte 12"},
        {HGT_MAGIC "\x01\0\0\0\0\0\0\0", 16, "at byte 16"},
    };
    struct message m;
    size_t read;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(readable((const uint8_t *)cases[i].data, cases[i].bytes, false, NULL, 0, &read, &m),
                         -EBADMSG);
        if (!strstr(m.text, cases[i].word))
            fail_msg("case %zu: '%s' does not say '%s'", i, m.text, cases[i].word);
        /* Not even a part of it is a trace. */
        assert_int_equal(readable((const uint8_t *)cases[i].data, cases[i].bytes, true, NULL, 0, &read, &m),
                         -EBADMSG);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    struct hgt_op *ops = history(6, 20000, 1);
    struct file f = written(ops, 20000, NULL);
    struct message m;
    size_t read;
    int err = -ENOMEM;
    unsigned failed = 0;
    uint64_t before = atomic_load(&os_harness.mapped_bytes);
    for (uint64_t n = 1; err; n++, failed++) {
        os_fail_maps_after(n);
        err = readable(f.data, f.bytes, false, ops, 20000, &read, &m);
        os_fail_maps_after(0);
        assert_true(err == 0 || err == -ENOMEM);
        assert_int_equal(atomic_load(&os_harness.mapped_bytes), before);
    }
    assert_true(failed >= 4);
    free(ops);
    free(f.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_description),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_writer_refuses),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_forged_operations),
        cmocka_unit_test(test_forged_lives),
        cmocka_unit_test(test_forged_noise),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_forged_chunks),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
