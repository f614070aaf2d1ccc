/* garbage.c: garbage by a tracing walk that knows nothing of counts and collectors (heap.h).
 *
 * An object that was met has a bit in a sparse bitmap of addresses, one bit for 8 bytes, in regions of 512
 * KiB that are made when an address in them is first met:
 *
 *   address   base (high bits) ........ | 16 bits: which of the region's 65536 places of 8 bytes | 3 bits: 0
 *
 * First all that the roots reach is met; then, of every object that there is, what was not met before is
 * garbage, and so is what it leads to: values that are no containers are found there. */
#include "heap.h"
#include "gc/collect/find.h"

#include "alloc/base/os.h"

#define REGION_PLACES 65536
#define REGION_BYTES  ((uintptr_t)REGION_PLACES * 8)
#define REGION_NONE   UINT32_MAX

struct region {
    uintptr_t base;
    uint64_t met[REGION_PLACES / 64];
};

struct walk {
    struct runtime *runtime;
    struct region *region;
    uint32_t
        *slot; /* hash table: index of a region, or REGION_NONE; twice as many as there is room for regions */
    uint32_t regions, regions_room, last;
    struct object **todo;
    size_t todo_count, todo_room;
    uint64_t count, bytes; /* of this part of the walk */
};

static struct os_account garbage_account;

static size_t region_hash(const struct walk *w, uintptr_t base)
{
    return (size_t)(base / REGION_BYTES * 0x9e3779b97f4a7c15u >> 20) & (2 * (size_t)w->regions_room - 1);
}

static size_t region_slot(const struct walk *w, uintptr_t base)
{
    size_t at = region_hash(w, base);
    while (w->slot[at] != REGION_NONE && w->region[w->slot[at]].base != base)
        at = (at + 1) & (2 * (size_t)w->regions_room - 1);
    return at;
}

/* Room for more regions, and a table to find them by. */
static bool regions_grow(struct walk *w)
{
    size_t before = w->regions_room, room = before ? before * 2 : 64, slots = 2 * room * sizeof *w->slot;
    uint32_t *slot = room < REGION_NONE / 2 ? os_map(&garbage_account, slots, 0, 0) : NULL;
    if (!slot)
        return false;
    struct region *wider =
        before ? os_remap(&garbage_account, w->region, before * sizeof *wider, room * sizeof *wider)
               : os_map(&garbage_account, room * sizeof *wider, 0, 0);
    if (!wider) {
        os_unmap(&garbage_account, slot, slots);
        return false;
    }
    if (before)
        os_unmap(&garbage_account, w->slot, 2 * before * sizeof *w->slot);
    w->region = wider;
    w->slot = slot;
    w->regions_room = (uint32_t)room;
    memset(slot, 0xff, slots);
    for (uint32_t i = 0; i < w->regions; i++)
        slot[region_slot(w, w->region[i].base)] = i;
    return true;
}

static struct region *region_of(struct walk *w, uintptr_t address)
{
    uintptr_t base = address & ~(REGION_BYTES - 1);
    if (w->regions && w->region[w->last].base == base)
        return &w->region[w->last];
    if (w->regions == w->regions_room && !regions_grow(w))
        return NULL;
    size_t at = region_slot(w, base);
    if (w->slot[at] == REGION_NONE) {
        w->region[w->regions].base = base;
        w->slot[at] = w->regions++;
    }
    w->last = w->slot[at];
    return &w->region[w->last];
}

static int walk_meet(struct object *o, void *arg)
{
    struct walk *w = arg;
    if (heap_is_runtimes_own(w->runtime, o))
        return 0;
    struct region *in = region_of(w, (uintptr_t)o);
    if (!in)
        return -ENOMEM;
    size_t place = ((uintptr_t)o - in->base) / 8;
    uint64_t bit = (uint64_t)1 << place % 64;
    if (in->met[place / 64] & bit)
        return 0;
    in->met[place / 64] |= bit;
    w->count++;
    w->bytes += object_bytes(o);
    if (!o->type->traverse)
        return 0;
    if (w->todo_count == w->todo_room) {
        size_t room = w->todo_room ? w->todo_room * 2 : 4096;
        struct object **wider =
            w->todo ? os_remap(&garbage_account, w->todo, w->todo_room * sizeof *wider, room * sizeof *wider)
                    : os_map(&garbage_account, room * sizeof *wider, 0, 0);
        if (!wider)
            return -ENOMEM;
        w->todo = wider;
        w->todo_room = room;
    }
    w->todo[w->todo_count++] = o;
    return 0;
}

static int walk_from(struct object *o, void *arg)
{
    struct walk *w = arg;
    int err = walk_meet(o, w);
    while (!err && w->todo_count)
        err = heap_each_reference(w->todo[--w->todo_count], walk_meet, w);
    return err;
}

static int walk_roots(struct walk *w)
{
    struct runtime *r = w->runtime;
    int err = 0;
    pthread_mutex_lock(&r->roots.mutex);
    for (size_t i = 0; i < r->roots.count && !err; i++)
        for (size_t k = 0; k < r->roots.at[i].count && !err; k++)
            if (r->roots.at[i].at[k])
                err = walk_from(r->roots.at[i].at[k], w);
    pthread_mutex_unlock(&r->roots.mutex);
    return err;
}

/* Every container that there is, tracked or not where the policy knows them all; without counts, every
 * object. */
static int walk_all(struct walk *w)
{
#if HG_RC == HG_RC_TRACING
    int err = 0;
    for (size_t i = 0; i < tracing_count && !err; i++)
        err = walk_from(tracing_table[i], w);
    return err;
#elif RC_GIL_HELD
    return gc_each_tracked(w->runtime, walk_from, w);
#else
    return find_each(w->runtime, walk_from, w);
#endif
}

int heap_garbage(struct runtime *r, struct heap_garbage *found)
{
    struct walk w = {.runtime = r};
    *found = (struct heap_garbage){0};
    int err = walk_roots(&w);
    found->reached = w.count;
    w.count = w.bytes = 0;
    err = err ? err : walk_all(&w);
    found->garbage = w.count;
    found->bytes = w.bytes;
    if (w.region)
        os_unmap(&garbage_account, w.region, w.regions_room * sizeof *w.region);
    if (w.slot)
        os_unmap(&garbage_account, w.slot, 2 * (size_t)w.regions_room * sizeof *w.slot);
    if (w.todo)
        os_unmap(&garbage_account, w.todo, w.todo_room * sizeof *w.todo);
    return err;
}
