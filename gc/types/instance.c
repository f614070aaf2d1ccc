/* instance.c: classes made at run time and their instances: slots, and by class a list of weakrefs and some
 * plain memory beside them.
 *
 * An instance holds a reference to its class, as CPython's heap types have it (not where the class is
 * deferred: then nobody counts them). Death in CPython's order (subtype_dealloc): untrack, trashcan, track,
 * finaliser (may resurrect: stays tracked), untrack, weakrefs with callbacks, legacy finaliser in the same
 * way, weakrefs made by either without, slots from the first to the last, memory, class. */
#include "types.h"
#include "gc/runtime/lock.h"

static struct instance_object *instance_of(struct object *o)
{
    return (struct instance_object *)o;
}

static size_t instance_bytes(const struct object *o)
{
    return o->type->basic_bytes;
}

static int instance_traverse(struct object *o, object_visit *visit, void *arg)
{
    struct instance_object *n = instance_of(o);
    for (uint32_t i = 0; i < o->type->slots; i++) {
        if (n->slot[i]) {
            int stop = visit(n->slot[i], arg);
            if (stop)
                return stop;
        }
    }
    return o->type->flags & TYPE_HEAP ? visit(&o->type->head, arg) : 0;
}

static void instance_clear(struct object *o)
{
    for (uint32_t i = 0; i < o->type->slots; i++)
        instance_set(o, i, NULL);
}

/* True when it was resurrected. */
static bool instance_del(struct object *o)
{
    gc_track(o);
    rc_revive(o);
    o->type->del(o);
    if (!rc_unrevive(o))
        return true;
    gc_untrack(o);
    return false;
}

static void instance_dealloc(struct object *o)
{
    struct instance_object *n = instance_of(o);
    struct type *type = o->type;
    gc_untrack(o);
    if (trash_begin(o, 1))
        return;
    if (type->finalize) {
        gc_track(o);
        if (object_finalize_from_dealloc(o))
            goto resurrected;
        gc_untrack(o);
    }
    if (type->weaklist_offset)
        object_clear_weakrefs(o);
    if (type->del && instance_del(o))
        goto resurrected;
    if (type->weaklist_offset && (type->finalize || type->del))
        object_forget_weakrefs(o);
    for (uint32_t i = 0; i < type->slots; i++) {
        struct object *value = n->slot[i];
        n->slot[i] = NULL;
        rc_xdec(value);
    }
    gc_delete(o, type->basic_bytes);
    if (type->flags & TYPE_HEAP)
        rc_dec(&type->head);
resurrected:
    trash_end();
}

struct object *instance_new(struct type *type)
{
    struct instance_object *n = gc_new(type, type->basic_bytes);
    if (unlikely(!n))
        return NULL;
    memset(n->slot, 0, type->basic_bytes - sizeof *n);
    if (type->flags & TYPE_HEAP)
        rc_inc(&type->head);
    gc_track(&n->head);
    return &n->head;
}

void instance_set(struct object *o, size_t i, struct object *value)
{
    struct instance_object *n = instance_of(o);
    struct critical c;
    if (value)
        rc_inc(value);
    critical_begin(&c, o);
    struct object *old = n->slot[i];
    field_store(&n->slot[i], value);
    critical_end(&c);
    rc_xdec(old);
}

struct object *instance_get(struct object *o, size_t i)
{
    struct instance_object *n = instance_of(o);
    struct critical c;
    critical_begin(&c, o);
    struct object *value = n->slot[i];
    if (value)
        rc_inc(value);
    critical_end(&c);
    return value;
}

/* --- classes -------------------------------------------------------------------------------------------- */

/* Classes are taken apart with the runtime, or by their last reference. */
static void type_unlink(struct type *type)
{
    struct runtime *r = &runtime_global;
    pthread_mutex_lock(&r->types_mutex);
    for (struct type **at = &r->instance_types; *at; at = &(*at)->next) {
        if (*at == type) {
            *at = type->next;
            break;
        }
    }
    pthread_mutex_unlock(&r->types_mutex);
}

static void type_dealloc(struct object *o)
{
    struct type *type = (struct type *)o;
    type_unlink(type);
    object_free_block(o, o, sizeof *type);
}

static size_t type_size(const struct object *o)
{
    (void)o;
    return sizeof(struct type);
}

struct type type_type = {.name = "type",
                         .id = TYPE_TYPE,
                         .basic_bytes = sizeof(struct type),
                         .dealloc = type_dealloc,
                         .bytes = type_size};

struct type *type_new_instance_type(const char *name, unsigned slots, unsigned payload_bytes, unsigned flags,
                                    void (*finalize)(struct object *o))
{
    struct runtime *r = &runtime_global;
    struct type *type = mem_alloc(sizeof *type);
    if (!type)
        return NULL;
    uint32_t bytes = (uint32_t)(sizeof(struct object) + 8 * (size_t)slots);
    memset(type, 0, sizeof *type);
    type->head.type = &type_type;
    rc_init(&type->head);
    /* its instances do not count it: the runtime's own reference keeps it until type_close_all */
    if (r->deferred)
        rc_inc(&type->head);
    type->name = name;
    type->id = TYPE_INSTANCE;
    type->flags = TYPE_GC | (r->deferred ? 0 : TYPE_HEAP) | (flags & TYPE_WEAK);
    type->slots = slots;
    if (flags & TYPE_WEAK) {
        type->weaklist_offset = bytes;
        bytes += 8;
    }
    type->payload_bytes = payload_bytes;
    if (payload_bytes) {
        type->payload_offset = bytes;
        bytes += (payload_bytes + 7) & ~7u;
    }
    type->basic_bytes = bytes;
    type->traverse = instance_traverse;
    type->clear = instance_clear;
    type->finalize = finalize;
    type->dealloc = instance_dealloc;
    type->bytes = instance_bytes;
    pthread_mutex_lock(&r->types_mutex);
    type->next = r->instance_types;
    r->instance_types = type;
    pthread_mutex_unlock(&r->types_mutex);
    return type;
}

void type_set_del(struct type *type, void (*del)(struct object *o))
{
    type->del = del;
    runtime_global.legacy_types = true;
}

void type_close_all(struct runtime *r)
{
    while (r->instance_types) {
        struct type *type = r->instance_types;
        r->instance_types = type->next;
        mem_free(type);
    }
}
