/* symbol.h: turns return addresses into function, file and line. symbol.c is the only file that includes
 * libdw (elfutils). Not for any hot path: opening debug information takes milliseconds and memory of
 * malloc's.
 *
 * In the shim, which goes into other people's programs, there is no libdw (shim/symbol.c): the command is
 * started to look up what debug() reports, and else there is what the dynamic loader knows, function and
 * object. Snapshots are symbolised by the command afterwards. */
#ifndef HG_ALLOC_TRACER_SYMBOL_H
#define HG_ALLOC_TRACER_SYMBOL_H

#include <stdint.h>
#include <stdio.h>

/* Texts are NULL where unknown, live as long as the symbols do (in the shim: until the next look-up), and
 * equal texts may have different addresses. */
struct symbol {
    const char *function, *file, *object;
    unsigned line;    /* 0: unknown */
    uintptr_t offset; /* of the address in its object, as addr2line takes it */
};

struct symbols; /* what is mapped where in one process */

/* Of this process, as it is mapped now. NULL without memory. */
struct symbols *symbols_of_self(void);
/* Of another: maps is the text of its /proc/PID/maps. -EINVAL when it is not one. */
int symbols_of_maps(struct symbols **out, FILE *maps);
void symbols_close(struct symbols *s);

/* What the dynamic loader knows, with no memory of its own: the object that an address of this process is in
 * (NULL: none) and its offset there, as symbols_find gives it. */
void symbol_object(const void *return_address, const char **object, uintptr_t *offset);

/* Looks a return address up: the line of the call, not of what follows it. */
void symbols_find(struct symbols *s, const void *return_address, struct symbol *out);

#endif
