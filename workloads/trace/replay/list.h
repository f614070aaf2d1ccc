/* list.h: a growing list in memory of the harness's own. */
#ifndef HG_WORKLOADS_TRACE_REPLAY_LIST_H
#define HG_WORKLOADS_TRACE_REPLAY_LIST_H

#include <stddef.h>
#include <stdint.h>

struct replay_list {
    void *at;
    uint64_t count, capacity; /* items */
    size_t item_bytes;
};

int replay_list_add(struct replay_list *list, const void *item); /* 0 or -ENOMEM */
/* Room for so many at least, faulted in: up to that the list takes no more memory when it grows. */
int replay_list_reserve(struct replay_list *list, uint64_t capacity);
void replay_list_free(struct replay_list *list);

/* An item that was added. */
static inline void *replay_list_item(const struct replay_list *list, uint64_t index)
{
    if (index >= list->count || !list->at)
        __builtin_unreachable();
    return (char *)list->at + index * list->item_bytes;
}

#endif
