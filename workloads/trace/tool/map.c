/* map.c: see map.h. Kept at most half full, graves included. */
#include "map.h"

#include <errno.h>
#include <stdlib.h>

static size_t map_slot(const struct tool_map *t, uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 24) & t->mask;
}

struct tool_map_entry *tool_map_find(const struct tool_map *t, uint64_t key)
{
    if (!t->entry)
        return NULL;
    for (size_t i = map_slot(t, key); t->entry[i].used; i = (i + 1) & t->mask)
        if (t->entry[i].live && t->entry[i].key == key)
            return &t->entry[i];
    return NULL;
}

static void map_place(struct tool_map *t, uint64_t key, uint64_t value)
{
    size_t i = map_slot(t, key);
    while (t->entry[i].live)
        i = (i + 1) & t->mask;
    t->used += !t->entry[i].used;
    t->live++;
    t->entry[i] = (struct tool_map_entry){key, value, 1, 1};
}

int tool_map_add(struct tool_map *t, uint64_t key, uint64_t value)
{
    if (!t->entry || t->used * 2 > t->mask) {
        struct tool_map bigger = {.mask = 4095};
        while (bigger.mask < t->live * 4)
            bigger.mask = bigger.mask * 2 + 1;
        bigger.entry = calloc(bigger.mask + 1, sizeof *bigger.entry);
        if (!bigger.entry)
            return -ENOMEM;
        for (size_t i = 0; t->entry && i <= t->mask; i++)
            if (t->entry[i].live)
                map_place(&bigger, t->entry[i].key, t->entry[i].value);
        free(t->entry);
        *t = bigger;
    }
    map_place(t, key, value);
    return 0;
}

void tool_map_remove(struct tool_map *t, struct tool_map_entry *e)
{
    e->live = 0;
    t->live--;
}

void tool_map_free(struct tool_map *t)
{
    free(t->entry);
    *t = (struct tool_map){0};
}
