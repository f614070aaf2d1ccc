/* peak.c: a replayer that shares nothing with ours: the calls of a trace's text form (a, r and f of one thread),
 * on the malloc that it finds. Prints the most bytes that were live, what was resident over the start right
 * after the first call at which that was so, and over the whole time: "LIVE THEN MOST". */
#include "peak.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct call {
    char kind;
    unsigned long block, size;
};

struct place {
    char *at;
    unsigned long size;
};

static size_t read_calls(const char *path, struct call **out, unsigned long *blocks)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text, *end;
    size_t n = 0;
    if (fd < 0 || fstat(fd, &st) != 0 || !(text = table((size_t)st.st_size + 1)) ||
        read(fd, text, (size_t)st.st_size) != st.st_size ||
        !(*out = table((size_t)st.st_size * sizeof **out / 4 + sizeof **out)))
        return 0;
    close(fd);
    for (char *at = text; *at; at = end + (*end == '\n'), n++) {
        struct call *c = &(*out)[n];
        c->kind = *at;
        c->block = strtoul(at + 1, &end, 10);
        c->size = *end == ' ' ? strtoul(end, &end, 10) : 0;
        *blocks = c->block >= *blocks ? c->block + 1 : *blocks;
    }
    munmap(text, (size_t)st.st_size + 1);
    return n;
}

static void do_call(const struct call *c, struct place *p)
{
    if (c->kind == 'f')
        free(p->at);
    else
        p->at = c->kind == 'r' ? realloc(p->at, c->size) : malloc(c->size);
    unsigned long from = c->kind == 'r' ? (p->size + 4095) & ~4095ul : 0;
    for (unsigned long i = from; i < c->size; i += 4096)
        p->at[i] = 1;
    p->size = c->size;
}

int main(int argc, char **argv)
{
    struct call *call;
    unsigned long blocks = 0, live = 0, most = 0;
    size_t calls = argc > 1 ? read_calls(argv[1], &call, &blocks) : 0, at = 0;
    struct place *place = table(blocks * sizeof *place + 1);
    if (!calls || !place)
        return 2;
    for (size_t i = 0; i < calls; i++) { /* first without malloc: which call it is */
        live += call[i].size - place[call[i].block].size;
        place[call[i].block].size = call[i].size;
        if (live > most) {
            most = live;
            at = i;
        }
    }
    memset(place, 0, blocks * sizeof *place);
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "5", 1) != 1)
        return 3;
    long start = status_kib("VmRSS:"), then = 0;
    for (size_t i = 0; i < calls; i++) {
        do_call(&call[i], &place[call[i].block]);
        if (i == at)
            then = status_kib("VmRSS:") - start;
    }
    printf("%lu %ld %ld\n", most, then * 1024, (status_kib("VmHWM:") - start) * 1024);
    return 0;
}
