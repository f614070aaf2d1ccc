/* bytes.c: bytes that never change once made. */
#include "types.h"

static size_t bytes_bytes(const struct object *o)
{
    return offsetof(struct bytes_object, data) + (size_t)((const struct bytes_object *)o)->size + 1;
}

static void bytes_dealloc(struct object *o)
{
    object_delete(o, bytes_bytes(o));
}

struct type type_bytes = {.name = "bytes",
                          .id = TYPE_BYTES,
                          .basic_bytes = offsetof(struct bytes_object, data) + 1,
                          .dealloc = bytes_dealloc,
                          .bytes = bytes_bytes};

struct object *bytes_new(const void *data, size_t size)
{
    struct bytes_object *o = object_new(&type_bytes, offsetof(struct bytes_object, data) + size + 1);
    if (unlikely(!o))
        return NULL;
    o->size = (int64_t)size;
    o->hash = -1;
    if (data)
        memcpy(o->data, data, size);
    else
        memset(o->data, 0, size);
    o->data[size] = '\0';
    return &o->head;
}
