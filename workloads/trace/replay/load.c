/* load.c: see load.h. */
#include "load.h"

#include "contents.h"
#include "list.h"
#include "parts.h"
#include "scout.h"

#include <errno.h>
#include <string.h>

#define LOAD_OTHERS_SHARE 4                    /* of one worker's window, a part in so many is for others */
#define LOAD_SLACK_BYTES  4096                 /* beyond the window: words that no call has asked for */
#define LOAD_SLOTS_BYTES  (UINT64_C(64) << 20) /* of all workers, faulted in beforehand */

struct loading {   /* by id, what the live block with it is */
    uint32_t slot; /* of last_worker, when not shared */
    uint32_t shared;
    uint32_t step;        /* of the window */
    uint32_t last_worker; /* who would free it, were it to be left */
    uint32_t window;      /* in which it was touched last */
};

struct totals { /* of the whole trace */
    uint64_t calls, peak_op, peak_live_bytes, left_blocks;
    uint32_t ids, threads;
};

struct replay_loader {
    struct replay *r;
    const char *path;
    uint64_t window_bytes;
    char *memory; /* of the window's words and others */
    size_t memory_bytes;
    struct source from;
    struct scout scout;        /* several workers */
    struct replay_list blocks; /* struct loading */
    struct replay_list shared_now,
        shared_later; /* uint32_t: shared places that are empty; at the window's end */
    struct parts parts;
    struct totals totals;
    bool totals_known;
    uint32_t window;
    uint32_t alive;   /* threads but the first, of threads=recorded */
    uint64_t touch;   /* first touches in the window: as scout.h counts them */
    uint64_t peak_op; /* so far */
};

/* ---- places ---- */

static void *list_pop(struct replay_list *list)
{
    return list->count ? (uint32_t *)list->at + --list->count : NULL;
}

/* All of `more` behind what is in `list`. */
static int list_join(struct replay_list *list, struct replay_list *more)
{
    int err = 0;
    for (uint64_t i = 0; i < more->count && !err; i++)
        err = replay_list_add(list, (uint32_t *)more->at + i);
    more->count = 0;
    return err;
}

/* A slot of the worker's. One that was freed in this window may be had for a block of this window: it is empty by
 * the time; but not for one that moves into it now. */
static int slot_take(struct replay_worker *w, bool now, uint32_t *slot)
{
    uint32_t *dead = now ? NULL : list_pop(&w->dead_later);
    if (!dead)
        dead = list_pop(&w->dead_now);
    if (dead) {
        *slot = *dead;
        return 0;
    }
    if (w->slots == REPLAY_SLOTS_MAX)
        return -EOVERFLOW;
    *slot = w->slots++;
    if (!w->slot || w->slots <= w->slots_room) /* the first window: they are mapped when it is loaded */
        return 0;
    uint64_t room = 2 * (uint64_t)w->slots_room;
    void **more = os_remap(&os_harness, w->slot, w->slots_room * sizeof *w->slot, room * sizeof *w->slot);
    if (!more)
        return -ENOMEM;
    w->slot = more;
    w->slots_room = (uint32_t)room;
    return 0;
}

static int shared_take(struct replay_loader *l, uint32_t *shared)
{
    struct replay_list *list = &l->r->shared_list;
    uint32_t *dead = list_pop(&l->shared_now);
    *shared = dead ? *dead : (uint32_t)list->count;
    if (dead)
        return 0;
    return list->count >= REPLAY_NOT_SHARED ? -EOVERFLOW
                                            : replay_list_add(list, &(struct replay_shared){NULL, 0});
}

static int place_take(struct replay_loader *l, struct loading *block, unsigned worker, bool shared, bool now)
{
    block->shared = REPLAY_NOT_SHARED;
    block->slot = 0;
    block->last_worker = worker;
    return shared ? shared_take(l, &block->shared) : slot_take(&l->r->worker[worker], now, &block->slot);
}

static void **place_of(struct replay_loader *l, const struct loading *block)
{
    return block->shared != REPLAY_NOT_SHARED
               ? &((struct replay_shared *)replay_list_item(&l->r->shared_list, block->shared))->block
               : &l->r->worker[block->last_worker].slot[block->slot];
}

/* A block of an earlier window to where this one's calls look for it. */
static int block_move(struct replay_loader *l, struct loading *block, unsigned worker, bool shared,
                      uint64_t size)
{
    struct loading old = *block;
    block->step = 0;
    if (old.shared != REPLAY_NOT_SHARED)
        atomic_store_explicit(&l->r->shared[old.shared].step, 0, memory_order_relaxed);
    if (shared ? old.shared != REPLAY_NOT_SHARED
               : old.shared == REPLAY_NOT_SHARED && old.last_worker == worker)
        return 0;
    int err = place_take(l, block, worker, shared, true);
    l->r->shared = l->r->shared_list.at;
    if (err)
        return err;
    void **from = place_of(l, &old), *at = *from;
    *from = NULL;
    *place_of(l, block) = at;
    if (at && l->r->check_contents) {
        l->r->moved_faults += !pattern_holds(at, size, contents_seed(old.last_worker, old.slot, old.shared));
        pattern_fill(at, 0, size, contents_seed(worker, block->slot, block->shared));
    }
    return old.shared != REPLAY_NOT_SHARED
               ? replay_list_add(&l->shared_now, &old.shared)
               : replay_list_add(&l->r->worker[old.last_worker].dead_now, &old.slot);
}

/* The block of a call, in its place; before it is touched for the first time in the window. */
static int block_find(struct replay_loader *l, const struct hgt_op *op, unsigned worker, struct loading **out)
{
    bool birth = op->kind != HGT_FREE && op->kind != HGT_REALLOC;
    struct loading *block = op->id < l->blocks.count ? replay_list_item(&l->blocks, op->id) : NULL;
    int err = 0;
    if (birth || block->window != l->window) {
        bool shared = l->r->workers > 1 && *(uint8_t *)replay_list_item(&l->scout.shared, l->touch++);
        struct loading new = {.window = l->window};
        err = birth ? place_take(l, &new, worker, shared, false)
                    : block_move(l, block, worker, shared, op->size_then);
        if (!err && !block)
            err = replay_list_add(&l->blocks, &new);
        if (err)
            return err;
        block = replay_list_item(&l->blocks, op->id);
        if (birth)
            *block = new;
        block->window = l->window;
    }
    block->last_worker = worker;
    *out = block;
    return 0;
}

/* ---- words ---- */

static bool list_put(struct replay_list *list, const void *item) /* of memory that is there */
{
    if (list->count == list->capacity)
        return false;
    memcpy((char *)list->at + list->count++ * list->item_bytes, item, list->item_bytes);
    return true;
}

static int load_op(struct replay_loader *l, const struct hgt_op *op)
{
    static const enum replay_kind kinds[HGT_KINDS] = {REPLAY_KINDS};
    unsigned index = op->thread % l->r->workers;
    struct replay_worker *w = &l->r->worker[index];
    bool gives = op->kind == HGT_FREE || op->kind == HGT_REALLOC;
    struct loading *block;
    int err = block_find(l, op, index, &block);
    if (err)
        return err;
    w->calls++;
    bool put;
    uint64_t size = op->kind == HGT_FREE ? op->size_then : op->size;
    if (block->shared != REPLAY_NOT_SHARED || op->kind == HGT_ALIGNED || size > UINT32_MAX ||
        op->size_then > UINT32_MAX) {
        struct replay_other other = {.size = op->size,
                                     .size_then = op->size_then,
                                     .slot = block->slot,
                                     .shared = block->shared,
                                     .step = block->step++,
                                     .kind = (uint8_t)op->kind,
                                     .align_log2 = op->align ? (uint8_t)__builtin_ctzll(op->align) : 0,
                                     .remote = gives && op->owner % l->r->workers != index};
        uint64_t word = (uint64_t)REPLAY_OTHER << REPLAY_KIND_SHIFT | w->others.count;
        put = list_put(&w->words, &word) && list_put(&w->others, &other);
    } else {
        uint64_t word = (uint64_t)kinds[op->kind] << REPLAY_KIND_SHIFT |
                        (uint64_t)block->slot << REPLAY_SLOT_SHIFT | size;
        put = list_put(&w->words, &word) && (op->kind != HGT_REALLOC || list_put(&w->words, &op->size_then));
    }
    if (!put)
        return -ENOBUFS;
    if (op->kind != HGT_FREE)
        return 0;
    return block->shared == REPLAY_NOT_SHARED ? replay_list_add(&w->dead_later, &block->slot)
                                              : replay_list_add(&l->shared_later, &block->shared);
}

static bool put_life(struct replay_worker *w, enum replay_life what, uint64_t number)
{
    uint64_t word = (uint64_t)REPLAY_LIFE << REPLAY_KIND_SHIFT | (uint64_t)what << REPLAY_SLOT_SHIFT |
                    (number >> 32) << (REPLAY_SLOT_SHIFT + LIFE_BITS) | (uint32_t)number;
    return list_put(&w->words, &word);
}

static int load_event(struct replay_loader *l, const struct hgt_op *op)
{
    struct replay_worker *first = &l->r->worker[0], *w = &l->r->worker[op->thread % l->r->workers];
    if (op->event == HGT_GAP && !l->r->gaps)
        return 0;
    int err = l->r->workers > 1 ? parts_event(&l->parts) : 0;
    bool put = false;
    if (err)
        return err;
    switch (op->event) {
    case HGT_GAP:
        put = put_life(first, LIFE_GAP, op->size);
        break;
    case HGT_BIRTH:
        put = put_life(first, LIFE_START, op->thread | w->words.count << LIFE_WORKER_BITS) &&
              put_life(w, LIFE_BEGIN, 0);
        if (put)
            parts_birth(&l->parts, op->thread, (uint64_t *)w->words.at + w->words.count - 1);
        l->alive++;
        break;
    case HGT_END:
        parts_death(&l->parts, op->thread);
        put = put_life(w, LIFE_END, 0) && put_life(first, LIFE_JOIN, op->thread);
        l->alive--;
        break;
    case HGT_CALL:
        break;
    }
    return put ? 0 : -ENOBUFS;
}

/* What the trace never frees is freed by who touched it last: between repeats, and when the sample drains. */
static int load_left(struct replay_loader *l)
{
    const struct hgt_ids *ids = &l->from.in.ids;
    struct replay *r = l->r;
    if (!r->left.at && ids->live_blocks && replay_list_reserve(&r->left, ids->live_blocks))
        return -ENOMEM;
    for (uint32_t id = 0; id < ids->count; id++)
        if (ids->block[id].next == HGT_LIVE)
            r->worker[((struct loading *)replay_list_item(&l->blocks, id))->last_worker].left_count++;
    struct replay_other *next = r->left.at;
    for (unsigned i = 0; i < r->workers; i++) {
        r->worker[i].left = next;
        next += r->worker[i].left_count;
        r->worker[i].left_count = 0;
    }
    for (uint32_t id = 0; id < ids->count; id++) {
        const struct hgt_block *b = &ids->block[id];
        if (b->next != HGT_LIVE)
            continue;
        const struct loading *block = replay_list_item(&l->blocks, id);
        struct replay_worker *w = &r->worker[block->last_worker];
        w->left[w->left_count++] =
            (struct replay_other){.size_then = b->size,
                                  .slot = block->slot,
                                  .shared = block->shared,
                                  .step = block->step,
                                  .kind = HGT_FREE,
                                  .remote = b->owner % r->workers != block->last_worker};
    }
    return 0;
}

/* ---- a window ---- */

static void totals_take(struct replay_loader *l, const struct hgt_reader *in)
{
    l->totals = (struct totals){in->ids.ops,         in->ids.peak_op, in->ids.peak_live_bytes,
                                in->ids.live_blocks, in->ids.count,   in->threads.count};
    l->totals_known = true;
}

/* Reads the trace through: its check, and what must be known of it before it is replayed in windows. */
static int totals_read(struct replay_loader *l, struct message *m)
{
    struct source all = {.is_open = false};
    int got = source_open(&all, l->path, m);
    if (got)
        return got;
    while ((got = source_peek(&all, m)) == 1)
        source_take(&all);
    if (!got)
        totals_take(l, &all.in);
    source_close(&all);
    return got;
}

/* Where each worker's words and others stand in the window's memory. */
static void window_divide(struct replay_loader *l)
{
    char *at = l->memory;
    struct replay *r = l->r;
    for (unsigned i = 0; i < r->workers; i++) {
        struct replay_worker *w = &r->worker[i];
        uint64_t others_bytes = r->workers > 1 ? l->scout.others[i] * sizeof(struct replay_other)
                                               : l->memory_bytes / LOAD_OTHERS_SHARE;
        uint64_t words_bytes =
            r->workers > 1 ? l->scout.words[i] * sizeof(uint64_t) : l->memory_bytes - others_bytes;
        w->words.at = at;
        w->words.capacity = words_bytes / sizeof(uint64_t);
        w->others.at = at += words_bytes & ~(uint64_t)7;
        w->others.capacity = others_bytes / sizeof(struct replay_other);
        at += others_bytes & ~(uint64_t)7;
        w->words.count = w->others.count = w->calls = w->left_count = 0;
    }
}

static bool one_has_room(const struct replay_worker *w)
{
    return w->words.capacity - w->words.count >= 4 && w->others.count < w->others.capacity;
}

/* The window's calls, into words. */
static int window_words(struct replay_loader *l, bool meet, struct message *m)
{
    struct replay *r = l->r;
    struct source *from = &l->from;
    bool one = r->workers == 1;
    uint64_t peak_words = 0, calls = 0;
    int got = 1;
    while ((one ? one_has_room(&r->worker[0]) : calls < l->scout.calls) &&
           (got = source_peek(from, m)) == 1) {
        const struct hgt_op *op = &from->op;
        if (op->event != HGT_CALL) {
            int err = load_event(l, op);
            if (err)
                return err;
            source_take(from);
            calls++;
            continue;
        }
        int err = meet && !one
                      ? parts_call(&l->parts, op->thread % r->workers, (int64_t)(op->size - op->size_then))
                      : 0;
        if (!err)
            err = load_op(l, op);
        if (err)
            return err;
        source_take(from);
        calls++;
        if (from->in.ids.peak_op != l->peak_op) {
            l->peak_op = from->in.ids.peak_op;
            peak_words = r->worker[0].words.count;
        }
        if (l->totals_known && from->in.ids.ops == l->totals.peak_op && r->order != ORDER_FREE) {
            r->epochs.peak = r->epochs.base + r->epochs.count;
            l->parts.cut.forced = true;
        }
    }
    if (got == 1)
        got = source_peek(from, m); /* the end is read, and so checked, with the last window */
    if (got < 0)
        return got;
    r->last_window = got == 0;
    if (one && !l->totals_known) {
        got = r->last_window ? 0 : totals_read(l, m);
        if (r->last_window)
            totals_take(l, &from->in);
        if (got < 0)
            return got;
    }
    meet = r->epochs.meet = r->order != ORDER_FREE ? l->totals.calls != 0 : r->epochs.meet || !r->last_window;
    meet |= r->lives != NULL;
    r->epochs.meet = meet;
    if (r->lives) /* who is still there at the end of a window meets there; at the trace's, the threads rest */
        r->epochs.workers = 1 + (r->last_window ? 0 : l->alive);
    if (!meet)
        return 0;
    bool peak = peak_words && l->peak_op == l->totals.peak_op && r->order != ORDER_FREE;
    if (one && peak)
        r->epochs.peak = r->epochs.base;
    return one ? parts_of_one(&l->parts, peak ? peak_words : 0) : parts_end(&l->parts);
}

static int window_load(struct replay_loader *l, struct message *m)
{
    struct replay *r = l->r;
    int err = 0;
    l->window++;
    l->touch = 0;
    bool meet = r->order != ORDER_FREE || r->epochs.meet;
    if (r->workers > 1) {
        err = scout_window(&l->scout, l->window_bytes, r->order != ORDER_FREE, m);
        if (!err && !l->totals_known && l->scout.last)
            totals_take(l, &l->scout.from.in);
        else if (!err && !l->totals_known)
            err = totals_read(l, m);
        meet |= !l->scout.last;
    }
    if (err)
        return err;
    l->parts.cut.slack = (int64_t)(l->totals.peak_live_bytes / CUT_SLACK_DIVISOR);
    window_divide(l);
    parts_begin(&l->parts);
    err = window_words(l, meet, m);
    if (!err && r->last_window)
        err = load_left(l);
    for (unsigned i = 0; i < r->workers && !err; i++) {
        struct replay_worker *w = &r->worker[i];
        err = list_join(&w->dead_now, &w->dead_later);
    }
    if (!err)
        err = list_join(&l->shared_now, &l->shared_later);
    r->shared = r->shared_list.at;
    return err;
}

/* ---- the whole ---- */

/* All that later windows take, faulted in now. */
static int load_reserve(struct replay_loader *l)
{
    struct replay *r = l->r;
    uint32_t ids = l->totals.ids;
    uint64_t shared = l->memory_bytes / (2 * (sizeof(uint64_t) + sizeof(struct replay_other)));
    os_populate(&os_harness, l->memory, l->memory_bytes);
    int err = hgt_reserve(&l->from.in, ids);
    if (!err)
        err = replay_list_reserve(&l->blocks, ids);
    if (!err)
        err = replay_list_reserve(&r->left, l->totals.left_blocks);
    if (r->workers == 1)
        return err;
    if (!err)
        err = hgt_reserve(&l->scout.from.in, ids);
    if (!err)
        err = replay_list_reserve(&l->scout.seen, ids);
    if (!err)
        err = replay_list_reserve(&l->scout.shared, l->memory_bytes / sizeof(uint64_t));
    if (!err)
        err = replay_list_reserve(&r->shared_list, shared + ids);
    if (!err)
        err = replay_list_reserve(&l->shared_now, shared + ids);
    if (!err)
        err = replay_list_reserve(&l->shared_later, shared + ids);
    return err;
}

static int load_slots(struct replay_loader *l)
{
    struct replay *r = l->r;
    uint64_t most = LOAD_SLOTS_BYTES / sizeof(void *) / r->workers;
    for (unsigned i = 0; i < r->workers; i++) {
        struct replay_worker *w = &r->worker[i];
        uint64_t room = w->slots;
        if (!r->last_window) {
            uint64_t ids = 2 * (uint64_t)l->totals.ids < most ? 2 * (uint64_t)l->totals.ids : most;
            room = room > ids ? room : ids;
            room = room ? room : 1;
            if (replay_list_reserve(&w->dead_now, room) || replay_list_reserve(&w->dead_later, room))
                return -ENOMEM;
        }
        if (room && !(w->slot = workload_scratch(room * sizeof *w->slot)))
            return -ENOMEM;
        w->slots_room = (uint32_t)room;
    }
    return 0;
}

static int load_open(struct replay_loader *l, struct message *m)
{
    struct replay *r = l->r;
    unsigned n = r->workers;
    l->blocks.item_bytes = sizeof(struct loading);
    l->shared_now.item_bytes = l->shared_later.item_bytes = sizeof(uint32_t);
    l->scout.seen.item_bytes = 4 * sizeof(uint32_t);
    l->scout.shared.item_bytes = 1;
    l->scout.workers = n;
    l->memory_bytes = l->window_bytes + n * LOAD_SLACK_BYTES;
    l->memory = os_map(&os_harness, l->memory_bytes, 0, OS_RESERVE);
    if (!l->memory || parts_open(&l->parts, r, r->order))
        return -ENOMEM;
    l->from.events = l->scout.from.events = r->lives || r->gaps;
    if (r->lives) {
        if (!(l->from.alive = workload_scratch(2 * HGT_THREADS_MAX)))
            return -ENOMEM;
        l->scout.from.alive = l->from.alive + HGT_THREADS_MAX;
    }
    int err = source_open(&l->from, l->path, m);
    if (err || n == 1)
        return err;
    if (!(l->scout.words = workload_scratch(2 * n * sizeof *l->scout.words)))
        return -ENOMEM;
    l->scout.others = l->scout.words + n;
    return source_open(&l->scout.from, l->path, m);
}

static void load_close(struct replay_loader *l)
{
    struct replay *r = l->r;
    source_close(&l->from);
    source_close(&l->scout.from);
    if (l->from.alive)
        os_unmap(&os_harness, l->from.alive, 2 * HGT_THREADS_MAX);
    l->from.alive = NULL;
    if (l->scout.words)
        os_unmap(&os_harness, l->scout.words, 2 * r->workers * sizeof *l->scout.words);
    l->scout.words = NULL;
    replay_list_free(&l->scout.seen);
    replay_list_free(&l->scout.shared);
    replay_list_free(&l->blocks);
    replay_list_free(&l->shared_now);
    replay_list_free(&l->shared_later);
    parts_close(&l->parts);
    for (unsigned i = 0; i < r->workers; i++) {
        replay_list_free(&r->worker[i].dead_now);
        replay_list_free(&r->worker[i].dead_later);
    }
}

static int load_message(const struct replay_loader *l, int err, struct message *m)
{
    if (err && !m->text[0])
        message_set(m, err,
                    err == -EOVERFLOW ? "trace: %s has more than %u blocks live at once"
                                      : "trace: no memory for %s",
                    l->path, REPLAY_SLOTS_MAX);
    return err;
}

unsigned replay_threads(const char *path, struct message *m)
{
    struct source all = {.is_open = false};
    int got = source_open(&all, path, m);
    if (got)
        return 0;
    while ((got = source_peek(&all, m)) == 1)
        source_take(&all);
    uint32_t count = all.in.threads.count ? all.in.threads.count : 1;
    source_close(&all);
    return got ? 0 : count;
}

int replay_load(struct replay *r, const struct replay_params *p, uint64_t window_bytes, struct message *m)
{
    struct replay_loader *l = workload_scratch(sizeof *l);
    m->text[0] = '\0';
    r->loader = l;
    if (!l)
        return message_set(m, -ENOMEM, "trace: no memory for %s", p->file);
    *l = (struct replay_loader){.r = r, .path = p->file, .window_bytes = window_bytes};
    r->shared_list.item_bytes = sizeof(struct replay_shared);
    r->left.item_bytes = sizeof(struct replay_other);
    r->order = (enum replay_order)p->order;
    int err = load_open(l, m);
    if (!err)
        err = window_load(l, m);
    if (!err && !r->last_window)
        err = load_reserve(l);
    if (!err)
        err = load_slots(l);
    r->shared = r->shared_list.at;
    r->windowed = !r->last_window;
    r->trace_threads = l->totals.threads;
    r->peak_live_bytes = l->totals.peak_live_bytes;
    if (!r->windowed)
        load_close(l); /* its tables are not resident in the run */
    return load_message(l, err, m);
}

static int load_again(struct replay_loader *l, struct message *m)
{
    struct replay *r = l->r;
    l->blocks.count = l->scout.seen.count = l->peak_op = 0;
    l->alive = 0;
    l->shared_now.count = l->shared_later.count = r->shared_list.count = 0;
    for (unsigned i = 0; i < r->workers; i++)
        r->worker[i].slots = 0, r->worker[i].dead_now.count = r->worker[i].dead_later.count = 0;
    int err = source_rewind(&l->from, m);
    return err || r->workers == 1 ? err : source_rewind(&l->scout.from, m);
}

int replay_load_next(struct replay *r, struct message *m)
{
    struct replay_loader *l = r->loader;
    m->text[0] = '\0';
    int err = r->last_window ? load_again(l, m) : 0;
    if (!err)
        err = window_load(l, m);
    if (!err)
        return 0;
    for (unsigned i = 0; i < r->workers; i++)
        r->worker[i].words.count = r->worker[i].calls = r->worker[i].left_count = r->worker[i].first_epoch =
            0;
    r->epochs.count = 0;
    r->last_window = true;
    return load_message(l, err, m);
}

void replay_unload(struct replay *r)
{
    struct replay_loader *l = r->loader;
    if (!l)
        return;
    load_close(l);
    if (l->memory)
        os_unmap(&os_harness, l->memory, l->memory_bytes);
    os_unmap(&os_harness, l, sizeof *l);
    replay_list_free(&r->left);
    replay_list_free(&r->shared_list);
}
