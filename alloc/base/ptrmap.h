/* ptrmap.h: from a number (an address, an id, a size) to an entry: open addressing with linear probing in one
 * array of a power of two, at most 3/4 full. Removal shifts the followers back (Knuth, volume 3, algorithm
 * 6.4 R), so there are no tombstones and the load is what is used. Memory is the OS's, booked in the account.
 * Not locked.
 *
 * The user's entry is a struct that begins with its key, a uint64_t; any key will do, 0 too. A pointer to an
 * entry is good until the next add or remove. */
#ifndef HG_ALLOC_BASE_PTRMAP_H
#define HG_ALLOC_BASE_PTRMAP_H

#include "os.h"

struct ptrmap {
    void *entry; /* [slots], a key of 0 is an empty slot; and behind them the entry of key 0 */
    size_t entry_bytes;
    size_t slots;          /* 0 or a power of two */
    size_t used, reserved; /* used: without the entry of key 0 */
    bool has_zero;
    struct os_account *account;
};

/* An entry for those who need no more. */
struct ptrmap_pair {
    uint64_t key, value;
};

/* entry_bytes: a multiple of 8. Takes no memory yet. */
static inline struct ptrmap ptrmap_make(size_t entry_bytes, struct os_account *account)
{
    return (struct ptrmap){.entry_bytes = entry_bytes, .account = account};
}
void ptrmap_close(struct ptrmap *t);

static inline size_t ptrmap_count(const struct ptrmap *t)
{
    return t->used + t->has_zero;
}

/* NULL when the key is not there. */
void *ptrmap_find(const struct ptrmap *t, uint64_t key);
/* Adds a key that is not there: its entry, zero but for the key; NULL when there is no memory for it. */
void *ptrmap_add(struct ptrmap *t, uint64_t key);
/* The same for one that a remove has reserved: cannot fail. */
void *ptrmap_add_reserved(struct ptrmap *t, uint64_t key);
/* With reserve, room is kept for one ptrmap_add_reserved. */
void ptrmap_remove(struct ptrmap *t, void *entry, bool reserve);
/* The next entry from *i on, which begins at 0; NULL at the end. In no order. */
void *ptrmap_next(const struct ptrmap *t, size_t *i);

/* Conservation: `used` slots are taken; each entry is found from its key, so no empty slot lies on its
 * way. */
bool ptrmap_is_valid(const struct ptrmap *t);

#endif
