/* spool.c: the recorder's slow path: which process is recorded, where its words go, what a fork, a thread's
 * end and a full disk do. See spool.h for the file, record.h for the fast path.
 *
 * A process begins EARLY: its calls, from before any constructor, go into a buffer. Our constructor decides:
 * RECORDING, when it is the process of HEAPGAUGE_RECORD_PID or children are wanted, or OFF. A forked child
 * finds its states wiped and decides anew. STOPPED is for good: the disk is full, or the file cannot be
 * reached any more.
 *
 * Locking: `lock` guards the lists of free states and segments, and the late calls of ended threads; it is
 * held for a few instructions, never over an allocation. A child begins with it open, whoever held it in the
 * parent. */
#include "record.h"

#include "exec.h"
#include "file.h"
#include "tally.h"

#include "alloc/base/mutex.h"
#include "alloc/base/os.h"
#include "alloc/base/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EARLY_WORDS  4096
#define STATES_BYTES (64u << 10)
#define MARK_WORDS   4
#define ROOM_LEAST   (MARK_WORDS + 2 * (SPOOL_LONG_MAX + 1)) /* a segment with less is not worth passing on */

enum process_state { PROCESS_UNKNOWN, PROCESS_EARLY, PROCESS_RECORDING, PROCESS_STOPPED, PROCESS_OFF };

struct room { /* the rest of a segment, for another thread; its first word is still 0 */
    uint64_t *at, *end, *segment;
};

/* A room that nobody has holds these itself: a reader passes over what comes after a word of 0. There are no
 * more of them than threads that were alive at once. */
enum { ROOM_ZERO, ROOM_NEXT, ROOM_END, ROOM_SEGMENT };

/* What a thread starts with, and what it has where nothing is recorded: no room, so that every call is
 * slow. */
static struct record_thread record_none;
__thread struct record_thread *record_self = &record_none;
static __thread uint32_t thread_number; /* from 1; 0 = the thread has not been seen */
static __thread uint32_t thread_parts;
static __thread bool thread_keyed; /* the C library will call us at its end */
static __thread bool
    thread_ended; /* its destructors are over: calls now come from the C library's clearing up */
static __thread bool thread_inside; /* in this file: a signal handler's call must not take the lock again */
static __thread bool thread_probing;
static __thread unsigned thread_probe_hits;
_Atomic uint64_t record_clock;

/* What is called before our constructor, in pieces: each begins with a last address of 0, as after a MARK. */
struct early {
    struct early *next;
    uint64_t *end; /* set when the piece is full */
    uint64_t words[EARLY_WORDS];
};
static struct early early_first;
static struct early *early_last = &early_first;

static struct {
    _Atomic int state;
    struct mutex lock;
    struct spool_header *header;
    _Atomic uint32_t threads;
    uint64_t *wiped; /* 1, or 0 after a fork */
    bool wipes;      /* the kernel does that */
    struct record_thread *free_states;
    char *states;
    size_t states_left;
    uint64_t *rooms; /* the first one's `at`, or NULL */
    pthread_key_t key;
    bool key_made;
    uint64_t gap_ns;               /* idle times of so much are written; 0: none are */
    _Atomic uint64_t last_call_ns; /* of any thread, by the coarse clock */
} process;

static void lock(void)
{
    mutex_lock(&process.lock);
}

static void unlock(void)
{
    mutex_unlock(&process.lock);
}

static int state_now(void)
{
    return atomic_load_explicit(&process.state, memory_order_acquire);
}

static void stop(int err)
{
    int expected = PROCESS_RECORDING;
    if (atomic_compare_exchange_strong_explicit(&process.state, &expected, PROCESS_STOPPED,
                                                memory_order_acq_rel, memory_order_acquire)) {
        process.header->stop_clock = atomic_load_explicit(&record_clock, memory_order_relaxed);
        __atomic_store_n(&process.header->stop_errno, (uint32_t)err, __ATOMIC_RELEASE);
    }
}

static void count_dropped(void)
{
    if (process.header)
        __atomic_fetch_add(&process.header->dropped, 1, __ATOMIC_RELAXED);
}

/* ---- segments ---- */

static int segment_new(struct room *room)
{
    uint64_t *words;
    int err = file_segment(&words);
    if (err)
        return err;
    *room = (struct room){words, words + SPOOL_SEGMENT_WORDS, words};
    return 0;
}

/* The rest of an ended thread's segment, or a new one. */
static int room_take(struct room *room)
{
    lock();
    uint64_t *found = process.rooms;
    if (found) {
        *room = (struct room){found, (uint64_t *)(uintptr_t)found[ROOM_END],
                              (uint64_t *)(uintptr_t)found[ROOM_SEGMENT]};
        process.rooms = (uint64_t *)(uintptr_t)found[ROOM_NEXT];
    }
    unlock();
    return found ? 0 : segment_new(room);
}

static void room_give(struct record_thread *t)
{
    if (!t->segment)
        return;
    if (t->end - t->at >= ROOM_LEAST) {
        t->at[ROOM_END] = (uintptr_t)t->end;
        t->at[ROOM_SEGMENT] = (uintptr_t)t->segment;
        lock();
        t->at[ROOM_NEXT] = (uintptr_t)process.rooms;
        process.rooms = t->at;
        unlock();
    } else {
        file_full(t->segment);
    }
    t->at = t->end = t->segment = NULL;
}

/* Payload first, then the word that makes it count: a kill between the two leaves a 0 there. */
static void put_long(struct record_thread *t, enum spool_kind sub, const uint64_t *payload, unsigned words)
{
    for (unsigned i = 0; i < words; i++)
        t->at[1 + i] = payload[i];
    __atomic_store_n(t->at, (uint64_t)SPOOL_LONG | (uint64_t)sub << 3 | (uint64_t)words << 8,
                     __ATOMIC_RELEASE);
    t->at += 1 + words;
}

static void mark(struct record_thread *t, struct room room)
{
    t->segment = room.segment;
    t->at = room.at;
    t->end = room.end;
    t->last = 0;
    put_long(t, SPOOL_MARK, (uint64_t[]){thread_number - 1, thread_parts++, t->clock}, 3);
}

/* ---- threads ---- */

static struct record_thread *state_new(void)
{
    lock();
    struct record_thread *t = process.free_states;
    if (t) {
        process.free_states = t->next_free;
    } else {
        if (process.states_left < sizeof *t) {
            process.states = os_map(&os_harness, STATES_BYTES, 0, OS_WIPE);
            if (!process.states) /* a kernel that cannot wipe: pthread_atfork does what it can */
                process.states = os_map(&os_harness, STATES_BYTES, 0, 0);
            process.states_left = process.states ? STATES_BYTES : 0;
        }
        if (process.states_left) {
            t = (struct record_thread *)(void *)process.states;
            process.states += sizeof *t;
            process.states_left -= sizeof *t;
        }
    }
    unlock();
    if (t)
        *t = (struct record_thread){.used = 1, .busy = RECORD_INSIDE};
    return t;
}

static void thread_exit(void *state);

static void thread_leave(void)
{
    struct record_thread *t = record_self;
    record_self = &record_none;
    if (t == &record_none)
        return;
    room_give(t);
    lock();
    t->next_free = process.free_states;
    process.free_states = t;
    unlock();
}

/* The calling thread's first recorded call, or a later one of an ended thread. */
static int thread_begin(void)
{
    struct record_thread *t = state_new();
    struct room room;
    if (!t)
        return -ENOMEM;
    int err = room_take(&room);
    if (err) {
        lock();
        t->next_free = process.free_states;
        process.free_states = t;
        unlock();
        return err;
    }
    if (!thread_number)
        thread_number = 1 + atomic_fetch_add_explicit(&process.threads, 1, memory_order_relaxed);
    /* Counts the clock up, so that what a lone thread freed without counting is before what we allocate. */
    t->clock = 1 + atomic_fetch_add_explicit(&record_clock, 1, memory_order_acq_rel);
    mark(t, room);
    record_self = t;
    return 0;
}

static void leave_inside(void)
{
    if (record_self->used)
        record_self->busy = process.gap_ns ? RECORD_TIMED : 0;
    thread_inside = false;
}

/* The C library is to call us at the thread's end. */
static void thread_watch(void)
{
    if (!process.key_made || thread_keyed || thread_ended || record_self == &record_none)
        return;
    thread_keyed = true;
    pthread_setspecific(process.key, record_self); /* may allocate: by now that can be recorded */
}

/* ---- processes ---- */

static void read_line(const char *file, char *out, size_t size, uint32_t *bytes)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, size);
    *bytes = n > 0 ? (uint32_t)n : 0;
    if (fd >= 0)
        close(fd);
}

static int spool_open(bool forked)
{
    struct spool_header *h;
    int err = file_open(getenv(SPOOL_ENV_BASE), &h);
    if (err)
        return err;
    const char *recording = getenv(SPOOL_ENV_RECORDING);
    h->recording = recording ? strtoull(recording, NULL, 10) : 0;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    ssize_t n = readlink("/proc/self/exe", h->program, sizeof h->program - 1);
    if (n < 0)
        h->program[0] = '\0';
    read_line("/proc/self/cmdline", h->command, sizeof h->command, &h->command_bytes);
    h->segment_bytes = SPOOL_SEGMENT_BYTES;
    h->pid = (uint32_t)getpid();
    h->start_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    h->forked = forked;
    __atomic_store_n(&h->magic, SPOOL_MAGIC, __ATOMIC_RELEASE);
    process.header = h;
    return 0;
}

/* A fork of a process that is recorded alone must not even ask for its number: see file.h. */
static bool wanted(bool forked)
{
    const char *pid = getenv(SPOOL_ENV_PID), *children = getenv(SPOOL_ENV_CHILDREN),
               *base = getenv(SPOOL_ENV_BASE);
    if (!base || !*base)
        return false;
    return (children && children[0] == '1') || (!forked && pid && strtol(pid, NULL, 10) == (long)getpid());
}

static void after_fork(void)
{
    if (process.wiped)
        *process.wiped = 0;
    record_self = &record_none;
}

static struct record_thread early_thread;

static void early_begin(struct early *piece)
{
    early_last = piece;
    early_thread.at = piece->words;
    early_thread.end = piece->words + EARLY_WORDS;
    early_thread.last = 0;
}

static void process_early(void)
{
    early_thread.used = 1;
    early_begin(&early_first);
    record_self = &early_thread;
    atomic_store_explicit(&process.state, PROCESS_EARLY, memory_order_release);
}

/* The environment cannot be read before the C library's own constructor, so calls are kept until ours. */
static bool early_more(void)
{
    struct early *piece = os_map(&os_harness, sizeof *piece, 0, 0);
    if (!piece)
        return false;
    early_last->end = early_thread.at;
    early_last->next = piece;
    early_begin(piece);
    return true;
}

static int early_flush(void)
{
    struct record_thread *t = record_self;
    early_last->end = early_thread.at;
    for (struct early *piece = &early_first; piece; piece = piece->next) {
        size_t words = (size_t)(piece->end - piece->words);
        struct room room = {t->at, t->end, t->segment};
        if ((size_t)(t->end - t->at) < words + MARK_WORDS) {
            int err = segment_new(&room);
            file_full(t->segment);
            t->at = t->end = t->segment = NULL;
            if (err)
                return err;
        }
        mark(t, room);
        memcpy(t->at, piece->words, words * sizeof *piece->words);
        t->at += words;
    }
    t->last = early_thread.last;
    return 0;
}

_Static_assert(EARLY_WORDS + MARK_WORDS <= SPOOL_SEGMENT_WORDS, "a piece fits a segment");

/* Once a process, by its only thread. */
static void process_decide(bool forked)
{
    bool want = wanted(forked);
    record_self = &record_none;
    tally_begin(want, forked);
    if (want)
        exec_keep();
    if (!want || spool_open(forked) != 0) {
        atomic_store_explicit(&process.state, PROCESS_OFF, memory_order_release);
        return;
    }
    if (!process.wiped) {
        process.wiped = os_map(&os_harness, sizeof *process.wiped, 0, OS_WIPE);
        process.wipes = process.wiped != NULL;
    }
    if (!process.wiped)
        process.wiped = os_map(&os_harness, sizeof *process.wiped, 0, 0);
    if (process.wiped)
        *process.wiped = 1;
    const char *gaps = getenv(SPOOL_ENV_GAPS);
    process.gap_ns = gaps ? strtoull(gaps, NULL, 10) : 0;
    atomic_store_explicit(&process.last_call_ns, 0, memory_order_relaxed);
    process.key_made = process.key_made || pthread_key_create(&process.key, thread_exit) == 0;
    atomic_store_explicit(&process.state, PROCESS_RECORDING, memory_order_release);
    int err = process.wiped ? thread_begin() : -ENOMEM;
    if (!err && !forked)
        err = early_flush();
    if (err)
        stop(-err);
}

/* A child that was forked off: all that it has is its parent's. */
static void process_forked(void)
{
    process.lock = (struct mutex){0};
    /* A fork of a confined process cannot open a file of its own. */
    bool confined = file_is_confined() && wanted(true);
    if (confined && process.header)
        __atomic_fetch_add(&process.header->confined_forks, 1, __ATOMIC_RELAXED);
    file_forget();
    process.header = NULL;
    process.free_states = NULL;
    process.states_left = 0;
    process.rooms = NULL;
    thread_number = thread_parts = 0;
    thread_keyed = false;
    atomic_store_explicit(&process.threads, 0, memory_order_relaxed);
    atomic_store_explicit(&record_clock, 0, memory_order_relaxed);
    if (confined) {
        record_self = &record_none;
        atomic_store_explicit(&process.state, PROCESS_OFF, memory_order_release);
    } else {
        process_decide(true);
    }
}

__attribute__((constructor(101))) static void record_start(void)
{
    int saved = errno;
    thread_inside = true;
    if (state_now() == PROCESS_UNKNOWN)
        process_early();
    if (state_now() == PROCESS_EARLY)
        process_decide(false);
    leave_inside();
    if (state_now() == PROCESS_RECORDING)
        thread_watch();
    /* Where the kernel wipes, a handler would undo what those that ran before it allocated; it may itself
     * allocate here. */
    if (state_now() != PROCESS_OFF && !process.wipes)
        pthread_atfork(NULL, NULL, after_fork);
    errno = saved;
}

/* ---- the slow path itself ---- */

#define ROOM_FOR_ONE (3 + 2 + SPOOL_LONG_MAX) /* words: SEQUENCE, GAP; SEQUENCE, LONG, its payload */

/* True when the calling thread has a state with room for anything. */
static bool ready(void)
{
    if (process.wiped && !*process.wiped)
        process_forked();
    if (state_now() == PROCESS_UNKNOWN)
        process_early();
    if (state_now() == PROCESS_EARLY) /* of a thread that was made before any constructor, nothing is kept */
        return record_self == &early_thread &&
               (early_thread.end - early_thread.at >= ROOM_FOR_ONE || early_more());
    if (state_now() != PROCESS_RECORDING)
        return false;
    struct record_thread *t = record_self;
    if (t == &record_none) {
        int err = thread_begin();
        if (err)
            stop(-err);
        return !err;
    }
    if (t->end - t->at < ROOM_FOR_ONE) {
        struct room room;
        int err = segment_new(&room);
        file_full(t->segment);
        t->at = t->end = t->segment = NULL;
        if (err) {
            stop(-err);
            return false;
        }
        mark(t, room);
    }
    return true;
}

/* Runs in the last round of destructors, after other libraries' own have freed what they hold. What the thread
 * calls from now on (destructors after this one, the C library's own clearing up) makes it take a room again
 * for each call. */
static void thread_exit(void *state)
{
    struct record_thread *t = state;
    if (t != record_self || !t->used)
        return;
    if (++t->exits < PTHREAD_DESTRUCTOR_ITERATIONS && pthread_setspecific(process.key, t) == 0)
        return;
    int saved = errno;
    thread_inside = true;
    t->busy |= RECORD_INSIDE;
    if (ready()) {
        uint64_t clock = atomic_fetch_add_explicit(&record_clock, 1, memory_order_acq_rel);
        put_long(t, SPOOL_EXIT, &clock, 1);
    }
    thread_ended = true;
    thread_leave();
    thread_inside = false;
    errno = saved;
}

/* As in record_word(), for those that come here although they fit a word. */
static bool put_word(struct record_thread *t, enum spool_kind kind, uint64_t address, size_t size)
{
    uint64_t delta = address - t->last;
    int64_t units = (int64_t)delta >> 4;
    if (kind > SPOOL_REALLOC_TO || size > SPOOL_SIZE_MAX || (delta & 15) ||
        (units << (64 - SPOOL_DELTA_BITS)) >> (64 - SPOOL_DELTA_BITS) != units)
        return false;
    *t->at++ = (uint64_t)units << (3 + SPOOL_SIZE_BITS) | (uint64_t)size << 3 | kind;
    return true;
}

static void put(struct record_thread *t, enum spool_kind kind, const void *p, size_t size, size_t align,
                uint64_t clock)
{
    uint64_t address = (uintptr_t)p;
    if (clock >
        t->clock) /* it is behind in a thread's first call alone: the thread's beginning ticked since */
        *t->at++ = (t->clock = clock) << 3 | SPOOL_SEQUENCE;
    if (kind == SPOOL_FAILED) {
        put_long(t, kind, (uint64_t[]){size}, 1);
        return;
    }
    if (kind == SPOOL_ALIGNED)
        put_long(t, kind, (uint64_t[]){address, size, align}, 3);
    else if (!put_word(t, kind, address, size))
        put_long(t, kind, (uint64_t[]){address, size}, 2);
    t->last = address;
    if (kind == SPOOL_FREE || kind == SPOOL_REALLOC_FROM)
        t->clock += size;
}

/* Since any thread's last call: 0, or what is long enough to be written, and then for this thread alone. */
static uint64_t idle_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now); /* no system call */
    uint64_t ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    uint64_t last = atomic_load_explicit(&process.last_call_ns, memory_order_relaxed);
    if (ns <= last || !atomic_compare_exchange_strong_explicit(&process.last_call_ns, &last, ns,
                                                               memory_order_relaxed, memory_order_relaxed))
        return 0;
    return last && ns - last >= process.gap_ns ? ns - last : 0;
}

/* Counts the clock up, so that what was called before is before it. */
static void put_gap(struct record_thread *t, uint64_t ns)
{
    t->clock = 1 + atomic_fetch_add_explicit(&record_clock, 1, memory_order_acq_rel);
    *t->at++ = t->clock << 3 | SPOOL_SEQUENCE;
    put_long(t, SPOOL_GAP, &ns, 1);
}

void record_slow(enum spool_kind kind, const void *p, size_t size, size_t align, uint64_t clock)
{
    if (thread_probing) {
        thread_probe_hits++;
        return;
    }
    if (state_now() == PROCESS_OFF) {
        if (kind != SPOOL_REALLOC_TO) /* the second half of one */
            tally_call();
        return;
    }
    struct record_thread *t = record_self;
    if (thread_inside || (t->used && (t->busy & RECORD_INSIDE))) {
        count_dropped();
        return;
    }
    int saved = errno;
    thread_inside = true;
    if (t->used)
        t->busy |= RECORD_INSIDE;
    bool able = ready();
    bool begun = t != record_self;
    t = record_self;
    if (able) {
        uint64_t gap_ns = process.gap_ns && kind != SPOOL_REALLOC_TO ? idle_ns() : 0;
        if (gap_ns) {
            put_gap(t, gap_ns);
            clock = t->clock; /* nothing can have come of the call yet that has an earlier number */
        }
        if ((begun || gap_ns) && (kind == SPOOL_FREE || kind == SPOOL_REALLOC_FROM)) {
            /* A number from before the thread's beginning would be in the past; the real free is still to
             * come. */
            clock = atomic_fetch_add_explicit(&record_clock, 1, memory_order_acq_rel);
            size = SPOOL_TICK;
        }
        put(t, kind, p, size, align, clock);
        if (thread_ended)
            thread_leave();
    } else if (state_now() == PROCESS_STOPPED && kind != SPOOL_REALLOC_FROM) {
        count_dropped();
    }
    leave_inside();
    if (able && begun)
        thread_watch();
    errno = saved;
}

bool record_wanted(void)
{
    if (process.wiped && !*process.wiped && !thread_inside) { /* a forked child decides while it is alone */
        int saved = errno;
        thread_inside = true;
        process_forked();
        leave_inside();
        thread_watch();
        errno = saved;
    }
    return state_now() == PROCESS_RECORDING;
}

void record_born(void)
{
    if (!record_wanted() || record_self != &record_none)
        return;
    int saved = errno;
    thread_inside = true;
    bool able = ready();
    leave_inside();
    if (able)
        thread_watch();
    errno = saved;
}

void record_python(unsigned calls)
{
    if (process.header && process.wiped && *process.wiped)
        __atomic_fetch_add(&process.header->python_calls, calls, __ATOMIC_RELAXED);
}

/* busy sends all calls to record_slow(); a thread without a state of its own has no other way. */
void record_probe_begin(void)
{
    thread_probing = true;
    thread_probe_hits = 0;
    if (record_self->used)
        record_self->busy++;
}

unsigned record_probe_hits(void)
{
    unsigned hits = thread_probe_hits;
    thread_probe_hits = 0;
    return hits;
}

void record_probe_end(void)
{
    if (record_self->used)
        record_self->busy--;
    thread_probing = false;
}
