/* float.c: kept on a free list, linked through their value. */
#include "types.h"

static size_t float_bytes(const struct object *o)
{
    (void)o;
    return sizeof(struct float_object);
}

static void float_dealloc(struct object *o)
{
    struct freelists *f = FREELISTS;
    if (f->on && f->floats < FREELIST_FLOATS && rc_can_reuse(o)) {
        object_retire(o, NULL, 0);
        *float_link(o) = f->float_head;
        f->float_head = o;
        f->floats++;
        return;
    }
    object_delete(o, sizeof(struct float_object));
}

static void float_clear_freelist(struct freelists *f)
{
    while (f->float_head) {
        struct object *o = f->float_head;
        f->float_head = *float_link(o);
        object_delete(o, sizeof(struct float_object));
    }
    f->floats = 0;
}

struct type type_float = {.name = "float",
                          .id = TYPE_FLOAT,
                          .basic_bytes = sizeof(struct float_object),
                          .dealloc = float_dealloc,
                          .clear_freelist = float_clear_freelist,
                          .bytes = float_bytes};

struct object *float_new(double value)
{
    struct freelists *f = FREELISTS;
    struct object *o = f->float_head;
    if (likely(o != NULL)) {
        f->float_head = *float_link(o);
        f->floats--;
        object_reuse(o, &type_float, NULL, 0);
    } else if (!(o = object_new(&type_float, sizeof(struct float_object)))) {
        return NULL;
    }
    ((struct float_object *)o)->value = value;
    return o;
}
