/* stats.c: statistics over snapshots, by line, file or traceback, and the difference of two. See tracer.h.
 *
 * Two hash tables: address to symbol, so that each frame is looked up once; and text to row, sized before
 * it is filled (no growth, never more than half full). */
#include "tracer.h"

#include "callsite.h"
#include "alloc/base/compiler.h"
#include "alloc/base/os.h"
#include "alloc/base/ptrmap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct trace_symbol {
    uint64_t address;
    struct symbol symbol;
};

struct trace_groups {
    struct symbols *symbols;
    struct ptrmap known; /* of struct trace_symbol */
    struct trace_row *row;
    size_t rows, row_room;
    uint32_t *slot; /* row + 1, by the key's hash */
    size_t slot_mask;
};

static size_t trace_power(size_t wanted)
{
    size_t n = 16;
    while (n < wanted)
        n *= 2;
    return n;
}

/* Looked up once, while there is memory to remember it. */
static struct symbol trace_symbol_of(struct trace_groups *g, const void *address)
{
    struct trace_symbol *known = ptrmap_find(&g->known, (uintptr_t)address);
    if (known)
        return known->symbol;
    struct symbol found = {.offset = 0};
    if (g->symbols)
        symbols_find(g->symbols, address, &found);
    else
        found.offset = (uintptr_t)address;
    known = ptrmap_add(&g->known, (uintptr_t)address);
    if (known)
        known->symbol = found;
    return found;
}

static void trace_key_of_frame(const struct symbol *s, enum trace_key key, char *out, size_t size)
{
    if (key == TRACE_BY_FILE)
        snprintf(out, size, "%s", s->file ? s->file : s->object ? s->object : "?");
    else if (s->file && s->line)
        snprintf(out, size, key == TRACE_BY_TRACEBACK && s->function ? "%s:%u %s" : "%s:%u", s->file, s->line,
                 s->function);
    else if (s->function)
        snprintf(out, size, "%s (%s+0x%" PRIxPTR ")", s->function, s->object ? s->object : "?", s->offset);
    else
        snprintf(out, size, "%s+0x%" PRIxPTR, s->object ? s->object : "?", s->offset);
}

static struct trace_row *trace_row_of(struct trace_groups *g, const char *key)
{
    uint64_t h = 14695981039346656037u;
    for (const char *at = key; *at; at++)
        h = (h ^ (unsigned char)*at) * 1099511628211u;
    size_t i = (size_t)(h ^ h >> 32) & g->slot_mask;
    while (g->slot[i] && strcmp(g->row[g->slot[i] - 1].key, key) != 0)
        i = (i + 1) & g->slot_mask;
    if (!g->slot[i]) {
        char *copy = strdup(key);
        if (!copy)
            return NULL;
        g->row[g->rows] = (struct trace_row){.key = copy};
        g->slot[i] = (uint32_t)++g->rows;
    }
    return &g->row[g->slot[i] - 1];
}

static int trace_credit(struct trace_groups *g, const char *key, const struct trace_site *t, bool older)
{
    struct trace_row *row = trace_row_of(g, key);
    if (!row)
        return -ENOMEM;
    if (!older) {
        row->blocks += t->blocks;
        row->bytes += t->bytes;
        row->total_blocks += t->total_blocks;
        row->total_bytes += t->total_bytes;
    }
    row->blocks_change += older ? -(int64_t)t->blocks : (int64_t)t->blocks;
    row->bytes_change += older ? -(int64_t)t->bytes : (int64_t)t->bytes;
    return 0;
}

static int trace_group_traceback(struct trace_groups *g, const struct trace_site *t, bool older)
{
    char text[CALLSITE_FRAMES_MAX * 256] = "?";
    size_t n = 0;
    for (unsigned f = 0; f < t->frames && n + 2 < sizeof text; f++) {
        if (f)
            text[n++] = '\n';
        struct symbol symbol = trace_symbol_of(g, t->frame[f]);
        trace_key_of_frame(&symbol, TRACE_BY_TRACEBACK, text + n, sizeof text - n);
        n += strlen(text + n);
    }
    return trace_credit(g, text, t, older);
}

static int trace_group_frames(struct trace_groups *g, const struct trace_site *t, enum trace_key key,
                              bool cumulative, bool older)
{
    char text[4400];
    struct trace_row *credited[CALLSITE_FRAMES_MAX];
    unsigned credits = 0;
    if (!t->frames)
        return trace_credit(g, "?", t, older);
    for (unsigned f = 0; f < t->frames && (f == 0 || cumulative); f++) {
        struct symbol symbol = trace_symbol_of(g, t->frame[f]);
        trace_key_of_frame(&symbol, key, text, sizeof text);
        struct trace_row *row = trace_row_of(g, text);
        if (!row)
            return -ENOMEM;
        bool seen = false; /* a function that calls itself counts once */
        for (unsigned i = 0; i < credits; i++)
            seen |= credited[i] == row;
        if (seen)
            continue;
        credited[credits++] = row;
        if (trace_credit(g, text, t, older))
            return -ENOMEM;
    }
    return 0;
}

/* Symbols are of one process: each snapshot brings its own, and the addresses known from another go. */
static int trace_group_snapshot(struct trace_groups *g, const struct trace_snapshot *s, enum trace_key key,
                                bool cumulative, bool older)
{
    struct symbols *own = s->symbols ? NULL : symbols_of_self();
    int err = 0;
    g->symbols = s->symbols ? s->symbols : own;
    ptrmap_close(&g->known);
    for (size_t i = 0; i < s->sites && !err; i++)
        err = key == TRACE_BY_TRACEBACK ? trace_group_traceback(g, &s->site[i], older)
                                        : trace_group_frames(g, &s->site[i], key, cumulative, older);
    symbols_close(own);
    return err;
}

static uint64_t trace_magnitude(int64_t n)
{
    return n < 0 ? -(uint64_t)n : (uint64_t)n;
}

static int trace_compare_rows(const void *a, const void *b)
{
    const struct trace_row *x = a, *y = b;
    const uint64_t of_x[] = {trace_magnitude(x->bytes_change), x->bytes, trace_magnitude(x->blocks_change),
                             x->blocks, x->total_bytes},
                   of_y[] = {trace_magnitude(y->bytes_change), y->bytes, trace_magnitude(y->blocks_change),
                             y->blocks, y->total_bytes};
    for (size_t i = 0; i < array_length(of_x); i++)
        if (of_x[i] != of_y[i])
            return of_x[i] < of_y[i] ? 1 : -1;
    return strcmp(x->key, y->key);
}

static size_t trace_frames_in(const struct trace_snapshot *s, bool all)
{
    size_t n = 0;
    for (size_t i = 0; s && i < s->sites; i++)
        n += all || !s->site[i].frames ? s->site[i].frames + 1 : 1;
    return n;
}

int trace_statistics(struct trace_table *out, const struct trace_snapshot *s,
                     const struct trace_snapshot *older, enum trace_key key, bool cumulative)
{
    *out = (struct trace_table){0};
    size_t keys = trace_frames_in(s, cumulative) + trace_frames_in(older, cumulative);
    struct trace_groups g = {.known = ptrmap_make(sizeof(struct trace_symbol), &os_harness),
                             .slot_mask = trace_power(2 * keys) - 1};
    g.slot = calloc(g.slot_mask + 1, sizeof *g.slot);
    g.row = calloc(keys + 1, sizeof *g.row);
    int err = g.slot && g.row ? 0 : -ENOMEM;
    if (!err)
        err = trace_group_snapshot(&g, s, key, cumulative, false);
    if (!err && older)
        err = trace_group_snapshot(&g, older, key, cumulative, true);
    ptrmap_close(&g.known);
    free(g.slot);
    *out = (struct trace_table){g.row, g.rows};
    if (err) {
        trace_table_free(out);
        return err;
    }
    size_t kept = 0;
    for (size_t i = 0; i < g.rows; i++) {
        struct trace_row *row = &g.row[i];
        if (!older)
            row->bytes_change = row->blocks_change = 0;
        if (older && !row->blocks && !row->blocks_change)
            free(row->key);
        else
            g.row[kept++] = *row;
    }
    out->rows = kept;
    qsort(out->row, out->rows, sizeof *out->row, trace_compare_rows);
    return 0;
}

void trace_table_free(struct trace_table *t)
{
    for (size_t i = 0; i < t->rows; i++)
        free(t->row[i].key);
    free(t->row);
    *t = (struct trace_table){0};
}

static const char *trace_bytes_text(char *out, size_t size, double bytes, bool sign)
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t u = 0;
    while ((bytes >= 10240 || bytes <= -10240) && u < 4) {
        bytes /= 1024;
        u++;
    }
    snprintf(out, size, sign ? "%+.*f %s" : "%.*f %s", u ? 1 : 0, bytes, unit[u]);
    return out;
}

void trace_table_print(const struct trace_table *t, FILE *out, size_t limit, bool changes)
{
    char size[32], change[32], average[32];
    for (size_t i = 0; i < t->rows && i < limit; i++) {
        const struct trace_row *r = &t->row[i];
        fprintf(out, "%s: size=%s", r->key, trace_bytes_text(size, sizeof size, (double)r->bytes, false));
        if (changes)
            fprintf(out, " (%s)", trace_bytes_text(change, sizeof change, (double)r->bytes_change, true));
        fprintf(out, ", count=%" PRIu64, r->blocks);
        if (changes)
            fprintf(out, " (%+" PRId64 ")", r->blocks_change);
        double mean = r->blocks ? (double)r->bytes / (double)r->blocks : 0;
        fprintf(out, ", average=%s, ever=%" PRIu64 "\n",
                trace_bytes_text(average, sizeof average, mean, false), r->total_blocks);
    }
    if (t->rows > limit) {
        uint64_t bytes = 0, blocks = 0;
        for (size_t i = limit; i < t->rows; i++) {
            bytes += t->row[i].bytes;
            blocks += t->row[i].blocks;
        }
        fprintf(out, "%zu more: size=%s, count=%" PRIu64 "\n", t->rows - limit,
                trace_bytes_text(size, sizeof size, (double)bytes, false), blocks);
    }
}
