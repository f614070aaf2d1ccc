/* pymalloc.c: the backend "pymalloc": opens a heap of one layout and closes it. The calls are core.h's,
 * figures and walks look.c's, what holds of it valid.c's. */
#include "heap.h"

#include "alloc/backend/libc.h"

#include <errno.h>
#include <string.h>

#define PYMALLOC_PARAMS(P, S)                                                                         \
    P(S, CHOICE, layout, "3.10", "3.9|3.10|3.15",                                                     \
      "pools and arenas: 3.9 = 4 KiB in 256 KiB, 3.10 = 16 KiB in 1 MiB, 3.15 = as 3.10, the kernel " \
      "advised "                                                                                      \
      "to give arenas huge pages")                                                                    \
    P(S, FLAG, hugepages, "0", "", "2 MiB arenas on reserved huge pages, as 3.15 offers them")
PARAM_STRUCT(pymalloc_params, PYMALLOC_PARAMS)

enum { LAYOUT_3_9, LAYOUT_3_10, LAYOUT_3_15 }; /* the words of layout= */

static struct os_account pymalloc_heaps; /* the heap structures themselves */

static void *pymalloc_map_arena(void *arg, size_t bytes)
{
    struct pymalloc_heap *h = arg;
    return os_map(&h->account, bytes, 0, h->map_flags);
}

static void pymalloc_unmap_arena(void *arg, void *p, size_t bytes)
{
    struct pymalloc_heap *h = arg;
    os_unmap(&h->account, p, bytes);
}

static bool pymalloc_populate(void *arg, void *p, size_t bytes)
{
    struct pymalloc_heap *h = arg;
    return os_populate(&h->account, p, bytes);
}

static const struct pymalloc_raw pymalloc_libc = {libc_malloc, libc_calloc,  libc_realloc,
                                                  libc_free,   libc_aligned, libc_usable};

static void pymalloc_close(struct alloc *a)
{
    struct pymalloc_heap *h = a->ctx;
    for (uint32_t i = 0; i < h->arenas_max; i++)
        if (h->arenas[i].base)
            h->source.unmap(h->source.arg, h->arenas[i].base, h->layout->arena_bytes);
    if (h->layout->map_bits)
        map_close(&h->map, &h->account, h->layout->map_bits);
    if (h->arenas)
        os_unmap(&h->account, h->arenas, h->arenas_max * sizeof *h->arenas);
    os_unmap(&pymalloc_heaps, h, sizeof *h);
}

static int pymalloc_open(struct alloc *a, const void *params, const struct alloc *inner, struct message *m)
{
    (void)inner;
    const struct pymalloc_params *p = params;
    const struct pymalloc_layout *layout = p->layout == LAYOUT_3_9 ? &pymalloc_3_9 : &pymalloc_3_10;
    if (p->hugepages) {
        if (p->layout == LAYOUT_3_9)
            return message_set(m, -EINVAL,
                               "pymalloc: hugepages=1 makes 2 MiB arenas, which need layout=3.10 or 3.15 "
                               "(3.9 has 256 KiB arenas)");
        layout = &pymalloc_huge;
    }
    struct pymalloc_heap *h = libc_open() ? os_map(&pymalloc_heaps, sizeof *h, 0, 0) : NULL;
    if (!h)
        return message_set(m, -ENOMEM, "pymalloc: no memory for a heap");
    for (unsigned i = 0; i < PYMALLOC_CLASSES; i++) {
        h->lists[i].free = &h->no_block;
        h->lists[i].next = h->lists[i].prev = (struct pool *)&h->lists[i];
    }
    h->layout = layout;
    /* 3.15 advises on every arena. Where no huge pages are reserved, its 2 MiB arenas are plain maps with that
     * advice, at any address: one pool of 128 is lost. */
    h->map_flags = p->hugepages ? OS_HUGE : p->layout == LAYOUT_3_15 ? OS_THP : 0;
    h->source =
        (struct pymalloc_arena_source){h, pymalloc_map_arena, pymalloc_unmap_arena, pymalloc_populate};
    h->raw = pymalloc_libc;
    if (layout->map_bits && map_open(&h->map, &h->account) != 0) {
        os_unmap(&pymalloc_heaps, h, sizeof *h);
        return message_set(m, -ENOMEM, "pymalloc: no memory for the map of arenas");
    }
    *a = layout->calls;
    a->ctx = h;
    return 0;
}

void pymalloc_set_arena_source(struct alloc *a, const struct pymalloc_arena_source *source)
{
    ((struct pymalloc_heap *)a->ctx)->source = *source;
}

void pymalloc_set_raw(struct alloc *a, const struct pymalloc_raw *raw)
{
    ((struct pymalloc_heap *)a->ctx)->raw = *raw;
}

bool pymalloc_heap_is_valid(const struct alloc *a)
{
    return pymalloc_is_valid(a->ctx);
}

bool pymalloc_owns(const struct alloc *a, const void *p)
{
    const struct pymalloc_heap *h = a->ctx;
    return h->layout->owns(h, p);
}

const struct backend backend_pymalloc = {
    .name = "pymalloc",
    .params = PARAM_TABLE(pymalloc_params, PYMALLOC_PARAMS),
    .summary = "CPython's small-block allocator, to the block; no lock",
    .open = pymalloc_open,
    .close = pymalloc_close,
    .stats = pymalloc_stats,
    .report = pymalloc_report,
    .walk = pymalloc_walk,
};
