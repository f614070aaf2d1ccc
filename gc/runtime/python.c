/* python.c: see python.h. 3.12 and 3.13 count what is left of 10,000 levels of C recursion and put objects
 * aside in the last 50 of them (Py_C_RECURSION_LIMIT, Py_TRASHCAN_HEADROOM). */
#include "python.h"

#include <stddef.h>
#include <string.h>

#define C_RECURSION_LEVELS (10000 - 50)

/* clang-format off */
#define SINCE_3_12 .weaklist_extra_bytes = 8, .collects_at_safepoint = true, .freelist_tuples = 20
#define SINCE_3_13 SINCE_3_12, .gc_threshold = 2000, .weakrefs_wait_in_tuple = true
#define SINCE_3_14 SINCE_3_13, .tuple_extra_bytes = 8, .dicts_stay_tracked = true
#define SINCE_3_15 SINCE_3_14, .weakrefs_cleared_late = true
#define WITH_GIL .weakref_extra_bytes = 8
#define FREE_THREADED .free_threaded = true, .weakref_extra_bytes = 16

const struct python_rules python_list[] = {
    {.name = "3.11", .gc_threshold = 700, WITH_GIL, .str_extra_bytes = 8, .freelist_tuples = 19, .trash_levels = TRASH_LEVELS_3_11},
    {.name = "3.12", SINCE_3_12, WITH_GIL, .gc_threshold = 700, .trash_levels = C_RECURSION_LEVELS},
    {.name = "3.13", SINCE_3_13, WITH_GIL, .trash_levels = C_RECURSION_LEVELS},
    {.name = "3.14", SINCE_3_14, WITH_GIL},
    {.name = "3.15", SINCE_3_15, WITH_GIL},
    {.name = "3.14t", SINCE_3_14, FREE_THREADED},
    {.name = "3.15t", SINCE_3_15, FREE_THREADED},
    {.name = NULL},
};
/* clang-format on */

const struct python_rules *python_find(const char *name)
{
    for (const struct python_rules *p = python_list; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}
