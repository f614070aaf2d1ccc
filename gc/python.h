/* python.h: which CPython the runtime is: the rules that differ between versions and that no collector's own
 * code holds. Chosen when the runtime is opened and constant from then on.
 *
 * Each rule was found, and is checked, beside real interpreters: tests/conformance, docs/cpython.md. */
#ifndef HG_GC_PYTHON_H
#define HG_GC_PYTHON_H

#include <stdbool.h>
#include <stdint.h>

struct python_rules {
    const char *name;           /* as --python takes it */
    const char *rc, *gc;        /* its policy and collector, as --rc and --gc take them */
    const char *collectors;     /* that it may have: names with blanks between */
    int64_t gc_threshold;       /* of the youngest generation */
    bool collects_at_safepoint; /* the allocation asks for a collection, the evaluation loop runs it (3.12) */
    /* What objects have beside their fields here: a str its wide copy (3.11), a tuple its hash (3.14), an
     * instance that can be referenced weakly the second word before its head (3.12), a weak reference its
     * vectorcall and its lock (free-threaded). */
    uint8_t str_extra_bytes, tuple_extra_bytes, weaklist_extra_bytes, weakref_extra_bytes;
    /* Tuples of 1 .. this many items come from free lists. 3.11 keeps dead 20-tuples too, and never takes
     * them out again. */
    uint32_t freelist_tuples;
    /* A single weak reference with a callback waits in a tuple for its call, as several do (3.13). */
    bool weakrefs_wait_in_tuple;
    /* A dict is tracked when it is made, and no collection untracks it (3.14, GH-127010). */
    bool dicts_stay_tracked;
    /* A collection clears weak references without a callback, and those that are garbage, after the
     * finalisers, for what is still garbage (3.15). */
    bool weakrefs_cleared_late;
    /* From how many nested deallocations on a container is put aside. 0: when the C stack is nearly used up
     * (3.14: the stack pointer's margin). */
    int32_t trash_levels;
};
#define TRASH_LEVELS_3_11 50 /* the one depth that any stack has room for */

extern const struct python_rules python_list[]; /* ends with a NULL name; the first is the default */

/* NULL: there is none of that name. */
const struct python_rules *python_find(const char *name);
bool python_has_collector(const struct python_rules *python, const char *name);

#endif
