/* roots.h: the places outside the heap that hold references, which workloads register: they stand for module
 * globals, builtins and thread stacks. Walked by the heap checker, the census, and collectors that mark. */
#ifndef HG_GC_RUNTIME_ROOTS_H
#define HG_GC_RUNTIME_ROOTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct object;
struct runtime;

struct root {
    const char *name;
    struct object **at;
    size_t count;
};

struct roots {
    pthread_mutex_t mutex; /* guards all of it; walks hold it too */
    struct root *at;
    size_t count, room;
};

/* at[0..count) hold references or NULL until removed. name is for people (not copied). 0 or -ENOMEM. */
int heap_root_add(struct runtime *r, const char *name, struct object **at, size_t count);
void heap_root_remove(struct runtime *r, struct object **at);

/* Every root has a name and a place of its own. In the mutex, or where nobody else can add one. */
bool roots_are_valid(const struct roots *roots);

void heap_roots_open(struct roots *roots);
void heap_roots_close(struct roots *roots);

#endif
