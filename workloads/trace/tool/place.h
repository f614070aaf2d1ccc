/* place.h: which block lives at an address: from addresses to the ids of a trace. A heap's addresses lie
 * together, so each MiB in use has an array of its own, with a cell for each 16 bytes; what lies between goes
 * to a hash table. */
#ifndef HG_WORKLOADS_TRACE_TOOL_PLACE_H
#define HG_WORKLOADS_TRACE_TOOL_PLACE_H

#include "alloc/base/ptrmap.h"

#define TOOL_PLACE_NONE UINT32_MAX

struct tool_places {
    struct ptrmap regions; /* number of a MiB -> its cells */
    struct ptrmap odd;     /* addresses that are no multiple of 16 */
    uint64_t last_number;  /* the region used last */
    uint32_t *last_cells;
};

/* Empty; takes no memory yet. */
struct tool_places tool_places_make(void);
/* The id at that address, which is empty afterwards; or TOOL_PLACE_NONE. */
uint32_t tool_places_take(struct tool_places *t, uint64_t address);
/* Puts an id there. 0, or -ENOMEM; *stale is the id that was there, or TOOL_PLACE_NONE. */
int tool_places_put(struct tool_places *t, uint64_t address, uint32_t id, uint32_t *stale);
void tool_places_free(struct tool_places *t);

#endif
