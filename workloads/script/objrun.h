/* objrun.h: runs an object script (objscript.h) on the runtime of this program. */
#ifndef HG_WORKLOADS_SCRIPT_OBJRUN_H
#define HG_WORKLOADS_SCRIPT_OBJRUN_H

#include "objscript.h"
#include "gc/heap/heap.h"

struct objrun_type;

struct objrun {
    const struct objscript *script;
    struct runtime *runtime;
    struct object **root; /* [script->roots], registered with the runtime */
    size_t root_bytes;
    struct objrun_type *type; /* node types, one a number of slots */
    size_t type_count, type_bytes;
    uint64_t finalised, callbacks;
    uint64_t finalised_again; /* must stay 0 */
    uint32_t next;            /* step to run */
    int err;                  /* of the step that failed */
};

typedef void objrun_emit(void *arg, const char *stat_line);

/* Maps the table of roots and makes the node types; the collector sees none of it. One at a time. */
int objrun_open(struct objrun *run, struct runtime *r, const struct objscript *script, struct message *m);
/* Runs at most `steps` more steps; 0, or -EINVAL or -ENOMEM with a message. emit is called for each stat. */
int objrun_steps(struct objrun *run, uint32_t steps, objrun_emit *emit, void *arg, struct message *m);
/* Drops every root and clears gc.garbage; returns how many held something or were in it. Nodes may come back
 * to life meanwhile: call it, and a full collection, until both return 0. */
uint32_t objrun_drop(struct objrun *run);
/* After the last instance of every node type is gone. */
void objrun_close(struct objrun *run);

void objrun_stat(struct objrun *run, struct objscript_stat *stat);

#endif
