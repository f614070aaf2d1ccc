/* touch.h: which bytes of a new block a workload writes. An allocator that hands out memory which nobody
 * touches is not charged for its pages; the parameter `touch` decides. Values are the order of its choices in
 * list.h. */
#ifndef HG_WORKLOADS_ALLOC_TOUCH_H
#define HG_WORKLOADS_ALLOC_TOUCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum touch { TOUCH_NONE, TOUCH_FIRST, TOUCH_PAGE, TOUCH_ALL };
#define TOUCH_CHOICES    "none|first|page|all"
#define TOUCH_PAGE_BYTES 4096

static inline void touch_block(void *block, size_t size, uint64_t touch, uint8_t tag)
{
    unsigned char *bytes = block;
    switch (touch) {
    case TOUCH_NONE:
        return;
    case TOUCH_FIRST:
        if (size)
            bytes[0] = tag;
        return;
    case TOUCH_PAGE:
        for (size_t i = 0; i < size; i += TOUCH_PAGE_BYTES)
            bytes[i] = tag;
        return;
    default:
        memset(block, tag, size);
    }
}

#endif
