/* dict.h: the key table of a dict, in CPython 3.11's layout and sizes.
 *
 *   32 bytes of header | index: 1, 2, 4 or 8 bytes a slot | entries, in order of insertion
 * A slot holds EMPTY, DUMMY or the number of an entry. Entries have 16 bytes while all keys are strs
 * (KEYS_STR), else 24 with the hash in front. usable counts the entries that can still be added: 2/3 of the
 * slots. */
#ifndef HG_GC_TYPES_DICT_H
#define HG_GC_TYPES_DICT_H

#include "types.h"

enum { KEYS_GENERAL = 0, KEYS_STR = 1 };
#define SLOT_EMPTY    (-1)
#define SLOT_DUMMY    (-2)
#define DICT_LOG2_MIN 3

struct dict_keys {
    int64_t refcount; /* 1; the empty table is shared and never freed */
    uint8_t log2_slots, log2_index_bytes, kind, spare;
    uint32_t version;
    int64_t usable, entries;
    char index[];
};
_Static_assert(sizeof(struct dict_keys) == 32, "dict key table header");

struct str_entry {
    struct object *key, *value;
};
struct general_entry {
    int64_t hash;
    struct object *key, *value;
};

extern struct dict_keys dict_empty_keys;

static inline size_t dict_usable(unsigned log2_slots)
{
    return ((size_t)2 << log2_slots) / 3;
}

static inline size_t dict_keys_bytes(const struct dict_keys *k)
{
    return sizeof *k + ((size_t)1 << k->log2_index_bytes) +
           dict_usable(k->log2_slots) *
               (k->kind == KEYS_STR ? sizeof(struct str_entry) : sizeof(struct general_entry));
}

static inline void *dict_entries(const struct dict_keys *k)
{
    return (char *)k->index + ((size_t)1 << k->log2_index_bytes);
}

static inline struct str_entry *dict_str_entry(const struct dict_keys *k, int64_t i)
{
    return (struct str_entry *)dict_entries(k) + i;
}

static inline struct general_entry *dict_general_entry(const struct dict_keys *k, int64_t i)
{
    return (struct general_entry *)dict_entries(k) + i;
}

static inline struct object **dict_key_at(const struct dict_keys *k, int64_t i)
{
    return k->kind == KEYS_STR ? &dict_str_entry(k, i)->key : &dict_general_entry(k, i)->key;
}

static inline struct object **dict_value_at(const struct dict_keys *k, int64_t i)
{
    return k->kind == KEYS_STR ? &dict_str_entry(k, i)->value : &dict_general_entry(k, i)->value;
}

#endif
