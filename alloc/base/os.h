/* os.h: the boundary to the operating system. os.c is the only file that maps memory.
 *
 * Backends stand in malloc's place in programs where other libraries hook mmap, munmap and the like and allocate
 * in the hook. So what maps here makes system calls itself (syscall.h), and calls no function that can be hooked.
 *
 * Each map is counted in an account, so that a backend's memory is known apart from the harness's own. Counts
 * are relaxed atomics: any thread may map. Errors: NULL with errno. */
#ifndef HG_ALLOC_BASE_OS_H
#define HG_ALLOC_BASE_OS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct os_account {
    _Atomic uint64_t mapped_bytes;
    _Atomic uint64_t peak_bytes;
    _Atomic uint64_t map_calls, unmap_calls, advise_calls;
};
extern struct os_account os_harness; /* for memory of the harness's own */

enum {
    OS_POPULATE = 1 << 0, /* fault the pages in now */
    OS_HUGE = 1 << 1,     /* explicit huge pages; falls back to madvise and then to small ones */
    OS_RESERVE = 1 << 2,  /* address space alone: may be far larger than memory (MAP_NORESERVE) */
    OS_THP = 1 << 3,      /* transparent huge pages, where the kernel gives them to those who ask */
    OS_WIPE = 1 << 4,     /* reads as zero in a forked child; where the kernel cannot, NULL with EINVAL */
};

/* From now on every map is with OS_THP: what a machine does that gives huge pages to those who do not ask. */
void os_want_huge_pages(void);

/* Zeroed, private, anonymous; bytes is rounded up to the page. align 0 takes what the kernel gives, else a
 * power of two of at least a page. */
void *os_map(struct os_account *account, size_t bytes, size_t align, unsigned flags);
void os_unmap(struct os_account *account, void *p, size_t bytes);
/* Grows or shrinks in place or by moving page tables; NULL leaves the old mapping. */
void *os_remap(struct os_account *account, void *p, size_t old_bytes, size_t new_bytes);
/* The same where both places are aligned; grows in place if it can. */
void *os_remap_aligned(struct os_account *account, void *p, size_t old_bytes, size_t new_bytes, size_t align);
/* Contents may be lost: MADV_DONTNEED (now) or MADV_FREE (when memory is short). */
void os_purge(struct os_account *account, void *p, size_t bytes, bool lazily);
/* Faults the pages of [p, p + bytes) in, for writing, by one call. false where the kernel cannot (before
 * Linux 5.14) or memory is short: they come one by one when touched, then. */
bool os_populate(struct os_account *account, void *p, size_t bytes);
/* A file mapped shared (the control page) or for reading (a recording). */
void *os_map_file(int fd, size_t bytes, bool writable);
/* A piece of a file, shared and writable; offset is a multiple of the page. The file may be shorter. */
void *os_map_file_piece(int fd, uint64_t offset, size_t bytes);
void os_unmap_file(void *p, size_t bytes);

size_t os_page_bytes(void);

/* For tests: the nth map call from now (1 = the next) and all after it fail with ENOMEM; 0 switches it off.
 */
void os_fail_maps_after(uint64_t n);
/* The nth alone. */
void os_fail_one_map(uint64_t n);
/* How many have failed since one of these was called. */
uint64_t os_maps_failed(void);

static inline uint64_t os_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
