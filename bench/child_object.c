/* child_object.c: object-level workloads: opens the runtime of this worker's policy, logs its pauses, says gc{}, gil{}, lock{}.
 * A pause goes to a table of the thread that paused, mapped beforehand: count and percentiles cover all of them, MMU
 * the first PAUSES_MAX of a thread (said when there were more). */
#include "child.h"
#include "hist.h"

#include "../gc/runtime.h"

void object_thread_begin(struct runtime *r, unsigned index)
{
    (void)index;
    if (!r)
        return;
}

void object_thread_end(struct runtime *r, unsigned index)
{
    (void)index;
    if (!r)
        return;
}

struct runtime *object_open(const struct child_cell *cell, const struct alloc *alloc)
{
    (void)cell;
    (void)alloc;
    say_fail("not-applicable", "this worker has no object runtime");
}

void object_report(struct runtime *r, struct workload_sample *s)
{
    (void)r;
    (void)s;
}

void object_close(struct runtime *r)
{
    (void)r;
}
