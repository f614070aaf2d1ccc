/* holds.c: holds memory of known places when it ends, and has one of known size in between, at which it sends
 * itself SIGUSR2: run under trace() by tests/cli/preload.bats, which knows the lines. */
#include <signal.h>
#include <stdlib.h>

static void *volatile kept[64];

static __attribute__((noinline)) void *three_hundred(void)
{
    void *p = malloc(300); /* line 10 */
    __asm__ volatile("" : "+r"(p));
    return p;
}

static __attribute__((noinline)) void *seven_thousand(void)
{
    void *p = calloc(7, 1000); /* line 17 */
    __asm__ volatile("" : "+r"(p));
    return p;
}

int main(void)
{
    for (int i = 0; i < 10; i++)
        kept[i] = three_hundred();
    kept[10] = seven_thousand();
    raise(SIGUSR2);
    free(malloc(1)); /* here the snapshot is taken */
    free(kept[10]);
    for (int i = 11; i < 14; i++)
        kept[i] = three_hundred();
    return 3;
}
