/* startup_peak.c BLOCKS SIZE STARTS: the calls of the workload `startup` with one size and one thread, done again on the malloc that it
 * finds, by a program that shares nothing with ours: threads come one after another; each frees what the one before
 * left and allocates its own, BLOCKS of SIZE bytes, then frees three of four. Prints the most bytes that were live,
 * what was resident over the start when they were, and the most that was resident: "LIVE THEN MOST". */
#include "peak.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned char **block;
static size_t blocks, size;
static long then;

static void *life(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < blocks; i++) {
        free(block[i]);
        block[i] = malloc(size);
        for (size_t k = 0; k < size; k += 4096)
            block[i][k] = 1;
        block[i][size - 1] = 1;
    }
    if (!then)
        then = status_kib("VmRSS:");
    for (size_t i = 0; i < blocks; i++)
        if (i % 4) {
            free(block[i]);
            block[i] = NULL;
        }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    blocks = strtoul(argv[1], NULL, 10);
    size = strtoul(argv[2], NULL, 10);
    unsigned long starts = strtoul(argv[3], NULL, 10), stack_bytes = 256 << 10;
    block = table(blocks * sizeof *block);
    void *stack = table(stack_bytes);
    pthread_attr_t attr;
    if (!block || !stack || pthread_attr_init(&attr) != 0 ||
        pthread_attr_setstack(&attr, stack, stack_bytes) != 0)
        return 3;
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "5", 1) != 1)
        return 3;
    long start = status_kib("VmRSS:");
    for (unsigned long i = 0; i < starts; i++) {
        pthread_t id;
        if (pthread_create(&id, &attr, life, NULL) != 0 || pthread_join(id, NULL) != 0)
            return 3;
    }
    printf("%lu %ld %ld\n", blocks * size, (then - start) * 1024, (status_kib("VmHWM:") - start) * 1024);
    return 0;
}
