/* family.c: the whole malloc family as a program sees it, linked against nothing of ours: run under the shim
 * by tests/cli/preload.bats. Each failure is a line on standard output; the status tells how many. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;
#define CHECK(condition)                                   \
    do {                                                   \
        if (!(condition)) {                                \
            printf("line %d: %s\n", __LINE__, #condition); \
            failures++;                                    \
        }                                                  \
    } while (0)

static void *volatile sink; /* keeps the compiler from leaving calls out */
static volatile size_t huge = SIZE_MAX;

static int all(const void *p, int c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (((const unsigned char *)p)[i] != c)
            return 0;
    return 1;
}

static void basics(void)
{
    char *p = malloc(100), *q = malloc(0), *r = malloc(0);
    CHECK(p && q && r && q != r);
    CHECK((uintptr_t)p % 16 == 0);
    CHECK(malloc_usable_size(p) >= 100);
    CHECK(malloc_usable_size(NULL) == 0);
    memset(p, 1, malloc_usable_size(p));
    p = realloc(p, 5000);
    CHECK(all(p, 1, 100));
    p = realloc(p, 20);
    CHECK(all(p, 1, 20));
    sink = p;
    CHECK(realloc(p, 0) == NULL);
    sink = realloc(NULL, 10);
    CHECK(sink != NULL);
    free(sink);
    free(q);
    free(r);
    free(NULL);
    for (int i = 0; i < 100; i++) { /* recycled memory is zeroed too */
        p = malloc(300);
        memset(p, 0xff, 300);
        sink = p;
        free(p);
        p = calloc(30, 10);
        CHECK(all(p, 0, 300));
        memset(p, 0xff, 300);
        sink = p;
        free(p);
    }
}

static void failures_set_errno(void)
{
    errno = 0;
    CHECK(malloc(huge) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(malloc(huge / 2 + 1) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(calloc(huge / 2, 3) == NULL && errno == ENOMEM);
    char *p = malloc(50);
    memset(p, 7, 50);
    errno = 0;
    sink = realloc(p, huge / 2 + 1);
    CHECK(sink == NULL && errno == ENOMEM);
    errno = 0;
    sink = reallocarray(p, huge / 4, 5);
    CHECK(sink == NULL && errno == ENOMEM);
    CHECK(all(p, 7, 50));
    p = reallocarray(p, 30, 10);
    CHECK(p && all(p, 7, 50));
    errno = 99; /* free leaves it alone, for small blocks and for mapped ones */
    free(p);
    CHECK(errno == 99);
    p = malloc(100 << 20);
    sink = p;
    errno = 99;
    free(p);
    CHECK(errno == 99);
    errno = 0;
    CHECK(pvalloc(huge - 10) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(aligned_alloc(64, huge - 100) == NULL && errno == ENOMEM);
}

static void alignments(void)
{
    void *p = (void *)1;
    long page = sysconf(_SC_PAGESIZE);
    errno = 99;
    CHECK(posix_memalign(&p, 24, 10) == EINVAL && p == (void *)1);
    CHECK(posix_memalign(&p, 4, 10) == EINVAL && p == (void *)1);
    CHECK(posix_memalign(&p, 64, huge / 2) == ENOMEM && p == (void *)1);
    if (getenv("HEAPGAUGE_ALLOC")) /* glibc's sets it, against POSIX's advice */
        CHECK(errno == 99);
    for (size_t align = sizeof(void *); align <= 1 << 16; align *= 2)
        for (size_t size = 0; size < 5000; size = size * 3 + 1) {
            CHECK(posix_memalign(&p, align, size) == 0 && (uintptr_t)p % align == 0);
            memset(p, 3, size);
            p = realloc(p, size + 50);
            CHECK(all(p, 3, size));
            free(p);
            p = aligned_alloc(align, size);
            CHECK(p && (uintptr_t)p % align == 0 && malloc_usable_size(p) >= size);
            memset(p, 4, malloc_usable_size(p));
            free(p);
        }
    p = memalign(48, 100); /* the next power of two */
    CHECK((uintptr_t)p % 64 == 0);
    free(p);
    p = valloc(10);
    CHECK((uintptr_t)p % (uintptr_t)page == 0);
    free(p);
    p = pvalloc((size_t)page + 1);
    CHECK((uintptr_t)p % (uintptr_t)page == 0 && malloc_usable_size(p) >= 2 * (size_t)page);
    memset(p, 1, 2 * (size_t)page);
    free(p);
    errno = 0;
    p = aligned_alloc((size_t)huge / 2 - 3, 16);
    CHECK(p == NULL);
}

/* C23's, and a name that glibc no longer has: there only under the shim. */
static void newer_and_older_names(void)
{
    void (*sized)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
    void (*aligned)(void *, size_t, size_t) =
        (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");
    void (*old)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "cfree");
    if (getenv("HEAPGAUGE_ALLOC"))
        CHECK(sized && aligned && old);
    if (!sized || !aligned || !old)
        return;
    for (int i = 0; i < 1000; i++) {
        sized(malloc(77), 77);
        aligned(aligned_alloc(256, 512), 256, 512);
        old(malloc(5));
        sized(NULL, 0);
    }
}

/* What the C library allocates itself is ours to free, and the other way round. */
static void library_calls(void)
{
    char *line = NULL;
    size_t room = 0;
    FILE *f = tmpfile();
    fputs("a line\n", f);
    rewind(f);
    CHECK(getline(&line, &room, f) == 7 && strcmp(line, "a line\n") == 0);
    free(line);
    fclose(f);
    char *copy = strdup("text"), *joined = NULL;
    CHECK(asprintf(&joined, "%s-%d", copy, 5) == 6 && strcmp(joined, "text-5") == 0);
    free(copy);
    free(joined);
    char *path = realpath("/", NULL);
    CHECK(path && strcmp(path, "/") == 0);
    free(path);
}

enum { THREADS = 4, SLOTS = 64, ROUNDS = 20000 };
static void *_Atomic slots[SLOTS];
static int _Atomic wrong;

static void *exchange(void *arg)
{
    unsigned long long r = (uintptr_t)arg + 1;
    for (int i = 0; i < ROUNDS; i++) {
        r = r * 6364136223846793005u + 1442695040888963407u;
        size_t size = 2 + (r >> 33) % 900;
        unsigned char *p = malloc(size);
        memset(p, (int)(r >> 56), size);
        p = __atomic_exchange_n((unsigned char **)&slots[(r >> 40) % SLOTS], p, __ATOMIC_ACQ_REL);
        if (p && p[0] != p[1])
            wrong++;
        free(p);
    }
    return NULL;
}

/* Forks while the others allocate: the child must be able to. */
static void threads_and_fork(void)
{
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&thread[i], NULL, exchange, (void *)(uintptr_t)i) == 0);
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            alarm(20);
            for (int k = 0; k < 200; k++)
                free(realloc(malloc((size_t)k * 10), (size_t)k * 20 + 1));
            for (int k = 0; k < SLOTS; k++) /* blocks of the parent's other threads */
                free(__atomic_exchange_n((void **)&slots[k], NULL, __ATOMIC_ACQ_REL));
            _exit(0);
        }
        int status;
        waitpid(pid, &status, 0);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (int k = 0; k < SLOTS; k++)
        free(slots[k]);
    CHECK(wrong == 0);
}

int main(void)
{
    basics();
    failures_set_errno();
    alignments();
    newer_and_older_names();
    library_calls();
    threads_and_fork();
    printf("%d failures\n", failures);
    return failures != 0;
}
