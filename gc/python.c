/* python.c: see python.h. 3.14 is 3.14.5 and later; 3.14.0 to .4 had the incremental collector. PEP 848's is
 * written on top of 3.15. 3.12 and 3.13 count what is left of 10,000 levels of C recursion and put objects
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
#define WITH_GIL .weakref_extra_bytes = 8, .gc = "generational"
#define CLASSIC WITH_GIL, .collectors = "generational none"
#define FREE_THREADED .weakref_extra_bytes = 16, .rc = "biased", .gc = "stw", .collectors = "stw none"

const struct python_rules python_list[] = {
    {.name = "3.11", CLASSIC, .rc = "gil", .gc_threshold = 700, .str_extra_bytes = 8, .freelist_tuples = 19, .trash_levels = TRASH_LEVELS_3_11},
    {.name = "3.12", SINCE_3_12, CLASSIC, .rc = "gil:immortal=3.12", .gc_threshold = 700, .trash_levels = C_RECURSION_LEVELS},
    {.name = "3.13", SINCE_3_13, CLASSIC, .rc = "gil:immortal=3.12", .trash_levels = C_RECURSION_LEVELS},
    {.name = "3.14.0", SINCE_3_14, .weakref_extra_bytes = 8, .rc = "gil:immortal=3.14", .gc = "incremental", .collectors = "incremental none"},
    {.name = "3.14", SINCE_3_14, CLASSIC, .rc = "gil:immortal=3.14"},
    {.name = "3.15", SINCE_3_15, WITH_GIL, .rc = "gil:immortal=3.14", .collectors = "generational none pep848"},
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

bool python_has_collector(const struct python_rules *python, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = python->collectors; (at = strstr(at, name)); at += n)
        if ((at == python->collectors || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}
