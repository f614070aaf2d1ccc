/* freelist.h: dead objects kept for the next of their kind, with CPython's limits: tuples of 1..20 items
 * 2000 each (3.11 never takes 20-tuples out again, and the counting of allocations shows it: python.h),
 * lists 80, dicts 80, dict key tables 80 (8 slots, str keys), floats 100.
 *
 * Under a GIL there is one set for the runtime; otherwise one a thread, so that no lock is needed. Last in,
 * first out; linked through the object's own memory. Emptied by a full collection. */
#ifndef HG_GC_RUNTIME_FREELIST_H
#define HG_GC_RUNTIME_FREELIST_H

#include "object.h"

struct dict_keys;
struct dict_object;
struct list_object;
struct tuple_object;

#define FREELIST_TUPLE_SIZES 20
#define FREELIST_TUPLES      2000
#define FREELIST_LISTS       80
#define FREELIST_DICTS       80
#define FREELIST_KEYS        80
#define FREELIST_FLOATS      100

struct freelists {
    bool on;
    uint32_t tuple_items; /* the most that a tuple taken out has (python.h) */
    int32_t floats, lists, dicts, keys;
    struct object *float_head;                             /* linked through value */
    struct tuple_object *tuple_head[FREELIST_TUPLE_SIZES]; /* [n - 1]; linked through item[0] */
    int32_t tuples[FREELIST_TUPLE_SIZES];
    struct list_object *list[FREELIST_LISTS];
    struct dict_object *dict[FREELIST_DICTS];
    struct dict_keys *key[FREELIST_KEYS];
};

/* How many dead objects it keeps. */
static inline uint64_t freelist_count(const struct freelists *f)
{
    uint64_t count = (uint64_t)f->floats + (uint64_t)f->lists + (uint64_t)f->dicts;
    for (size_t n = 0; n < FREELIST_TUPLE_SIZES; n++)
        count += (uint64_t)f->tuples[n];
    return count;
}

#endif
