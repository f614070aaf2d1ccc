/* place.c: see place.h. A cell holds the id + 1; 0 is empty. */
#include "place.h"

#include <errno.h>
#include <stdlib.h>

#define REGION_SHIFT 20
#define CELL_SHIFT   4
#define CELLS        (1u << (REGION_SHIFT - CELL_SHIFT))

static int place_add(struct ptrmap *map, uint64_t key, uint64_t value)
{
    struct ptrmap_pair *e = ptrmap_add(map, key);
    if (!e)
        return -ENOMEM;
    e->value = value;
    return 0;
}

struct tool_places tool_places_make(void)
{
    return (struct tool_places){.regions = ptrmap_make(sizeof(struct ptrmap_pair), &os_harness),
                                .odd = ptrmap_make(sizeof(struct ptrmap_pair), &os_harness)};
}

/* The cell of an address; NULL when its region is not there (yet). */
static uint32_t *place_cell(struct tool_places *t, uint64_t address)
{
    uint64_t number = address >> REGION_SHIFT;
    if (!t->last_cells || t->last_number != number) {
        struct ptrmap_pair *e = ptrmap_find(&t->regions, number);
        if (!e)
            return NULL;
        t->last_number = number;
        t->last_cells = (uint32_t *)(uintptr_t)e->value;
    }
    return &t->last_cells[address >> CELL_SHIFT & (CELLS - 1)];
}

uint32_t tool_places_take(struct tool_places *t, uint64_t address)
{
    uint32_t id;
    if (address & ((1u << CELL_SHIFT) - 1)) {
        struct ptrmap_pair *e = ptrmap_find(&t->odd, address);
        if (!e)
            return TOOL_PLACE_NONE;
        id = (uint32_t)e->value;
        ptrmap_remove(&t->odd, e, false);
        return id;
    }
    uint32_t *cell = place_cell(t, address);
    if (!cell || !*cell)
        return TOOL_PLACE_NONE;
    id = *cell - 1;
    *cell = 0;
    return id;
}

int tool_places_put(struct tool_places *t, uint64_t address, uint32_t id, uint32_t *stale)
{
    if (address & ((1u << CELL_SHIFT) - 1)) {
        *stale = tool_places_take(t, address);
        return place_add(&t->odd, address, id);
    }
    uint32_t *cell = place_cell(t, address);
    if (!cell) {
        uint32_t *cells = calloc(CELLS, sizeof *cells);
        int err = cells ? place_add(&t->regions, address >> REGION_SHIFT, (uintptr_t)cells) : -ENOMEM;
        if (err) {
            free(cells);
            return err;
        }
        cell = place_cell(t, address);
    }
    *stale = *cell ? *cell - 1 : TOOL_PLACE_NONE;
    *cell = id + 1;
    return 0;
}

void tool_places_free(struct tool_places *t)
{
    const struct ptrmap_pair *e;
    for (size_t i = 0; (e = ptrmap_next(&t->regions, &i));)
        free((uint32_t *)(uintptr_t)e->value);
    ptrmap_close(&t->regions);
    ptrmap_close(&t->odd);
    t->last_cells = NULL;
}
