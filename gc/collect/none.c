/* none.c: the collector that does nothing: what reference counts alone leave behind. Objects are tracked all
 * the same, so that a walk over the heap finds them. */
#include "find.h"
#include "gc_list.h"

static int none_open(struct runtime *r, const void *params, struct message *m)
{
    (void)params;
    (void)m;
    r->gc.limit = INT64_MAX;
#if RC_GIL_HELD
    return 0;
#else
    return find_open(r, FIND_AUTO, m);
#endif
}

static void none_close(struct runtime *r)
{
#if RC_GIL_HELD
    (void)r;
#else
    find_close(r);
#endif
}

#if RC_GIL_HELD
static bool none_is_valid(struct runtime *r)
{
    uint64_t count = 0;
    return gc_list_is_valid(&r->gc.default_list, GC_NEXT_SPACE, 0, &count) &&
           count == (uint64_t)r->gc.tracked;
}
#else
static int none_check(struct object *o, void *arg)
{
    (void)arg;
    return atomic_load_explicit(&o->gc_bits, memory_order_relaxed) & (GC_UNREACHABLE | GC_ALIVE) ? 1 : 0;
}

static bool none_is_valid(struct runtime *r)
{
    return find_each(r, none_check, NULL) == 0;
}
#endif

const struct collector collector_none = {
    .name = "none", .open = none_open, .close = none_close, .is_valid = none_is_valid};
