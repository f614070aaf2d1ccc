/* advice.h: what the kernel notes of a mapping: the flags in /proc/self/smaps. */
#ifndef HG_TESTS_UNIT_ADVICE_H
#define HG_TESTS_UNIT_ADVICE_H

#include "alloc/base/os.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Is this two-letter flag on the mapping that p lies in? */
static inline bool advice_flag(const void *p, const char *flag)
{
    char line[512], word[8];
    bool inside = false, found = false;
    unsigned long begin, end;
    snprintf(word, sizeof word, " %s ", flag);
    FILE *f = fopen("/proc/self/smaps", "r");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            inside = (uintptr_t)p >= begin && (uintptr_t)p < end;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, word);
    }
    if (f)
        fclose(f);
    return found;
}

/* Huge pages have been advised. */
static inline bool advice_of(const void *p)
{
    return advice_flag(p, "hg");
}

/* On reserved huge pages, which need no advice. */
static inline bool advice_is_reserved(const void *p)
{
    return advice_flag(p, "ht");
}

/* false: a kernel without huge pages, or whose smaps has no flags. */
static inline bool advice_is_kept(void)
{
    void *p = os_map(&os_harness, 1 << 20, 0, OS_THP);
    bool kept = p && advice_of(p);
    if (p)
        os_unmap(&os_harness, p, 1 << 20);
    return kept;
}

#endif
