/* hgt.h: the .hgt file: a program's calls to malloc and its kin, in an order that could have happened, with
 * each thread's own order kept. docs/trace-format.md has it byte by byte; hgt_read.c and hgt_write.c are the
 * only files that know it.
 *
 * A block has an id from its allocation to its free. Ids are not in the file for allocations: reader and
 * writer keep the same table (struct hgt_ids), in which a new block takes the id that was freed last, or else
 * the next new one. So an id is below the greatest number of blocks that were ever live at once, and a free
 * of a block that is not live cannot be distinguished from a damaged file.
 *
 * A thread is there from its birth to its end, and its number may then be another's; one that makes a call
 * without a birth was there from the beginning. A file with births, ends or gaps is of version 2.
 *
 * Nothing here calls malloc (a replaying worker's heap is what is measured), except zstd's compressor when
 * writing. A reader trusts nothing: every length is bounded before it is used, and a chunk is checked before
 * it is unpacked. */
#ifndef HG_WORKLOADS_TRACE_FORMAT_HGT_H
#define HG_WORKLOADS_TRACE_FORMAT_HGT_H

#include "alloc/base/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HGT_MAGIC         "\x89HGT\r\n\x1a\n" /* 8 bytes; broken by text-mode copies, as PNG's */
#define HGT_VERSION       2u                  /* the newest */
#define HGT_VERSION_CALLS 1u                  /* without births, ends and gaps */
#define HGT_HEADER_BYTES  16u
#define HGT_CHUNK_HEADER  32u
#define HGT_CHUNK_MAX     (1u << 20) /* bytes of a chunk's contents, unpacked or as stored */
#define HGT_PACKED_BYTES  (HGT_CHUNK_MAX + HGT_CHUNK_HEADER)
#define HGT_META_MAX      (64u << 10)
#define HGT_SIZE_MAX      (UINT64_C(1) << 47) /* of a block */
#define HGT_ALIGN_MAX     (UINT64_C(1) << 30)
#define HGT_THREADS_MAX   65536u
#define HGT_GAP_MAX       (UINT64_C(1) << 40) /* microseconds: twelve days */
#define HGT_IDS_MAX       (UINT32_MAX - 1)    /* blocks live at once */

enum hgt_kind { HGT_MALLOC, HGT_CALLOC, HGT_REALLOC, HGT_FREE, HGT_ALIGNED, HGT_KINDS };
extern const char *const hgt_kind_names[HGT_KINDS];

enum hgt_event {
    HGT_CALL,
    HGT_BIRTH, /* of op->thread: what it does, it does after this */
    HGT_END,   /* of op->thread: its number may be born again */
    HGT_GAP    /* no thread called anything for op->size microseconds */
};

struct hgt_op {
    enum hgt_kind kind; /* of a call */
    enum hgt_event event;
    uint32_t thread;
    uint32_t id;
    uint32_t owner;     /* the thread that allocated the block (realloc, free) */
    uint64_t size;      /* asked for; 0 for a free */
    uint64_t align;     /* of an aligned allocation, else 0 */
    uint64_t size_then; /* before a realloc or a free */
};

/* ---- the table of ids ---- */

struct hgt_block {
    uint64_t size; /* of a live block */
    uint32_t owner;
    uint32_t next; /* HGT_LIVE, or of a dead id the one that died before it (index + 1; 0 = none) */
};
#define HGT_LIVE UINT32_MAX

struct hgt_ids {
    struct hgt_block *block;
    uint32_t count, capacity; /* ids ever used; room */
    uint32_t dead;            /* the id that died last, + 1; 0 = none */
    uint64_t live_blocks, live_bytes, peak_live_bytes, peak_live_blocks;
    uint64_t peak_op; /* number of operations when the peak was reached */
    uint64_t ops;
};

/* Fills op->id, owner and size_then; checks that the id lives. 0, -ENOENT (not live), -ENOMEM, -EOVERFLOW. */
int hgt_ids_apply(struct hgt_ids *ids, struct hgt_op *op);
int hgt_ids_reserve(struct hgt_ids *ids, uint32_t count); /* 0 or -ENOMEM */
void hgt_ids_free(struct hgt_ids *ids);

/* ---- which threads there are ---- */

struct hgt_threads {
    uint8_t *state; /* [HGT_THREADS_MAX] */
    uint32_t count; /* highest number + 1 */
    uint32_t alive, most_alive;
    uint64_t total, ended; /* that ever were; that ended */
};

int hgt_threads_open(struct hgt_threads *t); /* 0 or -ENOMEM */
/* 0; -EEXIST: a birth of one that is alive; -ESRCH: the thread has ended, or never was. Nothing is changed
 * then. */
int hgt_threads_apply(struct hgt_threads *t, const struct hgt_op *op);
void hgt_threads_clear(struct hgt_threads *t); /* as just opened */
void hgt_threads_close(struct hgt_threads *t);

/* CRC-32C (Castagnoli), continued from crc; 0 begins. */
uint32_t hgt_crc(uint32_t crc, const void *data, size_t bytes);

/* ---- reading ---- */

struct hgt_reader {
    const char *name;    /* for messages; the caller's */
    const uint8_t *data; /* NULL: it is read from fd, a chunk at a time, into `packed` */
    int fd;
    uint8_t *packed; /* HGT_PACKED_BYTES */
    size_t bytes;
    bool partial; /* damage ends the trace instead of being an error; `damage` is then what it was */
    struct message damage;

    size_t chunk_offset; /* of the chunk being read, and of the next */
    size_t next_offset;
    uint8_t *raw; /* the chunk's contents, unpacked: HGT_CHUNK_MAX bytes */
    size_t at, raw_bytes;
    uint32_t chunk_ops;
    uint32_t thread, last_id; /* state of the operation code */
    bool ended;
    void *zstd; /* a ZSTD_DCtx in memory of ours */
    size_t zstd_bytes;
    char *meta; /* "key value\n" lines, ending with a NUL */
    size_t meta_bytes;

    uint32_t version;
    uint64_t ops; /* read, events included */
    struct hgt_threads threads;
    struct hgt_ids ids;
};

/* 0, or -errno with a message that names the file and the byte offset. Data must stay until hgt_close. */
int hgt_open_memory(struct hgt_reader *r, const char *name, const void *data, size_t bytes, bool partial,
                    struct message *m);
int hgt_open(struct hgt_reader *r, const char *path, bool partial, struct message *m);
/* The next operation, call or other event: 1, 0 at the end, or -errno with a message. */
int hgt_next_event(struct hgt_reader *r, struct hgt_op *op, struct message *m);
/* The next call: births, ends and gaps are checked and passed over. */
int hgt_next(struct hgt_reader *r, struct hgt_op *op, struct message *m);
/* Back to the first operation; what was mapped stays. 0 or -errno with a message. */
int hgt_rewind(struct hgt_reader *r, struct message *m);
/* Faults in what reading takes while at most so many ids are in use. 0 or -ENOMEM. */
int hgt_reserve(struct hgt_reader *r, uint32_t ids);
void hgt_close(struct hgt_reader *r);

/* Value of a key of META, copied with a NUL; false when it is not there (yet: more may come before the
 * end). */
bool hgt_meta(const struct hgt_reader *r, const char *key, char *out, size_t size);

/* Reads a trace through, and remembers the last one that was found good: a suite asks once for each cell. One
 * thread. */
int hgt_check(const char *path, struct message *m);

/* ---- writing ---- */

struct hgt_writer {
    int fd;
    void *zstd;
    uint8_t *raw, *packed;
    size_t raw_bytes;
    uint32_t chunk_ops;
    uint64_t ops;     /* in whole chunks */
    uint64_t written; /* bytes */
    uint32_t thread, last_id;
    uint32_t version; /* that the header says, and that it must say at the end */
    uint32_t version_needed;
    int64_t start; /* where the header is in fd; -1: it cannot be written again */
    struct hgt_threads threads;
    struct hgt_ids ids;
};

/* A file begins as version 1, and becomes version 2 at its end where it must be; one that cannot be gone back
 * in (a pipe) is of version 2 from the start.
 * meta: "key value\n" lines, at most HGT_META_MAX bytes. All of these: 0 or -errno. */
int hgt_write_open(struct hgt_writer *w, int fd, const char *meta, size_t meta_bytes);
/* op->kind, event, thread, size, align and, for realloc and free, id are given; the rest is filled. -EEXIST
 * and -ESRCH are of hgt_threads_apply, -ENOENT of hgt_ids_apply. */
int hgt_write_op(struct hgt_writer *w, struct hgt_op *op);
/* More lines of description, at this place: what is known only when the operations are. */
int hgt_write_meta(struct hgt_writer *w, const char *meta, size_t meta_bytes);
/* The last chunk and the end; does not close fd. */
int hgt_write_end(struct hgt_writer *w);
void hgt_write_close(struct hgt_writer *w);

/* Chunk types, and the place of fields in a chunk's header. */
#define HGT_TYPE_META 0x4154454du /* "META" */
#define HGT_TYPE_OPS  0x2053504fu /* "OPS " */
#define HGT_TYPE_END  0x20444e45u /* "END " */
#define HGT_ZSTD      1u
enum {
    HGT_AT_TYPE = 0,
    HGT_AT_STORED = 4,
    HGT_AT_RAW = 8,
    HGT_AT_OPS = 12,
    HGT_AT_FIRST = 16,
    HGT_AT_FLAGS = 24,
    HGT_AT_CRC = 28
};
#define HGT_END_BYTES    32u
#define HGT_CODE_THREAD  5u /* in place of a kind: the operations after it are of another thread */
#define HGT_CODE_LIFE    6u /* 0: the thread begins; 1: it ends */
#define HGT_CODE_GAP     7u
#define HGT_CODE_INLINE  31u /* numbers below it stand in the code byte */
#define HGT_OP_MAX_BYTES 32u

#endif
