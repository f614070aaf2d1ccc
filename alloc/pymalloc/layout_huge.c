/* layout_huge.c: pymalloc's core for 3.15 with huge pages: 16 KiB pools in 2 MiB arenas, radix map. */
#define CORE_NAME       pymalloc_huge
#define CORE_TITLE      "3.10+hugepages"
#define CORE_POOL_BITS  14
#define CORE_ARENA_BITS 21
#define CORE_MAP        1
#include "core.h"
