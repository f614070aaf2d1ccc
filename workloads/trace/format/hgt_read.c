/* hgt_read.c: reads an .hgt, trusting nothing in it. See hgt.h and docs/trace-format.md.
 *
 * A chunk's checksum is proved before its contents are looked at, so accidental damage ends at a chunk's
 * border; what a forger can write with a right checksum is bounded by the limits of hgt.h, and checked
 * operation by operation. */
#define ZSTD_STATIC_LINKING_ONLY /* for a decompressor in memory of ours */
#include "hgt.h"

#include "alloc/base/os.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

#define BAD(r, m, offset, ...) hgt_bad(r, m, (uint64_t)(offset), __VA_ARGS__)

__attribute__((format(printf, 4, 5))) static int hgt_bad(struct hgt_reader *r, struct message *m,
                                                         uint64_t offset, const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    r->ended = true;
    message_set(&r->damage, 0, "%s: at byte %llu: %s", r->name, (unsigned long long)offset, what);
    return message_set(m, -EBADMSG, "%s", r->damage.text);
}

/* The chunk at `at`: its bytes [from, to), in place or read beside those before `from`. NULL when the file does
 * not give them. */
static const uint8_t *chunk_bytes(struct hgt_reader *r, size_t at, size_t from, size_t to)
{
    if (r->data)
        return r->data + at;
    while (from < to) {
        ssize_t n = pread(r->fd, r->packed + from, to - from, (off_t)(at + from));
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return NULL;
        from += n > 0 ? (size_t)n : 0;
    }
    return r->packed;
}

/* Reads the header of the chunk at next_offset, proves its checksum and unpacks it into raw. 1; 0 when the
 * file ends here; -errno. */
static int chunk_load(struct hgt_reader *r, uint32_t *type, struct message *m)
{
    size_t at = r->chunk_offset = r->next_offset;
    size_t left = r->bytes - at;
    if (left == 0)
        return 0;
    if (left < HGT_CHUNK_HEADER)
        return BAD(r, m, at, "cut off: %zu bytes where a chunk's header of %u should be", left,
                   HGT_CHUNK_HEADER);
    const uint8_t *h = chunk_bytes(r, at, 0, HGT_CHUNK_HEADER);
    if (!h)
        return BAD(r, m, at, "cannot be read");
    uint32_t stored = get32(h + HGT_AT_STORED), raw = get32(h + HGT_AT_RAW), flags = get32(h + HGT_AT_FLAGS);
    *type = get32(h + HGT_AT_TYPE);
    if (*type != HGT_TYPE_META && *type != HGT_TYPE_OPS && *type != HGT_TYPE_END)
        return BAD(r, m, at, "not a chunk");
    if (stored > HGT_CHUNK_MAX || raw > HGT_CHUNK_MAX || (flags & ~HGT_ZSTD) || (!flags && stored != raw))
        return BAD(r, m, at, "a chunk's header is out of bounds");
    if (stored > left - HGT_CHUNK_HEADER)
        return BAD(r, m, at, "cut off: the chunk here has %u bytes and %zu are left", stored,
                   left - HGT_CHUNK_HEADER);
    if (!chunk_bytes(r, at, HGT_CHUNK_HEADER, HGT_CHUNK_HEADER + stored))
        return BAD(r, m, at, "cannot be read");
    if (hgt_crc(hgt_crc(0, h, HGT_AT_CRC), h + HGT_CHUNK_HEADER, stored) != get32(h + HGT_AT_CRC))
        return BAD(r, m, at, "the chunk here is damaged: its checksum does not fit");
    if (get64(h + HGT_AT_FIRST) != r->ops)
        return BAD(r, m, at, "the chunk here begins at operation %llu, but %llu came before it",
                   (unsigned long long)get64(h + HGT_AT_FIRST), (unsigned long long)r->ops);
    if (flags & HGT_ZSTD) {
        size_t got = ZSTD_decompressDCtx(r->zstd, r->raw, HGT_CHUNK_MAX, h + HGT_CHUNK_HEADER, stored);
        if (ZSTD_isError(got) || got != raw)
            return BAD(r, m, at, "the chunk here does not unpack to the %u bytes that it names", raw);
    } else {
        memcpy(r->raw, h + HGT_CHUNK_HEADER, raw);
    }
    r->raw_bytes = raw;
    r->at = 0;
    r->chunk_ops = get32(h + HGT_AT_OPS);
    r->thread = 0;
    r->last_id = 0;
    r->next_offset = at + HGT_CHUNK_HEADER + stored;
    return 1;
}

/* Appends the chunk in raw, a description, to what is known. */
static int meta_add(struct hgt_reader *r, struct message *m)
{
    if (r->chunk_ops || r->raw_bytes + r->meta_bytes > HGT_META_MAX)
        return BAD(r, m, r->chunk_offset, "the description here is too long");
    if (!r->meta)
        r->meta = os_map(&os_harness, HGT_META_MAX + 1, 0, 0);
    if (!r->meta)
        return message_set(m, -ENOMEM, "%s: no memory to read it", r->name);
    memcpy(r->meta + r->meta_bytes, r->raw, r->raw_bytes);
    r->meta_bytes += r->raw_bytes;
    r->at = r->raw_bytes;
    return 0;
}

/* From the first chunk on: tables and states are those of nothing read. */
static int read_begin(struct hgt_reader *r, struct message *m)
{
    uint32_t type = 0;
    r->next_offset = HGT_HEADER_BYTES;
    r->at = r->raw_bytes = r->meta_bytes = 0;
    int got = chunk_load(r, &type, m);
    if (got < 0)
        return got;
    if (got == 0 || type != HGT_TYPE_META)
        return BAD(r, m, HGT_HEADER_BYTES, "the description that must come first is not here");
    return meta_add(r, m);
}

static int open_checked(struct hgt_reader *r, struct message *m)
{
    const uint8_t *h = r->bytes < HGT_HEADER_BYTES ? NULL : chunk_bytes(r, 0, 0, HGT_HEADER_BYTES);
    if (!h || memcmp(h, HGT_MAGIC, 8) != 0)
        return BAD(r, m, 0, r->bytes == 0 ? "empty: not an .hgt trace" : "not an .hgt trace");
    r->version = get32(h + 8);
    if (r->version < HGT_VERSION_CALLS || r->version > HGT_VERSION)
        return BAD(r, m, 8, "version %u of the format; this program reads versions %u to %u", r->version,
                   HGT_VERSION_CALLS, HGT_VERSION);
    if (get32(h + 12) != 0)
        return BAD(r, m, 12, "four bytes that must be 0 are not");
    r->zstd_bytes = ZSTD_estimateDCtxSize();
    void *memory = os_map(&os_harness, r->zstd_bytes, 0, 0);
    r->raw = os_map(&os_harness, HGT_CHUNK_MAX, 0, OS_RESERVE);
    if (memory) {
        r->zstd = ZSTD_initStaticDCtx(memory, r->zstd_bytes);
        if (!r->zstd)
            os_unmap(&os_harness, memory, r->zstd_bytes);
    }
    if (!r->raw || !r->zstd || hgt_threads_open(&r->threads) != 0)
        return message_set(m, -ENOMEM, "%s: no memory to read it", r->name);
    return read_begin(r, m);
}

static int open_any(struct hgt_reader *r, struct message *m)
{
    int err = open_checked(r, m);
    if (err)
        hgt_close(r);
    return err;
}

int hgt_open_memory(struct hgt_reader *r, const char *name, const void *data, size_t bytes, bool partial,
                    struct message *m)
{
    *r = (struct hgt_reader){.name = name, .data = data, .bytes = bytes, .partial = partial, .fd = -1};
    return open_any(r, m);
}

int hgt_open(struct hgt_reader *r, const char *path, bool partial, struct message *m)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return message_set(m, -errno, "cannot read %s: %s", path, strerror(errno));
    int err = fstat(fd, &st) != 0 ? -errno : 0;
    if (err || !S_ISREG(st.st_mode)) {
        close(fd);
        return message_set(m, err ? err : -EINVAL, "cannot read %s: %s", path,
                           err ? strerror(-err) : "not a file");
    }
    *r = (struct hgt_reader){.name = path, .bytes = (size_t)st.st_size, .partial = partial, .fd = fd};
    r->packed = os_map(&os_harness, HGT_PACKED_BYTES, 0, OS_RESERVE);
    if (r->packed)
        return open_any(r, m);
    hgt_close(r);
    return message_set(m, -ENOMEM, "%s: no memory to read it", path);
}

int hgt_rewind(struct hgt_reader *r, struct message *m)
{
    struct hgt_ids *ids = &r->ids;
    *ids = (struct hgt_ids){.block = ids->block, .capacity = ids->capacity};
    hgt_threads_clear(&r->threads);
    r->ops = 0;
    r->chunk_ops = 0;
    r->ended = false;
    return read_begin(r, m);
}

int hgt_reserve(struct hgt_reader *r, uint32_t ids)
{
    os_populate(&os_harness, r->raw, HGT_CHUNK_MAX);
    if (r->packed)
        os_populate(&os_harness, r->packed, HGT_PACKED_BYTES);
    return hgt_ids_reserve(&r->ids, ids);
}

void hgt_close(struct hgt_reader *r)
{
    if (r->zstd)
        os_unmap(&os_harness, r->zstd, r->zstd_bytes);
    if (r->raw)
        os_unmap(&os_harness, r->raw, HGT_CHUNK_MAX);
    if (r->packed)
        os_unmap(&os_harness, r->packed, HGT_PACKED_BYTES);
    if (r->meta)
        os_unmap(&os_harness, r->meta, HGT_META_MAX + 1);
    if (r->fd >= 0)
        close(r->fd);
    hgt_ids_free(&r->ids);
    hgt_threads_close(&r->threads);
    r->zstd = r->raw = r->packed = NULL;
    r->meta = NULL;
    r->fd = -1;
    r->ended = true;
}

static bool get_varint(struct hgt_reader *r, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && r->at < r->raw_bytes; shift += 7) {
        uint8_t byte = r->raw[r->at++];
        if (shift == 63 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool get_code(struct hgt_reader *r, unsigned *code, uint64_t *number)
{
    if (r->at >= r->raw_bytes)
        return false;
    uint8_t byte = r->raw[r->at++];
    *code = byte & 7;
    *number = byte >> 3;
    if (*number < HGT_CODE_INLINE)
        return true;
    return get_varint(r, number) && !__builtin_add_overflow(*number, HGT_CODE_INLINE, number);
}

/* The id that a zigzag distance names; false when it is none. */
static bool get_id(const struct hgt_reader *r, uint64_t number, uint32_t *id)
{
    int64_t d = (int64_t)(number >> 1) ^ -(int64_t)(number & 1), sum;
    if (__builtin_add_overflow(d, (int64_t)r->last_id, &sum) || sum < 0 || sum > (int64_t)HGT_IDS_MAX)
        return false;
    *id = (uint32_t)sum;
    return true;
}

/* One operation out of the chunk's contents. The place of a fault inside a chunk is reported by operation
 * number, for the file's own offset is that of packed bytes. */
static bool op_decode(struct hgt_reader *r, struct hgt_op *op)
{
    unsigned code;
    uint64_t number;
    if (!get_code(r, &code, &number))
        return false;
    if (code == HGT_CODE_THREAD) {
        if (number >= HGT_THREADS_MAX)
            return false;
        r->thread = (uint32_t)number;
        if (!get_code(r, &code, &number))
            return false;
    }
    *op = (struct hgt_op){.kind = (enum hgt_kind)code, .thread = r->thread};
    switch (code) {
    case HGT_MALLOC:
    case HGT_CALLOC:
        op->size = number;
        break;
    case HGT_ALIGNED:
        if (number > (unsigned)__builtin_ctzll(HGT_ALIGN_MAX) || !get_varint(r, &op->size))
            return false;
        op->align = UINT64_C(1) << number;
        break;
    case HGT_REALLOC:
        if (!get_id(r, number, &op->id) || !get_varint(r, &op->size))
            return false;
        break;
    case HGT_FREE:
        if (!get_id(r, number, &op->id))
            return false;
        break;
    case HGT_CODE_LIFE:
        if (r->version < HGT_VERSION || number > 1)
            return false;
        op->kind = HGT_KINDS;
        op->event = number ? HGT_END : HGT_BIRTH;
        break;
    case HGT_CODE_GAP:
        if (r->version < HGT_VERSION || number > HGT_GAP_MAX)
            return false;
        op->kind = HGT_KINDS;
        op->event = HGT_GAP;
        op->size = number;
        break;
    default:
        return false;
    }
    return op->size <= HGT_SIZE_MAX;
}

/* The totals must be what was read. */
static int end_check(struct hgt_reader *r, struct message *m)
{
    if (r->raw_bytes != HGT_END_BYTES || r->chunk_ops)
        return BAD(r, m, r->chunk_offset, "the end here is not one");
    if (get64(r->raw) != r->ops || get64(r->raw + 8) != r->threads.count ||
        get64(r->raw + 16) != r->ids.count || get64(r->raw + 24) != r->ids.peak_live_bytes)
        return BAD(r, m, r->chunk_offset, "the totals here are not those of the operations before");
    if (r->next_offset != r->bytes)
        return BAD(r, m, r->next_offset, "bytes follow the end");
    r->ended = true;
    return 0;
}

static int next_strict(struct hgt_reader *r, struct hgt_op *op, struct message *m)
{
    while (r->chunk_ops == 0) {
        uint32_t type = 0;
        if (r->at != r->raw_bytes)
            return BAD(r, m, r->chunk_offset, "the chunk here has more bytes than operations");
        int got = chunk_load(r, &type, m);
        if (got < 0)
            return got;
        if (got == 0)
            return BAD(r, m, r->bytes, "cut off: the file ends here, and the trace does not");
        if (type == HGT_TYPE_END)
            return end_check(r, m);
        if (type == HGT_TYPE_META && (got = meta_add(r, m)) != 0)
            return got;
    }
    if (!op_decode(r, op))
        return BAD(r, m, r->chunk_offset, "operation %llu, in the chunk here, is not one",
                   (unsigned long long)r->ops + 1);
    int err = hgt_threads_apply(&r->threads, op);
    if (err == -EEXIST)
        return BAD(r, m, r->chunk_offset,
                   "operation %llu, in the chunk here, is the birth of thread %u, which is alive",
                   (unsigned long long)r->ops + 1, op->thread);
    if (err)
        return BAD(r, m, r->chunk_offset, "operation %llu, in the chunk here, is of thread %u, which %s",
                   (unsigned long long)r->ops + 1, op->thread,
                   op->event == HGT_END ? "is not alive" : "has ended");
    if (op->event == HGT_CALL) {
        err = hgt_ids_apply(&r->ids, op);
        r->last_id = op->id;
    }
    if (err == -ENOENT)
        return BAD(r, m, r->chunk_offset, "operation %llu, in the chunk here, is on a block that is not live",
                   (unsigned long long)r->ops + 1);
    if (err)
        return message_set(m, err, "%s: no memory for a table of its live blocks", r->name);
    r->ops++;
    r->chunk_ops--;
    return 1;
}

int hgt_next_event(struct hgt_reader *r, struct hgt_op *op, struct message *m)
{
    if (r->ended)
        return 0;
    int got = next_strict(r, op, m);
    return got == -EBADMSG && r->partial ? 0 : got;
}

int hgt_next(struct hgt_reader *r, struct hgt_op *op, struct message *m)
{
    int got;
    while ((got = hgt_next_event(r, op, m)) == 1 && op->event != HGT_CALL)
        ;
    return got;
}

bool hgt_meta(const struct hgt_reader *r, const char *key, char *out, size_t size)
{
    size_t n = strlen(key);
    for (const char *line = r->meta; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, key, n) != 0 || line[n] != ' ')
            continue;
        snprintf(out, size, "%.*s", (int)strcspn(line + n + 1, "\n"), line + n + 1);
        return true;
    }
    return false;
}
