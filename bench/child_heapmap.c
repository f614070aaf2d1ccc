/* child_heapmap.c: --heapmap: what lies where in the measured heap at each phase, as CSV, a line a pool (or page):
 *
 *   phase,t_ns,arena,pool,address,bytes,class_bytes,used,capacity,lost_bytes,blocks
 *
 * An arena has a line of its own before its pools, with an empty pool; its lost_bytes are lost to alignment. blocks has a
 * hexadecimal digit for four blocks, the first block in the highest bit: 1 is live. Written at the phases' barriers, when no
 * thread is in a call; lines are gathered in a buffer of our own, as the C library's would be measured. */
#include "child.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define HEAPMAP_BUFFER_BYTES 65536
#define HEAPMAP_BLOCKS_MAX   65536 /* of one pool: more are not drawn one by one */

static struct {
    int fd;
    const char *phase;
    uint64_t t_ns;
    unsigned arena, pool;
    bool open_line;
    uint32_t blocks;
    unsigned char nibble;
    size_t used;
    char buffer[HEAPMAP_BUFFER_BYTES];
} heapmap = {.fd = -1};

static void heapmap_flush(void)
{
    for (size_t at = 0; at < heapmap.used;) {
        ssize_t n = write(heapmap.fd, heapmap.buffer + at, heapmap.used - at);
        if (n <= 0)
            say_fail("check-failed", "cannot write the heap map: is the disk full?");
        at += (size_t)n;
    }
    heapmap.used = 0;
}

static void heapmap_put(const char *text, size_t n)
{
    if (heapmap.used + n > HEAPMAP_BUFFER_BYTES)
        heapmap_flush();
    memcpy(heapmap.buffer + heapmap.used, text, n);
    heapmap.used += n;
}

static void heapmap_end_line(void)
{
    if (!heapmap.open_line)
        return;
    if (heapmap.blocks % 4)
        heapmap_put(&"0123456789abcdef"[heapmap.nibble << (4 - heapmap.blocks % 4) & 15], 1);
    heapmap_put("\n", 1);
    heapmap.open_line = false;
}

static void heapmap_line(const struct alloc_piece *p, int pool)
{
    char line[320], number[16] = "";
    heapmap_end_line();
    if (pool >= 0)
        snprintf(number, sizeof number, "%d", pool);
    int n = snprintf(line, sizeof line, "%s,%llu,%u,%s,%p,%zu,%zu,%u,%u,%u,", heapmap.phase,
                     (unsigned long long)heapmap.t_ns, heapmap.arena, number, p->address, p->bytes,
                     p->block_bytes, p->used, p->capacity, p->lost_bytes);
    heapmap_put(line, (size_t)n);
    heapmap.open_line = true;
    heapmap.blocks = 0;
    heapmap.nibble = 0;
}

static int heapmap_visit(void *arg, const struct alloc_piece *p)
{
    (void)arg;
    switch (p->kind) {
    case ALLOC_ARENA:
        heapmap_line(p, -1);
        heapmap.arena++;
        heapmap.pool = 0;
        break;
    case ALLOC_POOL:
        heapmap.arena--; /* a pool belongs to the arena that was told last */
        heapmap_line(p, (int)heapmap.pool++);
        heapmap.arena++;
        break;
    case ALLOC_BLOCK:
        if (heapmap.blocks >= HEAPMAP_BLOCKS_MAX)
            break;
        heapmap.nibble = (unsigned char)(heapmap.nibble << 1 | (p->used != 0));
        if (++heapmap.blocks % 4 == 0) {
            heapmap_put(&"0123456789abcdef"[heapmap.nibble & 15], 1);
            heapmap.nibble = 0;
        }
    }
    return 0;
}

static int heapmap_stop(void *arg, const struct alloc_piece *p)
{
    (void)arg;
    (void)p;
    return 1;
}

void heapmap_open(const struct child_cell *cell, const struct alloc *a)
{
    static const char head[] =
        "phase,t_ns,arena,pool,address,bytes,class_bytes,used,capacity,lost_bytes,blocks\n";
    if (!cell->heapmap[0])
        return;
    /* A wrapper has a walk, but may have nothing to walk in. */
    if (!a->backend->walk || a->backend->walk(a->ctx, heapmap_stop, NULL, false) < 0)
        say_fail("not-applicable", "this allocator's heap cannot be walked: --heapmap takes pymalloc or "
                                   "pools, alone or in a wrapper");
    heapmap.fd = open(cell->heapmap, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (heapmap.fd < 0)
        say_fail("not-applicable", "cannot write the heap map there");
    heapmap_put(head, sizeof head - 1);
}

void heapmap_write(const struct alloc *a, const char *phase, uint64_t t_ns)
{
    if (heapmap.fd < 0)
        return;
    heapmap.phase = phase;
    heapmap.t_ns = t_ns;
    heapmap.arena = 0;
    a->backend->walk(a->ctx, heapmap_visit, NULL, true);
    heapmap_end_line();
    heapmap_flush();
}
