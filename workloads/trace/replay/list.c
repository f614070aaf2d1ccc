/* list.c: see list.h. */
#include "list.h"

#include "alloc/base/os.h"

#include <errno.h>
#include <string.h>

#define LIST_FIRST 1024u

static int list_grow(struct replay_list *list, uint64_t capacity)
{
    size_t bytes = capacity * list->item_bytes;
    void *more = list->at ? os_remap(&os_harness, list->at, list->capacity * list->item_bytes, bytes)
                          : os_map(&os_harness, bytes, 0, 0);
    if (!more)
        return -ENOMEM;
    list->at = more;
    list->capacity = capacity;
    return 0;
}

int replay_list_add(struct replay_list *list, const void *item)
{
    if (list->count == list->capacity) {
        int err = list_grow(list, list->capacity ? list->capacity * 2 : LIST_FIRST);
        if (err)
            return err;
    }
    memcpy((char *)list->at + list->count++ * list->item_bytes, item, list->item_bytes);
    return 0;
}

int replay_list_reserve(struct replay_list *list, uint64_t capacity)
{
    int err = list->capacity < capacity ? list_grow(list, capacity) : 0;
    if (!err && list->at)
        os_populate(&os_harness, list->at, list->capacity * list->item_bytes);
    return err;
}

void replay_list_free(struct replay_list *list)
{
    if (list->at)
        os_unmap(&os_harness, list->at, list->capacity * list->item_bytes);
    list->at = NULL;
    list->count = list->capacity = 0;
}
