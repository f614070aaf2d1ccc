/* hgt_write.c: writes an .hgt, chunk by chunk. See hgt.h and docs/trace-format.md. */
#include "hgt.h"

#include "alloc/base/os.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define CHUNK_RAW   (256u << 10) /* a chunk is closed at about so many bytes of operations */
#define ZSTD_LEVEL  3
#define PACKED_ROOM ZSTD_COMPRESSBOUND(CHUNK_RAW + HGT_OP_MAX_BYTES)

static void put32(uint8_t *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof value);
}

static void put64(uint8_t *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof value);
}

static int write_all(struct hgt_writer *w, const void *data, size_t bytes)
{
    const char *at = data;
    while (bytes > 0) {
        ssize_t n = write(w->fd, at, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        at += n;
        bytes -= (size_t)n;
        w->written += (uint64_t)n;
    }
    return 0;
}

static int write_chunk(struct hgt_writer *w, uint32_t type, const void *raw, size_t raw_bytes, uint32_t ops)
{
    uint8_t header[HGT_CHUNK_HEADER] = {0};
    size_t stored = ZSTD_compressCCtx(w->zstd, w->packed, PACKED_ROOM, raw, raw_bytes, ZSTD_LEVEL);
    bool packed = !ZSTD_isError(stored) && stored < raw_bytes;
    const void *payload = packed ? w->packed : raw;
    if (!packed)
        stored = raw_bytes;
    put32(header + HGT_AT_TYPE, type);
    put32(header + HGT_AT_STORED, (uint32_t)stored);
    put32(header + HGT_AT_RAW, (uint32_t)raw_bytes);
    put32(header + HGT_AT_OPS, ops);
    put64(header + HGT_AT_FIRST, w->ops);
    put32(header + HGT_AT_FLAGS, packed ? HGT_ZSTD : 0);
    put32(header + HGT_AT_CRC, hgt_crc(hgt_crc(0, header, HGT_AT_CRC), payload, stored));
    int err = write_all(w, header, sizeof header);
    return err ? err : write_all(w, payload, stored);
}

static int write_ops(struct hgt_writer *w)
{
    int err = w->chunk_ops ? write_chunk(w, HGT_TYPE_OPS, w->raw, w->raw_bytes, w->chunk_ops) : 0;
    w->ops += w->chunk_ops;
    w->chunk_ops = 0;
    w->raw_bytes = 0;
    w->thread = 0;
    w->last_id = 0;
    return err;
}

/* Where the next byte goes, when it can be written again afterwards; else -1. */
static int64_t write_start(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || (flags & O_APPEND) ? -1 : (int64_t)lseek(fd, 0, SEEK_CUR);
}

int hgt_write_open(struct hgt_writer *w, int fd, const char *meta, size_t meta_bytes)
{
    uint8_t header[HGT_HEADER_BYTES] = {0};
    *w = (struct hgt_writer){.fd = fd, .start = write_start(fd), .version_needed = HGT_VERSION_CALLS};
    w->version = w->start < 0 ? HGT_VERSION : HGT_VERSION_CALLS;
    if (meta_bytes > HGT_META_MAX)
        return -E2BIG;
    w->zstd = ZSTD_createCCtx();
    w->raw = os_map(&os_harness, CHUNK_RAW + HGT_OP_MAX_BYTES, 0, 0);
    w->packed = os_map(&os_harness, PACKED_ROOM, 0, 0);
    if (!w->zstd || !w->raw || !w->packed || hgt_threads_open(&w->threads) != 0)
        return -ENOMEM;
    memcpy(header, HGT_MAGIC, 8);
    put32(header + 8, w->version);
    int err = write_all(w, header, sizeof header);
    return err ? err : write_chunk(w, HGT_TYPE_META, meta, meta_bytes, 0);
}

static void put_varint(struct hgt_writer *w, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        w->raw[w->raw_bytes++] = (uint8_t)(value | 128);
    w->raw[w->raw_bytes++] = (uint8_t)value;
}

/* The code byte with a number: inline when it is small. */
static void put_code(struct hgt_writer *w, unsigned code, uint64_t number)
{
    if (number < HGT_CODE_INLINE) {
        w->raw[w->raw_bytes++] = (uint8_t)(code | number << 3);
        return;
    }
    w->raw[w->raw_bytes++] = (uint8_t)(code | HGT_CODE_INLINE << 3);
    put_varint(w, number - HGT_CODE_INLINE);
}

/* Small for ids near the last one, on either side. */
static uint64_t zigzag(uint32_t id, uint32_t last)
{
    int64_t d = (int64_t)id - (int64_t)last;
    return ((uint64_t)d << 1) ^ (d < 0 ? UINT64_MAX : 0);
}

static int op_done(struct hgt_writer *w)
{
    w->chunk_ops++;
    return w->raw_bytes >= CHUNK_RAW ? write_ops(w) : 0;
}

int hgt_write_op(struct hgt_writer *w, struct hgt_op *op)
{
    bool is_call = op->event == HGT_CALL, aligned = is_call && op->kind == HGT_ALIGNED;
    if (op->size > (op->event == HGT_GAP ? HGT_GAP_MAX : HGT_SIZE_MAX) || op->thread >= HGT_THREADS_MAX ||
        (aligned && (op->align == 0 || op->align > HGT_ALIGN_MAX || (op->align & (op->align - 1)))))
        return -EINVAL;
    int err = hgt_threads_apply(&w->threads, op);
    if (!err && is_call)
        err = hgt_ids_apply(&w->ids, op);
    if (err)
        return err;
    if (w->thread != op->thread && op->event != HGT_GAP) {
        w->thread = op->thread;
        put_code(w, HGT_CODE_THREAD, op->thread);
    }
    if (!is_call) {
        if (op->event == HGT_GAP)
            put_code(w, HGT_CODE_GAP, op->size);
        else
            put_code(w, HGT_CODE_LIFE, op->event == HGT_END);
        w->version_needed = HGT_VERSION;
        return op_done(w);
    }
    switch (op->kind) {
    case HGT_MALLOC:
    case HGT_CALLOC:
        put_code(w, op->kind, op->size);
        break;
    case HGT_ALIGNED:
        put_code(w, op->kind, (uint64_t)__builtin_ctzll(op->align));
        put_varint(w, op->size);
        break;
    case HGT_REALLOC:
        put_code(w, op->kind, zigzag(op->id, w->last_id));
        put_varint(w, op->size);
        break;
    case HGT_FREE:
        put_code(w, op->kind, zigzag(op->id, w->last_id));
        break;
    case HGT_KINDS:
        return -EINVAL;
    }
    w->last_id = op->id;
    return op_done(w);
}

int hgt_write_meta(struct hgt_writer *w, const char *meta, size_t meta_bytes)
{
    int err = write_ops(w);
    return err ? err : write_chunk(w, HGT_TYPE_META, meta, meta_bytes, 0);
}

int hgt_write_end(struct hgt_writer *w)
{
    uint8_t end[HGT_END_BYTES];
    int err = write_ops(w);
    if (err)
        return err;
    put64(end, w->ops);
    put64(end + 8, w->threads.count);
    put64(end + 16, w->ids.count);
    put64(end + 24, w->ids.peak_live_bytes);
    err = write_chunk(w, HGT_TYPE_END, end, sizeof end, 0);
    if (err || w->version >= w->version_needed)
        return err;
    uint8_t version[4];
    put32(version, w->version_needed);
    ssize_t n = pwrite(w->fd, version, sizeof version, w->start + 8);
    return n < 0 ? -errno : n == sizeof version ? 0 : -EIO;
}

void hgt_write_close(struct hgt_writer *w)
{
    ZSTD_freeCCtx(w->zstd);
    if (w->raw)
        os_unmap(&os_harness, w->raw, CHUNK_RAW + HGT_OP_MAX_BYTES);
    if (w->packed)
        os_unmap(&os_harness, w->packed, PACKED_ROOM);
    hgt_ids_free(&w->ids);
    hgt_threads_close(&w->threads);
}
