/* pymalloc_trace.h: what both allocators are driven with: one list of operations, made from a seed or read
 * from the text form of a recorded trace. */
#ifndef HG_TESTS_CONFORMANCE_PYMALLOC_TRACE_H
#define HG_TESTS_CONFORMANCE_PYMALLOC_TRACE_H

#include "alloc/base/rng.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trace_op {
    char kind; /* a malloc, c calloc, r realloc, f free */
    uint32_t id;
    uint64_t size;
};

struct trace {
    struct trace_op *ops;
    size_t count, room;
    uint32_t ids; /* every id is below */
};

static inline void trace_add(struct trace *t, char kind, uint32_t id, uint64_t size)
{
    if (t->count == t->room) {
        t->room = t->room ? t->room * 2 : 65536;
        t->ops = realloc(t->ops, t->room * sizeof *t->ops);
        if (!t->ops)
            abort();
    }
    t->ops[t->count++] = (struct trace_op){kind, id, size};
    if (id >= t->ids)
        t->ids = id + 1;
}

static inline void trace_free(struct trace *t)
{
    free(t->ops);
    *t = (struct trace){0};
}

/* --- made from a seed ------------------------------------------------------------------------------------*/
#define TRACE_LIVE_MAX       60000u
#define TRACE_LIVE_BYTES_MAX ((uint64_t)24 << 20)

struct trace_maker {
    struct trace *t;
    struct rng rng;
    uint32_t live[TRACE_LIVE_MAX]; /* ids, in order of allocation as far as nothing was freed */
    uint32_t live_count;
    uint32_t spare[TRACE_LIVE_MAX]; /* ids to use again */
    uint32_t spare_count, next_id;
    uint64_t size_of[TRACE_LIVE_MAX];
    uint64_t live_bytes;
    unsigned sizes; /* which distribution */
    uint64_t few[4];
};

static inline uint64_t trace_size(struct trace_maker *g)
{
    struct rng *r = &g->rng;
    switch (g->sizes) {
    case 0: /* all small */
        return 1 + rng_below(r, 512);
    case 1: /* what an interpreter asks for: mostly 24 to 96 */
        return rng_below(r, 10) ? 24 + rng_below(r, 73) : 1 + rng_below(r, 512);
    case 2: /* a few sizes: pools of few classes */
        return g->few[rng_below(r, 4)];
    case 3: /* one class */
        return g->few[0];
    case 4: /* with zero and raw ones */
        return rng_below(r, 8) ? rng_below(r, 513) : rng_below(r, 3000);
    case 5: /* edges of classes */
        return 16 * (1 + rng_below(r, 32)) + rng_below(r, 3) - 1;
    default: /* large classes: few blocks a pool, so that arenas come and go */
        return 257 + rng_below(r, 256);
    }
}

static inline void trace_new_sizes(struct trace_maker *g)
{
    g->sizes = (unsigned)rng_below(&g->rng, 7);
    for (unsigned i = 0; i < 4; i++)
        g->few[i] = 1 + rng_below(&g->rng, 512);
}

static inline void trace_allocate(struct trace_maker *g)
{
    if (g->live_count == TRACE_LIVE_MAX || g->live_bytes > TRACE_LIVE_BYTES_MAX)
        return;
    uint32_t id = g->spare_count ? g->spare[--g->spare_count] : g->next_id++;
    uint64_t size = trace_size(g);
    trace_add(g->t, rng_below(&g->rng, 16) ? 'a' : 'c', id, size);
    g->live[g->live_count++] = id;
    g->size_of[id] = size;
    g->live_bytes += size;
}

static inline void trace_release(struct trace_maker *g, uint32_t at)
{
    uint32_t id = g->live[at];
    g->live[at] = g->live[--g->live_count];
    g->spare[g->spare_count++] = id;
    g->live_bytes -= g->size_of[id];
    trace_add(g->t, 'f', id, 0);
}

static inline void trace_resize(struct trace_maker *g, uint32_t id, uint64_t size)
{
    trace_add(g->t, 'r', id, size);
    g->live_bytes += size - g->size_of[id];
    g->size_of[id] = size;
}

/* Frees in the order of allocation: keeps it for what stays. */
static inline void trace_release_in_order(struct trace_maker *g, uint32_t keep_every)
{
    uint32_t kept = 0, count = g->live_count;
    for (uint32_t i = 0; i < count; i++) {
        if (keep_every && i % keep_every == 0) {
            g->live[kept++] = g->live[i];
            continue;
        }
        g->spare[g->spare_count++] = g->live[i];
        g->live_bytes -= g->size_of[g->live[i]];
        trace_add(g->t, 'f', g->live[i], 0);
    }
    g->live_count = kept;
}

static inline void trace_pairs(struct trace_maker *g, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t k = 1 + rng_below(&g->rng, 3);
        for (uint64_t j = 0; j < k; j++)
            trace_allocate(g);
        for (uint64_t j = 0; j < k && g->live_count; j++)
            trace_release(g, g->live_count - 1);
    }
}

/* Frees a run of blocks that were allocated one after the other, so pools that lie side by side. */
static inline void trace_release_run(struct trace_maker *g, uint32_t at, uint32_t n)
{
    for (uint32_t i = at; i < at + n; i++) {
        g->spare[g->spare_count++] = g->live[i];
        g->live_bytes -= g->size_of[g->live[i]];
        trace_add(g->t, 'f', g->live[i], 0);
    }
    memmove(g->live + at, g->live + at + n, (g->live_count - at - n) * sizeof *g->live);
    g->live_count -= n;
}

/* Full arenas of large blocks, among them lone pools of other classes; a few pools of some arenas are freed,
 * so that arenas have one or two free pools each; then the lone ones go and come back. */
static inline void trace_lone_pools(struct trace_maker *g)
{
    struct rng *r = &g->rng;
    uint32_t lone[64];
    trace_release_in_order(g, 0);
    for (uint32_t i = 0; i < 64; i++) {
        g->sizes = 3;
        g->few[0] = 512;
        for (uint64_t j = 100 + rng_below(r, 400); j; j--)
            trace_allocate(g);
        g->few[0] = 16 * (1 + i % 31);
        uint32_t first = g->live_count;
        trace_allocate(g);
        if (g->live_count == first)
            return;
        lone[i] = g->live[first];
    }
    for (unsigned round = 0; round < 40; round++) {
        if (g->live_count > 200)
            trace_release_run(g, (uint32_t)rng_below(r, g->live_count - 100),
                              31 + (uint32_t)rng_below(r, 40));
        for (unsigned k = 0; k < 8; k++) {
            uint32_t id = lone[rng_below(r, 64)], at = 0;
            while (at < g->live_count && g->live[at] != id)
                at++;
            if (at == g->live_count || g->size_of[id] == 512)
                continue;
            g->few[0] = g->size_of[id];
            trace_release_run(g, at, 1);
            trace_allocate(g); /* has the same id */
        }
        g->few[0] = 512;
    }
}

static inline void trace_phase(struct trace_maker *g, bool first)
{
    struct rng *r = &g->rng;
    uint64_t n = 200 + rng_below(r, 12000);
    switch (first ? 0 : rng_below(r, 11)) {
    case 0:
    case 1: /* grow */
        for (uint64_t i = 0; i < 2 * n; i++)
            trace_allocate(g);
        break;
    case 2: /* churn at one level */
        for (uint64_t i = 0; i < n && g->live_count; i++) {
            trace_release(g, (uint32_t)rng_below(r, g->live_count));
            trace_allocate(g);
        }
        break;
    case 3: /* pairs, on whatever is there: pools that empty and come back */
        trace_pairs(g, n / 4);
        break;
    case 4: /* lists that are appended to, and shrink */
        for (uint64_t i = 0; i < n / 8 && g->live_count; i++) {
            uint32_t id = g->live[rng_below(r, g->live_count)];
            for (uint64_t j = rng_below(r, 12); j; j--)
                trace_resize(g, id, g->size_of[id] + (g->size_of[id] >> 3) + 8);
            if (rng_below(r, 3) == 0)
                trace_resize(g, id, rng_below(r, g->size_of[id] + 1));
            else if (g->size_of[id] > 4096)
                trace_resize(g, id, trace_size(g));
        }
        break;
    case 5: /* random walk */
        for (uint64_t i = 0; i < n; i++)
            if (g->live_count && rng_below(r, 100) < 52)
                trace_release(g, (uint32_t)rng_below(r, g->live_count));
            else
                trace_allocate(g);
        break;
    case 6: /* shrink at random */
        for (uint64_t i = 0; i < n && g->live_count; i++)
            trace_release(g, (uint32_t)rng_below(r, g->live_count));
        break;
    case 7: /* drain in order, or but for one in k */
        trace_release_in_order(g, (uint32_t)(rng_below(r, 2) ? 2 + rng_below(r, 400) : 0));
        break;
    case 8: /* arenas with as many free pools as one another, then pairs in classes with one pool or none */
        g->sizes = 3;
        g->few[0] = 512;
        for (uint64_t i = 0; i < 4 * n; i++)
            trace_allocate(g);
        trace_release_in_order(g, (uint32_t)(31 * (2 + rng_below(r, 5))));
        g->sizes = 0;
        trace_pairs(g, n / 8);
        break;
    case 9:
        trace_lone_pools(g);
        break;
    default: /* drain, last first */
        while (g->live_count)
            trace_release(g, g->live_count - 1);
    }
}

static inline void trace_make(struct trace *t, uint64_t seed)
{
    struct trace_maker *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    g->t = t;
    rng_seed(&g->rng, seed);
    uint64_t phases = 4 + rng_below(&g->rng, 9);
    for (uint64_t i = 0; i < phases; i++) {
        if (rng_below(&g->rng, 2) || i == 0)
            trace_new_sizes(g);
        trace_phase(g, i == 0);
    }
    free(g);
}

/* --- the vector of a fresh process: 100 -> 90 -> 80 realloc, then 100000 blocks of 1 + i mod 512 bytes
 * ------ */
static inline void trace_vector(struct trace *t)
{
    trace_add(t, 'a', 0, 100);
    trace_add(t, 'r', 0, 90);
    trace_add(t, 'r', 0, 80);
    trace_add(t, 'f', 0, 0);
    for (uint32_t i = 0; i < 100000; i++)
        trace_add(t, 'a', i, 1 + i % 512);
}

/* --- two pools of one class, the second emptied, filled, moved before the first and emptied again
 * ---------- */
static inline void trace_two_pools(struct trace *t)
{
    enum { ROOM = 31 }; /* blocks of 512 bytes in a pool of 16 KiB */
    for (uint32_t i = 0; i < ROOM + 1; i++)
        trace_add(t, 'a', i, 512);
    trace_add(t, 'f', ROOM, 0);
    for (uint32_t i = ROOM; i < 2 * ROOM; i++)
        trace_add(t, 'a', i, 512);
    trace_add(t, 'f', 0, 0);
    for (uint32_t i = ROOM; i < 2 * ROOM; i++)
        trace_add(t, 'f', i, 0);
    for (uint32_t i = ROOM; i < 2 * ROOM; i++)
        trace_add(t, 'a', i, 512);
}

/* --- read from text --------------------------------------------------------------------------------------*/
/* "a ID SIZE", "c ID SIZE", "r ID SIZE", "A ID ALIGN SIZE", "f ID", "@T" before a line for thread T: the
 * threads' operations are taken in the order of the file. Up to four leading lines of one number are a
 * header. Over-aligned blocks are left out with all that happens to them: they are no business of pymalloc's.
 * 0, or the number of the line that is wrong. */
static inline size_t trace_read(struct trace *t, FILE *f)
{
    enum { IDS_MAX = 1 << 26 };
    char line[256];
    size_t number = 0;
    bool *skipped = calloc(IDS_MAX, 1);
    bool good = skipped, header = true;
    while (good && fgets(line, sizeof line, f)) {
        number++;
        char *at = line + strspn(line, " \t"), kind, end;
        unsigned long id, size = 0, size2;
        if (*at == '#' || *at == '\n' || *at == '\0')
            continue;
        if (header && number <= 4 && sscanf(at, "%lu %c", &id, &end) == 1)
            continue;
        header = false;
        if (*at == '@') {
            strtoul(at + 1, &at, 10);
            at += strspn(at, " \t");
        }
        int fields = sscanf(at, "%c %lu %lu %lu", &kind, &id, &size, &size2);
        int needed = fields < 1 ? 0 : kind == 'f' ? 2 : kind == 'A' ? 4 : 3;
        good = needed && strchr("acrfA", kind) && fields >= needed && id < IDS_MAX;
        if (!good)
            break;
        if (kind == 'A')
            skipped[id] = true;
        else if (skipped[id] && kind == 'f')
            skipped[id] = false;
        else if (!skipped[id])
            trace_add(t, kind, (uint32_t)id, size);
    }
    free(skipped);
    return good ? 0 : number + !number;
}

#endif
