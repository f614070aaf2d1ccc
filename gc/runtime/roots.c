/* roots.c: the places outside the heap that hold references (heap.h). */
#include "gc/heap/heap.h"

#include "alloc/base/os.h"

static struct os_account roots_account;

int heap_root_add(struct runtime *r, const char *name, struct object **at, size_t count)
{
    int err = 0;
    pthread_mutex_lock(&r->threads_mutex);
    if (r->roots == r->roots_room) {
        size_t room = r->roots_room ? r->roots_room * 2 : 256;
        struct root *more =
            r->root ? os_remap(&roots_account, r->root, r->roots_room * sizeof *more, room * sizeof *more)
                    : os_map(&roots_account, room * sizeof *more, 0, 0);
        if (more) {
            r->root = more;
            r->roots_room = room;
        } else {
            err = -ENOMEM;
        }
    }
    if (!err)
        r->root[r->roots++] = (struct root){name, at, count};
    pthread_mutex_unlock(&r->threads_mutex);
    return err;
}

void heap_root_remove(struct runtime *r, struct object **at)
{
    pthread_mutex_lock(&r->threads_mutex);
    for (size_t i = 0; i < r->roots; i++) {
        if (r->root[i].at == at) {
            r->root[i] = r->root[--r->roots];
            break;
        }
    }
    pthread_mutex_unlock(&r->threads_mutex);
}

void heap_roots_close(struct runtime *r)
{
    if (r->root)
        os_unmap(&roots_account, r->root, r->roots_room * sizeof *r->root);
    r->root = NULL;
    r->roots = r->roots_room = 0;
}
