/* layout_3_9.c: pymalloc's core for CPython 3.9: 4 KiB pools in 256 KiB arenas, ownership by arena index. */
#define CORE_NAME       pymalloc_3_9
#define CORE_TITLE      "3.9"
#define CORE_POOL_BITS  12
#define CORE_ARENA_BITS 18
#define CORE_MAP        0
#include "core.h"
