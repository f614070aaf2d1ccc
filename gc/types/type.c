/* type.c: classes made at run time. A class is an object; it is taken apart by its last reference, or with
 * the runtime. */
#include "types.h"

static void type_unlink(struct type *type)
{
    struct runtime *r = &runtime_global;
    pthread_mutex_lock(&r->types.mutex);
    for (struct type **at = &r->types.instance; *at; at = &(*at)->next) {
        if (*at == type) {
            *at = type->next;
            break;
        }
    }
    pthread_mutex_unlock(&r->types.mutex);
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
    *type = type_instance;
    type->head.type = &type_type;
    rc_init(&type->head);
    /* its instances do not count it: the runtime's own reference keeps it until type_close_all */
    if (r->options.deferred)
        rc_inc(&type->head);
    type->name = name;
    type->flags |= (r->options.deferred ? 0 : TYPE_HEAP) | (flags & TYPE_WEAK);
    type->slots = slots;
    if (flags & TYPE_WEAK) {
        type->weaklist_offset = bytes;
        bytes += 8 + r->python.weaklist_extra_bytes;
    }
    type->payload_bytes = payload_bytes;
    if (payload_bytes) {
        type->payload_offset = bytes;
        bytes += (payload_bytes + 7) & ~7u;
    }
    type->basic_bytes = bytes;
    type->finalize = finalize;
    pthread_mutex_lock(&r->types.mutex);
    type->next = r->types.instance;
    r->types.instance = type;
    pthread_mutex_unlock(&r->types.mutex);
    return type;
}

void type_set_del(struct type *type, void (*del)(struct object *o))
{
    type->del = del;
    runtime_global.types.legacy = true;
}

void type_close_all(struct runtime *r)
{
    while (r->types.instance) {
        struct type *type = r->types.instance;
        r->types.instance = type->next;
        mem_free(type);
    }
}
