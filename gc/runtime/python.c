/* python.c: see python.h. 3.12 and 3.13 count what is left of 10,000 levels of C recursion and put objects
 * aside in the last 50 of them (Py_C_RECURSION_LIMIT, Py_TRASHCAN_HEADROOM). */
#include "python.h"

#include <stddef.h>
#include <string.h>

#define C_RECURSION_LEVELS (10000 - 50)

const struct python_rules python_list[] = {
    {.name = "3.11", .gc_threshold = 700, .freelist_tuples = 19, .trash_levels = TRASH_LEVELS_3_11},
    {.name = "3.12",
     .gc_threshold = 700,
     .collects_at_safepoint = true,
     .freelist_tuples = 20,
     .trash_levels = C_RECURSION_LEVELS},
    {.name = "3.13",
     .gc_threshold = 2000,
     .collects_at_safepoint = true,
     .freelist_tuples = 20,
     .weakrefs_wait_in_tuple = true,
     .trash_levels = C_RECURSION_LEVELS},
    {.name = "3.14",
     .gc_threshold = 2000,
     .collects_at_safepoint = true,
     .freelist_tuples = 20,
     .weakrefs_wait_in_tuple = true,
     .dicts_stay_tracked = true},
    {.name = "3.15",
     .gc_threshold = 2000,
     .collects_at_safepoint = true,
     .freelist_tuples = 20,
     .weakrefs_wait_in_tuple = true,
     .dicts_stay_tracked = true,
     .weakrefs_cleared_late = true},
    {.name = NULL},
};

const struct python_rules *python_find(const char *name)
{
    for (const struct python_rules *p = python_list; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}
