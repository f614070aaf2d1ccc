/* kin.c: a program whose calls of malloc and its kin are known, one of each: what tests/traces/ holds was
 * written of it by other tools, and tests/cli/import.bats has the operations that follow from this source.
 * With the word thread it starts one, with fork a child too. */
#define _GNU_SOURCE 1
#include <malloc.h>
#include <mcheck.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *thread_main(void *unused)
{
    char *p = malloc(777);
    (void)unused;
    p = realloc(p, 888);
    free(p);
    return malloc(33);
}

int main(int argc, char **argv)
{
    void *volatile out = NULL;
    void *given = NULL;
    pthread_t thread;
    mtrace();
    char *a = malloc(24), *b = malloc(124), *c = calloc(10, 30);
    b = realloc(b, 5000);
    char *d = aligned_alloc(64, 640);
    char *e = realloc(NULL, 50);
    free(a);
    out = malloc((size_t)1 << 62); /* fails */
    free(out);                     /* nothing */
    e = reallocarray(e, 10, 20);
    a = malloc(8); /* probably where it was */
    if (posix_memalign(&given, 128, 1000) != 0)
        return 1;
    for (int i = 1; i < argc && strcmp(argv[i], "thread") == 0; i++) {
        if (pthread_create(&thread, NULL, thread_main, NULL) != 0)
            return 1;
        void *from_thread;
        pthread_join(thread, &from_thread);
        free(from_thread);
    }
    if (argc > 1 && strcmp(argv[argc - 1], "fork") == 0) {
        if (fork() == 0) {
            free(malloc(4444));
            free(b); /* its copy: the parent's lives on */
            _exit(0);
        }
        wait(NULL);
    }
    free(given);
    free(b);
    free(d);
    free(e);
    free(a);
    muntrace();
    return c == NULL; /* c is never freed */
}
