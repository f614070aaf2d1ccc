/* Each check of `heapgauge check` can fail: for each there is an allocator here that is wrong in that one
 * way, and is caught by it; a sound one passes all. Built for this test alone. */
// links: $(ALLOC_C)
#include "bench/worker/check/check.c"
#include "bench/worker/check/checks.c"
#include "bench/worker/check/threads.c"
#include "bench/worker/check/entry.c"

#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

const char *__asan_default_options(void);
const char *__tsan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:detect_leaks=0:quarantine_size_mb=4:thread_local_quarantine_size_kb="
           "64";
}
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1:report_bugs=0"; /* broken on purpose */
}

/* The worker's proof is not under test; this program preloads nothing. */
int proof_serves(const char *library, struct message *m)
{
    (void)library;
    (void)m;
    return 0;
}

/* --- a sound allocator with a switch for each fault ----------------------------------------------------- */

/* A block of the C library's with the thread and the size before it, and room behind it:
 *     | thread 8 | size 8 | block ... | 64 spare bytes |
 * Over-aligned blocks are of posix_memalign and have none (told apart by the table below, as few are
 * live). */
enum fault {
    SOUND,
    MISALIGNED,        /* a block at 8 modulo 16 */
    ALIGNED_WRONGLY,   /* aligned() gives what malloc gives */
    ALIGNED_BY_SIZE,   /* the same for powers of two: as if blocks of such a size were aligned to it */
    OVERLAPPING,       /* one block begins inside another */
    SCRIBBLING,        /* writes into a live block now and then */
    NOT_ZEROING,       /* calloc of used memory */
    LOSING_HALF,       /* realloc copies half */
    USABLE_TOO_LARGE,  /* tells more than there is */
    USABLE_TOO_SMALL,  /* tells less than was asked */
    WITHOUT_ERRNO,     /* NULL, and errno as it was */
    LOSING_ON_FAILURE, /* a realloc that fails changes the block */
    WRAPPING,          /* calloc multiplies without looking */
    ZERO_IS_NULL,      /* malloc(0) */
    ZERO_IS_SHARED,    /* all blocks of size 0 are one */
    NULL_CRASHES,      /* free(NULL) */
    ERRNO_CHANGED,     /* by free */
    NEVER_REUSING,     /* free keeps all */
    LEAKING_REMOTE,    /* free of another thread's block keeps it */
    DYING_WITH_THREAD, /* blocks of a thread are wiped when it ends */
    RACING,            /* a cache of one block without a lock */
    LOCKED_IN_FORK,    /* a lock that fork() copies as it is */
    LOST_IN_FORK,      /* the child's first malloc fails */
    LATE_IN_FORK,  /* its handlers of fork() come once there are threads: its lock is held when others' run */
    WIPED_IN_FORK, /* a large heap's memory does not go to the child */
    ENDLESS,       /* malloc of a certain size does not return */
    FAULTS
};
static enum fault fault;

struct head {
    uint64_t thread;
    size_t size;
};
enum { SPARE = 64 };

static _Atomic uint64_t threads_seen;
static _Thread_local uint64_t thread_id; /* 0: not given yet */
static _Thread_local bool thread_failed;

static uint64_t thread_here(void)
{
    return thread_id ? thread_id : (thread_id = ++threads_seen);
}

static pthread_mutex_t broken_mutex = PTHREAD_MUTEX_INITIALIZER;
static pid_t broken_home; /* this program; each check is a child of it */
static void *_Atomic broken_last, *broken_cached;
static _Atomic size_t broken_bytes; /* handed out so far by this process */
static pthread_key_t broken_key;

/* Over-aligned blocks that are live: by address, under broken_mutex's sister. */
enum { ALIGNED_MAX = 4096 };
static pthread_mutex_t aligned_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    void *p;
    size_t size;
} aligned_live[ALIGNED_MAX];

static _Atomic unsigned aligned_count;

static size_t aligned_find(const void *p, bool forget)
{
    size_t size = 0;
    if (!aligned_count)
        return 0;
    pthread_mutex_lock(&aligned_mutex);
    for (int i = 0; i < ALIGNED_MAX; i++)
        if (aligned_live[i].p == p) {
            size = aligned_live[i].size;
            if (forget) {
                aligned_live[i].p = NULL;
                aligned_count--;
            }
            break;
        }
    pthread_mutex_unlock(&aligned_mutex);
    return size;
}

static struct head *head_of(const void *p)
{
    return (struct head *)p - 1;
}

/* Blocks of the thread that ends: kept in a list of its own, for DYING_WITH_THREAD. */
static _Thread_local struct {
    void *p[2048];
    unsigned count;
} mine;

static void wipe(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < mine.count; i++)
        memset(mine.p[i], 0xdb, head_of(mine.p[i])->size);
}

static void late_lock(void)
{
    pthread_mutex_lock(&broken_mutex);
}

static void late_unlock(void)
{
    pthread_mutex_unlock(&broken_mutex);
}

static void late_in_fork(void)
{
    static _Atomic bool registered;
    if (gettid() != getpid() && !atomic_exchange(&registered, true))
        pthread_atfork(late_lock, late_unlock, late_unlock);
    late_lock();
    late_unlock();
}

static void *broken_malloc(void *ctx, size_t size)
{
    (void)ctx;
    if (fault == LOST_IN_FORK && getpid() != broken_home && getppid() != broken_home && !thread_failed) {
        thread_failed = true;
        errno = ENOMEM;
        return NULL;
    }
    if (fault == ENDLESS && size == 7)
        for (;;)
            pause();
    if (size == 0 && fault == ZERO_IS_NULL)
        return NULL;
    static struct {
        struct head head;
        char nothing[16];
    } shared = {.head = {0, 0}};
    if (size == 0 && fault == ZERO_IS_SHARED)
        return shared.nothing;
    if (size > PTRDIFF_MAX - 4096) {
        if (fault != WITHOUT_ERRNO)
            errno = ENOMEM;
        return NULL;
    }
    if (fault == RACING && broken_cached && head_of(broken_cached)->size >= size) {
        void *p = broken_cached;
        sched_yield(); /* another thread comes by */
        broken_cached = NULL;
        return p;
    }
    if (fault == LATE_IN_FORK)
        late_in_fork();
    if (fault == LOCKED_IN_FORK) {
        pthread_mutex_lock(&broken_mutex);
        if (size % 5 == 0)
            usleep(20); /* so that it is held nearly always */
    }
    struct head *h = malloc(sizeof *h + size + SPARE + 16);
    if (fault == LOCKED_IN_FORK)
        pthread_mutex_unlock(&broken_mutex);
    if (!h) {
        errno = ENOMEM;
        return NULL;
    }
    *h = (struct head){thread_here(), size};
    void *p = h + 1;
    static _Atomic unsigned count;
    unsigned n = count++;
    broken_bytes += size;
    if (fault == SCRIBBLING && n % 97 == 0) {
        unsigned char *last = broken_last; /* live still, or just freed: it is the C library's either way */
        if (last)
            last[0] ^= 0x55;
    }
    if (fault == DYING_WITH_THREAD) {
        pthread_setspecific(broken_key, &mine);
        if (mine.count < 2048)
            mine.p[mine.count++] = p;
    }
    if (fault == OVERLAPPING && n % 101 == 7 && broken_last)
        return (char *)broken_last + 16;
    if (n % 97 == 50 || fault == OVERLAPPING)
        broken_last = size ? p : NULL;
    if (fault == MISALIGNED && n % 101 == 7)
        return (char *)p + 8;
    return p;
}

static void broken_free(void *ctx, void *p)
{
    (void)ctx;
    if (fault == NULL_CRASHES && !p)
        raise(SIGSEGV); /* as reading the head before it would */
    if (fault == ERRNO_CHANGED)
        errno = EINVAL;
    if (!p || fault == NEVER_REUSING || fault == OVERLAPPING || fault == MISALIGNED || fault == SCRIBBLING)
        /* the last three: what was given is not where the C library's block begins, or is scribbled on */
        return;
    if (aligned_find(p, true)) {
        free(p);
        return;
    }
    if (fault == LEAKING_REMOTE && head_of(p)->thread != thread_here())
        return;
    if (fault == DYING_WITH_THREAD || (fault == ZERO_IS_SHARED && head_of(p)->size == 0))
        return;
    if (fault == RACING && !broken_cached) {
        broken_cached = p;
        return;
    }
    if (fault == RACING)
        return;
    free(head_of(p));
}

static size_t broken_usable(void *ctx, const void *p)
{
    (void)ctx;
    size_t size = p ? aligned_find(p, false) : 0;
    if (!p || size)
        return size;
    size = head_of(p)->size;
    return fault == USABLE_TOO_LARGE ? size + SPARE + 64 : fault == USABLE_TOO_SMALL ? size / 2 + 1 : size;
}

static void *broken_calloc(void *ctx, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) && fault != WRAPPING) {
        errno = ENOMEM;
        return NULL;
    }
    void *p = broken_malloc(ctx, bytes);
    if (p && fault != NOT_ZEROING)
        memset(p, 0, bytes);
    return p;
}

static void *broken_realloc(void *ctx, void *old, size_t size)
{
    void *p = broken_malloc(ctx, size);
    if (!p && old && fault == LOSING_ON_FAILURE)
        memset(old, 0, 1);
    if (!p || !old)
        return p;
    size_t had = broken_usable(ctx, old), kept = had < size ? had : size;
    memcpy(p, old, fault == LOSING_HALF ? kept / 2 : kept);
    broken_free(ctx, old);
    return p;
}

static void *broken_aligned(void *ctx, size_t align, size_t size)
{
    if (align <= 16 || fault == ALIGNED_WRONGLY ||
        (fault == ALIGNED_BY_SIZE && size >= align && !(size & (size - 1))))
        return broken_malloc(ctx, size);
    void *p;
    if (size > PTRDIFF_MAX - align - 4096 || posix_memalign(&p, align, size + SPARE)) {
        if (fault != WITHOUT_ERRNO)
            errno = ENOMEM;
        return NULL;
    }
    bool kept = false;
    pthread_mutex_lock(&aligned_mutex);
    for (int i = 0; i < ALIGNED_MAX && !kept; i++)
        if (!aligned_live[i].p) {
            aligned_live[i].p = p;
            aligned_live[i].size = size ? size : 1;
            aligned_count++;
            kept = true;
        }
    pthread_mutex_unlock(&aligned_mutex);
    assert_true(kept);
    return p;
}

static void broken_close(struct alloc *a)
{
    (void)a;
}

/* The sound one's lock is let go of in the child; LOCKED_IN_FORK's is not. */
static void broken_fork(void *ctx, enum alloc_fork phase)
{
    (void)ctx;
    if (phase == ALLOC_FORK_PREPARE)
        pthread_mutex_lock(&aligned_mutex);
    else
        pthread_mutex_unlock(&aligned_mutex);
    if (phase == ALLOC_FORK_CHILD && fault == WIPED_IN_FORK && broken_bytes > (16u << 20))
        memset(broken_last, 0, 1);
}

static const struct backend backend_broken = {.name = "broken", .close = broken_close, .fork = broken_fork};

/* --- the tests ------------------------------------------------------------------------------------------ */

/* What the checks say of the allocator with this fault. */
static const char *verdict(enum fault f, const char *only, unsigned limit_s)
{
    static char text[16384];
    struct alloc_stack stack = {.layer = {{NULL, broken_malloc, broken_calloc, broken_realloc, broken_free,
                                           broken_aligned, broken_usable, &backend_broken}},
                                .depth = 1};
    FILE *out = fmemopen(text, sizeof text, "w");
    fault = f;
    broken_home = getpid();
    int shown = dup(2), quiet = open("/dev/null", O_WRONLY); /* what dies on purpose need not tell */
    dup2(quiet, 2);
    int failed = worker_check(&stack, ALLOC_THREADS, only, 1, limit_s, out);
    dup2(shown, 2);
    close(shown);
    close(quiet);
    fault = SOUND;
    fclose(out);
    unsigned lines = 0;
    for (const char *at = text; (at = strstr(at, "FAIL ")); at++)
        lines++;
    assert_int_equal(lines, failed);
    return text;
}

/* ThreadSanitizer slows all by ten, and bears no fork among threads: it sees the checks of threads alone, and
 * no fault. */
#ifdef HG_TSAN
#define CHECKED        "threads,thread-exit"
#define NOT_UNDER_TSAN return
#elif defined HG_ASAN
/* AddressSanitizer's own malloc, below the sound one, holds its locks across a fork among threads: all but
 * fork. */
#define CHECKED                                                                                           \
    "alignment,overlap,contents,calloc,realloc,usable,errno,overflow,zero,null,reuse,remote-free,thread-" \
    "exit,"                                                                                               \
    "threads"
#define NOT_UNDER_TSAN (void)0
#else
#define CHECKED        ""
#define NOT_UNDER_TSAN (void)0
#endif

static void a_sound_allocator_passes(void **state)
{
    (void)state;
    const char *text = verdict(SOUND, CHECKED, 60);
    if (strstr(text, "FAIL") || strstr(text, "skip"))
        fail_msg("%s", text);
    for (const struct check_case *k = check_cases; k->name; k++)
        assert_true(strstr(text, k->name) || !check_named(CHECKED, k->name) || k->flags);
}

static void each_check_catches_what_it_is_for(void **state)
{
    (void)state;
    NOT_UNDER_TSAN;
    static const struct {
        enum fault fault;
        const char *check, *says;
    } cases[] = {
        {MISALIGNED, "alignment", "not aligned to 16"},
        {ALIGNED_WRONGLY, "alignment", "aligned("},
        {ALIGNED_BY_SIZE, "alignment", "live blocks"},
        {OVERLAPPING, "overlap", "overlap"},
        {SCRIBBLING, "contents", "was changed"},
        {NOT_ZEROING, "calloc", "in memory used before"},
        {LOSING_HALF, "realloc", "did not keep"},
        {USABLE_TOO_LARGE, "usable",
         ""}, /* it tramples on the C library's heap: a signal, or a changed block */
        {USABLE_TOO_SMALL, "usable", "is reported to have"},
        {WITHOUT_ERRNO, "errno", "errno 0"},
        {LOSING_ON_FAILURE, "errno", "by a call that failed"},
        {WITHOUT_ERRNO, "overflow", "errno 0"},
        {WRAPPING, "overflow", "gave a block"},
        {ZERO_IS_NULL, "zero", "malloc(0) gave NULL"},
        {ZERO_IS_SHARED, "zero", "at one address"},
        {NULL_CRASHES, "null", "SIGSEGV"},
        {ERRNO_CHANGED, "null", "free changed errno"},
        {NEVER_REUSING, "reuse", "not used again"},
        {LEAKING_REMOTE, "remote-free", "not used again"},
        {DYING_WITH_THREAD, "thread-exit", "after its thread had ended"},
        {RACING, "threads", ""}, /* a block given twice: changed contents, or worse */
        {LOCKED_IN_FORK, "fork", "waits for ever"},
        {LOST_IN_FORK, "fork", "could not allocate"},
        {LATE_IN_FORK, "fork-handlers", "does not end"},
        {WIPED_IN_FORK, "fork", "found a block of its parent's changed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char wanted[64];
        if (cases[i].fault == LOCKED_IN_FORK)
            in_child_limit_s = 1;
        /* These need threads that meet: on a busy machine they may not do so in one run of the check. */
        bool chance =
            cases[i].fault == RACING || cases[i].fault == LOCKED_IN_FORK || cases[i].fault == LATE_IN_FORK;
        unsigned tries = chance ? 30 : 1, limit_s = cases[i].fault == LATE_IN_FORK ? 5 : 60;
        const char *text = "";
        bool caught = false;
        snprintf(wanted, sizeof wanted, "FAIL %s: ", cases[i].check);
        while (!caught && tries-- > 0) {
            text = verdict(cases[i].fault, cases[i].check, limit_s);
            caught = strstr(text, wanted) && strstr(text, cases[i].says);
        }
        if (!caught)
            fail_msg("fault %d is not caught by %s: %s", (int)cases[i].fault, cases[i].check, text);
    }
}

static void a_check_that_hangs_is_stopped(void **state)
{
    (void)state;
    assert_non_null(strstr(verdict(ENDLESS, "alignment", 1), "FAIL alignment: it does not end"));
}

static void only_names_are_whole_words(void **state)
{
    (void)state;
    assert_string_equal(verdict(SOUND, "alloc,null", 60),
                        "ok null: free(NULL) does nothing, free leaves errno alone\n");
}

int main(void)
{
    pthread_key_create(&broken_key, wipe);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_allocator_passes),
        cmocka_unit_test(each_check_catches_what_it_is_for),
        cmocka_unit_test(a_check_that_hangs_is_stopped),
        cmocka_unit_test(only_names_are_whole_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
