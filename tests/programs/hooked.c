/* hooked.c: three threads that allocate, large blocks among them, grow some, and give all back: what makes an
 * allocator map, remap, purge and unmap. Prints "fine". */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void *run(void *arg)
{
    unsigned r = (unsigned)(size_t)arg;
    char *q[64] = {0};
    for (int i = 0; i < 20000; i++) {
        r = r * 1664525 + 1013904223;
        unsigned k = (r >> 20) % 64;
        size_t n = 1 + (r >> 8) % (i % 100 ? 3000 : 3000000);
        if (i % 50 == 0)
            q[k] = realloc(q[k], n);
        else
            free(q[k]), q[k] = malloc(n);
        q[k][n - 1] = q[k][0] = 1;
    }
    for (int i = 0; i < 64; i++)
        free(q[i]);
    return arg;
}

int main(void)
{
    pthread_t t[3];
    for (size_t i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, run, (void *)(i + 1));
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    puts("fine");
}
