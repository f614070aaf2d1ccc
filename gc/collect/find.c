/* find.c: see find.h. */
#include "find.h"

#include <errno.h>

#if !RC_GIL_HELD
int find_open(struct runtime *r, enum find_by by, struct message *m)
{
    const struct backend *b = r->memory.plain.backend;
    r->memory.containers = r->memory.plain;
    r->memory.registry = true;
    if (by == FIND_REGISTRY || (by == FIND_AUTO && (!b || !b->second)))
        return 0;
    if (!b || !b->second)
        return message_set(
            m, -ENOTSUP,
            "find=walk needs an allocator with a heap for containers alone, which %s has not: take "
            "pools, or find=registry",
            b ? b->name : "this one");
    int err = b->second(&r->memory.containers, &r->memory.plain, m);
    r->memory.registry = err != 0;
    return err;
}

void find_close(struct runtime *r)
{
    if (!r->memory.registry)
        r->memory.containers.backend->close(&r->memory.containers);
}

struct find_visit {
    object_visit *visit;
    void *arg;
};

static int find_visit_block(void *arg, const struct alloc_piece *piece)
{
    const struct find_visit *v = arg;
    if (piece->kind != ALLOC_BLOCK || !piece->used)
        return 0;
    struct object *o = (struct object *)((char *)piece->address + GC_HEAD_BYTES);
    return o->type ? v->visit(o, v->arg) : 0;
}

int find_each(struct runtime *r, object_visit *visit, void *arg)
{
    if (r->memory.registry)
        return registry_each(r, visit, arg);
    struct find_visit v = {visit, arg};
    return r->memory.containers.backend->walk(r->memory.containers.ctx, find_visit_block, &v, true);
}
#else
typedef int find_unused; /* under a GIL the collector's lists say where the objects are */
#endif
