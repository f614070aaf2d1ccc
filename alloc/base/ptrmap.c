/* ptrmap.c: see ptrmap.h. */
#include "ptrmap.h"

#include "assert.h"

#include <string.h>

#define PTRMAP_FIRST 1024

static void *ptrmap_at(const struct ptrmap *t, size_t i)
{
    return (char *)t->entry + i * t->entry_bytes;
}

static uint64_t ptrmap_key(const struct ptrmap *t, size_t i)
{
    return *(const uint64_t *)ptrmap_at(t, i);
}

static size_t ptrmap_home(const struct ptrmap *t, uint64_t key)
{
    return (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (t->slots - 1);
}

static size_t ptrmap_bytes(const struct ptrmap *t)
{
    return (t->slots + 1) * t->entry_bytes;
}

void *ptrmap_find(const struct ptrmap *t, uint64_t key)
{
    if (!t->slots)
        return NULL;
    if (!key)
        return t->has_zero ? ptrmap_at(t, t->slots) : NULL;
    for (size_t i = ptrmap_home(t, key);; i = (i + 1) & (t->slots - 1)) {
        uint64_t k = ptrmap_key(t, i);
        if (k == key)
            return ptrmap_at(t, i);
        if (!k)
            return NULL;
    }
}

/* Where a key that is not there goes. */
static void *ptrmap_slot(const struct ptrmap *t, uint64_t key)
{
    size_t i = ptrmap_home(t, key);
    while (ptrmap_key(t, i))
        i = (i + 1) & (t->slots - 1);
    return ptrmap_at(t, i);
}

static bool ptrmap_grow(struct ptrmap *t)
{
    struct ptrmap wide = *t;
    hg_assert_whole(ptrmap_is_valid(t));
    wide.slots = t->slots ? t->slots * 2 : PTRMAP_FIRST;
    wide.entry = os_map(t->account, ptrmap_bytes(&wide), 0, 0);
    if (!wide.entry)
        return false;
    for (size_t i = 0; i < t->slots; i++)
        if (ptrmap_key(t, i))
            memcpy(ptrmap_slot(&wide, ptrmap_key(t, i)), ptrmap_at(t, i), t->entry_bytes);
    if (t->has_zero)
        memcpy(ptrmap_at(&wide, wide.slots), ptrmap_at(t, t->slots), t->entry_bytes);
    if (t->slots)
        os_unmap(t->account, t->entry, ptrmap_bytes(t));
    *t = wide;
    return true;
}

static void *ptrmap_take(struct ptrmap *t, uint64_t key)
{
    hg_assert(!ptrmap_find(t, key));
    if (!key) {
        t->has_zero = true;
        return ptrmap_at(t, t->slots);
    }
    void *entry = ptrmap_slot(t, key);
    *(uint64_t *)entry = key;
    t->used++;
    hg_seed(ptrmap_used, t->used -= (key & 0x3f0) == 0);
    return entry;
}

void *ptrmap_add(struct ptrmap *t, uint64_t key)
{
    size_t wanted = t->used + t->reserved + 1;
    /* When there is no memory to grow, 15/16 full will do. */
    if (wanted > t->slots / 4 * 3 && !ptrmap_grow(t) && wanted > t->slots / 16 * 15)
        return NULL;
    return ptrmap_take(t, key);
}

void *ptrmap_add_reserved(struct ptrmap *t, uint64_t key)
{
    hg_assert(t->reserved > 0);
    t->reserved--;
    return ptrmap_take(t, key);
}

void ptrmap_remove(struct ptrmap *t, void *entry, bool reserve)
{
    hg_assert(ptrmap_find(t, *(uint64_t *)entry) == entry);
    t->reserved += reserve;
    if (!*(uint64_t *)entry) {
        memset(entry, 0, t->entry_bytes);
        t->has_zero = false;
        return;
    }
    size_t mask = t->slots - 1, hole = (size_t)((char *)entry - (char *)t->entry) / t->entry_bytes;
    for (size_t i = hole;;) {
        i = (i + 1) & mask;
        if (!ptrmap_key(t, i))
            break;
        size_t home = ptrmap_home(t, ptrmap_key(t, i));
        if (((i - home) & mask) >= ((i - hole) & mask)) { /* it may move back into the hole */
            memcpy(ptrmap_at(t, hole), ptrmap_at(t, i), t->entry_bytes);
            hole = i;
        }
    }
    memset(ptrmap_at(t, hole), 0, t->entry_bytes);
    t->used--;
}

void *ptrmap_next(const struct ptrmap *t, size_t *i)
{
    while (*i < t->slots)
        if (ptrmap_key(t, (*i)++))
            return ptrmap_at(t, *i - 1);
    if (*i == t->slots && t->has_zero)
        return ptrmap_at(t, (*i)++);
    return NULL;
}

void ptrmap_close(struct ptrmap *t)
{
    if (t->slots)
        os_unmap(t->account, t->entry, ptrmap_bytes(t));
    *t = ptrmap_make(t->entry_bytes, t->account);
}

bool ptrmap_is_valid(const struct ptrmap *t)
{
    size_t used = 0;
    for (size_t i = 0; i < t->slots; i++)
        if (ptrmap_key(t, i)) {
            if (ptrmap_find(t, ptrmap_key(t, i)) != ptrmap_at(t, i))
                return false;
            used++;
        }
    return used == t->used && !(t->slots & (t->slots - 1)) && (used < t->slots || !t->slots);
}
