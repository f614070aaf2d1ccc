/* shim.h: what shim.c (the calls), names.c (others of them), info.c (what programs ask of malloc) and process.c (environment, snapshots) share. */
#ifndef HG_ALLOC_SHIM_SHIM_H
#define HG_ALLOC_SHIM_SHIM_H

#include "alloc/spec.h"

/* The value of a variable, also before the C library has set up environ; empty when there is none, or it is
 * too long. */
void shim_environment(const char *name, char *out, size_t size);

/* Ends the program: a message and status 2. */
_Noreturn void shim_refuse(const char *why);

/* The layer to ask, or NULL while the shim is being opened. */
const struct alloc *shim_outermost(void);
/* The innermost layer is the C library's own allocator. */
bool shim_on_libc(void);

/* After opening: reads where snapshots go. */
void shim_snapshot_open(const struct alloc_stack *stack);
void shim_snapshot_last(void);     /* at exit */
void shim_snapshot_numbered(void); /* after the signal, in a thread that allocates */
void shim_want_snapshot(void);     /* from the signal's handler */

#endif
