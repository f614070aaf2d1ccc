/* object.h: what an object is: header, type, and the fixed parts of every kind, in CPython 3.11's sizes.
 *
 *   offset -16  GC head (container types only)   under a GIL: next, prev, as CPython's
 *                                                atomic, objlock: collector's scratch, registry slot
 *                                                biased: none (its 32-byte header carries the slot)
 *            0  refcount fields of the policy    (rc_*.h)
 *            8  type *                           (24 under biased)
 *           16  the kind's own fields
 *
 * A new object is returned with one reference, the caller's ("new"); "borrowed" says when it is not.
 * Functions that make objects return NULL when the allocator does, and leave what they were given as it was.
 * All calls are for attached threads. Under a policy without a GIL the contents of lists and dicts are
 * guarded by a critical section on the object (lock.h), taken inside the functions below; ints, floats, strs
 * and filled tuples never change. References: CPython
 * Include/cpython/{object,listobject,dictobject,tupleobject}.h of 3.11 for the layouts. */
#ifndef HG_GC_RUNTIME_OBJECT_H
#define HG_GC_RUNTIME_OBJECT_H

#include "gc/rc/rc.h"

#include "alloc/alloc.h"

#include <errno.h>
#include <string.h>

struct runtime;
struct weakref;

/* --- types ---------------------------------------------------------------------------------------------- */

enum type_id {
    TYPE_NONE,
    TYPE_INT,
    TYPE_FLOAT,
    TYPE_STR,
    TYPE_TUPLE,
    TYPE_LIST,
    TYPE_DICT,
    TYPE_WEAKREF,
    TYPE_BYTES,
    TYPE_TYPE,
    TYPE_INSTANCE, /* this and all above: made by type_new_instance_type */
};

enum {
    TYPE_GC = 1 << 0,   /* may hold references: has a GC head, is tracked */
    TYPE_WEAK = 1 << 1, /* can be referenced weakly: weaklist_offset */
    TYPE_HEAP = 1 << 2, /* each instance holds a reference to its type, as CPython's heap types */
};

typedef int object_visit(struct object *o, void *arg);

/* A type is an object itself: heap types are counted, by their instances too (unless deferred). */
struct type {
    struct object head;
    const char *name;
    enum type_id id;
    uint32_t flags;
    uint32_t basic_bytes;                                    /* without the GC head */
    uint32_t slots;                                          /* instance types */
    uint32_t weaklist_offset, payload_offset, payload_bytes; /* instance types; 0 = none */
    /* Calls visit for every reference held (the type of a heap type's instance included); stops when it
     * returns other than 0. NULL for types that hold none. */
    int (*traverse)(struct object *o, object_visit *visit, void *arg);
    /* Drops the references that may close a cycle. NULL: the type cannot (a tuple). */
    void (*clear)(struct object *o);
    /* Runs once in an object's life, before anything is taken apart; may resurrect it. */
    void (*finalize)(struct object *o);
    /* Legacy finaliser (tp_del), set by type_set_del before the first instance: runs whenever the count comes
     * to 0, and may resurrect. No order is safe for several in a cycle: unreachable ones and what they lead
     * to are uncollectable. Nothing counts under tracing: there it runs when the object is freed, after what
     * it refers to. */
    void (*del)(struct object *o);
    void (*dealloc)(struct object *o);
    /* As sys.getsizeof without the GC head: the object, and the tables that it owns alone. */
    size_t (*bytes)(const struct object *o);
    struct type *next; /* all instance types of the runtime */
};

static inline void object_dealloc(struct object *o)
{
    o->type->dealloc(o);
}

extern struct type type_none, type_int, type_float, type_str, type_tuple, type_list, type_dict, type_weakref,
    type_bytes, type_type;

/* --- the kinds ------------------------------------------------------------------------------------------ */

struct var {
    struct object head;
    int64_t size;
};

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
    void *reserved; /* 3.11 keeps a wide copy here; only its 8 bytes matter */
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

/* Sizes that CPython 3.11 has on 64 bits; the policies without its 16-byte header are told apart in METHOD.
 */
#if HG_RC != HG_RC_BIASED
_Static_assert(sizeof(struct object) == 16, "object header");
_Static_assert(offsetof(struct int_object, digit) == 24, "int");
_Static_assert(sizeof(struct float_object) == 24, "float");
_Static_assert(offsetof(struct str_object, text) == 48, "str");
_Static_assert(offsetof(struct tuple_object, item) == 24, "tuple");
_Static_assert(sizeof(struct list_object) == 40, "list");
_Static_assert(sizeof(struct dict_object) == 48, "dict");
_Static_assert(sizeof(struct weakref) == 56, "weakref");
#endif

/* --- the GC head ---------------------------------------------------------------------------------------- */

#if RC_GIL_HELD
/* next == 0: not tracked. Low bits, as CPython's:
 *   prev bit 0  the finaliser has run      prev bit 1  in the set being collected
 *   prev >> 2   gc_refs while collecting (the list is then singly linked)
 *   next bit 0  incremental collectors: which of two spaces      next bit 1  tentatively unreachable
 *   next bit 2  pep848: not old yet
 */
struct gc_head {
    uintptr_t next, prev;
};
#define GC_PREV_FINALIZED  ((uintptr_t)1)
#define GC_PREV_COLLECTING ((uintptr_t)2)
#define GC_PREV_SHIFT      2
#define GC_PREV_MASK       (~(uintptr_t)3)
#define GC_NEXT_MASK       (~(uintptr_t)7)
#define GC_HEAD_BYTES      sizeof(struct gc_head)
#elif HG_RC != HG_RC_BIASED
struct gc_head {
    int64_t refs;  /* the collector's scratch */
    uint32_t slot; /* of this object in its home thread's registry */
    uint32_t reserved;
};
#define GC_HEAD_BYTES sizeof(struct gc_head)
#else
#define GC_HEAD_BYTES ((size_t)0)
#endif

static inline void *object_block(struct object *o)
{
    return (char *)o - (o->type->flags & TYPE_GC ? GC_HEAD_BYTES : 0);
}

#if RC_GIL_HELD || HG_RC != HG_RC_BIASED
static inline struct gc_head *gc_head_of(const struct object *o)
{
    return (struct gc_head *)o - 1;
}

static inline struct object *gc_object_of(const struct gc_head *g)
{
    return (struct object *)(g + 1);
}
#endif

static inline bool object_is_gc(const struct object *o)
{
    return (o->type->flags & TYPE_GC) != 0;
}

/* --- making and using objects --------------------------------------------------------------------------- */

extern struct object object_none; /* a reference to it is counted as any other in 3.11 */

struct object *int_new(int64_t value); /* -5..256: the cached one, counted */
int64_t int_value(const struct object *o);

struct object *float_new(double value);
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
bool str_equal(const struct object *a, const struct object *b);

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

static inline struct weakref **object_weaklist(struct object *o) /* NULL when the type has none */
{
    uint32_t at = o->type->weaklist_offset;
    return at ? (struct weakref **)((char *)o + at) : NULL;
}
/* Takes w out of its referent's list and forgets the callback's chance: what a collector does first. The
 * callback pointer itself stays for the collector to call. */
void weakref_clear(struct weakref *w);
/* What dealloc does: clears all of o's weakrefs and calls the callbacks of those still referenced. */
void object_clear_weakrefs(struct object *o);
/* Clears them without calling anyone: those that a finaliser made. */
void object_forget_weakrefs(struct object *o);

/* --- for dealloc functions and collectors --------------------------------------------------------------- */

/* Runs o's finaliser unless it has run; true when o was resurrected. object_finalize is for a collector, who
 * holds a reference; the other for dealloc, with the count at 0. */
void object_finalize(struct object *o);
bool object_finalize_from_dealloc(struct object *o);
bool object_is_finalized(const struct object *o);

/* getsizeof: the object, its own tables, and the GC head where it has one. */
size_t object_bytes(const struct object *o);

#endif
