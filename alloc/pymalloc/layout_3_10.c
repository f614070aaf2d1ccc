/* layout_3_10.c: pymalloc's core for CPython 3.10 and later: 16 KiB pools in 1 MiB arenas, radix map. 3.15 maps
 * arenas otherwise (pymalloc.c). */
#define CORE_NAME       pymalloc_3_10
#define CORE_TITLE      "3.10"
#define CORE_POOL_BITS  14
#define CORE_ARENA_BITS 20
#define CORE_MAP        1
#include "core.h"
