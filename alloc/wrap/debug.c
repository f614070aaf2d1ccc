/* debug.c: debug(X): finds what a program does wrong with its blocks: writes before and behind them, frees
 * twice, uses after freeing, frees what was never allocated. The first finding is reported on standard error
 * with the block, its size and where it was allocated and freed; then the process is aborted.
 *
 * A block looks as under PYTHONMALLOC=debug (CPython's Objects/obmalloc.c, debug hooks), without the optional
 * serial number:
 *
 *     p-16      p-8  p-7        p             p+n         p+n+8
 *     | size     |'o'| 7 x 0xFD | n x 0xCD ... | 8 x 0xFD |
 *     big-endian
 *
 * and a freed one is 0xDD from p-16 to p+n+8. calloc's data is left zero. For a block aligned to more than 16
 * bytes the inner block begins `align` bytes before p, else 16.
 *
 * Beyond CPython:
 *  - what is known of a block stands outside the heap, in a table by address (ptrmap.h), so that
 *    damage to a header cannot mislead, and a foreign pointer is known without being read;
 *  - a freed block is kept in quarantine and given back to X only when newer ones push it out: until then a
 *    second free is certain to be found, and a write into it is found when it leaves (or at verify and
 *    close). A read is not found; it sees 0xDD. Bounds: the parameter `quarantine` in bytes,
 *    DEBUG_QUARANTINE_BLOCKS in blocks; a block larger than a quarter of the bytes goes straight back.
 *
 * Locking: one mutex guards table and quarantine; the inner allocator is called and memory is filled outside
 * it. A block is in the table from before malloc returns it until before X gets it back, so an address is
 * there at most once. */
#include "debug.h"

#include "alloc/tracer/callsite.h"
#include "alloc/base/assert.h"
#include "alloc/base/mutex.h"
#include "alloc/base/ptrmap.h"
#include "alloc/tracer/symbol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEBUG_PARAMS(P, S)                                                                          \
    P(S, BYTES, quarantine, "16M", "0-1G", "freed memory kept back and watched for use after free") \
    P(S, COUNT, frames, "8", "1-64", "frames of the call sites in a report")
PARAM_STRUCT(debug_params, DEBUG_PARAMS)

#define DEBUG_CLEAN     0xCD /* allocated, not yet written */
#define DEBUG_DEAD      0xDD /* freed */
#define DEBUG_FORBIDDEN 0xFD /* guards */
#define DEBUG_LETTER    'o'  /* the domain of objects */

#define DEBUG_HEAD              16
#define DEBUG_TAIL              8
#define DEBUG_ENDS              64 /* bytes poisoned at each end before a realloc */
#define DEBUG_QUARANTINE_BLOCKS 16384

struct debug_entry {
    uint64_t address; /* of the block, as the program knows it */
    size_t size;
    uint32_t site, freed_site;
    uint8_t lead_log2; /* the inner block begins 1 << lead_log2 bytes before address */
    bool freed;        /* and on its way to quarantine or to X */
    bool quarantined;  /* and filled with 0xDD */
};

struct debug {
    struct alloc inner;
    unsigned frames;
    size_t quarantine_bytes; /* the limit */

    struct mutex mutex;  /* guards what follows */
    struct ptrmap table; /* of struct debug_entry */
    uintptr_t *ring;     /* DEBUG_QUARANTINE_BLOCKS addresses, oldest at ring_head */
    unsigned ring_head, ring_count;
    size_t held_bytes; /* debug_bytes() of the blocks in the ring */
    struct os_account account;
};

static struct os_account debug_account; /* of the contexts themselves */

/* Let go before abort(): a handler of the program's for SIGABRT may allocate. */
static _Thread_local struct mutex *debug_unlock_to_die;

/* --- reporting ------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 1, 2))) static void debug_say(const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n > (int)sizeof line - 1)
        n = sizeof line - 1;
    for (int done = 0; done < n;) {
        ssize_t w = write(STDERR_FILENO, line + done, (size_t)(n - done));
        if (w <= 0)
            return;
        done += (int)w;
    }
}

static void debug_say_site(struct symbols *symbols, const char *what, uint32_t id)
{
    const struct callsite *site = callsite_get(id);
    if (!site) {
        debug_say("  %s: unknown\n", what);
        return;
    }
    debug_say("  %s:\n", what);
    for (unsigned i = 0; i < site->frames; i++) {
        struct symbol s = {.offset = (uintptr_t)site->frame[i]};
        if (symbols)
            symbols_find(symbols, site->frame[i], &s);
        debug_say("    #%u %s (%s+0x%zx)", i, s.function ? s.function : "?", s.object ? s.object : "?",
                  (size_t)s.offset);
        if (s.file)
            debug_say(" %s:%u", s.file, s.line);
        debug_say("\n");
    }
}

/* The block, then both sites, then abort. here is the site of the call that found it. */
static _Noreturn void debug_die(const struct debug_entry *entry, uint32_t here, const char *found_by)
{
    struct debug_entry copy = entry ? *entry : (struct debug_entry){0}, *e = entry ? &copy : NULL;
    if (debug_unlock_to_die)
        mutex_unlock(debug_unlock_to_die);
    struct symbols *symbols = symbols_of_self();
    debug_say_site(symbols, found_by, here);
    if (e) {
        debug_say_site(symbols, "allocated", e->site);
        if (e->freed_site)
            debug_say_site(symbols, "freed", e->freed_site);
    }
    abort();
}

static void debug_say_block(const struct debug_entry *e, const char *what)
{
    debug_say("heapgauge debug: %s: block %p of %zu bytes", what, (void *)e->address, e->size);
}

static void debug_fill_head(unsigned char *p, size_t size)
{
    for (unsigned i = 0; i < 8; i++)
        p[-DEBUG_HEAD + (int)i] = (unsigned char)((uint64_t)size >> (56 - 8 * i));
    p[-8] = DEBUG_LETTER;
    memset(p - 7, DEBUG_FORBIDDEN, 7);
}

static void debug_fill_guards(unsigned char *p, size_t size)
{
    debug_fill_head(p, size);
    memset(p + size, DEBUG_FORBIDDEN, DEBUG_TAIL);
}

/* Aborts when a live block's guards are damaged. */
static void debug_check_guards(const struct debug_entry *e, uint32_t here, const char *found_by)
{
    const unsigned char *p = (const unsigned char *)e->address;
    unsigned char head[DEBUG_HEAD];
    debug_fill_head(head + DEBUG_HEAD, e->size);
    for (int i = 1; i <= DEBUG_HEAD; i++)
        if (p[-i] != head[DEBUG_HEAD - i]) {
            debug_say_block(e, "underrun");
            debug_say(" was written before its start: the byte at -%d is 0x%02x, not 0x%02x\n", i, p[-i],
                      head[DEBUG_HEAD - i]);
            debug_die(e, here, found_by);
        }
    for (unsigned i = 0; i < DEBUG_TAIL; i++)
        if (p[e->size + i] != DEBUG_FORBIDDEN) {
            debug_say_block(e, "overrun");
            debug_say(" was written behind its end: the byte at +%zu is 0x%02x, not 0x%02x\n", e->size + i,
                      p[e->size + i], DEBUG_FORBIDDEN);
            debug_die(e, here, found_by);
        }
}

/* Aborts when a freed block, still in quarantine, was written to. */
static void debug_check_dead(const struct debug_entry *e, uint32_t here, const char *found_by)
{
    const unsigned char *from = (const unsigned char *)e->address - DEBUG_HEAD;
    size_t bytes = DEBUG_HEAD + e->size + DEBUG_TAIL;
    if (from[0] == DEBUG_DEAD && memcmp(from, from + 1, bytes - 1) == 0)
        return;
    size_t at = 0;
    while (from[at] == DEBUG_DEAD)
        at++;
    debug_say_block(e, "use after free");
    debug_say(" was written after it was freed: the byte at %+td is 0x%02x, not 0x%02x\n",
              (ptrdiff_t)at - DEBUG_HEAD, from[at], DEBUG_DEAD);
    debug_die(e, here, found_by);
}

/* --- the table and the quarantine ----------------------------------------------------------------------- */

static size_t debug_lead(const struct debug_entry *e)
{
    return (size_t)1 << e->lead_log2;
}

/* Of X's: what keeping the block in quarantine costs. */
static size_t debug_bytes(const struct debug_entry *e)
{
    return debug_lead(e) + e->size + DEBUG_TAIL;
}

/* The block that has p in it or in its guards; NULL when none has. Looks at every one: the process is to
 * end. */
static const struct debug_entry *debug_around(const struct ptrmap *t, uintptr_t p)
{
    size_t i = 0;
    const struct debug_entry *e;
    while ((e = ptrmap_next(t, &i)) != NULL)
        if (p - (e->address - DEBUG_HEAD) < DEBUG_HEAD + e->size + DEBUG_TAIL)
            return e;
    return NULL;
}

/* With the mutex held: the entry of a live block; else lets go and aborts: it is not ours, or freed
 * already. */
static struct debug_entry *debug_find_live(struct debug *d, void *p, uint32_t here, const char *verb)
{
    struct debug_entry *e = ptrmap_find(&d->table, (uintptr_t)p);
    if (e && !e->freed)
        return e;
    const struct debug_entry *named = e ? e : debug_around(&d->table, (uintptr_t)p);
    struct debug_entry copy = named ? *named : (struct debug_entry){0};
    mutex_unlock(&d->mutex);
    if (e && verb[0] == 'f') {
        debug_say_block(&copy, "double free");
        debug_say(" is freed a second time\n");
    } else if (e) {
        debug_say_block(&copy, "use after free");
        debug_say(" is given to %s after it was freed\n", verb);
    } else if (named) {
        debug_say("heapgauge debug: foreign %s: %p is no block: it lies at %+td in block %p of %zu bytes\n",
                  verb, p, (ptrdiff_t)((uintptr_t)p - copy.address), (void *)copy.address, copy.size);
    } else {
        debug_say(
            "heapgauge debug: foreign %s: %p is no block of this allocator, or one that was freed long ago\n",
            verb, p);
    }
    debug_die(named ? &copy : NULL, here, "found by this call");
}

/* debug_is_valid() with the mutex held. */
static bool debug_adds_up(const struct debug *d)
{
    size_t quarantined = 0, bytes = 0, i = 0;
    const struct debug_entry *e;
    if (!ptrmap_is_valid(&d->table) || d->ring_count > DEBUG_QUARANTINE_BLOCKS)
        return false;
    while ((e = ptrmap_next(&d->table, &i)) != NULL) {
        if (e->quarantined && !e->freed)
            return false;
        quarantined += e->quarantined;
    }
    for (unsigned n = 0; n < d->ring_count; n++) {
        e = ptrmap_find(&d->table, d->ring[(d->ring_head + n) % DEBUG_QUARANTINE_BLOCKS]);
        if (!e || !e->quarantined)
            return false;
        bytes += debug_bytes(e);
    }
    return quarantined == d->ring_count && bytes == d->held_bytes;
}

bool debug_is_valid(const struct alloc *a)
{
    return debug_adds_up(a->ctx);
}

/* Gives the oldest block back to X when the quarantine holds too much. false when it does not. */
static bool debug_evict(struct debug *d, size_t limit_bytes, unsigned limit_blocks, uint32_t here)
{
    mutex_lock(&d->mutex);
    if (d->held_bytes <= limit_bytes && d->ring_count <= limit_blocks) {
        mutex_unlock(&d->mutex);
        return false;
    }
    struct debug_entry *e = ptrmap_find(&d->table, d->ring[d->ring_head]), copy = *e;
    d->ring_head = (d->ring_head + 1) % DEBUG_QUARANTINE_BLOCKS;
    d->ring_count--;
    d->held_bytes -= debug_bytes(&copy);
    ptrmap_remove(&d->table, e, false);
    mutex_unlock(&d->mutex);
    debug_check_dead(&copy, here, "found when it left quarantine, during this call");
    d->inner.free(d->inner.ctx, (char *)copy.address - debug_lead(&copy));
    return true;
}

/* Enters a block that X has just given; NULL, and the block given back, when the table cannot grow. */
static void *debug_enter(struct debug *d, unsigned char *raw, size_t lead, size_t size, uint32_t site)
{
    if (!raw)
        return NULL;
    unsigned char *p = raw + lead;
    struct debug_entry e = {
        .address = (uintptr_t)p, .size = size, .site = site, .lead_log2 = (uint8_t)__builtin_ctzll(lead)};
    debug_fill_guards(p, size);
    mutex_lock(&d->mutex);
    struct debug_entry *entered = ptrmap_add(&d->table, e.address);
    if (entered)
        *entered = e;
    mutex_unlock(&d->mutex);
    if (!entered) {
        d->inner.free(d->inner.ctx, raw);
        errno = ENOMEM;
        return NULL;
    }
    return p;
}

/* --- the calls ------------------------------------------------------------------------------------------ */

#define DEBUG_SIZE_MAX ((size_t)PTRDIFF_MAX - DEBUG_HEAD - DEBUG_TAIL)

static void *debug_allocate(struct debug *d, size_t align, size_t size, uint32_t site)
{
    size_t lead = align > DEBUG_HEAD ? align : DEBUG_HEAD;
    if (size > DEBUG_SIZE_MAX - lead) {
        errno = ENOMEM;
        return NULL;
    }
    size_t bytes = lead + size + DEBUG_TAIL;
    unsigned char *raw = lead == DEBUG_HEAD ? d->inner.malloc(d->inner.ctx, bytes)
                                            : d->inner.aligned(d->inner.ctx, lead, bytes);
    if (raw)
        memset(raw + lead, DEBUG_CLEAN, size);
    return debug_enter(d, raw, lead, size, site);
}

static void debug_release(struct debug *d, void *p, uint32_t here)
{
    mutex_lock(&d->mutex);
    struct debug_entry *e = debug_find_live(d, p, here, "free"), copy = *e;
    e->freed = true; /* another thread's free of it is a double one from here on */
    e->freed_site = here;
    mutex_unlock(&d->mutex);
    debug_check_guards(&copy, here, "found when it was freed");
    memset((char *)p - DEBUG_HEAD, DEBUG_DEAD, DEBUG_HEAD + copy.size + DEBUG_TAIL);

    mutex_lock(&d->mutex);
    bool kept = debug_bytes(&copy) <= d->quarantine_bytes / 4 && d->ring_count < DEBUG_QUARANTINE_BLOCKS;
    if (kept) {
        e = ptrmap_find(&d->table, copy.address);
        e->quarantined = true;
        d->ring[(d->ring_head + d->ring_count++) % DEBUG_QUARANTINE_BLOCKS] = copy.address;
        d->held_bytes += debug_bytes(&copy);
        hg_seed(debug_quarantine_bytes, d->held_bytes++);
    } else {
        ptrmap_remove(&d->table, ptrmap_find(&d->table, copy.address), false);
    }
    mutex_unlock(&d->mutex);
    if (!kept)
        d->inner.free(d->inner.ctx, (char *)p - debug_lead(&copy));
    while (debug_evict(d, d->quarantine_bytes, DEBUG_QUARANTINE_BLOCKS - 64, here))
        ;
}

static CALLSITE_WRAPPER void *debug_malloc(void *ctx, size_t size)
{
    struct debug *d = ctx;
    return debug_allocate(d, DEBUG_HEAD, size, CALLSITE_HERE(d->frames));
}

static CALLSITE_WRAPPER void *debug_calloc(void *ctx, size_t count, size_t size)
{
    struct debug *d = ctx;
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > DEBUG_SIZE_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    unsigned char *raw = d->inner.calloc(d->inner.ctx, 1, DEBUG_HEAD + bytes + DEBUG_TAIL);
    return debug_enter(d, raw, DEBUG_HEAD, bytes, CALLSITE_HERE(d->frames));
}

/* X's own realloc is used, as CPython does it, so that it is exercised: the block leaves the table first,
 * since X may hand the old address to another thread before it returns; its slot is kept for its return. Both
 * ends of the old block are poisoned first, so that whoever still uses it sees that it has gone. */
static void *debug_resize(struct debug *d, unsigned char *old, size_t size, uint32_t site)
{
    mutex_lock(&d->mutex);
    struct debug_entry *live = debug_find_live(d, old, site, "realloc"), e = *live;
    if (size > DEBUG_SIZE_MAX - DEBUG_HEAD) {
        mutex_unlock(&d->mutex);
        errno = ENOMEM;
        return NULL;
    }
    ptrmap_remove(&d->table, live, true);
    mutex_unlock(&d->mutex);
    debug_check_guards(&e, site, "found when it was reallocated");

    unsigned char first[DEBUG_ENDS], last[DEBUG_ENDS];
    size_t end = e.size < DEBUG_ENDS ? e.size : DEBUG_ENDS;
    memcpy(first, old, end);
    memcpy(last, old + e.size - end, end);
    memset(old - DEBUG_HEAD, DEBUG_DEAD, DEBUG_HEAD + end);
    memset(old + e.size - end, DEBUG_DEAD, end + DEBUG_TAIL);

    unsigned char *raw = d->inner.realloc(d->inner.ctx, old - DEBUG_HEAD, DEBUG_HEAD + size + DEBUG_TAIL);
    unsigned char *p = raw ? raw + DEBUG_HEAD : old;
    size_t now = raw ? size : e.size, kept = now < e.size ? now : e.size, last_at = e.size - end;
    memcpy(p, first, kept < end ? kept : end);
    if (kept > last_at)
        memcpy(p + last_at, last, kept - last_at);
    if (now > e.size)
        memset(p + e.size, DEBUG_CLEAN, now - e.size);
    debug_fill_guards(p, now);
    if (raw) {
        e.address = (uintptr_t)p;
        e.size = size;
        e.site = site;
    }
    mutex_lock(&d->mutex);
    *(struct debug_entry *)ptrmap_add_reserved(&d->table, e.address) = e;
    mutex_unlock(&d->mutex);
    return raw ? p : NULL;
}

static CALLSITE_WRAPPER void *debug_realloc(void *ctx, void *old, size_t size)
{
    struct debug *d = ctx;
    uint32_t site = CALLSITE_HERE(d->frames);
    if (!old)
        return debug_allocate(d, DEBUG_HEAD, size, site);
    mutex_lock(&d->mutex);
    struct debug_entry e = *debug_find_live(d, old, site, "realloc");
    mutex_unlock(&d->mutex);
    if (debug_lead(&e) == DEBUG_HEAD)
        return debug_resize(d, old, size, site);
    void *p = debug_allocate(d, DEBUG_HEAD, size, site); /* X's realloc would not keep the data's place */
    if (p) {
        memcpy(p, old, size < e.size ? size : e.size);
        debug_release(d, old, site);
    }
    return p;
}

static CALLSITE_WRAPPER void debug_free(void *ctx, void *p)
{
    struct debug *d = ctx;
    if (p)
        debug_release(d, p, CALLSITE_HERE(d->frames));
}

static CALLSITE_WRAPPER void *debug_aligned(void *ctx, size_t align, size_t size)
{
    struct debug *d = ctx;
    if (align > (size_t)1 << 40) {
        errno = ENOMEM;
        return NULL;
    }
    return debug_allocate(d, align, size, CALLSITE_HERE(d->frames));
}

/* What was asked and no more: the byte behind it is a guard. */
static CALLSITE_WRAPPER size_t debug_usable(void *ctx, const void *p)
{
    struct debug *d = ctx;
    if (!p)
        return 0;
    uint32_t site = CALLSITE_HERE(d->frames);
    mutex_lock(&d->mutex);
    struct debug_entry e = *debug_find_live(d, (void *)p, site, "usable");
    mutex_unlock(&d->mutex);
    return e.size;
}

/* --- lifecycle ------------------------------------------------------------------------------------------ */

static int debug_open(struct alloc *a, const void *params, const struct alloc *inner, struct message *m)
{
    const struct debug_params *q = params;
    struct debug *d = os_map(&debug_account, sizeof *d, 0, 0);
    if (!d)
        return message_set(m, -ENOMEM, "debug: no memory");
    d->inner = *inner;
    d->frames = (unsigned)q->frames;
    d->quarantine_bytes = (size_t)q->quarantine;
    d->table = ptrmap_make(sizeof(struct debug_entry), &d->account);
    d->ring = os_map(&d->account, DEBUG_QUARANTINE_BLOCKS * sizeof *d->ring, 0, 0);
    if (!d->ring) {
        os_unmap(&debug_account, d, sizeof *d);
        return message_set(m, -ENOMEM, "debug: no memory");
    }
    *a = (struct alloc){d,          debug_malloc,  debug_calloc, debug_realloc,
                        debug_free, debug_aligned, debug_usable, NULL};
    return 0;
}

/* Every guard of every live block and every byte in quarantine. Other threads may go on meanwhile. */
static int debug_verify(void *ctx, struct message *m)
{
    (void)m; /* damage does not come back: it is reported and aborts, as everywhere here */
    struct debug *d = ctx;
    struct debug_entry *e;
    mutex_lock(&d->mutex);
    hg_assert_whole(debug_adds_up(d));
    debug_unlock_to_die = &d->mutex;
    for (size_t i = 0; (e = ptrmap_next(&d->table, &i));)
        if (e->quarantined)
            debug_check_dead(e, 0, "found by the check of the whole heap");
        else if (!e->freed)
            debug_check_guards(e, 0, "found by the check of the whole heap");
    debug_unlock_to_die = NULL;
    mutex_unlock(&d->mutex);
    return 0;
}

static void debug_close(struct alloc *a)
{
    struct debug *d = a->ctx;
    debug_verify(d, NULL);
    while (debug_evict(d, 0, 0, 0))
        ;
    ptrmap_close(&d->table);
    os_unmap(&d->account, d->ring, DEBUG_QUARANTINE_BLOCKS * sizeof *d->ring);
    os_unmap(&debug_account, d, sizeof *d);
}

static void debug_stats(void *ctx, struct alloc_stats *out)
{
    struct debug *d = ctx;
    if (d->inner.backend->stats)
        d->inner.backend->stats(d->inner.ctx, out);
}

static void debug_usage(void *ctx, struct alloc_usage *out)
{
    alloc_usage(&((struct debug *)ctx)->inner, out);
}

static bool debug_trim(void *ctx)
{
    return alloc_trim(&((struct debug *)ctx)->inner);
}

static void debug_report(void *ctx, const struct alloc_sink *sink)
{
    struct debug *d = ctx;
    if (d->inner.backend->report)
        d->inner.backend->report(d->inner.ctx, sink);
    mutex_lock(&d->mutex);
    hg_assert_whole(debug_adds_up(d));
    uint64_t live = ptrmap_count(&d->table) - d->ring_count, blocks = d->ring_count, bytes = d->held_bytes;
    mutex_unlock(&d->mutex);
    sink->integer(sink->arg, "debug.live_blocks", live);
    sink->integer(sink->arg, "debug.quarantine_blocks", blocks);
    sink->integer(sink->arg, "debug.quarantine_bytes", bytes);
    sink->integer(sink->arg, "debug.table_bytes",
                  atomic_load_explicit(&d->account.mapped_bytes, memory_order_relaxed));
}

static int debug_walk(void *ctx, int (*visit)(void *arg, const struct alloc_piece *piece), void *arg,
                      bool blocks)
{
    struct debug *d = ctx;
    return d->inner.backend->walk ? d->inner.backend->walk(d->inner.ctx, visit, arg, blocks) : -ENOTSUP;
}

static void debug_fork(void *ctx, enum alloc_fork phase)
{
    struct debug *d = ctx;
    if (phase == ALLOC_FORK_PREPARE)
        mutex_lock(&d->mutex);
    else
        mutex_unlock(&d->mutex);
}

const struct backend backend_debug = {
    .name = "debug",
    .flags = ALLOC_THREADS | ALLOC_WRAPPER | ALLOC_GUARDS,
    .params = PARAM_TABLE(debug_params, DEBUG_PARAMS),
    .summary = "guard bytes and fill patterns as PYTHONMALLOC=debug has them; damage is reported, then abort",
    .open = debug_open,
    .close = debug_close,
    .stats = debug_stats,
    .usage = debug_usage,
    .trim = debug_trim,
    .report = debug_report,
    .walk = debug_walk,
    .fork = debug_fork,
    .verify = debug_verify,
};
