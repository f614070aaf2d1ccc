/* layout_3_10.c: pymalloc's core for CPython 3.10 and later: 16 KiB pools in 1 MiB arenas, radix map. */
#define CORE_NAME       pymalloc_3_10
#define CORE_TITLE      "3.10"
#define CORE_POOL_BITS  14
#define CORE_ARENA_BITS 20
#define CORE_MAP        1
#define CORE_MAP_FLAGS  0
#include "core.h"
