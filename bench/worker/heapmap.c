/* heapmap.c: --heapmap: what lies where in the measured heap at each phase, as CSV, a line a pool (or page):
 *
 *   phase,t_ns,arena,pool,address,bytes,class_bytes,used,capacity,lost_bytes,blocks
 *
 * An arena has a line of its own before its pools, with an empty pool; its lost_bytes are lost to alignment.
 * blocks has a hexadecimal digit for four blocks, the first block in the highest bit: 1 is live. Written at
 * the phases' barriers, when no thread is in a call. */
#include "worker.h"
#include "file_kinds.h"

#include <string.h>

#define HEAPMAP_BLOCKS_MAX 65536 /* of one pool: more are not drawn one by one */

static struct {
    struct worker_file *file;
    const char *phase;
    uint64_t t_ns;
    unsigned arena, pool;
    bool open_line;
    uint32_t blocks;
    unsigned char nibble;
} heapmap;

static void heapmap_end_line(void)
{
    if (!heapmap.open_line)
        return;
    if (heapmap.blocks % 4)
        worker_file_put(heapmap.file, &"0123456789abcdef"[heapmap.nibble << (4 - heapmap.blocks % 4) & 15],
                        1);
    worker_file_put(heapmap.file, "\n", 1);
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
    worker_file_put(heapmap.file, line, (size_t)n);
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
        heapmap.arena--; /* a pool belongs to the arena that was visited last */
        heapmap_line(p, (int)heapmap.pool++);
        heapmap.arena++;
        break;
    case ALLOC_BLOCK:
        if (heapmap.blocks >= HEAPMAP_BLOCKS_MAX)
            break;
        heapmap.nibble = (unsigned char)(heapmap.nibble << 1 | (p->used != 0));
        if (++heapmap.blocks % 4 == 0) {
            worker_file_put(heapmap.file, &"0123456789abcdef"[heapmap.nibble & 15], 1);
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

void heapmap_open(const struct worker_cell *cell, const struct alloc *a)
{
    static const char head[] =
        "phase,t_ns,arena,pool,address,bytes,class_bytes,used,capacity,lost_bytes,blocks\n";
    if (!cell->settings.heapmap[0])
        return;
    /* A wrapper has a walk, but may have nothing to walk in. */
    if (!a->backend->walk || a->backend->walk(a->ctx, heapmap_stop, NULL, false) < 0)
        say_fail("not-applicable", "this allocator's heap cannot be walked: --heapmap takes pymalloc or "
                                   "pools, alone or in a wrapper");
    heapmap.file = worker_file_open(cell->settings.heapmap, &heapmap_kind);
    worker_file_put(heapmap.file, head, sizeof head - 1);
}

void heapmap_write(const struct alloc *a, const char *phase, uint64_t t_ns)
{
    if (!heapmap.file)
        return;
    heapmap.phase = phase;
    heapmap.t_ns = t_ns;
    heapmap.arena = 0;
    a->backend->walk(a->ctx, heapmap_visit, NULL, true);
    heapmap_end_line();
    worker_file_flush(heapmap.file);
    if (strcmp(phase, "drained") == 0) { /* the last */
        worker_file_close(heapmap.file);
        heapmap.file = NULL;
    }
}
