/* none.c: the collector that does nothing: what reference counts alone leave behind. Objects are tracked all
 * the same, so that a walk over the heap finds them. */
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

const struct collector collector_none = {.name = "none", .open = none_open, .close = none_close};
