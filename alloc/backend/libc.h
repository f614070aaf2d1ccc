/* libc.h: the C library's own malloc, for the backends that hand requests on to it. In our programs that is
 * malloc, which is also what LD_PRELOAD replaces. In the libraries that stand in malloc's place themselves
 * (HG_PIC) a call of malloc would come back to us: there it is glibc's second set of names for its
 * allocator, taken from glibc itself. */
#ifndef HG_ALLOC_BACKEND_LIBC_H
#define HG_ALLOC_BACKEND_LIBC_H

#include <stdbool.h>
#include <stddef.h>

#ifdef HG_PIC
void *libc_malloc(size_t size);
void *libc_calloc(size_t count, size_t size);
void *libc_realloc(void *p, size_t size);
void libc_free(void *p);
#else
#include <malloc.h>
#include <stdlib.h>
#define libc_malloc  malloc
#define libc_calloc  calloc
#define libc_realloc realloc
#define libc_free    free
#endif
/* 0: not known, for malloc is a library's that has no malloc_usable_size, and another's does not know its
 * blocks. */
size_t libc_usable(void *p);

/* Before any of the others. false: there is no glibc in the process. */
bool libc_open(void);

/* align is a power of two; size need not be a multiple of it, as aligned_alloc would have it. NULL with
 * errno. */
void *libc_aligned(size_t align, size_t size);

#endif
