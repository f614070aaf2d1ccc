/* debug_table.h: debug()'s blocks by address: open addressing with linear probing in one array of a power of
 * two. Not locked: debug.c's mutex is held. Reserved slots are a promise that so many inserts cannot fail. */
#ifndef HG_ALLOC_WRAP_DEBUG_TABLE_H
#define HG_ALLOC_WRAP_DEBUG_TABLE_H

#include "alloc/base/os.h"

struct debug_entry {
    uintptr_t address; /* 0: an empty slot */
    size_t size;
    uint32_t site, freed_site;
    uint8_t lead_log2; /* the inner block begins 1 << lead_log2 bytes before address */
    bool freed;        /* and on its way to quarantine or to X */
    bool quarantined;  /* and filled with 0xDD */
};

struct debug_table {
    struct debug_entry *slot;
    size_t slots; /* 0 or a power of two */
    size_t used, reserved;
    struct os_account *account;
};

struct debug_entry *debug_table_find(const struct debug_table *t, uintptr_t address);
/* false when the array is full and cannot grow. With reserved, one reservation is used up and it cannot
 * fail. */
bool debug_table_insert(struct debug_table *t, const struct debug_entry *e, bool reserved);
/* With reserve, the slot is promised to a later insert. Pointers to entries are invalid afterwards. */
void debug_table_remove(struct debug_table *t, struct debug_entry *e, bool reserve);
/* The next entry from *i on, which begins at 0; NULL at the end. */
struct debug_entry *debug_table_next(const struct debug_table *t, size_t *i);
void debug_table_close(struct debug_table *t);

#endif
