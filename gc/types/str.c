/* str.c: ASCII text; never changes once made. */
#include "types.h"

static inline size_t str_bytes_of(size_t length)
{
    return offsetof(struct str_object, text) + length + 1 + runtime_global.python.str_extra_bytes;
}

static size_t str_bytes(const struct object *o)
{
    return str_bytes_of((size_t)((const struct str_object *)o)->length);
}

static void str_dealloc(struct object *o)
{
    if (unlikely(__atomic_load_n(&((struct str_object *)o)->interned, __ATOMIC_ACQUIRE)))
        intern_forget((struct str_object *)o);
    object_delete(o, str_bytes(o));
}

struct type type_str = {.name = "str",
                        .id = TYPE_STR,
                        .basic_bytes = offsetof(struct str_object, text) + 1,
                        .dealloc = str_dealloc,
                        .bytes = str_bytes};

struct object *str_new_raw(size_t length, char **text)
{
    struct str_object *o = object_new(&type_str, str_bytes_of(length));
    if (unlikely(!o))
        return NULL;
    o->length = (int64_t)length;
    o->hash = -1;
    o->interned = 0;
    o->state = 0;
    o->text[length] = '\0';
    *text = o->text;
    return &o->head;
}

struct object *str_new(const char *text, size_t length)
{
    char *to;
    struct object *o = str_new_raw(length, &to);
    if (o)
        memcpy(to, text, length);
    return o;
}

/* Eight bytes a step, multiplied and folded; -1 is kept for "not known". Same on every host of the same byte
 * order, so that dicts probe alike in every build. */
static int64_t str_compute_hash(const char *text, size_t length)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ length;
    for (; length; text += 8) {
        uint64_t word = 0;
        size_t n = length < 8 ? length : 8;
        memcpy(&word, text, n);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
        length -= n;
    }
    return h == UINT64_MAX ? -2 : (int64_t)h;
}

/* Two threads may compute it at once: both store the same value. */
int64_t str_hash(struct object *o)
{
    struct str_object *s = (struct str_object *)o;
    int64_t h = __atomic_load_n(&s->hash, __ATOMIC_RELAXED);
    if (h == -1) {
        h = str_compute_hash(s->text, (size_t)s->length);
        __atomic_store_n(&s->hash, h, __ATOMIC_RELAXED);
    }
    return h;
}

struct object *str_intern(struct object *o)
{
    struct str_object *s = (struct str_object *)o;
    if (__atomic_load_n(&s->interned, __ATOMIC_ACQUIRE))
        return o;
    str_hash(o);
    return &intern_enter(s)->head;
}
