/* info.c: what a trace holds: calls, sizes, lifetimes, threads. See tool.h. */
#include "tool.h"
#include "alloc/base/ptrmap.h"
#include "alloc/base/compiler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZES_MAX 1000000 /* different sizes counted one by one */

struct reading {
    struct tool_info *info;
    uint64_t *birth; /* by id: bytes allocated before it was */
    size_t births;
    struct ptrmap sizes;
    uint32_t *calls; /* [HGT_THREADS_MAX], of the thread that has the number now, to TOOL_SHORT_CALLS */
    uint32_t thread;
    bool births_seen; /* of threads */
};

static int count_size(struct reading *s, uint64_t size)
{
    struct ptrmap_pair *e = ptrmap_find(&s->sizes, size);
    if (e) {
        e->value++;
        return 0;
    }
    if (ptrmap_count(&s->sizes) >= SIZES_MAX) {
        s->info->top_partial = true;
        return 0;
    }
    e = ptrmap_add(&s->sizes, size);
    if (!e)
        return -ENOMEM;
    e->value = 1;
    return 0;
}

static int born(struct reading *s, uint32_t id)
{
    if (id >= s->births) {
        size_t births = s->births ? s->births * 2 : 4096;
        uint64_t *more = realloc(s->birth, (births > id ? births : (size_t)id + 1) * sizeof *more);
        if (!more)
            return -ENOMEM;
        s->birth = more;
        s->births = births > id ? births : (size_t)id + 1;
    }
    s->birth[id] = s->info->allocated_bytes;
    return 0;
}

static void count_event(struct reading *s, const struct hgt_op *op)
{
    if (op->event == HGT_GAP) {
        s->info->gaps++;
        s->info->gap_us += op->size;
    } else if (op->event == HGT_BIRTH) {
        s->calls[op->thread] = 0;
        s->births_seen = true;
    } else {
        s->info->threads_short += s->calls[op->thread] < TOOL_SHORT_CALLS;
    }
}

static int count_op(struct reading *s, const struct hgt_op *op)
{
    struct tool_info *info = s->info;
    int err = 0;
    if (info->total++ && op->thread != s->thread)
        info->switches++;
    s->thread = op->thread;
    info->ops[op->kind]++;
    info->threads_active += s->calls[op->thread] == 0;
    s->calls[op->thread] += s->calls[op->thread] < TOOL_SHORT_CALLS;
    switch (op->kind) {
    case HGT_FREE:
        info->remote_frees += op->thread != op->owner;
        if (op->id < s->births) /* always: the reader gives frees of live blocks alone */
            info->lifetimes[TOOL_LOG2_OF(info->allocated_bytes - s->birth[op->id])]++;
        return 0;
    case HGT_REALLOC:
        info->remote_reallocs += op->thread != op->owner;
        if (op->size > op->size_then)
            info->allocated_bytes += op->size - op->size_then;
        break;
    case HGT_MALLOC:
    case HGT_CALLOC:
    case HGT_ALIGNED:
        err = born(s, op->id);
        info->allocated_bytes += op->size;
        info->allocated_blocks++;
        if (!err)
            err = count_size(s, op->size);
        break;
    case HGT_KINDS:
        break;
    }
    info->sizes[TOOL_LOG2_OF(op->size)]++;
    return err;
}

/* The most frequent sizes; of equal ones, the smaller first. */
static void find_top(struct reading *s)
{
    struct tool_info *info = s->info;
    const struct ptrmap_pair *e;
    for (size_t i = 0; (e = ptrmap_next(&s->sizes, &i));) {
        unsigned at = info->top_count;
        while (at > 0 && (info->top[at - 1].count < e->value ||
                          (info->top[at - 1].count == e->value && info->top[at - 1].size > e->key)))
            at--;
        if (at == TOOL_TOP)
            continue;
        unsigned kept = info->top_count < TOOL_TOP ? info->top_count : TOOL_TOP - 1;
        memmove(&info->top[at + 1], &info->top[at], (kept - at) * sizeof *info->top);
        info->top[at] = (struct tool_size){e->key, e->value};
        info->top_count = kept + 1;
    }
}

int tool_info_read(struct tool_info *out, struct hgt_reader *r, struct message *m)
{
    struct reading s = {.info = out,
                        .calls = calloc(HGT_THREADS_MAX, sizeof *s.calls),
                        .sizes = ptrmap_make(sizeof(struct ptrmap_pair), &os_harness)};
    struct hgt_op op;
    int got = s.calls ? 1 : -ENOMEM;
    *out = (struct tool_info){0};
    while (got == 1 && (got = hgt_next_event(r, &op, m)) == 1)
        if (op.event != HGT_CALL)
            count_event(&s, &op);
        else if (count_op(&s, &op) != 0)
            got = message_set(m, -ENOMEM, "%s: no memory to look into it", r->name);
    out->threads = s.births_seen ? r->threads.total : r->threads.count;
    out->threads_peak = r->threads.most_alive;
    out->threads_ended = r->threads.ended;
    out->peak_live_bytes = r->ids.peak_live_bytes;
    out->peak_live_blocks = r->ids.peak_live_blocks;
    out->peak_op = r->ids.peak_op;
    out->left_blocks = r->ids.live_blocks;
    out->left_bytes = r->ids.live_bytes;
    find_top(&s);
    free(s.birth);
    free(s.calls);
    ptrmap_close(&s.sizes);
    return got;
}

/* ---- for people ---- */

typedef unsigned long long ull;

static const char *const meta_keys[] = {"program",
                                        "command",
                                        "date",
                                        "source",
                                        "pid",
                                        "end",
                                        "stopped",
                                        "forked",
                                        "dropped",
                                        "failed",
                                        "unmatched",
                                        "conflicts",
                                        "python_objects_unseen"};

static void bytes_text(uint64_t n, char *out, size_t size)
{
    static const char units[] = " KMGTPE";
    unsigned u = 0;
    double value = (double)n;
    while (value >= 1024 && u < 6) {
        value /= 1024;
        u++;
    }
    if (u == 0)
        snprintf(out, size, "%llu B", (ull)n);
    else
        snprintf(out, size, "%.1f %ciB", value, units[u]);
}

static void print_log2(const char *title, const uint64_t *counts, FILE *out)
{
    uint64_t total = 0, most = 1;
    for (unsigned i = 0; i <= TOOL_LOG2; i++) {
        total += counts[i];
        most = counts[i] > most ? counts[i] : most;
    }
    fprintf(out, "%s\n", title);
    for (unsigned i = 0; i <= TOOL_LOG2; i++) {
        char lo[32], hi[32], range[72];
        if (!counts[i])
            continue;
        bytes_text(i ? UINT64_C(1) << (i - 1) : 0, lo, sizeof lo);
        bytes_text(i ? ((UINT64_C(1) << (i - 1)) - 1) * 2 + 1 : 0, hi, sizeof hi);
        if (i <= 1)
            snprintf(range, sizeof range, "%s", lo);
        else if (i <= 10)
            snprintf(range, sizeof range, "%llu - %s", (ull)(UINT64_C(1) << (i - 1)), hi);
        else
            snprintf(range, sizeof range, "from %s", lo);
        fprintf(out, "  %-16s %12llu  %5.1f %%  %.*s\n", range, (ull)counts[i],
                100.0 * (double)counts[i] / (double)total, (int)(40 * counts[i] / most),
                "########################################");
    }
}

static void print_threads(const struct tool_info *info, FILE *out)
{
    fprintf(out, "  %-16s %llu (%llu made calls)", "threads", (ull)info->threads, (ull)info->threads_active);
    if (info->threads_ended)
        fprintf(out, "; %u at once; %llu ended, %llu of them with fewer than %d calls", info->threads_peak,
                (ull)info->threads_ended, (ull)info->threads_short, TOOL_SHORT_CALLS);
    fputc('\n', out);
    if (info->gaps)
        fprintf(out, "  %-16s %llu, %.3f s\n", "idle gaps", (ull)info->gaps, (double)info->gap_us / 1e6);
}

void tool_info_print(const struct tool_info *info, const struct hgt_reader *r, FILE *out)
{
    char value[8192], a[32], b[32];
    fprintf(out, "%s\n", r->name);
    for (size_t i = 0; i < array_length(meta_keys); i++)
        if (hgt_meta(r, meta_keys[i], value, sizeof value))
            fprintf(out, "  %-16s %s\n", meta_keys[i], value);
    fprintf(out, "  %-16s %s\n", "complete", r->damage.text[0] ? "no" : "yes");
    if (r->damage.text[0])
        fprintf(out, "  %-16s %s\n", "damage", r->damage.text);
    fprintf(out, "  %-16s %llu\n", "calls", (ull)info->total);
    for (unsigned k = 0; k < HGT_KINDS; k++)
        fprintf(out, "    %-14s %llu\n", hgt_kind_names[k], (ull)info->ops[k]);
    print_threads(info, out);
    fprintf(out, "  %-16s %llu frees, %llu reallocs\n", "remote", (ull)info->remote_frees,
            (ull)info->remote_reallocs);
    fprintf(out, "  %-16s %llu\n", "thread switches", (ull)info->switches);
    bytes_text(info->allocated_bytes, a, sizeof a);
    fprintf(out, "  %-16s %llu blocks, %s (%llu bytes)\n", "allocated", (ull)info->allocated_blocks, a,
            (ull)info->allocated_bytes);
    bytes_text(info->peak_live_bytes, a, sizeof a);
    fprintf(out, "  %-16s %s (%llu bytes) after call %llu; %llu blocks at most\n", "peak live", a,
            (ull)info->peak_live_bytes, (ull)info->peak_op, (ull)info->peak_live_blocks);
    bytes_text(info->left_bytes, b, sizeof b);
    fprintf(out, "  %-16s %llu blocks, %s (%llu bytes)\n", "never freed", (ull)info->left_blocks, b,
            (ull)info->left_bytes);
    print_log2("sizes asked for", info->sizes, out);
    fprintf(out, "most frequent sizes%s\n",
            info->top_partial ? " (among the first million different ones)" : "");
    for (unsigned i = 0; i < info->top_count; i++)
        fprintf(out, "  %-16llu %12llu  %5.1f %%\n", (ull)info->top[i].size, (ull)info->top[i].count,
                100.0 * (double)info->top[i].count / (double)info->allocated_blocks);
    print_log2("lifetimes: bytes allocated between a block's birth and its free", info->lifetimes, out);
}

/* ---- for programs ---- */

static void json_text(const char *text, FILE *out)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        /* A trace's words may be in any encoding: what is not ASCII is not let through. */
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else
            fputc(*c < 32 || *c > 126 ? '?' : *c, out);
    }
    fputc('"', out);
}

static void json_counts(const char *name, const uint64_t *counts, FILE *out)
{
    const char *comma = "";
    fprintf(out, ",\"%s\":[", name);
    for (unsigned i = 0; i <= TOOL_LOG2; i++) {
        if (!counts[i])
            continue;
        fprintf(out, "%s{\"from\":%llu,\"count\":%llu}", comma, (ull)(i ? UINT64_C(1) << (i - 1) : 0),
                (ull)counts[i]);
        comma = ",";
    }
    fprintf(out, "]");
}

void tool_info_json(const struct tool_info *info, const struct hgt_reader *r, FILE *out)
{
    char value[8192];
    fprintf(out, "{\"file\":");
    json_text(r->name, out);
    for (size_t i = 0; i < array_length(meta_keys); i++) {
        fprintf(out, ",\"%s\":", meta_keys[i]);
        if (!hgt_meta(r, meta_keys[i], value, sizeof value))
            fprintf(out, "null");
        else if (value[0] && strspn(value, "0123456789") == strlen(value) && strlen(value) < 19 &&
                 (value[0] != '0' || !value[1]))
            fprintf(out, "%s", value);
        else
            json_text(value, out);
    }
    fprintf(out, ",\"complete\":%s,\"damage\":", r->damage.text[0] ? "false" : "true");
    if (r->damage.text[0])
        json_text(r->damage.text, out);
    else
        fprintf(out, "null");
    fprintf(out, ",\"calls\":%llu,\"ops\":{", (ull)info->total);
    for (unsigned k = 0; k < HGT_KINDS; k++)
        fprintf(out, "%s\"%s\":%llu", k ? "," : "", hgt_kind_names[k], (ull)info->ops[k]);
    fprintf(out, "},\"threads\":%llu,\"threads_active\":%llu", (ull)info->threads, (ull)info->threads_active);
    fprintf(out, ",\"threads_peak\":%u,\"threads_ended\":%llu,\"threads_short\":%llu", info->threads_peak,
            (ull)info->threads_ended, (ull)info->threads_short);
    fprintf(out, ",\"gaps\":%llu,\"gap_seconds\":%.6f", (ull)info->gaps, (double)info->gap_us / 1e6);
    fprintf(out, ",\"remote_frees\":%llu,\"remote_reallocs\":%llu,\"thread_switches\":%llu",
            (ull)info->remote_frees, (ull)info->remote_reallocs, (ull)info->switches);
    fprintf(out, ",\"allocated_blocks\":%llu,\"allocated_bytes\":%llu", (ull)info->allocated_blocks,
            (ull)info->allocated_bytes);
    fprintf(out, ",\"peak_live_bytes\":%llu,\"peak_live_blocks\":%llu,\"peak_call\":%llu",
            (ull)info->peak_live_bytes, (ull)info->peak_live_blocks, (ull)info->peak_op);
    fprintf(out, ",\"left_blocks\":%llu,\"left_bytes\":%llu", (ull)info->left_blocks, (ull)info->left_bytes);
    json_counts("sizes", info->sizes, out);
    json_counts("lifetimes", info->lifetimes, out);
    fprintf(out, ",\"top_sizes\":[");
    for (unsigned i = 0; i < info->top_count; i++)
        fprintf(out, "%s{\"size\":%llu,\"count\":%llu}", i ? "," : "", (ull)info->top[i].size,
                (ull)info->top[i].count);
    fprintf(out, "]}\n");
}
