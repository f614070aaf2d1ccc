/* instance.c: instances of classes made at run time (type.c): slots, and by class a list of weakrefs and some
 * plain memory beside them.
 *
 * An instance holds a reference to its class, as CPython's heap types have it (not where the class is
 * deferred: then nobody counts them). Death in CPython's order (subtype_dealloc): untrack, trashcan, track,
 * finaliser (may resurrect: stays tracked), untrack, weakrefs with callbacks, legacy finaliser in the same
 * way, weakrefs made by either without, slots from the first to the last, memory, class. */
#include "container.h"

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

const struct type type_instance = {.id = TYPE_INSTANCE,
                                   .flags = TYPE_GC,
                                   .traverse = instance_traverse,
                                   .clear = instance_clear,
                                   .dealloc = instance_dealloc,
                                   .bytes = instance_bytes};

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
