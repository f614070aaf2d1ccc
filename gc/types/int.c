/* int.c: whole numbers in digits of 30 bits; the small ones are made once. */
#include "types.h"

#include "alloc/base/compiler.h"

#define DIGIT_BITS        30
#define DIGIT_MASK        ((1u << DIGIT_BITS) - 1)
#define INT_BYTES(digits) (offsetof(struct int_object, digit) + 4 * (size_t)(digits))

static size_t int_bytes(const struct object *o)
{
    int64_t digits = ((const struct int_object *)o)->size;
    digits = digits < 0 ? -digits : digits;
    return INT_BYTES(digits ? digits : 1);
}

static void int_dealloc(struct object *o)
{
    object_delete(o, int_bytes(o));
}

struct type type_int = {.name = "int",
                        .id = TYPE_INT,
                        .basic_bytes = offsetof(struct int_object, digit),
                        .dealloc = int_dealloc,
                        .bytes = int_bytes};

static noinline struct object *int_make(int64_t value)
{
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    if (likely(magnitude >> DIGIT_BITS == 0)) {
        struct int_object *o = object_new(&type_int, INT_BYTES(1));
        if (unlikely(!o))
            return NULL;
        o->size = (value > 0) - (value < 0);
        o->digit[0] = (uint32_t)magnitude;
        return &o->head;
    }
    int64_t digits = magnitude >> (2 * DIGIT_BITS) == 0 ? 2 : 3;
    struct int_object *o = object_new(&type_int, INT_BYTES(digits));
    if (unlikely(!o))
        return NULL;
    o->size = value < 0 ? -digits : digits;
    for (int64_t i = 0; i < digits; i++)
        o->digit[i] = (uint32_t)(magnitude >> (unsigned)(i * DIGIT_BITS)) & DIGIT_MASK;
    return &o->head;
}

struct object *int_new(int64_t value)
{
    if ((uint64_t)(value - SMALL_INT_MIN) <= SMALL_INT_MAX - SMALL_INT_MIN) {
        struct object *o = runtime_global.types.small_int[value - SMALL_INT_MIN];
        rc_inc(o);
        return o;
    }
    return int_make(value);
}

int64_t int_value(const struct object *o)
{
    const struct int_object *n = (const struct int_object *)o;
    int64_t digits = n->size < 0 ? -n->size : n->size;
    uint64_t magnitude = digits ? n->digit[0] : 0;
    for (int64_t i = 1; i < digits; i++)
        magnitude |= (uint64_t)n->digit[i] << (unsigned)(i * DIGIT_BITS);
    return n->size < 0 ? (int64_t)-magnitude : (int64_t)magnitude;
}

int int_open(struct runtime *r)
{
    for (int64_t v = SMALL_INT_MIN; v <= SMALL_INT_MAX; v++) {
        struct object *o = int_make(v);
        if (!o)
            return -ENOMEM;
        rc_set_immortal(o);
        r->types.small_int[v - SMALL_INT_MIN] = o;
    }
    return 0;
}

void int_close(struct runtime *r)
{
    for (size_t i = 0; i < array_length(r->types.small_int); i++) {
        if (r->types.small_int[i])
            object_delete(r->types.small_int[i], 0);
        r->types.small_int[i] = NULL;
    }
}
