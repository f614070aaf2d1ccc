/* alloc.h: the backend contract. Shape: PEP 445's PyMemAllocatorEx {ctx, malloc, calloc, realloc, free}, with
 * what a benchmark needs beside it: lifecycle, statistics, a walk over the heap.
 *
 * The caller holds a struct alloc and calls a->malloc(a->ctx, n): one indirect call with one target, as
 * CPython itself does it. Rules for every backend:
 *  - blocks are aligned to 16 bytes; size 0 gives a distinct non-NULL block; a size over PTRDIFF_MAX gives
 *    NULL;
 *  - a failed malloc, calloc or realloc returns NULL with errno ENOMEM and leaves the old block as it was;
 *  - free(NULL) does nothing; realloc(NULL, n) is malloc(n); realloc(p, 0) is a distinct non-NULL block, as
 * CPython's;
 *  - the backend's own memory comes from os.h, never from the C library's malloc, unless that is its purpose.
 * Locking: a backend whose flags have ALLOC_THREADS may be called by any number of threads at once, and any
 * thread may free any block. The others are for one thread, or a GIL, or locked(). */
#ifndef HG_ALLOC_ALLOC_H
#define HG_ALLOC_ALLOC_H

#include "alloc/base/message.h"
#include "alloc/base/param.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALLOC_MIN_ALIGN 16

enum {
    ALLOC_THREADS = 1 << 0,      /* safe with several threads */
    ALLOC_ALIASES = 1 << 1,      /* blocks overlap: contents mean nothing (the null floor) */
    ALLOC_NO_REUSE = 1 << 2,     /* never uses freed memory again (the bump floor) */
    ALLOC_WRAPPER = 1 << 3,      /* takes another backend: name(inner) */
    ALLOC_LIBRARY = 1 << 4,      /* name:LIBRARY, put before the program by LD_PRELOAD */
    ALLOC_LOCKS = 1 << 5,        /* a wrapper that makes its inner backend safe with threads */
    ALLOC_GUARDS = 1 << 6,       /* a wrapper that owns the bytes around a block: not for ALIASES, LIBRARY */
    ALLOC_CALLS_MALLOC = 1 << 7, /* by that name, from code not ours: cannot itself be malloc */
    ALLOC_MAPS = 1 << 8,         /* all its memory comes from os.h: nothing from malloc */
};

struct backend;

struct alloc {
    void *ctx;
    void *(*malloc)(void *ctx, size_t size);
    void *(*calloc)(void *ctx, size_t count, size_t size);
    void *(*realloc)(void *ctx, void *p, size_t size);
    void (*free)(void *ctx, void *p);
    /* Not on the hot path. aligned: align is a power of two; the block is freed by free. usable: bytes that
     * may be written, at least what was asked. */
    void *(*aligned)(void *ctx, size_t align, size_t size);
    size_t (*usable)(void *ctx, const void *p);
    const struct backend *backend;
};

/* What a backend reports of itself; a field it does not know stays ALLOC_UNKNOWN. */
#define ALLOC_UNKNOWN UINT64_MAX
struct alloc_stats {
    uint64_t mapped_bytes; /* held from the OS now, bookkeeping included */
    uint64_t active_bytes; /* in pages or pools that hold at least one live block: A(t) of the method */
    uint64_t live_usable_bytes;
    uint64_t largest_free_bytes, total_free_bytes; /* for contiguity */
};

/* What a program is told that asks its malloc (mallinfo2). Blocks in the caches of threads count as used. */
struct alloc_usage {
    uint64_t mapped_bytes, used_bytes;
    uint64_t huge_bytes, huge_count; /* of these, blocks with a mapping of their own */
};

/* Figures under dotted keys, written to the sample as they are ("heap.arenas_current" 27): see report()
 * below. */
struct alloc_sink {
    void *arg;
    void (*integer)(void *arg, const char *key, uint64_t value);
    void (*text)(void *arg, const char *key, const char *value); /* may be NULL: texts are left out then */
};

/* One piece of the heap, for the walk: an arena, a pool or page in it, or a block in that. */
enum alloc_piece_kind { ALLOC_ARENA, ALLOC_POOL, ALLOC_BLOCK };
struct alloc_piece {
    enum alloc_piece_kind kind;
    const void *address;
    size_t bytes;            /* of the piece; for a block its class size */
    size_t block_bytes;      /* of a pool: its class size, 0 when it has none now */
    uint32_t used, capacity; /* pool: live blocks and room; block: used is 0 or 1 */
    uint32_t lost_bytes;     /* arena: lost to alignment; pool: header and tail */
};

/* Around a fork() in a program whose other threads may be inside the backend: PREPARE takes every lock, so
 * that the child gets a heap that nobody was changing; the other two give them back. */
enum alloc_fork { ALLOC_FORK_PREPARE, ALLOC_FORK_PARENT, ALLOC_FORK_CHILD };

struct backend {
    const char *name; /* as users write it */
    unsigned flags;   /* ALLOC_... */
    const struct param *params;
    const char *summary;
    /* Builds the backend: fills a (ctx and the calls; a->backend is set by the caller). params is the struct
     * made from the table; inner is the wrapped backend or NULL. 0, or -errno with a message. -ENOTSUP means
     * "cannot run on this machine" and becomes status not-applicable. */
    int (*open)(struct alloc *a, const void *params, const struct alloc *inner, struct message *m);
    /* Gives everything back. No thread may use it any more. */
    void (*close)(struct alloc *a);
    /* Optional (may be NULL), at quiescence unless the backend documents otherwise: */
    void (*stats)(void *ctx, struct alloc_stats *out);
    /* At any moment, with other threads in calls; one whose stats can be asked for at any moment, or under the
     * lock that it needs, has none. */
    void (*usage)(void *ctx, struct alloc_usage *out);
    /* Gives memory that is free to the OS, whenever it is called; false when there was none. */
    bool (*trim)(void *ctx);
    void (*report)(void *ctx, const struct alloc_sink *sink); /* the heap{} of a sample */
    int (*walk)(void *ctx, int (*visit)(void *arg, const struct alloc_piece *piece), void *arg, bool blocks);
    /* A second heap of an open one, for blocks that a walk is to find alone, as CPython's mimalloc keeps
     * containers apart: walk of the second visits each of its live blocks and nothing else, also while
     * threads end. stats, report and walk of the first include both. Closed by close, before the first. 0, or
     * -errno with a message. */
    int (*second)(struct alloc *a, const struct alloc *first, struct message *m);
    /* Not needed by a backend that registers with pthread_atfork() itself, or has no lock. */
    void (*fork)(void *ctx, enum alloc_fork phase);
    /* Looks for damage in the whole heap (guards, lists, counters): 0, or -EUCLEAN with a message. */
    int (*verify)(void *ctx, struct message *m);
};

/* Opens the stack of backends that a spec names ("locked(pymalloc:layout=3.9)"), wrappers outside. */
struct spec;
struct alloc_stack {
    struct alloc layer[8]; /* layer[0] is the outermost: the one to call */
    unsigned depth;
};
int alloc_open(struct alloc_stack *stack, const struct spec *spec, struct message *m);
void alloc_close(struct alloc_stack *stack);
/* Outermost first to prepare (that is the order in which a call takes their locks), innermost first after. */
void alloc_fork(struct alloc_stack *stack, enum alloc_fork phase);
/* usage, or what stats know. */
void alloc_usage(const struct alloc *a, struct alloc_usage *out);
bool alloc_trim(const struct alloc *a);
int alloc_verify(struct alloc_stack *stack, struct message *m);

#endif
