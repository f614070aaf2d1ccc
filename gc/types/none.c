/* none.c: None. */
#include "types.h"

#include "alloc/base/assert.h"

static void none_dealloc(struct object *o)
{
    /* More references dropped than taken: goes on, as CPython, where debug builds end here. */
    hg_assert(o != &object_none);
    rc_init(o);
    rc_set_immortal(o);
}

static size_t none_bytes(const struct object *o)
{
    return sizeof *o;
}

struct type type_none = {.name = "NoneType",
                         .id = TYPE_NONE,
                         .basic_bytes = sizeof(struct object),
                         .dealloc = none_dealloc,
                         .bytes = none_bytes};
struct object object_none = {.type = &type_none};
