/* callsite.c: see callsite.h. Sites hang in a table of chains that only ever grows: a reader needs no lock,
 * because a chain is extended at its head by one release store. */
#include "callsite.h"

#include "alloc/alloc.h"
#include "alloc/base/os.h"
#include "alloc/base/mutex.h"
#include "alloc/base/compiler.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CALLSITE_BUCKETS     (1u << 16)
#define CALLSITE_CHUNK_BYTES ((size_t)256 << 10)
#define CALLSITE_STEP_MAX \
    ((uintptr_t)1 << 20) /* no frame of sane code is larger: beyond, the chain is not one */
#define CALLSITE_PAGE_BYTES  ((uintptr_t)4096)    /* the smallest of any machine */
#define CALLSITE_REACH_BYTES ((uintptr_t)8 << 20) /* a frame further below all others is on another stack */

_Thread_local struct callsite_cached callsite_cache[CALLSITE_CACHE_SLOTS];

/* The linker's names for the two ends of the section. */
extern const char __start_hg_wrappers[] __attribute__((weak, visibility("hidden")));
extern const char __stop_hg_wrappers[] __attribute__((weak, visibility("hidden")));

static struct {
    struct mutex mutex;                         /* for adding; guards chunk, at and left */
    _Atomic(struct callsite *) *_Atomic bucket; /* CALLSITE_BUCKETS of them */
    _Atomic(struct callsite *) *_Atomic by_id;  /* CALLSITE_COUNT_MAX of them, address space alone at first */
    _Atomic uint32_t limit;
    char *at;
    size_t left;
    struct os_account account;
} sites = {.limit = 1};

/* --- the walk ------------------------------------------------------------------------------------------- */

/* The calling thread's stack as far as it is known: [low, high) can be read, and it does not go below end.
 * high == 0: nothing is known. A signal's handler may come between any two stores: each leaves what is
 * true. */
static _Thread_local struct {
    uintptr_t low, high, end;
} stack_bounds;

extern void *__libc_stack_end; /* where the main thread's stack began; exported by the dynamic loader */

/* The main thread, and how low its stack may go. Asked for while the program begins, once for all: later it
 * may have put itself under a seccomp filter that allows no such question. */
static struct {
    pthread_t thread;
    uintptr_t low;
} callsite_main;

__attribute__((constructor)) static void callsite_begin(void)
{
    struct rlimit limit;
    size_t bytes = (size_t)8 << 20;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < (rlim_t)1 << 30)
        bytes = (size_t)limit.rlim_cur;
    uintptr_t high = (uintptr_t)__libc_stack_end;
    callsite_main.low = high > bytes ? high - bytes : 0;
    callsite_main.thread = pthread_self();
}

/* A wait for a word to change that is not what the kernel finds there (and if it is, no time to wait): nothing
 * changes. Any program with threads may do this, and no other thread than those needs it. A look at
 * /proc/self/maps would cost more and show less: guard regions (MADV_GUARD_INSTALL) do not stand there. */
static bool callsite_can_read(uintptr_t address)
{
    enum { HARDLY_A_WORD = 0x5ca1ab1e };
    static const struct timespec at_once = {0, 0};
    int saved = errno;
    bool can = syscall(SYS_futex, address, FUTEX_WAIT_PRIVATE, HARDLY_A_WORD, &at_once, NULL, 0) == 0 ||
               errno != EFAULT;
    errno = saved;
    return can;
}

/* Asks no function that may allocate or lock: not pthread_getattr_np, which does both, and inside which
 * the program's thread may be. A thread's own descriptor stands at the upper end of its stack, whoever
 * gave that. */
static noinline void callsite_begin_bounds(void)
{
    uintptr_t high = (uintptr_t)pthread_self(), low = high;
    if (!callsite_main.thread) /* before any constructor there is the main thread alone */
        callsite_begin();
    if (pthread_equal(callsite_main.thread, pthread_self())) {
        high = (uintptr_t)__libc_stack_end & ~(uintptr_t)15;
        low = callsite_main.low;
        stack_bounds.end = low; /* to read below it could make it grow */
    }
    stack_bounds.low = low;
    stack_bounds.high = high;
}

/* Lowers low to the page of at if all between can be read, and returns whether it could: a guard lies between
 * a thread's stack and others. (Where a program lays its own stacks side by side without, all are as one.) */
static noinline bool callsite_lower_bounds(uintptr_t at)
{
    while (stack_bounds.low > at) {
        uintptr_t page = (stack_bounds.low - 1) & ~(CALLSITE_PAGE_BYTES - 1);
        if (!callsite_can_read(page)) {
            stack_bounds.end = page + CALLSITE_PAGE_BYTES;
            return false;
        }
        stack_bounds.low = page;
    }
    return true;
}

/* Is this frame on the calling thread's own stack? */
static inline bool callsite_on_stack(uintptr_t at)
{
    if (!stack_bounds.high)
        callsite_begin_bounds();
    if (at + 2 * sizeof(void *) > stack_bounds.high || at < stack_bounds.end)
        return false;
    return at >= stack_bounds.low ||
           (stack_bounds.low - at <= CALLSITE_REACH_BYTES && callsite_lower_bounds(at));
}

static inline bool callsite_in_wrappers(const void *address)
{
    return (uintptr_t)address - (uintptr_t)__start_hg_wrappers <
           (uintptr_t)__stop_hg_wrappers - (uintptr_t)__start_hg_wrappers;
}

/* Reads saved registers from the stack, between what the sanitizers know to be variables. */
__attribute__((no_sanitize("address", "thread", "undefined"))) unsigned
callsite_walk(void **out, unsigned count, const void *frame, void *return_address)
{
    unsigned n = 0;
    if (!callsite_in_wrappers(return_address)) {
        out[n++] = return_address;
        if (n >= count)
            return n;
    }
    uintptr_t at = (uintptr_t)frame;
    if (callsite_on_stack(at)) {
        uintptr_t high = stack_bounds.high;
        while (n < count) {
            uintptr_t next = *(const uintptr_t *)at;
            if (next <= at || next - at > CALLSITE_STEP_MAX || next % sizeof(void *) ||
                next + 2 * sizeof(void *) > high)
                break;
            at = next;
            void *address = ((void *const *)at)[1];
            if ((uintptr_t)address < 4096)
                break;
            if (!callsite_in_wrappers(address))
                out[n++] = __builtin_extract_return_addr(address);
        }
    }
    if (n == 0)
        out[n++] = return_address;
    return n;
}

/* --- the table ------------------------------------------------------------------------------------------ */

static uint64_t callsite_hash(void *const *frames, unsigned count)
{
    uint64_t h = count;
    for (unsigned i = 0; i < count; i++) {
        h = (h ^ (uintptr_t)frames[i]) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return h;
}

static struct callsite *callsite_in_chain(struct callsite *s, uint64_t hash, void *const *frames,
                                          unsigned count)
{
    for (; s; s = s->next)
        if (s->hash == hash && s->frames == count && memcmp(s->frame, frames, count * sizeof *frames) == 0)
            return s;
    return NULL;
}

/* With the mutex held. NULL when there is no memory. */
static struct callsite *callsite_new(unsigned count)
{
    size_t bytes = (sizeof(struct callsite) + count * sizeof(void *) + 15) & ~(size_t)15;
    if (sites.left < bytes) {
        char *chunk = os_map(&sites.account, CALLSITE_CHUNK_BYTES, 0, 0);
        if (!chunk)
            return NULL;
        sites.at = chunk;
        sites.left = CALLSITE_CHUNK_BYTES;
    }
    struct callsite *s = (struct callsite *)sites.at;
    sites.at += bytes;
    sites.left -= bytes;
    return s;
}

/* With the mutex held. Release: pairs with the acquire of whoever reads the table's address. */
static bool callsite_tables(void)
{
    if (!atomic_load_explicit(&sites.by_id, memory_order_relaxed)) {
        void *by_id = os_map(&sites.account, CALLSITE_COUNT_MAX * sizeof(void *), 0, OS_RESERVE);
        if (!by_id)
            return false;
        atomic_store_explicit(&sites.by_id, by_id, memory_order_release);
    }
    if (!atomic_load_explicit(&sites.bucket, memory_order_relaxed)) {
        void *bucket = os_map(&sites.account, CALLSITE_BUCKETS * sizeof(void *), 0, 0);
        if (!bucket)
            return false;
        atomic_store_explicit(&sites.bucket, bucket, memory_order_release);
    }
    return true;
}

uint32_t callsite_intern(void *const *frames, unsigned count)
{
    uint64_t hash = callsite_hash(frames, count);
    size_t b = hash % CALLSITE_BUCKETS;
    _Atomic(struct callsite *) *bucket = atomic_load_explicit(&sites.bucket, memory_order_acquire);
    if (bucket) {
        /* Acquire: pairs with the release that published the site at the chain's head. */
        struct callsite *s =
            callsite_in_chain(atomic_load_explicit(&bucket[b], memory_order_acquire), hash, frames, count);
        if (s)
            return s->id;
    }
    uint32_t id = 0;
    mutex_lock(&sites.mutex);
    uint32_t limit = atomic_load_explicit(&sites.limit, memory_order_relaxed);
    if (callsite_tables()) {
        bucket = atomic_load_explicit(&sites.bucket, memory_order_relaxed);
        struct callsite *head = atomic_load_explicit(&bucket[b], memory_order_relaxed);
        struct callsite *s = callsite_in_chain(head, hash, frames, count);
        if (!s && limit < CALLSITE_COUNT_MAX && (s = callsite_new(count))) {
            s->hash = hash;
            s->next = head;
            s->id = limit;
            s->frames = count;
            memcpy(s->frame, frames, count * sizeof *frames);
            /* Release: whoever sees the site, its number or the limit sees what it holds. */
            atomic_store_explicit(&sites.by_id[limit], s, memory_order_release);
            atomic_store_explicit(&sites.limit, limit + 1, memory_order_release);
            atomic_store_explicit(&bucket[b], s, memory_order_release);
        }
        id = s ? s->id : 0;
    }
    mutex_unlock(&sites.mutex);
    return id;
}

uint32_t callsite_walk_and_find(unsigned count, const void *frame, void *return_address)
{
    void *frames[CALLSITE_FRAMES_MAX];
    unsigned n = callsite_walk(frames, count, frame, return_address);
    uint32_t id = callsite_intern(frames, n);
    if (count == 1 && frames[0] == return_address && id) {
        uintptr_t a = (uintptr_t)return_address;
        callsite_cache[(a ^ a >> 8) % CALLSITE_CACHE_SLOTS] = (struct callsite_cached){return_address, id};
    }
    return id;
}

const struct callsite *callsite_get(uint32_t id)
{
    if (id == 0 || id >= callsite_limit())
        return NULL;
    _Atomic(struct callsite *) *by_id = atomic_load_explicit(&sites.by_id, memory_order_acquire);
    return atomic_load_explicit(&by_id[id], memory_order_acquire);
}

uint32_t callsite_limit(void)
{
    return atomic_load_explicit(&sites.limit, memory_order_acquire);
}

uint64_t callsite_memory_bytes(void)
{
    return atomic_load_explicit(&sites.account.mapped_bytes, memory_order_relaxed);
}

void callsite_fork(enum alloc_fork phase)
{
    if (phase == ALLOC_FORK_PREPARE)
        mutex_lock(&sites.mutex);
    else
        mutex_unlock(&sites.mutex);
}
