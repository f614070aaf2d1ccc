/* types.h: the kinds of objects: the fixed parts of each, in CPython 3.11's sizes, and what can be done with
 * them. One Python type a file.
 *
 * A new object is returned with one reference, the caller's ("new"); "borrowed" marks when it is not.
 * Functions that make objects return NULL when the allocator does, and leave what they were given as it was.
 * All calls are for attached threads. Under a policy without a GIL the contents of lists and dicts are
 * guarded by a critical section on the object (lock.h), taken inside the functions below; ints, floats, strs
 * and filled tuples never change. References: CPython
 * Include/cpython/{object,listobject,dictobject,tupleobject}.h of 3.11 for the layouts. */
#ifndef HG_GC_TYPES_H
#define HG_GC_TYPES_H

#include "gc/runtime/state.h"

extern struct type type_none, type_int, type_float, type_str, type_tuple, type_list, type_dict, type_weakref,
    type_bytes, type_type;

/* --- the kinds ------------------------------------------------------------------------------------------ */

/* size: digits of 30 bits, negative for a negative number, as CPython's; 28, 32, 36 bytes. */
struct int_object {
    struct object head;
    int64_t size;
    uint32_t digit[1];
};

struct float_object {
    struct object head;
    double value;
};

/* ASCII text: 48 bytes of header and a closing 0: 49 + n. */
struct str_object {
    struct object head;
    int64_t length;
    int64_t hash;      /* -1 until asked for */
    uint32_t interned; /* 1: in the runtime's table, which does not count its references */
    uint32_t state;
    char text[];
};

struct bytes_object {
    struct object head;
    int64_t size;
    int64_t hash;
    char data[];
};

struct tuple_object {
    struct object head;
    int64_t size;
    struct object *item[];
};

struct list_object {
    struct object head;
    int64_t size;
    struct object **item; /* [allocated] */
    int64_t allocated;
};

struct dict_keys;
struct dict_object {
    struct object head;
    int64_t used;
    uint64_t version; /* changes with every change */
    struct dict_keys *keys;
    void *reserved; /* 3.11's split-table values: never used here */
};

/* slots, then (by type) the weaklist, then the payload. */
struct instance_object {
    struct object head;
    struct object *slot[];
};

typedef void weakref_callback(struct weakref *w, void *arg);
struct weakref {
    struct object head;
    struct object *referent; /* borrowed; NULL once dead */
    weakref_callback *callback;
    void *arg;
    struct weakref *prev, *next; /* in the referent's list */
};

/* Sizes that CPython has on 64 bits, with its 16-byte header; what versions add is in python.h. */
#if HG_RC != HG_RC_BIASED
_Static_assert(sizeof(struct object) == 16, "object header");
_Static_assert(offsetof(struct int_object, digit) == 24, "int");
_Static_assert(sizeof(struct float_object) == 24, "float");
_Static_assert(offsetof(struct str_object, text) == 40, "str");
_Static_assert(offsetof(struct tuple_object, item) == 24, "tuple");
_Static_assert(sizeof(struct list_object) == 40, "list");
_Static_assert(sizeof(struct dict_object) == 48, "dict");
_Static_assert(sizeof(struct weakref) == 56, "weakref");
#endif

/* --- making and using objects --------------------------------------------------------------------------- */

extern struct object object_none; /* a reference to it is counted as any other in 3.11 */

struct object *int_new(int64_t value); /* -5..256: the cached one, counted */
int64_t int_value(const struct object *o);

struct object *float_new(double value);
/* Free floats are linked through their value. */
static inline struct object **float_link(struct object *o)
{
    return (struct object **)&((struct float_object *)o)->value;
}
static inline double float_value(const struct object *o)
{
    return ((const struct float_object *)o)->value;
}

struct object *str_new(const char *text, size_t length);
/* length uninitialised bytes for the caller to fill before anyone else sees it. */
struct object *str_new_raw(size_t length, char **text);
/* The interned string of this text; takes the caller's reference to o and returns one to the table's. */
struct object *str_intern(struct object *o);
int64_t str_hash(struct object *o);
static inline bool str_equal(const struct object *a, const struct object *b)
{
    const struct str_object *x = (const struct str_object *)a, *y = (const struct str_object *)b;
    return x == y || (x->length == y->length && memcmp(x->text, y->text, (size_t)x->length) == 0);
}

struct object *bytes_new(const void *data, size_t size); /* data NULL: zeroed */

/* Items start as NULL and are filled by tuple_init_item, which takes the reference. 0 gives the one empty
 * tuple. */
struct object *tuple_new(size_t size);
static inline void tuple_init_item(struct object *o, size_t i, struct object *item)
{
    ((struct tuple_object *)o)->item[i] = item;
}
/* Once all items are in. From CPython 3.14.1 on (GH-140262) a tuple in which there is nothing to track is not
 * tracked from the beginning; before, and for most of its makers still, it is until a collection sees it. */
void tuple_filled(struct object *o);
static inline size_t tuple_size(const struct object *o)
{
    return (size_t)((const struct tuple_object *)o)->size;
}
static inline struct object *tuple_item(const struct object *o, size_t i) /* borrowed */
{
    return ((const struct tuple_object *)o)->item[i];
}

struct object *list_new(size_t size); /* items NULL, to be filled by list_init_item before it is shared */
static inline void list_init_item(struct object *o, size_t i, struct object *item)
{
    ((struct list_object *)o)->item[i] = item;
}
int list_append(struct object *o, struct object *item);        /* takes its own reference; -ENOMEM */
int list_set(struct object *o, size_t i, struct object *item); /* likewise; -EINVAL out of range */
struct object *list_get(struct object *o, size_t i);           /* new; NULL out of range */
struct object *list_pop(struct object *o);                     /* new; NULL when empty */
int list_clear(struct object *o);
size_t list_size(struct object *o);

/* Keys are ints, strs or any object by identity. */
struct object *dict_new(void);
int dict_put(struct object *o, struct object *key, struct object *value); /* own references; -ENOMEM */
struct object *dict_get(struct object *o, struct object *key);            /* new, or NULL */
int dict_remove(struct object *o, struct object *key);                    /* -ENOENT */
void dict_clear(struct object *o);
size_t dict_size(struct object *o);
/* In order of insertion. *at starts at 0; borrowed; for a dict that nobody changes meanwhile. */
bool dict_next(struct object *o, size_t *at, struct object **key, struct object **value);

/* A new class with so many slots; instances carry payload_bytes of plain memory (zeroed) beside them. flags:
 * TYPE_WEAK. Slots start as NULL ("unset"). The type is dropped by rc_dec when its instances are gone. */
struct type *type_new_instance_type(const char *name, unsigned slots, unsigned payload_bytes, unsigned flags,
                                    void (*finalize)(struct object *o));
void type_set_del(struct type *type, void (*del)(struct object *o));
struct object *instance_new(struct type *type);
/* The slot takes a reference of its own; NULL unsets it. */
void instance_set(struct object *o, size_t i, struct object *value);
struct object *instance_get(struct object *o, size_t i);                     /* new, or NULL */
static inline struct object *instance_slot(const struct object *o, size_t i) /* borrowed, no lock */
{
    return ((const struct instance_object *)o)->slot[i];
}
static inline void *instance_payload(struct object *o)
{
    return (char *)o + o->type->payload_offset;
}

/* --- weak references ------------------------------------------------------------------------------------ */

/* o's type must have TYPE_WEAK. Without a callback the object's one plain weakref is shared. The callback
 * runs when o dies and the weakref still lives; never if the weakref died first. */
struct object *weakref_new(struct object *o, weakref_callback *callback, void *arg);
struct object *weakref_get(struct object *w); /* new reference to the referent, or NULL */

/* Takes w out of its referent's list and forgets the callback's chance: what a collector does first. The
 * callback pointer itself stays for the collector to call. */
void weakref_clear(struct weakref *w);
/* What dealloc does: clears all of o's weakrefs and calls the callbacks of those still referenced. */
void object_clear_weakrefs(struct object *o);
/* Clears them without calling anyone: those that a finaliser made. */
void object_forget_weakrefs(struct object *o);

/* --- for the runtime and between the types -------------------------------------------------------------- */

/* What stands as long as the runtime does: None, small ints, the empty tuple, the table of interned strings.
 * 0 or -ENOMEM, and then types_close all the same. */
int types_open(struct runtime *r);
void types_close(struct runtime *r);

int int_open(struct runtime *r);
void int_close(struct runtime *r);
int tuple_open(struct runtime *r);
void tuple_close(struct runtime *r);
void type_close_all(struct runtime *r);

/* The functions and flags that every class has in common (instance.c). */
extern const struct type type_instance;

/* The interning table (intern.c). */
int intern_open(struct runtime *r);
void intern_close(struct runtime *r);
/* The table's string with s's text: s itself, or another, and then s's reference has been given up for one
 * to it. s has its hash. */
struct str_object *intern_enter(struct str_object *s);
void intern_forget(struct str_object *s); /* a dying interned string */
/* Every string of the table is marked as interned and found where a lookup would look; used counts them. */
bool intern_is_valid(void);

/* Empties every free list, as a full collection does (of all threads: world stopped without a GIL). The
 * collector counts the containers as freed now. */
void freelist_clear_all(struct runtime *r);
/* Each list is as long as its count, and no longer than it may be; its objects are of its type, dead
 * and not tracked. Of all threads: world stopped without a GIL. */
bool freelists_are_valid(struct runtime *r);

#endif
