/* checks.c: the checks, those of one thread. Each names what the contract (alloc/alloc.h) promises, does what
 * breaks it in allocators that are wrong, and reports the first thing it sees. Sizes and counts keep each under
 * a second on a sound allocator, and memory under 200 MiB also where nothing is ever used again (bump).
 *
 * tests/unit/broken.c holds an allocator that is wrong in one way for each. */
#include "checks.h"

/* Ours give 16 always. A library may follow the weaker reading of C (WG14 DR 445): a block need only suit
 * what fits. */
static size_t alignment_of(const struct check *c, size_t size)
{
    size_t align = ALLOC_MIN_ALIGN;
    while (c->flags & ALLOC_LIBRARY && align > 1 && align > size)
        align /= 2;
    return align;
}

/* Among many live blocks, half of them of a power of two at least as large as what they are aligned to: an
 * allocator may take it that such blocks are aligned in any of its pages (mimalloc 2.0.9 does, and they are
 * not). */
static bool check_alignment_live(struct check *c)
{
    enum { LIVE = 1000, OPS = 30000 };
    void **live = table(LIVE, sizeof *live);
    for (unsigned op = 0; op < OPS; op++) {
        void **at = &live[rng_below(&c->rng, LIVE)];
        size_t align = (size_t)1 << (5 + rng_below(&c->rng, 8));
        size_t size = rng_below(&c->rng, 2) ? align << rng_below(&c->rng, 3) : 1 + rng_below(&c->rng, 3000);
        put(c, *at);
        *at = c->a->aligned(c->a->ctx, align, size);
        if (!*at)
            return fails(c, "aligned(%zu, %zu) gave NULL", align, size);
        if ((uintptr_t)*at % align)
            return fails(c, "aligned(%zu, %zu) gave %p among %d live blocks", align, size, *at, LIVE);
    }
    for (unsigned i = 0; i < LIVE; i++)
        put(c, live[i]);
    return true;
}

static bool check_alignment(struct check *c)
{
    for (size_t size = 0; size < ((size_t)64 << 20); size += size < 2048 ? 1 : size / 3 + 7) {
        void *p[3] = {get(c, size), c->a->calloc(c->a->ctx, 1, size),
                      c->a->realloc(c->a->ctx, get(c, 8), size)};
        static const char *const name[] = {"malloc", "calloc", "realloc"};
        for (int i = 0; i < 3; i++) {
            if (!p[i])
                return fails(c, "%s of %zu bytes gave NULL", name[i], size);
            if ((uintptr_t)p[i] % alignment_of(c, size))
                return fails(c, "%s of %zu bytes gave %p, which is not aligned to %zu", name[i], size, p[i],
                             alignment_of(c, size));
            put(c, p[i]);
        }
        if (c->flags & ALLOC_NO_REUSE && size > ((size_t)4 << 20))
            break;
    }
    for (size_t align = 1; align <= (size_t)1 << 20; align *= 2)
        for (size_t size = 0; size < 100000; size = size * 5 + 1) {
            void *p = c->a->aligned(c->a->ctx, align, size);
            if (!p)
                return fails(c, "aligned(%zu, %zu) gave NULL", align, size);
            if ((uintptr_t)p % align)
                return fails(c, "aligned(%zu, %zu) gave %p", align, size, p);
            put(c, p);
        }
    return check_alignment_live(c);
}

static int by_address(const void *x, const void *y)
{
    const struct block *a = x, *b = y;
    return a->p < b->p ? -1 : a->p > b->p;
}

/* Blocks are never written here: what overlaps could otherwise break the allocator before it is seen. */
static bool check_overlap(struct check *c)
{
    enum { LIVE = 3000, ROUNDS = 8 };
    struct block *b = table(LIVE, sizeof *b), *sorted = table(LIVE, sizeof *sorted);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < LIVE; i++) {
            if (b[i].p && rng_below(&c->rng, 2))
                continue;
            put(c, b[i].p);
            size_t size = some_size(&c->rng);
            b[i] = (struct block){.size = size};
            b[i].p = rng_below(&c->rng, 32)
                         ? get(c, size)
                         : c->a->aligned(c->a->ctx, (size_t)1 << rng_below(&c->rng, 14), size);
            if (!b[i].p)
                return fails(c, "malloc(%zu) gave NULL", size);
        }
        memcpy(sorted, b, LIVE * sizeof *b);
        qsort(sorted, LIVE, sizeof *sorted, by_address);
        for (unsigned i = 1; i < LIVE; i++)
            if (sorted[i - 1].p + sorted[i - 1].size > sorted[i].p)
                return fails(c, "two live blocks overlap: %p of %zu bytes and %p of %zu",
                             (void *)sorted[i - 1].p, sorted[i - 1].size, (void *)sorted[i].p,
                             sorted[i].size);
    }
    for (unsigned i = 0; i < LIVE; i++)
        put(c, b[i].p);
    return true;
}

static bool check_contents(struct check *c)
{
    enum { LIVE = 2000, OPS = 30000 };
    struct block *b = table(LIVE, sizeof *b);
    for (unsigned op = 0; op < OPS; op++) {
        struct block *at = &b[rng_below(&c->rng, LIVE)];
        if (at->p && !is_intact(c, at, "while it was live"))
            return false;
        put(c, at->p);
        if (!new_block(c, at, some_size(&c->rng)))
            return false;
    }
    for (unsigned i = 0; i < LIVE; i++) {
        if (b[i].p && !is_intact(c, &b[i], "while it was live"))
            return false;
        put(c, b[i].p);
    }
    return true;
}

static bool check_calloc(struct check *c)
{
    enum { MANY = 200 };
    void *p[MANY];
    for (size_t size = 1; size < 600000; size += size < 600 ? 7 : size / 2) {
        unsigned many = size < 2000 ? MANY : 4;
        for (unsigned i = 0; i < many; i++)
            if ((p[i] = get(c, size)))
                memset(p[i], 0xff, size);
        for (unsigned i = 0; i < many; i++)
            put(c, p[i]);
        for (unsigned i = 0; i < many; i++) {
            unsigned char *q = p[i] =
                size % 2 ? c->a->calloc(c->a->ctx, size, 1) : c->a->calloc(c->a->ctx, 2, size / 2);
            if (!q)
                return fails(c, "calloc of %zu bytes gave NULL", size);
            for (size_t at = 0; at < size; at++)
                if (q[at])
                    return fails(c, "calloc of %zu bytes in memory used before: byte %zu is 0x%02x", size, at,
                                 q[at]);
            memset(q, 0xff, size);
        }
        for (unsigned i = 0; i < many; i++)
            put(c, p[i]);
    }
    return true;
}

static bool check_realloc(struct check *c)
{
    enum { CHAINS = 300, STEPS = 12 };
    for (unsigned chain = 0; chain < CHAINS; chain++) {
        struct block b, beside;
        if (!new_block(c, &b, some_size(&c->rng)) || !new_block(c, &beside, 100))
            return false;
        for (unsigned step = 0; step < STEPS; step++) {
            size_t size = some_size(&c->rng), kept = size < b.size ? size : b.size;
            unsigned char *p = c->a->realloc(c->a->ctx, b.p, size);
            if (!p)
                return fails(c, "realloc from %zu to %zu bytes gave NULL", b.size, size);
            if (!is_filled(p, b.fill, kept))
                return fails(c, "realloc from %zu to %zu bytes did not keep the first %zu", b.size, size,
                             kept);
            memset(p, b.fill, size);
            b.p = p;
            b.size = size;
        }
        if (!is_intact(c, &beside, "by the realloc of another"))
            return false;
        put(c, b.p);
        put(c, beside.p);
    }
    unsigned char *p = c->a->realloc(c->a->ctx, NULL, 40);
    if (!p)
        return fails(c, "realloc(NULL, 40) gave NULL");
    memset(p, 1, 40);
    put(c, p);
    return true;
}

static bool check_usable(struct check *c)
{
    enum { MANY = 4000 };
    struct block *b = table(MANY, sizeof *b);
    bool known = false;
    for (unsigned i = 0; i < MANY; i++) {
        size_t asked = some_size(&c->rng);
        b[i].p = i % 10 ? get(c, asked) : c->a->aligned(c->a->ctx, (size_t)16 << (i / 10 % 8), asked);
        if (!b[i].p)
            return fails(c, "malloc(%zu) gave NULL", asked);
        b[i].size = c->a->usable(c->a->ctx, b[i].p);
        if (!b[i].size && !known)
            return skips(c, "this allocator does not report a block's size");
        known = true;
        if (b[i].size < asked)
            return fails(c, "a block of %zu bytes is reported to have %zu usable", asked, b[i].size);
        b[i].fill = (unsigned char)(1 + i % 250);
        memset(b[i].p, b[i].fill, b[i].size);
    }
    for (unsigned i = 0; i < MANY; i++)
        if (!is_intact(c, &b[i], "by writing to all that is usable of others"))
            return false;
    for (unsigned i = 0; i < MANY;
         i += 2) { /* realloc keeps what was asked at least, and free is not misled */
        b[i].p = c->a->realloc(c->a->ctx, b[i].p, b[i].size + 1);
        if (!b[i].p || !is_filled(b[i].p, b[i].fill, b[i].size))
            return fails(c, "realloc to one byte more than usable (%zu) lost the contents", b[i].size);
    }
    for (unsigned i = 0; i < MANY; i++)
        put(c, b[i].p);
    if (c->a->usable(c->a->ctx, NULL) != 0)
        return fails(c, "usable(NULL) is not 0");
    return true;
}

/* errno was 0 before the call; the block of 100 bytes must still be there. */
static bool failed_well(struct check *c, const void *result, const struct block *kept, const char *call,
                        size_t size)
{
    if (result)
        return fails(c, "%s of %zu bytes gave a block", call, size);
    if (errno != ENOMEM)
        return fails(c, "%s of %zu bytes failed with errno %d (%s), not ENOMEM", call, size, errno,
                     errno ? strerror(errno) : "none");
    return is_intact(c, kept, "by a call that failed");
}

#define FAILS_WELL(call, name, size) (errno = 0, failed_well(c, (call), &kept, name, size))

static volatile size_t most = PTRDIFF_MAX; /* volatile: the compiler would warn of what is meant */

static bool check_errno(struct check *c)
{
    struct block kept;
    if (!new_block(c, &kept, 100))
        return false;
    size_t too_large = most + 1;
    if (!FAILS_WELL(c->a->malloc(c->a->ctx, too_large), "malloc", too_large) ||
        !FAILS_WELL(c->a->calloc(c->a->ctx, 1, too_large), "calloc", too_large) ||
        !FAILS_WELL(c->a->realloc(c->a->ctx, kept.p, too_large), "realloc", too_large) ||
        !FAILS_WELL(c->a->realloc(c->a->ctx, NULL, too_large), "realloc(NULL)", too_large) ||
        !FAILS_WELL(c->a->aligned(c->a->ctx, 64, too_large), "aligned", too_large))
        return false;
    for (unsigned i = 0; i < 64; i++) /* and goes on */
        put(c, get(c, i * 100));
    put(c, kept.p);
    return true;
}

static bool check_overflow(struct check *c)
{
    struct block kept;
    if (!new_block(c, &kept, 100))
        return false;
    size_t all = most * 2 + 1, half = (size_t)1 << (sizeof(size_t) * 4);
    for (size_t less = 0; less < 200; less++) { /* where a header or a rounding would wrap */
        size_t size = all - less;
        if (!FAILS_WELL(c->a->malloc(c->a->ctx, size), "malloc", size) ||
            !FAILS_WELL(c->a->realloc(c->a->ctx, kept.p, size), "realloc", size) ||
            !FAILS_WELL(c->a->aligned(c->a->ctx, 4096, size), "aligned(4096)", size))
            return false;
    }
    for (size_t n = 2; n < 2000; n = n * 3 + 1)
        if (!FAILS_WELL(c->a->calloc(c->a->ctx, all / n + 1, n), "calloc(huge, n)", n) ||
            !FAILS_WELL(c->a->calloc(c->a->ctx, n, all / n + 1), "calloc(n, huge)", n))
            return false;
    if (!FAILS_WELL(c->a->calloc(c->a->ctx, half, half), "calloc(n, n)", half) ||
        !FAILS_WELL(c->a->calloc(c->a->ctx, all, all), "calloc(n, n)", all))
        return false;
    put(c, kept.p);
    return true;
}

static bool check_zero(struct check *c)
{
    enum { MANY = 400 };
    struct block *b = table(MANY, sizeof *b);
    for (unsigned i = 0; i < MANY; i++) {
        const char *name = "malloc(0)";
        switch (i % 4) {
        case 0:
            b[i].p = get(c, 0);
            break;
        case 1:
            b[i].p = c->a->calloc(c->a->ctx, 0, 8);
            name = "calloc(0, 8)";
            break;
        case 2:
            b[i].p = c->a->calloc(c->a->ctx, 8, 0);
            name = "calloc(8, 0)";
            break;
        default:
            b[i].p = c->a->realloc(c->a->ctx, get(c, 50), 0);
            name = "realloc(p, 0)";
        }
        if (!b[i].p)
            return fails(c, "%s gave NULL", name);
    }
    qsort(b, MANY, sizeof *b, by_address);
    for (unsigned i = 1; i < MANY; i++)
        if (b[i].p == b[i - 1].p)
            return fails(c, "two live blocks of size 0 are at one address, %p", (void *)b[i].p);
    for (unsigned i = 0; i < MANY; i++)
        put(c, c->a->realloc(c->a->ctx, b[i].p, i % 2 ? 0 : 30));
    return true;
}

static bool check_null(struct check *c)
{
    for (unsigned i = 0; i < 100; i++)
        put(c, NULL);
    errno = 77;
    put(c, get(c, 100));
    put(c, get(c, (size_t)3 << 20));
    put(c, NULL);
    if (errno != 77)
        return fails(c, "free changed errno");
    return true;
}

static bool check_reuse(struct check *c)
{
    if (c->flags & ALLOC_NO_REUSE)
        return skips(c, "by design this allocator never uses memory again");
    enum { ROUNDS = 300, MANY = 512 };
    struct block *b = table(MANY, sizeof *b);
    size_t before = resident_bytes();
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < MANY; i++)
            if (!new_block(c, &b[i], 1000))
                return false;
        for (unsigned i = 0; i < MANY; i++)
            put(c, b[i].p);
    }
    return has_not_grown(c, before, "freeing and allocating 146 MiB in half a MiB");
}

const struct check_case check_cases[] = {
    {"alignment", "blocks are aligned to 16 bytes, or as asked", check_alignment, 0},
    {"overlap", "no two live blocks share a byte", check_overlap, 0},
    {"contents", "what is written stays", check_contents, 0},
    {"calloc", "memory used before comes zeroed", check_calloc, 0},
    {"realloc", "contents are kept, of the block and of others", check_realloc, 0},
    {"usable", "all that is reported to be usable is", check_usable, 0},
    {"errno", "what is too large fails with ENOMEM and changes nothing", check_errno, 0},
    {"overflow", "sizes that wrap around fail", check_overflow, 0},
    {"zero", "blocks of size 0 are distinct", check_zero, 0},
    {"null", "free(NULL) does nothing, free leaves errno alone", check_null, 0},
    {"reuse", "freed memory is used again", check_reuse, 0},
    {"remote-free", "a thread frees another's blocks", check_remote_free, 0},
    {"thread-exit", "blocks outlive their thread, its memory serves others", check_thread_exit, 0},
    {"threads", "several threads allocate and exchange blocks", check_threads, 0},
    {"fork", "the child of a fork can allocate and free", check_fork, 0},
    {"fork-handlers", "handlers of fork (pthread_atfork) can allocate and free", check_fork_handlers, 0},
    {"entry-points", "what each gives can be given back", check_entry_points, ALLOC_LIBRARY},
    {NULL, NULL, NULL, 0},
};
