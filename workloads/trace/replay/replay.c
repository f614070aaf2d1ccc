/* replay.c: the workload "trace": does a recorded program's calls again, on any backend. See replay.h.
 *
 * The measured loop takes a word, makes the call, writes what `touch` asks for; it counts, but publishes and
 * looks for the next timed operation once a batch. It waits for another worker's step (spins, yields the
 * processor, sleeps) and between epochs. */
#include "workloads/about.h"
#include "replay.h"

#ifdef HG_ABOUT

#include <errno.h>

static int replay_check(const void *params, struct message *m)
{
    const struct replay_params *p = params;
    if (!*p->file)
        return message_set(m, -EINVAL,
                           "workload trace: which trace? trace:file=F.hgt (heapgauge record makes one)");
    if (p->order == ORDER_FREE && (p->gaps || p->threads == THREADS_RECORDED))
        return message_set(m, -EINVAL, "workload trace: %s needs an order: order=live or order=strict",
                           p->gaps ? "gaps=1" : "threads=recorded");
    return hgt_check(p->file, m);
}

const struct workload_info workload_info_alloc_trace = {
    .name = "trace",
    .level = LEVEL_ALLOC,
    .params = PARAM_TABLE(replay_params, REPLAY_PARAMS),
    .summary = "a recorded program's calls in its own order: what it would ask of another allocator, "
               "not its own work",
    .check = replay_check,
};

#else

#include "alloc/base/assert.h"
#include "contents.h"
#include "load.h"
#include "workloads/alloc/touch.h"
#include "alloc/base/compiler.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#define SPINS    256
#define YIELDS   64
#define SLEEP_NS 20000

struct replay_state { /* of the loop, in registers where it can be */
    struct workload_thread *t;
    struct replay *r;
    struct replay_worker *w;
    struct alloc a;
    void **slot;
    const struct replay_other *others;
    uint64_t live, allocated, sum;
    uint64_t live_told; /* of `live`, at the end of the last epoch */
    uint32_t base;      /* epoch 0 of this window */
    uint32_t spins;
    bool last;  /* nothing follows this window */
    bool ended; /* an END was the last word */
    /* With lives: what the gauge has of this thread. */
    uint64_t allocated_told;
    const uint64_t *told_at;
};

/* An operation's part of the checksum: its kind and size, wherever its block is. `word` is one of replay.h. */
static always_inline uint64_t sum_of(uint64_t word)
{
    return (word & ((UINT64_C(7) << REPLAY_KIND_SHIFT) | UINT32_MAX)) * UINT64_C(0x9e3779b97f4a7c15);
}

/* ---- contents ---- */

enum contents { CONTENTS_NONE = TOUCH_NONE, CONTENTS_ALL = TOUCH_ALL, CONTENTS_VERIFY };

static always_inline void written(struct replay_state *s, void *p, uint64_t from, uint64_t size,
                                  unsigned contents, uint64_t seed)
{
    unsigned char *bytes = p;
    (void)s;
    switch (contents) {
    case TOUCH_NONE:
        break;
    case TOUCH_FIRST:
        if (from == 0 && size)
            bytes[0] = (unsigned char)size;
        break;
    case TOUCH_PAGE:
        for (uint64_t i = (from + TOUCH_PAGE_BYTES - 1) & ~(uint64_t)(TOUCH_PAGE_BYTES - 1); i < size;
             i += TOUCH_PAGE_BYTES)
            bytes[i] = (unsigned char)size;
        break;
    case TOUCH_ALL:
        if (size > from)
            memset(bytes + from, (int)size, size - from);
        break;
    default:
        pattern_fill(p, from, size, seed);
    }
}

/* ---- one operation ---- */

#define TIMED(op, call)                                              \
    do {                                                             \
        uint64_t begin_ns = timed ? os_now_ns() : 0;                 \
        call;                                                        \
        if (timed)                                                   \
            s->t->sample->latency(s->t, op, os_now_ns() - begin_ns); \
    } while (0)

static always_inline void *block_born(struct replay_state *s, enum hgt_kind kind, uint64_t size,
                                      unsigned align_log2, unsigned contents, uint64_t seed, bool timed)
{
    void *p;
    if (kind == HGT_CALLOC)
        TIMED(OP_CALLOC, p = s->a.calloc(s->a.ctx, 1, size));
    else if (kind == HGT_ALIGNED)
        TIMED(OP_MALLOC, p = s->a.aligned(s->a.ctx, (size_t)1 << align_log2, size));
    else
        TIMED(OP_MALLOC, p = s->a.malloc(s->a.ctx, size));
    s->live += size;
    s->allocated += size;
    if (unlikely(!p)) {
        s->t->failed_allocs++;
        return p;
    }
    if (contents == CONTENTS_VERIFY && kind == HGT_CALLOC && !all_zero(p, size))
        s->t->faults++;
    written(s, p, 0, size, contents, seed);
    return p;
}

static always_inline void *block_resized(struct replay_state *s, void *old, uint64_t size_then, uint64_t size,
                                         unsigned contents, uint64_t seed, bool timed)
{
    void *p;
    TIMED(OP_REALLOC, p = s->a.realloc(s->a.ctx, old, size));
    s->live += size - size_then;
    if (size > size_then)
        s->allocated += size - size_then;
    if (unlikely(!p)) {
        /* The trace goes on with a size that the block does not have: better none. The sample is void
         * anyway. */
        s->t->failed_allocs++;
        s->a.free(s->a.ctx, old);
        return NULL;
    }
    uint64_t kept = !old ? 0 : size < size_then ? size : size_then;
    if (contents == CONTENTS_VERIFY && !pattern_holds(p, kept, seed))
        s->t->faults++;
    written(s, p, contents == CONTENTS_VERIFY ? 0 : kept, size, contents, seed);
    return p;
}

static always_inline void block_gone(struct replay_state *s, void *p, uint64_t size, bool remote,
                                     unsigned contents, uint64_t seed, bool timed)
{
    if (contents == CONTENTS_VERIFY && p && !pattern_holds(p, size, seed))
        s->t->faults++;
    TIMED(remote ? OP_FREE_REMOTE : OP_FREE, s->a.free(s->a.ctx, p));
    s->live -= size;
}

/* Until the worker before us has done its step. Pairs with the release of replay_other(). */
static void await(struct replay_shared *shared, uint32_t step)
{
    for (unsigned spins = 0; atomic_load_explicit(&shared->step, memory_order_acquire) != step; spins++)
        if (spins >= SPINS + YIELDS)
            nanosleep(&(struct timespec){.tv_nsec = SLEEP_NS}, NULL);
        else if (spins >= SPINS)
            sched_yield();
}

static const uint8_t replay_kinds[HGT_KINDS] = {REPLAY_KINDS};

static noinline void replay_other(struct replay_state *s, const struct replay_other *o, unsigned contents,
                                  bool timed)
{
    bool is_shared = o->shared != REPLAY_NOT_SHARED;
    struct replay_shared *shared = is_shared ? &s->r->shared[o->shared] : NULL;
    void **place = is_shared ? &shared->block : &s->slot[o->slot];
    uint64_t seed = contents == CONTENTS_VERIFY ? contents_seed(s->t->index, o->slot, o->shared) : 0;
    if (is_shared)
        await(shared, o->step);
    switch ((enum hgt_kind)o->kind) {
    case HGT_FREE:
        block_gone(s, *place, o->size_then, o->remote, contents, seed, timed);
        *place = NULL;
        break;
    case HGT_REALLOC:
        *place = block_resized(s, *place, o->size_then, o->size, contents, seed, timed);
        break;
    case HGT_MALLOC:
    case HGT_CALLOC:
    case HGT_ALIGNED:
        *place = block_born(s, (enum hgt_kind)o->kind, o->size, o->align_log2, contents, seed, timed);
        if (o->align_log2 && ((uintptr_t)*place & (((uintptr_t)1 << o->align_log2) - 1)) &&
            !(s->t->sample->alloc_flags & ALLOC_ALIASES))
            s->t->faults++;
        break;
    case HGT_KINDS:
        break;
    }
    uint64_t size = o->kind == HGT_FREE ? o->size_then : o->size;
    s->sum += sum_of((uint64_t)replay_kinds[o->kind] << REPLAY_KIND_SHIFT | (uint32_t)(size ^ size >> 32)) +
              o->align_log2;
    if (is_shared)
        atomic_store_explicit(&shared->step, o->kind == HGT_FREE ? 0 : o->step + 1, memory_order_release);
}

/* The parent reads one gauge, the sample's thread's: the sums are there as each thread ends its part. */
static void replay_tell(struct replay_state *s, const uint64_t *at)
{
    struct lives *l = s->r->lives;
    uint64_t allocated = s->allocated - s->allocated_told, ops = (uint64_t)(at - s->told_at);
    allocated += atomic_fetch_add_explicit(&l->allocated_bytes, allocated, memory_order_relaxed);
    ops += atomic_fetch_add_explicit(&l->ops, ops, memory_order_relaxed);
    gauge_publish(l->outer->thread[0].gauge,
                  atomic_load_explicit(&s->r->epochs.live_bytes, memory_order_relaxed) + s->live -
                      s->live_told,
                  allocated, ops);
    s->allocated_told = s->allocated;
    s->told_at = at;
}

/* An idle time: all are at rest, and the clock stands. */
static void replay_wait(struct replay_state *s, uint64_t us)
{
    struct workload_sample *sample = s->t->sample;
    struct timespec left = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    uint64_t begin_ns = os_now_ns();
    if (sample->clock)
        sample->clock(sample, false);
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
    if (sample->clock)
        sample->clock(sample, true);
    s->r->idle_ns += os_now_ns() - begin_ns;
}

/* Returns what follows the word: nothing, after an END. */
static noinline const uint64_t *replay_life_word(struct replay_state *s, uint64_t word, const uint64_t *at)
{
    uint32_t slot = (uint32_t)(word >> REPLAY_SLOT_SHIFT) & (REPLAY_SLOTS_MAX - 1);
    uint64_t number = (uint64_t)(slot >> LIFE_BITS) << 32 | (uint32_t)word;
    unsigned worker = (unsigned)number & ((1u << LIFE_WORKER_BITS) - 1);
    switch ((enum replay_life)(slot & ((1u << LIFE_BITS) - 1))) {
    case LIFE_START:
        lives_start(s->r->lives, worker, number >> LIFE_WORKER_BITS);
        break;
    case LIFE_JOIN:
        lives_join(s->r->lives, worker);
        break;
    case LIFE_GAP:
        replay_wait(s, number);
        break;
    case LIFE_BEGIN:
        epoch_await(&s->r->epochs, s->base + (uint32_t)number, &s->spins);
        break;
    case LIFE_END:
        s->ended = true;
        return (const uint64_t *)s->w->words.at + s->w->words.count;
    }
    return at;
}

/* The end of this worker's part of an epoch. After the last operation of all there is nothing to wait for. */
static noinline void replay_epoch(struct replay_state *s, uint64_t word, const uint64_t *at)
{
    struct epochs *e = &s->r->epochs;
    uint32_t next = (uint32_t)word;
    if (s->r->lives)
        replay_tell(s, at);
    else
        gauge_publish(s->t->gauge, s->live, s->allocated, s->t->ops);
    epoch_end(e, s->t->sample, s->live - s->live_told,
              (uint32_t)(word >> REPLAY_SLOT_SHIFT) & (REPLAY_SLOTS_MAX - 1));
    s->live_told = s->live;
    if (!s->last || next != e->count)
        epoch_await(e, s->base + next, &s->spins);
}

/* Does the operation at `at`; returns what follows it. */
static always_inline const uint64_t *replay_word(struct replay_state *s, const uint64_t *at,
                                                 unsigned contents, bool timed)
{
    uint64_t word = *at++, size = (uint32_t)word;
    uint32_t slot = (uint32_t)(word >> REPLAY_SLOT_SHIFT) & (REPLAY_SLOTS_MAX - 1);
    uint64_t seed = contents == CONTENTS_VERIFY ? contents_seed(s->t->index, slot, REPLAY_NOT_SHARED) : 0;
    unsigned kind = (unsigned)(word >> REPLAY_KIND_SHIFT);
    s->sum += sum_of(word);
    if (kind == REPLAY_MALLOC)
        s->slot[slot] = block_born(s, HGT_MALLOC, size, 0, contents, seed, timed);
    else if (kind == REPLAY_FREE)
        block_gone(s, s->slot[slot], size, false, contents, seed, timed);
    else if (kind == REPLAY_CALLOC)
        s->slot[slot] = block_born(s, HGT_CALLOC, size, 0, contents, seed, timed);
    else if (kind == REPLAY_REALLOC)
        s->slot[slot] = block_resized(s, s->slot[slot], *at++, size, contents, seed, timed);
    else { /* the word itself is no operation */
        s->sum -= sum_of(word);
        if (kind == REPLAY_OTHER)
            replay_other(s, &s->others[size], contents, timed);
        else if (kind == REPLAY_EPOCH)
            replay_epoch(s, word, at);
        else
            at = replay_life_word(s, word, at);
    }
    return at;
}

/* ---- the loop ---- */

/* Words from `at` on, until `end`. */
static always_inline void replay_words(struct replay_state *s, const uint64_t *at, const uint64_t *end,
                                       unsigned contents)
{
    struct workload_thread *t = s->t;
    const uint64_t *begin = s->w->words.at;
    struct replay_state l = *s; /* not reachable by the calls, so its fields can stay in registers */
    while (at < end) {
        const uint64_t *batch = at;
        uint64_t left = (uint64_t)(end - at), room = left < GAUGE_BATCH ? left : GAUGE_BATCH;
        bool due = t->until_latency <= room;
        const uint64_t *stop = at + (due ? t->until_latency - 1 : room);
        while (at < stop)
            at = replay_word(&l, at, contents, false);
        t->until_latency -=
            (uint32_t)(at - batch) < t->until_latency ? (uint32_t)(at - batch) : t->until_latency - 1;
        if (due && at < end) {
            at = replay_word(&l, at, contents, true);
            t->until_latency = t->sample->latency_every;
        }
        gauge_publish(t->gauge, l.live, l.allocated, t->ops + (uint64_t)(at - begin));
    }
    *s = l;
}

static void replay_left(struct replay_state *s, unsigned contents)
{
    for (uint64_t i = 0; i < s->w->left_count; i++)
        replay_other(s, &s->w->left[i], contents, false);
    hg_seed(replay_freed_slot, s->w->slot[s->w->left[0].slot] = s);
}

static struct replay_state replay_begin(struct workload_thread *t)
{
    struct replay *r = t->sample->state;
    struct replay_worker *w = &r->worker[t->index];
    return (struct replay_state){.t = t,
                                 .r = r,
                                 .w = w,
                                 .a = *t->alloc,
                                 .slot = w->slot,
                                 .live = w->live_bytes,
                                 .live_told = w->live_bytes,
                                 .spins = SPINS,
                                 .allocated_told = w->allocated_bytes,
                                 .allocated = w->allocated_bytes};
}

static void replay_end(struct replay_state *s)
{
    s->w->live_bytes = s->live;
    hg_seed(replay_live_bytes, s->w->live_bytes += 16);
    s->w->allocated_bytes = s->allocated;
    if (s->t->index == 0) {
        s->t->faults += s->r->moved_faults;
        s->r->moved_faults = 0;
    }
    s->t->checksum += s->sum;
    gauge_publish(s->t->gauge, s->live, s->allocated, s->t->ops);
}

static void replay_part(struct replay_state *s, uint64_t begin, unsigned contents)
{
    const uint64_t *words = s->w->words.at, *at = words + begin, *end = words + s->w->words.count;
    s->told_at = at;
    switch (contents) {
    case TOUCH_NONE:
        replay_words(s, at, end, TOUCH_NONE);
        break;
    case TOUCH_FIRST:
        replay_words(s, at, end, TOUCH_FIRST);
        break;
    case TOUCH_PAGE:
        replay_words(s, at, end, TOUCH_PAGE);
        break;
    case TOUCH_ALL:
        replay_words(s, at, end, TOUCH_ALL);
        break;
    default:
        replay_words(s, at, end, CONTENTS_VERIFY);
    }
}

/* All are done with the window: until the next is there, or the trace begins again. */
static void replay_meet(struct replay_state *s)
{
    struct epochs *e = &s->r->epochs;
    if (!e->meet)
        return;
    s->base += e->count + 1;
    epoch_end(e, s->t->sample, s->live - s->live_told, 0);
    s->live_told = s->live;
    epoch_await(e, s->base, &s->spins);
}

/* A window; true when another follows it in this round. */
static bool replay_window(struct replay_state *s, bool last_round, unsigned contents)
{
    struct replay_worker *w = s->w;
    bool follows = !s->r->last_window;
    s->last = last_round && !follows && !s->r->lives; /* of lives, all are awaited */
    s->slot = w->slot;
    s->others = w->others.at;
    if (s->r->epochs.meet && (w->words.count || !s->last))
        epoch_await(&s->r->epochs, s->base + w->first_epoch, &s->spins);
    replay_part(s, 0, contents);
    s->t->ops += w->calls;
    for (unsigned i = 1; s->r->lives && i < s->r->workers; i++)
        s->t->ops += s->r->worker[i].calls;
    if (follows)
        replay_meet(s);
    return follows && !s->r->broken;
}

/* By a thread of lives.h; as replay_run(), for one round. */
static bool replay_life(struct workload_thread *t, uint64_t begin)
{
    const struct replay_params *p = t->sample->params;
    struct replay_state s = replay_begin(t);
    struct replay *r = s.r;
    unsigned contents = r->check_contents ? CONTENTS_VERIFY : (unsigned)p->touch;
    s.base = r->epochs.base;
    for (bool born_here = true;; born_here = false, begin = 0) {
        bool follows = !r->last_window;
        s.last = !follows;
        s.slot = s.w->slot;
        s.others = s.w->others.at;
        if (!born_here)
            epoch_await(&r->epochs, s.base + s.w->first_epoch, &s.spins);
        replay_part(&s, begin, contents);
        if (s.ended || !follows)
            break;
        replay_meet(&s);
        if (r->broken)
            break;
    }
    replay_end(&s);
    return s.ended;
}

/* When all threads but the sample's own are gone. Returns what that changes of the live bytes. */
static uint64_t replay_left_of_others(struct replay *r, unsigned contents, bool counted)
{
    uint64_t change = 0;
    for (unsigned i = 1; i < r->workers; i++) {
        struct replay_state s = replay_begin(&r->lives->of[i].t);
        replay_left(&s, contents);
        s.t->ops += counted ? s.w->left_count : 0;
        change += s.live - s.live_told;
        replay_end(&s);
    }
    return change;
}

static void replay_collect(struct replay *r)
{
    uint64_t live = 0, allocated = 0;
    for (unsigned i = 0; i < r->workers; i++) {
        live += r->worker[i].live_bytes;
        allocated += r->worker[i].allocated_bytes;
    }
    lives_collect(r->lives, live, allocated);
}

static void replay_run(struct workload_thread *of_sample)
{
    const struct replay_params *p = of_sample->sample->params;
    struct replay *r = of_sample->sample->state;
    struct workload_thread *t = r->lives ? &r->lives->of[0].t : of_sample;
    struct replay_state s = replay_begin(t);
    unsigned contents = s.r->check_contents ? CONTENTS_VERIFY : (unsigned)p->touch;
    for (uint64_t round = 0; round < s.r->repeat && !s.r->broken; round++) {
        if (round) { /* the program has ended and starts again */
            if (r->lives) {
                lives_end(r->lives);
                s.live_told -= replay_left_of_others(r, contents, true);
            }
            replay_left(&s, contents);
            t->ops += s.w->left_count;
            replay_meet(&s);
        }
        while (!s.r->broken && replay_window(&s, round + 1 == s.r->repeat, contents))
            ;
        if (r->lives)
            lives_await_rest(r->lives);
    }
    replay_end(&s);
    if (r->lives)
        replay_collect(r);
}

static void replay_drain(struct workload_thread *of_sample)
{
    struct replay *r = of_sample->sample->state;
    unsigned contents = r->check_contents ? CONTENTS_VERIFY : TOUCH_NONE;
    struct replay_state s = replay_begin(r->lives ? &r->lives->of[0].t : of_sample);
    if (r->lives) {
        lives_end(r->lives);
        replay_left_of_others(r, contents, false);
    }
    replay_left(&s, contents);
    replay_end(&s);
    if (r->lives)
        replay_collect(r);
}

/* ---- before and after ---- */

static const char *const order_names[] = {"live", "strict", "free"};

/* By who closes the window's last epoch; the others wait for it. */
static void replay_turn(struct workload_sample *s)
{
    struct replay *r = s->state;
    if (s->clock)
        s->clock(s, false);
    r->broken = replay_load_next(r, s->message) != 0;
    if (s->clock)
        s->clock(s, true);
}

int replay_setup_windows(struct workload_sample *s, uint64_t window_bytes)
{
    const struct replay_params *p = s->params;
    if (!p->file[0])
        return message_set(s->message, -EINVAL, "trace: which trace? trace:file=F.hgt");
    unsigned workers = s->threads;
    if (p->threads == THREADS_RECORDED) {
        if (workers != 1)
            return message_set(
                s->message, -EINVAL,
                "trace: threads=recorded starts the recording's threads itself: give --threads 1");
        if (!(workers = replay_threads(p->file, s->message)))
            return -EINVAL;
    }
    struct replay *r = workload_scratch(sizeof *r);
    if (!r || !(r->worker = workload_scratch(workers * sizeof *r->worker)))
        return message_set(s->message, -ENOMEM, "trace: no memory for its tables");
    r->workers = workers;
    if (workers != s->threads && !(r->lives = lives_open(s, workers, r, replay_life)))
        return message_set(s->message, -ENOMEM, "trace: no memory for its threads");
    r->gaps = p->gaps;
    r->repeat = p->repeat;
    r->check_contents = p->verify && !(s->alloc_flags & ALLOC_ALIASES);
    for (unsigned i = 0; i < workers; i++) {
        r->worker[i].words.item_bytes = sizeof(uint64_t);
        r->worker[i].others.item_bytes = sizeof(struct replay_other);
        r->worker[i].dead_now.item_bytes = r->worker[i].dead_later.item_bytes = sizeof(uint32_t);
    }
    r->epochs.workers = workers;
    r->epochs.peak = UINT32_MAX;
    int err = replay_load(r, p, window_bytes, s->message);
    if (err)
        return err;
    r->epochs.turn = r->windowed ? replay_turn : NULL;
    epochs_begin(&r->epochs);
    s->state = r;
    s->note(s, "trace.threads", r->trace_threads);
    s->note(s, "trace.peak_live_bytes", r->peak_live_bytes);
    s->note(s, "replay.peak_live_recorded_bytes", r->peak_live_bytes);
    s->note_text(s, "replay.order",
                 order_names[p->order == ORDER_LIVE && r->workers == 1 ? ORDER_STRICT : p->order]);
    s->note_text(s, "trace.path", p->file);
    return 0;
}

static int replay_setup(struct workload_sample *s)
{
    return replay_setup_windows(s, REPLAY_WINDOW_BYTES);
}

static int replay_verify(struct workload_sample *s)
{
    const struct replay *r = s->state;
    return r->broken ? -EBADMSG : 0; /* the message is replay_load_next()'s */
}

static void *replay_place_of(const struct replay *r, const struct replay_worker *w,
                             const struct replay_other *o)
{
    return o->shared != REPLAY_NOT_SHARED ? r->shared[o->shared].block : w->slot[o->slot];
}

bool replay_is_valid(const struct replay *r)
{
    uint64_t bytes = 0, left_bytes = 0, present = 0;
    if (r->broken)
        return true; /* it ended in the middle */
    for (unsigned i = 0; i < r->workers; i++) {
        const struct replay_worker *w = &r->worker[i];
        const struct replay_other *left = w->left;
        bytes += w->live_bytes;
        for (uint64_t j = 0; j < w->left_count; j++) {
            if (left[j].shared == REPLAY_NOT_SHARED ? left[j].slot >= w->slots
                                                    : left[j].shared >= r->shared_list.count)
                return false;
            left_bytes += left[j].size_then;
            present += replay_place_of(r, w, &left[j]) != NULL;
        }
    }
    return bytes == left_bytes || (!bytes && !present);
}

/* Live at a barrier: nothing before the run, what the trace never frees after it. */
static void replay_live(struct workload_sample *s, workload_visit *visit, void *arg)
{
    struct replay *r = s->state;
    hg_assert_whole(replay_is_valid(r));
    for (unsigned i = 0; i < r->workers; i++) {
        const struct replay_other *left = r->worker[i].left;
        for (uint64_t j = 0; j < r->worker[i].left_count; j++) {
            void *block = replay_place_of(r, &r->worker[i], &left[j]);
            if (block)
                visit(arg, block, left[j].size_then);
        }
    }
}

static void replay_finish(struct workload_sample *s)
{
    const struct replay_params *p = s->params;
    struct replay *r = s->state;
    hg_assert_whole(replay_is_valid(r));
    if (p->threads == THREADS_RECORDED)
        s->note(s, "replay.threads_started", r->lives ? r->lives->started : 0);
    if (r->gaps)
        s->note(s, "replay.idle_ns", r->idle_ns);
    if (r->epochs.meet && r->order != ORDER_FREE)
        s->note(s, "probe.epochs_most_live_bytes", r->epochs.most_live_bytes);
    for (unsigned i = 0; i < r->workers; i++) {
        struct replay_worker *w = &r->worker[i];
        if (w->slot)
            os_unmap(&os_harness, w->slot, w->slots_room * sizeof *w->slot);
    }
    replay_unload(r);
    lives_close(r->lives);
    os_unmap(&os_harness, r->worker, r->workers * sizeof *r->worker);
    os_unmap(&os_harness, r, sizeof *r);
}

const struct workload workload_alloc_trace = {
    .setup = replay_setup,
    .run = replay_run,
    .drain = replay_drain,
    .live = replay_live,
    .verify = replay_verify,
    .finish = replay_finish,
};

#endif
