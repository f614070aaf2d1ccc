/* reclaim.h: how long dead cycles wait for their collector. A workload that drops a cycle marks it (one in so
 * many): when, and after how many containers made, it became unreachable; its death is noted the same way.
 *
 * A marked object is of another class with the same name, layout and methods, whose dealloc makes the note
 * and goes on as the first class's would: collectors see no difference, and what is not marked pays
 * nothing. */
#ifndef HG_WORKLOADS_OBJECT_RECLAIM_H
#define HG_WORKLOADS_OBJECT_RECLAIM_H

#include <stddef.h>
#include <stdint.h>

#define RECLAIM_MAX 4096 /* marks of a thread; later ones are not made */

struct reclaim_mark {
    uint64_t died_ns, died_made;   /* os_now_ns; containers made until then by all threads */
    uint64_t freed_ns, freed_made; /* 0: not yet. Written by whoever frees it, read at quiescence */
};

struct reclaim_thread {
    size_t count;
    struct reclaim_mark mark[RECLAIM_MAX];
};

struct reclaim {
    struct reclaim_thread *thread; /* [threads] */
};

struct object;
struct type;
struct workload_sample;
struct workload_thread;

/* For instances of type, which has a payload of 8 bytes or more: its first 8 are the mark's. Sets s->reclaim.
 * One class a sample. 0 or -ENOMEM. */
int reclaim_open(struct workload_sample *s, struct type *type);
/* o, which is of that class and of a cycle, is dropped by the caller next. */
void reclaim_mark(struct workload_thread *t, struct object *o);

#endif
