/* handlers: fork handlers that allocate and free, as a library registers them that looks at itself around
 * fork(). Built a second time with -DFROM_A_LIBRARY as a library, whose constructor registers them before the
 * program has allocated at all. The program: handlers prepare|parent|child [threads] forks and prints
 * "forked" when parent and child have come through. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *allocates = "";

static void use(const char *handler)
{
    if (strcmp(handler, allocates) != 0)
        return;
    for (size_t size = 16; size < 4000000; size = size * 2 + 7) { /* of every kind that an allocator has */
        char *volatile p = malloc(size);
        p[size - 1] = 1;
        free(p);
    }
}

static void prepare(void)
{
    use("prepare");
}

static void parent(void)
{
    use("parent");
}

static void child(void)
{
    use("child");
}

#ifdef FROM_A_LIBRARY
void look_around_fork(const char *handler);
__attribute__((constructor)) static void start(void)
{
    pthread_atfork(prepare, parent, child);
}

void look_around_fork(const char *handler)
{
    allocates = handler;
}
#else
__attribute__((weak)) void look_around_fork(const char *handler);

static void *churn(void *arg)
{
    for (unsigned i = 0;; i++) {
        free(malloc(16 + i * 7919 % 3000));
        free(malloc(100000));
        pthread_testcancel();
    }
    return arg;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    int status;
    if (argc < 2)
        return 2;
    if (look_around_fork) {
        look_around_fork(argv[1]);
    } else {
        allocates = argv[1];
        pthread_atfork(prepare, parent, child);
    }
    if (argc > 2 && pthread_create(&thread, NULL, churn, NULL) != 0)
        return 1;
    char *volatile first = malloc(100);
    free(first);
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            first = malloc(200);
            free(first);
            _exit(7);
        }
        if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
            return 1;
    }
    if (argc > 2) {
        pthread_cancel(thread);
        pthread_join(thread, NULL);
    }
    puts("forked");
    return 0;
}
#endif
