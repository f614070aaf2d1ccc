/* asks.c: what a program can ask of its malloc has to be true of the blocks that it holds. Each failure is a line on
 * standard output; the status tells how many. With an argument: malloc_trim has something to give back here. */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failures;
#define CHECK(condition)                                   \
    do {                                                   \
        if (!(condition)) {                                \
            printf("line %d: %s\n", __LINE__, #condition); \
            failures++;                                    \
        }                                                  \
    } while (0)

enum { SMALL = 100000, SMALL_BYTES = 200, LARGE = 20 };
static const size_t large_bytes = 5 << 20;
static char *small[SMALL], *large[LARGE];
static volatile int over;

static size_t used(void)
{
    struct mallinfo2 m = mallinfo2();
    CHECK(m.uordblks + m.fordblks <= m.arena + 4096);
    return m.uordblks + m.hblkhd;
}

static long resident_pages(void)
{
    long all, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld %ld", &all, &resident) != 2)
        resident = -1;
    if (f)
        fclose(f);
    return resident;
}

static void *works(void *arg)
{
    while (!over)
        for (int i = 0; i < 1000; i++) {
            char *volatile p = malloc(100 + (size_t)i * 37 % 40000);
            free(p);
        }
    return arg;
}

int main(int argc, char **argv)
{
    char text[4096] = "";
    pthread_t t[3];
    size_t before = used(), size = 0;
    for (int i = 0; i < SMALL; i++)
        small[i] = memset(malloc(SMALL_BYTES), 1, SMALL_BYTES);
    for (int i = 0; i < LARGE; i++)
        large[i] = memset(malloc(large_bytes), 1, large_bytes);
    size_t held = (size_t)SMALL * SMALL_BYTES + LARGE * large_bytes, now = used() - before;
    CHECK(now >= held && now < held + held / 4);
    CHECK((size_t)mallinfo().uordblks + (size_t)mallinfo().hblkhd == used());
    FILE *f = fmemopen(text, sizeof text - 1, "w");
    CHECK(malloc_info(0, f) == 0 && fclose(f) == 0);
    char *system = strstr(text, "<system type=\"current\" size=\"");
    CHECK(strncmp(text, "<malloc version=\"1\">", 20) == 0 && system);
    /* malloc_stats speaks on standard error */
    FILE *said = tmpfile();
    int error = dup(2);
    dup2(fileno(said), 2);
    malloc_stats();
    dup2(error, 2);
    rewind(said);
    char line[256];
    int total = 0;
    while (fgets(line, sizeof line, said)) {
        total |= strncmp(line, "Total", 5) == 0;
        if (total)
            sscanf(line, "in use bytes = %zu", &size);
    }
    CHECK(size >= held && size < held + held / 4 + before);
    for (int i = 0; i < LARGE; i++)
        free(large[i]);
    for (int i = 0; i < SMALL; i++)
        if (i % 100)
            free(small[i]);
    now = used() - before;
    CHECK(now < held / 10);
    long resident = resident_pages();
    int trimmed = malloc_trim(0);
    CHECK(trimmed == 0 || trimmed == 1);
    if (argc > 1) {
        CHECK(trimmed == 1);
        CHECK(resident - resident_pages() >= 256);
    }
    for (int i = 0; i < SMALL; i += 100)
        CHECK(small[i][0] == 1 && small[i][SMALL_BYTES - 1] == 1);
    /* while others are in calls */
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, works, NULL);
    for (int i = 0; i < 300; i++) {
        CHECK(used() < held);
        malloc_trim(0);
    }
    over = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 20) == (getenv("MALLOPT") != NULL));
    printf("%d failures\n", failures);
    return failures;
}
