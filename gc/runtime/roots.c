/* roots.c: see roots.h. */
#include "state.h"

#include "alloc/base/os.h"

static struct os_account roots_account;

void heap_roots_open(struct roots *roots)
{
    *roots = (struct roots){.count = 0};
    pthread_mutex_init(&roots->mutex, NULL);
}

void heap_roots_close(struct roots *roots)
{
    if (roots->at)
        os_unmap(&roots_account, roots->at, roots->room * sizeof *roots->at);
    pthread_mutex_destroy(&roots->mutex);
    roots->at = NULL;
    roots->count = roots->room = 0;
}

bool roots_are_valid(const struct roots *roots)
{
    if (roots->count > roots->room || (roots->room && !roots->at))
        return false;
    for (size_t i = 0; i < roots->count; i++) {
        if (!roots->at[i].name || !roots->at[i].at)
            return false;
        for (size_t k = 0; k < i; k++)
            if (roots->at[k].at == roots->at[i].at)
                return false;
    }
    return true;
}

/* In the mutex. */
static int roots_grow(struct roots *roots)
{
    size_t room = roots->room ? roots->room * 2 : 256;
    struct root *wider =
        roots->at ? os_remap(&roots_account, roots->at, roots->room * sizeof *wider, room * sizeof *wider)
                  : os_map(&roots_account, room * sizeof *wider, 0, 0);
    if (!wider)
        return -ENOMEM;
    roots->at = wider;
    roots->room = room;
    return 0;
}

int heap_root_add(struct runtime *r, const char *name, struct object **at, size_t count)
{
    struct roots *roots = &r->roots;
    pthread_mutex_lock(&roots->mutex);
    int err = roots->count == roots->room ? roots_grow(roots) : 0;
    if (!err)
        roots->at[roots->count++] = (struct root){name, at, count};
    hg_seed(root_twice, roots->at[roots->count - 1].at = roots->at[0].at);
    hg_assert_whole(roots_are_valid(roots));
    pthread_mutex_unlock(&roots->mutex);
    return err;
}

void heap_root_remove(struct runtime *r, struct object **at)
{
    struct roots *roots = &r->roots;
    pthread_mutex_lock(&roots->mutex);
    for (size_t i = 0; i < roots->count; i++) {
        if (roots->at[i].at == at) {
            roots->at[i] = roots->at[--roots->count];
            break;
        }
    }
    hg_assert_whole(roots_are_valid(roots));
    pthread_mutex_unlock(&roots->mutex);
}
