/* dict.c: open addressing over an index, entries in order of insertion, CPython 3.11's growth: full at 2/3,
 * then the smallest table of at least three times what is in use. Probing: i = 5i + perturb + 1, perturb >>=
 * 5.
 *
 * A dict is tracked when it first holds something that can be tracked (from 3.14 on when it is made).
 * Changes happen in a critical section on the dict; what they drop is dropped after it. Keys compare by
 * identity, ints and strs by value, which runs nothing, so a lookup cannot change the dict. Lock-free reads
 * under biased: as list.c, in dict_get. */
#include "dict.h"
#include "container.h"

static struct dict_object *dict_of(struct object *o)
{
    return (struct dict_object *)o;
}

#define DICT_LEAST_BYTES /* of the tables that are kept */ \
    (sizeof(struct dict_keys) + (1u << DICT_LOG2_MIN) + dict_usable(DICT_LOG2_MIN) * sizeof(struct str_entry))
#define DICT_BODY_BYTES (sizeof(struct dict_object) - offsetof(struct dict_object, used))

struct dict_keys dict_empty_keys = {.refcount = 1, .log2_slots = 0, .log2_index_bytes = 3, .kind = KEYS_STR};

/* --- slots ---------------------------------------------------------------------------------------------- */

/* Writers hold the lock; the loads acquire what dict_insert released, for readers that do not. */
static int64_t dict_slot(const struct dict_keys *k, size_t i)
{
    const char *index = k->index;
    switch (k->log2_index_bytes - k->log2_slots) {
    case 0:
        return field_load((const int8_t *)index + i);
    case 1:
        return field_load((const int16_t *)(const void *)index + i);
    case 2:
        return field_load((const int32_t *)(const void *)index + i);
    default:
        return field_load((const int64_t *)(const void *)index + i);
    }
}

static void dict_set_slot(struct dict_keys *k, size_t i, int64_t v)
{
    char *index = k->index;
    switch (k->log2_index_bytes - k->log2_slots) {
    case 0:
        field_store((int8_t *)index + i, (int8_t)v);
        break;
    case 1:
        field_store((int16_t *)(void *)index + i, (int16_t)v);
        break;
    case 2:
        field_store((int32_t *)(void *)index + i, (int32_t)v);
        break;
    default:
        field_store((int64_t *)(void *)index + i, v);
    }
}

static int64_t dict_hash(struct object *key)
{
    switch (key->type->id) {
    case TYPE_STR:
        return str_hash(key);
    case TYPE_INT: {
        int64_t h = int_value(key) % (((int64_t)1 << 61) - 1);
        return h == -1 ? -2 : h;
    }
    default: /* the address, turned so that its low zero bits go up */
        return (int64_t)((uintptr_t)key >> 4 | (uintptr_t)key << 60);
    }
}

static bool dict_key_equal(const struct object *a, const struct object *b)
{
    if (a == b)
        return true;
    if (a->type != b->type)
        return false;
    return a->type == &type_str ? str_equal(a, b) : a->type == &type_int && int_value(a) == int_value(b);
}

/* Entry of the key or SLOT_EMPTY. *where: its place in the index. */
static int64_t dict_find(const struct dict_keys *k, struct object *key, int64_t hash, size_t *where)
{
    size_t mask = ((size_t)1 << k->log2_slots) - 1, i = (size_t)hash & mask;
    uint64_t perturb = (uint64_t)hash;
    if (k->kind == KEYS_STR && key->type != &type_str)
        return SLOT_EMPTY;
    if (k == &dict_empty_keys)
        return SLOT_EMPTY;
    for (;;) {
        int64_t at = dict_slot(k, i);
        if (at == SLOT_EMPTY)
            return SLOT_EMPTY;
        if (at >= 0) {
            if (k->kind == KEYS_STR) {
                struct object *other = field_load(&dict_str_entry(k, at)->key);
                if (other == key || (other && str_hash(other) == hash && str_equal(other, key))) {
                    *where = i;
                    return at;
                }
            } else {
                const struct general_entry *e = dict_general_entry(k, at);
                struct object *other = field_load(&e->key);
                if (other == key || (other && field_load(&e->hash) == hash && dict_key_equal(other, key))) {
                    *where = i;
                    return at;
                }
            }
        }
        perturb >>= 5;
        i = (i * 5 + perturb + 1) & mask;
    }
}

static size_t dict_find_empty(const struct dict_keys *k, int64_t hash)
{
    size_t mask = ((size_t)1 << k->log2_slots) - 1, i = (size_t)hash & mask;
    for (uint64_t perturb = (uint64_t)hash; dict_slot(k, i) >= 0;) {
        perturb >>= 5;
        i = (i * 5 + perturb + 1) & mask;
    }
    return i;
}

/* --- key tables ----------------------------------------------------------------------------------------- */

static struct dict_keys *dict_keys_new(unsigned log2_slots, unsigned kind)
{
    unsigned bytes_a_slot = log2_slots < 8 ? 0 : log2_slots < 16 ? 1 : log2_slots < 32 ? 2 : 3;
    struct freelists *f = FREELISTS;
    struct dict_keys *k;
    size_t usable = dict_usable(log2_slots);
    size_t entry = kind == KEYS_STR ? sizeof(struct str_entry) : sizeof(struct general_entry);
    if (log2_slots == DICT_LOG2_MIN && kind == KEYS_STR && f->keys > 0) {
        k = f->key[--f->keys];
        strict_dig(k, DICT_LEAST_BYTES, 0, "table of a dict");
    } else if (!(k = mem_alloc(sizeof *k + ((size_t)1 << (log2_slots + bytes_a_slot)) + usable * entry)))
        return NULL;
    k->refcount = 1;
    k->log2_slots = (uint8_t)log2_slots;
    k->log2_index_bytes = (uint8_t)(log2_slots + bytes_a_slot);
    k->kind = (uint8_t)kind;
    k->spare = 0;
    k->version = 0;
    k->usable = (int64_t)usable;
    k->entries = 0;
    owned_made(dict_keys_bytes(k));
    memset(k->index, 0xff, (size_t)1 << k->log2_index_bytes);
    memset(dict_entries(k), 0, usable * entry);
    return k;
}

/* The memory alone. readers: somebody may still be looking at it without a lock. */
static void dict_keys_delete(struct dict_keys *k, bool readers)
{
    if (k == &dict_empty_keys)
        return;
    owned_freed(dict_keys_bytes(k));
    if (readers) {
        qsbr_free(k);
        return;
    }
    struct freelists *f = FREELISTS;
    bool keep = k->log2_slots == DICT_LOG2_MIN && k->kind == KEYS_STR && f->on && f->keys < FREELIST_KEYS;
    strict_bury(k, dict_keys_bytes(k));
    if (keep)
        f->key[f->keys++] = k;
    else
        mem_free(k);
}

/* A table of so many slots with the live entries, closed up. */
static int dict_resize(struct dict_object *d, unsigned log2_slots, unsigned kind)
{
    struct dict_keys *old = d->keys, *k = dict_keys_new(log2_slots, kind);
    if (!k)
        return -ENOMEM;
    for (int64_t i = 0; i < old->entries; i++) {
        struct object *key = *dict_key_at(old, i), *value = *dict_value_at(old, i);
        if (!value)
            continue;
        int64_t hash = old->kind == KEYS_STR ? str_hash(key) : dict_general_entry(old, i)->hash;
        dict_set_slot(k, dict_find_empty(k, hash), k->entries);
        *dict_key_at(k, k->entries) = key;
        *dict_value_at(k, k->entries) = value;
        if (kind == KEYS_GENERAL)
            dict_general_entry(k, k->entries)->hash = hash;
        k->entries++;
    }
    k->usable -= k->entries;
    field_store(&d->keys, k);
    dict_keys_delete(old, container_has_readers(&d->head));
    return 0;
}

static unsigned dict_log2_for(int64_t slots)
{
    unsigned n = DICT_LOG2_MIN;
    while (((int64_t)1 << n) < slots)
        n++;
    return n;
}

/* --- life ----------------------------------------------------------------------------------------------- */

static size_t dict_bytes(const struct object *o)
{
    const struct dict_object *d = (const struct dict_object *)o;
    return sizeof *d + (d->keys == &dict_empty_keys ? 0 : dict_keys_bytes(d->keys));
}

/* As CPython's, without the keys of a table that has only strs: they lead nowhere. heap_each_reference gives
 * those too, and here who counts nothing and must find every object. */
static int dict_traverse(struct object *o, object_visit *visit, void *arg)
{
    const struct dict_keys *k = dict_of(o)->keys;
    int stop = 0;
    for (int64_t i = 0; i < k->entries; i++) {
        struct object *value = *dict_value_at(k, i);
        if (!value)
            continue;
        if ((stop = visit(value, arg)) ||
            ((HG_RC == HG_RC_TRACING || k->kind == KEYS_GENERAL) && (stop = visit(*dict_key_at(k, i), arg))))
            return stop;
    }
    return 0;
}

/* Drops keys and values of a table that no dict holds any more, then the table. */
static void dict_keys_drop(struct dict_keys *k, bool readers)
{
    for (int64_t i = 0; i < k->entries; i++) {
        rc_xdec(*dict_key_at(k, i));
        rc_xdec(*dict_value_at(k, i));
    }
    dict_keys_delete(k, readers);
}

void dict_clear(struct object *o)
{
    struct dict_object *d = dict_of(o);
    struct critical c;
    critical_begin(&c, o);
    container_touch(o);
    bool readers = container_has_readers(o);
    struct dict_keys *k = d->keys;
    for (int64_t i = 0; readers && i < k->entries; i++) {
        container_drops(o, *dict_key_at(k, i));
        container_drops(o, *dict_value_at(k, i));
    }
    field_store(&d->keys, &dict_empty_keys);
    field_store(&d->used, (int64_t)0);
    d->version++;
    critical_end(&c);
    dict_keys_drop(k, readers);
}

static void dict_dealloc(struct object *o)
{
    struct dict_object *d = dict_of(o);
    gc_untrack(o);
    if (trash_begin(o, (uint64_t)d->used * 2))
        return;
    dict_keys_drop(d->keys, false);
    struct freelists *f = FREELISTS;
    if (f->on && f->dicts < FREELIST_DICTS && rc_can_reuse(o)) {
        object_retire(o, &d->used, DICT_BODY_BYTES);
        f->dict[f->dicts++] = d;
    } else {
        gc_delete(o, sizeof *d);
    }
    trash_end();
}

static void dict_clear_freelist(struct freelists *f)
{
    while (f->dicts > 0)
        freelist_give_back(&f->dict[--f->dicts]->head, sizeof(struct dict_object));
    while (f->keys > 0)
        mem_free(f->key[--f->keys]);
}

static void dict_maybe_untrack(struct object *o)
{
    if (!gc_is_tracked(o) || runtime_global.python.dicts_stay_tracked)
        return;
    const struct dict_keys *k = dict_of(o)->keys;
    for (int64_t i = 0; i < k->entries; i++) {
        struct object *value = *dict_value_at(k, i);
        if (value && (gc_may_be_tracked(value) || gc_may_be_tracked(*dict_key_at(k, i))))
            return;
    }
    gc_untrack(o);
}

struct type type_dict = {.name = "dict",
                         .id = TYPE_DICT,
                         .flags = TYPE_GC,
                         .basic_bytes = sizeof(struct dict_object),
                         .traverse = dict_traverse,
                         .clear = dict_clear,
                         .dealloc = dict_dealloc,
                         .maybe_untrack = dict_maybe_untrack,
                         .clear_freelist = dict_clear_freelist,
                         .bytes = dict_bytes};

struct object *dict_new(void)
{
    struct freelists *f = FREELISTS;
    struct dict_object *d;
    if (likely(f->dicts > 0)) {
        d = f->dict[--f->dicts];
        object_reuse(&d->head, &type_dict, &d->used, DICT_BODY_BYTES);
    } else if (!(d = gc_new(&type_dict, sizeof *d))) {
        return NULL;
    }
    d->used = 0;
    d->version = 1;
    d->keys = &dict_empty_keys;
    d->reserved = NULL;
    if (runtime_global.python.dicts_stay_tracked)
        gc_track(&d->head);
    return &d->head;
}

/* --- use ------------------------------------------------------------------------------------------------ */

/* In the critical section; key and value are the dict's references on success. */
static int dict_insert(struct dict_object *d, struct object *key, struct object *value, int64_t hash)
{
    int err = 0;
    unsigned kind = d->keys->kind;
    if (d->keys == &dict_empty_keys) {
        struct dict_keys *k = dict_keys_new(DICT_LOG2_MIN, key->type == &type_str ? KEYS_STR : KEYS_GENERAL);
        if (!k)
            return -ENOMEM;
        field_store(&d->keys, k);
    } else if (kind == KEYS_STR && key->type != &type_str) {
        err = dict_resize(d, dict_log2_for(d->used * 3), KEYS_GENERAL);
    } else if (d->keys->usable <= 0) {
        err = dict_resize(d, dict_log2_for(d->used * 3), kind);
    }
    if (err)
        return err;
    struct dict_keys *k = d->keys;
    int64_t at = k->entries;
    size_t slot = dict_find_empty(k, hash);
    if (k->kind == KEYS_GENERAL)
        field_store(&dict_general_entry(k, at)->hash, hash);
    field_store(dict_value_at(k, at), value);
    field_store(dict_key_at(k, at), key);
    dict_set_slot(k, slot, at);
    k->entries++;
    k->usable--;
    field_store(&d->used, d->used + 1);
    d->version++;
    return 0;
}

int dict_put(struct object *o, struct object *key, struct object *value)
{
    struct dict_object *d = dict_of(o);
    struct object *old = NULL;
    int64_t hash = dict_hash(key);
    size_t where;
    int err = 0;
    struct critical c;
    rc_inc(key);
    rc_inc(value);
    critical_begin(&c, o);
    container_touch(o);
    int64_t at = dict_find(d->keys, key, hash, &where);
    if (at >= 0) {
        struct object **place = dict_value_at(d->keys, at);
        old = *place;
        container_drops(o, old);
        field_store(place, value);
        d->version++;
    } else {
        err = dict_insert(d, key, value, hash);
    }
    if (!err && !gc_is_tracked(o) && (gc_may_be_tracked(key) || gc_may_be_tracked(value)))
        gc_track_live(o);
    critical_end(&c);
    rc_xdec(old);
    if (at >= 0 || err)
        rc_dec(key); /* the table keeps the first equal key */
    if (unlikely(err))
        rc_dec(value);
    return err;
}

#if HG_RC == HG_RC_BIASED
/* Without the lock: *value a new reference or NULL; false: try with it. Entries of a table are filled once
 * and then only emptied, and keys that left live on in qsbr, so that a stale table can be searched. */
static bool dict_get_unlocked(struct dict_object *d, struct object *key, int64_t hash, struct object **value)
{
    if (!rc_owned_or_shared_container(&d->head))
        return false;
    struct dict_keys *k = field_load(&d->keys);
    size_t where;
    int64_t at = dict_find(k, key, hash, &where);
    *value = NULL;
    if (at < 0)
        return field_load(&d->keys) == k;
    struct object **place = dict_value_at(k, at), *found = field_load(place);
    if (unlikely(!found || !rc_try_inc(found)))
        return false;
    if (unlikely(field_load(&d->keys) != k || field_load(place) != found)) {
        rc_dec(found);
        return false;
    }
    *value = found;
    return true;
}
#endif

struct object *dict_get(struct object *o, struct object *key)
{
    struct dict_object *d = dict_of(o);
    struct object *value = NULL;
    int64_t hash = dict_hash(key);
    size_t where;
#if HG_RC == HG_RC_BIASED
    if (likely(dict_get_unlocked(d, key, hash, &value)))
        return value;
#endif
    struct critical c;
    critical_begin(&c, o);
    container_touch(o);
    int64_t at = dict_find(d->keys, key, hash, &where);
    if (at >= 0) {
        value = *dict_value_at(d->keys, at);
        rc_inc(value);
        rc_mark_shared(value);
    }
    critical_end(&c);
    return value;
}

int dict_remove(struct object *o, struct object *key)
{
    struct dict_object *d = dict_of(o);
    struct object *old_key = NULL, *old_value = NULL;
    int64_t hash = dict_hash(key);
    size_t where;
    struct critical c;
    critical_begin(&c, o);
    container_touch(o);
    int64_t at = dict_find(d->keys, key, hash, &where);
    if (at >= 0) {
        old_key = *dict_key_at(d->keys, at);
        old_value = *dict_value_at(d->keys, at);
        container_drops(o, old_key);
        container_drops(o, old_value);
        dict_set_slot(d->keys, where, SLOT_DUMMY);
        field_store(dict_value_at(d->keys, at), (struct object *)NULL);
        field_store(dict_key_at(d->keys, at), (struct object *)NULL);
        field_store(&d->used, d->used - 1);
        d->version++;
    }
    critical_end(&c);
    rc_xdec(old_key);
    rc_xdec(old_value);
    return at >= 0 ? 0 : -ENOENT;
}

size_t dict_size(struct object *o)
{
    return (size_t)__atomic_load_n(&dict_of(o)->used, __ATOMIC_RELAXED);
}

bool dict_next(struct object *o, size_t *at, struct object **key, struct object **value)
{
    const struct dict_keys *k = dict_of(o)->keys;
    for (; *at < (size_t)k->entries; ++*at) {
        struct object *v = *dict_value_at(k, (int64_t)*at);
        if (v) {
            *key = *dict_key_at(k, (int64_t)*at);
            *value = v;
            ++*at;
            return true;
        }
    }
    return false;
}
