/* style.c: see style.h. */
#include "style.h"

#include <stddef.h>
#include <string.h>

/* The first row whose word the allocator's text contains, from the innermost name out:
 * "preload:/usr/lib/libjemalloc.so.2" is jemalloc, "locked(pymalloc)" is pymalloc with another dash. */
static const struct {
    const char *word;
    unsigned colour, marker, dash;
} looks[] = {
    {"system", 0x000000, 7, 1},    {"pymalloc", 0x0072B2, 5, 1},  {"cpython", 0x0072B2, 4, 2},
    {"pools", 0x009E73, 9, 1},     {"jemalloc", 0xE69F00, 11, 1}, {"tcmalloc", 0xD55E00, 13, 1},
    {"tbbmalloc", 0xCC79A7, 8, 1}, {"mimalloc", 0x56B4E9, 15, 1}, {"bump", 0x999999, 2, 3},
    {"null", 0x999999, 1, 4},
};
#define LOOKS (sizeof looks / sizeof *looks)

struct report_style report_style_of(const char *alloc)
{
    size_t size = strcspn(alloc, "{"); /* what braces hold is no allocator's name */
    for (size_t i = 0; i < LOOKS; i++) {
        if (!memmem(alloc, size, looks[i].word, strlen(looks[i].word)))
            continue;
        struct report_style s = {(unsigned)(2 * i), looks[i].colour, looks[i].marker, looks[i].dash};
        if (memchr(alloc, '(', size)) { /* a wrapper stands beside what it wraps */
            s.order++;
            s.dash = 2;
        }
        return s;
    }
    return (struct report_style){2 * LOOKS, 0x666666, 6, 1};
}

struct report_style report_style_of_cell(const char *alloc, const char *rc, const char *gc)
{
    struct report_style s = report_style_of(alloc);
    if (strcmp(rc, "atomic") == 0)
        s.dash = 2;
    else if (strcmp(rc, "biased") == 0)
        s.dash = 4;
    else if (strcmp(rc, "objlock") == 0)
        s.dash = 3;
    if (strcmp(rc, "none") != 0 && strcmp(gc, "none") == 0)
        s.marker = 6; /* open: no collector */
    return s;
}
