/* damages.c: one damage to the heap, named by its argument: found under debug() by tests/cli/preload.bats. */
#include <stdlib.h>
#include <string.h>

static char *volatile kept;

static __attribute__((noinline)) void overrun(void)
{
    char *volatile p = malloc(40);
    p[40] = 1;
    kept = p; /* and it is never freed: found at exit */
}

static __attribute__((noinline)) void free_twice(void)
{
    char *volatile p = malloc(40);
    free(p);
    free(p);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "overrun") == 0)
        overrun();
    if (argc > 1 && strcmp(argv[1], "twice") == 0)
        free_twice();
    return 0;
}
