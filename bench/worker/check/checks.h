/* checks.h: what the checks share: blocks with a pattern in them, how one fails or is skipped; and the checks
 * that take several threads or processes (threads.c), for the table of all (checks.c). */
#ifndef HG_BENCH_WORKER_CHECK_CHECKS_H
#define HG_BENCH_WORKER_CHECK_CHECKS_H

#include "check.h"

#include "alloc/base/os.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool check_remote_free(struct check *c);
bool check_thread_exit(struct check *c);
bool check_threads(struct check *c);
bool check_fork(struct check *c);
bool check_fork_handlers(struct check *c);
bool check_entry_points(struct check *c); /* entry.c */

struct block {
    unsigned char *p;
    size_t size;
    unsigned char fill;
};

__attribute__((format(printf, 2, 3))) static inline bool fails(struct check *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(c->reason, sizeof c->reason, format, args);
    va_end(args);
    return false;
}

static inline bool skips(struct check *c, const char *why)
{
    snprintf(c->reason, sizeof c->reason, "%s", why);
    c->skip = true;
    return true;
}

/* The harness's tables: never of the allocator that is looked at. */
static inline void *table(size_t count, size_t size)
{
    void *p = os_map(&os_harness, count * size, 0, 0);
    if (!p)
        abort();
    return p;
}

static inline void *get(struct check *c, size_t size)
{
    return c->a->malloc(c->a->ctx, size);
}

static inline void put(struct check *c, void *p)
{
    c->a->free(c->a->ctx, p);
}

/* Small sizes mostly, and now and then one of any magnitude up to 256 KiB. */
static inline size_t some_size(struct rng *r)
{
    uint64_t kind = rng_below(r, 16);
    if (kind == 0)
        return 1 + rng_below(r, (uint64_t)1 << (3 + rng_below(r, 16)));
    return 1 + rng_below(r, kind < 8 ? 128 : 1024);
}

static inline bool is_filled(const unsigned char *p, unsigned char fill, size_t n)
{
    return n == 0 || (p[0] == fill && memcmp(p, p + 1, n - 1) == 0);
}

/* NULL is a failure of every check, but those of failing. */
static inline bool new_block(struct check *c, struct block *b, size_t size)
{
    *b = (struct block){get(c, size), size, (unsigned char)(1 + rng_below(&c->rng, 254))};
    if (!b->p)
        return fails(c, "malloc(%zu) gave NULL: %s", size, strerror(errno));
    memset(b->p, b->fill, size);
    return true;
}

static inline bool is_intact(struct check *c, const struct block *b, const char *when)
{
    if (is_filled(b->p, b->fill, b->size))
        return true;
    size_t at = 0;
    while (b->p[at] == b->fill)
        at++;
    return fails(c, "a block of %zu bytes was changed %s: byte %zu is 0x%02x, not 0x%02x", b->size, when, at,
                 b->p[at], b->fill);
}

static inline size_t resident_bytes(void)
{
    unsigned long long total, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fscanf(f, "%llu %llu", &total, &resident) != 2)
            resident = 0;
        fclose(f);
    }
    return (size_t)resident * os_page_bytes();
}

/* Fails when more than 64 MiB came since before. */
static inline bool has_not_grown(struct check *c, size_t before, const char *what)
{
    size_t now = resident_bytes();
    if (now > before + ((size_t)64 << 20))
        return fails(c, "memory is not used again: %zu MiB more after %s", (now - before) >> 20, what);
    return true;
}

#endif
