/* load.c: from an .hgt to the lists of replay.h. With several workers the trace is read twice: first to learn
 * which blocks pass between them and where most is live, then to write the words. */
#include "replay.h"

#include <errno.h>
#include <string.h>

#define LIST_FIRST 1024u

int replay_list_add(struct replay_list *list, const void *item)
{
    if (list->count == list->capacity) {
        uint64_t capacity = list->capacity ? list->capacity * 2 : LIST_FIRST;
        size_t bytes = capacity * list->item_bytes;
        void *more = list->at ? os_remap(&os_harness, list->at, list->capacity * list->item_bytes, bytes)
                              : os_map(&os_harness, bytes, 0, 0);
        if (!more)
            return -ENOMEM;
        list->at = more;
        list->capacity = capacity;
    }
    memcpy((char *)list->at + list->count++ * list->item_bytes, item, list->item_bytes);
    return 0;
}

/* An item that was added: the reader has proved that an operation's id is one of a live block. */
static inline void *list_item(const struct replay_list *list, uint64_t index)
{
    if (index >= list->count || !list->at)
        __builtin_unreachable();
    return (char *)list->at + index * list->item_bytes;
}

void replay_list_free(struct replay_list *list)
{
    if (list->at)
        os_unmap(&os_harness, list->at, list->capacity * list->item_bytes);
    list->at = NULL;
    list->count = list->capacity = 0;
}

/* ---- first reading: which lives are shared ---- */

/* A life is a block from its allocation to its free, numbered in the trace's order of allocations. */
struct survey {
    struct replay_list shared; /* uint8_t by life */
    struct replay_list life;   /* by id: uint64_t, the life that has it now */
    uint64_t peak_op, peak_live_bytes;
};

static int survey_trace(struct survey *s, struct replay *r, const char *path, struct message *m)
{
    struct hgt_reader in;
    struct hgt_op op;
    int got = hgt_open(&in, path, false, m);
    if (got)
        return got;
    while ((got = hgt_next(&in, &op, m)) == 1) {
        if (op.kind == HGT_FREE || op.kind == HGT_REALLOC) {
            if (op.thread % r->workers != op.owner % r->workers)
                *(uint8_t *)list_item(&s->shared, *(uint64_t *)list_item(&s->life, op.id)) = 1;
            continue;
        }
        uint64_t life = s->shared.count;
        int err = replay_list_add(&s->shared, &(uint8_t){0});
        if (!err && op.id == s->life.count)
            err = replay_list_add(&s->life, &life);
        else if (!err)
            *(uint64_t *)list_item(&s->life, op.id) = life;
        if (err) {
            got = err;
            break;
        }
    }
    s->peak_op = in.ids.peak_op;
    s->peak_live_bytes = in.ids.peak_live_bytes;
    hgt_close(&in);
    return got;
}

/* ---- second reading: the words ---- */

/* An EPOCH word that is not whole: of a worker, its index; at NO_WORD there is none. */
#define NO_WORD UINT64_MAX

struct loading_worker {
    uint64_t last_part; /* the word that ended it: it needs the number of the next */
    uint32_t epoch;     /* + 1: in which it has a part already */
};

struct loading { /* by id, what the live block with it is */
    uint32_t slot, shared, step;
    uint32_t last_worker; /* who would free it, were it to be left */
};

struct loader {
    struct replay *r;
    struct survey survey;
    struct replay_list blocks; /* struct loading */
    uint64_t lives;
    struct cut cut;
    struct loading_worker *worker; /* [workers] */
    uint32_t *part, parts;         /* workers with a part in the epoch, and how many */
    uint32_t *before, befores;     /* and in the one before: their EPOCH words need the number above */
    uint64_t *before_word;
};

/* ---- epochs ---- */

static uint64_t *word_at(struct loader *l, unsigned worker, uint64_t index)
{
    return list_item(&l->r->worker[worker].words, index);
}

/* The operations from here on are of the next epoch. */
static int load_epoch_end(struct loader *l)
{
    struct epochs *e = &l->r->epochs;
    for (uint32_t i = 0; i < l->befores; i++)
        *word_at(l, l->before[i], l->before_word[i]) |= (uint64_t)l->parts << REPLAY_SLOT_SHIFT;
    if (e->count == 0)
        e->first_workers = l->parts;
    for (uint32_t i = 0; i < l->parts; i++) {
        struct replay_list *words = &l->r->worker[l->part[i]].words;
        uint64_t word = (uint64_t)REPLAY_EPOCH << REPLAY_KIND_SHIFT;
        int err = replay_list_add(words, &word);
        if (err)
            return err;
        l->before[i] = l->part[i];
        l->before_word[i] = l->worker[l->part[i]].last_part = words->count - 1;
    }
    l->befores = l->parts;
    l->parts = 0;
    return ++e->count == UINT32_MAX ? -EOVERFLOW : 0;
}

/* What comes next of this worker's is in `epoch`. */
static void load_next_part(struct loader *l, unsigned worker, uint32_t epoch)
{
    struct loading_worker *w = &l->worker[worker];
    if (w->last_part == NO_WORD)
        l->r->worker[worker].first_epoch = epoch;
    else
        *word_at(l, worker, w->last_part) |= epoch;
    w->epoch = epoch + 1;
}

static int load_epoch(struct loader *l, const struct hgt_op *op)
{
    struct epochs *e = &l->r->epochs;
    unsigned worker = op->thread % l->r->workers;
    bool first = !l->cut.epoch;
    if (cut_op(&l->cut, worker, (int64_t)(op->size - op->size_then)) && !first) {
        int err = load_epoch_end(l);
        if (err)
            return err;
    }
    if (l->worker[worker].epoch != e->count + 1) {
        l->part[l->parts++] = worker;
        load_next_part(l, worker, e->count);
    }
    return 0;
}

static int load_epochs_end(struct loader *l)
{
    int err = l->parts ? load_epoch_end(l) : 0;
    for (unsigned i = 0; i < l->r->workers && !err; i++)
        load_next_part(l, i, l->r->epochs.count);
    return err;
}

/* One worker has one epoch up to the peak and one from there on; where that is, is known afterwards. */
static int load_peak_of_one(struct loader *l, uint64_t peak_words)
{
    struct replay_list *words = &l->r->worker[0].words;
    struct epochs *e = &l->r->epochs;
    uint64_t end = (uint64_t)REPLAY_EPOCH << REPLAY_KIND_SHIFT,
             first = end | UINT64_C(1) << REPLAY_SLOT_SHIFT | 1;
    if (!peak_words)
        return 0;
    int err = replay_list_add(words, &first);
    if (err)
        return err;
    uint64_t *at = word_at(l, 0, peak_words);
    memmove(at + 1, at, (words->count - 1 - peak_words) * sizeof *at);
    *at = first;
    end |= 2;
    e->count = 2;
    e->first_workers = 1;
    return replay_list_add(words, &end);
}

/* ---- words ---- */

static int slot_take(struct replay_worker *w, uint32_t *slot)
{
    if (w->dead.count) {
        *slot = *(uint32_t *)list_item(&w->dead, w->dead.count - 1);
        w->dead.count--;
        return 0;
    }
    if (w->slots == REPLAY_SLOTS_MAX)
        return -EOVERFLOW;
    *slot = w->slots++;
    return 0;
}

static int load_birth(struct loader *l, const struct hgt_op *op, struct loading **out)
{
    struct replay_worker *w = &l->r->worker[op->thread % l->r->workers];
    struct loading block = {.shared = REPLAY_NOT_SHARED};
    int err;
    if (l->survey.shared.at && *(uint8_t *)list_item(&l->survey.shared, l->lives)) {
        if (l->r->shared_list.count >= REPLAY_NOT_SHARED)
            return -EOVERFLOW;
        block.shared = (uint32_t)l->r->shared_list.count;
        err = replay_list_add(&l->r->shared_list, &(struct replay_shared){NULL, 0});
    } else {
        err = slot_take(w, &block.slot);
    }
    l->lives++;
    if (!err && op->id == l->blocks.count)
        err = replay_list_add(&l->blocks, &block);
    if (err)
        return err;
    *out = list_item(&l->blocks, op->id);
    **out = block;
    return 0;
}

static int load_op(struct loader *l, const struct hgt_op *op)
{
    static const enum replay_kind kinds[HGT_KINDS] = {
        [HGT_MALLOC] = REPLAY_MALLOC, [HGT_CALLOC] = REPLAY_CALLOC, [HGT_REALLOC] = REPLAY_REALLOC,
        [HGT_FREE] = REPLAY_FREE,     [HGT_ALIGNED] = REPLAY_OTHER,
    };
    unsigned index = op->thread % l->r->workers;
    struct replay_worker *w = &l->r->worker[index];
    bool gives = op->kind == HGT_FREE || op->kind == HGT_REALLOC;
    struct loading *block = gives ? list_item(&l->blocks, op->id) : NULL;
    int err = gives ? 0 : load_birth(l, op, &block);
    if (err)
        return err;
    block->last_worker = index;
    w->calls++;
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
        if (w->others.count > UINT32_MAX)
            return -EOVERFLOW;
        uint64_t word = (uint64_t)REPLAY_OTHER << REPLAY_KIND_SHIFT | w->others.count;
        err = replay_list_add(&w->words, &word);
        if (!err)
            err = replay_list_add(&w->others, &other);
    } else {
        uint64_t word = (uint64_t)kinds[op->kind] << REPLAY_KIND_SHIFT |
                        (uint64_t)block->slot << REPLAY_SLOT_SHIFT | size;
        err = replay_list_add(&w->words, &word);
        if (!err && op->kind == HGT_REALLOC)
            err = replay_list_add(&w->words, &op->size_then);
    }
    if (!err && op->kind == HGT_FREE && block->shared == REPLAY_NOT_SHARED)
        err = replay_list_add(&w->dead, &block->slot);
    return err;
}

/* What the trace never frees is freed by who touched it last: between repeats, and when the sample drains. */
static int load_left(struct loader *l, const struct hgt_reader *in)
{
    for (uint32_t id = 0; id < in->ids.count; id++) {
        const struct hgt_block *b = &in->ids.block[id];
        if (b->next != HGT_LIVE)
            continue;
        const struct loading *block = list_item(&l->blocks, id);
        struct replay_other other = {.size_then = b->size,
                                     .slot = block->slot,
                                     .shared = block->shared,
                                     .step = block->step,
                                     .kind = HGT_FREE,
                                     .remote = b->owner % l->r->workers != block->last_worker};
        int err = replay_list_add(&l->r->worker[block->last_worker].left, &other);
        if (err)
            return err;
    }
    return 0;
}

static int load_words(struct loader *l, const char *path, struct message *m)
{
    struct hgt_reader in;
    struct hgt_op op;
    int got = hgt_open(&in, path, false, m);
    if (got)
        return got;
    uint64_t peak_op = 0, peak_words = 0;
    bool meet = l->cut.order != ORDER_FREE && l->r->workers > 1;
    while ((got = hgt_next(&in, &op, m)) == 1) {
        int err = meet ? load_epoch(l, &op) : 0;
        if (!err)
            err = load_op(l, &op);
        if (err) {
            got = err;
            break;
        }
        if (in.ids.peak_op != peak_op) {
            peak_op = in.ids.peak_op;
            peak_words = l->r->worker[0].words.count;
        }
        if (meet && in.ids.ops == l->survey.peak_op) {
            l->r->epochs.peak = l->r->epochs.count;
            l->cut.forced = true;
        }
    }
    if (got == 0 && l->cut.order != ORDER_FREE)
        got = meet ? load_epochs_end(l) : load_peak_of_one(l, peak_words);
    if (got == 0)
        got = load_left(l, &in);
    l->r->trace_threads = in.threads.count;
    l->r->peak_live_bytes = in.ids.peak_live_bytes;
    hgt_close(&in);
    return got;
}

/* Tables by worker: of the loader alone. */
static void *load_tables(struct loader *l, size_t *bytes)
{
    unsigned n = l->r->workers;
    *bytes = n * (sizeof *l->worker + sizeof *l->cut.worker + sizeof *l->before_word + 2 * sizeof *l->part);
    void *at = os_map(&os_harness, *bytes, 0, 0);
    if (!at)
        return NULL;
    l->worker = at;
    l->cut.worker = (void *)(l->worker + n);
    l->before_word = (void *)(l->cut.worker + n);
    l->part = (void *)(l->before_word + n);
    l->before = l->part + n;
    for (unsigned i = 0; i < n; i++)
        l->worker[i].last_part = NO_WORD;
    return at;
}

int replay_load(struct replay *r, const struct replay_params *p, struct message *m)
{
    struct loader l = {.r = r,
                       .survey = {{.item_bytes = 1}, {.item_bytes = sizeof(uint64_t)}, 0, 0},
                       .cut = {.order = (enum replay_order)p->order}};
    size_t bytes;
    void *tables = load_tables(&l, &bytes);
    l.blocks.item_bytes = sizeof(struct loading);
    r->shared_list.item_bytes = sizeof(struct replay_shared);
    m->text[0] = '\0';
    int err = !tables ? -ENOMEM : r->workers > 1 ? survey_trace(&l.survey, r, p->file, m) : 0;
    l.cut.slack = (int64_t)(l.survey.peak_live_bytes / CUT_SLACK_DIVISOR);
    if (!err)
        err = load_words(&l, p->file, m);
    for (unsigned i = 0; i < r->workers && !err; i++) {
        struct replay_worker *w = &r->worker[i];
        if (w->slots && !(w->slot = workload_scratch(w->slots * sizeof *w->slot)))
            err = -ENOMEM;
    }
    for (unsigned i = 0; i < r->workers; i++)
        replay_list_free(&r->worker[i].dead);
    if (tables)
        os_unmap(&os_harness, tables, bytes);
    replay_list_free(&l.survey.shared);
    replay_list_free(&l.survey.life);
    replay_list_free(&l.blocks);
    r->shared = r->shared_list.at;
    if (err && !m->text[0])
        message_set(m, err,
                    err == -EOVERFLOW ? "trace: %s has more than %u blocks live at once"
                                      : "trace: no memory for %s",
                    p->file, REPLAY_SLOTS_MAX);
    return err;
}
