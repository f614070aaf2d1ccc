/* instance.c: the data of the instances, which every file of `pools` reads. */
#include "types.h"

#define POOLS_INIT_1(i) [i] = {.slot = (i), .spans = {.dirty_tail = &pools_instances[i].spans.dirty}}
struct pools pools_instances[POOLS_INSTANCES] = {POOLS_INIT_1(0), POOLS_INIT_1(1), POOLS_INIT_1(2),
                                                 POOLS_INIT_1(3), POOLS_INIT_1(4), POOLS_INIT_1(5),
                                                 POOLS_INIT_1(6), POOLS_INIT_1(7)};

struct pools_heap pools_heap_none = {.id = POOLS_ID_NONE};
_Thread_local struct pools_heap *pools_tls[POOLS_INSTANCES] = {[0 ... POOLS_INSTANCES - 1] =
                                                                   &pools_heap_none};

/* pools_class_compute of 16, 32, .. 1024 */
const uint8_t pools_class_table[POOLS_TABLE_MAX / 16 + 1] = {
    0,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 16, 17, 17, 18,
    18, 19, 19, 20, 20, 21, 21, 22, 22, 23, 23, 24, 24, 24, 24, 25, 25, 25, 25, 26, 26, 26,
    26, 27, 27, 27, 27, 28, 28, 28, 28, 29, 29, 29, 29, 30, 30, 30, 30, 31, 31, 31, 31,
};
