/* map.h: from a number (an address, an id in a text) to a live block's id: open addressing with graves. */
#ifndef HG_WORKLOADS_TRACE_TOOL_MAP_H
#define HG_WORKLOADS_TRACE_TOOL_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tool_map_entry {
    uint64_t key;
    uint64_t value : 62;
    uint64_t live : 1; /* 0 and used: a grave, passed over by searches */
    uint64_t used : 1;
};

struct tool_map {
    struct tool_map_entry *entry;
    size_t mask, used, live; /* used: with graves */
};

struct tool_map_entry *tool_map_find(const struct tool_map *t, uint64_t key);
int tool_map_add(struct tool_map *t, uint64_t key, uint64_t value); /* the key is not there; 0 or -ENOMEM */
void tool_map_remove(struct tool_map *t, struct tool_map_entry *e);
void tool_map_free(struct tool_map *t);

#endif
