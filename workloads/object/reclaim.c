/* reclaim.c: see reclaim.h. */
#include "object.h"
#include "reclaim.h"

static struct {
    struct runtime *runtime;
    struct reclaim table;
    struct type *plain, *marked;
} self;

/* The object's reference to its class moves along. */
static void reclaim_change(struct object *o, struct type *from, struct type *to)
{
    if (to->flags & TYPE_HEAP)
        rc_inc(&to->head);
    o->type = to;
    if (from->flags & TYPE_HEAP)
        rc_dec(&from->head);
}

/* Once an object: what puts it aside for later (the trashcan) finds it in its first class again. */
static void reclaim_dealloc(struct object *o)
{
    uint64_t place = *(const uint64_t *)instance_payload(o);
    struct reclaim_mark *mark = &self.table.thread[place / RECLAIM_MAX].mark[place % RECLAIM_MAX];
    mark->freed_made = runtime_containers_made(self.runtime);
    mark->freed_ns = os_now_ns();
    reclaim_change(o, self.marked, self.plain);
    self.plain->dealloc(o);
}

int reclaim_open(struct workload_sample *s, struct type *type)
{
    self.runtime = s->runtime;
    self.plain = type;
    self.marked = type_new_instance_type(type->name, type->slots, type->payload_bytes,
                                         type->flags & TYPE_WEAK, type->finalize);
    self.table.thread = workload_scratch(s->threads * sizeof *self.table.thread);
    if (!self.marked || !self.table.thread)
        return -ENOMEM;
    self.marked->dealloc = reclaim_dealloc;
    s->reclaim = &self.table;
    return 0;
}

void reclaim_mark(struct workload_thread *t, struct object *o)
{
    struct reclaim_thread *own = &self.table.thread[t->index];
    if (own->count == RECLAIM_MAX)
        return;
    *(uint64_t *)instance_payload(o) = (uint64_t)t->index * RECLAIM_MAX + own->count;
    struct reclaim_mark *mark = &own->mark[own->count++];
    reclaim_change(o, self.plain, self.marked);
    mark->died_made = runtime_containers_made(self.runtime);
    mark->died_ns = os_now_ns();
}
