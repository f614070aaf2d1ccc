/* debug_table.c: see debug_table.h. Removal shifts the followers back (Knuth, volume 3, algorithm 6.4 R), so
 * there are no tombstones and the load is what is used. */
#include "debug_table.h"

#define DEBUG_TABLE_FIRST 1024

static size_t debug_table_home(const struct debug_table *t, uintptr_t address)
{
    return (size_t)(((uint64_t)address >> 4) * 0x9e3779b97f4a7c15u >> 20) & (t->slots - 1);
}

struct debug_entry *debug_table_find(const struct debug_table *t, uintptr_t address)
{
    if (!t->slots || !address)
        return NULL;
    for (size_t i = debug_table_home(t, address);; i = (i + 1) & (t->slots - 1)) {
        if (t->slot[i].address == address)
            return &t->slot[i];
        if (!t->slot[i].address)
            return NULL;
    }
}

static void debug_table_put(struct debug_table *t, const struct debug_entry *e)
{
    size_t i = debug_table_home(t, e->address);
    while (t->slot[i].address)
        i = (i + 1) & (t->slots - 1);
    t->slot[i] = *e;
}

static bool debug_table_grow(struct debug_table *t)
{
    struct debug_table wide = {.slots = t->slots ? t->slots * 2 : DEBUG_TABLE_FIRST, .account = t->account};
    wide.slot = os_map(t->account, wide.slots * sizeof *wide.slot, 0, 0);
    if (!wide.slot)
        return false;
    for (size_t i = 0; i < t->slots; i++)
        if (t->slot[i].address)
            debug_table_put(&wide, &t->slot[i]);
    if (t->slots)
        os_unmap(t->account, t->slot, t->slots * sizeof *t->slot);
    t->slot = wide.slot;
    t->slots = wide.slots;
    return true;
}

bool debug_table_insert(struct debug_table *t, const struct debug_entry *e, bool reserved)
{
    if (reserved) {
        t->reserved--;
    } else {
        size_t wanted = t->used + t->reserved + 1;
        /* At most 3/4 full; when there is no memory to grow, 15/16 will do. */
        if (wanted > t->slots / 4 * 3 && !debug_table_grow(t) && wanted > t->slots / 16 * 15)
            return false;
    }
    debug_table_put(t, e);
    t->used++;
    return true;
}

void debug_table_remove(struct debug_table *t, struct debug_entry *e, bool reserve)
{
    size_t mask = t->slots - 1, hole = (size_t)(e - t->slot);
    for (size_t i = hole;;) {
        i = (i + 1) & mask;
        if (!t->slot[i].address)
            break;
        size_t home = debug_table_home(t, t->slot[i].address);
        if (((i - home) & mask) >= ((i - hole) & mask)) { /* it may move back into the hole */
            t->slot[hole] = t->slot[i];
            hole = i;
        }
    }
    t->slot[hole] = (struct debug_entry){0};
    t->used--;
    t->reserved += reserve;
}

struct debug_entry *debug_table_next(const struct debug_table *t, size_t *i)
{
    while (*i < t->slots)
        if (t->slot[(*i)++].address)
            return &t->slot[*i - 1];
    return NULL;
}

void debug_table_close(struct debug_table *t)
{
    if (t->slots)
        os_unmap(t->account, t->slot, t->slots * sizeof *t->slot);
    *t = (struct debug_table){0};
}
