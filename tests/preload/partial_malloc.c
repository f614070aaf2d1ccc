/* partial_malloc.c: a small sound allocator in malloc's place, which dies of a block that is not its own; and
 * what of it can be left out or made wrong, by macros:
 *   NO_ALIGNED    aligned_alloc is not there
 *   NO_USABLE     malloc_usable_size is not there
 *   LOSING        free_sized is there, and frees nothing
 *
 * Blocks of one power of two lie in a list each; | size class 8 | start of the block 8 | bytes ... | */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HEAP ((size_t)16 << 30)

struct head {
    size_t class;
    struct head *start; /* other than itself where the block was aligned */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char *heap, *end;
static struct free_block {
    struct free_block *next;
} * lists[64];

static void lock(void)
{
    pthread_mutex_lock(&mutex);
}

static void unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

__attribute__((constructor)) static void begin(void)
{
    pthread_atfork(lock, unlock, unlock);
}

void *malloc(size_t size)
{
    size_t class = 5;
    if (size > HEAP / 4) {
        errno = ENOMEM;
        return NULL;
    }
    while (((size_t)1 << class) < size + sizeof(struct head))
        class ++;
    lock();
    if (!heap)
        heap = end =
            mmap(NULL, HEAP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct head *h = (struct head *)lists[class];
    if (h) {
        lists[class] = lists[class]->next;
    } else {
        h = (struct head *)end;
        end += (size_t)1 << class;
    }
    unlock();
    *h = (struct head){class, h};
    return h + 1;
}

static struct head *head_of(void *p)
{
    if ((char *)p < heap || (char *)p >= heap + HEAP)
        abort();
    return (struct head *)p - 1;
}

void free(void *p)
{
    if (!p)
        return;
    struct head *start = head_of(p)->start;
    size_t class = start->class;
    lock();
    struct free_block *b = (struct free_block *)start;
    b->next = lists[class];
    lists[class] = b;
    unlock();
}

static size_t usable(void *p)
{
    struct head *h = head_of(p);
    return (size_t)((char *)h->start + ((size_t)1 << h->start->class) - (char *)p);
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    void *p = malloc(bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

void *realloc(void *old, size_t size)
{
    void *p = malloc(size);
    if (!p || !old)
        return p;
    memcpy(p, old, usable(old) < size ? usable(old) : size);
    free(old);
    return p;
}

void *memalign(size_t align, size_t size)
{
    if (align <= 16)
        return malloc(size);
    char *p = size > HEAP / 4 ? malloc(size) : malloc(size + align);
    if (!p)
        return NULL;
    char *at = (char *)(((uintptr_t)p + align - 1) & ~(uintptr_t)(align - 1));
    if (at != p)
        ((struct head *)(void *)at)[-1] = (struct head){0, (struct head *)(void *)p - 1};
    return at;
}

int posix_memalign(void **out, size_t align, size_t size)
{
    int before = errno;
    void *p = memalign(align, size);
    errno = before;
    if (p)
        *out = p;
    return p ? 0 : ENOMEM;
}

void *valloc(size_t size)
{
    return memalign(4096, size);
}

void *pvalloc(size_t size)
{
    return memalign(4096, (size + 4095) & ~(size_t)4095);
}

#ifndef NO_ALIGNED
void *aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}
#endif

#ifndef NO_USABLE
size_t malloc_usable_size(void *p)
{
    return p ? usable(p) : 0;
}
#endif

#ifdef LOSING
void free_sized(void *p, size_t size)
{
    (void)p;
    (void)size;
}
#endif
