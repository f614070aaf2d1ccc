/* object.h: what an object is: header and type.
 *
 *   offset -16  GC head (container types only)   under a GIL: next, prev, as CPython's
 *                                                atomic, objlock: collector's scratch, registry slot
 *                                                biased: none (its 32-byte header carries the slot)
 *            0  refcount fields of the policy    (rc_*.h)
 *            8  type *                           (24 under biased)
 *           16  the kind's own fields            (gc/types/types.h) */
#ifndef HG_GC_RUNTIME_OBJECT_H
#define HG_GC_RUNTIME_OBJECT_H

#include "gc/rc/rc.h"

#include "alloc/alloc.h"

#include <errno.h>
#include <string.h>

struct freelists;
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
    TYPE_INSTANCE, /* of any class made by type_new_instance_type */
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
    /* Untracks o if nothing it holds can be tracked, for collectors to call at their time (3.11's
     * untrack_tuples and untrack_dicts). NULL: stays tracked. */
    void (*maybe_untrack)(struct object *o);
    /* Gives the dead objects of this type in f back to the allocator. NULL: it keeps none. */
    void (*clear_freelist)(struct freelists *f);
    struct type *next; /* all instance types of the runtime */
};

static inline void object_dealloc(struct object *o)
{
    o->type->dealloc(o);
}

/* --- the GC head ---------------------------------------------------------------------------------------- */

#if RC_GIL_HELD
/* next == 0: not tracked. Low bits, as CPython's:
 *   prev bit 0  the finaliser has run      prev bit 1  in the set being collected
 *   prev >> 2   gc_refs while collecting (the list is then singly linked)
 *   next bit 0  incremental collectors: which of two spaces      next bit 1  tentatively unreachable
 *   next bit 2  pep848: no closure of old objects may move it
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

/* --- for dealloc functions and collectors --------------------------------------------------------------- */

/* Runs o's finaliser unless it has run; true when o was resurrected. object_finalize is for a collector, who
 * holds a reference; the other for dealloc, with the count at 0. */
void object_finalize(struct object *o);
bool object_finalize_from_dealloc(struct object *o);
bool object_is_finalized(const struct object *o);

static inline struct weakref **object_weaklist(struct object *o) /* NULL when the type has none */
{
    uint32_t at = o->type->weaklist_offset;
    return at ? (struct weakref **)((char *)o + at) : NULL;
}

/* getsizeof: the object, its own tables, and the GC head where it has one. */
size_t object_bytes(const struct object *o);

#endif
