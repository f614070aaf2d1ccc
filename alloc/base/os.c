/* os.c: see os.h. The only file of the project that maps memory. */
#include "os.h"

#include "syscall.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* The system calls. The sanitizers must see maps come and go: they get the C library's functions. */
#if defined(HG_ASAN) || defined(HG_TSAN)
#define os_sys_mmap   mmap
#define os_sys_munmap munmap
#define os_sys_advise madvise
#define os_sys_mremap mremap
#else
/* As the C library's: -1 with errno. */
static long os_result(long result)
{
    if ((unsigned long)result <= -4096UL)
        return result;
    errno = (int)-result;
    return -1;
}

static void *os_sys_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    return (void *)os_result(
        direct_syscall(SYS_mmap, (long)at, (long)bytes, protection, flags, fd, (long)offset));
}

static int os_sys_munmap(void *p, size_t bytes)
{
    return (int)os_result(direct_syscall(SYS_munmap, (long)p, (long)bytes, 0, 0, 0, 0));
}

static int os_sys_advise(void *p, size_t bytes, int advice)
{
    return (int)os_result(direct_syscall(SYS_madvise, (long)p, (long)bytes, advice, 0, 0, 0));
}

/* at: with MREMAP_FIXED, else NULL. */
static void *os_sys_mremap(void *p, size_t old_bytes, size_t new_bytes, int flags, void *at)
{
    return (void *)os_result(
        direct_syscall(SYS_mremap, (long)p, (long)old_bytes, (long)new_bytes, flags, (long)at, 0));
}
#endif

struct os_account os_harness;

static _Atomic bool os_huge_wanted;

static _Atomic uint64_t os_maps_until_failure; /* 0: no injected failure; 1: the next fails */
static _Atomic bool os_fails_once;             /* it alone, not those after it */

static _Atomic uint64_t os_failed;

static void os_fail(uint64_t n, bool once)
{
    atomic_store_explicit(&os_failed, 0, memory_order_relaxed);
    atomic_store_explicit(&os_fails_once, once, memory_order_relaxed);
    atomic_store_explicit(&os_maps_until_failure, n, memory_order_relaxed);
}

void os_fail_maps_after(uint64_t n)
{
    os_fail(n, false);
}

void os_fail_one_map(uint64_t n)
{
    os_fail(n, true);
}

uint64_t os_maps_failed(void)
{
    return atomic_load_explicit(&os_failed, memory_order_relaxed);
}

static bool os_injected_failure(void)
{
    uint64_t n = atomic_load_explicit(&os_maps_until_failure, memory_order_relaxed);
    while (n && (n > 1 || atomic_load_explicit(&os_fails_once, memory_order_relaxed)) &&
           !atomic_compare_exchange_weak_explicit(&os_maps_until_failure, &n, n - 1, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
    if (n != 1)
        return false;
    atomic_fetch_add_explicit(&os_failed, 1, memory_order_relaxed);
    errno = ENOMEM;
    return true;
}

size_t os_page_bytes(void)
{
    static _Atomic size_t bytes;
    size_t n = atomic_load_explicit(&bytes, memory_order_relaxed);
    if (!n) {
        n = (size_t)sysconf(_SC_PAGESIZE);
        atomic_store_explicit(&bytes, n, memory_order_relaxed);
    }
    return n;
}

static size_t os_round(size_t bytes)
{
    size_t page = os_page_bytes();
    return (bytes + page - 1) & ~(page - 1);
}

static void os_count_map(struct os_account *a, size_t bytes)
{
    atomic_fetch_add_explicit(&a->map_calls, 1, memory_order_relaxed);
    uint64_t now = atomic_fetch_add_explicit(&a->mapped_bytes, bytes, memory_order_relaxed) + bytes;
    uint64_t peak = atomic_load_explicit(&a->peak_bytes, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&a->peak_bytes, &peak, now,
                                                                memory_order_relaxed, memory_order_relaxed))
        ;
}

void os_want_huge_pages(void)
{
    atomic_store_explicit(&os_huge_wanted, true, memory_order_relaxed);
}

static void *os_mmap(size_t bytes, int flags)
{
    void *p = os_sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void *os_map(struct os_account *account, size_t bytes, size_t align, unsigned flags)
{
    if (bytes == 0 || bytes > PTRDIFF_MAX / 2 || align > PTRDIFF_MAX / 4) {
        errno = bytes ? ENOMEM : EINVAL;
        return NULL;
    }
    if (os_injected_failure())
        return NULL;
    bytes = os_round(bytes);
    int extra = flags & OS_RESERVE ? MAP_NORESERVE : 0, errno_before = errno;
    void *p = NULL;
    if (flags & OS_HUGE)
        p = os_mmap(bytes, MAP_HUGETLB);
    if (!p && align <= os_page_bytes()) {
        p = os_mmap(bytes, extra | (flags & OS_POPULATE ? MAP_POPULATE : 0));
    } else if (!p) {
        /* The kernel's place is often right already: try it, then over-map and cut both ends. */
        p = os_mmap(bytes, extra);
        if (p && ((uintptr_t)p & (align - 1))) {
            os_sys_munmap(p, bytes);
            char *wide = os_mmap(bytes + align, extra);
            p = NULL;
            if (wide) {
                char *at = (char *)(((uintptr_t)wide + align - 1) & ~(uintptr_t)(align - 1));
                if (at > wide)
                    os_sys_munmap(wide, (size_t)(at - wide));
                if (wide + align > at)
                    os_sys_munmap(at + bytes, (size_t)(wide + align - at));
                p = at;
            }
        }
        if (p && flags & OS_POPULATE)
            os_sys_advise(p, bytes,
                          MADV_POPULATE_WRITE); /* a hint: an old kernel faults the pages in later */
    }
    if (!p)
        return NULL;
    if (flags & (OS_HUGE | OS_THP) || atomic_load_explicit(&os_huge_wanted, memory_order_relaxed))
        os_sys_advise(p, bytes, MADV_HUGEPAGE);
    if ((flags & OS_WIPE) && os_sys_advise(p, bytes, MADV_WIPEONFORK) != 0) {
        os_sys_munmap(p, bytes);
        return NULL;
    }
    os_count_map(account, bytes);
    errno = errno_before; /* hints that came to nothing are no failure */
    return p;
}

void os_unmap(struct os_account *account, void *p, size_t bytes)
{
    bytes = os_round(bytes);
    int before = errno; /* free() is to leave it alone, and this is where free() may end */
    os_sys_munmap(p, bytes);
    errno = before;
    atomic_fetch_add_explicit(&account->unmap_calls, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&account->mapped_bytes, bytes, memory_order_relaxed);
}

void *os_remap(struct os_account *account, void *p, size_t old_bytes, size_t new_bytes)
{
    if (new_bytes > PTRDIFF_MAX / 2) {
        errno = ENOMEM;
        return NULL;
    }
    if (os_injected_failure())
        return NULL;
    old_bytes = os_round(old_bytes);
    new_bytes = os_round(new_bytes);
    void *q = os_sys_mremap(p, old_bytes, new_bytes, MREMAP_MAYMOVE, NULL);
    if (q == MAP_FAILED)
        return NULL;
    atomic_fetch_sub_explicit(&account->mapped_bytes, old_bytes, memory_order_relaxed);
    os_count_map(account, new_bytes);
    return q;
}

void *os_remap_aligned(struct os_account *account, void *p, size_t old_bytes, size_t new_bytes, size_t align)
{
    if (new_bytes > PTRDIFF_MAX / 2 - align) {
        errno = ENOMEM;
        return NULL;
    }
    if (os_injected_failure())
        return NULL;
    old_bytes = os_round(old_bytes);
    new_bytes = os_round(new_bytes);
    void *q = os_sys_mremap(p, old_bytes, new_bytes, 0, NULL);
    if (q == MAP_FAILED) {
        /* Address space that is wide enough holds an aligned place for it. */
        char *wide = os_sys_mmap(NULL, new_bytes + align, PROT_NONE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (wide == MAP_FAILED)
            return NULL;
        char *at = (char *)(((uintptr_t)wide + align - 1) & ~(uintptr_t)(align - 1));
        q = os_sys_mremap(p, old_bytes, new_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, at);
        if (q == MAP_FAILED) {
            os_sys_munmap(wide, new_bytes + align);
            return NULL;
        }
        if (at > wide)
            os_sys_munmap(wide, (size_t)(at - wide));
        os_sys_munmap(at + new_bytes, (size_t)(wide + align - at));
    }
    atomic_fetch_sub_explicit(&account->mapped_bytes, old_bytes, memory_order_relaxed);
    os_count_map(account, new_bytes);
    return q;
}

void os_purge(struct os_account *account, void *p, size_t bytes, bool lazily)
{
    atomic_fetch_add_explicit(&account->advise_calls, 1, memory_order_relaxed);
    int before = errno;
    if (!lazily || os_sys_advise(p, bytes, MADV_FREE) != 0)
        os_sys_advise(p, bytes, MADV_DONTNEED);
    errno = before;
}

bool os_populate(struct os_account *account, void *p, size_t bytes)
{
    atomic_fetch_add_explicit(&account->advise_calls, 1, memory_order_relaxed);
    int before = errno;
    bool done = os_sys_advise(p, bytes, MADV_POPULATE_WRITE) == 0;
    errno = before;
    return done;
}

void *os_map_file(int fd, size_t bytes, bool writable)
{
    void *p = os_sys_mmap(NULL, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                          writable ? MAP_SHARED : MAP_PRIVATE, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

void *os_map_file_piece(int fd, uint64_t offset, size_t bytes)
{
    void *p = os_sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    return p == MAP_FAILED ? NULL : p;
}

void os_unmap_file(void *p, size_t bytes)
{
    os_sys_munmap(p, bytes);
}
