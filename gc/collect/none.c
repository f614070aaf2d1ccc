/* none.c: the collector that does nothing: what reference counts alone leave behind. Objects are tracked all
 * the same, so that a walk over the heap finds them. */
#include "gc/about.h"

#define PARAMS PARAM_NONE
PARAM_STRUCT(gc_none_params, PARAMS)

#ifdef HG_ABOUT
const struct param gc_none_table[] = PARAM_ROWS(gc_none_params, PARAMS);
#else
#include "find.h"

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
#define none_is_valid NULL
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
#endif
